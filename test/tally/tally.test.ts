/** Tallies: what is counted where, minutes, stages, the bound on endpoints. */
import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/base/limits.ts';
import { US_PER_HOUR, US_PER_MINUTE } from '../../src/base/time.ts';
import { LogColumns, SpanColumns } from '../../src/model/columns.ts';
import { StringDictionary } from '../../src/model/dictionary.ts';
import { endpointIdOf, OVERFLOW_OPERATION } from '../../src/model/tally.ts';
import { STAGES } from '../../src/model/vocabulary.ts';
import { countOf, quantileOf } from '../../src/tally/sketch.ts';
import { TallyBuilder, tallySpans } from '../../src/tally/tally.ts';

const T0 = 1_800_000_000_000_000 - (1_800_000_000_000_000 % US_PER_MINUTE);

interface SpanRow {
  readonly service?: string;
  readonly name?: string;
  readonly startUs?: number;
  readonly durationUs?: number;
  readonly isError?: boolean;
  readonly stage?: (typeof STAGES)[number];
}

function spansOf(rows: readonly SpanRow[], strings = new StringDictionary()): SpanColumns {
  const columns = new SpanColumns(strings);
  for (const item of rows) {
    const row = columns.addRow();
    columns.service[row] = strings.idOfString(item.service ?? 'bot');
    columns.name[row] = strings.idOfString(item.name ?? 'chat');
    columns.startUs[row] = item.startUs ?? T0;
    columns.durationNs[row] = (item.durationUs ?? 1000) * 1000;
    columns.isError[row] = item.isError ? 1 : 0;
    columns.stage[row] = STAGES.indexOf(item.stage ?? 'other');
    columns.endRow(row);
  }
  return columns;
}

function build(rows: readonly SpanRow[]) {
  const columns = spansOf(rows);
  const tallies = tallySpans(columns, { from: 0, to: columns.count });
  return tallies.filter(({ endpoint }) => endpoint.slice === undefined);
}

describe('TallyBuilder.addSpans()', () => {
  test('counts requests, errors and latency per endpoint and minute', () => {
    const tallies = build([
      { durationUs: 1000 },
      { durationUs: 3000, isError: true },
      { startUs: T0 + US_PER_MINUTE, durationUs: 5000 },
      { name: 'send', durationUs: 10 },
    ]);
    const first = tallies.find((t) => t.endpoint.operation === 'chat' && t.minuteUs === T0);
    expect(tallies).toHaveLength(3);
    expect(first).toMatchObject({ count: 2, errorCount: 1 });
    expect(first?.endpoint.endpointId).toBe(endpointIdOf('bot', 'chat'));
    expect(quantileOf(first!.sketch, 1) / 3000).toBeCloseTo(1, 1);
    for (const tally of tallies) expect(countOf(tally.sketch)).toBe(tally.count);
  });

  test.each([
    { caption: 'first microsecond of a minute', startUs: T0, minute: 0 },
    { caption: 'last microsecond of a minute', startUs: T0 + US_PER_MINUTE - 1, minute: 0 },
    { caption: 'next minute', startUs: T0 + US_PER_MINUTE, minute: 1 },
    { caption: 'minute it ends in', startUs: T0 + US_PER_MINUTE - 1, durationUs: 1, minute: 1 },
    {
      caption: 'minute it ends in, an hour later',
      startUs: T0,
      durationUs: US_PER_HOUR,
      minute: 60,
    },
    { caption: 'minute it began in: a day is too long', durationUs: 24 * US_PER_HOUR, minute: 0 },
    { caption: 'minute it began in: it ends before that', durationUs: -US_PER_HOUR, minute: 0 },
  ])('puts a span into the $caption', ({ startUs = T0, durationUs = 0, minute }) => {
    const tallies = build([{ startUs, durationUs }]);
    expect(tallies.map((tally) => (tally.minuteUs - T0) / US_PER_MINUTE)).toEqual([minute]);
  });

  test('counts minutes that alternate', () => {
    const rows = Array.from({ length: 10 }, (_, index) => ({
      startUs: T0 + (index % 2) * US_PER_MINUTE,
    }));
    expect(build(rows).map((tally) => tally.count)).toEqual([5, 5]);
  });

  test('takes the stage of most spans', () => {
    const [tally] = build([{ stage: 'plugin' }, { stage: 'llm' }, { stage: 'llm' }]);
    expect(tally?.endpoint.stage).toBe('llm');
  });

  test('counts a negative duration as zero', () => {
    const [tally] = build([{ durationUs: -100 }]);
    expect(tally?.sketch).toEqual({ buckets: [0], counts: [1] });
  });

  test('adds only the rows of the range', () => {
    const columns = spansOf([{ name: 'a' }, { name: 'b' }, { name: 'c' }]);
    const tallies = tallySpans(columns, { from: 1, to: 2 });
    expect(tallies.map((tally) => tally.endpoint.operation)).toEqual(['b']);
  });

  test('adds up over dictionaries that number the same texts differently', () => {
    const other = new StringDictionary();
    other.idOfString('chat');
    const builder = new TallyBuilder();
    builder.addSpans(spansOf([{}]), 0, 1);
    builder.addSpans(spansOf([{}], other), 0, 1);
    expect(builder.take().tallies).toMatchObject([{ count: 2 }]);
  });

  test('begins anew after take()', () => {
    const builder = new TallyBuilder();
    const columns = spansOf([{}]);
    builder.addSpans(columns, 0, 1);
    builder.take();
    builder.addSpans(columns, 0, 1);
    expect(builder.take().tallies).toMatchObject([{ count: 1 }]);
    expect(builder.take()).toEqual({ tallies: [], templateTallies: [] });
  });

  test('gives endpoints beyond the bound to the overflow endpoint, and counts them', () => {
    const extra = 7;
    const rows = Array.from({ length: LIMITS.endpointsMax + extra }, (_, index) => ({
      name: `GET /user/${index}`,
    }));
    const builder = new TallyBuilder();
    const columns = spansOf(rows);
    builder.addSpans(columns, 0, columns.count);
    const { tallies } = builder.take();
    const overflow = tallies.find((tally) => tally.endpoint.operation === OVERFLOW_OPERATION);
    expect(tallies).toHaveLength(LIMITS.endpointsMax + 1);
    expect(overflow).toMatchObject({ count: extra, endpoint: { service: 'bot' } });
    expect(builder.overflowCount).toBe(extra);
    // known endpoints go on under their names
    builder.addSpans(columns, 0, 1);
    expect(builder.take().tallies[0]?.endpoint.operation).toBe('GET /user/0');
  });

  test('bounds the overflow endpoints of invented services too', () => {
    const rows = Array.from({ length: LIMITS.endpointsMax + 3000 }, (_, index) => ({
      service: `service-${index}`,
    }));
    const builder = new TallyBuilder();
    const columns = spansOf(rows);
    builder.addSpans(columns, 0, columns.count);
    const { tallies } = builder.take();
    expect(tallies).toHaveLength(LIMITS.endpointsMax + 1000 + 1);
    expect(tallies.reduce((sum, tally) => sum + tally.count, 0)).toBe(rows.length);
  });
});

test('TallyBuilder.addLogs() counts lines and keeps the highest severity', () => {
  const strings = new StringDictionary();
  const columns = new LogColumns(strings);
  for (const [template, severity, minute] of [
    ['t1', 9, 0],
    ['t1', 17, 0],
    ['t1', 9, 1],
    ['t2', 9, 0],
  ] as const) {
    const row = columns.addRow();
    columns.service[row] = strings.idOfString('bot');
    columns.template[row] = strings.idOfString(template);
    columns.severity[row] = severity;
    columns.timeUs[row] = T0 + minute * US_PER_MINUTE;
    columns.endRow(row);
  }
  const builder = new TallyBuilder();
  builder.addLogs(columns, 0, columns.count);
  expect(builder.take().templateTallies).toEqual([
    { templateId: 't1', service: 'bot', minuteUs: T0, count: 2, severityMax: 17 },
    { templateId: 't2', service: 'bot', minuteUs: T0, count: 1, severityMax: 9 },
    { templateId: 't1', service: 'bot', minuteUs: T0 + US_PER_MINUTE, count: 1, severityMax: 9 },
  ]);
});

test('TallyBuilder.addLogs() counts lines of invented services together, beyond a bound', () => {
  const columns = new LogColumns(new StringDictionary());
  for (let index = 0; index < 5000; index++) {
    const row = columns.addRow();
    columns.service[row] = columns.strings.idOfString(`s${index}`);
    columns.template[row] = columns.strings.idOfString('t1');
    columns.timeUs[row] = T0;
    columns.endRow(row);
  }
  const builder = new TallyBuilder();
  builder.addLogs(columns, 0, columns.count);
  const { templateTallies } = builder.take();
  expect(templateTallies).toHaveLength(1001);
  expect(templateTallies.find(({ service }) => service === OVERFLOW_OPERATION)?.count).toBe(4000);
});
