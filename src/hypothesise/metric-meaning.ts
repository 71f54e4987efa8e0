/**
 * What a metric's name tells about the part of a service that it measures: words of the OpenTelemetry semantic
 * conventions and of common exporters, and the limit beside what is used.
 */
import { medianOf } from '../base/statistics.ts';
import type { CauseKind } from '../model/hypothesis.ts';
import type { SeriesWindow } from '../model/window.ts';

export interface Meaning {
  readonly kind: CauseKind;
  /** False: moves as well when something else is at fault. */
  readonly isOwn: boolean;
  /** Falling is bad: judged by its distance from full. */
  readonly isSuccess?: boolean;
  /** Counts what a pool has lent out: see meaningOf(). */
  readonly isUse?: boolean;
  /** Time that requests spend: weighs by its share of their extra time. */
  readonly isWait?: boolean;
  readonly weightMax: number;
}

/** First match wins. */
const MEANINGS: readonly (readonly [RegExp, Meaning])[] = [
  [/availability|success/, { kind: 'error', isOwn: false, isSuccess: true, weightMax: 5 }],
  [/throttled?_?(requests|calls)|rate_?limit|quota/, { kind: 'quota', isOwn: true, weightMax: 5 }],
  [/(^|[._])oom/, { kind: 'memory', isOwn: true, weightMax: 5 }],
  [/error|fail|exception|fault|4xx|5xx/, { kind: 'error', isOwn: false, weightMax: 5 }],
  [/retr(y|ies)/, { kind: 'retry', isOwn: false, weightMax: 4 }],
  [
    /event_?loop[\w.]*[._](delay|lag)/,
    { kind: 'event-loop', isOwn: true, isWait: true, weightMax: 6 },
  ],
  [/event_?loop/, { kind: 'event-loop', isOwn: true, weightMax: 6 }],
  [/(^|[._])(gc|garbage)([._]|$)/, { kind: 'gc', isOwn: true, weightMax: 5 }],
  [/mutex|(^|[._])lock(s|ed|ing)?([._]|$)/, { kind: 'lock', isOwn: true, weightMax: 5 }],
  [
    /goroutine|threads?([._]|$)|file_?descriptor|(^|[._])fds?([._]|$)/,
    { kind: 'leak', isOwn: false, weightMax: 3 },
  ],
  [/throttl.*cpu|cpu.*throttl|cpu/, { kind: 'cpu', isOwn: true, weightMax: 6 }],
  [/disk|filesystem|(^|[._])volume([._]|$)/, { kind: 'disk', isOwn: true, weightMax: 5 }],
  [/memory|heap|rss/, { kind: 'memory', isOwn: true, weightMax: 5 }],
  [
    /(pool|connections?)[\w.]*[._](wait|acquire|borrow)|wait_time/,
    { kind: 'pool', isOwn: true, isWait: true, weightMax: 5 },
  ],
  [
    /(pool|connections?|executor)[\w.]*[._](timeout|reject|exhaust)|pending/,
    { kind: 'pool', isOwn: true, weightMax: 5 },
  ],
  [/pool|connections?([._]|$)/, { kind: 'pool', isOwn: false, isUse: true, weightMax: 3 }],
  [/cache[\w.]*[._](miss|evict)/, { kind: 'cache', isOwn: false, weightMax: 4 }],
  [/latency|duration|response_?time/, { kind: 'latency', isOwn: false, weightMax: 4 }],
  [/queue|backlog|lag([._]|$)/, { kind: 'queue', isOwn: false, weightMax: 3 }],
  [/requests?([._]|$)|throughput|workload/, { kind: 'traffic', isOwn: false, weightMax: 4 }],
];

/** What a pool has in reserve, how large it may be and how long loans last: none of it runs short by growing. */
const NO_SHORTAGE = /idle|min|max|limit|size|capacity|creat|use_time|usage_(seconds|time)/;
/** The series beside a pool's use that holds its limit. */
const LIMIT_ENDING = /[._](config[._])?(max|limit)$/;
const USE_ENDING = /[._](count|active|busy|used|usage|in_use)$/;
/** A pool, a memory or a machine of which this share is taken is exhausted. */
export const FULL_SHARE = 0.9;

export function namedMeaning(name: string): Meaning | undefined {
  const lower = name.toLowerCase();
  return MEANINGS.find(([words]) => words.test(lower))?.[1];
}

/**
 * More connections in use are what load and slow answers do; they are a cause only where the pool has no
 * more to lend. Below its limit a pool is no suspect; without a known limit its use backs others' suspicion.
 */
export function meaningOf(
  series: SeriesWindow,
  limits: ReadonlyMap<string, readonly SeriesWindow[]>,
): Meaning | undefined {
  const meaning = namedMeaning(series.name);
  if (meaning?.isUse !== true) return meaning;
  if (NO_SHORTAGE.test(series.name.toLowerCase()) || isIdle(series)) return undefined;
  const limit = limits.get(poolKey(series, USE_ENDING))?.find((one) => isSamePool(one, series));
  const limitValues = limit && finite(limit.values);
  if (limitValues === undefined || limitValues.length === 0) return meaning;
  const isFull = medianOf(finite(series.values)) >= FULL_SHARE * medianOf(limitValues);
  return isFull ? { ...meaning, isOwn: true, weightMax: 5 } : undefined;
}

export function limitsOfPools(all: readonly SeriesWindow[]): Map<string, SeriesWindow[]> {
  const limits = new Map<string, SeriesWindow[]>();
  for (const series of all) {
    if (!LIMIT_ENDING.test(series.name.toLowerCase())) continue;
    const key = poolKey(series, LIMIT_ENDING);
    limits.set(key, [...(limits.get(key) ?? []), series]);
  }
  return limits;
}

/** db.client.connection.count and db.client.connection.max are of one family, with dots or underscores. */
function poolKey({ service, name }: SeriesWindow, ending: RegExp): string {
  const family = name.toLowerCase().replace(ending, '').replaceAll('.', '_');
  return `${service}\0${family}`;
}

/** All that the limit says of itself the other says as well: the pool's name, the instance. */
function isSamePool(limit: SeriesWindow, other: SeriesWindow): boolean {
  return Object.entries(limit.attributes).every(([key, value]) => other.attributes[key] === value);
}

function isIdle({ attributes }: SeriesWindow): boolean {
  return Object.entries(attributes).some(
    ([key, value]) => /(^|[._])state$/.test(key) && value === 'idle',
  );
}

/** The values themselves when all are numbers, as nearly always. */
export function finite(values: Float64Array): Float64Array {
  const isNumber = (value: number) => Number.isFinite(value);
  return values.every(isNumber) ? values : values.filter(isNumber);
}
