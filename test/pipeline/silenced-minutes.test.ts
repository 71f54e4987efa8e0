/** What detection does under a silence, and after it: anomalies are marked, nothing is learned. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createCounters } from '../../src/base/counters.ts';
import { silentLog } from '../../src/base/log.ts';
import { US_PER_MINUTE, US_PER_MS, US_PER_SECOND } from '../../src/base/time.ts';
import type { Silence } from '../../src/model/silence.ts';
import { endpointIdOf, type Tally } from '../../src/model/tally.ts';
import { createEndpointWatch } from '../../src/pipeline/endpoint-watch.ts';
import { createSloWatch } from '../../src/pipeline/slo-watch.ts';
import { Detection } from '../../src/pipeline/tick.ts';
import type { AlertingStore } from '../../src/store/api/alerting.ts';
import type { StateStore } from '../../src/store/api/state.ts';
import type { TelemetryReader, TelemetryWriter } from '../../src/store/api/telemetry.ts';
import {
  openAlertingStore,
  openStateStore,
  openTelemetryReader,
  openTelemetryWriter,
} from '../../src/store/open.ts';
import { createMeanWatch } from '../build/mean-watch.ts';
import { emptyGroup, withRequest } from '../store/generate.ts';

const MIDNIGHT_US = Date.UTC(2026, 0, 2) * US_PER_MS;
const ENDPOINT = {
  endpointId: endpointIdOf('bot', 'chat'),
  service: 'bot',
  operation: 'chat',
  stage: 'other',
} as const;

function at(minute: number): number {
  return MIDNIGHT_US + minute * US_PER_MINUTE;
}

function tallyOf(minute: number, count: number): Tally {
  return {
    endpoint: ENDPOINT,
    minuteUs: at(minute),
    count,
    errorCount: 0,
    sketch: { buckets: [300], counts: [count] },
  };
}

function silenceOf(from: number, to: number, service = 'bot'): Silence {
  return {
    silenceId: 's1',
    matchers: { service },
    range: { fromUs: at(from), toUs: at(to) },
    comment: '',
    createdBy: '',
    createdAtUs: 0,
  };
}

describe('detection', () => {
  let dataDir: string;
  let writer: TelemetryWriter;
  let telemetry: TelemetryReader;
  let state: StateStore;
  let alertingStore: AlertingStore;
  let detection: Detection;
  let groupCount = 0;

  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'taproot-silenced-'));
    writer = openTelemetryWriter({ dataDir, durability: 'process' });
    telemetry = openTelemetryReader({ dataDir });
    state = openStateStore({ dataDir });
    alertingStore = openAlertingStore({ dataDir });
    detection = createDetection();
  });

  afterEach(() => {
    telemetry.close();
    state.close();
    alertingStore.close();
    writer.close();
    rmSync(dataDir, { recursive: true });
  });

  function createDetection(): Detection {
    return new Detection({
      telemetry,
      state,
      listSilences: (endAfterUs) => alertingStore.listSilences({ endAfterUs }),
      createWatchers: () => {
        const watch = createMeanWatch();
        const list = [{ name: 'mean', feed: 'endpoints', watch } as const];
        return { list, endpoints: watch, slos: createSloWatch([]) };
      },
      counters: createCounters(),
      log: silentLog,
      startedUs: MIDNIGHT_US,
    });
  }

  /** Stores minutes with so many requests each and judges them. */
  async function run(from: number, counts: readonly number[]): Promise<void> {
    const tallies = counts.map((count, index) => tallyOf(from + index, count));
    writer.write(withRequest({ ...emptyGroup(), tallies }, groupCount++));
    await detection.advance(at(from + counts.length) + 10 * US_PER_SECOND);
  }

  const anomalies = () => state.listAnomalies({ range: { fromUs: 0, toUs: at(999) }, limit: 99 });
  const CALM = Array.from({ length: 20 }, () => 10);

  test('an anomaly under a silence is kept with its mark, also when it ends', async () => {
    alertingStore.saveSilence(silenceOf(20, 60));
    await run(0, [...CALM, 99, 99, 99]);
    expect(anomalies()).toMatchObject([{ status: 'open', silencedBy: 's1' }]);
    await run(23, [10, 10]);
    expect(anomalies()).toMatchObject([{ status: 'closed', silencedBy: 's1' }]);
  });

  test('a silence of something else silences nothing', async () => {
    alertingStore.saveSilence(silenceOf(0, 60, 'pay'));
    await run(0, [...CALM, 99, 99]);
    expect(anomalies()[0]).not.toHaveProperty('silencedBy');
  });

  test('one that was open before a silence is marked while it holds', async () => {
    await run(0, [...CALM, 99, 99]);
    alertingStore.saveSilence(silenceOf(22, 25));
    await run(22, [99]);
    expect(anomalies()).toMatchObject([{ status: 'open', silencedBy: 's1' }]);
    await run(23, [99, 99, 99]);
    expect(anomalies()).toMatchObject([{ status: 'open' }]);
    expect(anomalies()[0]).not.toHaveProperty('silencedBy');
  });

  test('a restart in a silence goes on with it', async () => {
    alertingStore.saveSilence(silenceOf(20, 60));
    await run(0, [...CALM, 99, 99]);
    await detection.stop();
    detection = createDetection();
    await run(22, [99, 99]);
    expect(anomalies()).toMatchObject([{ status: 'open', silencedBy: 's1' }]);
  });
});

test('the endpoint watch judges minutes under a silence and does not learn from them', () => {
  const expectedAfter = (silences: readonly Silence[]): number => {
    const watch = createEndpointWatch();
    for (let minute = 0; minute < 240; minute++) {
      const tallies = [tallyOf(minute, minute < 120 ? 100 : 125)];
      const inForce = minute < 120 ? [] : silences;
      watch.step({ minuteUs: at(minute), tallies, changes: [], silences: inForce });
    }
    return watch.baselines(at(240)).get(ENDPOINT.endpointId)!.requestsPerMinute.expected;
  };
  const learned = expectedAfter([]);
  const silenced = expectedAfter([silenceOf(120, 240)]);
  const other = expectedAfter([silenceOf(120, 240, 'pay')]);
  expect(silenced).toBeGreaterThan(97);
  expect(silenced).toBeLessThan(103);
  expect(learned).toBeGreaterThan(105);
  expect(other).toBe(learned);
});
