/**
 * When the service that was asked about was in trouble, by its own request metrics: slots of the window in
 * which it was slow or failed, and those in which it was as usual. What changed then, and not before, matters.
 */
import { deviationLlr, medianOf, robustSigmaOf, shareLlr, sortedCopy } from '../base/statistics.ts';
import { type RequestSlots, STATISTICS, type Statistic } from './metric-requests.ts';

/** What is looked at: failures, or one statistic of latency. */
export type Symptom =
  | { readonly kind: 'error' }
  | { readonly kind: 'latency'; readonly statistic: Statistic };

export interface SymptomSlots {
  readonly symptom: Symptom;
  readonly bad: readonly number[];
  readonly good: readonly number[];
}

/** Reference slots from which a service knows its own noise. */
const OWN_SLOTS_MIN = 8;
/** A slot so many deviations above the usual is bad: one in forty of the usual ones. */
const BAD_Z = 2;
/** Services whose moves tell the noise of one that has no history of its own. */
const PEERS_MIN = 5;
/** Deviation of a logarithm that nobody knows better, and the least that is believed. */
const UNKNOWN_SIGMA = 0.4;
const SIGMA_MIN = 0.05;
/** Student's t: tails of real metrics are heavy; heavier still where the noise is a guess. */
const FREEDOM = { known: 4, guessed: 2 };
/** Trouble that nobody asked about has to be this sure (nats) and this large (15 %, one in a hundred). */
const LLR_MIN = 3;
const LOG_GROWTH_MIN = Math.log(1.15);
const FAILED_MIN = 0.01;

/** What is usual for a service: centre, and noise from slot to slot. */
export interface Usual {
  /** Median latency in µs, or share of failed requests; NaN when nobody knows. */
  readonly center: number;
  /** Of the logarithm for latency, of the share for failures. */
  readonly sigma: number;
  readonly freedom: number;
  /** Requests that the failed share stands on. */
  readonly total: number;
}

/**
 * The asked-about symptom, or without one the surest; undefined when the service shows none. Means add up
 * along calls, percentiles do not: they speak where there is no mean, or the mean shows no trouble.
 */
export function findSymptom(
  now: RequestSlots,
  before: RequestSlots | undefined,
  asked: 'latency' | 'error' | undefined,
): SymptomSlots | undefined {
  const latencies = STATISTICS.map((statistic): Symptom => ({ kind: 'latency', statistic }));
  const kinds: readonly (readonly Symptom[])[] = [[{ kind: 'error' }], latencies];
  let best: { readonly slots: SymptomSlots; readonly llr: number } | undefined;
  for (const symptoms of kinds) {
    if (asked !== undefined && symptoms[0]?.kind !== asked) continue;
    for (const symptom of symptoms) {
      const slots = splitSlots(symptom, { now, before, isAsked: asked !== undefined });
      if (slots === undefined || slots.bad.length === 0) continue;
      const { grown, llr, isLarge } = changeOf(now, before, slots);
      const isTrouble = grown > 0 && (asked !== undefined || (llr >= LLR_MIN && isLarge));
      if (!isTrouble) continue;
      if (best === undefined || llr > best.llr) best = { slots, llr };
      break;
    }
  }
  return best?.slots;
}

/** Whether enough earlier slots are known to tell trouble from noise. */
export function isWellKnown(before: RequestSlots | undefined): boolean {
  if (before === undefined) return false;
  const lengths = [before.failedShare, ...Object.values(before.latencyUs)].map(
    (values) => finite(values).length,
  );
  return Math.max(...lengths) >= OWN_SLOTS_MIN;
}

export function valuesOf(slots: RequestSlots, symptom: Symptom): Float64Array {
  return symptom.kind === 'error' ? slots.failedShare : slots.latencyUs[symptom.statistic];
}

/** How a service fared in the bad slots. */
export interface Change {
  /** Mean over the requests of the bad slots; NaN when it says nothing. */
  readonly value: number;
  readonly usual: Usual;
  /** Value above the usual, per request. */
  readonly grown: number;
  /** How surprising that is. */
  readonly llr: number;
  readonly isLarge: boolean;
  /** Requests of the bad slots; NaN when not counted. */
  readonly requests: number;
}

/** What lasted through the good slots too is no reason for the bad ones: the higher of both is usual. */
export function changeOf(
  now: RequestSlots,
  before: RequestSlots | undefined,
  slots: SymptomSlots,
): Change {
  const { symptom } = slots;
  const value = meanOver(now, { symptom, at: slots.bad });
  const usual = usualOf(now, before, slots);
  const requests = sumOver(now.count, slots.bad);
  const grown = value - usual.center;
  const own = { value, usual, requests, symptom };
  return { value, usual, grown, requests, llr: surpriseOf(own), isLarge: isLarge(own) };
}

/**
 * Changes of all services, by name. Where nothing earlier is known, how far latencies moved from good to bad
 * slots at most services is the noise by which each is judged.
 */
export function changesOf(
  now: ReadonlyMap<string, RequestSlots>,
  before: ReadonlyMap<string, RequestSlots>,
  slots: SymptomSlots,
): Map<string, Change> {
  const changes = new Map(
    [...now].map(([service, own]) => [service, changeOf(own, before.get(service), slots)]),
  );
  const { symptom } = slots;
  if (symptom.kind === 'error') return changes;
  const isGuessed = ({ usual }: Change) => usual.freedom === FREEDOM.guessed;
  const moves = [...changes.values()]
    .filter((change) => isGuessed(change) && change.value > 0 && change.usual.center > 0)
    .map(({ value, usual }) => Math.log(value / usual.center));
  if (moves.length < PEERS_MIN) return changes;
  const sigma = Math.max(SIGMA_MIN, robustSigmaOf(moves, 0));
  for (const [service, change] of changes) {
    if (!isGuessed(change)) continue;
    const judged = { ...change, usual: { ...change.usual, sigma } };
    changes.set(service, { ...judged, llr: surpriseOf({ ...judged, symptom }) });
  }
  return changes;
}

/** Log-likelihood ratio of a value against what is usual; 0 for what is not above it. */
export function surpriseOf(context: {
  readonly value: number;
  readonly usual: Usual;
  readonly requests: number;
  readonly symptom: Symptom;
}): number {
  const { value, usual, symptom } = context;
  if (!(value > usual.center)) return 0;
  if (symptom.kind === 'latency') {
    return deviationLlr(Math.log(value / usual.center) / usual.sigma, usual.freedom);
  }
  const total = Number.isNaN(context.requests) ? 1 : context.requests;
  // Half a failure more: "never seen in few" is not "impossible".
  const expected = (usual.center * usual.total + 0.5) / (usual.total + 1);
  const sampling = (expected * (1 - expected)) / Math.max(total, 1);
  const z = (value - expected) / Math.sqrt(usual.sigma ** 2 + sampling);
  return z <= 0
    ? 0
    : Math.min(shareLlr({ hits: value * total, total }, expected), deviationLlr(z, usual.freedom));
}

function isLarge({
  value,
  usual,
  symptom,
}: {
  readonly value: number;
  readonly usual: Usual;
  readonly symptom: Symptom;
}): boolean {
  return symptom.kind === 'error'
    ? value - usual.center >= FAILED_MIN
    : Math.log(value / usual.center) >= LOG_GROWTH_MIN;
}

function usualOf(
  now: RequestSlots,
  before: RequestSlots | undefined,
  { symptom, good }: SymptomSlots,
): Usual {
  const earlier = before === undefined ? [] : finite(valuesOf(before, symptom));
  const here = finite(Float64Array.from(good, (slot) => valuesOf(now, symptom)[slot]!));
  const everywhere = [...(before?.failedShare.keys() ?? [])];
  if (symptom.kind === 'error') {
    const referenceShare =
      before === undefined ? Number.NaN : meanOver(before, { symptom, at: everywhere });
    const goodShare = meanOver(now, { symptom, at: good });
    const totals = [
      sumOver(before?.count ?? new Float64Array(0), everywhere),
      sumOver(now.count, good),
    ].filter((total) => !Number.isNaN(total));
    return {
      center: higherOf(referenceShare, goodShare),
      sigma: earlier.length >= OWN_SLOTS_MIN ? robustSigmaOf(earlier) : 0,
      freedom: FREEDOM.known,
      total: totals.reduce((sum, total) => sum + total, 0),
    };
  }
  const isKnown = earlier.length >= OWN_SLOTS_MIN;
  return {
    center: higherOf(medianOrNaN(earlier), medianOrNaN(here)),
    sigma: isKnown ? Math.max(SIGMA_MIN, robustSigmaOf(earlier.map(Math.log))) : UNKNOWN_SIGMA,
    freedom: isKnown ? FREEDOM.known : FREEDOM.guessed,
    total: Number.NaN,
  };
}

/** Bad slots stand above what is usual; where an alert says that there are some, above the widest gap. */
function splitSlots(
  symptom: Symptom,
  context: {
    readonly now: RequestSlots;
    readonly before: RequestSlots | undefined;
    readonly isAsked: boolean;
  },
): SymptomSlots | undefined {
  const { now, before, isAsked } = context;
  const values = valuesOf(now, symptom);
  const spoken = [...values.keys()].filter((slot) => !Number.isNaN(values[slot]!));
  if (spoken.length === 0) return undefined;
  const usual = usualOf(now, before, { symptom, bad: spoken, good: [] });
  const divide = (isBad: (slot: number) => boolean): SymptomSlots => ({
    symptom,
    bad: spoken.filter(isBad),
    good: spoken.filter((slot) => !isBad(slot)),
  });
  const aboveUsual = divide((slot) => isAbove(slot, { values, now, usual, symptom }));
  if (aboveUsual.bad.length > 0 || !isAsked) return aboveUsual;
  const bound = widestGapOf(spoken.map((slot) => values[slot]!));
  return divide((slot) => values[slot]! > bound);
}

function isAbove(
  slot: number,
  context: {
    readonly values: Float64Array;
    readonly now: RequestSlots;
    readonly usual: Usual;
    readonly symptom: Symptom;
  },
): boolean {
  const { now, usual, symptom } = context;
  const own = { value: context.values[slot]!, usual, requests: now.count[slot]!, symptom };
  return surpriseOf(own) >= deviationLlr(BAD_Z, usual.freedom);
}

/** The value below the widest gap between sorted values; the value itself when there is only one: none above. */
function widestGapOf(values: readonly number[]): number {
  const sorted = sortedCopy(values);
  let below = 0;
  for (let index = 1; index + 1 < sorted.length; index++) {
    const gap = sorted[index + 1]! - sorted[index]!;
    if (gap > sorted[below + 1]! - sorted[below]!) below = index;
  }
  return sorted[below]!;
}

/** Weighed by requests where they are counted. */
function meanOver(
  slots: RequestSlots,
  { symptom, at }: { readonly symptom: Symptom; readonly at: readonly number[] },
): number {
  const values = valuesOf(slots, symptom);
  let sum = 0;
  let weights = 0;
  for (const slot of at) {
    const value = values[slot]!;
    const weight = Number.isNaN(slots.count[slot]!) ? 1 : slots.count[slot]!;
    if (Number.isNaN(value)) continue;
    sum += value * weight;
    weights += weight;
  }
  return weights > 0 ? sum / weights : Number.NaN;
}

function sumOver(values: Float64Array, at: readonly number[]): number {
  let sum = Number.NaN;
  for (const slot of at) {
    const value = values[slot]!;
    if (!Number.isNaN(value)) sum = Number.isNaN(sum) ? value : sum + value;
  }
  return sum;
}

function higherOf(a: number, b: number): number {
  if (Number.isNaN(a)) return b;
  return Number.isNaN(b) ? a : Math.max(a, b);
}

function medianOrNaN(values: readonly number[]): number {
  return values.length === 0 ? Number.NaN : medianOf(values);
}

function finite(values: Float64Array): number[] {
  return [...values].filter((value) => Number.isFinite(value));
}
