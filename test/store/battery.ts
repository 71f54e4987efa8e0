/** What every telemetry store must do, run on each engine: see the contract in src/store/api/telemetry.ts. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { US_PER_DAY, US_PER_MINUTE } from '../../src/base/time.ts';
import type { RawProfiles } from '../../src/model/profiles.ts';
import type { Span } from '../../src/model/span.ts';
import { type Endpoint, endpointIdOf, type Tally } from '../../src/model/tally.ts';
import type {
  IngestGroup,
  Page,
  TelemetryReader,
  TelemetryWriter,
  TraceQuery,
} from '../../src/store/api/telemetry.ts';
import {
  DAY_START_US,
  emptyGroup,
  hashOf,
  NOON_US,
  type PlainSpan,
  plainLogs,
  plainSpans,
  Random,
  randomLogs,
  randomPoints,
  randomSpans,
  spanIdOf,
  traceIdOf,
  withRequest,
} from './generate.ts';
import { describeLog, describeSpan } from './rows.ts';

export interface StoreOpener {
  openWriter(dataDir: string): TelemetryWriter;
  openReader(dataDir: string): TelemetryReader;
}

const DAY_RANGE = { fromUs: DAY_START_US, toUs: DAY_START_US + US_PER_DAY };
const ALL_SECTIONS = ['attributes', 'events', 'links'] as const;

/** Takes a fresh store per test; `test` gets it open. */
export function describeTelemetryStore(name: string, opener: StoreOpener): void {
  describe(name, () => {
    let dataDir: string;
    let writer: TelemetryWriter;
    let reader: TelemetryReader;
    let nextHash = 1;

    beforeEach(() => {
      dataDir = fs.mkdtempSync(path.join(os.tmpdir(), 'taproot-store-'));
      writer = opener.openWriter(dataDir);
      reader = opener.openReader(dataDir);
    });

    afterEach(() => {
      reader.close();
      writer.close();
      fs.rmSync(dataDir, { recursive: true });
    });

    const write = (part: Partial<IngestGroup>) =>
      writer.write(withRequest({ ...emptyGroup(), ...part }, nextHash++));
    const writeSpans = (...spans: readonly PlainSpan[]) => write({ spans: plainSpans(spans) });

    function storedSpans(range = DAY_RANGE): Record<string, unknown>[] {
      const found: Record<string, unknown>[] = [];
      reader.scanSpans({ range, sections: ALL_SECTIONS }, (columns, rows) => {
        for (const row of rows) found.push(describeSpan(columns, row));
        return undefined;
      });
      return found.sort(bySpanId);
    }

    describe('write() and scans', () => {
      it.each([1, 2, 3])('give back every column of random spans and logs (seed %i)', (seed) => {
        const spans = randomSpans(300, new Random(seed));
        const logs = randomLogs(300, new Random(seed));
        write({ spans, logs });
        const expected = Array.from({ length: 300 }, (_, row) => describeSpan(spans, row));
        expect(storedSpans()).toEqual(expected.sort(bySpanId));
        const found: Record<string, unknown>[] = [];
        reader.scanLogs({ range: DAY_RANGE }, (columns, rows) => {
          for (const row of rows) found.push(describeLog(columns, row));
          return undefined;
        });
        const expectedLogs = Array.from({ length: 300 }, (_, row) => describeLog(logs, row));
        expect(found.sort(byJson)).toEqual(expectedLogs.sort(byJson));
      });

      it('find nothing in an empty store', () => {
        expect(storedSpans()).toEqual([]);
        expect(reader.readTrace(traceIdOf(1))).toEqual([]);
        expect(reader.searchTraces({ range: DAY_RANGE, limit: 10 }).items).toEqual([]);
        expect(reader.stats().spanCount).toBe(0);
        expect(reader.countRows(DAY_RANGE)).toEqual({ spans: 0, logs: 0, points: 0, profiles: 0 });
      });

      it('take an empty group', () => {
        writer.write(emptyGroup());
        write({});
        expect(reader.stats().partitions).toEqual([]);
      });

      it('split a group larger than a block and lose nothing', () => {
        const spans = randomSpans(20_000, new Random(4));
        write({ spans });
        let count = 0;
        let blocks = 0;
        reader.scanSpans({ range: DAY_RANGE, sections: [] }, (_, rows) => {
          count += rows.length;
          blocks++;
          return undefined;
        });
        expect([count, blocks]).toEqual([20_000, 3]);
      });

      it('keep the range half-open', () => {
        writeSpans(
          { trace: 1, span: 1, startUs: NOON_US },
          { trace: 1, span: 2, startUs: NOON_US + 10 },
          { trace: 1, span: 3, startUs: NOON_US + 11 },
        );
        const found = storedSpans({ fromUs: NOON_US, toUs: NOON_US + 11 });
        expect(found.map((span) => span['spanId'])).toEqual([spanIdOf(1), spanIdOf(2)]);
      });

      it('filter by service and stop when the visitor says so', () => {
        writeSpans({ trace: 1, span: 1, startUs: NOON_US, service: 'a' });
        writeSpans({ trace: 2, span: 2, startUs: NOON_US, service: 'b' });
        let visits = 0;
        reader.scanSpans({ range: DAY_RANGE, sections: [], services: ['b', 'zz'] }, (c, rows) => {
          visits++;
          expect(Array.from(rows, (row) => c.strings.text(c.service[row]!))).toEqual(['b']);
          return undefined;
        });
        expect(visits).toBe(1);
        visits = 0;
        reader.scanSpans({ range: DAY_RANGE, sections: [] }, () => {
          visits++;
          return false;
        });
        expect(visits).toBe(1);
      });

      it('put rows on the day of their time, late and out of order', () => {
        writeSpans({ trace: 1, span: 1, startUs: DAY_RANGE.toUs });
        writeSpans(
          { trace: 1, span: 2, startUs: DAY_RANGE.toUs - 1 },
          { trace: 1, span: 3, startUs: DAY_START_US - 1 },
        );
        expect(reader.stats().partitions.map((partition) => partition.day)).toEqual([
          '20260101',
          '20260102',
          '20260103',
        ]);
        expect(storedSpans().map((span) => span['spanId'])).toEqual([spanIdOf(2)]);
        expect(spanIdsOf(reader.readTrace(traceIdOf(1)))).toEqual([3, 2, 1]);
      });
    });

    describe('requests', () => {
      it('are written once, whatever comes twice', () => {
        const group = withRequest(
          { ...emptyGroup(), spans: plainSpans([{ trace: 1, span: 1, startUs: NOON_US }]) },
          77,
        );
        expect(writer.findAnswer(hashOf(77))).toBeUndefined();
        writer.write(group);
        expect(writer.findAnswer(hashOf(77))).toBeDefined();
        writer.write({ ...group, tallies: [tallyOf('bot', NOON_US, [[1, 1]])] });
        expect(storedSpans().length).toBe(1);
        expect(reader.readTallies({ range: DAY_RANGE })).toEqual([]);
      });

      it('are written once when they come twice in one group', () => {
        const spans = plainSpans([
          { trace: 1, span: 1, startUs: NOON_US },
          { trace: 1, span: 1, startUs: NOON_US },
          { trace: 2, span: 2, startUs: NOON_US },
        ]);
        const none: readonly [number, number] = [0, 0];
        const requestOf = (seed: number, rows: readonly [number, number]) => ({
          hash: hashOf(seed),
          spans: rows,
          logs: none,
          points: none,
        });
        writer.write({
          ...emptyGroup(),
          spans,
          requests: [requestOf(1, [0, 1]), requestOf(1, [1, 2]), requestOf(2, [2, 3])],
        });
        expect(storedSpans().map((span) => span['spanId'])).toEqual([spanIdOf(1), spanIdOf(2)]);
      });

      it('are known after a restart', () => {
        writeSpans({ trace: 1, span: 1, startUs: NOON_US });
        const hash = hashOf(nextHash - 1);
        writer.close();
        writer = opener.openWriter(dataDir);
        expect(writer.findAnswer(hash)).toBeDefined();
        expect(writer.findAnswer(hashOf(4_000_000))).toBeUndefined();
      });
    });

    describe('readTrace()', () => {
      it('joins a split trace by start and keeps the fuller copy of a span', () => {
        writeSpans({ trace: 5, span: 2, parent: 1, startUs: NOON_US + 5, durationUs: 10 });
        writeSpans({ trace: 6, span: 9, startUs: NOON_US });
        writeSpans(
          { trace: 5, span: 1, startUs: NOON_US, name: 'root', attributes: { a: 1 } },
          { trace: 5, span: 2, parent: 1, startUs: NOON_US + 5, durationUs: 20 },
        );
        const spans = reader.readTrace(traceIdOf(5));
        expect(spans.map((span) => [span.name, span.parentSpanId, span.durationUs])).toEqual([
          ['root', undefined, 1000],
          ['work', spanIdOf(1), 20],
        ]);
        expect(spans[0]!.attributes).toEqual({ a: 1 });
        expect(reader.readTrace(traceIdOf(5).toUpperCase())).toHaveLength(2);
      });

      it('looks only near the time it is given', () => {
        writeSpans({ trace: 5, span: 1, startUs: NOON_US });
        const near = { fromUs: NOON_US, toUs: NOON_US + 1 };
        expect(reader.readTrace(traceIdOf(5), near)).toHaveLength(1);
        const far = { fromUs: NOON_US + 5 * US_PER_DAY, toUs: NOON_US + 6 * US_PER_DAY };
        expect(reader.readTrace(traceIdOf(5), far)).toEqual([]);
      });

      it('refuses what is no trace id', () => {
        expect(() => reader.readTrace('12')).toThrow(/32 hex digits/);
      });

      it('finds each of many traces among many commits', () => {
        for (let commit = 0; commit < 100; commit++) {
          writeSpans({ trace: 1000 + commit, span: 1 + commit, startUs: NOON_US + commit });
          if (commit % 20 === 19) writer.checkpoint();
        }
        for (let commit = 0; commit < 100; commit++) {
          expect(spanIdsOf(reader.readTrace(traceIdOf(1000 + commit)))).toEqual([1 + commit]);
        }
        expect(storedSpans().length).toBe(100);
      });
    });

    describe('searchTraces()', () => {
      const SPANS: readonly PlainSpan[] = [
        {
          trace: 1,
          span: 1,
          startUs: NOON_US,
          service: 'gateway',
          name: 'POST /chat',
          durationUs: 900,
          stage: 1,
          resource: { 'service.version': '1.2', zone: 'eu' },
          attributes: { 'http.status_code': 200, 'coze.bot.id': 'bot-7', ok: true },
        },
        {
          trace: 1,
          span: 2,
          parent: 1,
          startUs: NOON_US + 5,
          service: 'llm',
          name: 'chat gpt',
          durationUs: 500,
          stage: 5,
          isError: true,
          derived: { 'gen_ai.conversation.id': '对话-1' },
          attributes: { ratio: 0.5, model: 'm1' },
        },
        { trace: 2, span: 3, startUs: NOON_US + 100, service: 'gateway', durationUs: 10 },
      ];
      const CASES: readonly [string, Partial<TraceQuery>, readonly number[]][] = [
        ['no filter', {}, [2, 1]],
        ['service', { service: 'llm' }, [1]],
        ['unknown service', { service: 'nobody' }, []],
        ['operation', { operation: 'POST /chat' }, [1]],
        ['stage', { stage: 'llm' }, [1]],
        ['shortest', { durationUsMin: 900 }, [1]],
        ['longest', { durationUsMax: 10 }, [2]],
        ['no such duration', { durationUsMin: 11, durationUsMax: 499 }, []],
        ['errors', { isError: true }, [1]],
        ['text attribute', { attributes: { model: 'm1' } }, [1]],
        ['number attribute', { attributes: { 'http.status_code': '200' } }, [1]],
        ['float attribute', { attributes: { ratio: '0.5' } }, [1]],
        ['boolean attribute', { attributes: { ok: 'true' } }, [1]],
        ['resource attribute', { attributes: { zone: 'eu' } }, [1]],
        ['attributes of one span', { attributes: { ok: 'true', zone: 'eu' } }, [1]],
        ['attributes of two spans', { attributes: { ok: 'true', model: 'm1' } }, []],
        ['attribute of another value', { attributes: { model: 'm2' } }, []],
        ['attribute of another key', { attributes: { nothing: 'm1' } }, []],
        ['bot', { bot: 'bot-7' }, [1]],
        ['conversation, derived', { conversation: '对话-1' }, [1]],
        ['filters on two spans', { service: 'gateway', isError: true }, []],
        ['a range before', { range: { fromUs: NOON_US - 10, toUs: NOON_US } }, []],
        ['a range between', { range: { fromUs: NOON_US, toUs: NOON_US + 100 } }, [1]],
      ];

      it.each(CASES)('filters by %s', (_, query, traces) => {
        writeSpans(...SPANS);
        const page = reader.searchTraces({ range: DAY_RANGE, limit: 10, ...query });
        expect(page.items.map((item) => item.traceId)).toEqual(traces.map(traceIdOf));
        expect(page.wasCut).toBe(false);
        expect(page.nextCursor).toBeUndefined();
      });

      it('sums up the whole trace', () => {
        writeSpans(SPANS[1]!);
        writeSpans(SPANS[0]!);
        writeSpans(SPANS[1]!);
        const { items } = reader.searchTraces({ range: DAY_RANGE, limit: 1, service: 'llm' });
        expect(items).toEqual([
          {
            traceId: traceIdOf(1),
            rootService: 'gateway',
            rootOperation: 'POST /chat',
            startUs: NOON_US,
            durationUs: 900,
            spanCount: 2,
            errorCount: 1,
            services: ['gateway', 'llm'],
            bot: 'bot-7',
            conversation: '对话-1',
          },
        ]);
      });

      it.each([1, 2, 7, 100])('gives each trace once over pages of %i, newest first', (limit) => {
        // Traces that overlap, end on two days, share times, and are split over commits.
        const random = new Random(8);
        const spans: PlainSpan[] = [];
        for (let span = 1; span <= 120; span++) {
          const startUs = DAY_RANGE.toUs - 30 + random.below(60);
          spans.push({ trace: 1 + random.below(40), span, startUs });
        }
        for (let start = 0; start < spans.length; start += 11) {
          writeSpans(...spans.slice(start, start + 11));
        }
        const firstUs = new Map<number, number>();
        for (const { trace, startUs } of spans) {
          firstUs.set(trace, Math.min(startUs, firstUs.get(trace) ?? startUs));
        }
        const expected = [...firstUs]
          .sort(([a, aUs], [b, bUs]) => bUs - aUs || b - a)
          .map(([trace]) => traceIdOf(trace));
        const range = { fromUs: DAY_START_US, toUs: DAY_RANGE.toUs + US_PER_DAY };
        const found = allPages((cursor) => reader.searchTraces({ range, limit, ...cursor }));
        expect(found.map((item) => item.traceId)).toEqual(expected);
      });

      it('refuses a cursor that no page gave', () => {
        const query = { range: DAY_RANGE, limit: 1, cursor: 'drop table' };
        expect(() => reader.searchTraces(query)).toThrow(/cursor/);
      });
    });

    describe('groupSpans()', () => {
      const SPANS: readonly PlainSpan[] = [
        { trace: 1, span: 1, startUs: NOON_US, name: 'a', durationUs: 100, attributes: { k: 'x' } },
        { trace: 1, span: 2, startUs: NOON_US + 1, name: 'a', durationUs: 900, isError: true },
        { trace: 2, span: 3, startUs: NOON_US + 2, name: 'b', attributes: { k: 7 } },
        { trace: 2, span: 4, startUs: NOON_US + 3, name: 'a', durationUs: 100, service: 'llm' },
        {
          trace: 3,
          span: 5,
          startUs: NOON_US + 4,
          name: 'c',
          resource: { k: 'r' },
          attributes: { k: 'x' },
          derived: { k: 'd' },
        },
        { trace: 3, span: 6, startUs: NOON_US + 5, name: 'c', resource: { k: 'r' } },
        { trace: 4, span: 7, startUs: NOON_US + 60, name: 'c', attributes: { k: true } },
      ];
      const range = { fromUs: NOON_US, toUs: NOON_US + 60 };
      const countsOf = (page: Page<{ readonly value: string; readonly count: number }>) =>
        page.items.map(({ value, count }) => `${value} ${count}`);

      beforeEach(() => {
        writeSpans(...SPANS.slice(0, 3));
        writeSpans(...SPANS.slice(3));
      });

      it.each([
        ['operation', { kind: 'operation' }, ['a 3', 'c 2', 'b 1']],
        ['service', { kind: 'service' }, ['bot 5', 'llm 1']],
        ['attribute', { kind: 'attribute', key: 'k' }, ['7 1', 'd 1', 'r 1', 'x 1']],
        ['absent attribute', { kind: 'attribute', key: 'nobody' }, []],
      ] as const)('counts by %s inside the range, most first', (_, by, expected) => {
        const page = reader.groupSpans({ range, by, limit: 10 });
        expect(countsOf(page)).toEqual(expected);
        expect(page.wasCut).toBe(false);
      });

      it('counts errors and takes quantiles of durations', () => {
        const { items } = reader.groupSpans({ range, by: { kind: 'operation' }, limit: 1 });
        expect(items[0]).toMatchObject({ value: 'a', count: 3, errorCount: 1 });
        expect(items[0]!.durationUsP50 / 100).toBeCloseTo(1, 1);
        expect(items[0]!.durationUsP95 / 900).toBeCloseTo(1, 1);
      });

      it('looks at one service when it is told to, and says when it was cut', () => {
        const by = { kind: 'operation' } as const;
        const ofService = reader.groupSpans({ range, by, service: 'llm', limit: 10 });
        expect(countsOf(ofService)).toEqual(['a 1']);
        const key = { kind: 'attribute', key: 'k' } as const;
        expect(countsOf(reader.groupSpans({ range, by: key, service: 'llm', limit: 10 }))).toEqual(
          [],
        );
        const cut = reader.groupSpans({ range, by, limit: 2 });
        expect([countsOf(cut), cut.wasCut]).toEqual([['a 3', 'c 2'], true]);
      });

      it.each([1, 2, 3])('agrees with random spans read one by one (seed %i)', (seed) => {
        const random = randomSpans(400, new Random(seed));
        write({ spans: random });
        const traceIds = new Set(storedSpans().map((span) => String(span['traceId'])));
        const spans = [...traceIds].flatMap((traceId) => reader.readTrace(traceId));
        const keys = new Set(spans.flatMap(({ attributes }) => Object.keys(attributes)));
        expect(keys.size).toBeGreaterThan(3);
        for (const key of keys) {
          const expected = new Map<string, number>();
          for (const { derived, attributes, resource } of spans) {
            const value = [derived, attributes, resource].find((map) => key in map)?.[key];
            if (value === undefined) continue;
            const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
            const shown = value === null ? '' : text;
            expected.set(shown, (expected.get(shown) ?? 0) + 1);
          }
          const by = { kind: 'attribute', key } as const;
          const page = reader.groupSpans({ range: DAY_RANGE, by, limit: 10_000 });
          expect(new Map(page.items.map(({ value, count }) => [value, count]))).toEqual(expected);
        }
      });
    });

    describe('searchLogs()', () => {
      const LOGS = [
        { timeUs: NOON_US, body: 'Connection REFUSED by orders-db', severity: 17, template: 'aa' },
        { timeUs: NOON_US + 1, body: '连接超时:订单 42', service: 'pay', trace: 9, severity: 13 },
        { timeUs: NOON_US + 2, body: 'started', service: 'pay', trace: 9 },
        { timeUs: NOON_US + 2, body: 'started again' },
      ];

      it.each([
        ['no filter', {}, [2, 3, 1, 0]],
        ['trace', { traceId: traceIdOf(9) }, [2, 1]],
        ['unknown trace', { traceId: traceIdOf(10) }, []],
        ['service', { service: 'bot' }, [3, 0]],
        ['template', { templateId: 'aa' }, [0]],
        ['severity', { severityMin: 13 }, [1, 0]],
        ['text in another case', { text: 'refused BY' }, [0]],
        ['Chinese text', { text: '超时:订' }, [1]],
        ['text over two bodies', { text: 'startedstarted' }, []],
        ['all together', { text: 'START', service: 'pay', traceId: traceIdOf(9) }, [2]],
      ] as const)('filters by %s', (_, query, expected) => {
        write({ logs: plainLogs(LOGS) });
        const { items } = reader.searchLogs({ range: DAY_RANGE, limit: 10, ...query });
        const bodies = items.map((item) => item.body);
        expect(bodies.sort()).toEqual(expected.map((index) => LOGS[index]!.body).sort());
        const times = items.map((item) => item.timeUs);
        expect(times).toEqual([...times].sort((a, b) => b - a));
      });

      it.each([1, 2, 5, 50])('gives each record once over pages of %i', (limit) => {
        const random = new Random(3);
        for (let group = 0; group < 9; group++) {
          const logs = Array.from({ length: 7 }, (_, index) => ({
            timeUs: DAY_RANGE.toUs - 8 + random.below(16),
            body: `record ${group * 7 + index}`,
          }));
          write({ logs: plainLogs(logs) });
        }
        const range = { fromUs: DAY_START_US, toUs: DAY_RANGE.toUs + US_PER_DAY };
        const found = allPages((cursor) => reader.searchLogs({ range, limit, ...cursor }));
        expect(new Set(found.map((item) => item.body)).size).toBe(63);
        expect(found.length).toBe(63);
        const times = found.map((item) => item.timeUs);
        expect(times).toEqual([...times].sort((a, b) => b - a));
      });
    });

    describe('series', () => {
      it('are one over commits, by time, without empty points', () => {
        const points = randomPoints(200, new Random(1));
        write({ points });
        write({ points: randomPoints(150, new Random(1)) });
        const page = reader.readSeries({ range: DAY_RANGE, name: 'metric.2', limit: 100 });
        expect(page.wasCut).toBe(false);
        for (const { timesUs, values, observationCounts } of page.items) {
          expect(timesUs.length).toBeGreaterThan(0);
          expect([...timesUs]).toEqual([...timesUs].sort((a, b) => a - b));
          expect([...values].some(Number.isNaN)).toBe(false);
          expect([values.length, observationCounts.length]).toEqual([
            timesUs.length,
            timesUs.length,
          ]);
        }
        const listed = reader.listSeries({ range: DAY_RANGE, limit: 100 });
        expect(new Set(listed.items.map((series) => series.name)).size).toBe(5);
        const ids = listed.items.map((series) => series.seriesId);
        expect(new Set(ids).size).toBe(ids.length);
        expect(page.items.every((item) => ids.includes(item.series.seriesId))).toBe(true);
      });

      it('are cut at the limit, and say so', () => {
        write({ points: randomPoints(200, new Random(1)) });
        const page = reader.listSeries({ range: DAY_RANGE, limit: 3 });
        expect([page.items.length, page.wasCut]).toEqual([3, true]);
      });

      it('are found by attribute and service', () => {
        write({ points: randomPoints(200, new Random(1)) });
        const page = reader.readSeries({
          range: DAY_RANGE,
          service: 'svc-1',
          attributes: { index: '4' },
          limit: 10,
        });
        expect(page.items.map((item) => item.series.attributes['index'])).toEqual([4]);
      });
    });

    describe('tallies', () => {
      it('are merged per endpoint and minute', () => {
        const second = NOON_US + US_PER_MINUTE;
        write({ tallies: [tallyOf('bot', NOON_US, [[5, 2]]), tallyOf('llm', NOON_US, [[1, 1]])] });
        write({
          tallies: [
            tallyOf('bot', NOON_US, [
              [3, 1],
              [5, 1],
              [9, 4],
            ]),
            tallyOf('bot', second, [[7, 1]]),
          ],
        });
        const bots = reader.readTallies({ range: DAY_RANGE, service: 'bot' });
        expect(bots.map(({ minuteUs, count, sketch }) => ({ minuteUs, count, sketch }))).toEqual([
          { minuteUs: NOON_US, count: 8, sketch: { buckets: [3, 5, 9], counts: [1, 3, 4] } },
          { minuteUs: second, count: 1, sketch: { buckets: [7], counts: [1] } },
        ]);
        expect(reader.readTallies({ range: DAY_RANGE })).toHaveLength(3);
        expect(reader.readTallies({ range: { fromUs: second, toUs: second + 1 } })).toHaveLength(1);
        const endpointId = endpointIdOf('llm', 'work');
        expect(reader.readTallies({ range: DAY_RANGE, endpointId })).toHaveLength(1);
        const inside = { fromUs: second + 5, toUs: second + 6 };
        expect(reader.listEndpoints(inside).map((endpoint) => endpoint.service)).toEqual(['bot']);
      });

      it('of slices are given when they are asked for, and merged as the others', () => {
        const whole = tallyOf('bot', NOON_US, [[5, 3]]);
        const slices = [
          sliceTally(whole, { slice: { dimension: 'bot', value: '7001' } }),
          sliceTally(whole, { slice: { dimension: 'channel', value: '飞书 "a"' } }),
          sliceTally(whole, { slice: { dimension: 'stage', value: 'llm' }, measure: 'self' }),
          sliceTally(whole, { slice: { dimension: 'stage', value: 'llm' }, measure: 'gap' }),
        ];
        for (let group = 0; group < 20; group++) write({ tallies: [whole, ...slices] });
        const expectAll = () => {
          const all = reader.readTallies({ range: DAY_RANGE, slices: true });
          const sums = [whole, ...slices]
            .map((tally) => ({
              ...tally,
              count: 60,
              sketch: { buckets: [5], counts: [60] },
            }))
            .sort((a, b) => (a.endpoint.endpointId < b.endpoint.endpointId ? -1 : 1));
          expect(all).toEqual(sums);
        };
        expectAll();
        writer.checkpoint();
        expectAll();
        expect(reader.readTallies({ range: DAY_RANGE }).map(({ endpoint }) => endpoint)).toEqual([
          whole.endpoint,
        ]);
        expect(reader.listEndpoints(DAY_RANGE)).toEqual([whole.endpoint]);
        const { endpointId } = slices[0]!.endpoint;
        expect(reader.readTallies({ range: DAY_RANGE, endpointId })).toEqual([]);
        const ofSlice = reader.readTallies({ range: DAY_RANGE, endpointId, slices: true });
        expect(ofSlice.map(({ endpoint }) => endpoint)).toEqual([slices[0]!.endpoint]);
      });

      it('of templates are merged and templates are kept', () => {
        const template = {
          templateId: 'a1b2c3d4e5f60718',
          service: 'bot',
          text: '<*> 失败',
          firstSeenUs: NOON_US,
        };
        const templateTally = {
          templateId: template.templateId,
          service: 'bot',
          minuteUs: NOON_US,
          count: 2,
          severityMax: 9,
        };
        write({ newTemplates: [template], templateTallies: [templateTally] });
        write({
          newTemplates: [template],
          templateTallies: [{ ...templateTally, severityMax: 17 }],
        });
        expect(reader.readTemplateTallies({ range: DAY_RANGE, service: 'bot' })).toEqual([
          { ...templateTally, count: 4, severityMax: 17 },
        ]);
        expect(reader.readTemplateTallies({ range: DAY_RANGE, service: 'x' })).toEqual([]);
        expect(reader.listTemplates({})).toEqual([template]);
        expect(reader.listTemplates({ service: 'x' })).toEqual([]);
        writer.close();
        writer = opener.openWriter(dataDir);
        expect(writer.loadTemplates()).toEqual([template]);
      });

      it('keep the text of a template that has become more general', () => {
        const template = { templateId: 'a1', service: 'bot', text: 'a b', firstSeenUs: NOON_US };
        write({ newTemplates: [template] });
        write({ newTemplates: [{ ...template, text: 'a <*>' }] });
        expect(reader.listTemplates({}).map(({ text }) => text)).toEqual(['a <*>']);
        writer.close();
        writer = opener.openWriter(dataDir);
        expect(writer.loadTemplates().map(({ text }) => text)).toEqual(['a <*>']);
      });
    });

    describe('scanProfiles()', () => {
      const profilesOf = (part: Partial<RawProfiles> = {}): RawProfiles => ({
        receivedUs: NOON_US,
        count: 2,
        services: ['bot'],
        encoding: 'protobuf',
        body: new Uint8Array([10, 4, 18, 2, 18, 0]),
        ...part,
      });
      const requestOf = (seed: number, profiles: RawProfiles) => ({
        hash: hashOf(seed),
        spans: [0, 0] as const,
        logs: [0, 0] as const,
        points: [0, 0] as const,
        profiles,
      });
      const writeProfiles = (...all: readonly RawProfiles[]) => {
        const requests = all.map((profiles) => requestOf(nextHash++, profiles));
        writer.write({ ...emptyGroup(), requests });
      };
      const scan = (range = DAY_RANGE, services?: readonly string[]) => {
        const found: RawProfiles[] = [];
        reader.scanProfiles(services ? { range, services } : { range }, (profiles) => {
          found.push(profiles);
          return undefined;
        });
        return found;
      };

      it('gives requests back as they came', () => {
        const random = new Random(5);
        const large = Uint8Array.from({ length: 200_000 }, () => random.below(7));
        const all = [
          profilesOf({ body: new Uint8Array(0) }),
          profilesOf({ receivedUs: NOON_US + 1, encoding: 'json', body: Buffer.from('{"a":1}') }),
          profilesOf({ receivedUs: NOON_US + 2, body: large, services: ['a', 'b'], count: 7 }),
        ];
        writeProfiles(...all);
        expect(scan()).toEqual(all.map((one) => ({ ...one, body: new Uint8Array(one.body) })));
        expect(reader.countRows(DAY_RANGE).profiles).toBe(11);
        expect(reader.stats().profileCount).toBe(11);
        expect(reader.listServices(DAY_RANGE).items).toEqual(['a', 'b', 'bot']);
      });

      it('keeps the range half-open, filters by service, and stops when told', () => {
        writeProfiles(
          profilesOf({ count: 1 }),
          profilesOf({ count: 2, receivedUs: NOON_US + 5, services: ['plugin'] }),
          profilesOf({ count: 3, receivedUs: NOON_US + US_PER_DAY }),
        );
        const counts = (found: readonly RawProfiles[]) => found.map(({ count }) => count);
        expect(counts(scan({ fromUs: NOON_US, toUs: NOON_US + 5 }))).toEqual([1]);
        expect(counts(scan({ fromUs: NOON_US + 1, toUs: NOON_US + 6 }))).toEqual([2]);
        expect(counts(scan({ fromUs: 0, toUs: NOON_US + 2 * US_PER_DAY }))).toEqual([1, 2, 3]);
        expect(counts(scan(DAY_RANGE, ['plugin', 'x']))).toEqual([2]);
        expect(scan(DAY_RANGE, ['x'])).toEqual([]);
        let visited = 0;
        reader.scanProfiles({ range: DAY_RANGE }, () => {
          visited++;
          return false;
        });
        expect(visited).toBe(1);
      });

      it('does not store a request twice', () => {
        const request = requestOf(nextHash++, profilesOf());
        writer.write({ ...emptyGroup(), requests: [request] });
        writer.write({ ...emptyGroup(), requests: [request, request] });
        expect(scan()).toHaveLength(1);
        expect(writer.findAnswer(request.hash)).toBeDefined();
      });

      it('survives upkeep and goes with its day', () => {
        for (let index = 0; index < 40; index++) {
          writeProfiles(profilesOf({ receivedUs: NOON_US + index, count: 1 }));
        }
        writer.checkpoint();
        expect(scan()).toHaveLength(40);
        const nowUs = DAY_START_US + 400 * US_PER_DAY;
        writeProfiles(profilesOf({ receivedUs: nowUs }));
        writer.retain({ nowUs, days: 0, bytesMax: 1 });
        expect(scan({ fromUs: 0, toUs: nowUs + 1 })).toHaveLength(1);
      });
    });

    it('counts rows and names services from headers', () => {
      write({
        spans: plainSpans([{ trace: 1, span: 1, startUs: NOON_US, service: 'b' }]),
        logs: plainLogs([{ timeUs: NOON_US, body: 'x', service: 'a' }]),
        points: randomPoints(4, new Random(1)),
      });
      expect(reader.countRows(DAY_RANGE)).toEqual({
        spans: 1,
        logs: 1,
        points: 4,
        profiles: 0,
      });
      expect(reader.countRows({ fromUs: 0, toUs: NOON_US })).toEqual({
        spans: 0,
        logs: 0,
        points: 0,
        profiles: 0,
      });
      expect(reader.listServices(DAY_RANGE).items).toContain('a');
      expect(reader.listServices(DAY_RANGE).items).toContain('b');
      const stats = reader.stats();
      expect([stats.spanCount, stats.logCount, stats.pointCount]).toEqual([1, 1, 4]);
      expect(stats.sizeBytes).toBeGreaterThan(0);
    });

    it('refuses a second writer and names who has the directory', () => {
      let thrown: unknown;
      try {
        opener.openWriter(dataDir).close();
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toMatchObject({ code: 'store.unavailable' });
      expect(String(thrown)).toContain(dataDir);
      expect(String(thrown)).toContain(String(process.pid));
      writer.close();
      writer = opener.openWriter(dataDir);
    });
  });
}

function bySpanId(a: Record<string, unknown>, b: Record<string, unknown>): number {
  return String(a['spanId']) < String(b['spanId']) ? -1 : 1;
}

function byJson(a: unknown, b: unknown): number {
  return JSON.stringify(a) < JSON.stringify(b) ? -1 : 1;
}

function spanIdsOf(spans: readonly Span[]): readonly number[] {
  return spans.map((span) => Number.parseInt(span.spanId, 16));
}

function tallyOf(
  service: string,
  minuteUs: number,
  sketch: readonly (readonly [bucket: number, count: number])[],
): Tally {
  const count = sketch.reduce((sum, [, inBucket]) => sum + inBucket, 0);
  return {
    endpoint: {
      endpointId: endpointIdOf(service, 'work'),
      service,
      operation: 'work',
      stage: 'llm',
    },
    minuteUs,
    count,
    errorCount: 0,
    sketch: { buckets: sketch.map(([bucket]) => bucket), counts: sketch.map(([, n]) => n) },
  };
}

function sliceTally(tally: Tally, part: Pick<Endpoint, 'slice' | 'measure'>): Tally {
  const { service, operation } = tally.endpoint;
  const endpointId = endpointIdOf(service, operation, part);
  return { ...tally, endpoint: { ...tally.endpoint, ...part, endpointId } };
}

/** All items, page by page; fails on a page that does not end. */
function allPages<T>(readPage: (cursor: { readonly cursor?: string }) => Page<T>): readonly T[] {
  const items: T[] = [];
  let cursor: { readonly cursor?: string } = {};
  for (let page = 0; page < 200; page++) {
    const { items: next, nextCursor } = readPage(cursor);
    items.push(...next);
    if (nextCursor === undefined) return items;
    cursor = { cursor: nextCursor };
  }
  throw new Error('the pages do not end');
}
