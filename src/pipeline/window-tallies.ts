/**
 * Tallies of an analysis window, counted from its tables: a window seldom begins on a whole minute, and the
 * store's per-minute tallies would mix its first minute with the reference.
 */
import { minuteOf, US_PER_MINUTE } from '../base/time.ts';
import { pairKey } from '../model/row-groups.ts';
import { endpointIdOf, type Tally, type TemplateTally } from '../model/tally.ts';
import { STAGES } from '../model/vocabulary.ts';
import type { WindowData } from '../model/window.ts';
import { bucketOf } from '../tally/sketch.ts';

interface Count {
  readonly service: number;
  readonly operation: number;
  readonly stage: number;
  readonly minuteUs: number;
  count: number;
  errorCount: number;
  readonly buckets: Map<number, number>;
}

/**
 * One tally per endpoint and minute, by minute then endpoint id; of a sample as many as the whole has. Hot: once per
 * span, 40 ns by numbers as keys, 200 by strings.
 */
export function tallyWindow({ spans, range, keptShare = 1 }: WindowData): readonly Tally[] {
  const counts = new Map<number, Count>();
  const endpoints = new Map<number, number>();
  const firstMinuteUs = minuteOf(range.fromUs);
  for (let row = 0; row < spans.count; row++) {
    const service = spans.service[row]!;
    const operation = spans.operation[row]!;
    const minuteUs = minuteOf(spans.startUs[row]!);
    const pair = pairKey(service, operation);
    let endpoint = endpoints.get(pair);
    if (endpoint === undefined) {
      endpoint = endpoints.size;
      endpoints.set(pair, endpoint);
    }
    const key = pairKey(endpoint, (minuteUs - firstMinuteUs) / US_PER_MINUTE);
    let entry = counts.get(key);
    if (!entry) {
      const stage = spans.stage[row]!;
      entry = { service, operation, stage, minuteUs, count: 0, errorCount: 0, buckets: new Map() };
      counts.set(key, entry);
    }
    entry.count++;
    entry.errorCount += spans.isError[row]!;
    const bucket = bucketOf(spans.durationUs[row]!);
    entry.buckets.set(bucket, (entry.buckets.get(bucket) ?? 0) + 1);
  }
  const scaled = (count: number) => (keptShare === 1 ? count : Math.round(count / keptShare));
  return [...counts.values()]
    .map((entry): Tally => {
      const service = spans.strings.text(entry.service);
      const operation = spans.strings.text(entry.operation);
      const buckets = [...entry.buckets].sort(([a], [b]) => a - b);
      return {
        endpoint: {
          endpointId: endpointIdOf(service, operation),
          service,
          operation,
          stage: STAGES[entry.stage] ?? 'other',
        },
        minuteUs: entry.minuteUs,
        count: scaled(entry.count),
        errorCount: scaled(entry.errorCount),
        sketch: {
          buckets: buckets.map(([bucket]) => bucket),
          counts: buckets.map(([, count]) => scaled(count)),
        },
      };
    })
    .sort(
      (a, b) =>
        a.minuteUs - b.minuteUs || compareText(a.endpoint.endpointId, b.endpoint.endpointId),
    );
}

/** Log lines per template and minute, by minute then template id; of a sample as many as the whole has. */
export function tallyTemplates({
  logs,
  range,
  keptLogShare = 1,
}: WindowData): readonly TemplateTally[] {
  const counts = new Map<number, { -readonly [Key in keyof TemplateTally]: TemplateTally[Key] }>();
  const firstMinuteUs = minuteOf(range.fromUs);
  for (let row = 0; row < logs.count; row++) {
    const minuteUs = minuteOf(logs.timeUs[row]!);
    const key = pairKey(logs.template[row]!, (minuteUs - firstMinuteUs) / US_PER_MINUTE);
    const entry = counts.get(key);
    if (entry) {
      entry.count++;
      entry.severityMax = Math.max(entry.severityMax, logs.severity[row]!);
    } else {
      counts.set(key, {
        templateId: logs.strings.text(logs.template[row]!),
        service: logs.strings.text(logs.service[row]!),
        minuteUs,
        count: 1,
        severityMax: logs.severity[row]!,
      });
    }
  }
  return [...counts.values()]
    .map((tally) => ({ ...tally, count: Math.round(tally.count / keptLogShare) }))
    .sort((a, b) => a.minuteUs - b.minuteUs || compareText(a.templateId, b.templateId));
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
