/** The kill loop's check finds what it looks for: rows that are lost, halved, doubled, or counted twice. */
import fs from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { endpointIdOf } from '../../src/model/tally.ts';
import { openTelemetryWriter } from '../../src/store/open.ts';
import { emptyGroup, plainSpans, withRequest } from '../store/generate.ts';
import { type TemporaryFolder, temporaryFolder } from './child.ts';
import { checkStore, type Removals } from './kill-check.ts';
import { ROWS_PER_REQUEST, type SentRequest, type Traffic } from './kill-traffic.ts';

const US_PER_MINUTE = 60_000_000;
const NOW_US = Math.floor((Date.now() * 1000) / US_PER_MINUTE) * US_PER_MINUTE;

let folder: TemporaryFolder;

beforeEach(() => {
  folder = temporaryFolder('kill-check');
});

afterEach(() => {
  expect(fs.existsSync(folder.path)).toBe(true);
  folder.remove();
});

/** Requests of so many stored rows each, tallied as so many; those numbered in `acknowledged` were acknowledged. */
function check(stored: {
  readonly rows: readonly number[];
  readonly tallied: number;
  readonly acknowledged: readonly number[];
  readonly oldBatch?: number;
  readonly removals?: Removals;
}) {
  const writer = openTelemetryWriter({ dataDir: folder.path, durability: 'process' });
  for (const [at, count] of stored.rows.entries()) {
    const spans = Array.from({ length: count }, (_, row) => ({
      trace: at + 1,
      span: row + 1,
      startUs: NOW_US + row,
    }));
    writer.write(withRequest({ ...emptyGroup(), spans: plainSpans(spans) }, at + 1));
  }
  const tally = {
    endpoint: {
      endpointId: endpointIdOf('bot', 'work'),
      service: 'bot',
      operation: 'work',
      stage: 'other',
    },
    minuteUs: NOW_US,
    count: stored.tallied,
    errorCount: 0,
    sketch: { buckets: [1], counts: [stored.tallied] },
  } as const;
  writer.write({ ...emptyGroup(), tallies: stored.tallied > 0 ? [tally] : [] });
  writer.close();
  const { oldBatch, removals = { possible: new Set(), done: new Set() } } = stored;
  return checkStore(folder.path, trafficOf(stored.rows.length, { ...stored, oldBatch }), removals);
}

function trafficOf(
  count: number,
  { acknowledged, oldBatch }: { acknowledged: readonly number[]; oldBatch: number | undefined },
): Traffic {
  const requests = Array.from({ length: count }, (_, at): SentRequest => {
    const kind = { signal: 'traces', transport: 'http', rejectedCount: 0, isSplit: false } as const;
    return { ...kind, number: at + 1, body: Buffer.alloc(0), oldBatch };
  });
  return {
    sent: new Map(requests.map((request) => [request.number, request])),
    acknowledged: new Set(acknowledged),
    faults: [],
    oldBatch: 0,
    run: () => Promise.reject(new Error('nothing is sent here')),
    forgetAnswers: () => undefined,
  };
}

const ALL = ROWS_PER_REQUEST;

test('all that was acknowledged is there once, and more may be', () => {
  const balance = check({ rows: [ALL, ALL, 0], tallied: 2 * ALL, acknowledged: [1] });
  expect(balance).toEqual({ acknowledgedRows: ALL, lostRows: 0, doubledRows: 0, faults: [] });
});

test.each([
  { caption: 'gone', rows: [ALL, 0], tallied: ALL, lost: ALL, doubled: 0 },
  { caption: 'halved', rows: [ALL, ALL / 2], tallied: ALL * 1.5, lost: ALL / 2, doubled: 0 },
  { caption: 'doubled', rows: [ALL, 2 * ALL], tallied: 3 * ALL, lost: 0, doubled: ALL },
  { caption: 'counted twice', rows: [ALL, ALL], tallied: 3 * ALL, lost: 0, doubled: ALL },
  { caption: 'not counted', rows: [ALL, ALL], tallied: ALL, lost: ALL, doubled: 0 },
])('a request that is $caption is found', ({ rows, tallied, lost, doubled }) => {
  const balance = check({ rows, tallied, acknowledged: [1, 2] });
  expect([balance.lostRows, balance.doubledRows]).toEqual([lost, doubled]);
});

test('a request that nobody was told of is whole or not there', () => {
  const balance = check({ rows: [ALL - 1], tallied: ALL - 1, acknowledged: [] });
  expect(balance.faults).toEqual([`request 1 (traces) has ${ALL - 1} rows`]);
});

test('a day that retention may have removed is gone as a whole', () => {
  const removals = () => ({ possible: new Set([5]), done: new Set<number>() });
  const gone = { rows: [0, 0], tallied: 0, acknowledged: [1, 2], oldBatch: 5 };
  expect(check({ ...gone, removals: removals() })).toMatchObject({ lostRows: 0, faults: [] });
  const half = { ...gone, rows: [0, ALL], tallied: ALL };
  expect(check({ ...half, removals: removals() })).toMatchObject({ lostRows: ALL });
});
