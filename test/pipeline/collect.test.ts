import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/base/limits.ts';
import { US_PER_MINUTE } from '../../src/base/time.ts';
import type { Collected } from '../../src/model/investigation.ts';
import type { Scope } from '../../src/model/report.ts';
import type { SpanTable } from '../../src/model/window.ts';
import { collect } from '../../src/pipeline/collect.ts';
import type { StateStore } from '../../src/store/api/state.ts';
import type { TelemetryReader, TelemetryWriter } from '../../src/store/api/telemetry.ts';
import { openStateStore, openTelemetryReader, openTelemetryWriter } from '../../src/store/open.ts';
import { profilesRequest } from '../build/profiles.ts';
import { emptyGroup, hashOf } from '../store/generate.ts';
import { sendTraffic, type TrafficOptions } from './traffic.ts';

const START_US = 1_789_999_980_000_000;
const minute = (count: number) => START_US + count * US_PER_MINUTE;

let dataDir: string;
let writer: TelemetryWriter;
let telemetry: TelemetryReader;
let state: StateStore;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'taproot-collect-'));
  writer = openTelemetryWriter({ dataDir, durability: 'process' });
  telemetry = openTelemetryReader({ dataDir });
  state = openStateStore({ dataDir });
});

afterEach(() => {
  telemetry.close();
  state.close();
  writer.close();
  rmSync(dataDir, { recursive: true });
});

function send(from: number, minutes: number, more: Partial<TrafficOptions> = {}): Promise<void> {
  return sendTraffic(writer, {
    fromUs: minute(from),
    minutes,
    requestsPerMinute: 40,
    seed: from + 1,
    ...more,
  });
}

/** A profile each minute, sent ten seconds after it was recorded. */
function sendProfiles(service: string, minutes: readonly number[]): void {
  const none = [0, 0] as const;
  const requests = minutes.map((at) => {
    const request = profilesRequest([{ service, fromUs: minute(at), self: { work: 5 } }]);
    const body = new TextEncoder().encode(JSON.stringify(request));
    const receivedUs = minute(at) + 10_000_000;
    const profiles = { receivedUs, count: 1, services: [service], encoding: 'json', body } as const;
    return { hash: hashOf(90_000 + at), spans: none, logs: none, points: none, profiles };
  });
  writer.write({ ...emptyGroup(), requests });
}

function collected(window: readonly [number, number], scope: Scope = {}): Collected {
  return collect(
    {
      trigger: { kind: 'alertmanager', alerts: [] },
      window: { fromUs: minute(window[0]), toUs: minute(window[1]) },
      scope,
    },
    { telemetry, state, learned: new Map(), topology: [] },
  );
}

function servicesOf(table: SpanTable): string[] {
  const ids = new Set(table.service.subarray(0, table.count));
  return [...ids].map((id) => table.strings.text(id)).sort();
}

describe('collect()', () => {
  it('reads the profiles of services with spans, of window and reference', async () => {
    await send(0, 20);
    const [service] = servicesOf(collected([10, 20]).window.spans);
    sendProfiles(service!, [3, 9, 10, 19, 20]);
    sendProfiles('stranger', [4, 11]);
    const { window, reference } = collected([10, 20]);
    const minutesOf = (data: typeof reference) =>
      data?.profiles?.map(({ fromUs }) => (fromUs - START_US) / US_PER_MINUTE);
    expect(minutesOf(window)).toEqual([10, 19]);
    expect(minutesOf(reference)).toEqual([3, 9]);
  });

  it('has a reference where there are profiles only', () => {
    sendProfiles('bot', [3, 9, 10]);
    const { window, reference } = collected([10, 20]);
    expect(window.profiles).toHaveLength(1);
    expect(reference?.profiles).toHaveLength(2);
    expect(reference?.range.fromUs).toBe(minute(3));
  });

  it('divides the window at the onset inside it: what was healthy becomes the reference', async () => {
    await send(0, 10);
    await send(10, 3, { slowDatabaseUs: 2_000_000 });
    const { window, reference, referenceKind } = collected([5, 13]);
    expect(Math.abs(window.range.fromUs - minute(10))).toBeLessThan(15_000_000);
    expect(reference?.range.toUs).toBe(window.range.fromUs);
    expect(referenceKind).toBe('hour-before');
  });

  it('a reference that nobody named begins where its data begin', async () => {
    await send(0, 8);
    const { reference, anomalies } = collected([5, 8]);
    expect(reference!.range.fromUs).toBeGreaterThanOrEqual(minute(0));
    expect(reference!.range.fromUs).toBeLessThan(minute(1));
    expect(anomalies.filter(({ kind }) => kind === 'traffic')).toEqual([]);
  });

  it('says that there is no reference when nothing came before', async () => {
    await send(0, 3);
    const { reference, referenceKind } = collected([0, 3]);
    expect(reference).toBeUndefined();
    expect(referenceKind).toBe('none');
  });

  it('leaves earlier incidents out of the reference', async () => {
    await send(0, 10);
    await send(10, 5, { slowDatabaseUs: 2_000_000 });
    await send(15, 10);
    await send(25, 3, { slowDatabaseUs: 2_000_000 });
    const slowIn = (table: SpanTable) =>
      table.durationUs.subarray(0, table.count).filter((us) => us > 1_500_000).length;
    const before = collected([25, 28]).reference!;
    expect(slowIn(before.spans)).toBeGreaterThan(100);
    state.saveIncident({
      incidentId: 'i1',
      status: 'closed',
      onsetUs: minute(10),
      lastSeenUs: minute(14),
      services: ['coze-bot-7'],
      anomalyIds: [],
    });
    const after = collected([25, 28]).reference!;
    expect(slowIn(after.spans)).toBe(0);
    expect(after.spans.count).toBeGreaterThan(1000);
  });

  it('a named service keeps the traces that pass through it, and leaves other trouble out', async () => {
    await send(0, 10);
    await send(0, 10, { service: 'other-bot', seed: 99 });
    await send(10, 3);
    await send(10, 3, { service: 'other-bot', seed: 98, slowDatabaseUs: 3_000_000 });
    const all = collected([10, 13]);
    expect(servicesOf(all.window.spans)).toEqual(['coze-bot-7', 'other-bot']);
    expect(all.anomalies.length).toBeGreaterThan(0);
    const scoped = collected([10, 13], { service: 'coze-bot-7' });
    expect(servicesOf(scoped.window.spans)).toEqual(['coze-bot-7']);
    expect(servicesOf(scoped.reference!.spans)).toEqual(['coze-bot-7']);
    expect(scoped.anomalies).toEqual([]);
  });

  it('a named service that nobody knows narrows nothing', async () => {
    await send(0, 6);
    expect(collected([3, 6], { service: 'nobody' }).window.spans.count).toBeGreaterThan(0);
  });

  it('reads a window with too many spans in slices, and divides it between them, too', async () => {
    const requestsPerMinute = 4500;
    const spansPerMinute = 3 * requestsPerMinute;
    await send(0, 8, { requestsPerMinute });
    await send(8, 2, { requestsPerMinute, slowDatabaseUs: 2_000_000 });

    const whole = collected([0, 8]).window;
    expect(whole.isSampled).toBe(true);
    expect(whole.spans.count).toBeLessThan(1.05 * LIMITS.analysisSpansMax);
    expect(whole.spans.count).toBe(3 * whole.spans.traceIds.length);
    expect(whole.spans.count / whole.keptShare! / (8 * spansPerMinute)).toBeCloseTo(1, 1);

    const { window, reference, anomalies } = collected([2, 10]);
    expect(Math.abs(window.range.fromUs - minute(8))).toBeLessThan(10_000_000);
    expect(window.keptShare).toBe(1);
    expect(reference!.range.toUs).toBe(window.range.fromUs);
    expect(reference!.isSampled).toBe(true);
    expect(reference!.spans.count).toBeLessThan(1.05 * LIMITS.referenceRowsMax);
    // minutes were counted whole on arrival
    expect(anomalies.filter(({ kind }) => kind === 'traffic')).toEqual([]);
    expect(anomalies.length).toBeGreaterThan(0);
  }, 60_000);
});
