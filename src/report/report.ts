/**
 * Step 4 of an investigation: makes the fact graph of a report from what the steps found. Pure and
 * deterministic; the renderers beside it make JSON, Markdown, HTML and terminal text from the graph.
 */
import { LIMITS } from '../base/limits.ts';
import type { Consensus, Noise, VerifiedHypothesis } from '../model/hypothesis.ts';
import type { Clustered } from '../model/investigation.ts';
import type { Report, StepTimes } from '../model/report.ts';
import { buildAffected, buildImpact } from './affected.ts';
import { buildBlastRadius } from './blast-radius.ts';
import { dataHashOf } from './data-hash.ts';
import { buildGaps } from './gaps.ts';
import { buildNextSteps } from './next-steps.ts';
import { findFirstSymptom, findOnset } from './onset.ts';
import { buildPropagation } from './propagation.ts';
import { reportHashOf } from './report-hash.ts';
import { buildSummary } from './summary.ts';
import { buildTelemetryQuality } from './telemetry-quality.ts';
import { buildTimeline } from './timeline.ts';

export { renderHtml } from './html.ts';
export { type IncidentView, renderIncident, renderIncidentList } from './incident-page.ts';
export { type ReportDocument, renderJson } from './json.ts';
export { renderMarkdown } from './markdown.ts';
export { renderPicture } from './picture-svg.ts';
export { renderText } from './text.ts';

/** What the verification concluded. */
export interface Verified {
  /** By rank: the first is the best. */
  readonly hypotheses: readonly VerifiedHypothesis[];
  readonly consensus: Consensus;
  readonly verdict: Report['verdict'];
  readonly confidence: number;
  /** Id of a hypothesis. */
  readonly rootCause: string | undefined;
}

export interface ComposeInput {
  readonly reportId: string;
  readonly createdAtUs: number;
  readonly clustered: Clustered;
  readonly verified: Verified;
  readonly noise: Noise;
  readonly times: StepTimes;
  readonly engine: Report['engine'];
  /** True when the analysis was cut short. */
  readonly isPartial: boolean;
}

export function composeReport(input: ComposeInput): Report {
  const { clustered, verified } = input;
  const { clustering, request, window } = clustered;
  const affected = buildAffected(clustered);
  const impact = {
    ...buildImpact(clustered, affected),
    by: buildBlastRadius(clustered, affected),
  };
  const signals = signalsOf(clustered);
  const { hypotheses, verdict } = verified;
  const gaps = buildGaps(clustered, { isPartial: input.isPartial });
  const telemetryQuality = buildTelemetryQuality(clustered);
  const report: Omit<Report, 'reportHash'> = {
    schemaVersion: 1,
    reportId: input.reportId,
    createdAtUs: input.createdAtUs,
    status: input.isPartial ? 'partial' : 'complete',
    trigger: request.trigger,
    window: window.range,
    reference: referenceOf(clustered),
    scope: request.scope,
    summary: buildSummary({
      verdict: verified.verdict,
      confidence: verified.confidence,
      cause: verified.hypotheses.find((h) => h.hypothesisId === verified.rootCause),
      impact,
      signals,
      anomalousCount: clustering.anomalousCount,
      classes: clustering.classes,
      onsetUs: findOnset(clustered),
    }),
    ...conclusionOf(verified),
    noise: input.noise,
    firstSymptom: findFirstSymptom(clustered, affected),
    impact,
    collect: {
      signals,
      gaps,
      telemetryQuality,
      anomalies: clustered.anomalies,
    },
    clusters: clustering.clusters.slice(0, LIMITS.clustersMax),
    clusterClasses: clustering.classes,
    clusterCoverage: clustering.coverage,
    anomalousCount: clustering.anomalousCount,
    timeline: buildTimeline(clustered, hypotheses),
    propagation: buildPropagation(clustered, affected),
    changes: clustered.changes,
    nextSteps: buildNextSteps(clustered, { verdict, gaps: [...gaps, ...telemetryQuality] }),
    engine: input.engine,
    dataHash: dataHashOf(clustered),
    times: input.times,
  };
  return { ...report, reportHash: reportHashOf(report) };
}

function signalsOf({ window, changes }: Clustered): Report['collect']['signals'] {
  return {
    traces: window.spans.traceIds.length,
    spans: window.spans.count,
    logs: window.logs.count,
    metrics: window.series.length,
    profiles: window.profiles?.length ?? 0,
    changes: changes.length,
  };
}

/** The same report after its probes ran again: the facts stay, what follows from the probes is new. */
export function recomposeReport(report: Report, verified: Verified): Report {
  const onset = report.timeline.find((entry) => entry.kind === 'onset');
  const renewed: Report = {
    ...report,
    ...conclusionOf(verified),
    summary: buildSummary({
      verdict: verified.verdict,
      confidence: verified.confidence,
      cause: verified.hypotheses.find((h) => h.hypothesisId === verified.rootCause),
      impact: report.impact,
      signals: report.collect.signals,
      anomalousCount: report.anomalousCount,
      classes: report.clusterClasses ?? [],
      onsetUs: onset?.timeUs,
    }),
  };
  return { ...renewed, reportHash: reportHashOf(renewed) };
}

function conclusionOf(
  verified: Verified,
): Pick<Report, 'verdict' | 'confidence' | 'rootCause' | 'hypotheses' | 'consensus'> {
  const { verdict, confidence, rootCause, hypotheses, consensus } = verified;
  return { verdict, confidence, rootCause, hypotheses, consensus };
}

function referenceOf(clustered: Clustered): Report['reference'] {
  const range = clustered.reference?.range ?? clustered.request.reference;
  if (range === undefined || clustered.referenceKind === 'none') return { kind: 'none' };
  return { fromUs: range.fromUs, toUs: range.toUs, kind: clustered.referenceKind };
}
