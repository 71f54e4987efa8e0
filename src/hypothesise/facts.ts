/**
 * What all channels look at: operations of both periods, who calls whom, which traces are bad and where
 * their extra time lies. Computed once; channels only read it.
 */
import type { Clustered } from '../model/investigation.ts';
import { type OperationRows, pairKey, rowsByOperation } from '../model/row-groups.ts';
import { INFRA_KINDS, type InfraKind } from '../model/vocabulary.ts';
import { NO_ROW, type SpanTable } from '../model/window.ts';
import { findPlaces, type Place } from './place.ts';
import type { Period } from './place-context.ts';
import { isCall, timeRequests } from './request-time.ts';
import { joinLogs, type SpanLogs } from './span-log.ts';
import { compareText } from './suspicion.ts';

export interface OperationFact {
  readonly service: string;
  readonly operation: string;
  readonly group: OperationRows;
  readonly referenceRows: Uint32Array;
  /** Of the first row; empty text for none. */
  readonly target: string;
  readonly infra: InfraKind;
  readonly isClient: boolean;
  /** Service that most of the spans call directly in another process; undefined for none. */
  readonly callee: string | undefined;
}

export interface CallEdge {
  readonly caller: string;
  readonly callee: string;
}

export interface Facts {
  readonly clustered: Clustered;
  readonly table: SpanTable;
  readonly hasReference: boolean;
  /** Logs by span, of the window and the reference; undefined when one of them has no logs. */
  readonly spanLogs: { readonly now: SpanLogs; readonly before: SpanLogs } | undefined;
  /** Sorted by service, then operation. */
  readonly operations: readonly OperationFact[];
  readonly operationByKey: ReadonlyMap<number, OperationFact>;
  /** By trace index: 1 when the trace counts as bad. */
  readonly isBadTrace: Uint8Array;
  readonly badTraceCount: number;
  /** By row: 1 when the span is anomalous. */
  readonly isAnomalous: Uint8Array;
  /** Where requests spend time, each compared with the reference. */
  readonly places: readonly Place[];
  /** Calls whose answers should have been recorded and were not: what they took says nothing. */
  readonly unansweredCount: number;
  /** Extra time of all places in the bad traces, and their waits between attempts. */
  readonly excessUs: number;
  /** By row of a failed attempt: how long its caller then waited to try again. */
  readonly retryWaitUs: Float64Array;
  /** By row: 1 when it is an attempt after a failed one. */
  readonly isRetry: Uint8Array;
  /** Caller → callees, from spans of both periods and the topology. */
  readonly calleesOf: ReadonlyMap<string, ReadonlySet<string>>;
  /** Earliest anomalous span, or anomaly, or the window's begin. */
  readonly onsetUs: number;
}

export function gatherFacts(clustered: Clustered): Facts {
  const table = clustered.window.spans;
  const isAnomalous = new Uint8Array(table.count);
  for (const row of clustered.clustering.anomalousRows) isAnomalous[row] = 1;
  const { isBadTrace, isScoped } = markBadTraces(clustered, isAnomalous);
  const now: Period = { table, times: timeRequests(table) };
  const reference = clustered.reference?.spans;
  const before = reference && { table: reference, times: timeRequests(reference) };
  const { places, unansweredCount } = findPlaces(now, before, { isBadTrace, isScoped });
  const { causedUs, isRetry } = now.times;
  const operations = gatherOperations(clustered);
  return {
    clustered,
    table,
    hasReference: reference !== undefined,
    spanLogs: joinBoth(clustered),
    operations,
    operationByKey: new Map(operations.map((fact) => [fact.group.key, fact])),
    isBadTrace,
    badTraceCount: isBadTrace.reduce((sum, isBad) => sum + isBad, 0),
    isAnomalous,
    places,
    unansweredCount,
    excessUs:
      places.reduce((sum, { excessUs }) => sum + excessUs, 0) +
      causedUs.reduce((sum, us, row) => sum + us * isBadTrace[table.trace[row]!]!, 0),
    retryWaitUs: causedUs,
    isRetry,
    calleesOf: gatherCallees(clustered),
    onsetUs: onsetOf(clustered),
  };
}

function joinBoth({ window, reference }: Clustered): Facts['spanLogs'] {
  if (window.logs.count === 0 || reference === undefined || reference.logs.count === 0) {
    return undefined;
  }
  return { now: joinLogs(window), before: joinLogs(reference) };
}

/**
 * The traces to explain: those with an anomalous span; and where the caller named a service that has such
 * spans itself, only the traces with one of its own, because other trouble was not asked about.
 */
function markBadTraces(
  clustered: Clustered,
  isAnomalous: Uint8Array,
): { readonly isBadTrace: Uint8Array; readonly isScoped: boolean } {
  const table = clustered.window.spans;
  const { service } = clustered.request.scope;
  const serviceId = service === undefined ? undefined : table.strings.find(service);
  const marked = new Uint8Array(table.traceIds.length);
  let count = 0;
  for (const row of clustered.clustering.anomalousRows) {
    if (serviceId === undefined || table.service[row] !== serviceId) continue;
    marked[table.trace[row]!] = 1;
    count++;
  }
  if (count > 0) return { isBadTrace: marked, isScoped: true };
  for (let row = 0; row < table.count; row++) {
    if (isAnomalous[row] === 1) marked[table.trace[row]!] = 1;
  }
  return { isBadTrace: marked, isScoped: false };
}

function gatherOperations(clustered: Clustered): OperationFact[] {
  const table = clustered.window.spans;
  const reference = clustered.reference?.spans;
  const callees = calleeByOperation(table);
  const referenceGroups = reference ? rowsByOperation(reference) : undefined;
  const facts: OperationFact[] = [];
  for (const group of rowsByOperation(table).values()) {
    const first = group.rows[0]!; // a group has at least one row
    facts.push({
      service: table.strings.text(group.service),
      operation: table.strings.text(group.operation),
      group,
      referenceRows: referenceGroups?.get(group.key)?.rows ?? new Uint32Array(0),
      target: table.strings.text(table.target[first]!),
      infra: INFRA_KINDS[table.infra[first]!] ?? 'none',
      isClient: isCall(table, first),
      callee: callees.get(group.key),
    });
  }
  return facts.sort(
    (a, b) => compareText(a.service, b.service) || compareText(a.operation, b.operation),
  );
}

/** The service that most spans of an operation call in another service's process. */
function calleeByOperation(table: SpanTable): Map<number, string> {
  const counts = new Map<number, Map<number, number>>();
  for (let row = 0; row < table.count; row++) {
    const parent = table.parent[row]!;
    if (parent === NO_ROW || table.service[parent] === table.service[row]) continue;
    const key = pairKey(table.service[parent]!, table.operation[parent]!);
    const byCallee = counts.get(key) ?? new Map<number, number>();
    byCallee.set(table.service[row]!, (byCallee.get(table.service[row]!) ?? 0) + 1);
    counts.set(key, byCallee);
  }
  const callees = new Map<number, string>();
  for (const [key, byCallee] of counts) {
    const [first] = [...byCallee]
      .map(([id, count]) => ({ name: table.strings.text(id), count }))
      .sort((a, b) => b.count - a.count || compareText(a.name, b.name));
    if (first) callees.set(key, first.name);
  }
  return callees;
}

function gatherCallees(clustered: Clustered): Map<string, Set<string>> {
  const callees = new Map<string, Set<string>>();
  const add = (caller: string, callee: string): void => {
    const known = callees.get(caller);
    if (known) known.add(callee);
    else callees.set(caller, new Set([callee]));
  };
  for (const table of [clustered.window.spans, clustered.reference?.spans]) {
    if (table === undefined) continue;
    const seen = new Set<number>();
    for (let row = 0; row < table.count; row++) {
      const parent = table.parent[row]!;
      if (parent === NO_ROW || table.service[parent] === table.service[row]) continue;
      const key = pairKey(table.service[parent]!, table.service[row]!);
      if (seen.has(key)) continue;
      seen.add(key);
      add(table.strings.text(table.service[parent]!), table.strings.text(table.service[row]!));
    }
  }
  for (const [caller, callee] of clustered.topology) if (caller !== callee) add(caller, callee);
  return callees;
}

function onsetOf(clustered: Clustered): number {
  const { range, spans } = clustered.window;
  let onsetUs = Number.POSITIVE_INFINITY;
  for (const row of clustered.clustering.anomalousRows) {
    onsetUs = Math.min(onsetUs, spans.startUs[row]!);
  }
  for (const anomaly of clustered.anomalies) onsetUs = Math.min(onsetUs, anomaly.range.fromUs);
  return Number.isFinite(onsetUs) ? Math.max(onsetUs, range.fromUs) : range.fromUs;
}
