/** The built product and the demo bot as processes of their own, on free ports and in temporary folders. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { z } from 'zod';
import { ANSWERS } from '../../src/api/answers.ts';
import {
  freePorts,
  ROOT,
  type RunningChild,
  startChild,
  type TemporaryFolder,
  temporaryFolder,
  waitFor,
} from './child.ts';

const START_TIMEOUT_MS = 30_000;
const REQUEST_TIMEOUT_MS = 40_000;

export interface Service {
  readonly apiUrl: string;
  readonly otlpHttpUrl: string;
  readonly otlpGrpcUrl: string;
  readonly dir: string;
  readonly child: RunningChild;
  stop(): Promise<void>;
}

export interface ServiceOptions {
  /** Merged over ports and folder in the configuration file. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
  /** Default: a free one. */
  readonly apiPort?: number;
}

export async function startService(options: ServiceOptions = {}): Promise<Service> {
  const folder = temporaryFolder('service');
  const [otlpHttpPort = 0, otlpGrpcPort = 0, freePort = 0] = await freePorts(3);
  const apiPort = options.apiPort ?? freePort;
  const configFile = join(folder.path, 'taproot.yaml');
  const ports = { otlpHttpPort, otlpGrpcPort, apiPort };
  const dataDir = join(folder.path, 'data');
  writeFileSync(configFile, stringify({ dataDir, ...ports, ...options.config }));
  const child = startChild({
    name: 'taproot',
    command: process.execPath,
    args: [builtFile('dist/src/main.js'), 'serve', '--config', configFile],
    ...(options.env ? { env: options.env } : {}),
    dir: folder.path,
  });
  const apiUrl = `http://127.0.0.1:${apiPort}`;
  const stop = stopping(child, folder);
  await orStop(stop, () =>
    waitFor('Taproot to be ready', {
      timeoutMs: START_TIMEOUT_MS,
      children: [child],
      check: async () => ((await fetch(`${apiUrl}/readyz`)).status === 200 ? true : undefined),
    }),
  );
  return {
    apiUrl,
    otlpHttpUrl: `http://127.0.0.1:${otlpHttpPort}`,
    otlpGrpcUrl: `http://127.0.0.1:${otlpGrpcPort}`,
    dir: folder.path,
    child,
    stop,
  };
}

export interface Bot {
  readonly url: string;
  readonly metricsUrl: string;
  readonly child: RunningChild;
  setFault(name: string, enabled: boolean, params?: Record<string, number>): Promise<void>;
  stop(): Promise<void>;
}

export interface BotSettings {
  readonly serviceName?: string;
  readonly protocol?: 'http/protobuf' | 'http/json' | 'grpc';
  readonly endpoint: string;
  readonly ratePerSecond: number;
  readonly seed?: number;
  readonly port?: number;
  readonly metricsPort?: number;
  readonly environment?: Readonly<Record<string, string>>;
}

export async function startBot(settings: BotSettings): Promise<Bot> {
  const folder = temporaryFolder('bot');
  const [freePort = 0, freeMetricsPort = 0] = await freePorts(2);
  const port = settings.port ?? freePort;
  const metricsPort = settings.metricsPort ?? freeMetricsPort;
  const flags = {
    port,
    'metrics-port': metricsPort,
    rate: settings.ratePerSecond,
    seed: settings.seed ?? 1,
    day: 60,
    'service-name': settings.serviceName ?? 'coze-demo-bot',
  };
  const child = startChild({
    name: 'bot',
    command: process.execPath,
    args: [
      builtFile('dist/examples/node-bot/src/main.js'),
      ...Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`),
    ],
    env: {
      OTEL_EXPORTER_OTLP_PROTOCOL: settings.protocol ?? 'http/protobuf',
      OTEL_EXPORTER_OTLP_ENDPOINT: settings.endpoint,
      ...settings.environment,
    },
    dir: folder.path,
  });
  const url = `http://127.0.0.1:${port}`;
  const stop = stopping(child, folder);
  await orStop(stop, () =>
    waitFor('the bot to be ready', {
      timeoutMs: START_TIMEOUT_MS,
      children: [child],
      check: async () => ((await fetch(`${url}/healthz`)).status === 200 ? true : undefined),
    }),
  );
  return {
    url,
    metricsUrl: `http://127.0.0.1:${metricsPort}/metrics`,
    child,
    setFault: async (name, enabled, params = {}) => {
      const body = JSON.stringify({ name, enabled, params });
      const answer = await fetch(`${url}/__fault`, { method: 'POST', body });
      if (answer.status !== 200) throw new Error(`Cannot set ${body}: ${await answer.text()}`);
    },
    stop,
  };
}

function builtFile(path: string): string {
  const file = join(ROOT, path);
  if (!existsSync(file)) throw new Error(`${file} is missing: run npm run build first`);
  return file;
}

function stopping(child: RunningChild, folder: TemporaryFolder): () => Promise<void> {
  return async () => {
    await child.stop();
    folder.remove();
  };
}

async function orStop(stop: () => Promise<void>, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    await stop();
    throw error;
  }
}

export type ReportDocument = z.infer<typeof ANSWERS.report>;

/** GET of the API; the answer must fit the schema that the API publishes for it. */
export async function getJson<Name extends keyof typeof ANSWERS>(
  service: Service,
  path: string,
  answer: Name,
): Promise<z.infer<(typeof ANSWERS)[Name]>> {
  const response = await fetch(`${service.apiUrl}/api/v1${path}`, {
    signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
  });
  const body: unknown = await response.json();
  if (response.status !== 200) {
    throw new Error(`GET ${path} answered ${response.status}: ${JSON.stringify(body)}`);
  }
  // The schema of the name yields the type of the name; zod cannot see that through the table.
  return ANSWERS[answer].parse(body) as z.infer<(typeof ANSWERS)[Name]>;
}

/** Asks for a diagnosis and waits for its report. */
export async function diagnose(
  service: Service,
  request: {
    readonly window: { readonly from: number; readonly to: number };
    readonly reference?: { readonly from: number; readonly to: number };
    readonly scope?: Readonly<Record<string, string>>;
  },
): Promise<ReportDocument> {
  const response = await fetch(`${service.apiUrl}/api/v1/diagnoses`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(request),
    signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
  });
  const body = (await response.json()) as { id?: string };
  if (response.status !== 202 || body.id === undefined) {
    throw new Error(`POST /diagnoses answered ${response.status}: ${JSON.stringify(body)}`);
  }
  return waitForReport(service, body.id);
}

export function waitForReport(service: Service, reportId: string): Promise<ReportDocument> {
  return waitFor(`report ${reportId}`, {
    timeoutMs: 60_000,
    children: [service.child],
    check: async () => {
      const response = await fetch(`${service.apiUrl}/api/v1/reports/${reportId}.json`);
      if (response.status === 404) return undefined;
      const body = (await response.json()) as { status?: string };
      if (response.status >= 400) throw new Error(JSON.stringify(body));
      return body.status === 'running' ? undefined : ANSWERS.report.parse(body);
    },
  });
}

/** Waits until the store holds that many of a bot's requests since a time, in epoch milliseconds. */
export function seeRequests(
  service: Service,
  wanted: { readonly serviceName: string; readonly since: number; readonly count: number },
): Promise<true> {
  const query = new URLSearchParams({
    service: wanted.serviceName,
    operation: 'POST /coze/webhook',
    from: String(wanted.since),
    limit: String(wanted.count),
  });
  return waitFor(`${wanted.count} requests of ${wanted.serviceName}`, {
    timeoutMs: 90_000,
    children: [service.child],
    check: async () => {
      const { items } = await getJson(service, `/traces?${query}`, 'traces');
      return items.length >= wanted.count ? true : undefined;
    },
  });
}
