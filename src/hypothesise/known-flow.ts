/**
 * What the reference knows of a flow: which line follows which, and which lines every run has. Against it a
 * run is judged: where does it first leave the ways that are known?
 */
import { type Flow, RUN_END, RUN_START, type RunVariant } from './event-flow.ts';
import { compareText } from './suspicion.ts';

/** A step rarer than this after its first line is not the usual one. */
const USUAL_SHARE = 0.3;
/**
 * A way that fewer runs of the reference took is odd there, too: an error that one request in a hundred meets is
 * no excuse for one that all meet. Both periods are judged by it, so it decides what is compared, not the result.
 */
export const ODD_SHARE = 0.05;
/** SeverityNumber of OTLP from which a line is a warning. */
const SEVERITY_WARN = 13;

/** A run left the usual way after `from`: `to` should have followed, `instead` did. */
export interface BrokenStep {
  readonly from: number;
  readonly to: number;
  readonly instead: number;
  /** Whether it ended or logged a warning instead: new work is no failure. */
  readonly isFailure: boolean;
}

/** Something seen in the traces of several runs, or in one only. */
interface Seen {
  weight: number;
  /** The only one; MANY_TRACES when there are more. */
  trace: number;
}

/** A line and the one that usually stands before it; `lacking`: runs without it, undefined for none. */
interface MissedLine {
  readonly from: number;
  readonly to: number;
  readonly lacking: Seen | undefined;
}

const MANY_TRACES = -1;
/** No trace: for a run of another period than the known ones. */
export const NO_TRACE = -2;

export class KnownFlow {
  readonly #steps = new Map<number, Seen>();
  /** By line: weight of the runs that reach it; of the begin: of all runs. */
  readonly #reached = new Map<number, number>();
  readonly #usualNext = new Map<number, number>();
  /** By line: runs without it. */
  readonly #lacking = new Map<number, Seen>();
  readonly #usualBefore = new Map<number, number>();
  /** Lines that are warnings or worse: nobody misses them. */
  readonly #warnings = new Set<number>();
  readonly #missed: readonly MissedLine[];

  /** `textOf` decides between ways that are equally usual. */
  constructor({ variants }: Flow, textOf: (event: number) => string) {
    const reached = this.#reached;
    const eventsOf = variants.map((variant) => new Set(variant.events));
    for (const [at, variant] of variants.entries()) {
      for (const from of [RUN_START, ...eventsOf[at]!]) {
        reached.set(from, (reached.get(from) ?? 0) + variant.weight);
      }
      for (const step of new Set(stepsOf(variant))) see(this.#steps, step, variant);
      for (const [index, severity] of variant.severities.entries()) {
        if (severity >= SEVERITY_WARN) this.#warnings.add(variant.events[index]!);
      }
    }
    for (const event of reached.keys()) {
      if (event === RUN_START) continue;
      const seen = lackingIn(variants, { eventsOf, event });
      if (seen !== undefined) this.#lacking.set(event, seen);
    }
    this.#chooseUsual(textOf);
    this.#missed = this.#listMissed();
  }

  #chooseUsual(textOf: (event: number) => string): void {
    const steps = [...this.#steps]
      .map(([step, { weight }]) => ({ from: fromOf(step), to: toOf(step), weight }))
      .sort(
        (a, b) =>
          b.weight - a.weight ||
          compareText(textOf(a.from), textOf(b.from)) ||
          compareText(textOf(a.to), textOf(b.to)),
      );
    for (const { from, to, weight } of steps) {
      const isUsual = weight >= USUAL_SHARE * (this.#reached.get(from) ?? weight);
      if (isUsual && !this.#usualNext.has(from)) this.#usualNext.set(from, to);
      if (!this.#usualBefore.has(to)) this.#usualBefore.set(to, from);
    }
  }

  /**
   * The first place where a run leaves what is known from traces other than `exceptTrace`; undefined for a run
   * that never does, or that only takes a way round and comes back.
   */
  findBreak(variant: RunVariant, exceptTrace: number): BrokenStep | undefined {
    const { events, severities } = variant;
    for (let index = 0; index <= events.length; index++) {
      const from = index === 0 ? RUN_START : events[index - 1]!;
      const instead = events[index] ?? RUN_END;
      if (this.#isKnown(this.#steps.get(stepOf(from, instead)), { from, exceptTrace })) continue;
      const to = this.#usualNext.get(from);
      if (to === undefined || to === instead) continue;
      const isError = instead !== RUN_END && severities[index]! >= SEVERITY_WARN;
      const isLost = to !== RUN_END && !this.#warnings.has(to) && !events.includes(to, index);
      if (isLost || isError)
        return { from, to, instead, isFailure: isError || instead === RUN_END };
    }
    return this.#findMissing(variant, exceptTrace);
  }

  /**
   * Lines whose absence may tell, in the order of usualBefore; those that enough runs of several traces lack never
   * do. Listed once: five comparisons of a reference of 60 000 spans (an incident and four placebos) took 1.2 s of
   * CPU when each variant asked all of this anew, and take 0.37 s.
   */
  #listMissed(): MissedLine[] {
    const missed: MissedLine[] = [];
    for (const [to, from] of this.#usualBefore) {
      if (to === RUN_END || this.#warnings.has(to)) continue;
      const lacking = this.#lacking.get(to);
      const isLackedBySeveral = lacking?.trace === MANY_TRACES;
      if (isLackedBySeveral && this.#isKnown(lacking, { from: RUN_START, exceptTrace: NO_TRACE })) {
        continue;
      }
      missed.push({ from, to, lacking });
    }
    return missed;
  }

  /** A line that every other run has: where lines come in any order, only its absence tells. */
  #findMissing({ events }: RunVariant, exceptTrace: number): BrokenStep | undefined {
    for (const { from, to, lacking } of this.#missed) {
      if (events.includes(to)) continue;
      if (from !== RUN_START && !events.includes(from)) continue;
      if (this.#isKnown(lacking, { from: RUN_START, exceptTrace })) continue;
      return { from, to, instead: RUN_END, isFailure: true };
    }
    return undefined;
  }

  #isKnown(
    seen: Seen | undefined,
    { from, exceptTrace }: { readonly from: number; readonly exceptTrace: number },
  ): boolean {
    if (seen === undefined || seen.trace === exceptTrace) return false;
    return seen.weight >= ODD_SHARE * (this.#reached.get(from) ?? 0);
  }
}

function stepsOf({ events }: RunVariant): number[] {
  const steps: number[] = [];
  for (let index = 0; index <= events.length; index++) {
    const from = index === 0 ? RUN_START : events[index - 1]!;
    steps.push(stepOf(from, events[index] ?? RUN_END));
  }
  return steps;
}

function stepOf(from: number, to: number): number {
  return from * (RUN_END + 1) + to;
}

function fromOf(step: number): number {
  return Math.floor(step / (RUN_END + 1));
}

function toOf(step: number): number {
  return step % (RUN_END + 1);
}

/** Variants without the event, undefined for none. `eventsOf`: by variant. */
function lackingIn(
  variants: readonly RunVariant[],
  {
    eventsOf,
    event,
  }: { readonly eventsOf: readonly ReadonlySet<number>[]; readonly event: number },
): Seen | undefined {
  let lacking: Seen | undefined;
  for (let at = 0; at < variants.length; at++) {
    if (!eventsOf[at]!.has(event)) lacking = withSeen(lacking, variants[at]!);
  }
  return lacking;
}

function see(seen: Map<number, Seen>, key: number, variant: RunVariant): void {
  const known = seen.get(key);
  const now = withSeen(known, variant);
  if (known === undefined) seen.set(key, now);
}

/** What was seen and the variant too: `known` itself, changed, or a new one. */
function withSeen(known: Seen | undefined, variant: RunVariant): Seen {
  const trace = variant.isOneTrace ? variant.firstTrace : MANY_TRACES;
  if (known === undefined) return { weight: variant.weight, trace };
  known.weight += variant.weight;
  if (known.trace !== trace) known.trace = MANY_TRACES;
  return known;
}
