/**
 * Real Prometheus and Alertmanager with the files of examples/prometheus: they scrape the bot, fire on the fault and
 * call the webhook; the report is confirmed by probes that asked the bot and the same Prometheus.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import {
  freePorts,
  ROOT,
  type RunningChild,
  startChild,
  temporaryFolder,
  waitFor,
} from './child.ts';
import { findPart } from './parts.ts';
import {
  type Bot,
  getJson,
  type ReportDocument,
  type Service,
  startBot,
  startService,
  waitForReport,
} from './service.ts';

const prometheus = findPart('prometheus');
const alertmanager = findPart('prometheus-alertmanager');
const SERVICE = 'coze-demo-bot';
/** Healthy seconds before the fault: what the report compares with. */
const NORMAL_SECONDS = 25;

describe.skipIf(prometheus === undefined || alertmanager === undefined)('Alertmanager', () => {
  const folder = temporaryFolder('alerting');
  const children: RunningChild[] = [];
  let service: Service;
  let bot: Bot;
  let prometheusUrl: string;

  beforeAll(async () => {
    const [prometheusPort = 0, alertmanagerPort = 0, botPort = 0, metricsPort = 0] =
      await freePorts(4);
    prometheusUrl = `http://127.0.0.1:${prometheusPort}`;
    service = await startService({
      config: {
        detection: false,
        windowMinutes: 2,
        probes: {
          prometheusUrl,
          services: {
            [SERVICE]: {
              debugUrl: `http://127.0.0.1:${botPort}`,
              promSelector: `job="${SERVICE}"`,
            },
          },
        },
      },
    });
    bot = await startBot({
      endpoint: service.otlpHttpUrl,
      ratePerSecond: 20,
      port: botPort,
      metricsPort,
    });
    writeConfigs(folder.path, { metricsPort, alertmanagerPort, apiUrl: service.apiUrl });
    children.push(
      startChild({
        name: 'alertmanager',
        command: alertmanager ?? '',
        args: [
          `--config.file=${join(folder.path, 'alertmanager.yml')}`,
          `--storage.path=${join(folder.path, 'alertmanager')}`,
          `--web.listen-address=127.0.0.1:${alertmanagerPort}`,
          '--cluster.listen-address=',
        ],
        dir: folder.path,
      }),
      startChild({
        name: 'prometheus',
        command: prometheus ?? '',
        args: [
          `--config.file=${join(folder.path, 'prometheus.yml')}`,
          `--storage.tsdb.path=${join(folder.path, 'prometheus')}`,
          `--web.listen-address=127.0.0.1:${prometheusPort}`,
        ],
        dir: folder.path,
      }),
    );
    // Alerts that fire before Prometheus has found its Alertmanager are lost.
    await waitFor('Prometheus to find Alertmanager', {
      timeoutMs: 40_000,
      children,
      check: async () => {
        const response = await fetch(`${prometheusUrl}/api/v1/alertmanagers`);
        const answer = (await response.json()) as {
          data?: { activeAlertmanagers?: readonly unknown[] };
        };
        return (answer.data?.activeAlertmanagers?.length ?? 0) > 0 ? true : undefined;
      },
    });
    await waitForTraffic(prometheusUrl, children);
  });

  afterAll(async () => {
    await bot?.stop();
    for (const child of children) await child.stop();
    await service?.stop();
    folder.remove();
  });

  let report: ReportDocument;

  test('an alert on the pool fault leads to a confirmed report', async () => {
    await bot.setFault('db_pool_hold', true);
    const reportId = await waitFor('the report of the alert', {
      timeoutMs: 60_000,
      children: [service.child, bot.child, ...children],
      check: async () => {
        const { items } = await getJson(service, '/reports', 'reportList');
        return items.find((item) => item.trigger === 'alertmanager')?.id;
      },
    });
    report = await waitForReport(service, reportId);
    const first = report.steps.verify.hypotheses[0];
    expect(first?.ruleId).toBe('db-pool-exhausted');
    expect(first?.culprit.service).toBe(SERVICE);
    expect(report.verdict).toBe('confirmed');
    expect(report.rootCause).toBe(first?.id);
    expect(new Set(report.consensus.sources).size).toBeGreaterThanOrEqual(3);
  });

  test('its probes asked the bot and Prometheus and say what they saw', () => {
    const probes = report.steps.verify.hypotheses[0]?.probes ?? [];
    const http = probes.find((probe) => probe.kind === 'http');
    expect(http).toMatchObject({ outcome: 'confirm' });
    expect(http?.target).toContain('/debug/health?check=db-pool');
    expect(http?.observed).toMatch(/4/);
    expect(probes.find((probe) => probe.kind === 'prom')).toMatchObject({ outcome: 'confirm' });
    for (const probe of probes) expect(probe.rerun).not.toBe('');
  });

  test('the alert stands in the report with its labels', () => {
    expect(report.trigger.kind).toBe('alertmanager');
    const names = report.trigger.alerts.map((alert) => alert.name);
    expect(names.every((name) => ['BotSlow', 'BotErrors'].includes(name))).toBe(true);
    expect(names.length).toBeGreaterThan(0);
    expect(report.trigger.alerts[0]?.labels['service']).toBe(SERVICE);
    expect(report.scope.service).toBe(SERVICE);
  });
});

/** The example files with this test's ports and a step of one second. */
function writeConfigs(
  dir: string,
  to: {
    readonly metricsPort: number;
    readonly alertmanagerPort: number;
    readonly apiUrl: string;
  },
): void {
  mkdirSync(dir, { recursive: true });
  const example = (name: string): string =>
    readFileSync(join(ROOT, 'examples/prometheus', name), 'utf8');
  const write = (name: string, content: unknown): void =>
    writeFileSync(join(dir, name), stringify(content));
  write('prometheus.yml', {
    ...parse(example('prometheus.yml')),
    global: { scrape_interval: '1s', evaluation_interval: '1s' },
    alerting: {
      alertmanagers: [{ static_configs: [{ targets: [`127.0.0.1:${to.alertmanagerPort}`] }] }],
    },
    scrape_configs: [
      { job_name: SERVICE, static_configs: [{ targets: [`127.0.0.1:${to.metricsPort}`] }] },
    ],
  });
  writeFileSync(join(dir, 'alerts.yml'), example('alerts.yml'));
  const alerting = parse(example('alertmanager.yml'));
  write('alertmanager.yml', {
    ...alerting,
    route: { ...alerting.route, group_wait: '1s' },
    receivers: [
      {
        name: 'taproot',
        webhook_configs: [
          { url: `${to.apiUrl}/api/v1/webhooks/alertmanager`, send_resolved: true },
        ],
      },
    ],
  });
}

/** Waits until Prometheus has seen NORMAL_SECONDS of healthy requests. */
function waitForTraffic(prometheusUrl: string, children: readonly RunningChild[]): Promise<true> {
  const query = encodeURIComponent(
    `count_over_time(http_server_request_duration_count{job="${SERVICE}"}[5m])`,
  );
  return waitFor('healthy traffic', {
    timeoutMs: (NORMAL_SECONDS + 30) * 1000,
    children,
    check: async () => {
      const response = await fetch(`${prometheusUrl}/api/v1/query?query=${query}`);
      const answer = (await response.json()) as {
        data?: { result?: readonly { value: readonly [number, string] }[] };
      };
      const samples = Number(answer.data?.result?.[0]?.value[1] ?? 0);
      return samples >= NORMAL_SECONDS ? true : undefined;
    },
  });
}
