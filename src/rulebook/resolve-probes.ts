/**
 * Turns a finding's probes into plans: targets filled from the registered services of the configuration,
 * and from nothing else. A probe whose target nobody registered makes no plan.
 */
import { formatNumber } from '../base/quantity.ts';
import type { ProbePlan, SuspectPattern } from '../model/hypothesis.ts';
import type { RuleProbe } from '../model/rule.ts';
import type { Text } from '../model/text.ts';
import type { RuleFinding } from './evaluate.ts';
import { httpPathOf, promQueryOf, serviceUrl, shellQuote } from './probe-target.ts';

export interface ServiceTarget {
  readonly debugUrl?: string | undefined;
  readonly promSelector?: string | undefined;
}

/** What probes may contact: the `probes` part of the configuration. */
export interface ProbeTargets {
  /** By service.name. */
  readonly services: Readonly<Record<string, ServiceTarget>>;
  readonly prometheusUrl?: string | undefined;
  readonly timeoutMs: number;
}

/** Plans in the order of the rule's probes. */
export function resolveProbes(finding: RuleFinding, probes: ProbeTargets): readonly ProbePlan[] {
  return finding.rule.probes.flatMap((probe) => {
    const plan = planOf(probe, finding, probes);
    return plan ? [plan] : [];
  });
}

function planOf(
  probe: RuleProbe,
  finding: RuleFinding,
  probes: ProbeTargets,
): ProbePlan | undefined {
  const probeId = `${finding.rule.id}.${probe.id}`;
  switch (probe.use) {
    case 'http':
      return httpPlan(probe, { probeId, service: finding.culprit.service, probes });
    case 'prom':
      return promPlan(probe, { probeId, service: finding.culprit.service, probes });
    case 'store':
      return cohortPlan(finding.suspect, {
        probeId,
        ...(probe.expectation && { expectation: probe.expectation }),
      });
  }
}

interface LivePlace {
  readonly probeId: string;
  readonly service: string;
  readonly probes: ProbeTargets;
}

/** Only an exact name counts, and only as an own key: telemetry chooses the name. */
function registered({ service, probes }: LivePlace): ServiceTarget | undefined {
  return Object.hasOwn(probes.services, service) ? probes.services[service] : undefined;
}

function httpPlan(probe: RuleProbe, place: LivePlace): ProbePlan | undefined {
  const debugUrl = registered(place)?.debugUrl;
  if (debugUrl === undefined || !probe.target || !probe.confirm) return undefined;
  const path = httpPathOf(probe.target);
  const target = serviceUrl(debugUrl, path).href;
  return {
    probeId: place.probeId,
    kind: 'http',
    target,
    expectation: probe.expectation ?? plainExpectation(probe.confirm),
    spec: {
      kind: 'http',
      service: place.service,
      path,
      confirm: probe.confirm,
      ...(probe.refute && { refute: probe.refute }),
    },
    rerun: `curl -sS --max-time ${timeoutSeconds(place)} ${shellQuote(target)}`,
  };
}

function promPlan(probe: RuleProbe, place: LivePlace): ProbePlan | undefined {
  const { prometheusUrl } = place.probes;
  if (prometheusUrl === undefined || !probe.target || !probe.confirm) return undefined;
  const query = promQueryOf(probe.target, registered(place)?.promSelector);
  if (query === undefined) return undefined;
  const url = serviceUrl(prometheusUrl, '/api/v1/query').href;
  return {
    probeId: place.probeId,
    kind: 'prom',
    target: query,
    expectation: probe.expectation ?? plainExpectation(probe.confirm),
    spec: {
      kind: 'prom',
      query,
      confirm: probe.confirm,
      ...(probe.refute && { refute: probe.refute }),
    },
    rerun: `curl -sSG --max-time ${timeoutSeconds(place)} --data-urlencode ${shellQuote(`query=${query}`)} ${shellQuote(url)}`,
  };
}

function timeoutSeconds({ probes }: LivePlace): number {
  return Math.ceil(probes.timeoutMs / 1000);
}

function plainExpectation(confirm: string): Text {
  return { zh: `应当成立：${confirm}`, en: `Must hold: ${confirm}` };
}

/** The cohort comparison of any suspect pattern; other steps plan it for hypotheses without a rule. */
export function cohortPlan(
  suspect: SuspectPattern,
  options: { readonly probeId: string; readonly expectation?: Text },
): ProbePlan {
  const described = describeSuspect(suspect);
  return {
    probeId: options.probeId,
    kind: 'store',
    target: `cohort: ${described}`,
    expectation: options.expectation ?? {
      zh: `异常链路中常见、正常链路中少见：${described}`,
      en: `Frequent in bad traces and rare in good ones: ${described}`,
    },
    spec: { kind: 'store', query: { kind: 'cohort', suspect } },
    rerun: rerunOf(suspect),
  };
}

/** The pattern in one line, for people. */
export function describeSuspect(suspect: SuspectPattern): string {
  const { service, operation, target, errorType, attributes, selfUsMin, durationUsMin } = suspect;
  const parts = [
    `service=${service}`,
    ...(operation ? [`operation=${operation}`] : []),
    ...(target ? [`target=${target}`] : []),
    ...(errorType ? [`error.type=${errorType}`] : []),
    ...Object.entries(attributes ?? {}).map(([key, value]) => `${key}=${value}`),
    ...(selfUsMin === undefined ? [] : [`self ≥ ${formatNumber(selfUsMin / 1000)} ms`]),
    ...(durationUsMin === undefined ? [] : [`duration ≥ ${formatNumber(durationUsMin / 1000)} ms`]),
  ];
  return parts.join(', ');
}

function rerunOf(suspect: SuspectPattern): string {
  const fields: readonly string[] = [
    `service=${suspect.service}`,
    ...(suspect.operation ? [`operation=${suspect.operation}`] : []),
    ...(suspect.durationUsMin === undefined
      ? []
      : [`minDurationMs=${suspect.durationUsMin / 1000}`]),
    ...(suspect.errorType ? ['error=true'] : []),
  ];
  const data = fields.map((field) => `--data-urlencode ${shellQuote(field)}`).join(' ');
  return `curl -sSG ${data} "\${TAPROOT_URL:-http://127.0.0.1:4400}/api/v1/traces"`;
}
