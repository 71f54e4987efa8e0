/** Retention by age and by bytes on real files whose times are set by hand. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { US_PER_DAY, US_PER_HOUR } from '../../../src/base/time.ts';
import type {
  RetentionBounds,
  TelemetryReader,
  TelemetryWriter,
} from '../../../src/store/api/telemetry.ts';
import { openTelemetryReader, openTelemetryWriter } from '../../../src/store/open.ts';
import { DAY_START_US, emptyGroup, plainSpans, traceIdOf, withRequest } from '../generate.ts';

const FIRST_DAY = '20260102';
const LAST_DAY = '20260112';
/** Noon of the eleventh day. */
const NOW_US = DAY_START_US + 10 * US_PER_DAY + 12 * US_PER_HOUR;
const ALL = { fromUs: 0, toUs: Number.MAX_SAFE_INTEGER };

let dataDir: string;
let writer: TelemetryWriter;
let reader: TelemetryReader;
let nextHash: number;

beforeEach(() => {
  dataDir = fs.mkdtempSync(path.join(os.tmpdir(), 'taproot-retention-'));
  writer = openTelemetryWriter({ dataDir, durability: 'process' });
  reader = openTelemetryReader({ dataDir });
  nextHash = 1;
});

afterEach(() => {
  reader.close();
  writer.close();
  fs.rmSync(dataDir, { recursive: true });
});

function dayStartUs(index: number): number {
  return DAY_START_US + index * US_PER_DAY;
}

function nameOf(index: number): string {
  return new Date(dayStartUs(index) / 1000).toISOString().slice(0, 10).replaceAll('-', '');
}

/** One trace a day, numbered from 1, and a log template seen on that day. */
function writeDay(index: number, trace = index + 1): void {
  const startUs = dayStartUs(index) + US_PER_HOUR;
  const template = {
    templateId: `template-${index}`,
    service: 'bot',
    text: `text ${index}`,
    firstSeenUs: startUs,
  };
  writer.write(
    withRequest(
      {
        ...emptyGroup(),
        spans: plainSpans([{ trace, span: trace, startUs }]),
        newTemplates: [template],
      },
      nextHash++,
    ),
  );
}

/** Eleven days, each last written when it ended; the writer is a new one, as after a restart. */
function writeElevenDays(): void {
  for (let index = 0; index <= 10; index++) writeDay(index);
  reopen();
  for (let index = 0; index <= 10; index++) setWritten(index, dayStartUs(index + 1));
}

function reopen(): void {
  // A reader's connection would keep the writer from merging its logs.
  reader.close();
  writer.close();
  writer = openTelemetryWriter({ dataDir, durability: 'process' });
  reader = openTelemetryReader({ dataDir });
}

function setWritten(index: number, timeUs: number): void {
  const file = path.join(dataDir, 'telemetry', `${nameOf(index)}.db`);
  fs.utimesSync(file, timeUs / 1e6, timeUs / 1e6);
}

function retain(bounds: Partial<RetentionBounds>) {
  return writer.retain({ nowUs: NOW_US, days: 0, bytesMax: 0, ...bounds });
}

function storedDays(): readonly string[] {
  return reader.stats().partitions.map(({ day }) => day);
}

describe('retain() by age', () => {
  it.each([
    { caption: '0 keeps all', days: 0, removedCount: 0 },
    { caption: 'longer than there is data', days: 11, removedCount: 0 },
    { caption: 'just the age of the oldest day', days: 10, removedCount: 0 },
    { caption: 'a day less', days: 9, removedCount: 1 },
    { caption: 'a week', days: 7, removedCount: 3 },
    { caption: 'a day', days: 1, removedCount: 9 },
  ])('$caption ($days): removes $removedCount days', ({ days, removedCount }) => {
    writeElevenDays();
    const before = reader.stats().sizeBytes;
    const { removedDays, freedBytes } = retain({ days });
    expect(removedDays).toEqual(Array.from({ length: removedCount }, (_, index) => nameOf(index)));
    expect(storedDays()).toHaveLength(11 - removedCount);
    expect(freedBytes > 0).toBe(removedCount > 0);
    if (removedCount > 0) expect(reader.stats().sizeBytes).toBeLessThan(before);
  });

  it('keeps an old day that was written to lately', () => {
    writeElevenDays();
    setWritten(0, NOW_US - 7 * US_PER_DAY);
    setWritten(1, NOW_US - 7 * US_PER_DAY - 1e6);
    expect(retain({ days: 7 }).removedDays).toEqual([nameOf(1), nameOf(2)]);
    expect(storedDays()).toContain(FIRST_DAY);
  });

  it('keeps an old day whose rows are still in its log', () => {
    writeElevenDays();
    writeDay(0, 99);
    const log = path.join(dataDir, 'telemetry', `${FIRST_DAY}.db-wal`);
    fs.utimesSync(log, NOW_US / 1e6, NOW_US / 1e6);
    expect(retain({ days: 7 }).removedDays).toEqual([nameOf(1), nameOf(2)]);
  });

  it('is not put off by restarts', () => {
    writeElevenDays();
    reopen();
    writer.loadTemplates();
    writer.checkpoint();
    reopen();
    expect(retain({ days: 7 }).removedDays).toHaveLength(3);
  });

  it('removes the same days once', () => {
    writeElevenDays();
    expect(retain({ days: 7 }).removedDays).toHaveLength(3);
    expect(retain({ days: 7 })).toEqual({ removedDays: [], freedBytes: 0 });
  });

  it('takes an empty store', () => {
    expect(retain({ days: 1, bytesMax: 1 })).toEqual({ removedDays: [], freedBytes: 0 });
    expect(storedDays()).toEqual([]);
  });
});

describe('retain() by bytes', () => {
  const bytesOnDisk = () =>
    fs
      .readdirSync(path.join(dataDir, 'telemetry'))
      .map((name) => fs.statSync(path.join(dataDir, 'telemetry', name)).size)
      .reduce((sum, size) => sum + size, 0);

  it('removes the oldest days until the rest fits, though they were written lately', () => {
    writeElevenDays();
    for (let index = 0; index <= 10; index++) setWritten(index, NOW_US);
    const totalBytes = bytesOnDisk();
    expect(retain({ bytesMax: totalBytes }).removedDays).toEqual([]);
    const { removedDays, freedBytes } = retain({ bytesMax: totalBytes - 1 });
    expect(removedDays).toEqual([FIRST_DAY]);
    expect(freedBytes).toBeGreaterThan(0);
  });

  it('never removes today, nor what senders date to tomorrow', () => {
    writeElevenDays();
    writeDay(11);
    retain({ bytesMax: 1 });
    expect(storedDays()).toEqual([LAST_DAY, nameOf(11)]);
  });

  it('counts what age has removed already', () => {
    writeElevenDays();
    const { removedDays } = retain({ days: 7, bytesMax: bytesOnDisk() - 1 });
    expect(removedDays).toHaveLength(3);
  });
});

describe('what a removed day leaves', () => {
  it('texts of log templates stay, with their first sight, also across a restart', () => {
    writeElevenDays();
    retain({ days: 7 });
    reopen();
    const expected = Array.from({ length: 11 }, (_, index) => [
      `template-${index}`,
      `text ${index}`,
      dayStartUs(index) + US_PER_HOUR,
    ]);
    const rows = (templates: ReturnType<TelemetryWriter['loadTemplates']>) =>
      templates
        .map(({ templateId, text, firstSeenUs }) => [templateId, text, firstSeenUs] as const)
        .sort((a, b) => a[2] - b[2]);
    expect(rows(writer.loadTemplates())).toEqual(expected);
    expect(rows(reader.listTemplates({}))).toEqual(expected);
  });

  it('texts of log templates stay when every day goes', () => {
    writeDay(0);
    reopen();
    setWritten(0, dayStartUs(1));
    expect(retain({ days: 1 }).removedDays).toEqual([FIRST_DAY]);
    expect(writer.loadTemplates()).toMatchObject([{ templateId: 'template-0', text: 'text 0' }]);
    expect(reader.stats().spanCount).toBe(0);
  });

  it('an open reader sees the day go, and a new one of the same name', () => {
    writeElevenDays();
    expect(reader.readTrace(traceIdOf(1))).toHaveLength(1);
    retain({ days: 7 });
    expect(reader.readTrace(traceIdOf(1))).toEqual([]);
    expect(reader.listServices(ALL).items).toEqual(['bot']);
    writeDay(0, 99);
    expect(reader.readTrace(traceIdOf(1))).toEqual([]);
    expect(reader.readTrace(traceIdOf(99))).toHaveLength(1);
  });

  it('a reader in the middle of a day reads it to its end', () => {
    writeElevenDays();
    const seen: string[] = [];
    reader.scanSpans({ range: ALL, sections: ['attributes'] }, (columns, rows) => {
      if (seen.length === 0) retain({ days: 7 });
      for (const row of rows) {
        const id = columns.traceId.subarray(16 * row, 16 * row + 16);
        seen.push(Buffer.from(id).toString('hex'));
      }
      return true;
    });
    // Day 1 and 2 are gone by the time the scan comes to them.
    expect(seen).toEqual([1, 4, 5, 6, 7, 8, 9, 10, 11].map(traceIdOf));
  });

  it('no file', () => {
    writeElevenDays();
    retain({ days: 7 });
    const names = fs.readdirSync(path.join(dataDir, 'telemetry'));
    expect(names.filter((name) => name < nameOf(3))).toEqual([]);
  });

  it('a damaged day goes, too', () => {
    writeElevenDays();
    reader.close();
    writer.close();
    fs.writeFileSync(path.join(dataDir, 'telemetry', `${FIRST_DAY}.db`), 'x'.repeat(10_000));
    setWritten(0, dayStartUs(1));
    writer = openTelemetryWriter({ dataDir, durability: 'process' });
    reader = openTelemetryReader({ dataDir });
    expect(retain({ days: 7 }).removedDays).toHaveLength(3);
  });
});

describe('a removal that was cut short', () => {
  it.each([
    { caption: 'before the log went', leaves: ['.db.removed', '.db-wal', '.db-shm'] },
    { caption: 'after the log went', leaves: ['.db.removed', '.db-shm'] },
    { caption: 'before the last file went', leaves: ['.db.removed'] },
    { caption: 'and lost its name', leaves: ['.db-wal', '.db-shm'] },
  ])('$caption is invisible, and ends with the next start', ({ leaves }) => {
    writeDay(0);
    const from = path.join(dataDir, 'telemetry', FIRST_DAY);
    // The log of an open day holds its rows: a copy of the files is what a crash leaves.
    const bytes = new Map(
      ['.db', '.db-wal', '.db-shm'].map((suffix) => [suffix, fs.readFileSync(from + suffix)]),
    );
    expect(bytes.get('.db-wal')?.length).toBeGreaterThan(0);
    reader.close();
    writer.close();
    for (const name of fs.readdirSync(path.join(dataDir, 'telemetry'))) {
      fs.rmSync(path.join(dataDir, 'telemetry', name));
    }
    for (const suffix of leaves) {
      fs.writeFileSync(from + suffix, bytes.get(suffix.replace('.removed', '')) ?? '');
    }
    reader = openTelemetryReader({ dataDir });
    expect(reader.readTrace(traceIdOf(1))).toEqual([]);
    writer = openTelemetryWriter({ dataDir, durability: 'process' });
    expect(fs.readdirSync(path.join(dataDir, 'telemetry'))).toEqual([]);
    writeDay(0, 99);
    expect(reader.readTrace(traceIdOf(1))).toEqual([]);
    expect(reader.readTrace(traceIdOf(99))).toHaveLength(1);
    expect(reader.stats().spanCount).toBe(1);
  });
});
