/**
 * The load of an incident: traces of Coze bots with a log line for each span and metric series of their processes. In
 * the incident one plugin hangs: its calls take two seconds more, half of them fail, and so do the requests around
 * them; its service says so in its logs, and calls queue up in its pool.
 */
import { COZE_SPANS_PER_TRACE, draftCozeTraces } from './coze-traces.ts';
import {
  attributesOf,
  type LogDraft,
  type MetricDraft,
  NS_PER_MS,
  type RequestDraft,
  type SpanDraft,
} from './draft.ts';
import { draftLogLines } from './log-lines.ts';
import type { Random } from './random.ts';

export const HANGING_PLUGIN = 'weather';
export const HANGING_SERVICE = 'coze-plugin-runtime';
const HANG_MS = 2000;
const FAILING_SHARE = 0.5;
/** The request, its workflow and the plugin's call: places in a trace of draftCozeTraces(). */
const HANGING_PLACES = [0, 1, 5];

type TraceRequest = Extract<RequestDraft, { signal: 'traces' }>;
type LogRequest = Extract<RequestDraft, { signal: 'logs' }>;

/** One request of spans and one of as many log records of the same traces. */
export function draftIncident(
  random: Random,
  options: { readonly spanCount: number; readonly isHanging: boolean },
): { readonly spans: RequestDraft; readonly logs: RequestDraft } {
  const spans = draftCozeTraces(random, options);
  const lines = draftLogLines(random, { recordCount: spans.itemCount });
  if (spans.signal !== 'traces' || lines.signal !== 'logs') return { spans, logs: lines };
  // both make ids for the same counts, so that records belong to the traces
  const logs = { ...lines, traceCount: spans.traceCount, spanCount: spans.spanCount };
  if (!options.isHanging) return { spans, logs };
  const hanging = hangingTraces(spans);
  const failing = new Set([...hanging].filter(() => random.chance(FAILING_SHARE)));
  return { spans: hang(spans, { hanging, failing }), logs: complain(logs, failing) };
}

function hangingTraces({ groups }: TraceRequest): ReadonlySet<number> {
  const calls = groups
    .flatMap(({ items }) => items)
    .filter(({ name }) => name === `execute_tool ${HANGING_PLUGIN}`);
  return new Set(calls.map(({ traceIndex }) => traceIndex));
}

function hang(
  request: TraceRequest,
  traces: { readonly hanging: ReadonlySet<number>; readonly failing: ReadonlySet<number> },
): TraceRequest {
  const hangSpan = (span: SpanDraft): SpanDraft => {
    const isOnPath = HANGING_PLACES.includes(span.spanIndex % COZE_SPANS_PER_TRACE);
    if (!isOnPath || !traces.hanging.has(span.traceIndex)) return span;
    const endOffsetNs = span.endOffsetNs + HANG_MS * NS_PER_MS;
    return { ...span, endOffsetNs, isError: span.isError || traces.failing.has(span.traceIndex) };
  };
  const groups = request.groups.map((group) => ({ ...group, items: group.items.map(hangSpan) }));
  return { ...request, groups };
}

/** Half of the lines of a failing trace say so. */
function complain(request: LogRequest, failing: ReadonlySet<number>): LogRequest {
  const complainIn = (record: LogDraft, index: number): LogDraft =>
    index % 2 === 0 && record.trace && failing.has(record.trace.traceIndex)
      ? {
          ...record,
          severity: 17,
          severityText: 'ERROR',
          body: `plugin ${HANGING_PLUGIN} gave no answer within ${HANG_MS} ms`,
        }
      : record;
  const groups = request.groups.map((group) => ({ ...group, items: group.items.map(complainIn) }));
  return { ...request, groups };
}

const SERVICES = ['coze-bot-gateway', 'coze-orchestrator', HANGING_SERVICE, 'llm-gateway'];
const METRICS_PER_PROCESS = 50;
/** Of the metrics of a process: the calls that wait for a connection. */
const PENDING_METRIC = 0;
const PENDING_FACTOR = 20;

/** One minute of points, a request per process; half are gauges that waver by a tenth, half counters. */
export function draftProcessPoints(
  random: Random,
  at: { readonly seriesCount: number; readonly minute: number; readonly isHanging: boolean },
): readonly RequestDraft[] {
  const processCount = Math.ceil(at.seriesCount / METRICS_PER_PROCESS);
  return Array.from({ length: processCount }, (_, process) => {
    const service = SERVICES[process % SERVICES.length] ?? '';
    const count = Math.min(METRICS_PER_PROCESS, at.seriesCount - process * METRICS_PER_PROCESS);
    const isPending = at.isHanging && service === HANGING_SERVICE;
    const items = Array.from({ length: count }, (_item, metric) => {
      const factor = isPending && metric === PENDING_METRIC ? PENDING_FACTOR : 1;
      return draftPoint(random, { metric, minute: at.minute, factor });
    });
    const resource = attributesOf({
      'service.name': service,
      'service.instance.id': `${service}-${process}`,
    });
    const groups = [{ resource, scopeName: 'process', items }];
    return { signal: 'metrics', itemCount: count, traceCount: 0, spanCount: 0, groups };
  });
}

function draftPoint(
  random: Random,
  at: { readonly metric: number; readonly minute: number; readonly factor: number },
): MetricDraft {
  const { metric, minute, factor } = at;
  const isGauge = metric % 2 === 0;
  const level = (20 + metric) * factor;
  return {
    name: `process.${isGauge ? 'level' : 'work'}.${metric}`,
    unit: '1',
    kind: isGauge ? 'gauge' : 'sum',
    points: [
      {
        startOffsetNs: -3_600_000 * NS_PER_MS,
        timeOffsetNs: -random.below(1000) * NS_PER_MS,
        attributes: [],
        value: isGauge ? level * (0.95 + random.below(100) / 1000) : 0.5 + level * 60 * minute,
      },
    ],
  };
}
