/** Incidents of a real state store become alerts at real HTTP receivers: labels, life, restarts, silences. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createCounters } from '../../src/base/counters.ts';
import { silentLog } from '../../src/base/log.ts';
import { US_PER_MINUTE } from '../../src/base/time.ts';
import { type Config, configSchema } from '../../src/config/config.ts';
import type { Anomaly, Incident } from '../../src/model/anomaly.ts';
import { type AlertNotifier, createAlertNotifier } from '../../src/pipeline/notify.ts';
import type { AlertingStore } from '../../src/store/api/alerting.ts';
import type { StateStore } from '../../src/store/api/state.ts';
import { openAlertingStore, openStateStore } from '../../src/store/open.ts';
import {
  type AlertReceiver,
  type ReceivedAlert,
  startReceiver,
} from '../plugin/notifiers/receiver.ts';
import { REPORT } from '../report/fixture.ts';

const ONSET_US = Date.parse('2026-03-01T10:00:00Z') * 1000;
const NOW_US = ONSET_US + 3 * US_PER_MINUTE;

let dataDir: string;
let state: StateStore;
let alertingStore: AlertingStore;
let receiver: AlertReceiver;
let notifier: AlertNotifier;

beforeEach(async () => {
  dataDir = mkdtempSync(path.join(tmpdir(), 'taproot-notify-'));
  state = openStateStore({ dataDir });
  alertingStore = openAlertingStore({ dataDir });
  receiver = await startReceiver();
});

afterEach(async () => {
  await notifier.stop(0);
  await receiver.close();
  state.close();
  alertingStore.close();
  rmSync(dataDir, { recursive: true });
});

function start(alerting: Partial<Config['alerting']> = {}): void {
  notifier = createAlertNotifier({
    alerting: {
      ...configSchema.parse({}).alerting,
      alertmanagerUrls: [receiver.url],
      ...alerting,
    },
    publicUrl: 'https://taproot.example/',
    state,
    alertingStore,
    clock: { nowUs: () => NOW_US },
    counters: createCounters(),
    log: silentLog,
    times: { resendMs: 3_600_000, retryMs: 1, timeoutMs: 10_000 },
  });
}

async function restart(): Promise<void> {
  await notifier.stop(10_000);
  start();
}

function anomalyOf(anomalyId: string, change: Partial<Anomaly> = {}): Anomaly {
  return {
    anomalyId,
    kind: 'latency',
    status: 'open',
    service: 'bot',
    range: { fromUs: ONSET_US, toUs: NOW_US },
    direction: 'up',
    value: 200,
    expected: { expected: 100, low: 80, high: 120 },
    n: 50,
    score: 20,
    statement: { zh: `${anomalyId} 变慢`, en: `${anomalyId} is slow` },
    ...change,
  };
}

/** Saves an incident with its anomalies and tells the notifier. */
function tell(anomalies: readonly Anomaly[], change: Partial<Incident> = {}): void {
  const incident: Incident = {
    incidentId: 'i1',
    status: 'open',
    onsetUs: ONSET_US,
    lastSeenUs: NOW_US,
    services: [...new Set(anomalies.map(({ service }) => service))],
    anomalyIds: anomalies.map(({ anomalyId }) => anomalyId),
    ...change,
  };
  save(anomalies, incident);
  notifier.update(NOW_US);
}

function save(anomalies: readonly Anomaly[], incident: Incident): void {
  state.saveFindings({ judgedUntilUs: NOW_US, anomalies, incidents: [incident] });
}

/** All alerts of the requests so far, once there are so many requests. */
async function received(requestCount: number): Promise<readonly ReceivedAlert[]> {
  await receiver.waitForRequests(requestCount);
  return receiver.requests.flatMap(({ alerts }) => alerts);
}

const isFiring = ({ endsAt }: ReceivedAlert) => Date.parse(endsAt) * 1000 > NOW_US;

describe('createAlertNotifier()', () => {
  test('an open incident fires with what people route by and read', async () => {
    start({ labels: { team: 'bots', region: 'cn' } });
    tell([
      anomalyOf('a1', { score: 5 }),
      anomalyOf('a2', { score: 50, service: '商城', kind: 'log' }),
    ]);
    const [alert] = await received(1);
    expect(alert).toMatchObject({
      labels: {
        alertname: 'TaprootIncident',
        service: '商城',
        kind: 'log',
        severity: 'warning',
        taproot_incident: 'i1',
        team: 'bots',
        region: 'cn',
      },
      annotations: {
        summary: 'a2 is slow (and 1 more)',
        summary_zh: 'a2 变慢（另有 1 项）',
        evidence: 'a2 is slow\na1 is slow',
        evidence_zh: 'a2 变慢\na1 变慢',
        onset: '2026-03-01T10:00:00.000Z',
        services: 'bot, 商城',
      },
      startsAt: '2026-03-01T10:00:00.000Z',
      generatorURL: 'https://taproot.example/incidents/i1',
    });
    expect(alert && isFiring(alert)).toBe(true);
    expect(alert?.annotations).not.toHaveProperty('report');
  });

  test('once there is a report it says the cause and where to read on', async () => {
    start();
    state.saveReport(REPORT, { spans: [], logs: [] });
    tell([anomalyOf('a1')], { reportId: REPORT.reportId });
    const [alert] = await received(1);
    expect(alert?.annotations).toMatchObject({
      summary: REPORT.summary.en,
      summary_zh: REPORT.summary.zh,
      report: `https://taproot.example/reports/${REPORT.reportId}`,
    });
  });

  test('recovery resolves it with the end of the incident and what it said last', async () => {
    start();
    tell([anomalyOf('a1')]);
    await received(1);
    const endUs = NOW_US - US_PER_MINUTE;
    tell([anomalyOf('a1', { status: 'closed' })], { status: 'closed', lastSeenUs: endUs });
    const [fired, ended] = await received(2);
    expect(ended).toEqual({ ...fired, endsAt: '2026-03-01T10:02:00.000Z' });
    expect(alertingStore.listSentAlerts()).toEqual([]);
  });

  test('its labels stay when a stronger anomaly of another service joins', async () => {
    start();
    tell([anomalyOf('a1')]);
    await received(1);
    tell([anomalyOf('a1'), anomalyOf('a2', { service: 'pay', kind: 'log', score: 90 })]);
    const [first, second] = await received(2);
    expect(second?.labels).toEqual(first?.labels);
    expect(second?.annotations['summary']).toBe('a2 is slow (and 1 more)');
  });

  test('a severity that rises ends the alert and begins another', async () => {
    start();
    tell([anomalyOf('a1')], { severity: 'warning' });
    await received(1);
    tell([anomalyOf('a1'), anomalyOf('a2', { kind: 'error' })], { severity: 'critical' });
    const [, ...risen] = await received(2);
    expect(risen.map((alert) => [alert.labels['severity'], isFiring(alert)])).toEqual([
      ['warning', false],
      ['critical', true],
    ]);
  });

  test('an incident that has no severity has that of its worst anomaly', async () => {
    start();
    tell([anomalyOf('a1', { kind: 'log' }), anomalyOf('a2', { kind: 'error' })]);
    const [alert] = await received(1);
    expect(alert?.labels['severity']).toBe('critical');
  });

  test('with `send: anomalies` each open anomaly fires beside it, and ends by itself', async () => {
    start({ send: 'anomalies' });
    tell([anomalyOf('a1'), anomalyOf('a2', { kind: 'error' })]);
    const fired = await received(1);
    expect(
      fired.map(({ labels }) => [
        labels['alertname'],
        labels['taproot_anomaly'],
        labels['severity'],
      ]),
    ).toEqual([
      ['TaprootIncident', undefined, 'critical'],
      ['TaprootAnomaly', 'a1', 'warning'],
      ['TaprootAnomaly', 'a2', 'critical'],
    ]);
    tell([anomalyOf('a1'), anomalyOf('a2', { kind: 'error', status: 'closed' })]);
    const ended = (await received(2)).slice(3);
    expect(ended.map(({ labels }) => labels['taproot_anomaly'])).toEqual(['a2']);
    expect(ended.some(isFiring)).toBe(false);
  });

  test('an incident under a silence is no alert; one that comes under a silence ends', async () => {
    start();
    tell([anomalyOf('a1', { silencedBy: 's1' })]);
    tell([anomalyOf('a1', { silencedBy: 's1' }), anomalyOf('a2')]);
    const [fired] = await received(1);
    expect(fired?.annotations['evidence']).toBe('a2 is slow');
    tell([anomalyOf('a1', { silencedBy: 's1' }), anomalyOf('a2', { status: 'closed' })]);
    const [, ended] = await received(2);
    expect(ended && isFiring(ended)).toBe(false);
  });

  test('long names are cut, and not in the middle of a sign', async () => {
    start();
    tell([anomalyOf('a1', { service: `a${'😀'.repeat(5000)}` })]);
    const [alert] = await received(1);
    expect(alert?.labels['service']).toBe(`a${'😀'.repeat(999)}`);
  });
});

describe('after a restart', () => {
  test('what is open is told again at once, under the same labels and start', async () => {
    start();
    tell([anomalyOf('a1')]);
    const [before] = await received(1);
    save([anomalyOf('a1'), anomalyOf('a2', { service: 'pay', score: 90 })], {
      incidentId: 'i1',
      status: 'open',
      onsetUs: ONSET_US - US_PER_MINUTE,
      lastSeenUs: NOW_US,
      services: ['bot', 'pay'],
      anomalyIds: ['a1', 'a2'],
    });
    await restart();
    const [, after] = await received(2);
    expect(after?.labels).toEqual(before?.labels);
    expect(after?.startsAt).toBe(before?.startsAt);
    expect(after && isFiring(after)).toBe(true);
  });

  test('what ended meanwhile is resolved', async () => {
    start();
    tell([anomalyOf('a1')]);
    await received(1);
    await notifier.stop(10_000);
    const incident = state.findIncident('i1');
    state.saveIncident({ ...incident!, status: 'closed', lastSeenUs: NOW_US - US_PER_MINUTE });
    start();
    const [, ended] = await received(2);
    expect(ended?.endsAt).toBe('2026-03-01T10:02:00.000Z');
  });

  test('what opened and was never told of is told', async () => {
    save([anomalyOf('a1')], {
      incidentId: 'i1',
      status: 'open',
      onsetUs: ONSET_US,
      lastSeenUs: NOW_US,
      services: ['bot'],
      anomalyIds: ['a1'],
    });
    start();
    expect((await received(1)).map(({ labels }) => labels['taproot_incident'])).toEqual(['i1']);
  });
});
