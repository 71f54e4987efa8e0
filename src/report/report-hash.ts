/**
 * The hash of a report's facts: equal for equal data, rules and version, whenever and wherever it was made.
 * Outside stand ids, times of making, what live probes answered, and all that is computed from the answers:
 * verdicts, confidence, posterior, order, consensus, summary, and which hypothesis won.
 */
import { createHash } from 'node:crypto';
import { PROBE_EVIDENCE_PREFIX, type VerifiedHypothesis } from '../model/hypothesis.ts';
import type { Report } from '../model/report.ts';
import { canonicalJson } from './canonical.ts';

export function reportHashOf(report: Omit<Report, 'reportHash'>): string {
  return createHash('sha256')
    .update(canonicalJson(hashedFacts(report)))
    .digest('hex');
}

function hashedFacts(report: Omit<Report, 'reportHash'>) {
  const identities = new Map(report.hypotheses.map((h) => [h.hypothesisId, identityOf(h)]));
  return {
    schemaVersion: report.schemaVersion,
    trigger: report.trigger,
    window: report.window,
    reference: report.reference,
    scope: report.scope,
    firstSymptom: report.firstSymptom,
    impact: report.impact,
    collect: {
      ...report.collect,
      anomalies: report.collect.anomalies.map(({ anomalyId: _, ...facts }) => facts),
    },
    clusters: report.clusters.map(({ clusterId: _, ...facts }) => facts),
    clusterClasses: report.clusterClasses?.map(({ count, share }) => ({ count, share })),
    clusterCoverage: report.clusterCoverage,
    anomalousCount: report.anomalousCount,
    hypotheses: report.hypotheses
      .map((hypothesis) => canonicalJson(hypothesisFacts(hypothesis, identities)))
      .sort(),
    noise: report.noise,
    timeline: report.timeline,
    propagation: report.propagation,
    changes: report.changes.map(({ changeId: _, ...facts }) => facts),
    engine: report.engine,
    dataHash: report.dataHash,
  };
}

function hypothesisFacts(
  hypothesis: VerifiedHypothesis,
  identities: ReadonlyMap<string, string>,
): object {
  const { ruleId, culprit, kind, detail, statement, predictions, fix, effectOf } = hypothesis;
  return {
    ruleId,
    culprit,
    kind,
    detail,
    statement,
    predictions,
    fix,
    effectOf: effectOf === undefined ? undefined : identities.get(effectOf),
    evidence: hypothesis.evidence
      .filter(({ evidenceId }) => !evidenceId.startsWith(PROBE_EVIDENCE_PREFIX))
      .map(({ evidenceId: _, ...facts }) => canonicalJson(facts))
      .sort(),
    probes: hypothesis.probePlans
      .map(({ probeId: _, kind: use, target, expectation }) =>
        canonicalJson({ use, target, expectation }),
      )
      .sort(),
  };
}

function identityOf({ ruleId, culprit, kind }: VerifiedHypothesis): string {
  return canonicalJson({ ruleId, culprit, kind });
}
