/** Who calls whom, from stored spans: a bounded scan, joined by trace and span id. */
import { hexOf } from '../base/bytes.ts';
import { LIMITS } from '../base/limits.ts';
import type { TimeRange } from '../base/time.ts';
import { SPAN_KIND } from '../model/vocabulary.ts';
import type { TelemetryReader } from '../store/api/telemetry.ts';

export interface ServiceGraph {
  readonly nodes: readonly {
    readonly name: string;
    /** Something that is called and sends no spans of its own. */
    readonly isExternal: boolean;
    readonly spans: number;
    readonly errors: number;
  }[];
  readonly edges: readonly {
    readonly from: string;
    readonly to: string;
    readonly calls: number;
    readonly errors: number;
  }[];
  /** True when the range held more spans than one graph looks at. */
  readonly wasCut: boolean;
}

interface GraphSpan {
  readonly service: string;
  readonly parentKey: string;
  readonly target: string;
  readonly isError: boolean;
  isAnswered: boolean;
}

export function readServiceGraph(telemetry: TelemetryReader, range: TimeRange): ServiceGraph {
  const { spans, wasCut } = readGraphSpans(telemetry, range);
  const nodes = new Map<string, { isExternal: boolean; spans: number; errors: number }>();
  const edges = new Map<string, { from: string; to: string; calls: number; errors: number }>();
  const countCall = (from: string, to: string, isError: boolean) => {
    const key = JSON.stringify([from, to]);
    const edge = edges.get(key) ?? { from, to, calls: 0, errors: 0 };
    edge.calls += 1;
    edge.errors += isError ? 1 : 0;
    edges.set(key, edge);
  };
  for (const span of spans.values()) {
    const node = nodes.get(span.service) ?? { isExternal: false, spans: 0, errors: 0 };
    node.spans += 1;
    node.errors += span.isError ? 1 : 0;
    nodes.set(span.service, node);
    const parent = spans.get(span.parentKey);
    if (!parent || parent.service === span.service) continue;
    parent.isAnswered = true;
    countCall(parent.service, span.service, span.isError);
  }
  for (const span of spans.values()) {
    if (span.target === '' || span.isAnswered) continue;
    countCall(span.service, span.target, span.isError);
    if (!nodes.has(span.target)) nodes.set(span.target, { isExternal: true, spans: 0, errors: 0 });
  }
  return {
    nodes: [...nodes]
      .map(([name, node]) => ({ name, ...node }))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
    edges: [...edges.values()].sort(
      (a, b) => b.calls - a.calls || (`${a.from} ${a.to}` < `${b.from} ${b.to}` ? -1 : 1),
    ),
    wasCut,
  };
}

/** By trace and span id, so that a span which was sent twice counts once. */
function readGraphSpans(telemetry: TelemetryReader, range: TimeRange) {
  const spans = new Map<string, GraphSpan>();
  let wasCut = false;
  telemetry.scanSpans({ range, sections: [] }, (columns, rows) => {
    for (const row of rows) {
      if (spans.size >= LIMITS.graphSpansMax) {
        wasCut = true;
        return false;
      }
      const trace = hexOf(columns.traceId, 16 * row, 16 * row + 16);
      const kind = columns.kind[row];
      const isOutgoing = kind === SPAN_KIND.client || kind === SPAN_KIND.producer;
      spans.set(trace + hexOf(columns.spanId, 8 * row, 8 * row + 8), {
        service: columns.strings.text(columns.service[row]!) || '(unknown)',
        parentKey: trace + hexOf(columns.parentSpanId, 8 * row, 8 * row + 8),
        target: isOutgoing ? columns.strings.text(columns.target[row]!) : '',
        isError: columns.isError[row] === 1,
        isAnswered: false,
      });
    }
    return true;
  });
  return { spans, wasCut };
}
