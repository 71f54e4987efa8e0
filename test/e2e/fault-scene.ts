/**
 * The built service with faults at hand, senders over both transports that re-send what was not acknowledged, and what must
 * hold at the end of every scene: nothing acknowledged is lost, nothing is counted twice, all is taken in the end.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { frameOf, GrpcConnection } from '../conformance/grpc-wire.ts';
import { encodeMessage, REQUEST_TYPES } from '../otlp/otlp-schema.ts';
import { Random } from '../store/generate.ts';
import { ROOT, temporaryFolder, waitFor } from './child.ts';
import type { FaultControl } from './fault-control.ts';
import { checkStore } from './kill-check.ts';
import { createTraffic, type Traffic } from './kill-traffic.ts';
import { type Service, startService } from './service.ts';
import { openFaults } from './shim.ts';

const MIB = 1024 * 1024;
/** What waiting senders may add: each has one small request under way. */
const MEMORY_GROWTH_BYTES_MAX = 128 * MIB;
const UPKEEP_MS = 250;
const PROBE_TIMEOUT_MS = 35_000;
const GRPC_TRACES = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';

export interface FaultScene {
  readonly control: FaultControl;
  readonly traffic: Traffic;
  service(): Service;
  /** Until so many more requests are acknowledged. */
  progress(count: number): Promise<void>;
  /** By SIGKILL, and a new start on the same data. */
  restart(options: { readonly beforeStart: () => void }): Promise<void>;
  /** Lets the senders finish, stops the service and compares the data with what the senders were told. */
  finish(): Promise<void>;
  /** Whatever happened. */
  remove(): Promise<void>;
}

export interface FaultSceneOptions {
  /** Beside what the faults need. */
  readonly env?: Readonly<Record<string, string>>;
  readonly config?: Readonly<Record<string, unknown>>;
}

/** Undefined without gcc. */
export async function openFaultScene({
  env = {},
  config = {},
}: FaultSceneOptions = {}): Promise<FaultScene | undefined> {
  const folder = temporaryFolder('faults');
  const faults = openFaults(folder.path);
  if (!faults) {
    folder.remove();
    return undefined;
  }
  const { control } = faults;
  const dataDir = join(folder.path, 'data');
  const seed = process.pid;
  const traffic = createTraffic(new Random(seed));
  let service: Service | undefined;
  let isOver = false;
  let running = Promise.resolve();
  const current = (): Service => {
    if (!service) throw new Error('The service does not run');
    return service;
  };
  const start = async () => {
    service = await startService({
      config: { dataDir, detection: false, selfTracing: false, logLevel: 'warn', ...config },
      env: {
        NODE_OPTIONS: `--import=${join(ROOT, 'dist/test/e2e/kill-here.js')}`,
        KILL_UPKEEP_MS: String(UPKEEP_MS),
        ...faults.env,
        ...env,
      },
    });
    const urls = { http: new URL(service.otlpHttpUrl), grpc: new URL(service.otlpGrpcUrl) };
    running = traffic.run({ urls, isOver: () => isOver });
  };
  const remove = async () => {
    isOver = true;
    service?.child.kill();
    await running;
    await service?.stop();
    control.close();
    folder.remove();
  };
  try {
    await start();
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    control,
    traffic,
    service: current,
    progress: async (count) => {
      const wanted = traffic.acknowledged.size + count;
      await waitFor(`${count} more acknowledgements`, {
        timeoutMs: 30_000,
        children: [current().child],
        check: async () => (traffic.acknowledged.size >= wanted ? true : undefined),
      });
    },
    restart: async ({ beforeStart }) => {
      current().child.kill();
      await running;
      await current().stop();
      beforeStart();
      await start();
    },
    finish: async () => {
      isOver = true;
      await running;
      await current().stop();
      const balance = checkStore(dataDir, traffic, { possible: new Set(), done: new Set() });
      expect(balance.faults, `seed ${seed}`).toEqual([]);
      expect([balance.lostRows, balance.doubledRows], `seed ${seed}`).toEqual([0, 0]);
      expect(traffic.acknowledged.size, `seed ${seed}`).toBe(traffic.sent.size);
    },
    remove,
  };
}

/** A sender of either transport is told to come again later, and when. */
export async function expectToldToWait(service: Service): Promise<void> {
  const http = await postTrace(service);
  expect([http.status, http.headers.get('retry-after')], await http.text()).toEqual([503, '1']);
  const grpc = await callExport(service);
  expect(grpc.status, grpc.message).toBe(14); // UNAVAILABLE
  expect(Buffer.from(grpc.details ?? []).toString('latin1')).toContain('google.rpc.RetryInfo');
}

/** Health, counters and queries answer. */
export async function expectReadable(service: Service): Promise<void> {
  for (const path of ['/healthz', '/metrics', '/api/v1/traces?limit=5', '/api/v1/endpoints']) {
    const answer = await fetch(`${service.apiUrl}${path}`, { signal: timeout() });
    expect(answer.status, `${path}: ${await answer.text()}`).toBe(200);
  }
}

/** One sample of /metrics, summed over its labels; 0 when there is none. */
export async function readCounter(service: Service, name: string): Promise<number> {
  const text = await (await fetch(`${service.apiUrl}/metrics`, { signal: timeout() })).text();
  const values = text.split('\n').filter((line) => line.split(/[ {]/)[0] === name);
  return values.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

/** Notes the memory of now; the function that it gives expects it to have stayed about there. */
export function watchMemory(service: Service): () => void {
  const before = residentBytes(service.child.pid);
  return () => {
    const grownBytes = residentBytes(service.child.pid) - before;
    expect(grownBytes).toBeLessThan(MEMORY_GROWTH_BYTES_MAX);
  };
}

export function residentBytes(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kib) * 1024;
}

export function postTrace(service: Service, body = probeBody()): Promise<Response> {
  return fetch(`${service.otlpHttpUrl}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-protobuf' },
    body: new Uint8Array(body),
    signal: timeout(),
  });
}

async function callExport(service: Service) {
  const connection = new GrpcConnection(service.otlpGrpcUrl);
  try {
    return await connection.call({
      path: GRPC_TRACES,
      headers: {},
      bytes: frameOf(probeBody()),
      timeoutMs: PROBE_TIMEOUT_MS,
    });
  } finally {
    connection.close();
  }
}

let probeCount = 0;

/** One span of a trace that no sender of the traffic uses. */
export function probeBody(): Uint8Array {
  const traceId = new Uint8Array(16).fill(0xee);
  new DataView(traceId.buffer).setUint32(8, ++probeCount);
  const startTimeUnixNano = String(BigInt(Date.now()) * 1_000_000n);
  const span = {
    traceId,
    spanId: new Uint8Array(8).fill(1),
    name: 'probe',
    startTimeUnixNano,
    endTimeUnixNano: startTimeUnixNano,
  };
  return encodeMessage(REQUEST_TYPES.traces, {
    resourceSpans: [{ scopeSpans: [{ spans: [span] }] }],
  });
}

function timeout(): AbortSignal {
  return AbortSignal.timeout(PROBE_TIMEOUT_MS);
}
