/** Cohorts of runs that went another way: the window's against the reference's, whatever their times. */
import { describe, expect, it } from 'vitest';
import { clusterSpans } from '../../../src/cluster/cluster.ts';
import type { FlowBreak } from '../../../src/model/hypothesis.ts';
import { createStoreContext, runStoreProbe } from '../../../src/plugin/probes/store-probe.ts';
import { createRandom } from '../../build/random.ts';
import {
  buildCollected,
  type LogLiteral,
  type PeriodLiteral,
  REFERENCE_RANGE,
  type SpanLiteral,
  WINDOW_RANGE,
} from '../../build/span-table.ts';

/** A request of front's GET /: what the handler of back calls and logs. */
interface Run {
  readonly calls?: readonly string[];
  readonly lines?: readonly string[];
  /** Asked through this endpoint instead. */
  readonly endpoint?: string;
}

const USUAL: Run = { calls: ['stock', 'price'], lines: ['Back#10', 'Back#12'] };

function periodOf(fromUs: number, count: number, runOf: (index: number) => Run): PeriodLiteral {
  const spans: SpanLiteral[] = [];
  const logs: LogLiteral[] = [];
  for (let index = 0; index < count; index++) {
    const trace = (fromUs + index).toString(16).padStart(32, '0');
    const startUs = fromUs + index * 1_000_000;
    const { calls = [], lines = [], endpoint = 'GET /' } = runOf(index);
    const span = (id: string, service: string, operation: string, parent?: string) =>
      spans.push({
        trace,
        id,
        service,
        operation,
        startUs,
        durationUs: 10_000,
        ...(parent && { parent }),
      });
    const log = (service: string, source: string) =>
      logs.push({
        timeUs: startUs,
        service,
        template: source,
        source,
        severity: 9,
        trace,
        span: 'back',
      });
    span('front', 'front', endpoint);
    span('back', 'back', 'load', 'front');
    for (const called of calls) span(called, called, 'get', 'back');
    log('front', 'Front#1');
    for (const line of lines) log('back', line);
  }
  return { spans, logs };
}

const LACKS_STOCK: FlowBreak = { kind: 'lacks-call', service: 'stock', operation: 'get' };
const LACKS_LINE: FlowBreak = { kind: 'lacks-line', line: 'Back#12', text: 'stored' };
const HAS_LINE: FlowBreak = { kind: 'has-line', line: 'Back#99', text: 'failed' };

function check(
  flow: FlowBreak,
  runs: {
    readonly now: (index: number) => Run;
    readonly before?: (index: number) => Run;
    readonly count?: number;
    readonly countBefore?: number;
  },
) {
  const { now, before = () => USUAL, count = 40, countBefore = 80 } = runs;
  const collected = buildCollected({
    window: periodOf(WINDOW_RANGE.fromUs, count, now),
    reference: periodOf(REFERENCE_RANGE.fromUs, countBefore, before),
  });
  const clustered = { ...collected, clustering: clusterSpans(collected) };
  const suspect = { service: 'back', operation: 'load', flow };
  return runStoreProbe({ kind: 'cohort', suspect }, createStoreContext(clustered, [suspect]));
}

describe('a cohort check of a flow', () => {
  it.each<readonly [flow: FlowBreak, broken: Run]>([
    [LACKS_STOCK, { ...USUAL, calls: ['price'] }],
    [LACKS_LINE, { ...USUAL, lines: ['Back#10'] }],
    [HAS_LINE, { ...USUAL, lines: ['Back#10', 'Back#99'] }],
  ])('confirms $kind of runs that are neither slow nor failed', (flow, broken) => {
    const result = check(flow, { now: (index) => (index % 2 === 0 ? broken : USUAL) });
    expect(result.outcome).toBe('confirm');
    expect(result.observed.en).toMatch(
      /^20 of 40 traces with such runs \(50 %\) go this way, 0 of 80 \(0 %\) in the reference; .*; 0\/8 placebo/,
    );
    expect(result.weight).toBeGreaterThan(1);
  });

  it('confirms by few runs when all of them break, and not by one', () => {
    const broken = { ...USUAL, calls: [] };
    const few = { count: 5, countBefore: 7 };
    expect(check(LACKS_STOCK, { ...few, now: () => broken }).outcome).toBe('confirm');
    const once = (index: number) => (index === 0 ? broken : USUAL);
    expect(check(LACKS_STOCK, { ...few, now: once }).outcome).toBe('inconclusive');
  });

  it('says nothing where only other requests came', () => {
    // Requests by way of /new never need the stock: there were few of them, now they are most.
    const mixOf = (share: number) => (index: number) =>
      index % 10 < share ? { ...USUAL, calls: ['price'], endpoint: 'GET /new' } : USUAL;
    const result = check(LACKS_STOCK, { now: mixOf(9), before: mixOf(2) });
    expect(result.outcome).toBe('inconclusive');
    expect(result.observed.en).toMatch(/^36 of 40 .*, 16 of 80 /);
  });

  it('says nothing where the reference breaks as often, where lines were lost, or without a reference', () => {
    const either = (index: number) => (index % 2 === 0 ? { ...USUAL, calls: ['price'] } : USUAL);
    expect(check(LACKS_STOCK, { now: either, before: either }).outcome).toBe('inconclusive');
    const window = periodOf(WINDOW_RANGE.fromUs, 40, () => ({ ...USUAL, lines: [] }));
    const reference = periodOf(REFERENCE_RANGE.fromUs, 40, () => USUAL);
    const suspect = { service: 'back', operation: 'load', flow: LACKS_LINE };
    for (const collected of [
      buildCollected({ window: { ...window, logs: [] }, reference }),
      buildCollected({ window }),
    ]) {
      const clustered = { ...collected, clustering: clusterSpans(collected) };
      const context = createStoreContext(clustered, [suspect]);
      expect(runStoreProbe({ kind: 'cohort', suspect }, context).outcome).toBe('inconclusive');
    }
  });

  it('confirms at most 2 % of 500 windows without a fault', () => {
    const random = createRandom(5);
    let confirmed = 0;
    for (let draw = 0; draw < 500; draw++) {
      const share = random.next();
      const noisy = () => (random.next() < share ? USUAL : { ...USUAL, calls: ['price'] });
      if (check(LACKS_STOCK, { now: noisy, before: noisy }).outcome === 'confirm') confirmed++;
    }
    expect(confirmed).toBeLessThanOrEqual(10);
  });
});
