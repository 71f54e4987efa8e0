/** Which calls another service answers, and what waits for a new attempt leave of a span's own time. */
import { describe, expect, it } from 'vitest';
import { timeRequests } from '../../src/hypothesise/request-time.ts';
import { StringDictionary } from '../../src/model/dictionary.ts';
import { NO_ROW } from '../../src/model/window.ts';
import { buildSpanTable, type SpanLiteral } from '../build/span-table.ts';

function timesOf(spans: readonly Partial<SpanLiteral>[]) {
  const literals = spans.map(
    (span, index): SpanLiteral => ({
      trace: 'a',
      id: `${index}`,
      service: 'web',
      operation: `op ${index}`,
      startUs: 10_000 * index,
      durationUs: 100_000 - 20_000 * index,
      ...span,
    }),
  );
  return timeRequests(buildSpanTable(new StringDictionary(), literals));
}

describe('timeRequests()', () => {
  it('knows the first span in another service that answers a call', () => {
    const { answer } = timesOf([
      { kind: 'client' },
      { parent: '0', service: 'stock', kind: 'server', durationUs: 5000 },
      { parent: '0', service: 'proxy', kind: 'server', durationUs: 5000 },
    ]);
    expect([...answer]).toEqual([1, NO_ROW, NO_ROW]);
  });

  it('takes no answer for one that comes from the same service, or to a span that is no call', () => {
    const { answer } = timesOf([
      { kind: 'client' },
      { parent: '0', kind: 'server' },
      { parent: '1', service: 'stock', kind: 'client' },
    ]);
    expect([...answer]).toEqual([NO_ROW, NO_ROW, NO_ROW]);
  });

  it('gives each span its part of the critical path, less waits between attempts', () => {
    const call = { parent: '0', kind: 'client', operation: 'call', durationUs: 10_000 } as const;
    const { ownUs, causedUs } = timesOf([
      { durationUs: 100_000 },
      { ...call, error: 'Refused', startUs: 0 },
      { ...call, startUs: 50_000 },
    ]);
    expect([...ownUs]).toEqual([40_000, 10_000, 10_000]);
    expect([...causedUs]).toEqual([0, 40_000, 0]);
  });

  it('times nothing in nothing', () => {
    expect(timesOf([]).ownUs).toHaveLength(0);
  });
});
