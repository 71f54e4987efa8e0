/** A load that is wide, not fast: many endpoints, log templates and metric series, each with a little in every minute. */
import {
  attributesOf,
  type LogDraft,
  type MetricDraft,
  NS_PER_MS,
  type RequestDraft,
  type ResourceDraft,
  type SpanDraft,
} from './draft.ts';
import type { Random } from './random.ts';

export interface WideLoad {
  readonly endpoints: number;
  readonly templates: number;
  readonly series: number;
}

/** Names of one service: two hundred services with 10 000 endpoints. */
const NAMES_PER_SERVICE = 50;
/** Requests of an endpoint and lines of a template in a minute. */
const SPANS_PER_ENDPOINT = 4;
const LINES_PER_TEMPLATE = 2;
/** Names of one request: about a thousand rows. */
const NAMES_PER_REQUEST = 250;
const SPREAD_MS = 20_000;

/** Requests of one minute, to be sent again and again with fresh ids and times. */
export function draftWideMinute(random: Random, load: WideLoad): readonly RequestDraft[] {
  return [
    ...slicesOf(load.endpoints).map((names) => draftSpans(random, names)),
    ...slicesOf(load.templates).map((names) => draftLines(random, names)),
    ...slicesOf(load.series).map((names) => draftPoints(random, names)),
  ];
}

function slicesOf(count: number): readonly (readonly number[])[] {
  return Array.from({ length: Math.ceil(count / NAMES_PER_REQUEST) }, (_, request) => {
    const from = request * NAMES_PER_REQUEST;
    const length = Math.min(NAMES_PER_REQUEST, count - from);
    return Array.from({ length }, (_item, index) => from + index);
  });
}

function draftSpans(random: Random, names: readonly number[]): RequestDraft {
  let index = 0;
  const groups = groupByService(names, (name): readonly SpanDraft[] =>
    Array.from({ length: SPANS_PER_ENDPOINT }, () => {
      const spanIndex = index++;
      const startOffsetNs = -Math.floor(random.below(SPREAD_MS) * NS_PER_MS) - 2000 * NS_PER_MS;
      const durationNs = (20 + (name % 100) + random.below(20)) * NS_PER_MS;
      return {
        traceIndex: spanIndex,
        spanIndex,
        parentIndex: undefined,
        name: `GET /endpoint/${wordOf(name)}`,
        kind: 2,
        startOffsetNs,
        endOffsetNs: startOffsetNs + durationNs,
        attributes: [],
        isError: random.below(200) === 0,
      };
    }),
  );
  return { signal: 'traces', itemCount: index, traceCount: index, spanCount: index, groups };
}

function draftLines(random: Random, names: readonly number[]): RequestDraft {
  const groups = groupByService(names, (name): readonly LogDraft[] =>
    Array.from({ length: LINES_PER_TEMPLATE }, () => ({
      trace: undefined,
      timeOffsetNs: -random.below(SPREAD_MS) * NS_PER_MS,
      severity: 9,
      severityText: 'INFO',
      body: `${wordOf(name)} ${wordOf(name + 7)} done in ${random.below(1000)} ms`,
      attributes: [],
    })),
  );
  const itemCount = names.length * LINES_PER_TEMPLATE;
  return { signal: 'logs', itemCount, traceCount: 0, spanCount: 0, groups };
}

/** Half are gauges, half counters, a point each. */
function draftPoints(random: Random, names: readonly number[]): RequestDraft {
  const groups = groupByService(names, (name): readonly MetricDraft[] => [
    {
      name: name % 2 === 0 ? 'pool.size' : 'work.done',
      unit: '1',
      kind: name % 2 === 0 ? 'gauge' : 'sum',
      points: [
        {
          startOffsetNs: -3_600_000 * NS_PER_MS,
          timeOffsetNs: -random.below(SPREAD_MS) * NS_PER_MS,
          attributes: attributesOf({ 'pool.name': wordOf(name) }),
          value: random.below(1000) + 0.5,
        },
      ],
    },
  ]);
  return { signal: 'metrics', itemCount: names.length, traceCount: 0, spanCount: 0, groups };
}

function groupByService<Item>(
  names: readonly number[],
  itemsOf: (name: number) => readonly Item[],
): readonly ResourceDraft<Item>[] {
  const groups = new Map<number, Item[]>();
  for (const name of names) {
    const service = Math.floor(name / NAMES_PER_SERVICE);
    const items = groups.get(service) ?? [];
    items.push(...itemsOf(name));
    groups.set(service, items);
  }
  return [...groups].map(([service, items]) => ({
    resource: attributesOf({ 'service.name': `service-${service}` }),
    scopeName: 'wide',
    items,
  }));
}

/** Letters only: digits are masked in log templates. */
function wordOf(name: number): string {
  return name.toString(26).replace(/[0-9]/g, (digit) => 'qrstuvwxyz'[Number(digit)] ?? '');
}
