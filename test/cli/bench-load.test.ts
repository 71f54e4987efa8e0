/** The load and its numbers, with senders that answer as told: what is counted, repeated and given up. */
import { describe, expect, test } from 'vitest';
import { BodyRing } from '../../src/bench/bench.ts';
import { LatencyHistogram, lastFifthOverFirst, runLoad } from '../../src/cli/bench-load.ts';
import type { Sender, SendOutcome } from '../../src/cli/bench-sender.ts';
import { formatResults, summarise } from '../../src/cli/bench-table.ts';

const TAKEN: SendOutcome = { kind: 'acknowledged', rejectedCount: 0 };

function ringOf(bodyCount: number): BodyRing {
  return new BodyRing({
    workload: 'a',
    encoding: 'protobuf',
    batchCount: 16,
    seed: 1,
    idSeed: 2,
    bodyCount,
    isGzip: false,
    nowUs: () => 1_763_600_000_000_000,
  });
}

/** Answers in the order given, then takes everything; keeps what was sent. */
function senderOf(answers: readonly SendOutcome[]) {
  const left = [...answers];
  const sent: string[] = [];
  const sender: Sender = {
    send: async (body) => {
      sent.push(body.toString('latin1'));
      return left.shift() ?? TAKEN;
    },
    close: () => undefined,
  };
  return { sender, sent };
}

function load(senders: readonly Sender[], itemsMax: number) {
  return runLoad({
    ring: ringOf(senders.length),
    senders,
    durationMs: 60_000,
    itemsMax,
    ratePerSecond: undefined,
    signal: new AbortController().signal,
  });
}

describe('runLoad()', () => {
  test('counts what is acknowledged, less what was rejected', async () => {
    const { sender } = senderOf([TAKEN, { kind: 'acknowledged', rejectedCount: 3 }]);
    const result = await load([sender], 29);
    expect(result.acknowledgedCount).toBe(29);
    expect(result.rejectedCount).toBe(3);
    expect(result.requestCount).toBe(2);
  });

  test('sends the same bytes again when it is turned away or not answered', async () => {
    const { sender, sent } = senderOf([
      { kind: 'busy', retryAfterMs: 1 },
      { kind: 'unanswered', message: 'ECONNRESET' },
    ]);
    const result = await load([sender], 32);
    expect(sent).toHaveLength(4);
    expect(new Set(sent.slice(0, 3)).size).toBe(1);
    expect(sent[3]).not.toBe(sent[0]);
    expect(result.acknowledgedCount).toBe(32);
    expect(result.busyCount).toBe(1);
  });

  test('ends with the reason when a request is refused, and the other senders end too', async () => {
    const refusing = senderOf([{ kind: 'refused', message: 'HTTP 400 bad' }]);
    const other = senderOf([]);
    const run = load([refusing.sender, other.sender], Number.POSITIVE_INFINITY);
    await expect(run).rejects.toThrow('The receiver refuses a request: HTTP 400 bad');
  });
});

test('LatencyHistogram gives quantiles to 0.01 ms and the exact maximum', () => {
  const histogram = new LatencyHistogram();
  expect(histogram.quantileMs(0.5)).toBe(0);
  for (let ms = 1; ms <= 100; ms++) histogram.add(ms);
  histogram.add(25_000.123);
  expect(histogram.quantileMs(0.5)).toBeCloseTo(51.01, 5);
  expect(histogram.quantileMs(0.99)).toBeCloseTo(100.01, 5);
  expect(histogram.maxMs).toBe(25_000.123);
});

test.each([
  [[], undefined],
  [[1, 1, 1, 1], undefined],
  [[2, 9, 9, 9, 1], 0.5],
  [[0, 9, 9, 9, 1], undefined],
  [[1, 1, 5, 5, 5, 5, 5, 5, 2, 2], 2],
])('lastFifthOverFirst(%j) is %s', (perTenth, expected) => {
  expect(lastFifthOverFirst(perTenth)).toBe(expected);
});

test('summarise() takes the median over runs, formatResults() prints a line a measure', () => {
  const runs = [3, 1, 2].map((value) => [{ name: 'rate', unit: 'spans/s', value: 1000 * value }]);
  const results = summarise(runs);
  expect(results).toEqual([
    { name: 'rate', unit: 'spans/s', median: 2000, min: 1000, max: 3000, runs: 3 },
  ]);
  expect(formatResults(results, { machine: '2 cores' })).toBe(
    [
      '| what | median |  min |  max | unit    |',
      '| ---- | ------ | ---- | ---- | ------- |',
      '| rate |   2000 | 1000 | 3000 | spans/s |',
      '',
      'Medians of 3 runs. 2 cores.',
    ].join('\n'),
  );
});
