/** What the model of a log template expects: rate, share, habit, clumps, slack; and what teaches it. */
import { describe, expect, test } from 'vitest';
import {
  acceptHeld,
  changedMinuteOf,
  dropHeld,
  expectLines,
  expectNew,
  holdLines,
  LOG_MODEL_WIDTH,
  LOG_SERVICE_WIDTH,
  type LogMinute,
  learnHeld,
  learnLines,
  learnNew,
  noteChange,
  usualLines,
} from '../../src/baseline/log-model.ts';

const HOUR = 60;
const DAY = 24 * HOUR;

type MinuteOf = (minute: number) => { readonly lines: number; readonly others?: number };

/** A model of one template, and the minute that comes next. */
class Learner {
  readonly model = new Float32Array(LOG_MODEL_WIDTH);
  minute = 0;

  learn(minutes: number, minuteOf: MinuteOf): void {
    this.#each(minutes, minuteOf, learnLines);
  }

  hold(minutes: number, minuteOf: MinuteOf): void {
    this.#each(minutes, minuteOf, holdLines);
  }

  expect(others = 100) {
    return expectLines(this.model, { others, hour: Math.floor(this.minute / HOUR) });
  }

  #each(minutes: number, minuteOf: MinuteOf, take: typeof learnLines): void {
    for (let end = this.minute + minutes; this.minute < end; this.minute++) {
      const { lines, others = 100 } = minuteOf(this.minute);
      const minute: LogMinute = { lines, others, hour: Math.floor(this.minute / HOUR) };
      take(this.model, minute, expectLines(this.model, minute));
    }
  }
}

/** A learner that has seen so many minutes. */
function learnerOf(minutes: number, minuteOf: MinuteOf): Learner {
  const learner = new Learner();
  learner.learn(minutes, minuteOf);
  return learner;
}

/** Twenty lines a minute, give or take three. */
const steady: MinuteOf = (minute) => ({ lines: 17 + ((minute * 5) % 7) });

describe('expectLines()', () => {
  test('expects next to nothing of a template without a past, and does not miss it', () => {
    const { high, presence, isSettled } = new Learner().expect();
    expect(high).toBeCloseTo(0.5 / 60);
    expect(presence).toBe(0);
    expect(isSettled).toBe(false);
  });

  test('expects its rate and its share, whichever is more', () => {
    const learner = learnerOf(2 * DAY, steady);
    expect(usualLines(learner.model)).toBeCloseTo(20, 0);
    expect(learner.expect(100).high).toBeCloseTo(20, 0);
    expect(learner.expect(400).high).toBeCloseTo(80, 0);
    expect(learner.expect(10)).toMatchObject({ high: expect.closeTo(20, 0) });
    expect(learner.expect(10).low).toBeCloseTo(2, 0);
  });

  test('knows a nightly job by the third day, in its hour and the hours beside it', () => {
    const nightly: MinuteOf = (minute) => ({ lines: minute % DAY < 20 ? 80 : 0 });
    const learner = learnerOf(2 * DAY, nightly);
    expect(learner.expect()).toMatchObject({ chance: 1, isSettled: true });
    expect(learner.expect().high).toBeGreaterThanOrEqual(80);
    learner.minute += 12 * HOUR;
    expect(learner.expect().high).toBeLessThan(2);
    expect(learner.expect().chance).toBeLessThan(0.1);
  });

  test('learns clumps: as many lines, some of them at once, are less sure', () => {
    const even = learnerOf(DAY, () => ({ lines: 2 }));
    const clumped = learnerOf(DAY, (minute) => ({ lines: minute % 5 === 0 ? 10 : 0 }));
    expect(clumped.expect().high).toBeCloseTo(even.expect().high, 0);
    expect(even.expect().clumping).toBeLessThan(2);
    expect(clumped.expect().clumping).toBeGreaterThan(3);
  });

  test('misses a template only from its second day, and one of few minutes less', () => {
    const learner = learnerOf(DAY - 1, steady);
    expect(learner.expect().presence).toBe(0);
    learner.learn(HOUR + 1, steady);
    expect(learner.expect().presence).toBeCloseTo(0.95);
    const seldom = learnerOf(2 * DAY, (minute) => ({ lines: minute % 10 === 0 ? 1 : 0 }));
    expect(seldom.expect().presence).toBeCloseTo(0.1, 1);
  });

  test('does not miss it while the whole service is silent', () => {
    expect(learnerOf(2 * DAY, steady).expect(0).presence).toBe(0);
  });

  test('is settled at once when most minutes have lines, else after two days', () => {
    expect(learnerOf(HOUR, steady).expect().isSettled).toBe(true);
    const seldom: MinuteOf = (minute) => ({ lines: minute % 60 === 0 ? 1 : 0 });
    expect(learnerOf(DAY, seldom).expect().isSettled).toBe(false);
    expect(learnerOf(2 * DAY, seldom).expect().isSettled).toBe(true);
  });
});

describe('slack', () => {
  test('shrinks over the first day', () => {
    const learner = new Learner();
    expect(learner.expect().slack).toBe(2);
    learner.learn(DAY / 2, steady);
    expect(learner.expect().slack).toBeCloseTo(1.5);
    learner.learn(DAY / 2, steady);
    expect(learner.expect().slack).toBeLessThan(1.05);
  });

  test('is what a rise was that came and went, and fades', () => {
    const learner = learnerOf(2 * DAY, steady);
    learner.hold(20, () => ({ lines: 50 }));
    learnHeld(learner.model);
    const { slack } = learner.expect();
    // 50 of 20 are 2.5 times; what clumps explain is left out
    expect(slack).toBeGreaterThan(1.8);
    expect(slack).toBeLessThan(2.5);
    learner.learn(7 * DAY, steady);
    expect(learner.expect().slack - 1).toBeCloseTo((slack - 1) / 2, 1);
  });

  test('learns nothing from an anomaly', () => {
    const learner = learnerOf(2 * DAY, steady);
    const before = learner.expect();
    learner.hold(20, () => ({ lines: 200 }));
    dropHeld(learner.model);
    expect(learner.expect()).toEqual(before);
  });
});

describe('dropHeld()', () => {
  const told = (learner: Learner): void => {
    learner.hold(20, () => ({ lines: 80 }));
    dropHeld(learner.model);
  };

  test('takes an anomaly that comes again at the same hour of the next day for a habit', () => {
    const learner = learnerOf(3 * DAY, () => ({ lines: 0 }));
    told(learner);
    learner.learn(DAY - 20, () => ({ lines: 0 }));
    expect(learner.expect().high).toBeLessThan(1);
    told(learner);
    learner.learn(DAY - 20, () => ({ lines: 0 }));
    expect(learner.expect().high).toBeGreaterThan(70);
  });

  test('does not, at another hour or after two weeks', () => {
    for (const pause of [DAY / 2, 14 * DAY]) {
      const learner = learnerOf(3 * DAY, () => ({ lines: 0 }));
      told(learner);
      learner.learn(pause - 20, () => ({ lines: 0 }));
      told(learner);
      learner.learn(DAY - 20, () => ({ lines: 0 }));
      expect(learner.expect().high).toBeLessThan(1);
    }
  });
});

describe('acceptHeld()', () => {
  test('takes what has lasted for the new normal, rate and share', () => {
    const learner = learnerOf(2 * DAY, steady);
    learner.hold(DAY, () => ({ lines: 100 }));
    acceptHeld(learner.model);
    expect(learner.expect(100).high).toBeCloseTo(100, 0);
    expect(learner.expect(200).high).toBeCloseTo(200, -1);
    expect(learner.expect().presence).toBe(0);
  });
});

describe('expectNew()', () => {
  test('counts first lines of templates per line, and half a one before there was any', () => {
    const service = new Float32Array(LOG_SERVICE_WIDTH);
    expect(expectNew(service, 10)).toBe(5);
    for (let minute = 0; minute < 100; minute++) {
      learnNew(service, { lines: 100, newLines: minute < 5 ? 1 : 0 });
    }
    expect(expectNew(service, 100)).toBeCloseTo(0.055, 2);
    expect(expectNew(service, 0)).toBe(0);
  });

  test('a change is kept', () => {
    const service = new Float32Array(LOG_SERVICE_WIDTH);
    expect(changedMinuteOf(service)).toBe(0);
    noteChange(service, 4711);
    expect(changedMinuteOf(service)).toBe(4711);
  });
});
