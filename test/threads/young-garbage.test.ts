import { once } from 'node:events';
import { join } from 'node:path';
import { PerformanceObserver } from 'node:perf_hooks';
import { setImmediate } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { findPackage } from '../../src/base/package.ts';
import { collectAfterStart, createYoungCollector } from '../../src/threads/young-garbage.ts';

/** Node's numbers. */
const MINOR = 1;
const MAJOR = 4;

/** Counts collections from now on. */
function watchCollections() {
  const kinds: number[] = [];
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      kinds.push((entry.detail as { readonly kind: number }).kind); // of entries of type gc
    }
  });
  observer.observe({ entryTypes: ['gc'] });
  return {
    count: async (wanted: number) => {
      // Node tells of a collection some turns of the loop later.
      for (let turn = 0; turn < 50; turn++) await setImmediate();
      return kinds.filter((kind) => kind === wanted).length;
    },
    stop: () => observer.disconnect(),
  };
}

describe('createYoungCollector()', () => {
  it('collects the young generation once enough has passed, and nothing before', async () => {
    const collections = watchCollections();
    const collect = createYoungCollector();
    const MIB = 1024 * 1024;
    const before = await collections.count(MINOR);
    for (let step = 0; step < 15; step++) collect(MIB);
    expect((await collections.count(MINOR)) - before).toBe(0);
    for (let step = 0; step < 33; step++) collect(MIB);
    expect((await collections.count(MINOR)) - before).toBeGreaterThanOrEqual(3);
    collections.stop();
  });
});

describe('threads that start at once', () => {
  it('do not take the collector from each other', async () => {
    const file = join(findPackage().root, 'dist/src/threads/young-garbage.js');
    const code = `
      import { createYoungCollector } from ${JSON.stringify(pathToFileURL(file).href)};
      for (let time = 0; time < 300; time++) createYoungCollector()(64 * 1024 * 1024 * (time % 100 === 0));
    `;
    const exits = await Promise.all(
      Array.from({ length: 4 }, () => {
        const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`));
        return Promise.race([once(worker, 'exit'), once(worker, 'error')]);
      }),
    );
    expect(exits).toEqual([[0], [0], [0], [0]]);
  });
});

describe('collectAfterStart()', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it('collects everything once, five seconds later', async () => {
    const collections = watchCollections();
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    collectAfterStart();
    const before = await collections.count(MAJOR);
    vi.advanceTimersByTime(4999);
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(1);
    expect(vi.getTimerCount()).toBe(0);
    expect((await collections.count(MAJOR)) - before).toBeGreaterThanOrEqual(1);
    collections.stop();
  });
});
