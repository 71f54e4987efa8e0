/**
 * Blame along the call graph by metrics alone: a service's extra time (or its extra failures) is its own and
 * that of what it calls. What callees explain is taken off each; what is left, as a share of the trouble at
 * the service that was asked about, is the service's own part in it.
 *
 * Worked: 480 requests at the front take 30 ms more each (14.4 s). It calls a list service (200 requests, 24 ms
 * more, 4.8 s), and both call a search (800 requests, 12 ms more, 9.6 s). By requests 480 : 200 of the search's
 * calls are the front's and the list's. Nobody counts calls by caller, so each may make twice its portion: the
 * search explains up to 9.6 s of the front and 5.6 s of the list. Own parts: front 14.4 − 4.8 − 9.6 = 0, list
 * 4.8 − 5.6 < 0, search 9.6 s: it accounts for two thirds of the trouble, and nobody else for any.
 */
import { formatNumber, formatPercent, formatUs } from '../base/quantity.ts';
import { wilsonBounds } from '../base/statistics.ts';
import type { Text } from '../model/text.ts';
import type { Facts } from './facts.ts';
import { gridOf, type RequestSlots, readRequests } from './metric-requests.ts';
import {
  type Change,
  changeOf,
  changesOf,
  findSymptom,
  isWellKnown,
  type SymptomSlots,
  surpriseOf,
} from './metric-symptom.ts';
import { compareText, explainedWeight, metricLink, type Suspicion, text } from './suspicion.ts';

/** From these odds (20 : 1) a callee's change is real and explains its callers', and the front's trouble is sure. */
const SURE_LLR = 3;
/** What is left of the evidence for a part when all services that were looked at are paid for: at least e : 1. */
const LLR_MIN = 1;
/** A caller may make up to so many times the calls that its share of all callers' requests lets expect. */
const PORTION_SLACK = 2;
/** Less of the trouble than this is no cause of it. */
const SHARE_MIN = 0.05;
const Z_95 = 1.96;

/**
 * Undefined where nobody can tell: requests are not measured, or not long enough to know that all is well.
 * Empty when the front is well known and shows no trouble: then there is nothing to blame anybody for.
 */
export function blameAlongCalls(facts: Facts): readonly Suspicion[] | undefined {
  const front = findFront(facts);
  if (front === 'unknown') return undefined;
  if (front === 'quiet') return [];
  const parts = partsOf(front, facts.calleesOf);
  const price = Math.log(parts.length);
  return parts
    .flatMap((part) => {
      const own = { llr: part.llr - price, share: part.share, isOwn: true };
      const passed = { llr: part.change.llr - price, share: part.passedShare, isOwn: false };
      const said = [own, passed].find(({ llr, share }) => llr >= LLR_MIN && share >= SHARE_MIN);
      return said ? [suspicionOf(part, { front, facts, ...said })] : [];
    })
    .sort((a, b) => compareText(a.culprit.service, b.culprit.service));
}

/** The service whose trouble is to be explained, and what all services say of their requests. */
interface Front {
  readonly service: string;
  readonly slots: SymptomSlots;
  readonly change: Change;
  readonly now: ReadonlyMap<string, RequestSlots>;
  readonly before: ReadonlyMap<string, RequestSlots>;
}

/** The service that was asked about; without one, of those that nobody calls the one in the surest trouble. */
function findFront(facts: Facts): Front | 'quiet' | 'unknown' {
  const { request, window, reference } = facts.clustered;
  const { service: asked, symptom } = request.scope;
  const candidates = asked === undefined ? entriesOf(facts) : new Set([asked]);
  const grid = gridOf(window, candidates);
  if (grid === undefined) return 'unknown';
  const now = readRequests(window, grid);
  const gridBefore = reference && gridOf(reference, candidates);
  const before = gridBefore ? readRequests(reference, gridBefore) : new Map<string, RequestSlots>();
  let best: Front | undefined;
  let isQuiet = false;
  for (const service of [...candidates].sort(compareText)) {
    const own = now.get(service);
    if (own === undefined) continue;
    const slots = findSymptom(own, before.get(service), symptom);
    if (slots === undefined) {
      isQuiet ||= isWellKnown(before.get(service));
      continue;
    }
    const change = changeOf(own, before.get(service), slots);
    if (best === undefined || change.llr > best.change.llr) {
      best = { service, slots, change, now, before };
    }
  }
  return best ?? (isQuiet ? 'quiet' : 'unknown');
}

function entriesOf({ calleesOf }: Facts): ReadonlySet<string> {
  const called = new Set([...calleesOf.values()].flatMap((callees) => [...callees]));
  return new Set([...calleesOf.keys()].filter((service) => !called.has(service)));
}

/** A service's part in the trouble. */
interface Part {
  readonly service: string;
  readonly change: Change;
  /** Extra time in µs, or extra failures, that no callee explains: for each request. */
  readonly ownGrown: number;
  readonly llr: number;
  /** Its own share of the front's trouble, 0–1, and its share with what it calls. */
  readonly share: number;
  readonly passedShare: number;
}

function partsOf(
  front: Front,
  calleesOf: ReadonlyMap<string, ReadonlySet<string>>,
): readonly Part[] {
  const order = callersFirst(front.service, calleesOf);
  const placeOf = new Map(order.map((service, place) => [service, place]));
  const changes = changesOf(front.now, front.before, front.slots);
  const calls = callsOf(order, { calleesOf, changes });
  const extraOf = (service: string): number => {
    const change = changes.get(service);
    return change && change.llr >= SURE_LLR ? change.grown * calls.requestsOf(service) : 0;
  };
  const troubles = front.change.grown * calls.requestsOf(front.service);
  const parts: Part[] = [];
  for (const service of order) {
    const change = changes.get(service);
    const requests = calls.requestsOf(service);
    if (change === undefined || !(change.grown > 0) || !(requests > 0)) continue;
    let own = change.grown * requests;
    for (const callee of calleesOf.get(service) ?? []) {
      // A call back to where the request came from explains nothing.
      if (placeOf.get(callee)! <= placeOf.get(service)!) continue;
      own -= extraOf(callee) * Math.min(1, PORTION_SLACK * calls.portionOf(service, callee));
    }
    const ownGrown = Math.max(0, own) / requests;
    const { usual } = change;
    const { symptom } = front.slots;
    const llr = surpriseOf({ value: usual.center + ownGrown, usual, requests, symptom });
    const shareOf = (grown: number) =>
      Math.min(1, (grown * requests * calls.fromFrontOf(service)) / troubles);
    const shares = { share: shareOf(ownGrown), passedShare: shareOf(change.grown) };
    parts.push({ service, change, ownGrown, llr, ...shares });
  }
  return parts;
}

/** Services that the front's requests reach; callers before callees, but for circles. */
function callersFirst(
  front: string,
  calleesOf: ReadonlyMap<string, ReadonlySet<string>>,
): readonly string[] {
  const finished: string[] = [];
  const seen = new Set([front]);
  const open = [{ service: front, callees: calleesSorted(front, calleesOf) }];
  for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
    const callee = top.callees.pop();
    if (callee === undefined) {
      finished.push(top.service);
      open.pop();
    } else if (!seen.has(callee)) {
      seen.add(callee);
      open.push({ service: callee, callees: calleesSorted(callee, calleesOf) });
    }
  }
  return finished.reverse();
}

function calleesSorted(
  service: string,
  calleesOf: ReadonlyMap<string, ReadonlySet<string>>,
): string[] {
  return [...(calleesOf.get(service) ?? [])].sort(compareText);
}

interface Calls {
  /** Requests of the bad slots: as counted, else as many as its busiest caller has. */
  requestsOf(service: string): number;
  /** Share of the callee's requests that the caller makes: in proportion to the callers' own requests. */
  portionOf(caller: string, callee: string): number;
  /** Share of a service's requests that began at the front. */
  fromFrontOf(service: string): number;
}

function callsOf(
  order: readonly string[],
  context: {
    readonly calleesOf: ReadonlyMap<string, ReadonlySet<string>>;
    readonly changes: ReadonlyMap<string, Change>;
  },
): Calls {
  const callersOf = new Map<string, string[]>();
  for (const [caller, callees] of context.calleesOf) {
    for (const callee of callees) {
      callersOf.set(callee, [...(callersOf.get(callee) ?? []), caller]);
    }
  }
  const requests = new Map<string, number>();
  const fromFront = new Map<string, number>();
  const counted = (service: string) => context.changes.get(service)?.requests ?? Number.NaN;
  const requestsOf = (service: string) => {
    const own = counted(service);
    return Number.isNaN(own) ? (requests.get(service) ?? 0) : own;
  };
  const allOf = (service: string) =>
    (callersOf.get(service) ?? []).reduce((sum, caller) => sum + requestsOf(caller), 0);
  for (const [place, service] of order.entries()) {
    const callers = callersOf.get(service) ?? [];
    requests.set(service, place === 0 ? 1 : Math.max(...callers.map(requestsOf)));
    const reached = callers.reduce(
      (sum, caller) => sum + requestsOf(caller) * (fromFront.get(caller) ?? 0),
      0,
    );
    const all = allOf(service);
    fromFront.set(service, place === 0 ? 1 : all > 0 ? reached / all : 0);
  }
  return {
    requestsOf,
    portionOf: (caller, callee) => {
      const all = allOf(callee);
      return all > 0 ? requestsOf(caller) / all : 0;
    },
    fromFrontOf: (service) => fromFront.get(service) ?? 0,
  };
}

function suspicionOf(
  part: Part,
  context: {
    readonly front: Front;
    readonly facts: Facts;
    readonly llr: number;
    readonly share: number;
    readonly isOwn: boolean;
  },
): Suspicion {
  const { facts, share, isOwn } = context;
  const { service, change } = part;
  const { symptom, names } = {
    ...context.front.slots,
    names: context.front.now.get(service)?.names,
  };
  const metric = names?.[symptom.kind === 'error' ? 'failed' : symptom.statistic] ?? '';
  const unit = symptom.kind === 'error' ? 1 : 1e-6;
  return {
    culprit: { service },
    kind: symptom.kind,
    isOwn,
    share,
    detail: { metric },
    evidence: [
      {
        source: 'metric',
        direction: 'for',
        statement: statementOf(part, context),
        value: change.value * unit,
        expected: change.usual.center * unit,
        unit: symptom.kind === 'latency' ? 's' : '1',
        ...intervalOf(part, symptom.kind),
        n: Number.isNaN(change.requests) ? 0 : Math.round(change.requests),
        weight: explainedWeight(context.llr, share) * Math.sqrt(surenessOf(context.front)),
        link: metricLink({ service, name: metric }, facts.clustered.window.range),
      },
    ],
  };
}

/** Trouble that the front hardly shows says little about its causes. */
function surenessOf({ change }: Front): number {
  return Math.min(1, change.llr / SURE_LLR);
}

function statementOf(
  { service, change, ownGrown }: Part,
  {
    front,
    share,
    isOwn,
  }: { readonly front: Front; readonly share: number; readonly isOwn: boolean },
): Text {
  const { symptom } = front.slots;
  const isError = symptom.kind === 'error';
  const [now, usual, own] = [change.value, change.usual.center, ownGrown].map((value) =>
    isError ? formatPercent(value) : formatUs(value),
  );
  const part = formatPercent(share);
  const count = Number.isNaN(change.requests)
    ? ''
    : `${formatNumber(Math.round(change.requests))} `;
  const level = isError
    ? text(
        `${count}个请求中 ${now} 失败，平时 ${usual}`,
        `${now} of its ${count}requests failed, usually ${usual}`,
      )
    : text(
        `${count}个请求的延迟（${symptom.statistic}）为 ${now}，平时 ${usual}`,
        `its ${count}requests took ${now} (${symptom.statistic}), usually ${usual}`,
      );
  const whole = isError
    ? text(
        `${front.service} 额外失败的 ${part}`,
        `${part} of the extra failures of ${front.service}`,
      )
    : text(`${front.service} 额外时间的 ${part}`, `${part} of the extra time of ${front.service}`);
  return isOwn
    ? text(
        `${service} 自身占${whole.zh}：${level.zh}，其中 ${own} 不是它调用的服务造成的`,
        `${service} itself accounts for ${whole.en}: ${level.en}; nothing it calls explains ${own}`,
      )
    : text(
        `${whole.zh}经过 ${service}：${level.zh}，由它调用的服务造成`,
        `${whole.en} passes through ${service}: ${level.en}; what it calls explains it`,
      );
}

/** 95 %: Wilson's of a share; of a latency by the noise from slot to slot. */
function intervalOf(
  { change }: Part,
  kind: 'error' | 'latency',
): { readonly interval?: readonly [low: number, high: number] } {
  if (kind === 'latency') {
    const factor = Math.exp(Z_95 * change.usual.sigma);
    return { interval: [(change.value / factor) * 1e-6, change.value * factor * 1e-6] };
  }
  if (!(change.requests > 0)) return {};
  const share = { hits: change.value * change.requests, total: change.requests };
  const { low, high } = wilsonBounds(share, Z_95);
  return { interval: [low, high] };
}
