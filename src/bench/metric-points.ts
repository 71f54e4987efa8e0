/**
 * The metric workload: what the SDKs of sixteen bot processes export. Half of the points are histograms with the
 * default buckets, the others are gauges and sums; 2048 series in all, each seen again and again.
 */
import {
  attributesOf,
  type HistogramValue,
  type MetricDraft,
  NS_PER_US,
  type PointDraft,
  type RequestDraft,
} from './draft.ts';
import type { Random } from './random.ts';

const PROCESSES = 16;
const SERIES_PER_METRIC = 16;
const METRICS: readonly Pick<MetricDraft, 'name' | 'unit' | 'kind'>[] = [
  { name: 'http.server.request.duration', unit: 's', kind: 'histogram' },
  { name: 'gen_ai.client.operation.duration', unit: 's', kind: 'histogram' },
  { name: 'coze.plugin.duration', unit: 's', kind: 'histogram' },
  { name: 'db.client.operation.duration', unit: 's', kind: 'histogram' },
  { name: 'db.client.connection.count', unit: '{connection}', kind: 'gauge' },
  { name: 'nodejs.eventloop.utilization', unit: '1', kind: 'gauge' },
  { name: 'gen_ai.client.token.usage.total', unit: '{token}', kind: 'sum' },
  { name: 'coze.messages', unit: '{message}', kind: 'sum' },
];
/** Distinct series of the workload. */
export const METRIC_SERIES = PROCESSES * METRICS.length * SERIES_PER_METRIC;

/** Default bounds of the HTTP conventions, seconds. */
const BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
const OPERATIONS = ['chat', 'retrieve', 'execute_tool', 'render'];

/** Points of a request come from as many processes as it needs, at 128 points a process. */
export function draftMetricPoints(
  random: Random,
  { pointCount, requestIndex }: { readonly pointCount: number; readonly requestIndex: number },
): RequestDraft {
  const perProcess = METRICS.length * SERIES_PER_METRIC;
  const processCount = Math.ceil(pointCount / perProcess);
  const firstProcess = requestIndex * processCount;
  let left = pointCount;
  const groups = Array.from({ length: processCount }, (_, index) => {
    const wanted = Math.min(left, perProcess);
    left -= wanted;
    const process = (firstProcess + index) % PROCESSES;
    return {
      resource: attributesOf({
        'service.name': `coze-bot-${process % 4}`,
        'service.instance.id': `coze-bot-${process % 4}-${process}`,
      }),
      scopeName: '@coze/otel-metrics',
      items: draftMetrics(random, wanted),
    };
  });
  return { signal: 'metrics', itemCount: pointCount, traceCount: 0, spanCount: 0, groups };
}

/** Series in turn over the metrics, so that any number of points is half histograms. */
function draftMetrics(random: Random, pointCount: number): readonly MetricDraft[] {
  return METRICS.map((metric, at) => {
    const count =
      Math.floor(pointCount / METRICS.length) + (at < pointCount % METRICS.length ? 1 : 0);
    const points = Array.from({ length: count }, (_, series) =>
      draftPoint(random, { metric, series }),
    );
    return { ...metric, points };
  }).filter(({ points }) => points.length > 0);
}

function draftPoint(
  random: Random,
  of: { readonly metric: Pick<MetricDraft, 'kind'>; readonly series: number },
): PointDraft {
  const { metric, series } = of;
  return {
    startOffsetNs: -3_600_000_000_000,
    timeOffsetNs: -random.below(1000) * NS_PER_US,
    attributes: attributesOf({
      'gen_ai.operation.name': OPERATIONS[series % OPERATIONS.length] ?? '',
      'coze.bot.id': `700${Math.floor(series / OPERATIONS.length)}300000000000001`,
    }),
    value: metric.kind === 'histogram' ? drawHistogram(random) : drawNumber(random, metric.kind),
  };
}

function drawNumber(random: Random, kind: MetricDraft['kind']): number {
  return kind === 'sum' ? random.below(10_000_000) : random.below(1000) / 1000 + 1e-6;
}

function drawHistogram(random: Random): HistogramValue {
  const bucketCounts = [...BOUNDS, 0].map((_, bucket) => random.below(40 * (1 + (bucket % 7))));
  const count = bucketCounts.reduce((sum, inBucket) => sum + inBucket, 0);
  return { count, sum: count * 0.31 + random.below(1000) / 1000, bounds: BOUNDS, bucketCounts };
}
