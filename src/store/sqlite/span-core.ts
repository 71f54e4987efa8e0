/**
 * The core of a span block as it stands in its sections: runs of rows of one trace, variants of the fields that repeat
 * together, and the columns of times. Queries look at these directly; decodeSpanBlock() lays them out by row.
 */
import { openSection, SECTION, type SectionSource } from './block.ts';
import { readNumbers, readUints, skipNumbers, skipUints } from './column-codec.ts';
import { readVariants } from './variants.ts';

/** Fields of a span's variant, in file order. Append only. */
export const SPAN_FIELD = {
  name: 0,
  kind: 1,
  statusCode: 2,
  flags: 3,
  statusMessage: 4,
  traceState: 5,
  resource: 6,
  scope: 7,
  droppedAttributesCount: 8,
  droppedEventsCount: 9,
  droppedLinksCount: 10,
  stage: 11,
  infra: 12,
  isError: 13,
  service: 14,
  errorType: 15,
  target: 16,
} as const;
export const SPAN_FIELD_COUNT = Object.keys(SPAN_FIELD).length;

/** Ids of texts are those of the dictionary section. */
export class SpanCore {
  readonly rowCount: number;
  /** Rows of run r: [runStarts[r], runStarts[r + 1]). */
  readonly runStarts: Uint32Array;
  /** Value of each variant, by field. */
  readonly fields: readonly Uint32Array[];
  /** Variant of each row. */
  readonly variants: Uint32Array;
  /** How each row names its parent: see REFERENCE in id-codec.ts. */
  readonly parents: Uint32Array;
  readonly durationNs: Float64Array;
  readonly #readStartUs: () => Float64Array;
  #startUs: Float64Array | undefined;

  /** Without ids and the nanoseconds of start times. */
  constructor(source: SectionSource, rowCount: number) {
    const reader = openSection(source, SECTION.core);
    const lengths = readUints(reader, reader.count(rowCount));
    const runStarts = new Uint32Array(lengths.length + 1);
    for (let run = 0; run < lengths.length; run++) {
      runStarts[run + 1] = runStarts[run]! + lengths[run]!;
    }
    if (runStarts.at(-1) !== rowCount) {
      throw new RangeError('traces have other rows than the block');
    }
    this.rowCount = rowCount;
    this.runStarts = runStarts;
    this.parents = readUints(reader, rowCount);
    const { fields, indexes } = readVariants(reader, { fieldCount: SPAN_FIELD_COUNT, rowCount });
    this.fields = fields;
    this.variants = indexes;
    const start = { at: reader.at, tailAt: reader.tail.at };
    this.#readStartUs = () => {
      reader.at = start.at;
      reader.tail.at = start.tailAt;
      return readNumbers(reader, rowCount);
    };
    skipNumbers(reader, rowCount);
    skipUints(reader, rowCount); // startNs
    this.durationNs = readNumbers(reader, rowCount);
  }

  /** Read when it is first asked for: a window that holds the whole block needs no time of a row. */
  get startUs(): Float64Array {
    this.#startUs ??= this.#readStartUs();
    return this.#startUs;
  }
}
