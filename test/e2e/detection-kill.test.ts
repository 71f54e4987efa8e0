/** Kills detection at random moments: what it finds in the end is what it finds when nobody kills it. */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { US_PER_MINUTE, US_PER_MS } from '../../src/base/time.ts';
import { endpointIdOf, type Tally } from '../../src/model/tally.ts';
import { openStateStore, openTelemetryWriter } from '../../src/store/open.ts';
import { emptyGroup, Random, withRequest } from '../store/generate.ts';

const CHILD = path.resolve('dist/test/pipeline/detect-kill-child.js');
const MIDNIGHT_US = Date.UTC(2026, 0, 2) * US_PER_MS;
const MINUTES = 120;
/** Each start gets at least one minute further, and mostly so many. */
const KILL_MINUTES_MAX = 15;
const KILLS_MIN = 3;

let root: string;

beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), 'taproot-detection-'));
});

afterEach(() => {
  fs.rmSync(root, { recursive: true });
});

/** Trouble of four minutes every quarter of an hour or so, at two services. */
function fill(dataDir: string): void {
  const tallies = ['bot', 'shop'].flatMap((service, place) =>
    Array.from({ length: MINUTES }, (_, minute): Tally => {
      const endpointId = endpointIdOf(service, 'chat');
      const isTrouble = minute > 10 && (minute + 5 * place) % 17 < 4;
      const count = isTrouble ? 99 : 10;
      return {
        endpoint: { endpointId, service, operation: 'chat', stage: 'other' },
        minuteUs: MIDNIGHT_US + minute * US_PER_MINUTE,
        count,
        errorCount: 0,
        sketch: { buckets: [300], counts: [count] },
      };
    }),
  );
  const writer = openTelemetryWriter({ dataDir, durability: 'process' });
  writer.write(withRequest({ ...emptyGroup(), tallies }, 1));
  writer.close();
}

/** Runs to the end, or is killed some minutes after its start; gives how it ended. */
async function run(dataDir: string, killAfterMinutes: number): Promise<string> {
  const child = spawn(process.execPath, [CHILD, dataDir, String(MIDNIGHT_US), String(MINUTES)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let lines = 0;
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (text: string) => {
    lines += text.split('\n').length - 1;
    if (lines >= killAfterMinutes) child.kill('SIGKILL');
  });
  return new Promise((resolve) => child.once('close', (code, name) => resolve(name ?? `${code}`)));
}

function findingsOf(dataDir: string): unknown {
  const state = openStateStore({ dataDir });
  const range = { fromUs: 0, toUs: Number.MAX_SAFE_INTEGER };
  const record = state.watches.findRecord('mean');
  const findings = {
    incidents: state.listIncidents({ range, limit: 1000 }),
    anomalies: state.listAnomalies({ range, limit: 1000 }),
    learned: record && Buffer.from(state.watches.readChunk(record, 0) ?? []).toString('hex'),
  };
  state.close();
  return findings;
}

test('detection that is killed again and again finds the same', { timeout: 110_000 }, async () => {
  const [calm, killed] = ['calm', 'killed'].map((name) => path.join(root, name)) as [
    string,
    string,
  ];
  fill(calm);
  fill(killed);
  expect(await run(calm, Number.POSITIVE_INFINITY)).toBe('0');
  const seed = Number(process.pid);
  const random = new Random(seed);
  let kills = 0;
  while ((await run(killed, 1 + random.below(KILL_MINUTES_MAX))) === 'SIGKILL') kills++;
  expect(kills, `seed ${seed}`).toBeGreaterThanOrEqual(KILLS_MIN);
  expect(findingsOf(killed), `seed ${seed}`).toEqual(findingsOf(calm));
  expect(findingsOf(calm)).toMatchObject({
    anomalies: expect.arrayContaining([expect.anything()]),
  });
});
