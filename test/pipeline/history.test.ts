/** The history of a tick: whole within the bound, its newest part beyond it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readTallyHistory } from '../../src/pipeline/history.ts';
import type { TelemetryReader, TelemetryWriter } from '../../src/store/api/telemetry.ts';
import { openTelemetryReader, openTelemetryWriter } from '../../src/store/open.ts';
import { sendTraffic } from './traffic.ts';

const T0 = 1_790_000_040_000_000;
const MINUTE_US = 60_000_000;
const MINUTES = 45;
const range = { fromUs: T0, toUs: T0 + MINUTES * MINUTE_US };

let dataDir: string;
let writer: TelemetryWriter;
let reader: TelemetryReader;

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'taproot-history-'));
  writer = openTelemetryWriter({ dataDir, durability: 'process' });
  reader = openTelemetryReader({ dataDir });
  await sendTraffic(writer, { fromUs: T0, minutes: MINUTES, requestsPerMinute: 2, seed: 1 });
});

afterEach(() => {
  reader.close();
  writer.close();
  rmSync(dataDir, { recursive: true });
});

test('readTallyHistory() within the bound equals one read of all', () => {
  const history = readTallyHistory(reader, { range, talliesMax: 1_000_000 });
  expect(history.isCut).toBe(false);
  expect(history.tallies).toEqual(reader.readTallies({ range }));
  expect(history.templateTallies).toEqual(reader.readTemplateTallies({ range }));
});

test('readTallyHistory() beyond the bound holds whole minutes, the newest', () => {
  const history = readTallyHistory(reader, { range, talliesMax: 1 });
  const fromUs = range.toUs - 10 * MINUTE_US;
  expect(history.isCut).toBe(true);
  expect(history.tallies).toEqual(reader.readTallies({ range: { fromUs, toUs: range.toUs } }));
  expect(history.tallies.length).toBeGreaterThan(0);
});
