/**
 * Load over time: how often requests come into a service from outside, how unevenly, and whether their time
 * follows their number from one moment to the next.
 */
import { medianOf } from '../base/statistics.ts';
import { US_PER_SECOND } from '../base/time.ts';
import { rowsByOperation } from '../model/row-groups.ts';
import { NO_ROW, type SpanTable, type WindowData } from '../model/window.ts';

/** Periods are cut into this many pieces, none shorter than a second or with fewer requests than five. */
const PIECES_MAX = 60;
const PIECE_US_MIN = US_PER_SECOND;
const PIECE_REQUESTS_MIN = 5;
/** Fewer pieces show no dependence. */
const PIECES_MIN = 8;

/** What comes into one service from outside in one period. */
export interface Load {
  /** Rows by operation. */
  readonly operations: ReadonlyMap<number, readonly number[]>;
  readonly requests: number;
  /** Length of the pieces in which anything came: a period may have holes. */
  readonly lengthUs: number;
  readonly pieceUs: number;
  /** Requests a piece, over the pieces in which anything came; parallel to pieces. */
  readonly counts: Float64Array;
  /** Which piece of the period each count is of. */
  readonly pieces: Uint32Array;
}

/** Loads by service id. A request from outside is a root; a span whose caller is missing may have one here. */
export function loadByService({ spans, range }: WindowData): Map<number, Load> {
  const byService = new Map<number, Map<number, number[]>>();
  for (const { service, operation, rows } of rowsByOperation(spans).values()) {
    const entries = Array.from(rows.filter((row) => isEntry(row, spans)));
    if (entries.length === 0) continue;
    const operations = byService.get(service) ?? new Map<number, number[]>();
    byService.set(service, operations.set(operation, entries));
  }
  const loads = new Map<number, Load>();
  for (const [service, operations] of byService) {
    loads.set(service, {
      operations,
      ...cutInPieces([...operations.values()].flat(), spans, range),
    });
  }
  return loads;
}

function isEntry(row: number, { parent, isOrphan }: SpanTable): boolean {
  return parent[row] === NO_ROW && isOrphan[row] === 0;
}

function cutInPieces(
  rows: readonly number[],
  spans: SpanTable,
  range: WindowData['range'],
): Omit<Load, 'operations'> {
  const lengthUs = range.toUs - range.fromUs;
  const pieceUs = Math.max(
    lengthUs / PIECES_MAX,
    PIECE_US_MIN,
    (lengthUs * PIECE_REQUESTS_MIN) / rows.length,
  );
  const all = new Float64Array(Math.ceil(lengthUs / pieceUs) + 1);
  for (const row of rows) all[pieceOf(spans.startUs[row]!, { range, pieceUs })]!++;
  const pieces = Uint32Array.from(all.keys()).filter((piece) => all[piece]! > 0);
  return {
    requests: rows.length,
    lengthUs: Math.min(lengthUs, pieces.length * pieceUs),
    pieceUs,
    counts: Float64Array.from(pieces, (piece) => all[piece]!),
    pieces,
  };
}

function pieceOf(
  timeUs: number,
  { range, pieceUs }: { readonly range: WindowData['range']; readonly pieceUs: number },
): number {
  return Math.max(0, Math.floor((timeUs - range.fromUs) / pieceUs));
}

/** Variance of the counts against that of independent arrivals (Fano factor), at least 1. */
export function burstinessOf({ counts }: Load): number {
  if (counts.length < PIECES_MIN) return 1;
  const mean = meanOf(counts);
  const variance =
    counts.reduce((sum, count) => sum + (count - mean) ** 2, 0) / (counts.length - 1);
  return Math.max(1, variance / mean);
}

export interface Response {
  /** Of the number of requests and the mean logarithm of their times, piece by piece. */
  readonly correlation: number;
  /** Likelihood ratio of a straight line against none, less what the line costs; 0 for falling ones. */
  readonly llr: number;
  /** Independent pieces. */
  readonly n: number;
}

const NO_RESPONSE: Response = { correlation: 0, llr: 0, n: 0 };

/**
 * Whether requests take longer when there are more of them, within one period: two periods that differ in
 * both would show it whatever the reason. Pieces next to each other are alike, so they count for fewer
 * (Bartlett 1946: n (1 − ab) / (1 + ab) with the autocorrelations a and b).
 */
export function responseOf(load: Load, { spans, range }: WindowData): Response {
  const times = timesByPiece(load, { spans, range });
  const counts = load.counts;
  if (counts.length < PIECES_MIN) return NO_RESPONSE;
  const correlation = correlationOf(counts, times);
  const alike = Math.max(0, autocorrelationOf(counts) * autocorrelationOf(times));
  const n = (counts.length * (1 - alike)) / (1 + alike);
  if (!(correlation > 0) || n < 3) return { ...NO_RESPONSE, n };
  // r = 0.7 over 40 pieces: 20 × 0.67 − 1.8 = 11.6.
  const llr = (-n / 2) * Math.log(1 - Math.min(correlation, 0.999) ** 2) - Math.log(n) / 2;
  return { correlation, llr: Math.max(0, llr), n: Math.round(n) };
}

/** Mean over a piece's requests of ln(time / median time of the operation). */
function timesByPiece(load: Load, { spans, range }: Pick<WindowData, 'spans' | 'range'>) {
  const indexOfPiece = new Map(Array.from(load.pieces, (piece, index) => [piece, index]));
  const sums = new Float64Array(load.pieces.length);
  for (const rows of load.operations.values()) {
    const logs = rows.map((row) => Math.log(Math.max(1, spans.durationUs[row]!)));
    const usual = medianOf(logs);
    rows.forEach((row, at) => {
      const piece = pieceOf(spans.startUs[row]!, { range, pieceUs: load.pieceUs });
      sums[indexOfPiece.get(piece)!]! += logs[at]! - usual; // every request's piece is in the list
    });
  }
  return sums.map((sum, index) => sum / load.counts[index]!);
}

function meanOf(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function correlationOf(a: Float64Array, b: Float64Array): number {
  const [meanA, meanB] = [meanOf(a), meanOf(b)];
  let [both, ofA, ofB] = [0, 0, 0];
  for (let index = 0; index < a.length; index++) {
    const [fromA, fromB] = [a[index]! - meanA, b[index]! - meanB];
    both += fromA * fromB;
    ofA += fromA * fromA;
    ofB += fromB * fromB;
  }
  return ofA > 0 && ofB > 0 ? both / Math.sqrt(ofA * ofB) : 0;
}

function autocorrelationOf(values: Float64Array): number {
  return correlationOf(values.slice(0, -1), values.slice(1));
}
