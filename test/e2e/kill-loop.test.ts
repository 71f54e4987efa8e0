/** The short form of the kill loop: every stage, under load from HTTP and gRPC senders; scripts/kill-loop.mjs is the long one. */
import { expect, test } from 'vitest';
import { PATH_STAGES } from '../../src/base/stages.ts';
import { formatResult, runKillLoop } from './kill-loop.ts';
import { findPart } from './parts.ts';

const CYCLES = 28;

test('a killed service loses nothing that it acknowledged and counts nothing twice', async () => {
  const seed = process.pid;
  const isShimWanted = findPart('gcc') !== undefined;
  const lines: string[] = [];
  const result = await runKillLoop({
    cycles: CYCLES,
    seed,
    cyclesPerStore: CYCLES,
    say: (line) => lines.push(line),
  });
  const story = [`seed ${seed}`, ...lines, formatResult(result)].join('\n');
  expect(result.faults, story).toEqual([]);
  expect([result.lostRows, result.doubledRows], story).toEqual([0, 0]);
  expect(result.acknowledgedRows, story).toBeGreaterThan(1000);
  for (const stage of PATH_STAGES) {
    const reached = result.cycles.filter(
      ({ point, isReached }) => isReached && point.stage === stage,
    );
    expect(reached.length, `${stage}\n${story}`).toBeGreaterThanOrEqual(2);
  }
  const isInCall = result.cycles.some(
    ({ point, isReached }) => isReached && point.call === 'write',
  );
  expect(isInCall, story).toBe(isShimWanted);
}, 600_000);
