/**
 * How good ranked causes are: at which place the service at fault stands, and at which place the right inner cause.
 * The rules are those of the public sets (docs/cases.md), so that their own scorers give the same totals.
 */
import type { Label, LabelledCause, Region } from './rca-labels.ts';

/** What is said about one case. */
export interface ScoredPrediction {
  readonly case: string;
  readonly verdict: string;
  /** 0–1. */
  readonly confidence: number;
  /** Best cause first. */
  readonly ranked: readonly {
    readonly service: string;
    readonly kind: string;
    readonly detail?: Readonly<Record<string, string>>;
  }[];
}

/** One case, compared with its label. Places count from 1; undefined: not among the causes. */
export interface CaseScore {
  readonly label: Label;
  readonly prediction: ScoredPrediction | undefined;
  readonly servicePlace: number | undefined;
  /** Undefined also when the label names no inner cause. */
  readonly causePlace: number | undefined;
  /** A root cause was named; without one nothing that is said can be wrong. */
  readonly isNamed: boolean;
  /** The first service is the one at fault; of a case without a fault: none was named. */
  readonly isRight: boolean;
}

export function scoreCases(
  labels: readonly Label[],
  predictions: readonly ScoredPrediction[],
): readonly CaseScore[] {
  const byCase = new Map(predictions.map((prediction) => [prediction.case, prediction]));
  return labels.map((label) => scoreCase(label, byCase.get(label.caseId)));
}

function scoreCase(label: Label, prediction: ScoredPrediction | undefined): CaseScore {
  const ranked = prediction?.ranked ?? [];
  const services = [...new Set(ranked.map(({ service }) => service))];
  const servicePlace = placeOf(services, (service) => label.services.includes(service));
  const isNamed = prediction !== undefined && prediction.verdict !== 'abstained';
  return {
    label,
    prediction,
    servicePlace,
    causePlace: placeOf(distinctItems(ranked), (item) => isRightCause(item, label)),
    isNamed,
    isRight: label.services.length === 0 ? !isNamed : servicePlace === 1,
  };
}

type Item = ScoredPrediction['ranked'][number];

/** Repeats of service, kind and, for code, region are taken once. */
function distinctItems(ranked: readonly Item[]): readonly Item[] {
  const byText = new Map<string, Item>();
  for (const item of ranked) {
    const detail = item.kind === 'code' ? (item.detail ?? null) : null;
    const text = JSON.stringify([item.service, item.kind, detail]);
    if (!byText.has(text)) byText.set(text, item);
  }
  return [...byText.values()];
}

function placeOf<Item>(
  items: readonly Item[],
  isWanted: (item: Item) => boolean,
): number | undefined {
  const index = items.findIndex(isWanted);
  return index < 0 ? undefined : index + 1;
}

function isRightCause(item: Item, { services, cause }: Label): boolean {
  if (cause === undefined || !services.includes(item.service)) return false;
  if (!cause.kinds.includes(item.kind)) return false;
  return item.kind !== 'code' || isRightRegion(item, cause);
}

function isRightRegion({ detail }: Item, { region }: LabelledCause): boolean {
  if (region === undefined) return true;
  const from = detail?.['from'];
  const to = detail?.['to'];
  if (from === undefined || to === undefined || !isOneEvent(from) || !isOneEvent(to)) return false;
  return holdsRegion({ from, to }, region);
}

function holdsRegion(said: Region, right: Region): boolean {
  return holds(said.from, right.from) && holds(said.to, right.to);
}

const EVENT_LENGTH_MAX = 256;

/** One line, not long, and at most one `Logger#line`: a list of all events would hold every answer. */
function isOneEvent(text: string): boolean {
  if (text.length === 0 || text.length > EVENT_LENGTH_MAX || /[\r\n]/.test(text)) return false;
  return (text.match(/\S+#\d+/g) ?? []).length <= 1;
}

/** Contains it; but an event that ends in a digit is not met by a longer number (#31 is not #311). */
function holds(text: string, part: string): boolean {
  for (let at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + 1)) {
    if (!/\d$/.test(part) || !/\d/.test(text[at + part.length] ?? '')) return true;
  }
  return false;
}

/** Cases of one group; shares are undefined when there is nothing to take a share of. */
export interface ScoreTotals {
  readonly name: string;
  readonly cases: number;
  readonly service1: number | undefined;
  readonly service3: number | undefined;
  readonly cause1: number | undefined;
  readonly cause3: number | undefined;
  /** Of all cases: no cause was named. */
  readonly abstained: number;
  /** A case without a fault has no place to be right at: this is its only figure beside `abstained`. */
  readonly right: number;
}

/** Totals of each group in order of first mention; `nameOf` may leave a case out. */
export function totalsOf(
  scores: readonly CaseScore[],
  nameOf: (label: Label) => string | undefined,
): readonly ScoreTotals[] {
  const groups = new Map<string, CaseScore[]>();
  for (const score of scores) {
    const name = nameOf(score.label);
    if (name === undefined) continue;
    const known = groups.get(name);
    if (known) known.push(score);
    else groups.set(name, [score]);
  }
  return [...groups].map(([name, members]) => totalOf(name, members));
}

function totalOf(name: string, members: readonly CaseScore[]): ScoreTotals {
  const faulty = members.filter(({ label }) => label.services.length > 0);
  const explained = faulty.filter(({ label }) => label.cause !== undefined);
  return {
    name,
    cases: members.length,
    service1: shareOf(faulty, ({ servicePlace }) => isWithin(servicePlace, 1)),
    service3: shareOf(faulty, ({ servicePlace }) => isWithin(servicePlace, 3)),
    cause1: shareOf(explained, ({ causePlace }) => isWithin(causePlace, 1)),
    cause3: shareOf(explained, ({ causePlace }) => isWithin(causePlace, 3)),
    abstained: shareOf(members, ({ isNamed }) => !isNamed) ?? 0,
    right: shareOf(members, ({ isRight }) => isRight) ?? 0,
  };
}

function isWithin(place: number | undefined, count: number): boolean {
  return place !== undefined && place <= count;
}

function shareOf<Item>(
  items: readonly Item[],
  isCounted: (item: Item) => boolean,
): number | undefined {
  return items.length === 0 ? undefined : items.filter(isCounted).length / items.length;
}
