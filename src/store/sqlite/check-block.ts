/**
 * Reads a block whole, every section of it, and derives the header that it must have. For checks and repairs:
 * a header has no checksum of its own.
 */
import { LIMITS } from '../../base/limits.ts';
import { LogColumns, PointColumns, SpanColumns } from '../../model/columns.ts';
import { StringDictionary } from '../../model/dictionary.ts';
import {
  type EncodedBlock,
  openSection,
  SECTION,
  type SectionNumber,
  type SectionSource,
  SIGNAL,
  type SignalNumber,
} from './block.ts';
import { readUints } from './column-codec.ts';
import { decodeLogBlock, encodeLogBlock } from './log-block.ts';
import { decodePointBlock, encodePointBlock } from './point-block.ts';
import { decodeProfileBlock, encodeProfileBlock } from './profile-block.ts';
import { decodeSpanBlock, encodeSpanBlock } from './span-block.ts';
import { readVariants } from './variants.ts';

export type DerivedHeader = Omit<EncodedBlock, 'sections'>;

/** Throws what the decoder stumbles over. */
export function deriveHeader(
  source: SectionSource,
  block: { readonly signal: SignalNumber; readonly rowCount: number },
): DerivedHeader {
  const { sections: _, ...header } = ENCODE_AGAIN[block.signal](source, block.rowCount);
  return header;
}

const ENCODE_AGAIN: Readonly<
  Record<SignalNumber, (source: SectionSource, rowCount: number) => EncodedBlock>
> = {
  [SIGNAL.spans]: (source, rowCount) => {
    const columns = new SpanColumns(new StringDictionary());
    const sections = ['attributes', 'events', 'links'] as const;
    decodeSpanBlock(columns, { rowCount, source, sections });
    return encodeSpanBlock(columns, allRows(rowCount));
  },
  [SIGNAL.logs]: (source, rowCount) => {
    const columns = new LogColumns(new StringDictionary());
    decodeLogBlock(columns, { rowCount, source, sections: ['bodies', 'attributes'] });
    return encodeLogBlock(columns, allRows(rowCount));
  },
  [SIGNAL.points]: (source, rowCount) => {
    const columns = new PointColumns(new StringDictionary());
    const sections = ['points', 'buckets', 'exemplars'] as const;
    decodePointBlock(columns, { rowCount, source, sections });
    return encodePointBlock(columns, allRows(rowCount));
  },
  [SIGNAL.profiles]: (source) => encodeProfileBlock(decodeProfileBlock(source)),
};

/**
 * The header of a block whose own is lost, from its sections alone; undefined when they do not tell. Spans, logs
 * and profiles say how many rows they have; points do so only by the bytes that so many of them need.
 */
export function tryRecoverHeader(
  kinds: ReadonlySet<number>,
  source: SectionSource,
): DerivedHeader | undefined {
  try {
    const unpacked = unpackAll(kinds, source);
    const signal = signalOf(kinds);
    if (signal === SIGNAL.points) return tryRecoverPoints(unpacked);
    const rowCount = signal === SIGNAL.profiles ? 0 : rowsOfRuns(unpacked);
    return deriveHeader(unpacked, { signal, rowCount });
  } catch {
    return undefined; // a section is damaged, too
  }
}

/** Each section once, however often it is asked for. Throws when one of them is damaged. */
function unpackAll(kinds: ReadonlySet<number>, source: SectionSource): SectionSource {
  const sections = new Map([...kinds].map((kind) => [kind, source(kind as SectionNumber)])); // as stored
  return (kind) => sections.get(kind);
}

/** The core of spans and logs begins with the rows of each trace. */
function rowsOfRuns(source: SectionSource): number {
  const core = openSection(source, SECTION.core);
  return readUints(core, core.count(LIMITS.blockRowsMax)).reduce((sum, rows) => sum + rows, 0);
}

/** The most points that the sections have bytes for; fewer would leave bytes over. */
function tryRecoverPoints(source: SectionSource): DerivedHeader | undefined {
  const derived = (rowCount: number) => {
    try {
      assertMayHold(source, rowCount);
      return deriveHeader(source, { signal: SIGNAL.points, rowCount });
    } catch {
      return undefined; // not this many
    }
  };
  // A point takes a byte at least, unless all are equal: then any number of them fits.
  const rowsMax = Math.min(LIMITS.blockRowsMax, source(SECTION.core)?.length ?? 0);
  if (derived(rowsMax + 1)) return undefined;
  for (let rowCount = rowsMax; rowCount > 0; rowCount--) {
    const header = derived(rowCount);
    if (header) return header;
  }
  return undefined;
}

/**
 * The core of points begins with series and variants: nearly every wrong number of rows fails here, at a hundredth
 * of the cost of a whole block.
 */
function assertMayHold(source: SectionSource, rowCount: number): void {
  const core = openSection(source, SECTION.core);
  readUints(core, rowCount);
  readVariants(core, { fieldCount: 2, rowCount });
}

function signalOf(kinds: ReadonlySet<number>): SignalNumber {
  const holds = (kind: SectionNumber) => kinds.has(kind);
  if (holds(SECTION.raw)) return SIGNAL.profiles;
  if (holds(SECTION.series)) return SIGNAL.points;
  return holds(SECTION.bodies) ? SIGNAL.logs : SIGNAL.spans;
}

function allRows(count: number): Uint32Array {
  return Uint32Array.from({ length: count }, (_, row) => row);
}
