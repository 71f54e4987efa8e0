/** Seeded series of kinds that watched systems and the world have, each with a known change. */
import { Random } from '../../src/bench/random.ts';

const MINUTE_US = 60_000_000;
/** A Monday. */
const START_US = Date.UTC(2026, 0, 5) * 1000;

export interface Kind {
  readonly name: string;
  readonly stepMinutes: number;
  readonly count: number;
  /** The index at which the change begins. */
  readonly changeAt: number;
  readonly valueAt: (at: Moment) => number;
}

export interface Moment {
  readonly index: number;
  /** Hours since midnight, UTC. */
  readonly hour: number;
  readonly isWeekend: boolean;
  readonly random: Random;
  /** Values since the change; negative before it. */
  readonly since: number;
}

export const KINDS: readonly Kind[] = [
  {
    name: 'mentions a five minutes, a burst',
    stepMinutes: 5,
    count: 10_000,
    changeAt: 9000,
    valueAt: ({ hour, random, since }) => {
      const usual = 20 * (0.5 + bump(hour, 16, 5)) * random.logNormal(1, 0.4);
      const burst = since >= 0 && since < 40 ? 300 * Math.exp(-since / 15) : 0;
      return Math.round(usual + burst);
    },
  },
  {
    name: 'demand a half hour, a day at 60 %',
    stepMinutes: 30,
    count: 48 * 60,
    changeAt: 48 * 50,
    valueAt: ({ hour, isWeekend, random, since }) => {
      const shape = 0.35 + 0.6 * bump(hour, 19, 4) + (isWeekend ? 0.1 : 0.4) * bump(hour, 9, 3);
      const share = since >= 0 && since < 48 ? 0.6 : 1;
      return 15_000 * shape * share * (1 + 0.03 * normal(random));
    },
  },
  {
    name: 'road speed, a jam',
    stepMinutes: 10,
    count: 144 * 21,
    changeAt: 144 * 17 + 70,
    valueAt: ({ hour, isWeekend, random, since }) => {
      const rush = (isWeekend ? 2 : 12) * (bump(hour, 8, 1.2) + bump(hour, 17.5, 1.5));
      const share = since >= 0 && since < 15 ? 0.45 : 1;
      return Math.round((68 - rush + 2.5 * normal(random)) * share);
    },
  },
  {
    name: 'temperature of a machine, it stops',
    stepMinutes: 5,
    count: 12_000,
    changeAt: 11_000,
    valueAt: ({ index, random, since }) => {
      const wander = 3 * Math.sin(index / 700) + 2 * Math.sin(index / 211);
      return 88 + wander + 0.8 * normal(random) - (since >= 0 ? Math.min(40, 3 * since) : 0);
    },
  },
  {
    name: 'CPU share, a bad configuration from then on',
    stepMinutes: 5,
    count: 10_000,
    changeAt: 8000,
    valueAt: ({ hour, random, since }) => {
      const usual = 30 + 12 * bump(hour, 14, 4) + 3 * normal(random);
      return Math.max(0, since >= 0 ? 1.5 * usual + 15 : usual);
    },
  },
  {
    name: 'gauge a minute, a leak of connections',
    stepMinutes: 1,
    count: 20_000,
    changeAt: 19_000,
    valueAt: ({ random, since }) => 12 + random.below(5) + (since >= 0 ? Math.floor(since / 3) : 0),
  },
  {
    name: 'always the same, then not',
    stepMinutes: 1,
    count: 3000,
    changeAt: 2500,
    valueAt: ({ since }) => (since >= 0 ? 6 : 5),
  },
];

/** Points of a kind, the same for the same seed. */
export function* pointsOf(kind: Kind, seed: number) {
  const random = new Random(seed);
  for (let index = 0; index < kind.count; index++) {
    const timeUs = START_US + index * kind.stepMinutes * MINUTE_US;
    const minutes = index * kind.stepMinutes;
    const weekday = Math.floor(minutes / 1440) % 7; // 0 is Monday
    const value = kind.valueAt({
      index,
      hour: (minutes % 1440) / 60,
      isWeekend: weekday >= 5,
      random,
      since: index - kind.changeAt,
    });
    yield { timeUs, value };
  }
}

/** Standard normal. */
export function normal(random: Random): number {
  return Math.log(random.logNormal(1, 1));
}

/** 1 at the hour, falling off around it over so many hours. */
function bump(hour: number, atHour: number, hours: number): number {
  const apart = ((hour - atHour + 36) % 24) - 12;
  return Math.exp(-(apart * apart) / (2 * hours * hours));
}
