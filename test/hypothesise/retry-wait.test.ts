/** Waits between failed attempts: taken off the caller, put down to the attempt that failed. */
import { describe, expect, it } from 'vitest';
import { findRetryWaits } from '../../src/hypothesise/retry-wait.ts';
import { StringDictionary } from '../../src/model/dictionary.ts';
import { buildSpanTable, type SpanLiteral } from '../build/span-table.ts';

interface Child {
  readonly at: number;
  readonly ms: number;
  readonly failed?: boolean;
  readonly operation?: string;
}

const MS = 1000;

/** One parent of 1,000 ms with children; own time of the parent and waits of the children, in ms. */
function waitsOf(children: readonly Child[]): {
  ownMs: number;
  causedMs: number[];
  retries: number[];
} {
  const parent: SpanLiteral = {
    trace: 'a',
    id: 'parent',
    service: 'bot',
    operation: 'answer',
    startUs: 0,
    durationUs: 1000 * MS,
  };
  const spans = children.map(
    ({ at, ms, failed, operation }, index): SpanLiteral => ({
      trace: 'a',
      id: `child ${index}`,
      parent: 'parent',
      service: 'bot',
      operation: operation ?? 'call',
      kind: 'client',
      startUs: at * MS,
      durationUs: ms * MS,
      ...(failed ? { error: 'RateLimited' } : {}),
    }),
  );
  const waits = findRetryWaits(buildSpanTable(new StringDictionary(), [parent, ...spans]));
  const [ownUs = Number.NaN] = waits.ownUs;
  return {
    ownMs: ownUs / MS,
    causedMs: [...waits.causedUs.slice(1)].map((us) => us / MS),
    retries: [...waits.isRetry.keys()].filter((row) => waits.isRetry[row] === 1),
  };
}

describe('findRetryWaits()', () => {
  it.each<
    readonly [caption: string, children: readonly Child[], ownMs: number, causedMs: number[]]
  >([
    ['no call at all', [], 1000, []],
    ['a call that succeeds', [{ at: 100, ms: 50 }], 950, [0]],
    ['a failure that nobody tries again', [{ at: 100, ms: 50, failed: true }], 950, [0]],
    [
      'a failure and a second attempt',
      [
        { at: 100, ms: 50, failed: true },
        { at: 350, ms: 50 },
      ],
      700,
      [200, 0],
    ],
    [
      'three attempts with growing waits',
      [
        { at: 0, ms: 100, failed: true },
        { at: 200, ms: 100, failed: true },
        { at: 500, ms: 100, failed: true },
      ],
      400,
      [100, 200, 0],
    ],
    [
      'a success and the next call of the same kind',
      [
        { at: 0, ms: 100 },
        { at: 500, ms: 100 },
      ],
      800,
      [0, 0],
    ],
    [
      'a failure and a call of another kind',
      [
        { at: 0, ms: 100, failed: true },
        { at: 500, ms: 100, operation: 'fallback' },
      ],
      800,
      [0, 0],
    ],
    [
      'another call inside the wait, which is no wait',
      [
        { at: 0, ms: 100, failed: true },
        { at: 150, ms: 100, operation: 'get token' },
        { at: 300, ms: 100 },
      ],
      600,
      [100, 0, 0],
    ],
    [
      'attempts side by side',
      [
        { at: 0, ms: 300, failed: true },
        { at: 100, ms: 300 },
      ],
      600,
      [0, 0],
    ],
    [
      'two calls that wait at the same time: never more than the parent has',
      [
        { at: 0, ms: 10, failed: true },
        { at: 0, ms: 10, failed: true, operation: 'other' },
        { at: 900, ms: 100 },
        { at: 900, ms: 100, operation: 'other' },
      ],
      0,
      [890, 0, 0, 0],
    ],
  ])('%s', (_caption, children, ownMs, causedMs) => {
    expect(waitsOf(children)).toMatchObject({ ownMs, causedMs });
  });

  it.each<readonly [caption: string, children: readonly Child[], retries: number[]]>([
    [
      'after a failure',
      [
        { at: 0, ms: 10, failed: true },
        { at: 10, ms: 10, failed: true },
        { at: 20, ms: 10 },
      ],
      [2, 3],
    ],
    [
      'not after a success',
      [
        { at: 0, ms: 10 },
        { at: 20, ms: 10, failed: true },
      ],
      [],
    ],
    [
      'not beside a failure',
      [
        { at: 0, ms: 10, failed: true },
        { at: 5, ms: 10 },
      ],
      [],
    ],
    [
      'not of another call',
      [
        { at: 0, ms: 10, failed: true },
        { at: 20, ms: 10, operation: 'fallback' },
      ],
      [],
    ],
  ])('a retry comes %s', (_caption, children, retries) => {
    expect(waitsOf(children).retries).toEqual(retries);
  });
});
