/**
 * In which order the lines of a span's log come. Runs of an operation under one caller are one flow; runs
 * with the same lines in the same order are one variant, so that all that follows costs by variants.
 */
import { LIMITS } from '../base/limits.ts';
import { NO_ROW, type SpanTable, type WindowData } from '../model/window.ts';
import type { SpanLogs } from './span-log.ts';

/** Begin and end of a run, where other events are string ids: ids are above 0 and below 2 ** 26. */
export const RUN_START = 0;
export const RUN_END = 2 ** 26 - 1;

export interface RunVariant {
  /** Lines in order: the place in the code, or the template where no place is known. */
  readonly events: Uint32Array;
  readonly severities: Uint8Array;
  /** Sum over traces of the share of the trace's runs of the flow: runs of one trace are no independent witnesses. */
  weight: number;
  runCount: number;
  /** The trace of the first run, and whether all runs lie in it. */
  readonly firstTrace: number;
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
  readonly joined: SpanLogs;
  readonly flows: ReadonlyMap<number, Flow>;
  /** By row; undefined for a row that is no run. */
  readonly variantOfRow: ReadonlyArray<RunVariant | undefined>;
}

export interface FlowOptions {
  readonly joined: SpanLogs;
  /** By row: the same number above 0 for the same operation in both periods; 0 for one nobody asks about. */
  readonly operationOfRow: Uint32Array;
  /** By such a number: 1 when the operation logs inside spans. */
  readonly isLogging: Uint8Array;
}

export function gatherFlows(data: WindowData, options: FlowOptions): EventFlows {
  const { joined, operationOfRow, isLogging } = options;
  const { spans } = data;
  const isCovered = coverageOf(data, joined);
  const flows = new Map<number, Flow>();
  const flowOfRow: (Flow | undefined)[] = new Array(spans.count);
  const variantOfRow: (RunVariant | undefined)[] = new Array(spans.count);
  const registry = new VariantRegistry(data, joined);
  for (let row = 0; row < spans.count; row++) {
    const operation = operationOfRow[row]!;
    if (isLogging[operation] === 0 || !isCovered(row)) continue;
    const parent = spans.parent[row]!;
    const caller = parent === NO_ROW ? 0 : operationOfRow[parent]!;
    const key = caller * isLogging.length + operation;
    let flow = flows.get(key);
    if (flow === undefined) {
      flow = { key, row, variants: [], traceCount: 0, isVaried: false };
      flows.set(key, flow);
    }
    flowOfRow[row] = flow;
    variantOfRow[row] = registry.variantOf(row, flow);
  }
  weighVariants(spans, { flowOfRow, variantOfRow });
  return { joined, flows, variantOfRow };
}

/** By operation number: whether it has a line of its own in the period. */
export function markLogging(
  joined: SpanLogs,
  { operationOfRow, marks }: { readonly operationOfRow: Uint32Array; readonly marks: Uint8Array },
): void {
  for (let row = 0; row < joined.start.length - 1; row++) {
    if (joined.start[row + 1]! > joined.start[row]!) marks[operationOfRow[row]!] = 1;
  }
  marks[0] = 0;
}

/**
 * A run counts when all its lines can be here: it lies within the period, and within the time in which lines
 * of its service came at all. Where those stop, the log was lost, not the work.
 */
function coverageOf(
  { range, spans, logs }: WindowData,
  joined: SpanLogs,
): (row: number) => boolean {
  const first = new Map<number, number>();
  const last = new Map<number, number>();
  for (let row = 0; row < spans.count; row++) {
    const [from, to] = [joined.start[row]!, joined.start[row + 1]!];
    if (from === to) continue;
    const service = spans.service[row]!;
    const firstUs = logs.timeUs[joined.logs[from]!]!;
    const lastUs = logs.timeUs[joined.logs[to - 1]!]!;
    first.set(service, Math.min(first.get(service) ?? firstUs, firstUs));
    last.set(service, Math.max(last.get(service) ?? lastUs, lastUs));
  }
  return (row) => {
    const service = spans.service[row]!;
    const startUs = spans.startUs[row]!;
    const endUs = startUs + spans.durationUs[row]!;
    if (startUs < range.fromUs || endUs >= range.toUs) return false;
    return startUs <= (last.get(service) ?? 0) && endUs >= (first.get(service) ?? range.toUs);
  };
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
      variant.runCount++;
      if (variant.firstTrace !== trace) variant.isOneTrace = false;
    }
  }
}

/** Knows each variant of each flow; looks one up by two hashes of its lines, then compares them. */
class VariantRegistry {
  readonly #known = new Map<number, { readonly flow: Flow; readonly variant: RunVariant }>();
  readonly #data: WindowData;
  readonly #joined: SpanLogs;

  constructor(data: WindowData, joined: SpanLogs) {
    this.#data = data;
    this.#joined = joined;
  }

  /** Undefined when the flow has more variants than are kept. */
  variantOf(row: number, flow: Flow): RunVariant | undefined {
    const [from, to] = [this.#joined.start[row]!, this.#joined.start[row + 1]!];
    let high = Math.imul(flow.row + 1, 0x9e37_79b1);
    let low = 0x811c_9dc5;
    for (let at = from; at < to; at++) {
      const event = this.#eventOf(at);
      high = Math.imul(high ^ event, 0x85eb_ca77);
      high ^= high >>> 13;
      low = Math.imul(low ^ event, 0x0100_0193);
    }
    let hash = (high >>> 0) * 2 ** 20 + (low >>> 12);
    for (let known = this.#known.get(hash); known !== undefined; known = this.#known.get(++hash)) {
      if (known.flow === flow && this.#isSame(known.variant, from, to)) return known.variant;
    }
    if (flow.variants.length >= LIMITS.flowVariantsMax) {
      flow.isVaried = true;
      return undefined;
    }
    const variant = this.#create(row, from, to);
    flow.variants.push(variant);
    this.#known.set(hash, { flow, variant });
    return variant;
  }

  #create(row: number, from: number, to: number): RunVariant {
    const events = new Uint32Array(to - from);
    const severities = new Uint8Array(to - from);
    for (let at = from; at < to; at++) {
      events[at - from] = this.#eventOf(at);
      severities[at - from] = this.#data.logs.severity[this.#joined.logs[at]!]!;
    }
    const firstTrace = this.#data.spans.trace[row]!;
    return { events, severities, weight: 0, runCount: 0, firstTrace, isOneTrace: true };
  }

  #isSame({ events }: RunVariant, from: number, to: number): boolean {
    if (events.length !== to - from) return false;
    for (let at = from; at < to; at++) if (events[at - from] !== this.#eventOf(at)) return false;
    return true;
  }

  #eventOf(at: number): number {
    const log = this.#joined.logs[at]!;
    return this.#data.logs.source[log]! || this.#data.logs.template[log]!;
  }
}
