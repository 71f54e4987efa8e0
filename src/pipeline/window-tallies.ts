/**
 * Tallies of an analysis window, counted from its tables: a window seldom begins on a whole minute, and the
 * store's per-minute tallies would mix its first minute with the reference.
 */
import { minuteOf } from '../base/time.ts';
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

/** One tally per endpoint and minute, by minute then endpoint id. */
export function tallyWindow({ spans }: WindowData): readonly Tally[] {
  const counts = new Map<string, Count>();
  for (let row = 0; row < spans.count; row++) {
    const service = spans.service[row]!;
    const operation = spans.operation[row]!;
    const minuteUs = minuteOf(spans.startUs[row]!);
    const key = `${service} ${operation} ${minuteUs}`;
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
        count: entry.count,
        errorCount: entry.errorCount,
        sketch: { buckets: buckets.map(([bucket]) => bucket), counts: buckets.map(([, n]) => n) },
      };
    })
    .sort(
      (a, b) =>
        a.minuteUs - b.minuteUs || compareText(a.endpoint.endpointId, b.endpoint.endpointId),
    );
}

/** Log lines per template and minute, by minute then template id. */
export function tallyTemplates({ logs }: WindowData): readonly TemplateTally[] {
  const counts = new Map<string, { -readonly [Key in keyof TemplateTally]: TemplateTally[Key] }>();
  for (let row = 0; row < logs.count; row++) {
    const templateId = logs.strings.text(logs.template[row]!);
    const minuteUs = minuteOf(logs.timeUs[row]!);
    const key = `${templateId} ${minuteUs}`;
    const entry = counts.get(key);
    if (entry) {
      entry.count++;
      entry.severityMax = Math.max(entry.severityMax, logs.severity[row]!);
    } else {
      counts.set(key, {
        templateId,
        service: logs.strings.text(logs.service[row]!),
        minuteUs,
        count: 1,
        severityMax: logs.severity[row]!,
      });
    }
  }
  return [...counts.values()].sort(
    (a, b) => a.minuteUs - b.minuteUs || compareText(a.templateId, b.templateId),
  );
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
