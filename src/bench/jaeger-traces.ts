/**
 * Workload B: the recipe of Jaeger's published ClickHouse benchmark (internal/storage/v2/clickhouse/BENCHMARKING.md):
 * ten spans a trace, one parent and nine children, ten services, eleven attributes a span drawn from 97 keys and 1000
 * values. Theirs spreads over ten days of the past; this one happens now, as load does.
 */
import {
  type Attribute,
  attributesOf,
  NS_PER_US,
  type RequestDraft,
  type SpanDraft,
} from './draft.ts';
import type { Random } from './random.ts';

export const JAEGER_SPANS_PER_TRACE = 10;
export const JAEGER_SERVICES = 10;
export const JAEGER_KEYS = 97;
export const JAEGER_VALUES = 1000;
const ATTRIBUTES_PER_SPAN = 11;
const OPERATIONS_PER_SERVICE = 10;

export function draftJaegerTraces(
  random: Random,
  { spanCount }: { readonly spanCount: number },
): RequestDraft {
  const traceCount = Math.max(1, Math.floor(spanCount / JAEGER_SPANS_PER_TRACE));
  const spansOfService: SpanDraft[][] = Array.from({ length: JAEGER_SERVICES }, () => []);
  for (let traceIndex = 0; traceIndex < traceCount; traceIndex++) {
    const rootStartNs = -1_000_000_000 - random.below(500_000) * NS_PER_US;
    for (let index = 0; index < JAEGER_SPANS_PER_TRACE; index++) {
      const service = random.below(JAEGER_SERVICES);
      spansOfService[service]?.push(draftSpan(random, { traceIndex, index, service, rootStartNs }));
    }
  }
  const itemCount = traceCount * JAEGER_SPANS_PER_TRACE;
  return {
    signal: 'traces',
    itemCount,
    traceCount,
    spanCount: itemCount,
    groups: spansOfService.map((items, service) => ({
      resource: attributesOf({
        'service.name': `service-${service}`,
        'host.name': `host-${service}`,
      }),
      scopeName: 'tracegen',
      items,
    })),
  };
}

function draftSpan(
  random: Random,
  at: {
    readonly traceIndex: number;
    readonly index: number;
    readonly service: number;
    readonly rootStartNs: number;
  },
): SpanDraft {
  const { traceIndex, index, service, rootStartNs } = at;
  const root = JAEGER_SPANS_PER_TRACE * traceIndex;
  const startOffsetNs = rootStartNs + (index === 0 ? 0 : random.below(200_000) * NS_PER_US);
  return {
    traceIndex,
    spanIndex: root + index,
    parentIndex: index === 0 ? undefined : root,
    name: `operation-${service}-${random.below(OPERATIONS_PER_SERVICE)}`,
    kind: 1 + random.below(5),
    startOffsetNs,
    endOffsetNs: startOffsetNs + Math.round(random.logNormal(20_000, 1)) * NS_PER_US,
    attributes: draftAttributes(random),
    isError: random.chance(0.01),
  };
}

/** Eleven different keys: a stretch of the ring of keys from a random place, in steps that visit none twice. */
function draftAttributes(random: Random): readonly Attribute[] {
  const first = random.below(JAEGER_KEYS);
  const step = 1 + random.below(JAEGER_KEYS - 1); // 97 is prime: any step visits every key
  return Array.from({ length: ATTRIBUTES_PER_SPAN }, (_, index) => ({
    key: `attribute.key.${(first + index * step) % JAEGER_KEYS}`,
    value: `attribute-value-${String(random.below(JAEGER_VALUES)).padStart(4, '0')}`,
  }));
}
