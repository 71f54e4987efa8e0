/** What a block is: rows of one signal as sections, each a unit of reading. docs/storage.md is its manual. */
import { AppError, isAppError, messageOf } from '../../base/errors.ts';
import { ByteReader, type ByteWriter, TAIL_SIZE_BYTES, tailStartOf } from './byte-stream.ts';

/** Stored in files: append only. */
export const SIGNAL = { spans: 0, logs: 1, points: 2, profiles: 3 } as const;
export type SignalNumber = (typeof SIGNAL)[keyof typeof SIGNAL];

/** Kinds of sections; a section's key is block_id × 16 + kind. Append only. */
export const SECTION = {
  /** Strings, resources and scopes of `core`. */
  dictionary: 0,
  ids: 1,
  core: 2,
  attributeTexts: 3,
  attributes: 4,
  events: 5,
  links: 6,
  bodyTexts: 7,
  bodies: 8,
  series: 9,
  buckets: 10,
  exemplars: 11,
  /** A request's body as it came. */
  raw: 12,
} as const;
export type SectionNumber = (typeof SECTION)[keyof typeof SECTION];
export const SECTIONS_PER_BLOCK = 16;

/** The section that no block of a signal is without. */
export function mainSectionOf(signal: SignalNumber): SectionNumber {
  return signal === SIGNAL.profiles ? SECTION.raw : SECTION.core;
}

export interface RawSection {
  readonly kind: SectionNumber;
  /** Before compression, tail included. */
  readonly bytes: Uint8Array;
}

export interface EncodedBlock {
  readonly signal: SignalNumber;
  readonly rowCount: number;
  readonly minUs: number;
  readonly maxUs: number;
  readonly services: readonly string[];
  /** Operations of spans, names of metrics; empty for logs. */
  readonly names: readonly string[];
  /** Ascending, 44 bits each; see trace-order.ts. */
  readonly traceHashes: Float64Array;
  readonly sections: readonly RawSection[];
}

/** Unpacked bytes of a section, or undefined when the block has no such section. */
export type SectionSource = (kind: SectionNumber) => Uint8Array | undefined;

export function openSection(source: SectionSource, kind: SectionNumber): ByteReader {
  return ByteReader.ofSection(bytesOf(source, kind));
}

/** A section that is nothing but a tail. */
export function openTail(source: SectionSource, kind: SectionNumber): ByteReader {
  const bytes = bytesOf(source, kind);
  return new ByteReader(bytes.subarray(tailStartOf(bytes), bytes.length - TAIL_SIZE_BYTES));
}

function bytesOf(source: SectionSource, kind: SectionNumber): Uint8Array {
  const bytes = source(kind);
  if (!bytes) throw new AppError('store.corrupt', `section ${kind} is missing`);
  return bytes;
}

export function rawSection(kind: SectionNumber, writer: ByteWriter): RawSection {
  return { kind, bytes: writer.section() };
}

/** Bytes that no compressor makes smaller: all of them are the section's tail. */
export function tailSection(kind: SectionNumber, writer: ByteWriter): RawSection {
  writer.u32(writer.size);
  return { kind, bytes: writer.bytes() };
}

/** Runs a decoder; what it stumbles over becomes `store.corrupt` that names the place. */
export function decodeAt<T>(place: string, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (isAppError(error) && error.code !== 'store.corrupt') throw error;
    throw new AppError('store.corrupt', `Cannot read ${place}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
