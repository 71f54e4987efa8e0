/**
 * Explaining away: a suspect whose evidence may be passed on from something it calls, while that something
 * is a suspect in its own right, is an effect. An effect never ranks before a cause.
 */
import type { Facts } from './facts.ts';
import type { Suspect } from './merge.ts';
import { compareText, type EvidenceDraft, text } from './suspicion.ts';

/** A cause must itself be credible: at least this score, and this share of its effect's. */
const CAUSE_SCORE_MIN = 2;
const CAUSE_SHARE_MIN = 0.3;
/** What it costs a suspect to have no connection with the service that was asked about. */
const ASIDE_SHARE = 0.8;
/** What an explanation leaves of an effect's score. */
const LEFT_SHARE = 0.1;

export interface RankedSuspect extends Suspect {
  /** Key of the suspect that explains this one away. */
  readonly effectOf?: string;
}

/** Causes by score, then effects by score; ties by key. */
export function explainAway(suspects: readonly Suspect[], facts: Facts): RankedSuspect[] {
  const reach = createReach(facts.calleesOf);
  const causeOf = new Map<string, Suspect>();
  for (const suspect of suspects) {
    const cause = findCause(suspect, { suspects, reach });
    if (cause !== undefined) causeOf.set(suspect.key, cause);
  }
  const ranked = suspects.map((suspect): RankedSuspect => {
    const cause = rootCauseOf(suspect, causeOf);
    if (cause === undefined) return asideOf(suspect, { facts, reach });
    const evidence = [...suspect.evidence, explanation(suspect, cause)];
    const score = evidence.reduce((sum, item) => sum + item.weight, 0);
    return { ...suspect, evidence, score, effectOf: cause.key };
  });
  return ranked.sort(
    (a, b) =>
      Number(a.effectOf !== undefined) - Number(b.effectOf !== undefined) ||
      b.score - a.score ||
      compareText(a.key, b.key),
  );
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
  const against: EvidenceDraft = {
    source: 'trace',
    direction: 'against',
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

/** The strongest suspect that explains this one, or undefined. */
function findCause(
  effect: Suspect,
  context: { readonly suspects: readonly Suspect[]; readonly reach: Reach },
): Suspect | undefined {
  let best: Suspect | undefined;
  for (const cause of context.suspects) {
    if (cause === effect || !explains(cause, { effect, reach: context.reach })) continue;
    if (best === undefined || isStronger(cause, best)) best = cause;
  }
  return best;
}

function isStronger(a: Suspect, b: Suspect): boolean {
  if (a.isOwn !== b.isOwn) return a.isOwn;
  return a.score > b.score || (a.score === b.score && a.key < b.key);
}

function explains(
  cause: Suspect,
  { effect, reach }: { readonly effect: Suspect; readonly reach: Reach },
): boolean {
  const [from, to] = [effect.culprit.service, cause.culprit.service];
  const isConnected = from === to || reach.leads(from, to) || reach.leads(to, from);
  if (effect.rule && cause.rule && effect.rule.effectOf.includes(cause.rule.id)) return isConnected;
  if (effect.isOwn) return false;
  if (cause.score < Math.max(CAUSE_SCORE_MIN, CAUSE_SHARE_MIN * effect.score)) return false;
  // Load comes from callers; everything else comes from what is called.
  if (effect.kind === 'traffic') return cause.kind === 'traffic' && reach.leads(to, from);
  if (cause.kind === 'traffic') return false;
  if (cause.isOwn && (from === to || cause.services.has(from))) return true;
  if (!reach.leads(from, to)) return false;
  // In a circle of calls only the stronger explains the weaker.
  return !reach.leads(to, from) || isStronger(cause, effect);
}

/** The end of the chain of explanations; circles end at the strongest already seen. */
function rootCauseOf(suspect: Suspect, causeOf: ReadonlyMap<string, Suspect>): Suspect | undefined {
  const seen = new Set([suspect.key]);
  let cause = causeOf.get(suspect.key);
  while (cause !== undefined && !seen.has(cause.key)) {
    seen.add(cause.key);
    const next = causeOf.get(cause.key);
    if (next === undefined) return cause;
    cause = next;
  }
  return undefined;
}

function explanation(effect: Suspect, cause: Suspect): EvidenceDraft {
  const [from, to] = [effect.culprit.service, nameOf(cause)];
  return {
    source: 'trace',
    direction: 'against',
    statement: text(
      from === to
        ? `${from} 的这一异常可由它的另一处故障解释`
        : `${from} 的异常可由它所依赖的 ${to} 解释`,
      from === to
        ? `What shows at ${from} is explained by another fault there`
        : `What shows at ${from} is explained by ${to}, on which it depends`,
    ),
    n: 1,
    weight: -(1 - LEFT_SHARE) * effect.score,
  };
}

function nameOf({ culprit }: Suspect): string {
  return culprit.dependency ?? culprit.service;
}
