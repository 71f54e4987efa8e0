import { describe, expect, it } from 'vitest';
import { addRequest, createCallTree, retime } from '../../src/verify/retime.ts';
import { type Call, sceneOf } from '../rulebook/scene.ts';

/** The root's duration in ms after the named spans' own times, in ms, became others. */
function retimed(root: Call, ownMs: Readonly<Record<string, number>>): number {
  const { spans } = sceneOf({ window: { traces: [root] } }).window;
  const tree = createCallTree(spans);
  const request = addRequest(tree, 0);
  const ownUs = new Map<number, number>();
  for (const row of request.rows) {
    const own = ownMs[spans.strings.text(spans.operation[row]!)];
    if (own !== undefined) ownUs.set(row, 1000 * own);
  }
  const durationUs = retime(tree, request, ownUs);
  expect(retime(tree, request, new Map())).toBe(1000 * root.ms);
  return durationUs / 1000;
}

const call = (name: string, at: number, ms: number, calls: readonly Call[] = []): Call => ({
  name,
  service: name,
  at,
  ms,
  calls,
});

describe('retime()', () => {
  it.each<
    readonly [
      caption: string,
      root: Call,
      ownMs: Readonly<Record<string, number>>,
      expectedMs: number,
    ]
  >([
    [
      'one after the other: all that is saved counts',
      call('root', 0, 100, [call('a', 10, 50), call('b', 80, 20)]),
      { a: 20 },
      70,
    ],
    [
      'side by side: the shorter one was not waited for',
      call('root', 0, 100, [call('a', 10, 50), call('b', 10, 90)]),
      { a: 0 },
      100,
    ],
    [
      'side by side: the other takes over',
      call('root', 0, 100, [call('a', 10, 50), call('b', 10, 90)]),
      { b: 10 },
      60,
    ],
    [
      'own time between children shrinks in proportion',
      call('root', 0, 100, [call('a', 20, 40), call('b', 80, 20)]),
      { root: 10 },
      70,
    ],
    [
      'deep below',
      call('root', 0, 100, [call('a', 0, 100, [call('b', 10, 80, [call('c', 20, 50)])])]),
      { c: 5 },
      55,
    ],
    [
      'rounded times: what begins where another ends waited for it',
      call('root', 0, 100, [call('a', 10, 50.001), call('b', 60, 40)]),
      { a: 20 },
      69.999,
    ],
    ['own time may grow', call('root', 0, 100, [call('a', 10, 50)]), { a: 80 }, 130],
    [
      'a caller that gave up stops waiting when the answer comes',
      call('root', 0, 100, [call('a', 10, 500)]),
      { a: 45 },
      55,
    ],
  ])('%s', (_caption, root, ownMs, expectedMs) => {
    expect(retimed(root, ownMs)).toBeCloseTo(expectedMs, 6);
  });
});
