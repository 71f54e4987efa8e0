import { describe, expect, test } from 'vitest';
import {
  findingOfBand,
  type LogAnomalyContext,
  logAnomalyOf,
} from '../../src/detect/log-anomaly.ts';
import type { LogFinding } from '../../src/detect/log-evidence.ts';

const finding: LogFinding = {
  onset: 100,
  lastOutside: 104,
  worst: 300,
  expected: 20,
  clumping: 2,
  lines: 900,
  score: 30,
};
const NO_BAND = { expected: [null], low: [null], high: [null] };
const context: LogAnomalyContext = {
  service: 'bot',
  templateId: 't1',
  text: '调用失败 <id>',
  direction: 'up',
  change: 'opened',
  minuteUs: 104 * 60_000_000,
  originUs: 0,
  known: undefined,
  picture: { fromUs: 0, stepUs: 60_000_000, unit: 'lines/min', values: [1], ...NO_BAND },
};

describe('logAnomalyOf()', () => {
  test.each([
    { direction: 'up', zh: 'bot 每分钟最多 300 条日志，平时 20：调用失败 <id>' },
    { direction: 'down', zh: 'bot 每分钟 300 条日志，平时 20，而其他日志照常：调用失败 <id>' },
    { direction: 'new', zh: 'bot 出现从未有过的日志，每分钟最多 300 条：调用失败 <id>' },
  ] as const)('says in both languages what went $direction', ({ direction, zh }) => {
    const { statement } = logAnomalyOf(finding, { ...context, direction });
    expect(statement.zh).toBe(zh);
    expect(statement.en).toMatch(/^bot logs .*: 调用失败 <id>$/);
  });

  test('lasts from its onset to the end of its last minute outside', () => {
    const anomaly = logAnomalyOf(finding, context);
    expect(anomaly.range).toEqual({ fromUs: 100 * 60_000_000, toUs: 105 * 60_000_000 });
    expect(anomaly).toMatchObject({ status: 'open', detectedUs: 105 * 60_000_000, n: 900 });
    expect(anomaly).not.toHaveProperty('end');
  });

  test.each([
    ['recovered', 'recovered'],
    ['accepted', 'the new normal'],
    ['gone', 'no longer expected'],
  ] as const)('that ends as %s says so under the id it had', (change, words) => {
    const known = logAnomalyOf(finding, context);
    const closed = logAnomalyOf({ ...finding, onset: 101 }, { ...context, change, known });
    expect(closed).toMatchObject({ anomalyId: known.anomalyId, status: 'closed', end: change });
    expect(closed.reason?.en).toContain(words);
    expect(closed.detectedUs).toBe(known.detectedUs);
  });

  test('has a band from which what was expected can be told again', () => {
    const { expected, clumping } = findingOfBand(logAnomalyOf(finding, context));
    expect(expected).toBe(20);
    expect(clumping).toBeCloseTo(2);
  });
});
