/** What a sound row of the smaller tables is; checks and repairs ask the same. */
import zlib from 'node:zlib';
import { SIGNALS, type Signal } from '../../model/vocabulary.ts';
import { decodeTallies, decodeTemplateTallies } from './tally-blob.ts';

export const TALLY_TABLES = ['tallies', 'template_tallies'] as const;
/** Where the keys stand that a table's blobs name. */
export const KEYS_OF = {
  tallies: 'endpoint_key FROM endpoints',
  template_tallies: 'template_key FROM template_keys',
} as const;

export interface TallyRow {
  readonly id: number;
  readonly minuteUs: number;
  readonly checksum: number;
  readonly bytes: Uint8Array;
}

export function isSoundTally(
  table: (typeof TALLY_TABLES)[number],
  { checksum, bytes }: TallyRow,
  keys: ReadonlySet<number>,
): boolean {
  if (!hasChecksum(checksum, bytes)) return false;
  return isDecodable(() => {
    if (table === 'template_tallies')
      return decodeTemplateTallies(bytes).every(({ templateKey }) => keys.has(templateKey));
    const { whole, slices } = decodeTallies(bytes, { slices: true });
    return [...whole, ...slices].every(({ endpointKey }) => keys.has(endpointKey));
  });
}

export function hasChecksum(checksum: unknown, bytes: unknown): boolean {
  return bytes instanceof Uint8Array && zlib.crc32(bytes) === checksum;
}

/** False also when the decoder gets through and says no. */
export function isDecodable(decode: () => unknown): boolean {
  try {
    return decode() !== false;
  } catch {
    return false;
  }
}

/** The signals of OTLP have the order of the blocks'; undefined for a number that is none. */
export function signalName(signal: number): Signal | undefined {
  return SIGNALS[signal];
}
