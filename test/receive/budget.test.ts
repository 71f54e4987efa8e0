/** InflightBudget: bounds of bytes and requests, gauges, waiting for idle. */
import { describe, expect, test } from 'vitest';
import { createCounters } from '../../src/base/counters.ts';
import { InflightBudget } from '../../src/receive/budget.ts';

function budgetOf(limits: { bytesMax: number; requestsMax: number }, nowMs = () => 0) {
  const counters = createCounters();
  const queue = { queueBytesFree: 50, queueAgeMsMax: 250 };
  const budget = new InflightBudget({ ...limits, ...queue }, { counters, nowMs });
  const gauge = (name: string) =>
    counters.snapshot().find((sample) => sample.name === `taproot_receive_inflight_${name}`)?.value;
  return { budget, gauge };
}

describe('InflightBudget.tryAcquire()', () => {
  test.each([
    { held: 0, expected: 0, isGranted: true },
    { held: 0, expected: 100, isGranted: true },
    { held: 0, expected: 101, isGranted: false },
    { held: 60, expected: 40, isGranted: true },
    { held: 60, expected: 41, isGranted: false },
    { held: 99, expected: 0, isGranted: true },
    { held: 100, expected: 0, isGranted: false },
  ])('with $held of 100 bytes held and $expected expected: $isGranted', (row) => {
    const { budget } = budgetOf({ bytesMax: 100, requestsMax: 10 });
    expect(budget.tryAcquire(0)?.tryGrow(row.held)).toBe(true);
    expect(budget.tryAcquire(row.expected) !== undefined).toBe(row.isGranted);
  });

  test('counts requests, also those without bytes', () => {
    const { budget, gauge } = budgetOf({ bytesMax: 100, requestsMax: 2 });
    const first = budget.tryAcquire(0);
    budget.tryAcquire(0);
    expect(budget.tryAcquire(0)).toBeUndefined();
    expect(gauge('requests')).toBe(2);
    first?.release();
    expect(budget.tryAcquire(0)).toBeDefined();
  });

  test('does not charge what is merely expected', () => {
    const { budget } = budgetOf({ bytesMax: 100, requestsMax: 10 });
    budget.tryAcquire(100);
    expect(budget.bytes).toBe(0);
    expect(budget.tryAcquire(100)).toBeDefined();
  });
});

describe('an old queue', () => {
  const LIMITS = { bytesMax: 1000, requestsMax: 10 };

  test('takes nobody new until its oldest is answered', () => {
    let nowMs = 0;
    const { budget } = budgetOf(LIMITS, () => nowMs);
    const first = budget.tryAcquire(0)!;
    first.tryGrow(40);
    first.enqueue();
    nowMs = 100;
    const second = budget.tryAcquire(0)!;
    second.tryGrow(40);
    second.enqueue();
    nowMs = 250;
    expect(budget.tryAcquire(0)).toBeDefined();
    nowMs = 251;
    expect(budget.tryAcquire(0)).toBeUndefined();
    first.release();
    second.tryGrow(40);
    expect(budget.tryAcquire(0)).toBeDefined();
    nowMs = 351;
    expect(budget.tryAcquire(0)).toBeUndefined();
    second.release();
    expect(budget.tryAcquire(0)).toBeDefined();
  });

  test('is no reason while little is under way', () => {
    let nowMs = 0;
    const { budget } = budgetOf(LIMITS, () => nowMs);
    const lease = budget.tryAcquire(0)!;
    lease.tryGrow(50);
    lease.enqueue();
    nowMs = 60_000;
    expect(budget.tryAcquire(0)).toBeDefined();
  });

  test('does not count who is still sending', () => {
    let nowMs = 0;
    const { budget } = budgetOf(LIMITS, () => nowMs);
    budget.tryAcquire(0)!.tryGrow(500);
    nowMs = 60_000;
    expect(budget.tryAcquire(0)).toBeDefined();
  });
});

describe('a lease', () => {
  test('grows to the bound and not beyond it, and gives all back once', () => {
    const { budget, gauge } = budgetOf({ bytesMax: 100, requestsMax: 10 });
    const lease = budget.tryAcquire(0)!;
    expect(lease.tryGrow(70)).toBe(true);
    expect(lease.tryGrow(31)).toBe(false);
    expect(budget.bytes).toBe(70);
    expect(lease.tryGrow(30)).toBe(true);
    expect(gauge('bytes')).toBe(100);
    lease.release();
    lease.release();
    expect([budget.bytes, budget.requests, gauge('bytes'), gauge('requests')]).toEqual([
      0, 0, 0, 0,
    ]);
  });

  test('cannot grow after it was given back', () => {
    const { budget } = budgetOf({ bytesMax: 100, requestsMax: 10 });
    const lease = budget.tryAcquire(0)!;
    lease.release();
    expect(lease.tryGrow(1)).toBe(false);
    expect(budget.bytes).toBe(0);
  });
});

describe('InflightBudget.whenIdle()', () => {
  test('resolves at once when nothing is held', async () => {
    await budgetOf({ bytesMax: 1, requestsMax: 1 }).budget.whenIdle();
  });

  test('resolves with the last lease, not before', async () => {
    const { budget } = budgetOf({ bytesMax: 100, requestsMax: 10 });
    const leases = [budget.tryAcquire(0)!, budget.tryAcquire(0)!];
    let isIdle = false;
    const idle = budget.whenIdle().then(() => {
      isIdle = true;
    });
    leases[0]!.release();
    await Promise.resolve();
    expect(isIdle).toBe(false);
    leases[1]!.release();
    await idle;
    expect(isIdle).toBe(true);
  });
});
