import { describe, expect, it } from 'vitest';
import type { InjectedIncident } from '../../src/bench/month-incidents.ts';
import { type Alarm, AlarmLog, findMistakes, scoreMonths } from '../../src/bench/month-score.ts';
import type { Anomaly } from '../../src/model/anomaly.ts';

const START_US = 1_767_571_200_000_000;
const DAY = 24 * 60;
const at = (minute: number) => START_US + minute * 60_000_000;

const SLOW: InjectedIncident = {
  kind: 'latency',
  service: 'bot',
  endpointIds: ['a', 'b'],
  fromMinute: 2 * DAY,
  toMinute: 2 * DAY + 30,
  size: 2,
  requestsPerMinute: 50,
};
const SPARSE: InjectedIncident = {
  ...SLOW,
  kind: 'error',
  service: 'shop',
  endpointIds: ['c'],
  fromMinute: 3 * DAY,
  toMinute: 3 * DAY + 60,
  requestsPerMinute: 2,
};

const from = SLOW.fromMinute;
const to = SLOW.toMinute;

let made = 0;

/** Minutes: onset, opening, end. */
function alarm(
  place: { readonly service: string; readonly endpointId?: string },
  [from, opened, to]: readonly [number, number, number],
): Alarm {
  return {
    anomalyId: `alarm-${made++}`,
    kind: 'latency',
    ...place,
    openedUs: at(opened),
    range: { fromUs: at(from), toUs: at(to) },
    statement: '',
  };
}

const A = { service: 'bot', endpointId: 'a' };

const WEEK = { startUs: START_US, dayCount: 7, endpointCount: 70, incidents: [SLOW, SPARSE] };

function scoreWeek(alarms: readonly Alarm[]) {
  const [first, week] = scoreMonths([{ alarms, truth: WEEK }]);
  return { first: first!, week: week! };
}

describe('scoreMonths()', () => {
  it('has no score for days that were not simulated', () => {
    const scoreDays = (dayCount: number) =>
      scoreMonths([{ alarms: [], truth: { ...WEEK, dayCount } }]);
    expect(scoreDays(1).map(({ period }) => period)).toEqual(['day 1']);
    const month = scoreDays(28);
    expect(month.map(({ endpointWeeks }) => endpointWeeks)).toEqual([10, 60, 210]);
  });

  it('finds an incident at the first alarm, with delay and onset error', () => {
    const { week } = scoreWeek([
      alarm(A, [from + 6, from + 9, from + 20]),
      alarm(A, [from - 1, from + 2, from + 20]),
      alarm({ service: 'bot', endpointId: 'b' }, [from, from + 4, from + 20]),
    ]);
    expect(week).toMatchObject({
      alarms: 3,
      falseAlarms: 0,
      falseIncidents: 0,
      all: { incidents: 2, found: 1 },
      clear: { incidents: 1, found: 1 },
      delayMinutes: { median: 2, p90: 2 },
      onsetErrorMinutes: 1,
    });
    expect(week.byKind.latency).toEqual({ incidents: 1, found: 1 });
    expect(week.byKind.error).toEqual({ incidents: 1, found: 0 });
  });

  const places: readonly (readonly [string, Alarm, boolean])[] = [
    ['on its endpoint', alarm(A, [from, from + 2, from + 5]), true],
    ['on its service as a whole', alarm({ service: 'bot' }, [from, from + 2, from + 5]), true],
    ['on another endpoint', alarm({ ...A, endpointId: 'z' }, [from, from + 2, from + 5]), false],
    ['on another service as a whole', alarm({ service: 'shop' }, [from, from + 2, to]), false],
    ['4 minutes after its end', alarm(A, [to + 4, to + 5, to + 6]), true],
    ['5 minutes after its end', alarm(A, [to + 5, to + 6, to + 7]), false],
    ['over before it', alarm(A, [from - 9, from - 7, from]), false],
    ['open before it and beyond it', alarm(A, [from - 9, from - 7, to]), false],
  ];
  it.each(places)('an alarm %s: %#', (_, only, isTrue) => {
    const { week } = scoreWeek([only]);
    expect(week.alarms).toBe(1);
    expect(week.falseAlarms).toBe(isTrue ? 0 : 1);
    expect(week.all.found).toBe(isTrue ? 1 : 0);
  });

  it('takes a late alarm for true, but not for found', () => {
    const { week } = scoreWeek([alarm(A, [to - 5, to + 6, to + 7])]);
    expect(week).toMatchObject({ falseAlarms: 0, all: { found: 0 } });
    expect(week.delayMinutes.median).toBeNaN();
  });

  it('takes false alarms of a service together when they open within 15 minutes', () => {
    const { first } = scoreWeek([
      alarm(A, [100, 102, 110]),
      alarm({ ...A, endpointId: 'z' }, [115, 117, 120]),
      alarm(A, [131, 133, 140]),
      alarm({ service: 'shop' }, [100, 102, 110]),
    ]);
    expect(first).toMatchObject({ alarms: 4, falseAlarms: 4, falseIncidents: 3 });
  });

  it('adds up months, but does not merge their alarms', () => {
    const month = { alarms: [alarm(A, [from, from + 2, from + 5])], truth: WEEK };
    const other = {
      alarms: [alarm(A, [from + 3, from + 8, from + 9]), alarm(A, [10, 12, 13])],
      truth: WEEK,
    };
    const again = { alarms: [alarm(A, [11, 13, 14])], truth: WEEK };
    const [first, week] = scoreMonths([month, other, again]);
    expect(first).toMatchObject({
      alarms: 2,
      falseAlarms: 2,
      falseIncidents: 2,
      endpointWeeks: 30,
    });
    expect(week).toMatchObject({
      alarms: 2,
      falseAlarms: 0,
      all: { incidents: 6, found: 2 },
      delayMinutes: { median: 5 },
      onsetErrorMinutes: 1.5,
    });
  });

  it('counts an alarm of the last minute of a day on that day', () => {
    const { first, week } = scoreWeek([alarm(A, [DAY - 2, DAY, DAY + 3])]);
    expect([first.alarms, week.alarms]).toEqual([1, 0]);
  });
});

describe('findMistakes()', () => {
  it('lists false alarms and missed incidents', () => {
    const wrong = alarm({ ...A, endpointId: 'z' }, [from, from + 2, from + 5]);
    const right = alarm(A, [from, from + 2, from + 5]);
    expect(findMistakes({ alarms: [wrong, right], truth: WEEK })).toEqual({
      falseAlarms: [wrong],
      missed: [SPARSE],
    });
  });
});

describe('AlarmLog', () => {
  const anomaly: Anomaly = {
    anomalyId: 'x',
    kind: 'latency',
    service: 'bot',
    endpointId: 'a',
    range: { fromUs: at(0), toUs: at(2) },
    direction: 'up',
    value: 2,
    expected: { expected: 1, low: 0, high: 1.5 },
    n: 10,
    score: 20,
    statement: { zh: '', en: '' },
  };

  it('keeps when an episode opened and where it ended', () => {
    const log = new AlarmLog();
    log.note(at(1), [anomaly]);
    log.note(at(9), [{ ...anomaly, status: 'closed', range: { fromUs: at(0), toUs: at(9) } }]);
    log.note(at(10), [{ ...anomaly, anomalyId: 'y' }]);
    expect(log.alarms()).toMatchObject([
      { anomalyId: 'x', openedUs: at(2), range: { fromUs: at(0), toUs: at(9) } },
      { anomalyId: 'y', openedUs: at(11) },
    ]);
  });
});
