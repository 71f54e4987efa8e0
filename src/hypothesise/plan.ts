/**
 * What must hold if a hypothesis is true, and the probe that asks our own store; written before anything
 * runs. Probes of rules come with the rule.
 */
import { formatUs } from '../base/quantity.ts';
import type { TimeRange } from '../base/time.ts';
import type { CauseKind, FlowBreak, ProbePlan, SuspectPattern } from '../model/hypothesis.ts';
import type { Text } from '../model/text.ts';
import type { RankedSuspect } from './explain.ts';
import { metricLink, text, tracesLink } from './suspicion.ts';

/** A cause shows in at least this share of the bad traces and in much fewer of the good ones. */
const EXPECTED_SHARE = '50 %';

/** What every request meets, or none shows, tells bad requests from good ones in no comparison of both. */
const CARRIED_BY_ALL: ReadonlySet<CauseKind> = new Set(['telemetry', 'traffic']);

export function planProbes(
  suspect: RankedSuspect,
  context: { readonly hypothesisId: string; readonly range: TimeRange },
): ProbePlan[] {
  const own = doseProbe(suspect, context) ?? cohortProbe(suspect.pattern, context);
  const asked = JSON.stringify(own.spec);
  const fromRule = suspect.probePlans
    .filter(({ spec }) => JSON.stringify(spec) !== asked)
    // A rule that finds two services names their probes alike.
    .map((plan) => ({ ...plan, probeId: `${context.hypothesisId}.${plan.probeId}` }));
  return CARRIED_BY_ALL.has(suspect.kind) ? fromRule : [own, ...fromRule];
}

/** A suspect of which a metric is all that shows: traces are asked whether they follow it. */
function doseProbe(
  { culprit, pattern, detail }: RankedSuspect,
  { hypothesisId, range }: { readonly hypothesisId: string; readonly range: TimeRange },
): ProbePlan | undefined {
  const { service } = culprit;
  const metric = detail['metric'];
  const isWholeService = Object.keys(pattern).every((key) => key === 'service');
  if (metric === undefined || !isWholeService) return undefined;
  return {
    probeId: `${hypothesisId}.dose`,
    kind: 'store',
    target: `dose: ${service} ${metric}`,
    expectation: text(
      `${service} 的 ${metric} 升降时，请求状况随之变化`,
      `Requests get worse and better as ${metric} of ${service} rises and falls`,
    ),
    spec: { kind: 'store', query: { kind: 'dose', service, metric } },
    rerun: `curl -s "\${TAPROOT_URL:-http://127.0.0.1:4400}${metricLink({ service, name: metric }, range)}"`,
  };
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
    target: `cohort: ${patternLabel(pattern)}`,
    expectation:
      pattern.flow === undefined
        ? text(
            `多数异常请求（至少 ${EXPECTED_SHARE}）含有“${name.zh}”，正常请求中则少得多`,
            `Most bad requests (at least ${EXPECTED_SHARE}) have ${name.en}; far fewer of the good ones do`,
          )
        : text(
            `同类请求中，“${name.zh}”比参照期多一倍以上`,
            `Among requests of one kind, there are more than twice as many ${name.en} as in the reference`,
          ),
    spec: { kind: 'store', query: { kind: 'cohort', suspect: pattern } },
    rerun: `curl -s "\${TAPROOT_URL:-http://127.0.0.1:4400}${link}"`,
  };
}

function patternText(pattern: SuspectPattern): Text {
  const name = patternName(pattern);
  if (pattern.flow !== undefined) return flowText(name, pattern.flow);
  const { selfUsMin, durationUsMin } = pattern;
  if (selfUsMin !== undefined) {
    const bound = formatUs(selfUsMin);
    return text(
      `${name} 自身耗时 ≥ ${bound} 的调用`,
      `calls of ${name} that take ≥ ${bound} themselves`,
    );
  }
  if (durationUsMin !== undefined) {
    const bound = formatUs(durationUsMin);
    return text(`${name} 耗时 ≥ ${bound} 的调用`, `calls of ${name} that take ≥ ${bound}`);
  }
  return text(`${name} 的调用`, `calls of ${name}`);
}

function flowText(name: string, flow: FlowBreak): Text {
  if (flow.kind === 'late-message') {
    const wait = formatUs(flow.waitUsMin);
    return text(
      `${name} 发出、${flow.service} 在 ${wait} 内没有取走的消息`,
      `messages of ${name} that ${flow.service} has not taken after ${wait}`,
    );
  }
  const what = flow.kind === 'lacks-call' ? `${flow.service} ${flow.operation}` : flow.text;
  return flow.kind === 'has-line'
    ? text(`${name} 写出“${what}”的执行`, `runs of ${name} that log "${what}"`)
    : text(`${name} 没有走到“${what}”的执行`, `runs of ${name} that do not come to "${what}"`);
}

function patternLabel(pattern: SuspectPattern): string {
  const { selfUsMin, durationUsMin } = pattern;
  return [
    patternName(pattern),
    ...(selfUsMin === undefined ? [] : [`self ≥ ${formatUs(selfUsMin)}`]),
    ...(durationUsMin === undefined ? [] : [`duration ≥ ${formatUs(durationUsMin)}`]),
  ].join(', ');
}

function patternName(pattern: SuspectPattern): string {
  const { service, operation, target, callee, errorType } = pattern;
  const attributes = Object.entries(pattern.attributes ?? {})
    .map(([key, value]) => `${key}=${value}`)
    .sort();
  const only = attributes.length === 0 ? undefined : `[${attributes.join(', ')}]`;
  const called = target ?? callee;
  return [service, operation, called && `→ ${called}`, errorType, only].filter(Boolean).join(' ');
}

/** Consequences that whoever reads the report can look at. */
export function predict(suspect: RankedSuspect): Text[] {
  if (CARRIED_BY_ALL.has(suspect.kind)) return [predictionForAll(suspect)];
  const { service, dependency, version } = suspect.culprit;
  const name = patternText(suspect.pattern);
  const predictions = [
    text(
      `含有“${name.zh}”的请求多数异常，不含的多数正常`,
      `Requests with ${name.en} are mostly bad, those without are mostly good`,
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
        `该资源恢复后，${service} 的耗时随之恢复`,
        `${service} is fast again as soon as this resource is free again`,
      ),
    );
  }
  return predictions;
}

function predictionForAll({ kind, culprit }: RankedSuspect): Text {
  const { service } = culprit;
  return kind === 'traffic'
    ? text(
        `请求量回落后，${service} 的耗时随之回落`,
        `${service} is fast again as soon as its load falls`,
      )
    : text(
        `${service} 的调用方既不更慢，也不更多失败`,
        `Callers of ${service} are neither slower nor fail more often`,
      );
}
