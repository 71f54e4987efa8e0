import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { US_PER_DAY, US_PER_MINUTE } from '../../../src/base/time.ts';
import { SpanColumns } from '../../../src/model/columns.ts';
import { StringDictionary } from '../../../src/model/dictionary.ts';
import type { IngestGroup, TelemetryWriter } from '../../../src/store/api/telemetry.ts';
import { openTelemetryReader } from '../../../src/store/open.ts';
import { dayFormat } from '../../../src/store/sqlite/day-file.ts';
import { decodeSpanBlock, encodeSpanBlock } from '../../../src/store/sqlite/span-block.ts';
import { openSqliteWriter } from '../../../src/store/sqlite/writer.ts';
import {
  DAY_START_US,
  emptyGroup,
  hashOf,
  NOON_US,
  plainLogs,
  plainSpans,
  Random,
  randomLogs,
  randomPoints,
  randomSpans,
  traceIdOf,
  withRequest,
} from '../generate.ts';
import { describeLog, describeSpan } from '../rows.ts';

const DAY_RANGE = { fromUs: DAY_START_US, toUs: DAY_START_US + US_PER_DAY };
let dataDir: string;
let writer: TelemetryWriter | undefined;
/** Of the last scanAll(). */
let faults: readonly string[] = [];

beforeEach(() => {
  dataDir = fs.mkdtempSync(path.join(os.tmpdir(), 'taproot-writer-'));
  writer = undefined;
});

afterEach(() => {
  writer?.close();
  fs.rmSync(dataDir, { recursive: true });
});

function open(options: { readonly pagesMax?: number } = {}): TelemetryWriter {
  writer = openSqliteWriter({ dataDir, durability: 'process', ...options });
  return writer;
}

function dayFile(day = '20260102'): string {
  return path.join(dataDir, 'telemetry', `${day}.db`);
}

/** Runs SQL on a closed store's file. */
function tamper(sql: string, day?: string): void {
  const connection = new Database(dayFile(day));
  connection.exec(sql);
  connection.close();
}

function scanAll(): Record<string, unknown>[] {
  const reader = openTelemetryReader({ dataDir });
  const rows: Record<string, unknown>[] = [];
  reader.scanSpans(
    { range: DAY_RANGE, sections: ['attributes', 'events', 'links'] },
    (columns, matching) => {
      for (const row of matching) rows.push(describeSpan(columns, row));
      return undefined;
    },
  );
  faults = reader.listFaults().map(({ place, message }) => `${place}: ${message}`);
  reader.close();
  return rows;
}

/** What a reader of everything leaves out. */
function scanFaults(): readonly string[] {
  scanAll();
  return faults;
}

describe('a damaged file', () => {
  it.each([
    [0, 'dictionary'],
    [1, 'ids'],
    [2, 'core'],
    [3, 'attributeTexts'],
    [4, 'attributes'],
  ])(
    'with a flipped byte in section %i (%s) is reported; the rest stays readable',
    (kind, name) => {
      open();
      writer?.write(withRequest({ ...emptyGroup(), spans: randomSpans(50, new Random(1)) }, 1));
      const rest = plainSpans([{ trace: 77, span: 1, startUs: NOON_US }]);
      writer?.write(withRequest({ ...emptyGroup(), spans: rest }, 2));
      writer?.close();
      writer = undefined;
      const connection = new Database(dayFile());
      const sectionId = 16 + kind;
      const bytes = connection
        .prepare('SELECT bytes FROM sections WHERE section_id = ?')
        .pluck()
        .get(sectionId) as Buffer;
      bytes[bytes.length >> 1]! ^= 0x10;
      connection
        .prepare('UPDATE sections SET bytes = ? WHERE section_id = ?')
        .run(bytes, sectionId);
      connection.close();
      expect(scanAll()).toHaveLength(1);
      expect(faults).toHaveLength(1);
      expect(faults[0]).toContain(`block 1 of ${dayFile()}`);
      expect(faults[0]).toContain(`section ${name}: the checksum differs`);
      const reader = openTelemetryReader({ dataDir });
      expect(reader.readTrace(traceIdOf(77))).toHaveLength(1);
      expect(reader.listFaults()).toEqual([]);
      if (kind <= 2) {
        // A search needs no attributes to find the other trace; it tells what it could not look at.
        const page = reader.searchTraces({ range: DAY_RANGE, limit: 10 });
        expect(page.items.map((item) => item.traceId)).toEqual([traceIdOf(77)]);
        expect([page.wasCut, page.damagedCount]).toEqual([true, 1]);
        expect(reader.listFaults(DAY_RANGE)).toHaveLength(1);
        expect(reader.listFaults({ fromUs: 0, toUs: DAY_START_US })).toEqual([]);
      }
      reader.close();
    },
  );

  it('with a missing section or an unknown codec is reported', () => {
    open().write(withRequest({ ...emptyGroup(), spans: randomSpans(9, new Random(1)) }, 1));
    writer?.close();
    writer = undefined;
    tamper('UPDATE sections SET codec = 99 WHERE section_id = 18');
    expect(scanFaults()).toEqual([expect.stringMatching(/section core: its codec 99 is unknown/)]);
    tamper('DELETE FROM sections WHERE section_id = 18');
    expect(scanFaults()).toEqual([expect.stringMatching(/section 2 is missing/)]);
  });

  it('that is no database at all is reported', () => {
    fs.mkdirSync(path.dirname(dayFile()), { recursive: true });
    fs.writeFileSync(
      dayFile(),
      'this is not a database, but it is long enough to be one'.repeat(40),
    );
    expect(scanFaults()).toEqual([expect.stringMatching(/not a database/)]);
  });

  it('does not stop readers: the other days are read, and the fault is listed', () => {
    const traceOn = (trace: number, startUs: number) =>
      withRequest({ ...emptyGroup(), spans: plainSpans([{ trace, span: 1, startUs }]) }, trace);
    open().write(traceOn(1, NOON_US));
    writer?.write(traceOn(2, NOON_US + US_PER_DAY));
    writer?.close();
    writer = undefined;
    fs.writeFileSync(dayFile(), Buffer.alloc(fs.statSync(dayFile()).size, 7));
    const reader = openTelemetryReader({ dataDir });
    const range = { fromUs: DAY_START_US, toUs: DAY_START_US + 2 * US_PER_DAY };
    expect(reader.readTrace(traceIdOf(2))).toHaveLength(1);
    expect(reader.countRows(range).spans).toBe(1);
    const page = reader.searchTraces({ range, limit: 10 });
    expect(page.items.map((item) => item.traceId)).toEqual([traceIdOf(2)]);
    expect([page.wasCut, page.damagedCount]).toEqual([true, 1]);
    expect(reader.listServices(range).items).toEqual(['bot']);
    expect(reader.listFaults().map(({ place }) => place)).toEqual([dayFile()]);
    reader.close();
  });

  it('does not stop the writer: the other days serve, and its own senders keep what is for it', () => {
    const groupOf = (trace: number, startUs: number) =>
      withRequest({ ...emptyGroup(), spans: plainSpans([{ trace, span: 1, startUs }]) }, trace);
    open().write(groupOf(1, NOON_US));
    writer?.close();
    fs.writeFileSync(dayFile(), Buffer.alloc(fs.statSync(dayFile()).size));
    open();
    expect(writer?.loadTemplates()).toEqual([]);
    expect(writer?.unreadableDays()).toEqual([
      { day: '20260102', message: expect.stringContaining(dayFile()) },
    ]);
    writer?.write(groupOf(2, NOON_US + US_PER_DAY));
    expect(() => writer?.write(groupOf(3, NOON_US))).toThrow(
      expect.objectContaining({
        code: 'store.unavailable',
        message: expect.stringContaining('doctor --repair'),
      }),
    );
  });

  it('in its tables is listed as long as the reader lives', () => {
    open().write(withRequest({ ...emptyGroup(), spans: randomSpans(9, new Random(1)) }, 1));
    writer?.close();
    writer = undefined;
    tamper("INSERT INTO tallies (minute_us, checksum, bytes) VALUES (1767312000000000, 1, x'00')");
    const reader = openTelemetryReader({ dataDir });
    expect(reader.readTallies({ range: { fromUs: 0, toUs: 2 * NOON_US } })).toEqual([]);
    expect(reader.stats().spanCount).toBe(9);
    expect(reader.listFaults().map(({ message }) => message)).toEqual([
      expect.stringMatching(/tallies 1 .*checksum/),
    ]);
    reader.close();
  });

  it('does not stop checkpoints', () => {
    open();
    for (let group = 0; group < 20; group++) {
      const spans = plainSpans([{ trace: group + 1, span: 1, startUs: NOON_US }]);
      writer?.write(withRequest({ ...emptyGroup(), spans }, group));
    }
    tamper('UPDATE sections SET checksum = 1 WHERE section_id = 18');
    writer?.checkpoint();
    writer?.checkpoint();
    expect(scanFaults()).toEqual([expect.stringMatching(/checksum/)]);
  });
});

describe('a file of a version without a way up', () => {
  it.each([0, 1000])(
    'is left alone by the writer and refused by the reader, with both versions named: %i',
    (version) => {
      const spans = plainSpans([{ trace: 1, span: 1, startUs: NOON_US }]);
      open().write(withRequest({ ...emptyGroup(), spans }, 1));
      writer?.close();
      const known = dayFormat(0).version;
      tamper(`UPDATE meta SET value = '${version}' WHERE key = 'format_version'`);
      const message = new RegExp(
        `format version is ${version}, and this Taproot knows ${known}; use`,
      );
      expect(scanFaults()).toEqual([expect.stringMatching(message)]);
      open().loadTemplates();
      expect(writer?.unreadableDays()).toEqual([
        { day: '20260102', message: expect.stringMatching(message) },
      ]);
      // Its senders keep what they have: a dead letter would be a loss once there are many.
      const more = plainSpans([{ trace: 2, span: 2, startUs: NOON_US }]);
      expect(() => writer?.write(withRequest({ ...emptyGroup(), spans: more }, 2))).toThrow(
        expect.objectContaining({
          code: 'store.unavailable',
          message: expect.stringMatching(message),
        }),
      );
      writer?.close();
      tamper(`UPDATE meta SET value = '${known}' WHERE key = 'format_version'`);
      open();
      expect(scanAll()).toHaveLength(1);
    },
  );
});

describe('a full disk', () => {
  it('is store.unavailable, shows nothing of the group, and the writer goes on when there is room', () => {
    open({ pagesMax: 60 });
    const small = { ...emptyGroup(), spans: plainSpans([{ trace: 1, span: 1, startUs: NOON_US }]) };
    writer?.write(withRequest(small, 1));
    const large = withRequest({ ...emptyGroup(), spans: randomSpans(8000, new Random(1)) }, 2);
    expect(() => writer?.write(large)).toThrow(
      expect.objectContaining({ code: 'store.unavailable' }),
    );
    expect(writer?.findAnswer(hashOf(2))).toBeUndefined();
    expect(scanAll()).toHaveLength(1);
    writer?.write(
      withRequest({ ...small, spans: plainSpans([{ trace: 2, span: 2, startUs: NOON_US }]) }, 3),
    );
    expect(scanAll()).toHaveLength(2);
    writer?.close();
    open().write(large);
    expect(scanAll()).toHaveLength(8002);
  });

  it('on the second day takes the first day back', () => {
    open({ pagesMax: 60 });
    const spans = randomSpans(8000, new Random(1));
    spans.startUs[0] = DAY_START_US - 1;
    const tally = {
      endpoint: { endpointId: 'e', service: 's', operation: 'o', stage: 'llm' } as const,
      minuteUs: DAY_START_US - US_PER_MINUTE,
      count: 1,
      errorCount: 0,
      sketch: { buckets: [1], counts: [1] },
    };
    const group = withRequest({ ...emptyGroup(), spans, tallies: [tally] }, 1);
    expect(() => writer?.write(group)).toThrow(
      expect.objectContaining({ code: 'store.unavailable' }),
    );
    const reader = openTelemetryReader({ dataDir });
    expect(reader.stats().spanCount).toBe(0);
    const before = { fromUs: DAY_START_US - US_PER_DAY, toUs: DAY_START_US };
    expect(reader.readTallies({ range: before })).toEqual([]);
    writer?.close();
    open().write(group);
    expect(reader.stats().spanCount).toBe(8000);
    expect(reader.readTallies({ range: before })).toHaveLength(1);
    reader.close();
  });
});

describe('a span that ends on the day after', () => {
  it('counts there once, however often its request is sent', () => {
    open();
    const spans = randomSpans(1, new Random(1));
    spans.startUs[0] = DAY_START_US - 1;
    const tally = {
      endpoint: { endpointId: 'e', service: 's', operation: 'o', stage: 'llm' } as const,
      minuteUs: DAY_START_US,
      count: 1,
      errorCount: 0,
      sketch: { buckets: [1], counts: [1] },
    };
    const group = withRequest({ ...emptyGroup(), spans, tallies: [tally] }, 1);
    for (let times = 0; times < 3; times++) writer?.write(group);
    writer?.close();
    open().write(group);
    const reader = openTelemetryReader({ dataDir });
    expect(reader.readTallies({ range: DAY_RANGE }).map(({ count }) => count)).toEqual([1]);
    expect(reader.stats().spanCount).toBe(1);
    reader.close();
  });

  it('counts beside a request of the day before that is sent again', () => {
    open();
    const spans = randomSpans(2, new Random(1));
    spans.startUs.set([DAY_START_US - US_PER_MINUTE, DAY_START_US - 1]);
    spans.durationNs.set([1000, 2_000_000]);
    const tallyAt = (minuteUs: number) => ({
      endpoint: { endpointId: 'e', service: 's', operation: 'o', stage: 'llm' } as const,
      minuteUs,
      count: 1,
      errorCount: 0,
      sketch: { buckets: [1], counts: [1] },
    });
    const requestOf = (row: number) => ({
      ...withRequest({ ...emptyGroup(), spans }, row + 1).requests[0]!,
      spans: [row, row + 1] as const,
    });
    const first = { ...emptyGroup(), spans, requests: [requestOf(0)] };
    writer?.write({ ...first, tallies: [tallyAt(DAY_START_US - US_PER_MINUTE)] });
    const both = { ...emptyGroup(), spans, requests: [requestOf(0), requestOf(1)] };
    writer?.write({ ...both, tallies: [tallyAt(DAY_START_US)] });
    const reader = openTelemetryReader({ dataDir });
    expect(reader.readTallies({ range: DAY_RANGE }).map(({ count }) => count)).toEqual([1]);
    expect(reader.stats().spanCount).toBe(2);
    reader.close();
  });
});

describe('a group that can never be stored', () => {
  it.each([
    ['a time that is no number', Number.NaN],
    ['a time before 1970', -1],
    ['a time beyond any day', 1e19],
  ])('is store.rejected: %s', (_, startUs) => {
    const spans = plainSpans([{ trace: 1, span: 1, startUs }]);
    expect(() => open().write(withRequest({ ...emptyGroup(), spans }, 1))).toThrow(
      expect.objectContaining({ code: 'store.rejected' }),
    );
    expect(scanAll()).toEqual([]);
  });

  it('is store.rejected: a row of a resource that is not there', () => {
    const spans = plainSpans([{ trace: 1, span: 1, startUs: NOON_US }]);
    spans.resource[0] = 5;
    expect(() => open().write(withRequest({ ...emptyGroup(), spans }, 1))).toThrow(
      expect.objectContaining({ code: 'store.rejected' }),
    );
    expect(scanAll()).toEqual([]);
  });
});

describe('the lock', () => {
  it('of a killed process is free at once, whatever its pid file says', async () => {
    const script = `
      const Database = require('better-sqlite3');
      const fs = require('node:fs');
      const lock = new Database(process.argv[1] + '/writer.lock');
      lock.exec('BEGIN EXCLUSIVE');
      fs.writeFileSync(process.argv[1] + '/writer.pid', String(process.pid));
      console.log('locked');
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['-e', script, dataDir], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = new Promise((resolve) => child.once('exit', resolve));
    await new Promise((resolve) => child.stdout.once('data', resolve));
    expect(() => open()).toThrow(`process ${child.pid} already does`);
    child.kill('SIGKILL');
    await exited;
    open().write(emptyGroup());
  });
});

describe('checkpoint()', () => {
  it('serves the other days when one is in trouble, and tells of it', () => {
    open();
    for (let group = 0; group < 40; group++) {
      const spans = plainSpans([
        { trace: 2 * group + 1, span: 1, startUs: NOON_US },
        { trace: 2 * group + 2, span: 1, startUs: NOON_US + US_PER_DAY },
      ]);
      writer?.write(withRequest({ ...emptyGroup(), spans }, group));
    }
    tamper('DROP TABLE commits');
    expect(() => writer?.checkpoint()).toThrow(/20260102/);
    const connection = new Database(dayFile('20260103'), { readonly: true });
    expect(connection.prepare('SELECT count(*) FROM blocks').pluck().get()).toBe(1);
    connection.close();
  });

  it('merges small blocks and tallies and changes no answer', () => {
    open();
    const spans = randomSpans(400, new Random(1));
    const all = Array.from({ length: 400 }, (_, row) => describeSpan(spans, row));
    for (let group = 0; group < 40; group++) {
      writer?.write(sliceGroup(group));
    }
    const expected = all.map((row) => JSON.stringify(row)).sort();
    const logsBefore = readLogs();
    const seriesBefore = readSeries();
    const before = blockCount();
    for (let step = 0; step < 5; step++) writer?.checkpoint();
    expect(blockCount()).toBeLessThan(before / 5);
    expect(
      scanAll()
        .map((row) => JSON.stringify(row))
        .sort(),
    ).toEqual(expected);
    expect(readLogs()).toEqual(logsBefore);
    expect(readSeries()).toEqual(seriesBefore);
    const reader = openTelemetryReader({ dataDir });
    for (const row of all) {
      const trace = reader.readTrace(String(row['traceId']));
      expect(trace.some((span) => span.spanId === row['spanId'])).toBe(true);
    }
    reader.close();
  });
});

/** Rows [10 g, 10 g + 10) of the same random spans, and a few logs and points. */
function sliceGroup(index: number): IngestGroup {
  const spans = new SpanColumns(new StringDictionary());
  const block = encodeSpanBlock(
    randomSpans(400, new Random(1)),
    Uint32Array.from({ length: 10 }, (_, row) => 10 * index + row),
  );
  decodeSpanBlock(spans, {
    rowCount: 10,
    source: (kind) => block.sections.find((section) => section.kind === kind)?.bytes,
    sections: ['attributes', 'events', 'links'],
  });
  const logs = randomLogs(5, new Random(index));
  const points = randomPoints(5, new Random(index));
  return withRequest({ ...emptyGroup(), spans, logs, points }, 300_000 + index);
}

function readLogs(): readonly string[] {
  const reader = openTelemetryReader({ dataDir });
  const found: string[] = [];
  reader.scanLogs({ range: DAY_RANGE }, (columns, rows) => {
    for (const row of rows) found.push(JSON.stringify(describeLog(columns, row)));
    return undefined;
  });
  reader.close();
  return found.sort();
}

function readSeries(): string {
  const reader = openTelemetryReader({ dataDir });
  const page = reader.readSeries({ range: DAY_RANGE, limit: 1000 });
  reader.close();
  return JSON.stringify(
    page.items.map((item) => [item.series.seriesId, [...item.timesUs], [...item.values]]),
  );
}

function blockCount(): number {
  const connection = new Database(dayFile(), { readonly: true });
  const count = connection.prepare('SELECT COUNT(*) FROM blocks').pluck().get();
  connection.close();
  return Number(count);
}

describe('reader', () => {
  it('sees what another connection commits, new days included, without being opened again', () => {
    const reader = openTelemetryReader({ dataDir });
    open();
    for (let day = 0; day < 20; day++) {
      const startUs = NOON_US + day * US_PER_DAY;
      const spans = plainSpans([{ trace: day + 1, span: 1, startUs }]);
      const logs = plainLogs([{ timeUs: startUs, body: 'x' }]);
      writer?.write(withRequest({ ...emptyGroup(), spans, logs }, day));
      expect(reader.stats().spanCount).toBe(day + 1);
      expect(reader.readTrace(traceIdOf(day + 1))).toHaveLength(1);
    }
    fs.rmSync(dayFile('20260105'));
    expect(reader.stats().spanCount).toBe(19);
    reader.close();
  });
});
