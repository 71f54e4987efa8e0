/**
 * One span's or record's best value per field while its attributes are read. Parallel arrays that are
 * reset by what was touched, so that a span with three known keys costs three steps.
 */
import { type CanonicalName, FIELDS } from './fields.ts';

/** Worse than any rank. */
const NONE = 0x7fffffff;

/** Parts of a mark. */
const MARK = { type: 7, sourceShift: 3, source: 7, asSent: 64 } as const;

/** What the presence of a field says, as bits. */
export const SIGN = { bot: 1, call: 2, failure: 4, httpStatus: 8 } as const;

/** Fields that tell what a span calls or serves. */
const CALL_FIELDS: ReadonlySet<CanonicalName> = new Set<CanonicalName>([
  ...(['~dbSystem', '~dbName', '~mqSystem', '~mqDestination', '~rpcSystem'] as const),
  ...(['~rpcService', '~peerService', '~host', '~port', '~url', '~path', '~route'] as const),
  ...(['~httpMethod', '~dnsName'] as const),
]);
/** Fields whose presence alone says that a span failed. */
const FAILURE_FIELDS: ReadonlySet<CanonicalName> = new Set<CanonicalName>([
  ...(['~error', '~loopStatus', '~executeStatus', 'coze.error.code'] as const),
]);
const SIGNS = Uint8Array.from(FIELDS, signsOf);

function signsOf(field: (typeof FIELDS)[number]): number {
  const { canonical } = field;
  return (
    ('isBotSign' in field ? SIGN.bot : 0) |
    (CALL_FIELDS.has(canonical) ? SIGN.call : 0) |
    (FAILURE_FIELDS.has(canonical) ? SIGN.failure : 0) |
    (canonical === 'http.response.status_code' ? SIGN.httpStatus : 0)
  );
}

export class FieldSlots {
  /** Fields that hold a value, in order of arrival. */
  readonly touched = new Uint8Array(FIELDS.length);
  touchedCount = 0;
  /** Bits of SIGN of the fields that hold a value. */
  signs = 0;
  readonly values = new Float64Array(FIELDS.length);
  /** Type, source and isAsSent of each value in one number: one store instead of three. */
  readonly #marks = new Uint8Array(FIELDS.length);
  readonly ranks = new Int32Array(FIELDS.length).fill(NONE);

  reset(): void {
    for (let index = 0; index < this.touchedCount; index++) this.ranks[this.touched[index]!] = NONE;
    this.touchedCount = 0;
    this.signs = 0;
  }

  has(field: number): boolean {
    return this.ranks[field]! !== NONE;
  }

  /** True when a value of this rank would win. */
  wants(field: number, rank: number): boolean {
    return rank < this.ranks[field]!;
  }

  /** Positional, because an object per attribute would cost more than the rest of the row. */
  put(
    field: number,
    rank: number,
    type: number,
    value: number,
    source: number,
    isAsSent: boolean,
  ): void {
    if (this.ranks[field] === NONE) {
      this.touched[this.touchedCount++] = field;
      this.signs |= SIGNS[field]!;
    }
    this.ranks[field] = rank;
    this.values[field] = value;
    this.#marks[field] = type | (source << MARK.sourceShift) | (isAsSent ? MARK.asSent : 0);
  }

  typeOf(field: number): number {
    return this.#marks[field]! & MARK.type;
  }

  sourceOf(field: number): number {
    return (this.#marks[field]! >> MARK.sourceShift) & MARK.source;
  }

  /** True when the value already stands under its canonical key, in its canonical type, where it belongs. */
  isAsSent(field: number): boolean {
    return (this.#marks[field]! & MARK.asSent) !== 0;
  }

  /** Value of a field, or 0. String id for text fields. */
  valueOf(field: number): number {
    return this.ranks[field] === NONE ? 0 : this.values[field]!;
  }

  numberOf(field: number): number {
    return this.ranks[field] === NONE ? Number.NaN : this.values[field]!;
  }
}
