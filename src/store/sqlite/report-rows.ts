/** What of a report stands in columns and rows of its own: its summary, and its pinned evidence by trace. */
import type { Report } from '../../model/report.ts';
import type { LogRecord, Span } from '../../model/span.ts';
import type { PinnedEvidence, ReportSummary } from '../api/state.ts';

export function summaryOf(report: Report): ReportSummary {
  const { reportId, createdAtUs, status, verdict, confidence, trigger, summary } = report;
  const rootCause = report.hypotheses.find(
    (hypothesis) => hypothesis.hypothesisId === report.rootCause,
  );
  const services = new Set([
    ...(rootCause ? [rootCause.culprit.service] : []),
    ...report.impact.endpoints.map((endpoint) => endpoint.service),
    ...report.clusters.map((cluster) => cluster.signature.service),
  ]);
  return {
    reportId,
    createdAtUs,
    status,
    verdict,
    confidence,
    triggerKind: trigger.kind,
    summary,
    services: [...services].sort(),
  };
}

/** Logs without a trace stand under the empty id. */
export function byTrace(pinned: PinnedEvidence): ReadonlyMap<string, PinnedEvidence> {
  const traces = new Map<string, { spans: Span[]; logs: LogRecord[] }>();
  const entryOf = (traceId: string) => {
    let entry = traces.get(traceId);
    if (!entry) {
      entry = { spans: [], logs: [] };
      traces.set(traceId, entry);
    }
    return entry;
  };
  for (const span of pinned.spans) entryOf(span.traceId).spans.push(span);
  for (const log of pinned.logs) entryOf(log.traceId ?? '').logs.push(log);
  return traces;
}
