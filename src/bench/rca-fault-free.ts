/**
 * Fault-free windows for the question "does it keep silent when there is nothing to find?": cut from periods that are
 * known to be normal, each with a part of the rest of its period to compare with.
 */
import type { TimeRange } from '../base/time.ts';

/** A window in which nothing happened, and what to compare it with. */
export interface FaultFreeWindow {
  readonly window: TimeRange;
  readonly reference: TimeRange;
}

/**
 * Windows of the given length that do not overlap, evenly spread over the period when there are more than
 * `countMax`. The reference is the longer rest of the period, before or after the window: one range, because an
 * investigation takes one. A period too short for two such windows is cut into its halves.
 */
export function cutFaultFree(
  period: TimeRange,
  { windowUs, countMax }: { readonly windowUs: number; readonly countMax: number },
): readonly FaultFreeWindow[] {
  const lengthUs = Math.floor(Math.min(windowUs, (period.toUs - period.fromUs) / 2));
  const fitting = Math.floor((period.toUs - period.fromUs) / lengthUs);
  const count = Math.min(fitting, countMax);
  return Array.from({ length: count }, (_, index) => {
    const place = count === 1 ? 0 : Math.floor((index * (fitting - 1)) / (count - 1));
    const fromUs = period.fromUs + place * lengthUs;
    const window = { fromUs, toUs: fromUs + lengthUs };
    return { window, reference: longerRest(period, window) };
  });
}

function longerRest(period: TimeRange, window: TimeRange): TimeRange {
  const before = { fromUs: period.fromUs, toUs: window.fromUs };
  const after = { fromUs: window.toUs, toUs: period.toUs };
  return before.toUs - before.fromUs >= after.toUs - after.fromUs ? before : after;
}
