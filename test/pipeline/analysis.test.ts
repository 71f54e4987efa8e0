import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ProxyTracerProvider } from '@opentelemetry/api';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createCounters } from '../../src/base/counters.ts';
import { LIMITS } from '../../src/base/limits.ts';
import { silentLog } from '../../src/base/log.ts';
import { US_PER_HOUR, US_PER_MINUTE } from '../../src/base/time.ts';
import { configSchema } from '../../src/config/config.ts';
import type { InvestigationEvent } from '../../src/model/events.ts';
import type { InvestigationRequest } from '../../src/model/investigation.ts';
import type { Silence } from '../../src/model/silence.ts';
import { type Analysis, createAnalysis } from '../../src/pipeline/analysis.ts';
import { GRACE_US } from '../../src/pipeline/tick.ts';
import { createWatchers } from '../../src/pipeline/watchers.ts';
import { createProbeRunner } from '../../src/plugin/probes/probes.ts';
import { loadRulebook } from '../../src/rulebook/rulebook.ts';
import type { StateStore } from '../../src/store/api/state.ts';
import type { TelemetryReader, TelemetryWriter } from '../../src/store/api/telemetry.ts';
import { openStateStore, openTelemetryReader, openTelemetryWriter } from '../../src/store/open.ts';
import { sendTraffic } from './traffic.ts';

/** A whole minute. */
const START_US = 1_789_999_980_000_000;
const HEALTHY_MINUTES = 65;
const FAULT_US = START_US + HEALTHY_MINUTES * US_PER_MINUTE;

let dataDir: string;
let writer: TelemetryWriter;
let telemetry: TelemetryReader;
let state: StateStore;
let nowUs: number;
let silences: readonly Silence[] = [];

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'taproot-analysis-'));
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

/** Late enough for the last minute before to be complete. */
function analysisAt(timeUs: number, settleMs = 0): Analysis {
  nowUs = timeUs + GRACE_US;
  let runs = 0;
  const clock = { nowUs: () => nowUs };
  const { probes } = configSchema.parse({});
  const rulebook = loadRulebook('rules');
  return createAnalysis({
    telemetry,
    state,
    investigation: () => ({
      rulebook,
      probes,
      runner: createProbeRunner({ config: probes, clock }),
      clock,
      tracer: new ProxyTracerProvider().getTracer('test'),
      version: '0.0.0',
    }),
    counters: createCounters(),
    log: silentLog,
    newSuffix: () => `n${++runs}`,
    settleMs,
    windowMinutes: 5,
    createWatchers: () => createWatchers({ slos: [], detectionMethod: 'adaptive' }),
    listSilences: () => silences,
  });
}

async function sendHealthy(): Promise<void> {
  await sendTraffic(writer, {
    fromUs: START_US,
    minutes: HEALTHY_MINUTES,
    requestsPerMinute: 60,
    seed: 1,
  });
}

async function sendFault(minutes: number): Promise<void> {
  await sendTraffic(writer, {
    fromUs: FAULT_US,
    minutes,
    requestsPerMinute: 60,
    seed: 2,
    slowDatabaseUs: 2_000_000,
  });
}

const manual = (toUs: number): InvestigationRequest => ({
  trigger: { kind: 'manual', alerts: [] },
  window: { fromUs: toUs - 5 * US_PER_MINUTE, toUs },
  scope: {},
});

describe('detection tick', () => {
  it('opens no incident on healthy minutes and learns bands of each endpoint', async () => {
    await sendHealthy();
    const analysis = analysisAt(FAULT_US);
    await analysis.tick();
    expect(state.listIncidents({ range: { fromUs: 0, toUs: nowUs + 1 }, limit: 10 })).toEqual([]);
    const bands = [...analysis.baselines().values()];
    const whole = bands.filter(({ endpoint }) => endpoint.slice === undefined);
    expect(whole.map(({ endpoint }) => endpoint.operation).sort()).toEqual([
      'POST /coze/webhook',
      'SELECT sessions',
      'chat doubao-pro',
    ]);
    const database = bands.find(({ endpoint }) => endpoint.operation === 'SELECT sessions')!;
    expect(database.latencyUsP50.low).toBeLessThan(8500);
    expect(database.latencyUsP50.high).toBeGreaterThan(7500);
    expect(database.latencyUsP95.high).toBeLessThan(100_000);
  });

  it('investigates a new incident by itself, once, and blames the slow database', async () => {
    await sendHealthy();
    await sendFault(3);
    const analysis = analysisAt(FAULT_US + 2 * US_PER_MINUTE);
    await analysis.tick();
    const [incident, ...others] = state.listIncidents({
      range: { fromUs: 0, toUs: nowUs + 1 },
      limit: 10,
    });
    expect(others).toEqual([]);
    expect(incident).toMatchObject({ status: 'open', services: ['coze-bot-7'] });
    expect(Math.abs(incident!.onsetUs - FAULT_US)).toBeLessThanOrEqual(US_PER_MINUTE);
    const report = await analysis.waitForReport(incident!.reportId!, 30_000);
    expect(report).toMatchObject({ trigger: { kind: 'anomaly' }, status: 'complete' });
    expect(report!.hypotheses[0]!.culprit).toMatchObject({ service: 'coze-bot-7' });
    expect(report!.hypotheses[0]!.culprit.dependency).toContain('sessions-db');
    expect(report!.window.fromUs).toBeGreaterThan(FAULT_US - 30_000_000);

    nowUs += US_PER_MINUTE;
    await analysis.tick();
    const later = state.listIncidents({ range: { fromUs: 0, toUs: nowUs + 1 }, limit: 10 });
    expect(later).toHaveLength(1);
    expect(later[0]!.reportId).toBe(incident!.reportId);
  });
});

it('an investigation that a stop has cut off begins anew at the next start', async () => {
  await sendHealthy();
  await sendFault(3);
  const cutOff = analysisAt(FAULT_US + 2 * US_PER_MINUTE);
  await cutOff.tick();
  const lost = state.listCurrentIncidents(0)[0]!.reportId!;
  // As after a kill: the incident has the id, and nobody has the report.
  await cutOff.waitForReport(lost, 30_000);
  const [incident] = state.listCurrentIncidents(0);
  state.saveIncident({ ...incident!, reportId: 'r-cut-off' });
  const analysis = analysisAt(FAULT_US + 2 * US_PER_MINUTE);
  await analysis.tick();
  const { reportId } = state.listCurrentIncidents(0)[0]!;
  expect(reportId).not.toBe('r-cut-off');
  await analysis.waitForReport(reportId!, 30_000);
  expect(state.findReport(reportId!)).toBeDefined();
  await analysis.tick();
  expect(state.listCurrentIncidents(0)[0]!.reportId).toBe(reportId);
});

it.each([
  { kind: 'error', from: -5, to: 120, what: 'from its onset' },
  { kind: 'drift', from: 3 * 24 * 60 - 125, to: 3 * 24 * 60, what: 'its end' },
] as const)(
  'of an incident of days reads two hours: of $kind $what',
  async ({ kind, from, to }) => {
    const analysis = analysisAt(START_US + 3 * 24 * 60 * US_PER_MINUTE);
    nowUs -= GRACE_US;
    const statement = { zh: '慢', en: 'slow' };
    const expected = { expected: 1, low: 0, high: 2 };
    const facts = { direction: 'up', value: 9, expected, n: 9, score: 30, statement } as const;
    const range = { fromUs: START_US, toUs: nowUs };
    const incident = {
      incidentId: 'i1',
      status: 'open',
      onsetUs: START_US,
      lastSeenUs: nowUs,
    } as const;
    state.saveFindings({
      judgedUntilUs: nowUs,
      anomalies: [{ anomalyId: 'a1', kind, status: 'open', service: 'bot', range, ...facts }],
      incidents: [{ ...incident, services: ['bot'], anomalyIds: ['a1'] }],
    });
    await analysis.tick();
    const report = await analysis.waitForReport(state.findIncident('i1')!.reportId!, 30_000);
    expect(report!.window).toEqual({
      fromUs: START_US + from * US_PER_MINUTE,
      toUs: START_US + to * US_PER_MINUTE,
    });
  },
);

it('an incident under a silence is kept and not investigated', async () => {
  await sendHealthy();
  await sendFault(3);
  const silence = { silenceId: 's1', comment: '', createdBy: 'li', createdAtUs: 0 };
  const range = { fromUs: 0, toUs: FAULT_US + US_PER_HOUR };
  silences = [{ ...silence, matchers: { service: 'coze-bot-7' }, range }];
  await analysisAt(FAULT_US + 3 * US_PER_MINUTE).tick();
  silences = [];
  const [incident, ...others] = state.listCurrentIncidents(0);
  expect(others).toEqual([]);
  expect(incident).toMatchObject({ status: 'open' });
  expect(incident).not.toHaveProperty('reportId');
});

describe('detection tick with a full queue', () => {
  it('keeps the incident and investigates it at a later tick, also of a later start', async () => {
    await sendHealthy();
    await sendFault(3);
    // An alert that waits for late telemetry holds up all others.
    const busy = analysisAt(FAULT_US + 2 * US_PER_MINUTE, 60_000);
    const incidents = () =>
      state.listIncidents({ range: { fromUs: 0, toUs: nowUs + 1 }, limit: 10 });
    const alert = { ...manual(nowUs), trigger: { kind: 'alertmanager', alerts: [] } } as const;
    for (let queued = 0; queued <= LIMITS.analysesQueuedMax; queued++) {
      busy.startInvestigation(alert, []);
    }
    await busy.tick();
    expect(incidents()).toMatchObject([{ status: 'open' }]);
    expect(incidents()[0]).not.toHaveProperty('reportId');
    await busy.stop(1);
    const free = analysisAt(FAULT_US + 2 * US_PER_MINUTE);
    await free.tick();
    const report = await free.waitForReport(incidents()[0]!.reportId!, 30_000);
    expect(report).toMatchObject({ trigger: { kind: 'anomaly' }, status: 'complete' });
  });
});

describe('trouble that several services show', () => {
  it('is one incident when they call each other, with one investigation', async () => {
    const both = { requestsPerMinute: 60, gateway: 'gateway' };
    await sendTraffic(writer, { ...both, fromUs: START_US, minutes: HEALTHY_MINUTES, seed: 1 });
    await sendTraffic(writer, {
      ...both,
      fromUs: FAULT_US,
      minutes: 2,
      seed: 2,
      slowDatabaseUs: 2_000_000,
    });
    const analysis = analysisAt(FAULT_US + 2 * US_PER_MINUTE);
    await analysis.tick();
    const incidents = state.listIncidents({ range: { fromUs: 0, toUs: nowUs + 1 }, limit: 10 });
    expect(incidents.map(({ services }) => services)).toEqual([['coze-bot-7', 'gateway']]);
    const report = await analysis.waitForReport(incidents[0]!.reportId!, 30_000);
    expect(report!.hypotheses[0]!.culprit.dependency).toContain('sessions-db');
  });
});

describe('detection of silence', () => {
  it('a service whose requests stop is an incident', async () => {
    await sendHealthy();
    const analysis = analysisAt(FAULT_US);
    await analysis.tick();
    for (let minute = 0; minute < 5; minute++) {
      nowUs += US_PER_MINUTE;
      await analysis.tick();
    }
    const anomalies = state.listAnomalies({ range: { fromUs: 0, toUs: nowUs + 1 }, limit: 10 });
    expect(anomalies.map(({ kind, direction }) => `${kind} ${direction}`)).toContain(
      'silence down',
    );
    const incidents = state.listIncidents({ range: { fromUs: 0, toUs: nowUs + 1 }, limit: 10 });
    expect(incidents).toHaveLength(1);
    const report = await analysis.waitForReport(incidents[0]!.reportId!, 30_000);
    expect(report!.rootCause).toBeUndefined();
  });
});

describe('investigations', () => {
  it('pins the spans that the report shows', async () => {
    await sendHealthy();
    await sendFault(2);
    const analysis = analysisAt(FAULT_US + 2 * US_PER_MINUTE);
    const { reportId } = analysis.startInvestigation(manual(nowUs), []);
    const report = await analysis.waitForReport(reportId, 30_000);
    const exemplar = report!.clusters[0]!.exemplars[0]!;
    expect(state.findPinnedTrace(exemplar)?.spans).toHaveLength(3);
    expect(state.findReport(reportId)?.reportHash).toBe(report!.reportHash);
  });

  it('keeps the traces that a report shows when retention removes their day', async () => {
    await sendHealthy();
    await sendFault(2);
    const analysis = analysisAt(FAULT_US + 2 * US_PER_MINUTE);
    const { reportId } = analysis.startInvestigation(manual(nowUs), []);
    const report = await analysis.waitForReport(reportId, 30_000);
    const exemplar = report!.clusters[0]!.exemplars[0]!;
    const spans = telemetry.readTrace(exemplar);
    expect(spans).toHaveLength(3);
    // Far ahead of the data and of the time at which this test wrote it.
    const { removedDays } = writer.retain({
      nowUs: Date.UTC(2100, 0, 1) * 1000,
      days: 7,
      bytesMax: 0,
    });
    expect(removedDays.length).toBeGreaterThan(0);
    expect(telemetry.readTrace(exemplar)).toEqual([]);
    expect(state.findPinnedTrace(exemplar)?.spans).toEqual(spans);
    expect(state.findReport(reportId)).toEqual(report);
  });

  it('tells its phases to subscribers, early and late, and ends with done', async () => {
    await sendHealthy();
    const analysis = analysisAt(FAULT_US);
    const { reportId } = analysis.startInvestigation(manual(nowUs), []);
    const early: InvestigationEvent[] = [];
    analysis.subscribe(reportId, (event) => early.push(event));
    await analysis.waitForReport(reportId, 30_000);
    const late: InvestigationEvent[] = [];
    analysis.subscribe(reportId, (event) => late.push(event));
    const steps = early.flatMap((event) => (event.type === 'phase' ? [event.data.step] : []));
    expect([...new Set(steps)]).toEqual(['collect', 'cluster', 'hypothesise', 'verify']);
    expect(early.at(-1)?.type).toBe('done');
    expect(late).toEqual(early);
    expect(analysis.isRunning(reportId)).toBe(false);
  });

  it('counts the time in the queue as time to settle', async () => {
    await sendHealthy();
    const analysis = analysisAt(FAULT_US, 60_000);
    analysis.startInvestigation(manual(nowUs), []);
    const alert = { ...manual(nowUs), trigger: { kind: 'alertmanager', alerts: [] } } as const;
    const { reportId } = analysis.startInvestigation(alert, []);
    nowUs += US_PER_MINUTE;
    await expect(analysis.waitForReport(reportId, 15_000)).resolves.toMatchObject({ reportId });
    // A lone alert waits its minute, and stop() does not.
    const firing = { ...alert, window: manual(nowUs).window };
    const lone = analysis.startInvestigation(firing, []).reportId;
    await expect(analysis.waitForReport(lone, 1)).resolves.toBeUndefined();
    await analysis.stop(1);
    await expect(analysis.waitForReport(lone, 1)).rejects.toMatchObject({
      code: 'ingest.stopping',
    });
  });

  it('does not wait for a window that ended long ago, and reads it as it was asked for', async () => {
    await sendHealthy();
    const analysis = analysisAt(FAULT_US, 60_000);
    const { window } = manual(FAULT_US - 10 * US_PER_MINUTE);
    const alert = { trigger: { kind: 'alertmanager', alerts: [] }, window, scope: {} } as const;
    const { reportId } = analysis.startInvestigation(alert, []);
    const report = await analysis.waitForReport(reportId, 15_000);
    expect(report?.window.toUs).toBe(window.toUs);
  });

  it('names no cause for healthy minutes', async () => {
    await sendHealthy();
    const analysis = analysisAt(FAULT_US);
    const { reportId } = analysis.startInvestigation(manual(nowUs), []);
    const report = await analysis.waitForReport(reportId, 30_000);
    expect(report!.verdict).toBe('abstained');
    expect(report!.rootCause).toBeUndefined();
  });

  it('gives the same hashes for the same data, whenever it runs', async () => {
    await sendHealthy();
    await sendFault(2);
    const analysis = analysisAt(FAULT_US + 2 * US_PER_MINUTE);
    const first = analysis.startInvestigation(manual(nowUs), []).reportId;
    const a = await analysis.waitForReport(first, 30_000);
    const request = manual(nowUs);
    nowUs += 1_234_567;
    const b = await analysis.waitForReport(
      analysis.startInvestigation(request, []).reportId,
      30_000,
    );
    expect(b!.reportId).not.toBe(a!.reportId);
    expect(b!.dataHash).toBe(a!.dataHash);
    expect(b!.reportHash).toBe(a!.reportHash);
  });

  it('an empty store gives a report that says so', async () => {
    const analysis = analysisAt(FAULT_US);
    const report = await analysis.waitForReport(
      analysis.startInvestigation(manual(nowUs), []).reportId,
      30_000,
    );
    expect(report).toMatchObject({ verdict: 'abstained', reference: { kind: 'none' } });
    expect(report!.collect.gaps.length).toBeGreaterThan(0);
  });

  it('verifies a report again and keeps its facts', async () => {
    await sendHealthy();
    await sendFault(2);
    const analysis = analysisAt(FAULT_US + 2 * US_PER_MINUTE);
    const { reportId } = analysis.startInvestigation(manual(nowUs), []);
    const report = await analysis.waitForReport(reportId, 30_000);
    nowUs += US_PER_MINUTE;
    const again = await analysis.verifyAgain(reportId);
    expect(again.reportHash).toBe(report!.reportHash);
    expect(again.hypotheses[0]!.probes[0]!.ranAtUs).toBe(nowUs);
    expect(state.findReport(reportId)!.hypotheses[0]!.probes[0]!.ranAtUs).toBe(nowUs);
  });

  it('refuses more than the queue holds, and everything once it stops', async () => {
    await sendHealthy();
    const analysis = analysisAt(FAULT_US);
    const start = () => analysis.startInvestigation(manual(nowUs), []);
    const first = start().reportId;
    for (let queued = 0; queued < LIMITS.analysesQueuedMax; queued++) start();
    expect(start).toThrow(/limit 64/);
    await analysis.stop(30_000);
    await expect(analysis.waitForReport(first, 1)).resolves.toMatchObject({ reportId: first });
    expect(start).toThrow(/stopping/);
  });
});
