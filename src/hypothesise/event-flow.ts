/**
 * What happens inside a span, as a list of events: lines of its log, or the operations that it calls. Runs of
 * an operation under one caller are one flow; runs with the same events are one variant, so that all that
 * follows costs by variants and not by spans.
 */
import { LIMITS } from '../base/limits.ts';
import type { TimeRange } from '../base/time.ts';
import { NO_ROW, type SpanTable } from '../model/window.ts';

/** Begin and end of a run, where events are numbers above 0 and below 2 ** 26. */
export const RUN_START = 0;
export const RUN_END = 2 ** 26 - 1;

export interface RunVariant {
  readonly events: Uint32Array;
  /** Of lines; 0 for calls. */
  readonly severities: Uint8Array;
  /** Sum over traces of the share of the trace's runs of the flow: runs of one trace are no independent witnesses. */
  weight: number;
  readonly firstTrace: number;
  /** All runs lie in the first trace. */
  isOneTrace: boolean;
}

export interface Flow {
  /** The same number for the same operation and caller in both periods. */
  readonly key: number;
  /** Any run. */
  readonly row: number;
  readonly variants: RunVariant[];
  /** Traces with a run. */
  traceCount: number;
  /** Too many variants to compare: work that goes on at the same time logs in any order. */
  isVaried: boolean;
}

export interface EventFlows {
  readonly flows: ReadonlyMap<number, Flow>;
  /** By row; undefined for a row that is no run. */
  readonly variantOfRow: readonly (RunVariant | undefined)[];
}

/** Reads the events of one span after the other into the same arrays. */
export interface EventSource {
  /** Number of events of the span, which then stand at the begin of both arrays; -1: the span is no run. */
  read(row: number): number;
  readonly events: Uint32Array;
  readonly severities: Uint8Array;
}

/** Operations as numbers from 1 on, the same in both periods; by row of each. 0: nobody asks about it. */
export interface OperationNumbers {
  readonly now: Uint32Array;
  readonly before: Uint32Array;
  readonly count: number;
}

export function gatherFlows(
  spans: SpanTable,
  options: {
    readonly range: TimeRange;
    readonly operationOfRow: Uint32Array;
    readonly operationCount: number;
    readonly source: EventSource;
  },
): EventFlows {
  const { range, operationOfRow, source } = options;
  const flows = new Map<number, Flow>();
  const flowOfRow: (Flow | undefined)[] = new Array(spans.count);
  const variantOfRow: (RunVariant | undefined)[] = new Array(spans.count);
  const registry = new VariantRegistry(source);
  for (let row = 0; row < spans.count; row++) {
    const operation = operationOfRow[row]!;
    if (operation === 0 || !isWithin(spans, row, range)) continue;
    const eventCount = source.read(row);
    if (eventCount < 0) continue;
    const parent = spans.parent[row]!;
    const caller = parent === NO_ROW ? 0 : operationOfRow[parent]!;
    const key = caller * (options.operationCount + 1) + operation;
    let flow = flows.get(key);
    if (flow === undefined) {
      flow = { key, row, variants: [], traceCount: 0, isVaried: false };
      flows.set(key, flow);
    }
    flowOfRow[row] = flow;
    variantOfRow[row] = registry.variantOf(flow, { eventCount, trace: spans.trace[row]! });
  }
  weighVariants(spans, { flowOfRow, variantOfRow });
  return { flows, variantOfRow };
}

/** Rows that are runs of one of the variants, ascending. */
export function rowsOfVariants(
  { variantOfRow }: EventFlows,
  variants: ReadonlySet<RunVariant>,
): number[] {
  const rows: number[] = [];
  for (const [row, variant] of variantOfRow.entries()) {
    if (variant !== undefined && variants.has(variant)) rows.push(row);
  }
  return rows;
}

/** Of a run that reaches out of the period some events may be missing. */
function isWithin(spans: SpanTable, row: number, { fromUs, toUs }: TimeRange): boolean {
  const startUs = spans.startUs[row]!;
  return startUs >= fromUs && startUs + spans.durationUs[row]! < toUs;
}

/** Each trace's runs of a flow share one vote. */
function weighVariants(
  spans: SpanTable,
  by: {
    readonly flowOfRow: readonly (Flow | undefined)[];
    readonly variantOfRow: readonly (RunVariant | undefined)[];
  },
): void {
  const runsOfFlow = new Map<Flow, number>();
  for (let trace = 0; trace < spans.traceIds.length; trace++) {
    const [from, to] = [spans.traceStart[trace]!, spans.traceStart[trace + 1]!];
    runsOfFlow.clear();
    for (let at = from; at < to; at++) {
      const flow = by.flowOfRow[spans.traceRows[at]!];
      if (flow !== undefined) runsOfFlow.set(flow, (runsOfFlow.get(flow) ?? 0) + 1);
    }
    for (const flow of runsOfFlow.keys()) flow.traceCount++;
    for (let at = from; at < to; at++) {
      const row = spans.traceRows[at]!;
      const [flow, variant] = [by.flowOfRow[row], by.variantOfRow[row]];
      if (flow === undefined || variant === undefined) continue;
      variant.weight += 1 / (runsOfFlow.get(flow) ?? 1);
      if (variant.firstTrace !== trace) variant.isOneTrace = false;
    }
  }
}

/** Knows each variant of each flow; looks one up by two hashes of its events, then compares them. */
class VariantRegistry {
  readonly #known = new Map<number, { readonly flow: Flow; readonly variant: RunVariant }>();
  readonly #source: EventSource;

  constructor(source: EventSource) {
    this.#source = source;
  }

  /** Of the events that the source read last. Undefined when the flow has more variants than are kept. */
  variantOf(
    flow: Flow,
    run: { readonly eventCount: number; readonly trace: number },
  ): RunVariant | undefined {
    const { events, severities } = this.#source;
    let hash = this.#hashOf(flow, run.eventCount);
    for (let known = this.#known.get(hash); known !== undefined; known = this.#known.get(++hash)) {
      if (known.flow === flow && this.#isSame(known.variant, run.eventCount)) return known.variant;
    }
    if (flow.variants.length >= LIMITS.flowVariantsMax) {
      flow.isVaried = true;
      return undefined;
    }
    const variant = {
      events: events.slice(0, run.eventCount),
      severities: severities.slice(0, run.eventCount),
      weight: 0,
      firstTrace: run.trace,
      isOneTrace: true,
    };
    flow.variants.push(variant);
    this.#known.set(hash, { flow, variant });
    return variant;
  }

  #hashOf(flow: Flow, eventCount: number): number {
    const { events } = this.#source;
    let high = Math.imul(flow.row + 1, 0x9e37_79b1);
    let low = 0x811c_9dc5;
    for (let index = 0; index < eventCount; index++) {
      const event = events[index]!;
      high = Math.imul(high ^ event, 0x85eb_ca77);
      high ^= high >>> 13;
      low = Math.imul(low ^ event, 0x0100_0193);
    }
    return (high >>> 0) * 2 ** 20 + (low >>> 12);
  }

  #isSame(variant: RunVariant, eventCount: number): boolean {
    if (variant.events.length !== eventCount) return false;
    const { events } = this.#source;
    for (let index = 0; index < eventCount; index++) {
      if (variant.events[index] !== events[index]) return false;
    }
    return true;
  }
}
