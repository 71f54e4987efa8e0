/**
 * Incidents at real Alertmanagers: they appear with labels and links, are kept firing, resolve on recovery and across
 * restarts of Taproot; one that is down holds up no other; what Alertmanager sends back starts no investigation.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { createCounters } from '../../src/base/counters.ts';
import { silentLog } from '../../src/base/log.ts';
import { systemClock, US_PER_MINUTE } from '../../src/base/time.ts';
import type { Anomaly, Incident } from '../../src/model/anomaly.ts';
import { createAlertmanagerNotifier } from '../../src/plugin/notifiers/alertmanager.ts';
import type { OutgoingAlert } from '../../src/plugin/notifiers/outbox.ts';
import { openStateStore } from '../../src/store/open.ts';
import { freePorts, type RunningChild, startChild, temporaryFolder, waitFor } from './child.ts';
import { findPart } from './parts.ts';
import { getJson, type Service, startService } from './service.ts';

const alertmanager = findPart('prometheus-alertmanager');
const WAIT_MS = 30_000;

interface ShownAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly startsAt: string;
  readonly endsAt: string;
  readonly generatorURL: string;
  readonly status: { readonly state: string };
}

interface RunningAlertmanager {
  readonly url: string;
  readonly child: RunningChild;
}

/** Alerts that fire there. */
async function readAlerts({ url }: RunningAlertmanager): Promise<readonly ShownAlert[]> {
  const response = await fetch(`${url}/api/v2/alerts?active=true`);
  return (await response.json()) as readonly ShownAlert[]; // Alertmanager's API
}

function waitForAlert(
  where: RunningAlertmanager,
  isWanted: (alert: ShownAlert) => boolean = () => true,
): Promise<ShownAlert> {
  return waitFor(`an alert at ${where.url}`, {
    timeoutMs: WAIT_MS,
    children: [where.child],
    check: async () => (await readAlerts(where)).find(isWanted),
  });
}

function waitForNone(where: RunningAlertmanager): Promise<true> {
  return waitFor(`no alert at ${where.url}`, {
    timeoutMs: WAIT_MS,
    children: [where.child],
    check: async () => ((await readAlerts(where)).length === 0 ? true : undefined),
  });
}

describe.skipIf(alertmanager === undefined)('alerts to Alertmanager', () => {
  const folder = temporaryFolder('push');
  const dataDir = join(folder.path, 'data');
  const onsetUs = systemClock.nowUs() - 5 * US_PER_MINUTE;
  let one: RunningAlertmanager;
  let two: RunningAlertmanager;
  let deadUrl: string;
  let apiPort: number;
  let service: Service | undefined;

  beforeAll(async () => {
    const ports = await freePorts(4);
    apiPort = ports[2] ?? 0;
    deadUrl = `http://127.0.0.1:${ports[3]}`;
    [one, two] = await Promise.all([
      startAlertmanager('one', ports[0] ?? 0),
      startAlertmanager('two', ports[1] ?? 0),
    ]);
  });

  afterAll(async () => {
    await service?.stop();
    await one?.child.stop();
    await two?.child.stop();
    folder.remove();
  });

  /** Its route for all leads back to Taproot's webhook. */
  async function startAlertmanager(name: string, port: number): Promise<RunningAlertmanager> {
    const configFile = join(folder.path, `${name}.yml`);
    const webhook = `http://127.0.0.1:${apiPort}/api/v1/webhooks/alertmanager`;
    const config = {
      route: { receiver: 'taproot', group_by: ['...'], group_wait: '1s', group_interval: '1s' },
      receivers: [{ name: 'taproot', webhook_configs: [{ url: webhook, send_resolved: true }] }],
    };
    writeFileSync(configFile, stringify(config));
    const child = startChild({
      name,
      command: alertmanager ?? '',
      args: [
        `--config.file=${configFile}`,
        `--storage.path=${join(folder.path, name)}`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--cluster.listen-address=',
      ],
      dir: folder.path,
    });
    const url = `http://127.0.0.1:${port}`;
    await waitFor(`Alertmanager ${name}`, {
      timeoutMs: WAIT_MS,
      children: [child],
      check: async () => ((await fetch(`${url}/-/ready`)).ok ? true : undefined),
    });
    return { url, child };
  }

  function startTaproot(): Promise<Service> {
    return startService({
      apiPort,
      config: {
        dataDir,
        detection: false,
        publicUrl: 'https://taproot.example',
        alerting: { alertmanagerUrls: [deadUrl, one.url, two.url], labels: { team: 'bots' } },
      },
    });
  }

  function saveIncident(change: Partial<Incident> = {}): void {
    const state = openStateStore({ dataDir });
    const anomaly: Anomaly = {
      anomalyId: '00000000000000a1',
      kind: 'error',
      status: 'open',
      service: '商城',
      range: { fromUs: onsetUs, toUs: onsetUs + US_PER_MINUTE },
      direction: 'up',
      value: 0.4,
      expected: { expected: 0.01, low: 0, high: 0.02 },
      n: 100,
      score: 80,
      statement: { zh: '商城的错误率为 40 %', en: '40 % of requests of 商城 fail' },
    };
    const incident: Incident = {
      incidentId: '00000000000000b1',
      status: 'open',
      onsetUs,
      lastSeenUs: onsetUs + 2 * US_PER_MINUTE,
      services: ['商城'],
      anomalyIds: ['00000000000000a1'],
      ...change,
    };
    const judgedUntilUs = onsetUs + 2 * US_PER_MINUTE;
    state.saveFindings({ judgedUntilUs, anomalies: [anomaly], incidents: [incident] });
    state.close();
  }

  test('an open incident appears at both, though a third is down', async () => {
    saveIncident();
    service = await startTaproot();
    for (const where of [one, two]) {
      const alert = await waitForAlert(where);
      expect(alert.labels).toEqual({
        alertname: 'TaprootIncident',
        service: '商城',
        kind: 'error',
        severity: 'critical',
        taproot_incident: '00000000000000b1',
        team: 'bots',
      });
      expect(alert.annotations).toMatchObject({
        summary: '40 % of requests of 商城 fail',
        summary_zh: '商城的错误率为 40 %',
        services: '商城',
      });
      expect(alert.generatorURL).toBe('https://taproot.example/incidents/00000000000000b1');
      expect(Date.parse(alert.startsAt)).toBe(Math.floor(onsetUs / 1000));
      expect(Date.parse(alert.endsAt)).toBeGreaterThan(Date.now() + 120_000);
    }
  });

  test('counters tell who took it and who did not', async () => {
    const host = (url: string) => new URL(url).host;
    const metrics = await waitForMetrics(`taproot_alerts_failed_total{target="${host(deadUrl)}"}`);
    expect(
      counterOf(metrics, `taproot_alerts_failed_total{target="${host(deadUrl)}"}`),
    ).toBeGreaterThan(0);
    expect(counterOf(metrics, `taproot_alerts_sent_total{target="${host(deadUrl)}"}`)).toBe(0);
    expect(
      counterOf(metrics, `taproot_alerts_sent_total{target="${host(one.url)}"}`),
    ).toBeGreaterThan(0);
    expect(counterOf(metrics, `taproot_alerts_failed_total{target="${host(one.url)}"}`)).toBe(0);
  });

  test('what Alertmanager sends back starts no investigation', async () => {
    const metrics = await waitForMetrics(
      'taproot_api_requests_total{method="POST",route="/api/v1/webhooks/alertmanager",status="202"}',
    );
    expect(metrics).not.toContain('taproot_analysis_started_total');
    expect((await getJson(service!, '/reports', 'reportList')).items).toEqual([]);
  });

  test('what ended while Taproot was down is resolved when it is back', async () => {
    await service?.stop();
    saveIncident({ status: 'closed' });
    service = await startTaproot();
    await waitForNone(one);
    await waitForNone(two);
    await service.stop();
    service = undefined;
  });

  test('an alert outlives the time it is valid for as long as it is repeated, and ends on recovery', async () => {
    const notifier = createAlertmanagerNotifier({
      urls: [one.url],
      clock: systemClock,
      counters: createCounters(),
      log: silentLog,
      times: { resendMs: 250, retryMs: 50, timeoutMs: 10_000 },
    });
    const alert: OutgoingAlert = {
      key: 'k',
      labels: { alertname: 'TaprootIncident', taproot_incident: 'kept' },
      annotations: { summary: 'slow' },
      startsAtUs: onsetUs,
      generatorUrl: 'http://127.0.0.1/incidents/kept',
    };
    notifier.put([alert]);
    const first = await waitForAlert(one);
    await waitForAlert(one, ({ endsAt }) => Date.parse(endsAt) > Date.parse(first.endsAt) + 1000);
    notifier.put([{ ...alert, endedAtUs: systemClock.nowUs() }]);
    await waitForNone(one);
    await notifier.stop(10_000);
  });

  test('an alert that nobody repeats ends by itself', async () => {
    const notifier = createAlertmanagerNotifier({
      urls: [one.url],
      clock: systemClock,
      counters: createCounters(),
      log: silentLog,
      times: { resendMs: 500, retryMs: 50, timeoutMs: 10_000 },
    });
    notifier.put([
      {
        key: 'k',
        labels: { alertname: 'TaprootIncident', taproot_incident: 'left' },
        annotations: { summary: 'slow' },
        startsAtUs: onsetUs,
        generatorUrl: 'http://127.0.0.1/incidents/left',
      },
    ]);
    await waitForAlert(one);
    await notifier.stop(10_000);
    await waitForNone(one);
  });

  /** The counters' page once a counter is there and not zero. */
  function waitForMetrics(counter: string): Promise<string> {
    return waitFor(counter, {
      timeoutMs: WAIT_MS,
      children: [service!.child],
      check: async () => {
        const text = await (await fetch(`${service!.apiUrl}/metrics`)).text();
        return counterOf(text, counter) > 0 ? text : undefined;
      },
    });
  }
});

/** NaN when it is not there. */
function counterOf(metrics: string, counter: string): number {
  const line = metrics.split('\n').find((one) => one.startsWith(`${counter} `));
  return line === undefined ? Number.NaN : Number(line.slice(counter.length + 1));
}
