import { describe, expect, it } from 'vitest';
import { type CounterSample, createCounters } from '../../src/base/counters.ts';
import { AppError } from '../../src/base/errors.ts';
import { createThreadCounters } from '../../src/threads/thread-counters.ts';

const ROWS: CounterSample = { name: 'rows', labels: {}, value: 7, kind: 'counter' };

function sampleOf(samples: readonly CounterSample[], name: string, thread?: string) {
  return samples.find((one) => one.name === name && one.labels['thread'] === thread)?.value;
}

describe('createThreadCounters()', () => {
  it('keeps the last counters of a thread that does not answer, and says that it is silent', async () => {
    let isStuck = false;
    const store = {
      call: <Result>() =>
        isStuck
          ? Promise.reject(new AppError('internal', 'no answer'))
          : Promise.resolve([ROWS] as Result), // what the thread's handler gives
    };
    const own = createCounters();
    own.add('requests', 3);
    const counters = createThreadCounters(own, { store });
    const before = await counters();
    expect(sampleOf(before, 'requests')).toBe(3);
    expect(sampleOf(before, 'rows')).toBe(7);
    expect(sampleOf(before, 'taproot_thread_silent', 'store')).toBe(0);
    isStuck = true;
    const during = await counters();
    expect(sampleOf(during, 'rows')).toBe(7);
    expect(sampleOf(during, 'taproot_thread_silent', 'store')).toBe(1);
    isStuck = false;
    expect(sampleOf(await counters(), 'taproot_thread_silent', 'store')).toBe(0);
  });

  it('has nothing of a thread that has never answered', async () => {
    const store = { call: () => Promise.reject(new AppError('internal', 'no answer')) };
    const samples = await createThreadCounters(createCounters(), { store })();
    expect(samples).toEqual([
      { name: 'taproot_thread_silent', labels: { thread: 'store' }, value: 1, kind: 'gauge' },
    ]);
  });
});
