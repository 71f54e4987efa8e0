/** A backtest finds what the live detection finds, and leaves no trace. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { silentLog } from '../../src/base/log.ts';
import { US_PER_MINUTE, US_PER_MS } from '../../src/base/time.ts';
import { endpointIdOf, type Tally } from '../../src/model/tally.ts';
import { backtest } from '../../src/pipeline/backtest.ts';
import { createSloWatch } from '../../src/pipeline/slo-watch.ts';
import { openTelemetryWriter } from '../../src/store/open.ts';
import { createMeanWatch } from '../build/mean-watch.ts';
import { emptyGroup, withRequest } from '../store/generate.ts';

const MIDNIGHT_US = Date.UTC(2026, 0, 2) * US_PER_MS;

let dataDir: string;

beforeAll(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'taproot-history-'));
  const endpointId = endpointIdOf('bot', 'chat');
  const endpoint = { endpointId, service: 'bot', operation: 'chat', stage: 'other' } as const;
  const isTrouble = (minute: number) => [30, 31, 32, 60, 61, 62].includes(minute);
  const tallies = Array.from({ length: 90 }, (_, minute): Tally => {
    const count = isTrouble(minute) ? 99 : 10;
    const sketch = { buckets: [300], counts: [count] };
    return { endpoint, minuteUs: at(minute), count, errorCount: 0, sketch };
  });
  const writer = openTelemetryWriter({ dataDir, durability: 'process' });
  writer.write(withRequest({ ...emptyGroup(), tallies }, 1));
  writer.close();
});

afterAll(() => rmSync(dataDir, { recursive: true }));

function at(minute: number): number {
  return MIDNIGHT_US + minute * US_PER_MINUTE;
}

async function incidentsOf(from: number, to: number) {
  const incidents = await backtest({
    dataDir,
    range: { fromUs: at(from), toUs: at(to) },
    createWatchers: () => {
      const endpoints = createMeanWatch();
      const list = [{ name: 'mean', feed: 'endpoints', watch: endpoints } as const];
      return { endpoints, list, slos: createSloWatch([]) };
    },
    log: silentLog,
  });
  return incidents.map(({ incident, detectedUs, anomalies }) => ({
    onset: (incident.onsetUs - MIDNIGHT_US) / US_PER_MINUTE,
    detected: (detectedUs - MIDNIGHT_US) / US_PER_MINUTE,
    status: incident.status,
    anomalies: anomalies.map(({ kind }) => kind),
  }));
}

const FIRST = { onset: 30, detected: 32, status: 'closed', anomalies: ['traffic'] };
const SECOND = { ...FIRST, onset: 60, detected: 62 };

test.each([
  { what: 'all', from: 0, to: 90, incidents: [FIRST, SECOND] },
  { what: 'the second half', from: 45, to: 90, incidents: [SECOND] },
  {
    what: 'a period that ends in trouble',
    from: 0,
    to: 62,
    incidents: [FIRST, { ...SECOND, status: 'open' }],
  },
  { what: 'a period that begins in trouble', from: 62, to: 90, incidents: [SECOND] },
  { what: 'a calm period', from: 40, to: 55, incidents: [] },
  { what: 'a period without data', from: 200, to: 300, incidents: [] },
])('backtest() of $what', async ({ from, to, incidents }) => {
  expect(await incidentsOf(from, to)).toEqual(incidents);
});

test('backtest() of more than what is learned from covers all of it', async () => {
  // Two weeks are learned from; the period is longer.
  expect(await incidentsOf(0, 20 * 24 * 60)).toEqual([FIRST, SECOND]);
});

test('backtest() writes nothing into the data folder', async () => {
  const filesNow = () =>
    readdirSync(dataDir, { recursive: true, withFileTypes: true })
      .filter(
        (entry) => entry.isFile() && !entry.name.endsWith('-shm') && !entry.name.endsWith('-wal'),
      )
      .map(({ parentPath, name }) => {
        const hash = createHash('sha256').update(readFileSync(join(parentPath, name)));
        return `${name} ${hash.digest('hex')}`;
      })
      .sort();
  const before = filesNow();
  await incidentsOf(0, 90);
  expect(filesNow()).toEqual(before);
});
