/**
 * Order of rows inside a block: by trace, then time. Also the 44-bit hash of a trace id that the trace index
 * stands on: two ids in a million traces share one with a chance of 3 %, and the reader compares the whole id.
 */

const TWO_32 = 0x1_0000_0000;
export const TRACE_ID_BYTES = 16;
/** Buckets of the trace index: the upper 8 of the 44 bits. */
export const TRACE_BUCKET_DIVISOR = 2 ** 36;

/** FNV-1a over the 16 bytes in two flavours: 32 low bits and 12 high bits. */
export function traceHash(bytes: Uint8Array, offset = 0): number {
  let low = 0x811c9dc5;
  let high = 0x9e3779b9;
  for (let index = offset; index < offset + TRACE_ID_BYTES; index++) {
    const byte = bytes[index]!;
    low = Math.imul(low ^ byte, 0x01000193);
    high = Math.imul(high ^ byte, 0x85ebca6b);
    high ^= high >>> 13;
  }
  return ((high >>> 20) & 0xfff) * TWO_32 + (low >>> 0);
}

interface TracedRows {
  readonly traceId: Uint8Array;
  readonly timeUs: Float64Array;
}

/**
 * `rows` by trace, then time, then as they came. Hot: a native sort of numbers that hold the hash's upper bits
 * and the position, then a small sort inside each trace; a comparator over all rows takes four times as long.
 */
export function orderByTrace(source: TracedRows, rows: Uint32Array): Uint32Array {
  const positionScale = 2 ** Math.ceil(Math.log2(rows.length + 1));
  // The key is an integer below 2^53: 44 bits of hash lose what the position needs.
  const hashDivisor = Math.max(1, positionScale / 512);
  const keys = new Float64Array(rows.length);
  for (let index = 0; index < rows.length; index++) {
    const hash = traceHash(source.traceId, TRACE_ID_BYTES * rows[index]!);
    keys[index] = Math.floor(hash / hashDivisor) * positionScale + index;
  }
  keys.sort();
  const ordered = new Uint32Array(rows.length);
  let runStart = 0;
  let runPrefix = -1;
  for (let index = 0; index < keys.length; index++) {
    const key = keys[index]!;
    const position = key % positionScale;
    const prefix = (key - position) / positionScale;
    if (prefix !== runPrefix) {
      sortRun(source, ordered.subarray(runStart, index));
      runStart = index;
      runPrefix = prefix;
    }
    ordered[index] = rows[position]!;
  }
  sortRun(source, ordered.subarray(runStart));
  return ordered;
}

export function isSameTrace(traceId: Uint8Array, row: number, other: number): boolean {
  const start = TRACE_ID_BYTES * row;
  const otherStart = TRACE_ID_BYTES * other;
  for (let index = 0; index < TRACE_ID_BYTES; index++) {
    if (traceId[start + index] !== traceId[otherStart + index]) return false;
  }
  return true;
}

/** Insertion sort pays up to about this many rows. */
const SHORT_RUN = 32;

/** Rows with one hash prefix: nearly always one trace, nearly always short and in order. */
function sortRun(source: TracedRows, run: Uint32Array): void {
  if (run.length > SHORT_RUN) {
    run.sort((a, b) => compareRows(source, a, b));
    return;
  }
  for (let index = 1; index < run.length; index++) {
    const row = run[index]!;
    let at = index;
    while (at > 0 && compareRows(source, run[at - 1]!, row) > 0) {
      run[at] = run[at - 1]!;
      at--;
    }
    run[at] = row;
  }
}

function compareRows(source: TracedRows, a: number, b: number): number {
  const { traceId, timeUs } = source;
  const aStart = TRACE_ID_BYTES * a;
  const bStart = TRACE_ID_BYTES * b;
  for (let index = 0; index < TRACE_ID_BYTES; index++) {
    const difference = traceId[aStart + index]! - traceId[bStart + index]!;
    if (difference !== 0) return difference;
  }
  return timeUs[a]! - timeUs[b]! || a - b;
}
