/** When metrics that are evidence jumped: the moment that best divides a series into usual and changed. */
import type { Evidence, VerifiedHypothesis } from '../model/hypothesis.ts';
import type { Clustered } from '../model/investigation.ts';
import type { TimelineEntry } from '../model/report.ts';
import type { SeriesWindow } from '../model/window.ts';

const ENTRIES_MAX = 6;

/** The strongest metric evidence for causes (not for their effects), each at its moment. */
export function metricEntries(
  clustered: Clustered,
  hypotheses: readonly VerifiedHypothesis[],
): TimelineEntry[] {
  const evidence = hypotheses
    .filter(({ effectOf }) => effectOf === undefined)
    .flatMap((hypothesis) => hypothesis.evidence)
    .filter(({ source, direction }) => source === 'metric' && direction === 'for')
    .sort((a, b) => b.weight - a.weight || (a.statement.en < b.statement.en ? -1 : 1));
  const entries = new Map<string, TimelineEntry>();
  for (const item of evidence) {
    if (entries.size === ENTRIES_MAX) break;
    const timeUs = findJump(clustered.window.series, item);
    if (timeUs === undefined || entries.has(item.statement.en)) continue;
    entries.set(item.statement.en, { timeUs, kind: 'metric', text: item.statement });
  }
  return [...entries.values()];
}

/** Of the series that the evidence links to the one whose jump is clearest. */
function findJump(series: readonly SeriesWindow[], evidence: Evidence): number | undefined {
  const { link, value, expected } = evidence;
  if (link === undefined || value === undefined || expected === undefined) return undefined;
  const asked = new URL(link, 'http://taproot.invalid').searchParams;
  const [name, service] = [asked.get('name'), asked.get('service')];
  let best: { readonly timeUs: number; readonly misfit: number } | undefined;
  for (const one of series) {
    if (one.name !== name || one.service !== service) continue;
    const jump = jumpOf(one, { value, expected });
    if (jump && (best === undefined || jump.misfit < best.misfit)) best = jump;
  }
  return best?.timeUs;
}

/**
 * The point from which on the series is at its new level: the division with the smallest sum of distances,
 * from `expected` before and from `value` after. [1 1 1 9 9] from 1 to 9 divides before its fourth point.
 */
function jumpOf(
  { timesUs, values }: SeriesWindow,
  { value, expected }: { readonly value: number; readonly expected: number },
): { readonly timeUs: number; readonly misfit: number } | undefined {
  let misfit = 0;
  let points = 0;
  for (const point of values) {
    if (!Number.isFinite(point)) continue;
    misfit += Math.abs(point - value);
    points++;
  }
  if (points === 0) return undefined;
  let best: { readonly timeUs: number; readonly misfit: number } | undefined;
  for (let index = 0; index < values.length; index++) {
    const point = values[index]!;
    if (!Number.isFinite(point)) continue;
    if (best === undefined || misfit < best.misfit) best = { timeUs: timesUs[index]!, misfit };
    misfit += Math.abs(point - expected) - Math.abs(point - value);
  }
  return best && { ...best, misfit: best.misfit / points };
}
