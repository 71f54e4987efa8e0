/** Messages that wait or are never taken, and a consumer that is slow itself. */
import { describe, expect, it } from 'vitest';
import { clusterSpans } from '../../src/cluster/cluster.ts';
import { suspectMissingCalls } from '../../src/hypothesise/missing-call.ts';
import { suspectQueues } from '../../src/hypothesise/queue.ts';
import { createStoreContext, runStoreProbe } from '../../src/plugin/probes/store-probe.ts';
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
  readonly count?: number;
}): SpanLiteral[] {
  const random = createRandom(options.seed);
  const noise = (us: number) => Math.round(us * Math.exp(0.3 * random.normal()));
  return Array.from({ length: options.count ?? 80 }, (_, index): SpanLiteral[] => {
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

function periodsOf(window: Omit<Parameters<typeof orders>[0], 'seed' | 'fromUs'>) {
  return {
    window: orders({ seed: 2, fromUs: WINDOW_RANGE.fromUs, ...window }),
    reference: orders({ seed: 1, fromUs: REFERENCE_RANGE.fromUs }),
  };
}

function collected(options: Parameters<typeof periodsOf>[0]) {
  const { window, reference } = periodsOf(options);
  return buildCollected({ window: { spans: window }, reference: { spans: reference } });
}

/** Requests that send nothing. */
function pages(fromUs: number, durationUs: number): SpanLiteral[] {
  return Array.from({ length: 100 }, (_, index) => ({
    trace: (fromUs + 1_000_000 + index).toString(16).padStart(32, '0'),
    id: 'page',
    service: 'shop',
    operation: 'GET /page',
    kind: 'server',
    startUs: fromUs + index * 1_000_000,
    durationUs: durationUs + index,
  }));
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

  it('is trouble of its own when the requests that were asked about send nothing', () => {
    const { window, reference } = periodsOf({ isTaken: (index: number) => index < 10 });
    const others = buildCollected({
      window: { spans: [...window, ...pages(WINDOW_RANGE.fromUs, 900_000)] },
      reference: { spans: [...reference, ...pages(REFERENCE_RANGE.fromUs, 9000)] },
    });
    const [found] = suspectQueues(factsOf(others));
    // 70 messages lie about, 100 pages are slow.
    expect(found?.share).toBeGreaterThan(0.3);
    expect(found?.share).toBeLessThan(0.5);
  });

  it('says of which messages they are late, and stored traces confirm it', () => {
    const stopped = collected({ isTaken: (index: number) => index < 10 });
    const [found] = suspectQueues(factsOf(stopped));
    expect(found?.pattern).toMatchObject({
      service: 'shop',
      operation: 'send',
      flow: { kind: 'late-message', service: 'billing' },
    });
    const clustered = { ...stopped, clustering: clusterSpans(stopped) };
    const suspect = found!.pattern!; // as matched above
    const context = createStoreContext(clustered, [suspect]);
    expect(runStoreProbe({ kind: 'cohort', suspect }, context).outcome).toBe('confirm');
  });

  it('is not a call that the sender no longer makes', () => {
    const facts = factsOf(collected({ isTaken: () => false }));
    expect(suspectMissingCalls(facts)).toEqual([]);
    expect(suspectQueues(facts)).toHaveLength(1);
  });

  it('says nothing when messages wait as ever', () => {
    expect(suspicionsOf({})).toEqual([]);
  });

  it('finds something in at most 5 % of 500 windows without a fault', () => {
    const random = createRandom(3);
    // One message in ten is lost, in both periods.
    const isTaken = () => random.next() > 0.1;
    let foundCount = 0;
    for (let seed = 0; seed < 1000; seed += 2) {
      const of = { count: 40, isTaken };
      const window = orders({ seed, fromUs: WINDOW_RANGE.fromUs, ...of });
      const reference = orders({ seed: seed + 1, fromUs: REFERENCE_RANGE.fromUs, ...of });
      const both = buildCollected({ window: { spans: window }, reference: { spans: reference } });
      if (suspectQueues(factsOf(both)).length > 0) foundCount++;
    }
    expect(foundCount).toBeLessThanOrEqual(25);
  });
});
