/** Where a minute enters and leaves an endpoint's row: holes between minutes, and what pictures are made of. */
import { startLatency } from '../baseline/endpoint-latency.ts';
import { skipRate, startRate } from '../baseline/endpoint-rate.ts';
import { PICTURE_MINUTES, packQuantiles, ROW } from '../model/endpoint-row.ts';
import { bucketOf } from '../tally/sketch.ts';

/** Minutes since the last one, 0 when this one was taken in before; a new row is made ready. */
export function enterMinute(row: Float32Array, minute: number): number {
  const last = row[ROW.lastMinute]!;
  if (last === 0) {
    row[ROW.firstMinute] = minute;
    startRate(row, minute);
    startLatency(row);
    return 1;
  }
  const gapMinutes = Math.max(0, minute - last);
  if (gapMinutes > 1) {
    skipRate(row, gapMinutes);
    forgetPictured(row, last + 1, minute);
  }
  return gapMinutes;
}

/** Of minutes that nobody has seen the ring holds those of an hour before. */
function forgetPictured(row: Float32Array, from: number, to: number): void {
  for (let minute = Math.max(from, to - PICTURE_MINUTES); minute < to; minute++) {
    const at = minute % PICTURE_MINUTES;
    for (const ring of [ROW.ringCount, ROW.ringErrors, ROW.ringQuantiles]) {
      row[ring + at] = Number.NaN;
    }
  }
}

export function leaveMinute(
  row: Float32Array,
  seen: {
    readonly minute: number;
    readonly count: number;
    readonly errors: number;
    readonly latency?: { readonly p50Us: number; readonly p95Us: number; readonly p99Us: number };
  },
): void {
  const { minute, count, errors, latency } = seen;
  const at = minute % PICTURE_MINUTES;
  row[ROW.lastMinute] = minute;
  if (count > 0) row[ROW.lastTrafficMinute] = minute;
  row[ROW.ringCount + at] = count;
  row[ROW.ringErrors + at] = errors;
  row[ROW.ringQuantiles + at] =
    latency === undefined || count === 0
      ? Number.NaN
      : packQuantiles({
          p50: bucketOf(latency.p50Us),
          p95: bucketOf(latency.p95Us),
          p99: bucketOf(latency.p99Us),
        });
}
