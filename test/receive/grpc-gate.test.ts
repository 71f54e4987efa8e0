/** The line of gRPC calls that wait to be read: turns in order, and when it is too old for one more. */
import { expect, test } from 'vitest';
import { LIMITS } from '../../src/base/limits.ts';
import { ReadTurns } from '../../src/receive/grpc-gate.ts';

/** One call is read; so many wait. */
function lineOf(waitingCount: number) {
  let nowMs = 0;
  const turns = new ReadTurns(1, () => nowMs);
  const begun: number[] = [];
  const calls = Array.from({ length: waitingCount + 1 }, (_, call) => () => {
    begun.push(call);
  });
  for (const onTurn of calls) turns.request(onTurn);
  const passTo = (timeMs: number) => {
    nowMs = timeMs;
  };
  return { turns, begun, calls, passTo };
}

test('calls are read in the order they came, without those that went away', () => {
  const { turns, begun, calls } = lineOf(3);
  expect(begun).toEqual([0]);
  expect(turns.cancel(calls[1]!)).toBe(true);
  turns.end();
  turns.end();
  expect(begun).toEqual([0, 2, 3]);
  expect(turns.cancel(calls[3]!)).toBe(false);
});

test('a long line is old once its first has waited too long, and young again without it', () => {
  const { turns, calls, passTo } = lineOf(LIMITS.grpcWaitingFree + 1);
  passTo(LIMITS.queueAgeMsMax);
  expect(turns.isLineOld()).toBe(false);
  passTo(LIMITS.queueAgeMsMax + 1);
  expect(turns.isLineOld()).toBe(true);
  turns.cancel(calls[1]!);
  expect(turns.isLineOld()).toBe(false);
});

test('a short line is never old', () => {
  const { turns, passTo } = lineOf(LIMITS.grpcWaitingFree);
  passTo(60_000);
  expect(turns.isLineOld()).toBe(false);
});
