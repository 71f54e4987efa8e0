/** Log lines that are new or come more often. */
import { describe, expect, it } from 'vitest';
import { suspectLogs } from '../../src/hypothesise/log.ts';
import { factsOf } from '../build/facts.ts';
import { createRandom } from '../build/random.ts';
import {
  buildCollected,
  type LogLiteral,
  type PeriodLiteral,
  REFERENCE_RANGE,
  type SpanLiteral,
  WINDOW_RANGE,
} from '../build/span-table.ts';

const ERROR = 17;
const INFO = 9;

type Line = Pick<LogLiteral, 'service' | 'template'> & { severity?: number; body?: string };

/** Requests of front, which calls back and stock; `linesOf` says what they log. */
function periodOf(
  fromUs: number,
  linesOf: (index: number) => readonly Line[],
  isTraced = true,
): PeriodLiteral {
  const spans: SpanLiteral[] = [];
  const logs: LogLiteral[] = [];
  const ids = ['front', 'back', 'stock'].map((service, at) => ({
    service,
    id: (at + 1).toString(16).padStart(16, '0'),
  }));
  for (let index = 0; index < 40; index++) {
    const trace = (fromUs + index).toString(16).padStart(32, '0');
    const startUs = fromUs + index * 1_000_000;
    for (const { service, id } of ids) {
      const parent = service === 'front' ? {} : { parent: ids[0]!.id };
      spans.push({ trace, id, ...parent, service, operation: 'load', startUs, durationUs: 20_000 });
    }
    const usual = ids.map(({ service }) => ({ service, template: 'done' }));
    for (const line of [...usual, ...linesOf(index)]) {
      const span = ids.find(({ service }) => service === line.service)!.id;
      logs.push({ timeUs: startUs + 1000, ...line, ...(isTraced ? { trace, span } : {}) });
    }
  }
  return { spans, logs };
}

function suspect(
  linesOf: (index: number) => readonly Line[],
  options: {
    readonly usualOf?: (index: number) => readonly Line[];
    readonly isTraced?: boolean;
  } = {},
) {
  const { usualOf = () => [], isTraced = true } = options;
  return suspectLogs(
    factsOf(
      buildCollected({
        window: periodOf(WINDOW_RANGE.fromUs, linesOf, isTraced),
        reference: periodOf(REFERENCE_RANGE.fromUs, usualOf, isTraced),
      }),
    ),
  );
}

const failure: Line = { service: 'back', template: 'it failed', severity: ERROR };

describe('suspectLogs()', () => {
  it.each([true, false])('finds a new error, traced or not: %s', (isTraced) => {
    const [first] = suspect((index) => (index % 2 === 0 ? [failure] : []), { isTraced });
    expect(first).toMatchObject({ culprit: { service: 'back' }, isOwn: false });
    expect(first?.isSupport).toBeUndefined();
    expect(first?.evidence[0]?.weight).toBeGreaterThan(3);
    if (isTraced) expect(first?.evidence[0]).toMatchObject({ value: 0.5, expected: 0, n: 40 });
  });

  it('counts traces, not lines: one trace that repeats itself proves nothing', () => {
    const burst = Array.from({ length: 500 }, () => failure);
    expect(suspect((index) => (index === 3 ? burst : []))).toEqual([]);
  });

  it('lets what is no warning only back what other evidence suspects', () => {
    const news = { service: 'back', template: 'new feature', severity: INFO };
    const [first] = suspect(() => [news, { ...news, template: 'used' }]);
    expect(first).toMatchObject({ isSupport: true });
    expect(first?.evidence[0]?.weight).toBeLessThanOrEqual(1);
  });

  it('names the callee that an error is about', () => {
    const [first] = suspect(() => [
      {
        service: 'front',
        template: 'call failed',
        body: 'GET http://back:80/load refused',
        severity: ERROR,
      },
    ]);
    expect(first?.culprit).toEqual({ service: 'front', dependency: 'back' });
  });

  it('is less surprised by an error that another service is used to logging', () => {
    const about = (service: string, callee: string): Line => ({
      service,
      template: `No instances for ${callee}`,
      severity: ERROR,
    });
    const lines = () => [about('front', 'stock')];
    const weightOf = (usualOf: (index: number) => readonly Line[]) =>
      suspect(lines, { usualOf })[0]?.evidence[0]?.weight ?? 0;
    // In the reference back logs the same about front, now and then: 1 of 3 services, ln (4 / 1.5).
    expect(weightOf((index) => (index < 5 ? [about('back', 'front')] : []))).toBeCloseTo(0.98, 2);
    expect(weightOf(() => [])).toBeGreaterThan(4);
  });

  it('finds something in at most 5 % of 500 windows without a fault', () => {
    const random = createRandom(5);
    const noisy = (): readonly Line[] =>
      Array.from({ length: 8 }, (_, at) => ({
        service: 'back',
        template: `trouble ${at}`,
        severity: ERROR,
      })).filter((_, at) => random.next() < 0.02 * (at + 1));
    let foundCount = 0;
    for (let draw = 0; draw < 500; draw++) {
      if (suspect(noisy, { usualOf: noisy }).length > 0) foundCount++;
    }
    expect(foundCount).toBeLessThanOrEqual(25);
  });
});
