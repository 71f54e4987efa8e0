import { describe, expect, test } from 'vitest';
import { Random } from '../../src/bench/random.ts';
import {
  addErrors,
  addTraffic,
  EVIDENCE_NEEDED,
  stepEvidence,
} from '../../src/detect/endpoint-evidence.ts';
import { CHANNELS, ENDPOINT_ROW_WIDTH, ROW } from '../../src/model/endpoint-row.ts';

const RATE = {
  expected: 100,
  dispersion: 0.005,
  wander: 0.03,
  highFactor: 1,
  lowFactor: 1,
  shapes: new Float64Array(3),
  means: new Float64Array(3),
};

/** From where to the end minutes outside speak most for a change in which 80 % are outside, not 25 %. */
function dateOf(values: readonly number[]): number | undefined {
  const nats = values.map((value) => {
    if (value === 0) return 0; // was not judged
    return value > 0 ? Math.log(0.8 / 0.25) : -Math.log(0.75 / 0.2);
  });
  const sums = nats.map((_, from) => nats.slice(from).reduce((sum, each) => sum + each, 0));
  const most = Math.max(...sums);
  return most > 0 ? sums.indexOf(most) : undefined;
}

describe('stepEvidence()', () => {
  test('is the largest faded sum of any last minutes, dated where minutes outside begin to prevail', () => {
    const random = new Random(11);
    const row = new Float32Array(ENDPOINT_ROW_WIDTH);
    const llr = new Float64Array(CHANNELS);
    const values: number[] = [];
    for (let minute = 1; minute <= 300; minute++) {
      const value = random.below(200) / 100 - 1.05;
      values.push(value);
      stepEvidence(row, { llr: llr.fill(value), minute, requestsExpected: 100 });
      let best = 0;
      let since = minute + 1;
      let sum = 0;
      for (let from = values.length - 1; from >= 0; from--) {
        sum += values[from]! * (1 - 1 / 120) ** (values.length - 1 - from);
        if (sum > best) {
          best = sum;
          since = from + 1;
        }
      }
      expect(row[ROW.evidence + 4]).toBeCloseTo(best, 3);
      const dated = dateOf(values.slice(since - 1));
      if (best > 1e-3 && dated !== undefined) {
        expect(row[ROW.evidenceSince + 4]).toBe(since + dated);
      }
    }
  });

  test('an odd request long before a change is not its beginning', () => {
    const row = new Float32Array(ENDPOINT_ROW_WIDTH);
    const llr = new Float64Array(CHANNELS);
    for (let minute = 1; minute <= 45; minute++) {
      const value = minute === 1 || minute > 40 ? 3 : -0.05;
      stepEvidence(row, { llr: llr.fill(value), minute, requestsExpected: 100 });
    }
    expect(row[ROW.evidenceSince + 10]).toBe(41);
  });

  test('one minute is never enough, two clear ones are', () => {
    const row = new Float32Array(ENDPOINT_ROW_WIDTH);
    const llr = new Float64Array(CHANNELS).fill(1e6);
    stepEvidence(row, { llr, minute: 1, requestsExpected: 100 });
    expect(Math.max(...row.subarray(ROW.evidence, ROW.evidence + CHANNELS))).toBeLessThan(
      EVIDENCE_NEEDED,
    );
    stepEvidence(row, { llr, minute: 2, requestsExpected: 100 });
    expect(row[ROW.evidence + 4]).toBeGreaterThan(EVIDENCE_NEEDED);
    expect(row[ROW.evidence]).toBeLessThan(EVIDENCE_NEEDED);
    stepEvidence(row, { llr, minute: 3, requestsExpected: 100 });
    expect(row[ROW.evidence]).toBeGreaterThan(EVIDENCE_NEEDED);
  });
});

describe('evidence fades', () => {
  test('over two hours, but for missing requests over sixty expected ones', () => {
    const row = new Float32Array(ENDPOINT_ROW_WIDTH);
    const llr = new Float64Array(CHANNELS).fill(5);
    stepEvidence(row, { llr, minute: 1, requestsExpected: 0.1 });
    llr.fill(0);
    for (let minute = 2; minute <= 121; minute++) {
      stepEvidence(row, { llr, minute, requestsExpected: 0.1 });
    }
    expect(row[ROW.evidence + 8]! / 5).toBeCloseTo(Math.exp(-1), 2);
    expect(row[ROW.evidence + 4]! / 5).toBeCloseTo(Math.exp(-12 / 60), 2);
  });
});

describe('addTraffic()', () => {
  test.each([
    ['the expected count', 100, 'none'],
    ['a tenth more', 110, 'none'],
    ['a tenth less', 90, 'none'],
    ['twice as many', 200, 'up'],
    ['half as many', 50, 'down'],
    ['none', 0, 'down'],
  ])('%s', (_, count, direction) => {
    const out = new Float64Array(CHANNELS);
    addTraffic(out, { count, forecast: RATE });
    expect(Math.max(...out.subarray(0, 3)) > 0).toBe(direction === 'up');
    expect(Math.max(...out.subarray(3, 6)) > 0).toBe(direction === 'down');
  });
});

describe('addErrors()', () => {
  const forecast = { ratio: 0.01, ratioMax: 0.02, correlation: 0.001 };
  test('one error among three requests says little, thirty of a hundred much', () => {
    const out = new Float64Array(CHANNELS);
    addErrors(out, { count: 3, errors: 1, forecast });
    expect(Math.max(out[6]!, out[7]!)).toBeLessThan(3);
    addErrors(out, { count: 100, errors: 30, forecast });
    expect(Math.max(out[6]!, out[7]!)).toBeGreaterThan(EVIDENCE_NEEDED);
    addErrors(out, { count: 1000, errors: 20, forecast });
    expect(Math.max(out[6]!, out[7]!)).toBeLessThan(0);
  });
});
