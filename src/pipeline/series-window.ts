/** Builds the metric series of a period from the store, as the analysis compares them. */
import { type TimeRange, US_PER_MINUTE, US_PER_SECOND } from '../base/time.ts';
import type { SeriesWindow } from '../model/window.ts';
import type { Page, SeriesPoints, TelemetryReader } from '../store/api/telemetry.ts';

/** Points before the window from which the first rate of a counter is taken. */
const RATE_LEAD_US = 5 * US_PER_MINUTE;

/** Series of two periods. */
export interface SeriesPages {
  readonly window: Page<SeriesPoints>;
  readonly reference: Page<SeriesPoints>;
}

type SeriesReader = Pick<TelemetryReader, 'readSeries'>;

/** Of periods that touch each block is read once, unless that is more than one read may hold. */
export function readSeriesPages(
  reader: SeriesReader,
  periods: { readonly window: TimeRange; readonly reference: TimeRange },
  seriesMax: number,
): SeriesPages {
  const { window, reference } = periods;
  const read = ({ fromUs, toUs }: TimeRange) =>
    reader.readSeries({ range: { fromUs: fromUs - RATE_LEAD_US, toUs }, limit: seriesMax });
  if (reference.toUs === window.fromUs) {
    const both = read({ fromUs: reference.fromUs, toUs: window.toUs });
    if (!both.wasCut) return { window: both, reference: both };
  }
  return { window: read(window), reference: read(reference) };
}

export function buildSeriesWindows(
  page: Page<SeriesPoints>,
  options: {
    readonly range: TimeRange;
    /** Periods inside the range that are left out. */
    readonly without: readonly TimeRange[];
    readonly withoutServices: ReadonlySet<string>;
  },
): { readonly series: readonly SeriesWindow[]; readonly isCut: boolean } {
  const series = page.items
    .filter((points) => !options.withoutServices.has(points.series.service))
    .map((points) => windowOf(points, options))
    .filter((window) => window.timesUs.length > 0)
    .sort((a, b) => (a.seriesId < b.seriesId ? -1 : 1));
  return { series, isCut: page.wasCut };
}

function isInAny(timeUs: number, periods: readonly TimeRange[]): boolean {
  return periods.some(({ fromUs, toUs }) => timeUs >= fromUs && timeUs < toUs);
}

function windowOf(
  points: SeriesPoints,
  { range, without }: { readonly range: TimeRange; readonly without: readonly TimeRange[] },
): SeriesWindow {
  const times: number[] = [];
  const values: number[] = [];
  const observations: number[] = [];
  const isCounted = !['gauge', 'sum'].includes(points.series.kind);
  const isRate = points.series.kind === 'sum' && points.series.isMonotonic;
  const earliestUs = range.fromUs - RATE_LEAD_US;
  for (let index = 0; index < points.timesUs.length; index++) {
    const timeUs = points.timesUs[index]!;
    if (timeUs < range.fromUs || timeUs >= range.toUs || isInAny(timeUs, without)) continue;
    const step = isCounted || isRate ? stepOf(points, { index, earliestUs }) : undefined;
    if (isCounted) {
      if (!step || step.observations <= 0) continue;
      times.push(timeUs);
      values.push(step.value / step.observations);
      observations.push(step.observations);
    } else if (isRate) {
      if (!step || step.seconds <= 0) continue;
      times.push(timeUs);
      values.push(step.value / step.seconds);
    } else {
      times.push(timeUs);
      values.push(points.values[index]!);
    }
  }
  return {
    ...points.series,
    timesUs: Float64Array.from(times),
    values: Float64Array.from(values),
    ...(isCounted ? { observationCounts: Float64Array.from(observations) } : {}),
    exemplars: points.exemplars.filter(
      ({ timeUs }) => timeUs >= range.fromUs && timeUs < range.toUs,
    ),
  };
}

/** What a point adds since the one before; undefined when there is none. A falling counter began anew. */
function stepOf(
  points: SeriesPoints,
  { index, earliestUs }: { readonly index: number; readonly earliestUs: number },
): { readonly value: number; readonly observations: number; readonly seconds: number } | undefined {
  const value = points.values[index]!;
  const observations = points.observationCounts[index]!;
  const hasPrevious = index > 0 && points.timesUs[index - 1]! >= earliestUs;
  const seconds = hasPrevious
    ? (points.timesUs[index]! - points.timesUs[index - 1]!) / US_PER_SECOND
    : 0;
  if (points.series.temporality === 'delta') {
    return hasPrevious || points.series.kind !== 'sum'
      ? { value, observations, seconds }
      : undefined;
  }
  if (!hasPrevious) return undefined;
  const previousValue = points.values[index - 1]!;
  const previousObservations = points.observationCounts[index - 1]!;
  const isReset =
    points.series.kind === 'sum' ? value < previousValue : observations < previousObservations;
  return {
    value: isReset ? value : value - previousValue,
    observations: isReset ? observations : observations - previousObservations,
    seconds,
  };
}
