/**
 * Fault-free windows cut out of the reference: each is asked about as if it were the incident, against the rest
 * of the reference. What looks suspicious there is how this system looks on a good day, and is taken off what
 * looks suspicious in the incident (src/hypothesise/placebo.ts).
 */
import type { TimeRange } from '../base/time.ts';
import { US_PER_SECOND } from '../base/time.ts';
import type { Collected } from '../model/investigation.ts';
import { sliceWindow } from './window-slice.ts';

/** A shorter window says nothing. */
const WINDOW_US_MIN = 20 * US_PER_SECOND;

/** At most `runs` placebo incidents, evenly spread over the reference; none when it is too short. */
export function placebosOf(collected: Collected, runs: number): readonly Collected[] {
  const { reference, window } = collected;
  if (reference === undefined) return [];
  const lengthUs = window.range.toUs - window.range.fromUs;
  return placeboRanges(reference.range, { lengthUs, runs }).map((range) => ({
    ...collected,
    window: sliceWindow(reference, range),
    reference: sliceWindow(reference, reference.range, range),
    anomalies: [],
    changes: [],
  }));
}

/** As long as the window; halves where the reference is shorter than two of them. */
function placeboRanges(
  whole: TimeRange,
  { lengthUs, runs }: { readonly lengthUs: number; readonly runs: number },
): TimeRange[] {
  const wholeUs = whole.toUs - whole.fromUs;
  const oneUs = Math.min(lengthUs, wholeUs / 2);
  if (oneUs < WINDOW_US_MIN) return [];
  const count = Math.min(runs, Math.floor(wholeUs / oneUs));
  const spaceUs = (wholeUs - oneUs) / Math.max(1, count - 1);
  return Array.from({ length: count }, (_, index) => {
    // The latest first: it is nearest to the incident.
    const toUs = whole.toUs - index * spaceUs;
    return { fromUs: toUs - oneUs, toUs };
  });
}
