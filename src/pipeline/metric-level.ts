/** Judges where the low points of a metric's level go: drift, and saturation of a known limit. */
import { US_PER_HOUR, US_PER_MINUTE } from '../base/time.ts';
import {
  crestBefore,
  dayMinima,
  type EndedPeriods,
  hasFallen,
  hourMinima,
  hourMoves,
  hoursKnown,
  peakBefore,
  SLOT_MINUTES,
  slotMinima,
} from '../baseline/metric-envelope.ts';
import { isResource } from '../baseline/metric-subject.ts';
import { anomalyIdOf } from '../detect/anomaly-id.ts';
import { type Drift, findDrift } from '../detect/drift.ts';
import { minimalEffect } from '../detect/metric-effect.ts';
import {
  driftReason,
  driftStatement,
  END_REASONS,
  saturationReason,
  saturationStatement,
} from '../detect/metric-text.ts';
import {
  type Fill,
  findSaturation,
  isStillFilling,
  type Saturation,
} from '../detect/saturation.ts';
import type { Anomaly, Picture } from '../model/anomaly.ts';
import type { MetricSeries } from '../model/span.ts';
import type { MetricEpisodes } from './metric-episodes.ts';

/** Of the row of a series: what of its level is open. Minutes count from the origin of the watch; 0: none. */
const AT = {
  driftOnset: 0,
  driftFrom: 1,
  driftPeak: 2,
  /** When it last grew. */
  driftGrewAt: 3,
  fillOnset: 4,
  /** Slots in a row that said so: before it is open for it, while it is open against it. */
  fillCount: 5,
  fillSince: 6,
  driftClosedAt: 7,
  /** Found by low points of days, which hours do not stand above. */
  isOfDays: 8,
} as const;
export const LEVEL_WIDTH = 9;

export interface LevelPart {
  readonly series: MetricSeries;
  /** Numbers of the row: see metric-envelope.ts, and above. */
  readonly envelope: Float32Array;
  readonly open: Float32Array;
}

export interface LevelMinute {
  readonly minute: number;
  readonly originUs: number;
  readonly limit: number | undefined;
  readonly ended: EndedPeriods;
}

/** Fallen by this share of its rise, a drift is over. */
const FALL_SHARE = 0.5;
/** Grown by less than this share in a day, it is the new normal. */
const GROWTH_SHARE_MIN = 0.05;
const ACCEPTED_MINUTES = 24 * 60;
/** Two findings, five minutes apart, open a saturation; three against it close it. */
const FILL_SLOTS_MIN = 2;
const TURN_SLOTS_MIN = 3;
/** A peak of the last hours is no usual one. */
const FILL_HOURS = 4;

/** Called once the envelope holds the minute: judges when five minutes, or an hour, are complete. */
export function stepLevel(part: LevelPart, now: LevelMinute, episodes: MetricEpisodes): void {
  const { envelope, open } = part;
  const { hasEndedSlot, hasEndedHour } = now.ended;
  if (!hasEndedSlot) return;
  if (open[AT.driftOnset]! > 0) followDrift(part, now, episodes);
  else if (hasEndedHour && hasFallen(envelope)) tryOpenDrift(part, now, episodes);
  if (now.limit === undefined) return;
  if (open[AT.fillOnset]! > 0) followFill(part, { ...now, limit: now.limit }, episodes);
  else tryOpenFill(part, { ...now, limit: now.limit }, episodes);
}

function tryOpenDrift(part: LevelPart, now: LevelMinute, episodes: MetricEpisodes): void {
  const { series, envelope, open } = part;
  const found = findDrift(
    {
      hours: hourMinima(envelope),
      days: dayMinima(envelope),
      hoursKnown: hoursKnown(envelope),
      peakBefore: (hours) => peakBefore(envelope, hours),
      moves: (wanted) => hourMoves(envelope, wanted),
      isResource: isResource(series),
      hoursSinceClosed: (now.minute - open[AT.driftClosedAt]!) / 60,
    },
    minimalEffect({ unit: series.unit, measure: 'level', kind: series.kind }),
  );
  if (!found) return;
  open[AT.driftOnset] = now.minute - 60 * found.hours;
  open[AT.driftFrom] = found.from;
  open[AT.driftPeak] = found.to;
  open[AT.driftGrewAt] = now.minute;
  open[AT.isOfDays] = found.isOfDays ? 1 : 0;
  episodes.open(driftAnomaly(part, now, found));
}

function followDrift(part: LevelPart, now: LevelMinute, episodes: MetricEpisodes): void {
  const { series, envelope, open } = part;
  const id = idOf('drift', open[AT.driftOnset]!, { ...now, seriesId: series.seriesId });
  const anomaly = episodes.find(id);
  if (!anomaly) {
    closeDrift(part, now); // for its silence
    return;
  }
  const [from, peak] = [open[AT.driftFrom]!, open[AT.driftPeak]!];
  const low = slotMinima(envelope).at(-1)!;
  if (low < from + (1 - FALL_SHARE) * (peak - from)) {
    closeDrift(part, now);
    episodes.close(id, 'recovered', END_REASONS.fellBack);
    return;
  }
  const latest = (open[AT.isOfDays] ? dayMinima(envelope) : hourMinima(envelope)).at(-1)!;
  if (latest > peak + GROWTH_SHARE_MIN * (peak - from)) {
    open[AT.driftPeak] = latest;
    open[AT.driftGrewAt] = now.minute;
  } else if (now.minute - open[AT.driftGrewAt]! > (open[AT.isOfDays] ? 3 : 1) * ACCEPTED_MINUTES) {
    closeDrift(part, now);
    episodes.close(id, 'accepted', END_REASONS.newNormal);
    return;
  }
  const hours = Math.round((now.minute - open[AT.driftOnset]!) / 60);
  const to = open[AT.driftPeak]!;
  const statement = driftStatement(series, { from, to, hours });
  episodes.goOn(id, {
    minuteUs: usOf(now),
    value: to,
    score: anomaly.score,
    n: anomaly.n,
    statement,
  });
}

function closeDrift({ open }: LevelPart, now: LevelMinute): void {
  open[AT.driftOnset] = 0;
  open[AT.driftClosedAt] = now.minute;
}

type LimitedMinute = LevelMinute & { readonly limit: number };

function tryOpenFill(part: LevelPart, now: LimitedMinute, episodes: MetricEpisodes): void {
  const { open } = part;
  const found = findSaturation(fillOf(part), now.limit);
  open[AT.fillCount] = found ? open[AT.fillCount]! + 1 : 0;
  if (!found || open[AT.fillCount]! < FILL_SLOTS_MIN) return;
  open[AT.fillCount] = 0;
  open[AT.fillOnset] = now.minute - found.minutes;
  open[AT.fillSince] = now.minute;
  episodes.open(fillAnomaly(part, now, found));
}

function followFill(part: LevelPart, now: LimitedMinute, episodes: MetricEpisodes): void {
  const { series, envelope, open } = part;
  const id = idOf('saturation', open[AT.fillOnset]!, { ...now, seriesId: series.seriesId });
  const anomaly = episodes.find(id);
  if (!anomaly) {
    open[AT.fillOnset] = 0; // as above
    return;
  }
  const fill = fillOf(part);
  open[AT.fillCount] = isStillFilling(fill, now.limit) ? 0 : open[AT.fillCount]! + 1;
  const isOver = open[AT.fillCount]! >= TURN_SLOTS_MIN;
  if (isOver || now.minute - open[AT.fillSince]! > ACCEPTED_MINUTES) {
    open[AT.fillOnset] = 0;
    open[AT.fillCount] = 0;
    if (isOver) episodes.close(id, 'recovered', END_REASONS.turned);
    else episodes.close(id, 'accepted', END_REASONS.newNormal);
    return;
  }
  const found = findSaturation(fill, now.limit);
  const statement = found
    ? saturationStatement(series, { found, limit: now.limit })
    : anomaly.statement;
  const value = slotMinima(envelope).at(-1)!;
  episodes.goOn(id, {
    minuteUs: usOf(now),
    value,
    score: found?.score ?? anomaly.score,
    n: anomaly.n,
    statement,
  });
}

function fillOf({ envelope }: LevelPart): Fill {
  const slots = {
    minima: slotMinima(envelope),
    periodMinutes: SLOT_MINUTES,
    usualPeak: crestBefore(envelope, FILL_HOURS),
  };
  const hours = {
    minima: hourMinima(envelope),
    periodMinutes: 60,
    usualPeak: peakBefore(envelope, FILL_HOURS),
  };
  const moves = hourMoves(envelope, { hours: FILL_HOURS, lag: 1 });
  return {
    lines: [slots, hours],
    hoursKnown: hoursKnown(envelope),
    hourNoise: moves?.deviation ?? Number.NaN,
  };
}

function driftAnomaly(part: LevelPart, now: LevelMinute, found: Drift): Anomaly {
  const { series, envelope } = part;
  const { from, to, usualPeak, score } = found;
  return {
    ...commonOf(part, now, { kind: 'drift', onset: part.open[AT.driftOnset]! }),
    value: to,
    expected: { expected: from, low: Math.min(from, usualPeak), high: usualPeak },
    n: found.hours,
    score,
    statement: driftStatement(series, found),
    reason: driftReason(series, found),
    picture: pictureOf(hourMinima(envelope), now, { series, stepUs: US_PER_HOUR, high: usualPeak }),
  };
}

function fillAnomaly(part: LevelPart, now: LimitedMinute, found: Saturation): Anomaly {
  const { series, envelope } = part;
  const { limit } = now;
  const fill = fillOf(part);
  const { usualPeak } = fill.lines[0];
  const usual = Number.isNaN(usualPeak) ? 0 : usualPeak;
  const stepUs = SLOT_MINUTES * US_PER_MINUTE;
  return {
    ...commonOf(part, now, { kind: 'saturation', onset: part.open[AT.fillOnset]! }),
    value: found.level,
    expected: { expected: usual, low: 0, high: limit },
    n: found.minutes,
    score: found.score,
    statement: saturationStatement(series, { found, limit }),
    reason: saturationReason(found),
    picture: pictureOf(slotMinima(envelope), now, { series, stepUs, high: limit }),
  };
}

function commonOf(
  { series }: LevelPart,
  now: LevelMinute,
  { kind, onset }: { readonly kind: 'drift' | 'saturation'; readonly onset: number },
) {
  const { service, name, seriesId } = series;
  const range = { fromUs: now.originUs + onset * US_PER_MINUTE, toUs: usOf(now) + US_PER_MINUTE };
  return {
    anomalyId: idOf(kind, onset, { ...now, seriesId }),
    kind,
    status: 'open',
    service,
    metric: name,
    seriesId,
    range,
    detectedUs: range.toUs,
    direction: 'up',
  } as const;
}

/** Low points up to now, and what they should stay below. */
function pictureOf(
  minima: Float32Array,
  now: LevelMinute,
  {
    series,
    stepUs,
    high,
  }: { readonly series: MetricSeries; readonly stepUs: number; readonly high: number },
): Picture {
  const nowUs = usOf(now);
  return {
    fromUs: nowUs - (nowUs % stepUs) - minima.length * stepUs,
    stepUs,
    unit: series.unit,
    values: Array.from(minima, orNull),
    expected: Array.from(minima, () => null),
    low: Array.from(minima, () => null),
    high: Array.from(minima, () => orNull(high)),
  };
}

const orNull = (value: number) => (Number.isFinite(value) ? value : null);

function usOf({ originUs, minute }: Pick<LevelMinute, 'originUs' | 'minute'>): number {
  return originUs + minute * US_PER_MINUTE;
}

function idOf(
  kind: 'drift' | 'saturation',
  onset: number,
  { originUs, seriesId }: { readonly originUs: number; readonly seriesId: string },
): string {
  const fromUs = originUs + onset * US_PER_MINUTE;
  return anomalyIdOf({ kind, range: { fromUs, toUs: fromUs } }, seriesId);
}
