import { describe, expect, test } from 'vitest';
import { latencyBandOf } from '../../src/baseline/endpoint-bands.ts';
import {
  judgeLatency,
  learnLatency,
  newLatencyMinute,
  predictLatency,
  startLatency,
} from '../../src/baseline/endpoint-latency.ts';
import { Random } from '../../src/bench/random.ts';
import { Variates } from '../../src/bench/variates.ts';
import {
  BUCKETS_PER_BIN,
  ENDPOINT_ROW_WIDTH,
  LATENCY_BINS,
  LATENCY_BINS_BELOW,
  LATENCY_CHANGES,
  minuteNumberOf,
  ROW,
} from '../../src/model/endpoint-row.ts';
import type { LatencySketch } from '../../src/model/tally.ts';
import { bucketOf, SketchBuilder } from '../../src/tally/sketch.ts';

const START = minuteNumberOf(Date.UTC(2026, 0, 5) * 1000);
const SIGMA = 0.5;

function drawSketch(
  variates: Variates,
  { requests, medianUs }: { readonly requests: number; readonly medianUs: number },
): LatencySketch {
  const builder = new SketchBuilder();
  for (let drawn = 0; drawn < requests; drawn++) {
    builder.add(medianUs * Math.exp(SIGMA * variates.normal()));
  }
  return builder.build();
}

/** A row after minutes of log-normal latencies. */
function taught(
  minutes: number,
  sketchOf: (minute: number) => LatencySketch,
): { readonly row: Float32Array; readonly service: Float32Array } {
  const row = new Float32Array(ENDPOINT_ROW_WIDTH);
  const service = new Float32Array(ENDPOINT_ROW_WIDTH);
  startLatency(row);
  const judged = newLatencyMinute();
  for (let at = 0; at < minutes; at++) {
    const minute = START + at;
    const sketch = sketchOf(at);
    predictLatency(row, { minute, gapMinutes: 1, service });
    judgeLatency(row, sketch, judged);
    learnLatency(row, minute, { sketch, judged, weight: 1, service });
    row[ROW.learnedMinutes]! += 1;
  }
  return { row, service };
}

describe('judgeLatency()', () => {
  const variates = new Variates(new Random(21));
  const { row, service } = taught(600, () =>
    drawSketch(variates, { requests: 100, medianUs: 80_000 }),
  );
  predictLatency(row, { minute: START + 600, gapMinutes: 1, service });

  test('adds up what each request says', () => {
    const judged = newLatencyMinute();
    for (let round = 0; round < 20; round++) {
      const requests = 1 + round * 7;
      const sketch = drawSketch(variates, { requests, medianUs: 60_000 + 9000 * round });
      judgeLatency(row, sketch, judged);
      for (let change = 0; change < LATENCY_CHANGES; change++) {
        let sum = 0;
        for (const [index, bucket] of sketch.buckets.entries()) {
          const distance = bucket + 0.5 - row[ROW.latencyLevel]!;
          const place = distance / BUCKETS_PER_BIN + LATENCY_BINS_BELOW - 0.5;
          const bin = Math.max(0, Math.min(LATENCY_BINS - 2, Math.floor(place)));
          const at = ROW.latencyLlr + change * LATENCY_BINS + bin;
          const share = Math.max(0, Math.min(1, place - bin));
          for (let request = 0; request < sketch.counts[index]!; request++) {
            sum += (1 - share) * row[at]! + share * row[at + 1]!;
          }
        }
        const mean = row[ROW.latencyLlrMean + change]!;
        expect(judged.excess[change]! + requests * mean).toBeCloseTo(sum, 1);
        expect(Math.abs(judged.llr[change]!)).toBeLessThanOrEqual(Math.abs(sum) + 0.1);
      }
    }
  });

  test.each([
    ['usual', 1, -1],
    ['a tenth slower', 1.1, -1],
    ['1.6 times as slow', 1.6, 1],
    ['four times as slow', 4, 1],
  ])('%s latencies: for or against a change to slower', (_, factor, sign) => {
    const judged = newLatencyMinute();
    const sketch = drawSketch(variates, { requests: 2000, medianUs: 80_000 * factor });
    judgeLatency(row, sketch, judged);
    expect(Math.sign(judged.llr[0]!)).toBe(sign);
  });

  test('a single request says something, but not much', () => {
    const judged = newLatencyMinute();
    judgeLatency(row, { buckets: [bucketOf(30_000_000)], counts: [1] }, judged);
    expect(judged.llr[1]).toBeGreaterThan(1);
    expect(judged.llr[1]).toBeLessThanOrEqual(3);
  });
});

describe('learnLatency()', () => {
  test.each([
    ['much traffic', 200, 300],
    ['one request a minute', 1, 3000],
  ])('bands hold the true quantiles: %s', (_, requests, minutes) => {
    const variates = new Variates(new Random(22));
    const { row, service } = taught(minutes, () =>
      drawSketch(variates, { requests, medianUs: 5000 }),
    );
    for (const [q, z] of [
      [0.5, 0],
      [0.95, 1.645],
      [0.99, 2.326],
    ] as const) {
      const { expected, low, high } = latencyBandOf(row, q, { service, requests });
      const truth = 5000 * Math.exp(SIGMA * z);
      expect(Math.abs(Math.log(expected / truth))).toBeLessThan(0.2);
      expect(low).toBeLessThan(truth);
      expect(high).toBeGreaterThan(truth);
    }
  });

  test('follows a trend of 10 % an hour', () => {
    const variates = new Variates(new Random(23));
    const medianUs = (minute: number) => 5000 * Math.exp((0.1 * minute) / 60);
    const { row, service } = taught(600, (minute) =>
      drawSketch(variates, { requests: 100, medianUs: medianUs(minute) }),
    );
    const { expected } = latencyBandOf(row, 0.5, { service });
    expect(Math.abs(Math.log(expected / medianUs(600)))).toBeLessThan(0.15);
  });
});
