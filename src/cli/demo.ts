/**
 * `taproot demo`: the service, a bot with real SDK telemetry, normal traffic, a fault, an alert and the
 * report. Everything runs as separate processes on this machine; data goes to a temporary folder.
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { stringify } from 'yaml';
import { AppError } from '../base/errors.ts';
import { findPackage } from '../base/package.ts';
import type { Language } from '../model/text.ts';
import { type Child, fetchSoon, findPort, pause, startChild, waitFor } from './child-process.ts';
import { type Alerting, childEnvironment, postAlert, startAlerting } from './demo-alerting.ts';
import { languageOption } from './options.ts';

interface DemoFlags {
  readonly fault: string;
  readonly once?: boolean;
  readonly lang?: Language;
}

const BOT_SERVICE = 'coze-demo-bot';
/** Healthy traffic before the fault: what the report compares with. A day passes in this time. */
const NORMAL_MS = 40_000;
/** With no Prometheus: traffic under the fault before the demo posts the alert. */
const FAULT_MS = 12_000;
const START_TIMEOUT_MS = 30_000;
const ALERT_TIMEOUT_MS = 60_000;
const REPORT_TIMEOUT_MS = 60_000;

export function addDemo(program: Command): void {
  program
    .command('demo')
    .description('a bot, a fault, an alert and the report, on this machine')
    .option('--fault <name>', 'fault to switch on', 'db_pool_hold')
    .option('--once', 'stop after the report')
    .addOption(languageOption().default('en'))
    .action(async (flags: DemoFlags) => {
      const interrupted = untilInterrupted();
      const demo = await startDemo();
      try {
        await Promise.race([runDemo(demo, flags), interrupted]);
      } finally {
        await demo.stop();
      }
    });
}

interface Ports {
  readonly otlpHttp: number;
  readonly otlpGrpc: number;
  readonly api: number;
  readonly bot: number;
  readonly botMetrics: number;
}

interface Demo {
  readonly ports: Ports;
  readonly children: readonly Child[];
  readonly alerting: Alerting | undefined;
  readonly log: Stopwatch;
  stop(): Promise<void>;
}

/** Starts Prometheus and Alertmanager when installed, then the service, then the bot. */
async function startDemo(): Promise<Demo> {
  const log = startStopwatch();
  const dir = mkdtempSync(join(tmpdir(), 'taproot-demo-'));
  const children: Child[] = [];
  const stop = async () => {
    for (const child of children.toReversed()) await child.stop();
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    const ports = await choosePorts();
    const webhookUrl = `http://127.0.0.1:${ports.api}/api/v1/webhooks/alertmanager`;
    const alerting = await startAlerting({
      dir: join(dir, 'alerting'),
      service: BOT_SERVICE,
      botMetrics: `127.0.0.1:${ports.botMetrics}`,
      webhookUrl,
    });
    children.push(...(alerting?.children ?? []));
    log.done(
      alerting
        ? 'Prometheus and Alertmanager run: they will fire the alert'
        : 'Prometheus or Alertmanager is not installed: the demo will post the alert itself',
    );
    children.push(startService(dir, ports, alerting));
    await waitFor('Taproot to be ready', {
      timeoutMs: START_TIMEOUT_MS,
      children,
      check: async () =>
        (await fetchSoon(`http://127.0.0.1:${ports.api}/readyz`)).ok ? true : undefined,
    });
    log.done(`Taproot is ready: http://127.0.0.1:${ports.api}`);
    children.push(startBot(dir, ports));
    await waitFor('the bot to be ready', {
      timeoutMs: START_TIMEOUT_MS,
      children,
      check: async () =>
        (await fetchSoon(`http://127.0.0.1:${ports.bot}/healthz`)).ok ? true : undefined,
    });
    log.done(`the bot takes messages: http://127.0.0.1:${ports.bot}/coze/webhook`);
    return { ports, children, alerting, log, stop };
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}

/** The usual ports where they are free. */
async function choosePorts(): Promise<Ports> {
  return {
    otlpHttp: await findPort(4318),
    otlpGrpc: await findPort(4317),
    api: await findPort(4400),
    bot: await findPort(8080),
    botMetrics: await findPort(9464),
  };
}

function startService(dir: string, ports: Ports, alerting: Alerting | undefined): Child {
  const configFile = join(dir, 'taproot.yaml');
  writeFileSync(
    configFile,
    stringify({
      dataDir: join(dir, 'data'),
      otlpHttpPort: ports.otlpHttp,
      otlpGrpcPort: ports.otlpGrpc,
      apiPort: ports.api,
      windowMinutes: 5,
      probes: {
        services: {
          [BOT_SERVICE]: {
            debugUrl: `http://127.0.0.1:${ports.bot}`,
            promSelector: `job="${BOT_SERVICE}"`,
          },
        },
        ...(alerting ? { prometheusUrl: alerting.prometheusUrl } : {}),
      },
    }),
  );
  return startChild({
    name: 'Taproot',
    command: process.execPath,
    args: [join(findPackage().root, 'dist/src/main.js'), 'serve', '--config', configFile],
    env: childEnvironment(),
    logFile: join(dir, 'taproot.log'),
  });
}

function startBot(dir: string, ports: Ports): Child {
  const entry = join(findPackage().root, 'dist/examples/node-bot/src/main.js');
  if (!existsSync(entry)) {
    throw new AppError(
      'request.not_found',
      `Cannot start the demo bot: ${entry} is not built; run npm run build`,
    );
  }
  mkdirSync(dir, { recursive: true });
  return startChild({
    name: 'the bot',
    command: process.execPath,
    args: [entry],
    env: {
      ...childEnvironment(),
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${ports.otlpHttp}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
      BOT_PORT: String(ports.bot),
      BOT_METRICS_PORT: String(ports.botMetrics),
      BOT_RATE_PER_SECOND: '20',
      BOT_DAY_SECONDS: String(NORMAL_MS / 1000),
    },
    logFile: join(dir, 'bot.log'),
  });
}

async function runDemo(demo: Demo, flags: DemoFlags): Promise<void> {
  const { log, ports } = demo;
  log.say(`${NORMAL_MS / 1000} s of normal traffic: a day of the bot, compressed`);
  await duringLife(demo, pause(NORMAL_MS));
  log.done('normal traffic');
  const faultAtMs = performance.now();
  await setFault(ports, flags.fault, true);
  log.done(`fault ${flags.fault} is on`);
  const reportId = await raiseAlert(demo);
  log.done(`an alert has started report ${reportId}`);
  const report = await waitForReport(demo, reportId);
  const sinceFaultS = ((performance.now() - faultAtMs) / 1000).toFixed(1);
  log.done(`report complete, ${sinceFaultS} s after the fault`);
  await setFault(ports, flags.fault, false);

  const base = `http://127.0.0.1:${ports.api}`;
  const language = flags.lang ?? 'en';
  const text = await fetchSoon(`${base}/api/v1/reports/${reportId}.text?lang=${language}`);
  process.stdout.write(`\n${await text.text()}\n`);
  process.stdout.write(`${log.summary()}\nReport: ${base}/reports/${reportId}?lang=${language}\n`);
  if (flags.once) {
    if (report.verdict === 'confirmed') return;
    throw new AppError(
      'internal',
      `The demo expects a confirmed root cause; the verdict is ${report.verdict}`,
    );
  }
  process.stdout.write(`All reports: ${base}/\nThe demo goes on until Ctrl-C.\n`);
  await duringLife(demo, forever());
}

async function setFault(ports: Ports, name: string, enabled: boolean): Promise<void> {
  const response = await fetchSoon(`http://127.0.0.1:${ports.bot}/__fault`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name, enabled }),
  });
  if (!response.ok) {
    throw new AppError(
      'request.invalid',
      `Cannot switch fault "${name}": ${(await response.text()).slice(0, 300)}`,
    );
  }
}

/** Waits for Alertmanager's call, or makes it; returns the report that it started. */
async function raiseAlert(demo: Demo): Promise<string> {
  const api = `http://127.0.0.1:${demo.ports.api}/api/v1`;
  if (!demo.alerting) {
    demo.log.say(`${FAULT_MS / 1000} s under the fault, then the alert`);
    await duringLife(demo, pause(FAULT_MS));
    return postAlert(`${api}/webhooks/alertmanager`, BOT_SERVICE);
  }
  demo.log.say('waiting for Prometheus and Alertmanager to fire');
  return waitFor('the alert', {
    timeoutMs: ALERT_TIMEOUT_MS,
    children: demo.children,
    check: async () => {
      const list = (await (await fetchSoon(`${api}/reports?limit=20`)).json()) as {
        readonly items: readonly { readonly id: string; readonly trigger: string }[];
      }; // our own API
      return list.items.find(({ trigger }) => trigger === 'alertmanager')?.id;
    },
  });
}

async function waitForReport(demo: Demo, reportId: string): Promise<{ readonly verdict: string }> {
  return waitFor('the report', {
    timeoutMs: REPORT_TIMEOUT_MS,
    children: demo.children,
    check: async () => {
      const response = await fetchSoon(
        `http://127.0.0.1:${demo.ports.api}/api/v1/reports/${reportId}.json`,
      );
      if (!response.ok) return undefined;
      const report = (await response.json()) as {
        readonly status: string;
        readonly verdict: string;
      }; // our own API
      return report.status === 'running' ? undefined : report;
    },
  });
}

/** The awaited thing, or the failure of a process that should run meanwhile. */
function duringLife<Result>(demo: Demo, awaited: Promise<Result>): Promise<Result> {
  return Promise.race([awaited, ...demo.children.map(({ ended }) => ended)]);
}

/** Resolves at the first signal, so that no process of the demo is left behind; a second one ends at once. */
function untilInterrupted(): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGINT', () => resolve());
    process.once('SIGTERM', () => resolve());
  });
}

function forever(): Promise<never> {
  return new Promise(() => undefined);
}

interface Stopwatch {
  say(text: string): void;
  /** Notes that a phase has ended, with the time it took. */
  done(text: string): void;
  summary(): string;
}

function startStopwatch(): Stopwatch {
  const startedMs = performance.now();
  let lastMs = startedMs;
  const phases: { readonly text: string; readonly seconds: number }[] = [];
  const elapsed = () => ((performance.now() - startedMs) / 1000).toFixed(1).padStart(6);
  return {
    say: (text) => process.stderr.write(`${elapsed()} s  … ${text}\n`),
    done(text) {
      const nowMs = performance.now();
      phases.push({ text, seconds: (nowMs - lastMs) / 1000 });
      lastMs = nowMs;
      process.stderr.write(`${elapsed()} s  ✓ ${text}\n`);
    },
    summary() {
      const lines = phases.map(
        ({ text, seconds }) => `${seconds.toFixed(1).padStart(7)} s  ${text}`,
      );
      return `Where the time went\n${lines.join('\n')}\n${elapsed()} s  in all`;
    },
  };
}
