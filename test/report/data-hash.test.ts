import { describe, expect, it } from 'vitest';
import type { Collected } from '../../src/model/investigation.ts';
import type { Profile } from '../../src/model/profiles.ts';
import { dataHashOf } from '../../src/report/data-hash.ts';
import { profileOf } from '../build/profiles.ts';
import {
  buildCollected,
  buildSeries,
  type LogLiteral,
  type SpanLiteral,
  WINDOW_RANGE,
} from '../build/span-table.ts';

const SPANS: readonly SpanLiteral[] = Array.from({ length: 12 }, (_, index) => ({
  trace: `${Math.floor(index / 3)}`.padStart(32, 'a'),
  id: `${index}`.padStart(16, '0'),
  ...(index % 3 === 0 ? {} : { parent: `${index - 1}`.padStart(16, '0') }),
  service: `service-${index % 3}`,
  operation: 'work',
  startUs: WINDOW_RANGE.fromUs + 1000 * index,
  durationUs: 500 + index,
  attributes: { tenant: `t${index % 2}`, 地区: '北京' },
}));
const LOGS: readonly LogLiteral[] = Array.from({ length: 5 }, (_, index) => ({
  timeUs: WINDOW_RANGE.fromUs + index,
  service: 'service-0',
  template: 'T1',
  body: `line ${index}`,
}));

function collectedOf(
  change: {
    readonly spans?: readonly SpanLiteral[];
    readonly logs?: readonly LogLiteral[];
    readonly values?: readonly number[];
  } = {},
): Collected {
  const { spans = SPANS, logs = LOGS, values = [1, 2, 3] } = change;
  const series = [buildSeries({ name: 'cpu', service: 'service-0', values })];
  return buildCollected({ window: { spans, logs, series }, reference: { spans: [], logs } });
}

const changed = <Item>(items: readonly Item[], at: number, change: Partial<Item>) =>
  items.map((item, index) => (index === at ? { ...item, ...change } : item));

describe('dataHashOf()', () => {
  it('does not depend on the order in which traces and lines were stored', () => {
    const traces = [3, 0, 2, 1].flatMap((trace) => SPANS.slice(3 * trace, 3 * trace + 3));
    const other = collectedOf({ spans: traces, logs: LOGS.toReversed() });
    expect(dataHashOf(other)).toBe(dataHashOf(collectedOf()));
  });

  it.each([
    ['a duration', { spans: changed(SPANS, 4, { durationUs: 501 }) }],
    ['a service', { spans: changed(SPANS, 4, { service: 'service-9' }) }],
    ['an attribute', { spans: changed(SPANS, 4, { attributes: { tenant: 't9', 地区: '北京' } }) }],
    ['a failure', { spans: changed(SPANS, 4, { error: 'timeout' }) }],
    ['a span less', { spans: SPANS.slice(0, -1) }],
    ['a body', { logs: changed(LOGS, 2, { body: 'line 7' }) }],
    ['the time of a line', { logs: changed(LOGS, 2, { timeUs: WINDOW_RANGE.fromUs + 99 }) }],
    ['a value of a series', { values: [1, 2, 3.000001] }],
  ])('depends on %s', (_, change) => {
    expect(dataHashOf(collectedOf(change))).not.toBe(dataHashOf(collectedOf()));
  });

  it('tells values apart that were swapped between rows', () => {
    const swapped = SPANS.map((span, index) => {
      const other = index === 1 ? SPANS[2]! : index === 2 ? SPANS[1]! : span;
      return { ...span, durationUs: other.durationUs };
    });
    expect(dataHashOf(collectedOf({ spans: swapped }))).not.toBe(dataHashOf(collectedOf()));
  });

  it('depends on profiles, and not on their order', () => {
    const one = collectedOf();
    const hashOf = (profiles: readonly Profile[]) =>
      dataHashOf({ ...one, window: { ...one.window, profiles } });
    const [a, b] = [1, 2].map((fromUs) =>
      profileOf({ service: 'bot', fromUs, self: { parse: 3, send: 4 } }),
    ) as [Profile, Profile]; // two were made
    const reversed = { ...b, functions: b.functions.toReversed() };
    expect(hashOf([])).toBe(dataHashOf(one));
    expect(hashOf([a])).not.toBe(hashOf([]));
    expect(hashOf([a, b])).not.toBe(hashOf([a]));
    expect(hashOf([reversed, a])).toBe(hashOf([a, b]));
  });
});
