import { describe, expect, it } from 'vitest';
import { type JudgedKind, judgeMinute, RATIO_RULE } from '../../src/detect/ratio.ts';

const ENDPOINT = { endpointId: 'e', service: 'bot', operation: 'chat', stage: 'other' } as const;

interface Case {
  readonly kind: JudgedKind;
  readonly value: number;
  readonly requests: number;
  readonly mean: number;
  readonly minutes?: number;
}

function judge({ kind, value, requests, mean, minutes = 600 }: Case) {
  const usual = { minutes, mean, sigma: mean / 10 };
  return judgeMinute({ endpoint: ENDPOINT, kind, value, requests, usual }, RATIO_RULE);
}

describe('judgeMinute() by the ratio rule', () => {
  it.each<readonly [string, Case]>([
    ['latency', { kind: 'latency', value: 321, requests: 10, mean: 100 }],
    ['errors', { kind: 'error', value: 0.33, requests: 100, mean: 0.1 }],
    ['errors where there were none', { kind: 'error', value: 0.2, requests: 10, mean: 0 }],
    ['traffic', { kind: 'traffic', value: 33, requests: 33, mean: 10 }],
    ['of an hour', { kind: 'latency', value: 321, requests: 10, mean: 100, minutes: 60 }],
  ])('is outside: %s', (_, minute) => {
    const found = judge(minute);
    expect(found).toMatchObject({ kind: minute.kind, direction: 'up', value: minute.value });
    expect(found?.expected.high).toBeCloseTo(3.2 * minute.mean);
    expect(found?.score).toBeGreaterThan(5);
  });

  it.each<readonly [string, Case]>([
    ['3.2 times is not above', { kind: 'traffic', value: 32, requests: 32, mean: 10 }],
    ['too few requests', { kind: 'latency', value: 1000, requests: 9, mean: 100 }],
    ['one failure', { kind: 'error', value: 0.1, requests: 10, mean: 0 }],
    ['less than an hour', { kind: 'traffic', value: 99, requests: 99, mean: 10, minutes: 59 }],
    ['nothing, where much was', { kind: 'traffic', value: 0, requests: 0, mean: 1000 }],
  ])('is inside: %s', (_, minute) => {
    expect(judge(minute)).toBeUndefined();
  });

  it('says in both languages what it saw and by which rule', () => {
    const found = judge({ kind: 'error', value: 0.5, requests: 40, mean: 0.01 });
    expect(found?.statement).toEqual({
      en: '50 % of the requests of bot chat fail, 1 % in the mean of 24 hours',
      zh: 'bot chat 的失败率为 50 %，24 小时均值 1 %',
    });
    expect(found?.reason?.en).toBe(
      'stands on the mean of 600 minutes of the last 24 hours; the rule: more than 3.2 times the mean',
    );
  });
});
