/** Anomalies near in time and in the graph become one incident, open as long as one of them is. */
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/base/limits.ts';
import { US_PER_MINUTE } from '../../src/base/time.ts';
import { groupIncidents, isSign } from '../../src/detect/detect.ts';
import type { Anomaly, Incident } from '../../src/model/anomaly.ts';

const EDGES = [
  ['gateway', 'orders'],
  ['orders', 'payment'],
] as const;

function anomalyOf(service: string, minute: number, extra: Partial<Anomaly> = {}): Anomaly {
  const range = { fromUs: minute * US_PER_MINUTE, toUs: (minute + 1) * US_PER_MINUTE };
  return {
    anomalyId: `${service}-${minute}`,
    kind: 'latency',
    status: 'open',
    service,
    range,
    direction: 'up',
    value: 2,
    expected: { expected: 1, low: 0, high: 1.5 },
    n: 100,
    score: 10,
    statement: { zh: '慢', en: 'slow' },
    ...extra,
  };
}

/** All incidents that there are, after minutes that brought these anomalies. */
class Life {
  readonly incidents = new Map<string, Incident>();
  readonly #open = new Map<string, Anomaly>();

  /** Those that changed. */
  minute(minute: number, anomalies: readonly Anomaly[]): Incident[] {
    for (const anomaly of anomalies) {
      if (anomaly.status === 'closed') this.#open.delete(anomaly.anomalyId);
      else this.#open.set(anomaly.anomalyId, anomaly);
    }
    const changed = groupIncidents(anomalies, [...this.incidents.values()], {
      nowUs: (minute + 1) * US_PER_MINUTE,
      edges: EDGES,
      openIds: new Set(this.#open.keys()),
      signIds: new Set([...this.#open.values()].filter(isSign).map(({ anomalyId }) => anomalyId)),
    });
    for (const incident of changed) this.incidents.set(incident.incidentId, incident);
    return changed;
  }

  report(incidentId: string): void {
    this.incidents.set(incidentId, { ...this.incidents.get(incidentId)!, reportId: 'r1' });
  }
}

function closed(anomaly: Anomaly, end: 'recovered' | 'accepted' | 'gone' = 'recovered'): Anomaly {
  return { ...anomaly, status: 'closed', end };
}

describe('groupIncidents() at one moment', () => {
  it('joins neighbours in the call graph, however they arrive', () => {
    const anomalies = [anomalyOf('gateway', 10), anomalyOf('payment', 9), anomalyOf('orders', 10)];
    for (const order of [anomalies, [...anomalies].reverse()]) {
      const incidents = new Life().minute(10, order).filter(({ status }) => status === 'open');
      expect(incidents).toHaveLength(1);
      expect(incidents[0]).toMatchObject({
        services: ['gateway', 'orders', 'payment'],
        onsetUs: 9 * US_PER_MINUTE,
        lastSeenUs: 11 * US_PER_MINUTE,
      });
    }
  });

  it('keeps apart what no call connects', () => {
    const incidents = new Life().minute(10, [anomalyOf('gateway', 10), anomalyOf('billing', 10)]);
    expect(incidents).toHaveLength(2);
  });

  it('returns nothing for nothing, and nothing for what closes unknown', () => {
    const life = new Life();
    expect(life.minute(1, [])).toEqual([]);
    expect(life.minute(2, [closed(anomalyOf('orders', 1))])).toEqual([]);
  });

  it('lists so many anomalies and no more', () => {
    const many = Array.from({ length: LIMITS.incidentAnomaliesMax + 5 }, (_, index) =>
      anomalyOf('orders', 10, { anomalyId: `a${index}` }),
    );
    const [incident, ...others] = new Life().minute(10, many);
    expect(others).toEqual([]);
    expect(incident?.anomalyIds).toHaveLength(LIMITS.incidentAnomaliesMax);
  });
});

it('an incident with a full list stays open for those that came when the first had ended', () => {
  const first = Array.from({ length: LIMITS.incidentAnomaliesMax }, (_, index) =>
    anomalyOf('orders', 10, { anomalyId: `a${index}` }),
  );
  const life = new Life();
  life.minute(10, first);
  const last = anomalyOf('orders', 12, { anomalyId: 'last' });
  life.minute(12, [closed(first[0]!), last]);
  const [incident] = life.minute(
    14,
    first.slice(1).map((anomaly) => closed(anomaly)),
  );
  expect(incident).toMatchObject({ status: 'open' });
  expect(incident?.anomalyIds).toHaveLength(LIMITS.incidentAnomaliesMax);
  expect(life.minute(15, [closed(last)])).toMatchObject([{ status: 'closed' }]);
});

describe('the severity of an incident', () => {
  it.each([
    { kinds: ['log', 'metric', 'drift'], severity: 'info' },
    { kinds: ['log', 'latency'], severity: 'warning' },
    { kinds: ['latency', 'error'], severity: 'critical' },
    { kinds: ['silence'], severity: 'critical' },
  ] as const)('with $kinds is $severity', ({ kinds, severity }) => {
    const anomalies = kinds.map((kind) => anomalyOf('orders', 10, { kind, anomalyId: kind }));
    expect(new Life().minute(10, anomalies)).toMatchObject([{ severity }]);
  });

  it('is less when only a part of the requests fails', () => {
    const slice = { dimension: 'bot', value: '7' } as const;
    const failing = anomalyOf('orders', 10, { kind: 'error', slice });
    expect(new Life().minute(10, [failing])).toMatchObject([{ severity: 'warning' }]);
  });
});

describe('an open incident', () => {
  it('takes in what opens near it and keeps its name and report', () => {
    const life = new Life();
    const [first] = life.minute(10, [anomalyOf('orders', 10)]);
    life.report(first!.incidentId);
    const [grown, ...others] = life.minute(14, [anomalyOf('payment', 14)]);
    expect(others).toEqual([]);
    expect(grown).toMatchObject({ incidentId: first?.incidentId, reportId: 'r1', status: 'open' });
    expect(grown?.services).toEqual(['orders', 'payment']);
  });

  it('changes with its anomalies and with nothing else', () => {
    const life = new Life();
    life.minute(10, [anomalyOf('orders', 10)]);
    expect(life.minute(11, [anomalyOf('billing', 11)])).toMatchObject([{ services: ['billing'] }]);
    const worse = anomalyOf('orders', 10, { range: { fromUs: 0, toUs: 20 * US_PER_MINUTE } });
    expect(life.minute(19, [worse])).toMatchObject([{ lastSeenUs: 20 * US_PER_MINUTE }]);
  });

  it('that a bridge connects with an older one becomes a part of it', () => {
    const life = new Life();
    const [older] = life.minute(10, [anomalyOf('gateway', 10)]);
    const [younger] = life.minute(11, [anomalyOf('payment', 11)]);
    life.report(younger!.incidentId);
    life.minute(12, [anomalyOf('orders', 12)]);
    expect(life.incidents.get(older!.incidentId)).toMatchObject({
      status: 'open',
      services: ['gateway', 'orders', 'payment'],
      anomalyIds: ['gateway-10', 'orders-12', 'payment-11'],
    });
    expect(life.incidents.get(younger!.incidentId)).toMatchObject({
      status: 'closed',
      anomalyIds: [],
      reportId: 'r1',
      note: { en: `Part of incident ${older!.incidentId}` },
    });
  });

  it('leaves trouble of an hour later to another one', () => {
    const life = new Life();
    const [first] = life.minute(10, [anomalyOf('orders', 10)]);
    expect(life.minute(70, [anomalyOf('gateway', 70)])[0]?.incidentId).toBe(first?.incidentId);
    const [second] = life.minute(140, [anomalyOf('payment', 140)]);
    expect(second?.incidentId).not.toBe(first?.incidentId);
  });

  it('begins with whole endpoints where there are some, else with slices', () => {
    const slice = { dimension: 'stage', value: 'llm' } as const;
    const sliced = (minute: number) =>
      anomalyOf('orders', minute, { anomalyId: `slice-${minute}`, slice });
    const onsetOf = (...anomalies: readonly Anomaly[]) =>
      new Life().minute(9, anomalies)[0]!.onsetUs / US_PER_MINUTE;
    expect(onsetOf(sliced(3), anomalyOf('orders', 5), anomalyOf('payment', 6))).toBe(5);
    expect(onsetOf(anomalyOf('orders', 2), sliced(3))).toBe(2);
    expect(onsetOf(sliced(4), sliced(3))).toBe(3);
  });

  it('is dated by a whole endpoint that joins after it was opened by a slice', () => {
    const slice = { dimension: 'stage', value: 'llm' } as const;
    const life = new Life();
    const [early] = life.minute(9, [anomalyOf('orders', 2, { anomalyId: 'slice', slice })]);
    expect(early).toMatchObject({ onsetUs: 2 * US_PER_MINUTE, isOnsetOfSlice: true });
    const [dated] = life.minute(10, [anomalyOf('orders', 7, { anomalyId: 'whole' })]);
    expect(dated?.incidentId).toBe(early?.incidentId);
    expect(dated?.onsetUs).toBe(7 * US_PER_MINUTE);
    expect(dated?.isOnsetOfSlice).toBeUndefined();
    const [later] = life.minute(11, [anomalyOf('orders', 3, { anomalyId: 'other', slice })]);
    expect(later?.onsetUs).toBe(7 * US_PER_MINUTE);
  });

  it('does not take in the next trouble while only a metric has not settled', () => {
    const life = new Life();
    const metric = anomalyOf('orders', 1, { anomalyId: 'pool', kind: 'metric' });
    const slow = anomalyOf('orders', 0);
    life.minute(1, [slow, metric]);
    life.minute(10, [closed({ ...slow, range: { ...slow.range, toUs: 10 * US_PER_MINUTE } })]);
    expect(life.incidents.size).toBe(1);
    expect([...life.incidents.values()][0]?.status).toBe('open');
    life.minute(20, [anomalyOf('orders', 20)]); // 10 minutes later it is the same trouble
    expect(life.incidents.size).toBe(1);
    life.minute(25, [closed(anomalyOf('orders', 20))]);
    life.minute(45, [anomalyOf('orders', 45)]);
    expect([...life.incidents.values()].map(({ status, onsetUs }) => [status, onsetUs])).toEqual([
      ['open', 0],
      ['open', 45 * US_PER_MINUTE],
    ]);
  });

  it('takes in what a metric told of before', () => {
    const life = new Life();
    life.minute(1, [anomalyOf('orders', 1, { anomalyId: 'pool', kind: 'metric' })]);
    life.minute(40, [anomalyOf('orders', 40)]);
    expect(life.incidents.size).toBe(1);
  });

  it('does not begin with what crept up on it', () => {
    const life = new Life();
    const long = { fromUs: 0, toUs: 101 * US_PER_MINUTE };
    life.minute(99, [anomalyOf('orders', 99)]);
    const drift = anomalyOf('orders', 0, { kind: 'drift', range: long });
    expect(life.minute(100, [drift])).toMatchObject([{ onsetUs: 99 * US_PER_MINUTE }]);
  });
});

describe('the onset of an incident', () => {
  it('is the earliest of the anomalies that were known first', () => {
    const life = new Life();
    const [incident] = life.minute(10, [anomalyOf('orders', 9), anomalyOf('gateway', 8)]);
    expect(incident?.onsetUs).toBe(8 * US_PER_MINUTE);
    const [grown] = life.minute(15, [anomalyOf('payment', 2)]);
    expect(grown).toMatchObject({ incidentId: incident!.incidentId, onsetUs: 8 * US_PER_MINUTE });
  });
});

describe('the end of an incident', () => {
  it('comes when the last of its anomalies has closed', () => {
    const life = new Life();
    const [a, b] = [anomalyOf('orders', 10), anomalyOf('gateway', 10)];
    life.minute(10, [a, b]);
    expect(life.minute(20, [closed(a)])).toMatchObject([{ status: 'open' }]);
    expect(life.minute(30, [closed(b)])).toMatchObject([
      { status: 'closed', note: { en: 'All its anomalies have recovered' } },
    ]);
    expect(life.minute(31, [])).toEqual([]);
  });

  it('says what was accepted as the new normal', () => {
    const life = new Life();
    const anomaly = anomalyOf('orders', 10);
    life.minute(10, [anomaly]);
    expect(life.minute(1500, [closed(anomaly, 'accepted')])).toMatchObject([
      { status: 'closed', note: { en: 'Accepted as the new normal: slow' } },
    ]);
  });

  it('is undone by what comes back within 15 minutes, and not later', () => {
    const life = new Life();
    const first = anomalyOf('orders', 10);
    const [incident] = life.minute(10, [first]);
    life.minute(12, [closed(first)]);
    const again = anomalyOf('orders', 26);
    const [reopened, ...others] = life.minute(27, [again]);
    expect(others).toEqual([]);
    expect(reopened).toMatchObject({ incidentId: incident?.incidentId, status: 'open' });
    expect(reopened).not.toHaveProperty('note');
    life.minute(30, [closed(again)]);
    const [later] = life.minute(44, [anomalyOf('orders', 43)]);
    expect(later?.incidentId).not.toBe(incident?.incidentId);
  });
});
