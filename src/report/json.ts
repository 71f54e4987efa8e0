/** The report as a JSON document: docs/report.md, schema version 1. Times are RFC 3339, sentences in one language. */
import { formatTime } from '../base/time.ts';
import type { CausePath, Evidence, ProbeRun, VerifiedHypothesis } from '../model/hypothesis.ts';
import { anomalyJson, changeJson, clusterJson, jsonNumber, rangeJson } from '../model/json.ts';
import type { Alert, Gap, Report } from '../model/report.ts';
import type { Language } from '../model/text.ts';
import { onlyValueOf, shareInterval } from './blast-radius.ts';
import { chronicleOf } from './chronicle.ts';
import { propagationMapOf } from './propagation-map.ts';

export const CONSENSUS_RULE = '≥3 kinds: automatic · 2: probable · 1: human review';

export type ReportDocument = ReturnType<typeof renderJson>;

export function renderJson(report: Report, lang: Language) {
  return {
    schemaVersion: report.schemaVersion,
    id: report.reportId,
    createdAt: formatTime(report.createdAtUs),
    status: report.status,
    lang,
    trigger: { kind: report.trigger.kind, alerts: report.trigger.alerts.map(alertJson) },
    window: rangeJson(report.window),
    reference:
      'fromUs' in report.reference
        ? { ...rangeJson(report.reference), kind: report.reference.kind }
        : null,
    scope: report.scope,
    summary: report.summary[lang],
    verdict: report.verdict,
    confidence: report.confidence,
    rootCause: report.rootCause ?? null,
    firstSymptom: report.firstSymptom
      ? {
          culprit: report.firstSymptom.culprit,
          time: formatTime(report.firstSymptom.timeUs),
          statement: report.firstSymptom.statement[lang],
        }
      : null,
    impact: impactJson(report),
    steps: {
      collect: {
        signals: report.collect.signals,
        gaps: report.collect.gaps.map((gap) => gapJson(gap, lang)),
        telemetryQuality: report.collect.telemetryQuality.map((gap) => gapJson(gap, lang)),
        anomalies: report.collect.anomalies.map((anomaly) => anomalyJson(anomaly, lang)),
        durationMs: report.times.collectMs,
      },
      cluster: {
        clusters: report.clusters.map(clusterJson),
        classes: (report.clusterClasses ?? []).map((one) => ({
          id: one.classId,
          root: one.rootClusterId,
          clusters: one.clusterIds,
          count: one.count,
          share: one.share,
        })),
        coverage: report.clusterCoverage,
        anomalousCount: report.anomalousCount,
        durationMs: report.times.clusterMs,
      },
      verify: {
        hypotheses: report.hypotheses.map((hypothesis, index) =>
          hypothesisJson(hypothesis, { rank: index + 1, lang }),
        ),
        hypothesiseMs: report.times.hypothesiseMs,
        durationMs: report.times.verifyMs,
      },
      totalMs: report.times.totalMs,
    },
    noise: report.noise ?? null,
    consensus: {
      sources: report.consensus.sources,
      rule: CONSENSUS_RULE,
      decision: report.consensus.decision,
    },
    timeline: chronicleOf(report).map((entry) => ({
      time: formatTime(entry.timeUs),
      kind: entry.kind,
      text: entry.text[lang],
    })),
    propagation: propagationJson(report),
    changes: report.changes.map(changeJson),
    nextSteps: report.nextSteps.map((step) => step[lang]),
    engine: report.engine,
    dataHash: report.dataHash,
    reportHash: report.reportHash,
  };
}

function alertJson(alert: Alert) {
  return {
    name: alert.name,
    status: alert.status,
    fingerprint: alert.fingerprint,
    labels: alert.labels,
    annotations: alert.annotations,
    startsAt: formatTime(alert.startsAtUs),
    endsAt: alert.endsAtUs === undefined ? null : formatTime(alert.endsAtUs),
    ...(alert.generatorUrl === undefined ? {} : { generatorUrl: alert.generatorUrl }),
  };
}

/** Adds each value's 95 % interval, and the one value that all affected requests carry. */
function impactJson({ impact }: Report) {
  const { by, ...facts } = impact;
  if (by === undefined) return facts;
  return {
    ...facts,
    by: by.map((one) => ({
      ...one,
      only: onlyValueOf(one) ?? null,
      values: one.values.map((value) => {
        const { low, high } = shareInterval(value);
        return { ...value, interval: [low, high] };
      }),
    })),
  };
}

/** Adds the part that every node plays and the chain from the symptom to the first hypothesis. */
function propagationJson(report: Report) {
  const { nodes, edges } = report.propagation;
  const map = propagationMapOf(report);
  const roles = Object.fromEntries(map.nodes.map(({ name, role }) => [name, role]));
  return { nodes, edges, roles, chain: map.chain };
}

function gapJson(gap: Gap, lang: Language) {
  const { what, why, effect, remedy } = gap;
  return {
    what: what[lang],
    why: why[lang],
    effect: effect[lang],
    ...(remedy === undefined ? {} : { remedy: remedy[lang] }),
  };
}

function hypothesisJson(
  hypothesis: VerifiedHypothesis,
  options: { readonly rank: number; readonly lang: Language },
) {
  const { lang } = options;
  const { ruleId, detail, counterfactual, fix, effectOf, path } = hypothesis;
  return {
    id: hypothesis.hypothesisId,
    rank: options.rank,
    ...(ruleId === undefined ? {} : { ruleId }),
    culprit: hypothesis.culprit,
    kind: hypothesis.kind,
    ...(detail === undefined ? {} : { detail }),
    statement: hypothesis.statement[lang],
    ...(path === undefined ? {} : { path: pathJson(path) }),
    score: hypothesis.score,
    posterior: hypothesis.posterior,
    verdict: hypothesis.verdict,
    evidence: hypothesis.evidence.map((evidence) => evidenceJson(evidence, lang)),
    predictions: hypothesis.predictions.map((prediction) => prediction[lang]),
    probes: hypothesis.probes.map((probe) => probeJson(probe, lang)),
    ...(counterfactual === undefined
      ? {}
      : { counterfactual: { ...counterfactual, statement: counterfactual.statement[lang] } }),
    ...(fix === undefined ? {} : { fix }),
    ...(effectOf === undefined ? {} : { effectOf }),
  };
}

function pathJson({ onsetUs, ...path }: CausePath) {
  return { ...path, onset: formatTime(onsetUs) };
}

function evidenceJson(evidence: Evidence, lang: Language) {
  return {
    id: evidence.evidenceId,
    source: evidence.source,
    direction: evidence.direction,
    statement: evidence.statement[lang],
    value: jsonNumber(evidence.value),
    expected: jsonNumber(evidence.expected),
    ...(evidence.unit === undefined ? {} : { unit: evidence.unit }),
    ...(evidence.interval === undefined ? {} : { interval: evidence.interval }),
    n: evidence.n,
    weight: evidence.weight,
    link: evidence.link ?? null,
  };
}

function probeJson(probe: ProbeRun, lang: Language) {
  return {
    id: probe.plan.probeId,
    kind: probe.plan.kind,
    target: probe.plan.target,
    expectation: probe.plan.expectation[lang],
    outcome: probe.outcome,
    observed: probe.observed[lang],
    ...(probe.weight === undefined ? {} : { weight: probe.weight }),
    ...(probe.placebo === undefined ? {} : { placebo: probe.placebo }),
    ranAt: formatTime(probe.ranAtUs),
    durationMs: probe.durationMs,
    rerun: probe.plan.rerun,
  };
}
