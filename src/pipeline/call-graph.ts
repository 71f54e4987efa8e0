/** Who calls whom, for the grouping of anomalies: read from the spans of a few minutes, and kept for a while. */
import { type TimeRange, US_PER_MINUTE } from '../base/time.ts';
import { StringDictionary } from '../model/dictionary.ts';
import { NO_ROW } from '../model/window.ts';
import type { TelemetryReader } from '../store/api/telemetry.ts';
import { buildSpanTable } from './span-table.ts';

export type CallEdge = readonly [caller: string, callee: string];

/** Spans from which calls between services are known well enough. */
const SPANS_MAX = 50_000;
/** Before the moment of interest. */
const WINDOW_US = 3 * US_PER_MINUTE;
/** Calls change with deploys. */
const KEPT_US = 10 * US_PER_MINUTE;

export class CallGraph {
  readonly #telemetry: Pick<TelemetryReader, 'scanSpans' | 'countRows'>;
  #edges: readonly CallEdge[] = [];
  #readUs = Number.NEGATIVE_INFINITY;

  constructor(telemetry: Pick<TelemetryReader, 'scanSpans' | 'countRows'>) {
    this.#telemetry = telemetry;
  }

  /** As of a time, up to some minutes old. */
  edgesAt(timeUs: number): readonly CallEdge[] {
    if (Math.abs(timeUs - this.#readUs) > KEPT_US) {
      this.#edges = readEdges(this.#telemetry, { fromUs: timeUs - WINDOW_US, toUs: timeUs });
      this.#readUs = timeUs;
    }
    return this.#edges;
  }
}

function readEdges(
  telemetry: Pick<TelemetryReader, 'scanSpans' | 'countRows'>,
  range: TimeRange,
): readonly CallEdge[] {
  const { table } = buildSpanTable(telemetry, {
    range,
    strings: new StringDictionary(),
    spansMax: SPANS_MAX,
    hasAttributes: false,
  });
  const edges = new Map<string, CallEdge>();
  for (let row = 0; row < table.count; row++) {
    const parent = table.parent[row]!;
    if (parent === NO_ROW || table.service[parent] === table.service[row]) continue;
    const key = `${table.service[parent]} ${table.service[row]}`;
    if (edges.has(key)) continue;
    const caller = table.strings.text(table.service[parent]!);
    edges.set(key, [caller, table.strings.text(table.service[row]!)]);
  }
  return [...edges.values()];
}
