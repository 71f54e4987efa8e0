/** What watches have learned is there as of one minute, whole, whatever happened while it was saved. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Anomaly, Incident } from '../../../src/model/anomaly.ts';
import type { StateStore } from '../../../src/store/api/state.ts';
import { openStateStore } from '../../../src/store/open.ts';

let dataDir: string;
let state: StateStore;

beforeEach(() => {
  dataDir = fs.mkdtempSync(path.join(os.tmpdir(), 'taproot-watches-'));
  state = openStateStore({ dataDir });
});

afterEach(() => {
  state.close();
  fs.rmSync(dataDir, { recursive: true });
});

function reopen(): void {
  state.close();
  state = openStateStore({ dataDir });
}

const ANOMALY: Anomaly = {
  anomalyId: 'a1',
  kind: 'latency',
  status: 'open',
  service: 'bot',
  range: { fromUs: 10, toUs: 20 },
  direction: 'up',
  value: 2,
  expected: { expected: 1, low: 0, high: 1 },
  n: 10,
  score: 3,
  statement: { zh: '慢', en: 'slow' },
};
const INCIDENT: Incident = {
  incidentId: 'i1',
  status: 'open',
  onsetUs: 10,
  lastSeenUs: 20,
  services: ['bot'],
  anomalyIds: ['a1'],
};

function saveChunks(untilUs: number, chunks: readonly number[]): void {
  for (const [chunk, byte] of chunks.entries()) {
    state.watches.saveChunk({ name: 'w', untilUs, chunk, bytes: Uint8Array.of(byte) });
  }
}

function saveRecord(untilUs: number, chunkCount: number): void {
  const record = { name: 'w', version: 7, untilUs, chunkCount, openAnomalies: [ANOMALY] };
  state.watches.saveRecord(record);
}

function chunksNow(): readonly (number | undefined)[] {
  const record = state.watches.findRecord('w');
  if (!record) return [];
  return Array.from(
    { length: record.chunkCount },
    (_, chunk) => state.watches.readChunk(record, chunk)?.[0],
  );
}

describe('a saved watch', () => {
  test('is the same after a restart, and another one is not there', () => {
    saveChunks(60, [1, 2, 3]);
    saveRecord(60, 3);
    reopen();
    const openAnomalies = [ANOMALY];
    const wanted = { name: 'w', version: 7, untilUs: 60, chunkCount: 3, openAnomalies };
    expect(state.watches.findRecord('w')).toEqual(wanted);
    expect(chunksNow()).toEqual([1, 2, 3]);
    expect(state.watches.findRecord('v')).toBeUndefined();
    expect(state.watches.readChunk(wanted, 3)).toBeUndefined();
  });

  test('stays as it is until all of the next one is saved', () => {
    saveChunks(60, [1, 2, 3]);
    saveRecord(60, 3);
    saveChunks(120, [4, 5]);
    reopen();
    expect(chunksNow()).toEqual([1, 2, 3]);
    saveRecord(120, 2);
    expect(chunksNow()).toEqual([4, 5]);
  });

  test('leaves no chunk of those before it', () => {
    for (let minute = 1; minute <= 5; minute++) {
      saveChunks(minute, [1, 2, 3, 4].slice(minute % 3));
      saveRecord(minute, [1, 2, 3, 4].slice(minute % 3).length);
    }
    state.close();
    const connection = new Database(path.join(dataDir, 'state.db'), { readonly: true });
    const until = connection.prepare('SELECT until_us, chunk FROM watch_chunks').raw().all();
    connection.close();
    state = openStateStore({ dataDir });
    expect(until).toEqual([
      [5, 0],
      [5, 1],
    ]);
  });
});

describe('what detection found', () => {
  test('is saved with how far it was', () => {
    expect(state.readJudgedUntil()).toBeUndefined();
    const closed: Anomaly = { ...ANOMALY, anomalyId: 'a2', status: 'closed', end: 'recovered' };
    const ended: Incident = { ...INCIDENT, incidentId: 'i2', status: 'closed' };
    const found = { anomalies: [ANOMALY, closed], incidents: [INCIDENT, ended] };
    state.saveFindings({ judgedUntilUs: 60, ...found });
    reopen();
    expect(state.readJudgedUntil()).toBe(60);
    expect(state.listOpenAnomalies()).toEqual([ANOMALY]);
    expect(state.listCurrentIncidents(21)).toEqual([INCIDENT]);
    expect(state.listCurrentIncidents(20)).toEqual([INCIDENT, ended]);
  });

  test('is open until it is saved as closed', () => {
    const found = { anomalies: [ANOMALY], incidents: [INCIDENT] };
    state.saveFindings({ judgedUntilUs: 60, ...found });
    state.saveFindings({
      judgedUntilUs: 120,
      anomalies: [{ ...ANOMALY, status: 'closed' }],
      incidents: [{ ...INCIDENT, status: 'closed' }],
    });
    expect(state.readJudgedUntil()).toBe(120);
    expect(state.listOpenAnomalies()).toEqual([]);
    expect(state.listCurrentIncidents(21)).toEqual([]);
  });
});

test('a state database of version 2 is brought up: its incidents stay open, its anomalies are over', () => {
  state.saveFindings({ judgedUntilUs: 60, anomalies: [ANOMALY], incidents: [INCIDENT] });
  state.saveIncident({ ...INCIDENT, incidentId: 'i2', status: 'closed' });
  state.close();
  const connection = new Database(path.join(dataDir, 'state.db'));
  connection.exec(`
    DROP TABLE watches;
    DROP TABLE watch_chunks;
    DROP INDEX anomalies_open;
    DROP INDEX incidents_open;
    ALTER TABLE anomalies DROP COLUMN is_open;
    ALTER TABLE incidents DROP COLUMN is_open;
    DELETE FROM meta WHERE key = 'judged_until_us';
    UPDATE meta SET value = '2' WHERE key = 'format_version';`);
  connection.close();
  state = openStateStore({ dataDir });
  expect(state.readJudgedUntil()).toBeUndefined();
  expect(state.listOpenAnomalies()).toEqual([]);
  expect(state.listCurrentIncidents(1e15)).toEqual([INCIDENT]);
  expect(state.findAnomaly('a1')).toEqual(ANOMALY);
  saveChunks(60, [1]);
  saveRecord(60, 1);
  expect(chunksNow()).toEqual([1]);
});
