import { PerformanceObserver } from 'node:perf_hooks';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createYoungCollector } from '../../src/threads/young-garbage.ts';

describe('createYoungCollector()', () => {
  it('collects the young generation once enough has passed, and nothing before', async () => {
    const kinds: number[] = [];
    const observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        kinds.push((entry.detail as { readonly kind: number }).kind); // of entries of type gc
      }
    });
    observer.observe({ entryTypes: ['gc'] });
    const collect = createYoungCollector();
    const MIB = 1024 * 1024;
    const MINOR = 1;
    const minorCount = async () => {
      await setImmediate();
      await setImmediate();
      return kinds.filter((kind) => kind === MINOR).length;
    };
    const before = await minorCount();
    for (let step = 0; step < 15; step++) collect(MIB);
    expect((await minorCount()) - before).toBe(0);
    for (let step = 0; step < 33; step++) collect(MIB);
    expect((await minorCount()) - before).toBeGreaterThanOrEqual(3);
    observer.disconnect();
    expect('gc' in globalThis).toBe(false);
  });
});
