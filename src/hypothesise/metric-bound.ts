/**
 * Physical bounds: what a share of a limit means for the work beside it, and gauges of one resource that say
 * the same or contradict each other.
 */
import { medianOf } from '../base/statistics.ts';
import type { SeriesWindow } from '../model/window.ts';
import { FULL_SHARE, finite, type Meaning, namedMeaning } from './metric-meaning.ts';

/** A share of something that cannot be more than all of it. */
export interface Bound {
  /**
   * ln of the factor by which work waits for the rest: 1 / (1 − share), the mean stay in a queue with one
   * server (M/M/1). From 1 to 3 % of a limit: 1.02, no news; from 10 to 90 %: 9.
   */
  logSlowdown(value: number): number;
  /** It costs nothing until it is full. */
  readonly hurtsWhenFull: boolean;
  isFull(value: number): boolean;
}

const SHARE = /utili[sz]ation|(usage|used)[._]?(rate|ratio|percent)/;
const RESOURCES = new Set(['cpu', 'event-loop', 'memory', 'disk']);
/** Measured on the machine, with many servers to its queue: hurts when it is full. */
const MACHINE = /(^|[._])(node|host|system)[._]/;
/** Shares are measured with an error of about one in a hundred. */
const SHARE_MAX = 0.99;
/** Smaller growth is not worth a word. */
export const GROWTH_MIN = 1.15;

/** Undefined for what has no known bound, or exceeds it: a share of one processor where there are several. */
export function boundOf(
  { name, unit }: Pick<SeriesWindow, 'name' | 'unit'>,
  { meaning, most }: { readonly meaning: Meaning; readonly most: number },
): Bound | undefined {
  const lower = name.toLowerCase();
  const full = unit === '%' ? 100 : 1;
  if (!RESOURCES.has(meaning.kind) || !SHARE.test(lower) || most > 1.05 * full) return undefined;
  const hurtsWhenFull = meaning.kind === 'memory' || meaning.kind === 'disk' || MACHINE.test(lower);
  return {
    logSlowdown: (value) => -Math.log(1 - Math.min(value / full, SHARE_MAX)),
    hurtsWhenFull,
    isFull: (value) => value / full >= FULL_SHARE,
  };
}

/** Ids of series that count what another states as a share of its limit: the share tells more. */
export function rivalSeries(all: readonly SeriesWindow[]): string[] {
  const shared = new Set(all.filter(isShare).map(resourceKey));
  return all
    .filter((series) => isUse(series) && shared.has(resourceKey(series)))
    .map(({ seriesId }) => seriesId);
}

/**
 * Ids of shares that grew while what they are a share of did not: one of the two is wrong, or the limit was
 * lowered. Then only a share that is full is believed.
 */
export function doubtedShares(
  all: readonly SeriesWindow[],
  earlier: ReadonlyMap<string, SeriesWindow>,
): ReadonlySet<string> {
  const uses = new Map(all.filter(isUse).map((series) => [resourceKey(series), series]));
  const doubted = all.filter(isShare).filter((share) => {
    const use = uses.get(resourceKey(share));
    return use !== undefined && levelOf(use) / levelOf(earlier.get(use.seriesId)) < GROWTH_MIN;
  });
  return new Set(doubted.map(({ seriesId }) => seriesId));
}

function isShare({ name, service }: SeriesWindow): boolean {
  return service !== '' && isResource(name) && SHARE.test(name.toLowerCase());
}

function isUse({ name, service }: SeriesWindow): boolean {
  const lower = name.toLowerCase();
  return service !== '' && isResource(name) && !SHARE.test(lower) && /usage|used/.test(lower);
}

function isResource(name: string): boolean {
  const kind = namedMeaning(name)?.kind;
  return kind === 'cpu' || kind === 'memory';
}

/** One resource of one instance, of the machine or of what runs on it. */
function resourceKey({ name, service, resource }: SeriesWindow): string {
  const instance = resource['k8s.pod.name'] ?? resource['service.instance.id'] ?? '';
  const level = MACHINE.test(name.toLowerCase()) ? 'machine' : 'own';
  return [service, String(instance), namedMeaning(name)?.kind ?? '', level].join('\0');
}

function levelOf(series: SeriesWindow | undefined): number {
  const values = series === undefined ? [] : finite(series.values);
  return values.length > 0 ? medianOf(values) : Number.NaN;
}
