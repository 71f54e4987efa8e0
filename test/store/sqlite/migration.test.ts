/** Files of older format versions: brought up in one transaction, or refused with both versions named. */
import { spawnSync } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { STAGE_CHANNEL } from '../../../src/base/stages.ts';
import { openTelemetryReader, openTelemetryWriter } from '../../../src/store/open.ts';
import {
  type Connection,
  type FileFormat,
  openForWriting,
  tryOpenForReading,
} from '../../../src/store/sqlite/sqlite.ts';
import { hashOf } from '../generate.ts';
import { KILL_SPANS_PER_REQUEST, killGroup } from '../kill-group.ts';
import { makeVersion1 } from '../old-day.ts';

let folder: string;

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'taproot-migration-'));
});

afterEach(() => {
  fs.rmSync(folder, { recursive: true });
});

const FIRST: FileFormat = { title: 'notes', version: 1, schema: 'CREATE TABLE notes (text TEXT)' };
const THIRD: FileFormat = {
  title: 'notes',
  version: 3,
  schema: 'CREATE TABLE notes (text TEXT, author TEXT, length INTEGER)',
  migrations: {
    1: (connection) => connection.exec("ALTER TABLE notes ADD COLUMN author TEXT DEFAULT 'nobody'"),
    2: (connection) => {
      connection.exec('ALTER TABLE notes ADD COLUMN length INTEGER');
      connection.exec('UPDATE notes SET length = length(text)');
    },
  },
};
const NOTES = [{ text: 'kept', author: 'nobody', length: 4 }];

function file(name = 'notes.db'): string {
  return path.join(folder, name);
}

function open(format: FileFormat, name?: string): Connection {
  return openForWriting(file(name), { format, durability: 'process' });
}

function makeFirst(): void {
  const connection = open(FIRST);
  connection.prepare('INSERT INTO notes VALUES (?)').run('kept');
  connection.close();
}

/** Rows and version, or what opening it says. */
function stateOf(format: FileFormat, name?: string): unknown {
  const connection = open(format, name);
  try {
    return connection.prepare('SELECT * FROM notes').all();
  } finally {
    connection.close();
  }
}

describe('a file of an older version', () => {
  it('is brought up step by step when it is opened for writing', () => {
    makeFirst();
    expect(stateOf(THIRD)).toEqual(NOTES);
    expect(stateOf(THIRD)).toEqual(NOTES);
    expect(() => open(FIRST)).toThrow(/format version is 3, and this Taproot knows 1; use/);
  });

  it('is not changed by a reader, which says what to do', () => {
    makeFirst();
    expect(() => tryOpenForReading(file(), THIRD)).toThrow(
      /version is 1, and this Taproot knows 3; start the service once/,
    );
    expect(stateOf(FIRST)).toEqual([{ text: 'kept' }]);
  });

  it('is refused when a step is missing, and stays as it is', () => {
    makeFirst();
    const { 1: _, ...migrations } = THIRD.migrations ?? {};
    expect(() => open({ ...THIRD, migrations })).toThrow(
      expect.objectContaining({
        code: 'store.rejected',
        message: expect.stringMatching(/version is 1, and this Taproot knows 3; use/),
      }),
    );
    expect(stateOf(FIRST)).toEqual([{ text: 'kept' }]);
  });

  it('stays as it is when a step fails', () => {
    makeFirst();
    const fail = () => {
      throw new Error('no room');
    };
    const migrations = { ...THIRD.migrations, 2: fail };
    expect(() => open({ ...THIRD, migrations })).toThrow(/no room/);
    expect(stateOf(FIRST)).toEqual([{ text: 'kept' }]);
  });

  it('is whole in the old version or the new one after a crash at any step', () => {
    makeFirst();
    const copies: string[] = [];
    const copy = () => {
      for (const suffix of ['', '-wal']) {
        const target = file(`copy-${copies.length}.db${suffix}`);
        expect(spawnSync('cp', [`${file()}${suffix}`, target]).status).toBe(0);
      }
      copies.push(`copy-${copies.length}.db`);
    };
    subscribe(STAGE_CHANNEL, copy);
    try {
      open(THIRD).close();
    } finally {
      unsubscribe(STAGE_CHANNEL, copy);
    }
    expect(copies).toHaveLength(2);
    for (const name of copies) {
      expect(() => tryOpenForReading(file(name), THIRD)).toThrow(/version is 1/);
      expect(stateOf(THIRD, name)).toEqual(NOTES);
    }
  });
});

describe('a day of version 1', () => {
  it('keeps its rows and the requests it knows', () => {
    const dataDir = path.join(folder, 'data');
    const first = openTelemetryWriter({ dataDir, durability: 'process' });
    first.write(killGroup(1));
    first.close();
    makeVersion1(dataDir);
    const reader = openTelemetryReader({ dataDir });
    expect(reader.stats().spanCount).toBe(0);
    expect(reader.listFaults()[0]?.message).toMatch(/format version is 1/);
    const writer = openTelemetryWriter({ dataDir, durability: 'process' });
    writer.loadTemplates();
    expect(writer.findAnswer(hashOf(1))).toEqual({ rejectedCount: 0, message: '' });
    writer.write(killGroup(1));
    writer.write(killGroup(2));
    expect(reader.stats().spanCount).toBe(2 * KILL_SPANS_PER_REQUEST);
    expect(reader.listFaults()).toEqual([]);
    reader.close();
    writer.close();
  });

  it('is refused when its blocks are encoded as of old', () => {
    const dataDir = path.join(folder, 'data');
    const first = openTelemetryWriter({ dataDir, durability: 'process' });
    first.write(killGroup(1));
    first.close();
    const [day = ''] = makeVersion1(dataDir);
    const connection = new Database(day);
    connection.exec('UPDATE sections SET codec = 0');
    connection.close();
    const writer = openTelemetryWriter({ dataDir, durability: 'process' });
    expect(() => writer.write(killGroup(2))).toThrow(/sections of before; export them/);
    writer.close();
  });

  it('is made by hand as that version was', () => {
    const dataDir = path.join(folder, 'data');
    const writer = openTelemetryWriter({ dataDir, durability: 'process' });
    writer.write(killGroup(1));
    writer.close();
    const [day = ''] = makeVersion1(dataDir);
    const connection = new Database(day, { readonly: true });
    expect(connection.prepare('SELECT * FROM meta').all()).toEqual([
      { key: 'format_version', value: '1' },
    ]);
    expect(Object.keys(connection.prepare('SELECT * FROM commits').get() as object)).toEqual([
      'commit_id',
      'written_us',
      'requests',
    ]);
    connection.close();
  });
});
