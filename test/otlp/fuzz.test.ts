import { expect, test } from 'vitest';
import { fuzzDecoders } from './fuzz.ts';

const MUTANT_COUNT = 20_000;

test('mutated requests are accepted or refused, never a crash, a hang or a trace', () => {
  const { acceptedCount, refusedCount } = fuzzDecoders({ seed: 1, count: MUTANT_COUNT });
  // Both happen often, or the mutations would prove nothing.
  expect(acceptedCount).toBeGreaterThan(MUTANT_COUNT / 10);
  expect(refusedCount).toBeGreaterThan(MUTANT_COUNT / 10);
}, 60_000);
