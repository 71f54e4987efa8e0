/**
 * How much of a period an investigation reads: all of it, or, of one with too many rows, slices of its time. What is
 * exact of a sliced period are the counts that were made on arrival.
 */
import { LIMITS } from '../base/limits.ts';
import { minuteOf, type TimeRange, US_PER_MINUTE } from '../base/time.ts';
import type { StringDictionary } from '../model/dictionary.ts';
import type { InvestigationRequest } from '../model/investigation.ts';
import type { Tally, TemplateTally } from '../model/tally.ts';
import { SELF_SERVICE } from '../model/vocabulary.ts';
import type { TelemetryReader } from '../store/api/telemetry.ts';
import { countedRanges, minutesOf, type Period, slicedPeriod } from './period.ts';
import { SpanRows } from './span-rows.ts';

/** What every step of reading needs. */
export interface Reading {
  readonly telemetry: TelemetryReader;
  readonly strings: StringDictionary;
  readonly request: InvestigationRequest;
}

/** What is read of a period. */
export interface Sample {
  readonly whole: Period;
  /** Parts of it from which traces are read, and those from which log lines are; the smaller lie inside the greater. */
  readonly spans: Period;
  readonly logs: Period;
  readonly isSliced: boolean;
}

export interface SpanSample extends Sample {
  readonly rows: SpanRows;
}

/**
 * Slices of a window: a fault that lasts two minutes of fifteen shows in two of them, and each takes the length of a
 * trace on both sides to read.
 */
const WINDOW_SLICES = 12;
/** More slices show more of an hour's ups and downs. */
const REFERENCE_SLICES = 6;

export function windowSample(range: TimeRange, telemetry: TelemetryReader): Sample {
  const whole = { range, without: [] };
  const { spans, logs } = telemetry.countRows(range);
  const sliced = (max: number, rows: number) =>
    slicedPeriod(whole, { share: Math.min(1, max / rows), slices: WINDOW_SLICES });
  return sampleOf(whole, {
    spans: sliced(LIMITS.analysisSpansMax, spans),
    logs: sliced(LIMITS.analysisLogsMax, logs),
  });
}

/** Spans and lines of the same slices: a pattern that the window breaks takes both. */
export function referenceSample(
  whole: Period,
  { telemetry, rowsMax }: { readonly telemetry: TelemetryReader; readonly rowsMax: number },
): Sample {
  const { spans, logs } = telemetry.countRows(whole.range);
  const share = Math.min(1, rowsMax / Math.max(spans, logs, 1));
  const sliced = slicedPeriod(whole, { share, slices: REFERENCE_SLICES });
  return sampleOf(whole, { spans: sliced, logs: sliced });
}

function sampleOf(whole: Period, parts: Pick<Sample, 'spans' | 'logs'>): Sample {
  return { whole, ...parts, isSliced: parts.spans !== whole || parts.logs !== whole };
}

/** The sample without some more parts. */
export function sampleWithout<Of extends Sample>(sample: Of, parts: readonly TimeRange[]): Of {
  const less = ({ range, without }: Period) => ({ range, without: [...without, ...parts] });
  const whole = less(sample.whole);
  const partOf = (part: Period) => (part === sample.whole ? whole : less(part));
  return { ...sample, whole, spans: partOf(sample.spans), logs: partOf(sample.logs) };
}

/** Part of the time of `range` that is read of it. */
export function shareRead(part: Period, { whole }: Sample, range: TimeRange): number {
  if (part === whole) return 1;
  const minutesIn = ({ without }: Period) => minutesOf({ range, without });
  return minutesIn(part) / Math.max(minutesIn(whole), Number.MIN_VALUE);
}

export function readSpans(
  { telemetry, strings, request }: Reading,
  sample: Sample,
  { hasAttributes = true }: { readonly hasAttributes?: boolean } = {},
): SpanSample {
  const rows = new SpanRows(strings, serviceLeftOut(request));
  const { spans: period, whole } = sample;
  if (period === whole) rows.read(telemetry, { period, hasAttributes });
  else rows.readSlices(telemetry, { period, hasAttributes });
  return { ...sample, rows };
}

/** Our own spans are no part of somebody else's incident. */
function serviceLeftOut({ scope }: InvestigationRequest): string | undefined {
  return scope.service === SELF_SERVICE ? undefined : SELF_SERVICE;
}

export interface Tallies {
  readonly tallies: readonly Tally[];
  readonly templateTallies: readonly TemplateTally[];
}

/** The minutes of a period as they were counted on arrival: the whole ones that count. */
export function storedTallies(
  period: Period,
  { telemetry, request }: Reading,
  withoutServices: ReadonlySet<string>,
): Tallies {
  const ownService = serviceLeftOut(request);
  const isWanted = (service: string) => service !== ownService && !withoutServices.has(service);
  const whole = countedRanges(period)
    .map(({ fromUs, toUs }) => ({
      fromUs: minuteOf(fromUs + US_PER_MINUTE - 1),
      toUs: minuteOf(toUs),
    }))
    .filter(({ fromUs, toUs }) => fromUs < toUs);
  return {
    tallies: whole
      .flatMap((range) => telemetry.readTallies({ range }))
      .filter(({ endpoint }) => isWanted(endpoint.service)),
    templateTallies: whole
      .flatMap((range) => telemetry.readTemplateTallies({ range }))
      .filter(({ service }) => isWanted(service)),
  };
}
