/** Messages that wait or are never taken, and a consumer that is slow itself. */
import { describe, expect, it } from 'vitest';
import { suspectQueues } from '../../src/hypothesise/queue.ts';
import { factsOf, hypothesesOf } from '../build/facts.ts';
import { createRandom } from '../build/random.ts';
import {
  buildCollected,
  REFERENCE_RANGE,
  type SpanLiteral,
  WINDOW_RANGE,
} from '../build/span-table.ts';

const QUEUE = 'mq kafka orders';

/** A shop sends orders to a queue, billing takes them. */
function orders(options: {
  readonly seed: number;
  readonly fromUs: number;
  readonly waitUs?: (index: number) => number;
  readonly isTaken?: (index: number) => boolean;
  readonly workUs?: number;
}): SpanLiteral[] {
  const random = createRandom(options.seed);
  const noise = (us: number) => Math.round(us * Math.exp(0.3 * random.normal()));
  return Array.from({ length: 80 }, (_, index): SpanLiteral[] => {
    const trace = (options.seed * 1000 + index).toString(16).padStart(32, '0');
    const startUs = options.fromUs + index * 1_000_000;
    const sendUs = noise(1000);
    const waitUs = noise(options.waitUs?.(index) ?? 3000);
    const sent: SpanLiteral[] = [
      {
        trace,
        id: 'r',
        service: 'shop',
        operation: 'POST /order',
        kind: 'server',
        startUs,
        durationUs: sendUs + 4000,
      },
      {
        trace,
        id: 'p',
        parent: 'r',
        service: 'shop',
        operation: 'send',
        kind: 'producer',
        infra: 'mq',
        target: QUEUE,
        startUs: startUs + 1000,
        durationUs: sendUs,
      },
    ];
    if (options.isTaken?.(index) === false) return sent;
    return [
      ...sent,
      {
        trace,
        id: 'c',
        parent: 'p',
        service: 'billing',
        operation: 'bill',
        kind: 'consumer',
        startUs: startUs + 1000 + sendUs + waitUs,
        durationUs: noise(options.workUs ?? 5000),
      },
    ];
  }).flat();
}

function collected(window: Omit<Parameters<typeof orders>[0], 'seed' | 'fromUs'>) {
  return buildCollected({
    window: { spans: orders({ seed: 2, fromUs: WINDOW_RANGE.fromUs, ...window }) },
    reference: { spans: orders({ seed: 1, fromUs: REFERENCE_RANGE.fromUs }) },
  });
}

const suspicionsOf = (...of: Parameters<typeof collected>) =>
  suspectQueues(factsOf(collected(...of)));

describe('suspectQueues()', () => {
  it('blames the queue in which messages wait longer and longer', () => {
    const backlog = { waitUs: (index: number) => 3000 + index * 50_000 };
    const [found, ...rest] = suspicionsOf(backlog);
    expect(rest).toEqual([]);
    expect(found?.kind).toBe('queue');
    expect(found?.culprit).toEqual({ service: 'billing', dependency: QUEUE });
    expect(found?.evidence[0]?.value).toBeGreaterThan(1_000_000);
    expect(found?.evidence[0]?.expected).toBeLessThan(5000);
    expect(hypothesesOf(collected(backlog))[0]?.kind).toBe('queue');
  });

  it('sees that messages are no longer taken', () => {
    const stopped = { isTaken: (index: number) => index < 10 };
    const [found] = suspicionsOf(stopped);
    expect(found?.evidence[0]).toMatchObject({ value: 0.125, expected: 1, aspect: 'flow' });
    expect(hypothesesOf(collected(stopped))[0]).toMatchObject({
      kind: 'queue',
      culprit: { service: 'billing', dependency: QUEUE },
    });
  });

  it('leaves a consumer that is slow itself to others', () => {
    const slow = { workUs: 500_000 };
    expect(suspicionsOf(slow)).toEqual([]);
    expect(hypothesesOf(collected(slow))[0]).toMatchObject({
      kind: 'latency',
      culprit: { service: 'billing' },
    });
  });

  it('says nothing when messages wait as ever', () => {
    expect(suspicionsOf({})).toEqual([]);
  });
});
