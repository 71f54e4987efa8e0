/**
 * The alert of the demo. With Prometheus and Alertmanager on this machine they scrape the bot, fire and call
 * the webhook; without them the demo posts the same payload itself and says so.
 */
import { accessSync, constants, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { stringify } from 'yaml';
import { environment } from '../config/environment.ts';
import { type Child, fetchSoon, findPort, startChild, waitFor } from './child-process.ts';

export interface Alerting {
  readonly children: readonly Child[];
  readonly prometheusUrl: string;
}

const ALERT = 'BotSlow';
const READY_TIMEOUT_MS = 20_000;
/** Prometheus drops alerts that fire before it has found its Alertmanager. */
const ALERTMANAGER_FOUND_TIMEOUT_MS = 20_000;

/** Starts both when both are installed; undefined otherwise. */
export async function startAlerting(options: {
  readonly dir: string;
  readonly service: string;
  /** host:port of the bot's Prometheus page. */
  readonly botMetrics: string;
  readonly webhookUrl: string;
}): Promise<Alerting | undefined> {
  const prometheus = findProgram(['prometheus']);
  const alertmanager = findProgram(['alertmanager', 'prometheus-alertmanager']);
  if (prometheus === undefined || alertmanager === undefined) return undefined;
  mkdirSync(options.dir, { recursive: true });
  const prometheusPort = await findPort(0);
  const alertmanagerPort = await findPort(0);
  writeConfigs({ ...options, alertmanagerPort });
  const env = childEnvironment();
  const children = [
    startChild({
      name: 'Alertmanager',
      command: alertmanager,
      args: [
        `--config.file=${join(options.dir, 'alertmanager.yml')}`,
        `--storage.path=${join(options.dir, 'alertmanager')}`,
        `--web.listen-address=127.0.0.1:${alertmanagerPort}`,
        '--cluster.listen-address=',
      ],
      env,
      logFile: join(options.dir, 'alertmanager.log'),
    }),
    startChild({
      name: 'Prometheus',
      command: prometheus,
      args: [
        `--config.file=${join(options.dir, 'prometheus.yml')}`,
        `--storage.tsdb.path=${join(options.dir, 'prometheus')}`,
        `--web.listen-address=127.0.0.1:${prometheusPort}`,
      ],
      env,
      logFile: join(options.dir, 'prometheus.log'),
    }),
  ];
  const prometheusUrl = `http://127.0.0.1:${prometheusPort}`;
  try {
    await waitFor('Prometheus', {
      timeoutMs: READY_TIMEOUT_MS,
      children,
      check: async () => ((await fetchSoon(`${prometheusUrl}/-/ready`)).ok ? true : undefined),
    });
    await waitFor('Prometheus to find Alertmanager', {
      timeoutMs: ALERTMANAGER_FOUND_TIMEOUT_MS,
      children,
      check: () => hasAlertmanager(prometheusUrl),
    });
  } catch (thrown) {
    await Promise.all(children.map((child) => child.stop()));
    throw thrown;
  }
  return { children, prometheusUrl };
}

async function hasAlertmanager(prometheusUrl: string): Promise<true | undefined> {
  const response = await fetchSoon(`${prometheusUrl}/api/v1/alertmanagers`);
  const answer = (await response.json()) as {
    readonly data?: { readonly activeAlertmanagers?: readonly unknown[] };
  }; // Prometheus's API
  return (answer.data?.activeAlertmanagers?.length ?? 0) > 0 ? true : undefined;
}

/** One scrape and one rule a second, so that an alert fires a few seconds after the fault. */
function writeConfigs(options: {
  readonly dir: string;
  readonly service: string;
  readonly botMetrics: string;
  readonly webhookUrl: string;
  readonly alertmanagerPort: number;
}): void {
  const { dir } = options;
  const write = (name: string, content: unknown) =>
    writeFileSync(join(dir, name), stringify(content));
  write('prometheus.yml', {
    global: { scrape_interval: '1s', evaluation_interval: '1s' },
    rule_files: [join(dir, 'rules.yml')],
    alerting: {
      alertmanagers: [{ static_configs: [{ targets: [`127.0.0.1:${options.alertmanagerPort}`] }] }],
    },
    scrape_configs: [
      { job_name: options.service, static_configs: [{ targets: [options.botMetrics] }] },
    ],
  });
  const slow =
    'histogram_quantile(0.95, sum by (le) (rate(http_server_request_duration_bucket[10s]))) > 1';
  write('rules.yml', {
    groups: [
      {
        name: 'bot',
        rules: [
          {
            alert: ALERT,
            expr: slow,
            for: '2s',
            labels: { severity: 'critical', service: options.service },
            annotations: { summary: 'p95 of the bot is above one second' },
          },
        ],
      },
    ],
  });
  write('alertmanager.yml', {
    route: { receiver: 'taproot', group_by: ['alertname'], group_wait: '1s', group_interval: '5s' },
    receivers: [
      { name: 'taproot', webhook_configs: [{ url: options.webhookUrl, send_resolved: true }] },
    ],
  });
}

/** Posts what Alertmanager would post; returns the id of the report it starts. */
export async function postAlert(webhookUrl: string, service: string): Promise<string> {
  const labels = { alertname: ALERT, severity: 'critical', service };
  const response = await fetchSoon(webhookUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      version: '4',
      groupKey: `{}:{alertname="${ALERT}"}`,
      truncatedAlerts: 0,
      status: 'firing',
      receiver: 'taproot',
      groupLabels: { alertname: ALERT },
      commonLabels: labels,
      commonAnnotations: { summary: 'p95 of the bot is above one second' },
      externalURL: 'http://127.0.0.1/',
      alerts: [
        {
          status: 'firing',
          labels,
          annotations: { summary: 'p95 of the bot is above one second' },
          startsAt: new Date().toISOString(),
          endsAt: '0001-01-01T00:00:00Z',
          generatorURL: 'http://127.0.0.1/',
          fingerprint: 'd3m0d3m0d3m0d3m0',
        },
      ],
    }),
  });
  const answer = (await response.json()) as {
    readonly reports: readonly { readonly id: string }[];
  }; // our own API
  return answer.reports[0]!.id;
}

/** Absolute path of the first of the programs that PATH holds. */
function findProgram(names: readonly string[]): string | undefined {
  for (const name of names) {
    for (const folder of (environment()['PATH'] ?? '').split(delimiter)) {
      const path = join(folder, name);
      try {
        accessSync(path, constants.X_OK);
        return path;
      } catch {
        // Not here: the next folder may have it.
      }
    }
  }
  return undefined;
}

/** Our own environment for a child process. */
export function childEnvironment(): Record<string, string> {
  const entries = Object.entries(environment()).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  return Object.fromEntries(entries);
}
