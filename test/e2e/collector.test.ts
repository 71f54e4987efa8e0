/**
 * The Collector that scripts/build-collector.mjs builds, run with otel-collector.yaml as it stands: what the SDK, a log
 * file and a Prometheus page give it reaches Taproot with the bot's identity, and a report can be made of it.
 */
import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
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
  diagnose,
  getJson,
  type Service,
  seeRequests,
  startBot,
  startService,
} from './service.ts';

const go = findPart('go');
const SERVICE = 'bot-by-collector';
const BUILD_TIMEOUT_MS = 40 * 60_000;
const WORKSPACE = '7300000000000000001';

describe.skipIf(go === undefined)('OpenTelemetry Collector', () => {
  const folder = temporaryFolder('collector');
  const logFile = join(folder.path, 'logs', 'bot.log');
  let service: Service;
  let collector: RunningChild;
  let bot: Bot;

  beforeAll(async () => {
    const binary = buildCollector();
    const [grpcPort = 0, httpPort = 0, healthPort = 0, ownPort = 0, metricsPort = 0] =
      await freePorts(5);
    mkdirSync(join(folder.path, 'logs'));
    writeFileSync(logFile, '');
    service = await startService({ config: { detection: false } });
    collector = startChild({
      name: 'collector',
      command: binary,
      args: [`--config=${join(ROOT, 'otel-collector.yaml')}`],
      env: {
        TAPROOT_ENDPOINT: service.otlpHttpUrl,
        COLLECTOR_OTLP_GRPC: `127.0.0.1:${grpcPort}`,
        COLLECTOR_OTLP_HTTP: `127.0.0.1:${httpPort}`,
        COLLECTOR_HEALTH: `127.0.0.1:${healthPort}`,
        COLLECTOR_METRICS_PORT: String(ownPort),
        COLLECTOR_DEBUG_FILE: join(folder.path, 'debug', 'telemetry.jsonl'),
        COZE_LOG_FILE: join(folder.path, 'logs', '*.log'),
        PROMETHEUS_TARGET: `127.0.0.1:${metricsPort}`,
        PROMETHEUS_SCRAPE_INTERVAL: '1s',
        PROMETHEUS_SCRAPE_TIMEOUT: '1s',
        PROMETHEUS_JOB: 'scraped-bot',
        OTEL_SERVICE_NAME: 'tailed-bot',
        COZE_BOT_ID: '7348293401234567890',
        COZE_WORKSPACE_ID: WORKSPACE,
        COZE_ENVIRONMENT: 'staging',
      },
      dir: folder.path,
    });
    await waitFor('the Collector to be ready', {
      timeoutMs: 30_000,
      children: [collector],
      check: async () =>
        (await fetch(`http://127.0.0.1:${healthPort}`)).status === 200 ? true : undefined,
    });
    bot = await startBot({
      serviceName: SERVICE,
      protocol: 'grpc',
      endpoint: `http://127.0.0.1:${grpcPort}`,
      ratePerSecond: 20,
      metricsPort,
    });
  }, BUILD_TIMEOUT_MS);

  afterAll(async () => {
    await bot?.stop();
    await collector?.stop();
    await service?.stop();
    folder.remove();
  });

  test('spans and logs of the SDK arrive', async () => {
    const trace = await waitFor('a trace with logs', {
      timeoutMs: 30_000,
      children: [collector, service.child],
      check: async () => {
        const query = `/traces?service=${SERVICE}&operation=execute_tool%20weather_v2`;
        const { items } = await getJson(service, query, 'traces');
        if (items[0] === undefined) return undefined;
        const trace = await getJson(service, `/traces/${items[0].traceId}`, 'trace');
        return trace.logs.length > 0 ? trace : undefined;
      },
    });
    const resource = trace.spans[0]?.resource ?? {};
    expect(resource['service.namespace']).toBe('coze-bot');
    // What the SDK said itself stands; the Collector only fills in.
    expect(resource['deployment.environment.name']).toBe('sandbox');
  });

  test('a line of the log file arrives on its trace with the identity of the environment', async () => {
    const { items } = await getJson(service, `/traces?service=${SERVICE}`, 'traces');
    const traceId = items[0]?.traceId ?? '';
    const line = {
      time: new Date().toISOString(),
      level: 'warn',
      message: '订单网关 slow, timeout=5000ms',
      trace_id: traceId,
      span_id: '00f067aa0ba902b7',
    };
    const found = await waitFor('the line', {
      timeoutMs: 20_000,
      children: [collector],
      check: async () => {
        // The file is tailed from its end, which the Collector may not have looked for yet.
        appendFileSync(logFile, `${JSON.stringify(line)}\n`);
        const logs = await getJson(service, `/logs?service=tailed-bot`, 'logs');
        return logs.items[0];
      },
    });
    expect(found.traceId).toBe(traceId);
    expect(found.body).toBe(line.message);
    expect(found.severity).toBe(13);
    expect(found.resource).toMatchObject({
      'coze.workspace.id': WORKSPACE,
      'deployment.environment.name': 'staging',
    });
  });

  test('metrics arrive by OTLP and by scraping', async () => {
    await waitFor('both kinds of metrics', {
      timeoutMs: 30_000,
      children: [collector, service.child],
      check: async () => {
        const pushed = await getJson(service, `/metrics?name=db.client.connection.max`, 'metrics');
        const scraped = await getJson(service, `/metrics?name=db_client_connection_max`, 'metrics');
        return pushed.items.length > 0 && scraped.items.length > 0 ? true : undefined;
      },
    });
  });

  test('the debug pipelines write OTLP JSON lines of all three signals', async () => {
    const kinds = await waitFor('the debug file', {
      timeoutMs: 20_000,
      children: [collector],
      check: async () => {
        const text = readFileSync(join(folder.path, 'debug', 'telemetry.jsonl'), 'utf8');
        const lines = text.split('\n').slice(0, -1);
        const kinds = new Set(lines.map((line) => Object.keys(JSON.parse(line) as object)[0]));
        return kinds.size === 3 ? kinds : undefined;
      },
    });
    expect(kinds).toEqual(new Set(['resourceSpans', 'resourceLogs', 'resourceMetrics']));
  });

  test('a fault seen only through the Collector is found', async () => {
    const referenceFrom = Date.now();
    await seeRequests(service, { serviceName: SERVICE, since: referenceFrom, count: 150 });
    const windowFrom = Date.now();
    await bot.setFault('kb_slow', true);
    await seeRequests(service, { serviceName: SERVICE, since: windowFrom + 5000, count: 250 });
    const report = await diagnose(service, {
      window: { from: windowFrom, to: Date.now() },
      reference: { from: referenceFrom, to: windowFrom },
      scope: { service: SERVICE },
    });
    expect(report.steps.verify.hypotheses[0]?.ruleId).toBe('kb-slow');
    expect(report.steps.collect.signals.spans).toBeGreaterThan(1000);
  });
});

function buildCollector(): string {
  const build = spawnSync(process.execPath, [join(ROOT, 'scripts/build-collector.mjs')], {
    encoding: 'utf8',
    timeout: BUILD_TIMEOUT_MS,
    env: { ...process.env, ...(go === undefined ? {} : { TAPROOT_GO: go }) },
  });
  if (build.status !== 0) throw new Error(`Cannot build the Collector:\n${build.stderr}`);
  return build.stdout.trim().split('\n').at(-1) ?? '';
}
