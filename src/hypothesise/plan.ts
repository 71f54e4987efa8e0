/**
 * What must hold if a hypothesis is true, and the probe that asks our own store; written before anything
 * runs. Probes of rules come with the rule.
 */
import type { TimeRange } from '../base/time.ts';
import type { ProbePlan, SuspectPattern } from '../model/hypothesis.ts';
import type { Text } from '../model/text.ts';
import type { RankedSuspect } from './explain.ts';
import { formatUs, text, tracesLink } from './suspicion.ts';

/** A cause shows in at least this share of the bad traces and in much fewer of the good ones. */
const EXPECTED_SHARE = '50 %';

export function planProbes(
  suspect: RankedSuspect,
  context: { readonly hypothesisId: string; readonly range: TimeRange },
): ProbePlan[] {
  const cohort = cohortProbe(suspect.pattern, context);
  const asked = JSON.stringify(cohort.spec);
  const fromRule = suspect.probePlans
    .filter(({ spec }) => JSON.stringify(spec) !== asked)
    // A rule that finds two services names their probes alike.
    .map((plan) => ({ ...plan, probeId: `${context.hypothesisId}.${plan.probeId}` }));
  return [cohort, ...fromRule];
}

function cohortProbe(
  pattern: SuspectPattern,
  { hypothesisId, range }: { readonly hypothesisId: string; readonly range: TimeRange },
): ProbePlan {
  const name = patternText(pattern);
  const link = tracesLink(
    {
      service: pattern.service,
      ...(pattern.operation === undefined ? {} : { operation: pattern.operation }),
    },
    range,
  );
  return {
    probeId: `${hypothesisId}.cohort`,
    kind: 'store',
    target: `cohort ${name.en}`,
    expectation: text(
      `异常请求中带有 ${name.zh} 的占多数（至少 ${EXPECTED_SHARE}），且明显多于正常请求`,
      `Most bad requests (at least ${EXPECTED_SHARE}) hold ${name.en}, and clearly fewer of the good ones do`,
    ),
    spec: { kind: 'store', query: { kind: 'cohort', suspect: pattern } },
    rerun: `curl -s "$TAPROOT_URL${link}"`,
  };
}

function patternText(pattern: SuspectPattern): Text {
  const parts = [pattern.service, pattern.operation, pattern.target && `→ ${pattern.target}`];
  const attributes = Object.entries(pattern.attributes ?? {})
    .map(([key, value]) => `${key}=${value}`)
    .sort();
  const name = [...parts, pattern.errorType, ...attributes].filter(Boolean).join(' ');
  if (pattern.selfUsMin === undefined) return text(`${name} 的调用`, `spans of ${name}`);
  const bound = formatUs(pattern.selfUsMin);
  return text(`${name} 自身耗时 ≥ ${bound} 的调用`, `spans of ${name} with own time ≥ ${bound}`);
}

/** Consequences that whoever reads the report can look at. */
export function predict(suspect: RankedSuspect): Text[] {
  const { service, dependency, version } = suspect.culprit;
  const name = patternText(suspect.pattern);
  const predictions = [
    text(
      `含有 ${name.zh} 的请求多数异常，不含的多数正常`,
      `Requests with ${name.en} are mostly bad, requests without are mostly good`,
    ),
  ];
  if (version !== undefined) {
    predictions.push(
      text(
        `${service} 的其他版本在同一时段正常`,
        `Other versions of ${service} are sound in the same period`,
      ),
    );
  }
  if (dependency !== undefined && suspect.services.size > 1) {
    predictions.push(
      text(`${dependency} 的所有调用方都受影响`, `All callers of ${dependency} are affected`),
    );
  }
  if (suspect.kind === 'cpu' || suspect.kind === 'memory' || suspect.kind === 'pool') {
    predictions.push(
      text(
        `该指标恢复后，${service} 的自身耗时随之恢复`,
        `Own time of ${service} recovers as soon as the metric does`,
      ),
    );
  }
  return predictions;
}
