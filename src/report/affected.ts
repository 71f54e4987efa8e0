/** Who was hit: the requests with an anomalous span, the endpoints they entered by, users, conversations, bots. */
import type { Clustered } from '../model/investigation.ts';
import type { Impact } from '../model/report.ts';
import { SPAN_KIND } from '../model/vocabulary.ts';
import { NO_ROW, type SpanTable } from '../model/window.ts';

const ENDPOINTS_MAX = 10;
const BOTS_MAX = 50;

/** Look-ups that several parts of a report share. */
export interface Affected {
  /** By row: 1 when the span is anomalous. */
  readonly isAnomalous: Uint8Array;
  /** By trace: the row through which the request entered; NO_ROW for an empty trace. */
  readonly entryRows: Int32Array;
  /** Indices of the traces with an anomalous span. */
  readonly traces: Uint32Array;
}

export function buildAffected(clustered: Clustered): Affected {
  const { spans } = clustered.window;
  const isAnomalous = new Uint8Array(spans.count);
  for (const row of clustered.clustering.anomalousRows) isAnomalous[row] = 1;
  const entryRows = new Int32Array(spans.traceIds.length).fill(NO_ROW);
  for (let trace = 0; trace < entryRows.length; trace++) {
    entryRows[trace] = entryRowOf(spans, trace);
  }
  return { isAnomalous, entryRows, traces: clustered.clustering.anomalousTraces };
}

/** The earliest span without a parent; one that names no parent at all is preferred to an orphan. */
function entryRowOf(spans: SpanTable, trace: number): number {
  let found = NO_ROW;
  for (let at = spans.traceStart[trace]!; at < spans.traceStart[trace + 1]!; at++) {
    const row = spans.traceRows[at]!;
    if (spans.parent[row] !== NO_ROW) continue;
    if (spans.isOrphan[row] === 0) return row;
    if (found === NO_ROW) found = row;
  }
  return found;
}

interface EndpointCount {
  readonly service: string;
  readonly operation: string;
  requests: number;
  errors: number;
  isAffected: boolean;
}

/**
 * `requests` are those with an anomalous span; `errorRatio` is the share of all requests to the affected
 * endpoints that failed, and an endpoint's numbers are over all its requests in the window.
 */
export function buildImpact(clustered: Clustered, affected: Affected): Impact {
  const { spans } = clustered.window;
  const endpoints = countEndpoints(spans, affected);
  const hit = [...endpoints.values()].filter((endpoint) => endpoint.isAffected);
  const requests = sum(hit.map((endpoint) => endpoint.requests));
  const errors = sum(hit.map((endpoint) => endpoint.errors));
  return {
    endpoints: hit
      .sort(
        (a, b) =>
          b.errors - a.errors ||
          b.requests - a.requests ||
          compareText(`${a.service} ${a.operation}`, `${b.service} ${b.operation}`),
      )
      .slice(0, ENDPOINTS_MAX)
      .map(({ service, operation, requests: count, errors: failed }) => ({
        service,
        operation,
        requests: count,
        errorRatio: count === 0 ? 0 : failed / count,
      })),
    requests: affected.traces.length,
    errorRatio: requests === 0 ? 0 : errors / requests,
    users: distinctOf(spans, affected.traces, 'user.id').size,
    conversations: distinctOf(spans, affected.traces, 'gen_ai.conversation.id').size,
    bots: botsOf(spans, affected.traces),
  };
}

function countEndpoints(spans: SpanTable, affected: Affected): Map<string, EndpointCount> {
  const isAffected = new Uint8Array(spans.traceIds.length);
  for (const trace of affected.traces) isAffected[trace] = 1;
  const hasEntries = affected.entryRows.some((row) => row !== NO_ROW && isEntry(spans, row));
  const endpoints = new Map<string, EndpointCount>();
  affected.entryRows.forEach((row, trace) => {
    if (row === NO_ROW || (hasEntries && !isEntry(spans, row))) return;
    const key = `${spans.service[row]} ${spans.operation[row]}`;
    let endpoint = endpoints.get(key);
    if (!endpoint) {
      endpoint = {
        service: spans.strings.text(spans.service[row]!),
        operation: spans.strings.text(spans.operation[row]!),
        requests: 0,
        errors: 0,
        isAffected: false,
      };
      endpoints.set(key, endpoint);
    }
    endpoint.requests += 1;
    endpoint.errors += spans.isError[row]!;
    if (isAffected[trace] === 1) endpoint.isAffected = true;
  });
  return endpoints;
}

/** The inside of a request whose beginning is not here yet (it still runs) or was lost is no endpoint. */
export function isEntry(spans: SpanTable, row: number): boolean {
  const kind = spans.kind[row];
  return spans.isOrphan[row] === 0 || kind === SPAN_KIND.server || kind === SPAN_KIND.consumer;
}

/** String ids of the distinct values of an attribute in these traces. */
function distinctOf(spans: SpanTable, traces: Uint32Array, key: string): Set<number> {
  const values = new Set<number>();
  const keyId = spans.strings.find(key);
  if (keyId === undefined) return values;
  for (const trace of traces) {
    for (let at = spans.traceStart[trace]!; at < spans.traceStart[trace + 1]!; at++) {
      const found = spans.findAttribute(spans.traceRows[at]!, keyId);
      if (found !== NO_ROW && spans.attributeText[found] !== 0) {
        values.add(spans.attributeText[found]!);
      }
    }
  }
  return values;
}

function botsOf(spans: SpanTable, traces: Uint32Array): readonly string[] {
  const ids = distinctOf(spans, traces, 'coze.bot.id');
  for (const trace of traces) {
    for (let at = spans.traceStart[trace]!; at < spans.traceStart[trace + 1]!; at++) {
      const bot = spans.bot[spans.traceRows[at]!]!;
      if (bot !== 0) ids.add(bot);
    }
  }
  return [...ids]
    .map((id) => spans.strings.text(id))
    .sort(compareText)
    .slice(0, BOTS_MAX);
}

export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
