/**
 * Explaining away, as a comparison of single causes: if one suspect is the cause, then what it passes on to
 * its callers speaks for it too, and these are effects. A suspect is an effect when some other suspect, with
 * what it explains, has more evidence than the suspect alone. An effect never ranks before a cause.
 */
import type { AnalysisSettings } from '../model/analysis-settings.ts';
import type { CauseKind } from '../model/hypothesis.ts';
import type { Text } from '../model/text.ts';
import type { Facts } from './facts.ts';
import type { Suspect, WeighedEvidence } from './merge.ts';
import { type Aspect, compareText, text } from './suspicion.ts';

/** What it costs a suspect to have no connection with the service that was asked about. */
const ASIDE_SHARE = 0.8;
/** An effect keeps this share of the weight that its cause explains: the explanation may be wrong. */
const LEFT_SHARE = 0.1;

/**
 * How surely trouble of one aspect (rows) at a callee shows as trouble of another (columns) at its callers.
 * 1: whenever there is one there is the other. Slow callees are waited for, run into timeouts, and then
 * callers take other steps; what a service does wrong changes the answers that its callers go by.
 */
const PASSED_ON: Readonly<Record<Aspect, Readonly<Partial<Record<Aspect, number>>>>> = {
  time: { time: 1, failure: 0.5, flow: 0.1, resource: 0.2 },
  failure: { time: 0.5, failure: 1, flow: 1, load: 0.5 },
  flow: { time: 0.5, failure: 1, flow: 1, load: 0.5 },
  resource: { time: 1, failure: 0.7, flow: 0.1, resource: 0.2 },
  load: { time: 0.7, failure: 0.5, flow: 0.1, resource: 0.7, load: 1 },
  change: { time: 0.7, failure: 0.7, flow: 0.7, resource: 0.5 },
};

export interface RankedSuspect extends Suspect {
  /** Key of the suspect that explains this one away. */
  readonly effectOf?: string;
  /** Further suspects that would explain it, best first. */
  readonly otherCauses?: readonly { readonly key: string; readonly statement: Text }[];
}

/** Causes by score, then effects by score; ties by key. */
export function explainAway(
  suspects: readonly Suspect[],
  context: { readonly facts: Facts; readonly settings: AnalysisSettings },
): RankedSuspect[] {
  const { facts, settings } = context;
  const reach = createReach(facts.calleesOf);
  const joined = suspects.map((suspect) => asideOf(suspect, { facts, reach }));
  const reasons = reasonsOf(joined, { reach, settings });
  const reasonsFor = new Map(
    joined.map((effect) => [effect, goodReasons(effect, { reasons, ...settings })]),
  );
  const causeOf = new Map<string, Reason>();
  for (const [effect, [best]] of reasonsFor) if (best !== undefined) causeOf.set(effect.key, best);
  const ranked = joined.map((suspect): RankedSuspect => {
    const cause = rootCauseOf(suspect, causeOf);
    return cause === undefined
      ? withEffects(suspect, {
          reasons: [...(reasons.get(suspect)?.values() ?? [])],
          gainMax: settings.gainMax,
        })
      : asEffect(suspect, { cause, reasons: reasonsFor.get(suspect) ?? [] });
  });
  return ranked.sort(
    (a, b) =>
      Number(a.effectOf !== undefined) - Number(b.effectOf !== undefined) ||
      b.score - a.score ||
      compareText(a.key, b.key),
  );
}

function asEffect(
  suspect: Suspect,
  { cause, reasons }: { readonly cause: Suspect; readonly reasons: readonly Reason[] },
): RankedSuspect {
  // Last of all evidence: src/hypothesise/hypothesise.ts finds it there.
  const evidence = [...suspect.evidence, explanation(suspect, cause)];
  const score = evidence.reduce((sum, item) => sum + item.weight, 0);
  const otherCauses = reasons
    .filter((reason) => reason.cause !== cause)
    .map((reason) => ({
      key: reason.cause.key,
      statement: explanation(suspect, reason.cause).statement,
    }));
  return { ...suspect, evidence, score, effectOf: cause.key, otherCauses };
}

function explanation(effect: Suspect, cause: Suspect): WeighedEvidence {
  const [from, to] = [effect.culprit.service, cause.culprit.dependency ?? cause.culprit.service];
  const isOfCaller = cause.kind === 'retry' || cause.kind === 'timeout';
  return {
    source: 'trace',
    direction: 'against',
    aspect: 'flow',
    isOwn: false,
    statement:
      from === to
        ? text(
            `${from} 的这一异常可由它的另一处故障解释`,
            `What shows at ${from} is explained by another fault there`,
          )
        : isOfCaller
          ? text(
              `${from} 的异常可由 ${to} 的超时与重试解释`,
              `What shows at ${from} is explained by what ${to} gives up and tries again`,
            )
          : text(
              `${from} 的异常可由它所依赖的 ${to} 解释`,
              `What shows at ${from} is explained by ${to}, on which it depends`,
            ),
    n: 1,
    weight: -(1 - LEFT_SHARE) * effect.score,
  };
}

/** What shows elsewhere and comes from here speaks for the suspect; of each kind of trouble the clearest. */
function withEffects(
  suspect: Suspect,
  { reasons, gainMax }: { readonly reasons: readonly Reason[]; readonly gainMax: number },
): Suspect {
  const effects = reasons.filter(
    ({ effect }) => effect.culprit.service !== suspect.culprit.service,
  );
  const gain = gainOf(effects);
  const weight = Math.min(gainMax, sumOf(gain.values()));
  if (weight <= 0) return suspect;
  const services = [...new Set(effects.map(({ effect }) => effect.culprit.service))].sort();
  const strongest = effects
    .flatMap(({ effect }) => effect.evidence)
    .reduce((a, b) => (b.weight > a.weight ? b : a));
  const names = services.slice(0, 3).join(', ') + (services.length > 3 ? ' …' : '');
  const effectEvidence: WeighedEvidence = {
    source: strongest.source,
    direction: 'for',
    aspect: strongest.aspect,
    isOwn: false,
    statement: text(
      `${names} 等 ${services.length} 个上游服务的异常可由它解释`,
      `It explains what shows at ${services.length === 1 ? '' : `${services.length} services that depend on it: `}${names}`,
    ),
    value: services.length,
    n: services.length,
    weight,
  };
  const evidence = [...suspect.evidence, effectEvidence];
  return { ...suspect, evidence, score: suspect.score + weight };
}

function sumOf(values: Iterable<number>): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
}

/** What one suspect, taken as the cause, explains of another. */
interface Reason {
  readonly cause: Suspect;
  readonly effect: Suspect;
  /** Weight of the effect's evidence that is explained, by what the evidence shows. */
  readonly explained: ReadonlyMap<Aspect, number>;
  readonly weight: number;
}

interface Explaining {
  readonly reach: Reach;
  readonly settings: AnalysisSettings;
}

/** By cause, then effect. */
type Reasons = ReadonlyMap<Suspect, ReadonlyMap<Suspect, Reason>>;

function reasonsOf(suspects: readonly Suspect[], context: Explaining): Reasons {
  const reasons = new Map<Suspect, Map<Suspect, Reason>>();
  for (const cause of suspects) {
    const byEffect = new Map<Suspect, Reason>();
    for (const effect of suspects) {
      if (cause === effect) continue;
      const explained = explainedBy(cause, { effect, ...context });
      const weight = sumOf(explained.values());
      if (weight > 0) byEffect.set(effect, { cause, effect, explained, weight });
    }
    reasons.set(cause, byEffect);
  }
  return reasons;
}

function explainedBy(
  cause: Suspect,
  { effect, reach, settings }: Explaining & { readonly effect: Suspect },
): ReadonlyMap<Aspect, number> {
  const explained = new Map<Aspect, number>();
  const [from, to] = [effect.culprit.service, cause.culprit.service];
  const isKnownPair = cause.rule !== undefined && effect.rule?.effectOf.includes(cause.rule.id);
  const isSamePlace = from === to || cause.services.has(from);
  if (isKnownPair) {
    if (!isSamePlace && !reach.leads(from, to) && !reach.leads(to, from)) return explained;
  } else if (!canPassOn(cause, { effect, isSamePlace, reach })) return explained;
  const credible = Math.min(1, Math.max(0, cause.score / settings.credibleScore));
  for (const item of effect.evidence) {
    const isCertain =
      isKnownPair ||
      isResent(effect, { by: cause, reach }) ||
      isMadeUp(cause, { effect, aspect: item.aspect });
    const isOpen = !item.isOwn || isCertain || isPictured(cause, effect) || isLoaded(cause, item);
    if (item.weight <= 0 || !isOpen) continue;
    const share = isCertain ? 1 : credible * passedOnShare(cause, item.aspect);
    if (share <= 0) continue;
    explained.set(item.aspect, (explained.get(item.aspect) ?? 0) + share * item.weight);
  }
  return explained;
}

/**
 * Where the spans of an answer are lost, its time looks like the own time of the operation that waits for it,
 * and its caller seems to take other steps.
 */
function isMadeUp(
  { kind, detail, services }: Suspect,
  context: { readonly effect: Suspect; readonly aspect: Aspect },
): boolean {
  const { culprit } = context.effect;
  if (kind !== 'telemetry') return false;
  if (context.aspect === 'flow') return services.has(culprit.service);
  const callers = detail['callers']?.split('; ') ?? [];
  return context.aspect === 'time' && callers.includes(`${culprit.service} ${culprit.operation}`);
}

/** What is seen at a place, of whatever cause. */
const SYMPTOM_KINDS: ReadonlySet<CauseKind> = new Set(['latency', 'error', 'timeout', 'code']);

/**
 * A rule draws a whole picture: runs that wait, break off or take other steps at the services of its mechanism
 * are in it, though they are seen first-hand. How much of them it explains is still a matter of what it passes on.
 */
function isPictured({ rule, services, culprit }: Suspect, effect: Suspect): boolean {
  const { service, version } = effect.culprit;
  if (rule === undefined || effect.rule !== undefined) return false;
  if (version !== undefined && version !== culprit.version) return false;
  return SYMPTOM_KINDS.has(effect.kind) && services.has(service);
}

/** Load that times follow makes services slow and busy themselves: their own time explains nothing then. */
function isLoaded({ kind, detail }: Suspect, { aspect }: WeighedEvidence): boolean {
  const isFollowed = kind === 'traffic' && detail['correlation'] !== undefined;
  return isFollowed && (aspect === 'time' || aspect === 'resource');
}

/** Load comes from callers; everything else comes from what is called. */
function canPassOn(
  cause: Suspect,
  context: { readonly effect: Suspect; readonly isSamePlace: boolean; readonly reach: Reach },
): boolean {
  const { effect, isSamePlace, reach } = context;
  const [from, to] = [effect.culprit.service, cause.culprit.service];
  if (effect.kind === 'traffic') return cause.kind === 'traffic' && reach.leads(to, from);
  if (cause.kind === 'traffic') return isSamePlace || reach.leads(to, from);
  if (isResent(effect, { by: cause, reach })) return true;
  return isSamePlace ? cause.isOwn : reach.leads(from, to);
}

/** Attributes of requests that are sent again, as the semantic conventions and common clients name them. */
const RESEND_KEY = /(^|[._])(resend|retry|redelivery)[._](count|attempt)$/;

/** What is seen only when a caller tries again cannot be why it had to. */
function isResent(
  { culprit, rule }: Suspect,
  context: { readonly by: Suspect; readonly reach: Reach },
): boolean {
  const { by, reach } = context;
  if (rule !== undefined || (by.kind !== 'retry' && by.kind !== 'timeout')) return false;
  const isOnResends = Object.keys(culprit.attributes ?? {}).some((key) => RESEND_KEY.test(key));
  return isOnResends && reach.leads(by.culprit.service, culprit.service);
}

/**
 * The largest part that any of the cause's own evidence passes on; where time is
 * lost, only for the time that it accounts for. A change explains nothing elsewhere while nothing is wrong at the changed place itself.
 */
function passedOnShare(cause: Suspect, aspect: Aspect): number {
  const isSeen = cause.evidence.some(({ aspect: seen, weight }) => seen !== 'change' && weight > 0);
  const shares = cause.evidence
    .filter((item) => item.weight > 0 && (item.aspect !== 'change' || isSeen))
    .map((item) => {
      const isOfTime = item.aspect === 'time' || aspect === 'time';
      return (PASSED_ON[item.aspect][aspect] ?? 0) * (isOfTime ? cause.share : 1);
    });
  return Math.max(0, ...shares);
}

/** What a cause gains by what it explains: symptoms along a chain of callers repeat one another. */
function gainOf(reasons: readonly Reason[]): ReadonlyMap<Aspect, number> {
  const gain = new Map<Aspect, number>();
  for (const { explained } of reasons) {
    for (const [aspect, weight] of explained) {
      gain.set(aspect, Math.max(gain.get(aspect) ?? 0, weight));
    }
  }
  return gain;
}

/**
 * The causes that explain most of the effect, best first: those that explain the effect better than the effect
 * explains them, by the evidence that each, taken as the cause, would leave unexplained of the other.
 */
function goodReasons(
  effect: Suspect,
  { reasons, explainedShareMin }: { readonly reasons: Reasons; readonly explainedShareMin: number },
): Reason[] {
  const good: Reason[] = [];
  for (const byEffect of reasons.values()) {
    const reason = byEffect.get(effect);
    if (reason === undefined || reason.weight < explainedShareMin * effect.score) continue;
    const back = reasons.get(effect)?.get(reason.cause);
    const leftOfCause = reason.cause.score - (back?.weight ?? 0);
    const leftOfEffect = effect.score - reason.weight;
    if (leftOfCause < leftOfEffect) continue;
    if (leftOfCause === leftOfEffect && reason.cause.key > effect.key) continue;
    good.push(reason);
  }
  return good.sort((a, b) => (isBetter(a, b) ? -1 : 1));
}

function isBetter(a: Reason, b: Reason): boolean {
  const [left, right] = [a.cause.score + a.weight, b.cause.score + b.weight];
  return left > right || (left === right && a.cause.key < b.cause.key);
}

/** The end of the chain of explanations; circles end at the strongest already seen. */
function rootCauseOf(suspect: Suspect, causeOf: ReadonlyMap<string, Reason>): Suspect | undefined {
  const seen = new Set([suspect.key]);
  let cause = causeOf.get(suspect.key)?.cause;
  while (cause !== undefined && !seen.has(cause.key)) {
    seen.add(cause.key);
    const next = causeOf.get(cause.key)?.cause;
    if (next === undefined) return cause;
    cause = next;
  }
  return undefined;
}

/** A suspect that no chain of calls joins with the service that was asked about, its calls being known. */
function asideOf(
  suspect: Suspect,
  { facts, reach }: { readonly facts: Facts; readonly reach: Reach },
): Suspect {
  const { service: asked } = facts.clustered.request.scope;
  if (asked === undefined || !facts.calleesOf.has(asked)) return suspect;
  const isJoined = [...suspect.services].some(
    (service) => service === asked || reach.leads(asked, service) || reach.leads(service, asked),
  );
  return isJoined ? suspect : setAside(suspect, asked);
}

function setAside(suspect: Suspect, asked: string): Suspect {
  const { service } = suspect.culprit;
  const against: WeighedEvidence = {
    source: 'trace',
    direction: 'against',
    aspect: 'flow',
    isOwn: false,
    statement: text(
      `${asked} 与 ${service} 之间没有调用关系`,
      `No calls lead from ${asked} to ${service} or back`,
    ),
    n: 1,
    weight: -ASIDE_SHARE * suspect.score,
  };
  const evidence = [...suspect.evidence, against];
  return { ...suspect, evidence, score: suspect.score + against.weight };
}

interface Reach {
  /** Whether calls lead from one service to the other, over any number of services. */
  leads(from: string, to: string): boolean;
}

function createReach(calleesOf: ReadonlyMap<string, ReadonlySet<string>>): Reach {
  const known = new Map<string, ReadonlySet<string>>();
  const reachable = (from: string): ReadonlySet<string> => {
    const cached = known.get(from);
    if (cached) return cached;
    const seen = new Set<string>();
    const open = [...(calleesOf.get(from) ?? [])];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (seen.has(next)) continue;
      seen.add(next);
      open.push(...(calleesOf.get(next) ?? []));
    }
    known.set(from, seen);
    return seen;
  };
  return { leads: (from, to) => from !== to && reachable(from).has(to) };
}
