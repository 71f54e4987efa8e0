/** Silences and sent alerts survive a restart; a state database from before they existed gets their tables. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LIMITS } from '../../../src/base/limits.ts';
import type { Silence } from '../../../src/model/silence.ts';
import type { AlertingStore } from '../../../src/store/api/alerting.ts';
import { openAlertingStore, openStateStore } from '../../../src/store/open.ts';

let dataDir: string;
let store: AlertingStore;

beforeEach(() => {
  dataDir = fs.mkdtempSync(path.join(os.tmpdir(), 'taproot-alerting-'));
  store = openAlertingStore({ dataDir });
});

afterEach(() => {
  store.close();
  fs.rmSync(dataDir, { recursive: true });
});

function reopen(): void {
  store.close();
  store = openAlertingStore({ dataDir });
}

function silenceOf(silenceId: string, toUs: number): Silence {
  return {
    silenceId,
    matchers: { service: '商城', endpoint: 'POST /pay*' },
    range: { fromUs: 10, toUs },
    comment: '升级',
    createdBy: 'li',
    createdAtUs: 5,
  };
}

describe('silences', () => {
  test('are the same after a restart', () => {
    store.saveSilence(silenceOf('s1', 100));
    reopen();
    expect(store.findSilence('s1')).toEqual(silenceOf('s1', 100));
    expect(store.findSilence('s2')).toBeUndefined();
  });

  test('listSilences() gives those that end after the time, the latest first', () => {
    for (const toUs of [100, 300, 200]) store.saveSilence(silenceOf(`s${toUs}`, toUs));
    const listed = (endAfterUs: number) =>
      store.listSilences({ endAfterUs }).map(({ silenceId }) => silenceId);
    expect(listed(0)).toEqual(['s300', 's200', 's100']);
    expect(listed(100)).toEqual(['s300', 's200']);
    expect(listed(300)).toEqual([]);
  });

  test('saveSilence() replaces the one with its id; deleteSilence() removes it', () => {
    store.saveSilence(silenceOf('s1', 100));
    store.saveSilence(silenceOf('s1', 50));
    expect(store.listSilences({ endAfterUs: 0 })).toEqual([silenceOf('s1', 50)]);
    store.deleteSilence('s1');
    expect(store.listSilences({ endAfterUs: 0 })).toEqual([]);
  });

  test('beyond the bound those that ended first go', () => {
    for (let index = 0; index <= LIMITS.silencesMax; index++) {
      store.saveSilence(silenceOf(`s${index}`, 100 + index));
    }
    expect(store.listSilences({ endAfterUs: 0 })).toHaveLength(LIMITS.silencesMax);
    expect(store.findSilence('s0')).toBeUndefined();
    expect(store.findSilence('s1')).toBeDefined();
  });
});

test('sent alerts are the same after a restart, until they are deleted', () => {
  const alert = {
    key: 'i1',
    incidentId: 'i1',
    labels: { service: 'bot' },
    annotations: { summary: '慢' },
    url: 'http://127.0.0.1:4400/reports',
    startsAtUs: 7,
  };
  store.saveSentAlert(alert);
  store.saveSentAlert({ ...alert, key: 'i2' });
  reopen();
  store.deleteSentAlert('i2');
  expect(store.listSentAlerts()).toEqual([alert]);
});

test('the store stands beside the open state store in the same file', () => {
  const state = openStateStore({ dataDir });
  const change = {
    changeId: 'c1',
    timeUs: 1,
    kind: 'deploy',
    description: '',
    attributes: {},
  } as const;
  store.saveSilence(silenceOf('s1', 100));
  state.saveChange(change);
  store.saveSilence(silenceOf('s2', 100));
  expect(state.listChanges({ range: { fromUs: 0, toUs: 9 }, limit: 9 })).toEqual([change]);
  expect(store.listSilences({ endAfterUs: 0 })).toHaveLength(2);
  state.close();
});

test('a state database of version 1 gets the tables and keeps what it holds', () => {
  store.close();
  const file = path.join(dataDir, 'state.db');
  fs.rmSync(file);
  const old = new Database(file);
  old.exec(VERSION_1);
  old.close();
  store = openAlertingStore({ dataDir });
  store.saveSilence(silenceOf('s1', 100));
  expect(store.listSilences({ endAfterUs: 0 })).toHaveLength(1);
  const state = openStateStore({ dataDir });
  expect(state.findIncident('i1')).toMatchObject({ incidentId: 'i1', status: 'closed' });
  state.close();
});

/** What of version 1 the test looks at, with one incident. */
const VERSION_1 = `
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO meta VALUES ('format_version', '1');
CREATE TABLE anomalies (
  anomaly_id TEXT PRIMARY KEY,
  from_us INTEGER NOT NULL,
  to_us INTEGER NOT NULL,
  service TEXT NOT NULL,
  document TEXT NOT NULL
);
CREATE TABLE incidents (
  incident_id TEXT PRIMARY KEY,
  onset_us INTEGER NOT NULL,
  last_seen_us INTEGER NOT NULL,
  document TEXT NOT NULL
);
INSERT INTO incidents VALUES ('i1', 1, 2, '{"incidentId":"i1","status":"closed"}');
`;
