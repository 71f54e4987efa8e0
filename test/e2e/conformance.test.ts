/**
 * The conformance suite against the built product: every must holds, docs/conformance.md tells the result, and what
 * was sent twice is stored once.
 */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { encodeFor, itemOf, requestOf } from '../conformance/payload.ts';
import type { Target } from '../conformance/probe.ts';
import { CHECKS, type Result, runSuite } from '../conformance/suite.ts';
import { renderResults } from '../conformance/tables.ts';
import { getJson, type Service, startService } from './service.ts';

const MIB = 1024 * 1024;
/** A budget that one unfinished request fills. */
const TINY_BUDGET = { bodyBytesMax: MIB, inflightBytesMax: MIB };
/** Bombs are twice the limit of 64 MiB; none may be inflated beyond it. */
const PEAK_MIB_MAX = 1024;

let service: Service;
let tiny: Service;
let results: readonly Result[] = [];

beforeAll(async () => {
  service = await startService({ config: { detection: false, selfTracing: false } });
  tiny = await startService({ config: { detection: false, selfTracing: false, ...TINY_BUDGET } });
  const isThrottle = (id: string) => id.startsWith('throttle.');
  const onTiny = await runSuite({
    target: { ...targetOf(tiny, MIB), overloadBytes: MIB },
    checks: CHECKS.filter(({ id }) => isThrottle(id)),
  });
  const onService = await runSuite({ target: targetOf(service, 64 * MIB) });
  results = onService.map(
    (result) =>
      onTiny.find(
        ({ id, wire, signal }) =>
          id === result.id && wire === result.wire && signal === result.signal,
      ) ?? result,
  );
});

afterAll(async () => {
  await service?.stop();
  await tiny?.stop();
});

test('every must of OTLP 1.11 holds', () => {
  expect(results.length).toBeGreaterThan(450);
  expect(results.filter(({ verdict }) => verdict === 'fail').map(shown)).toEqual([]);
});

test('what falls short of a should is known and explained in docs/conformance.md', () => {
  const warned = results.filter(({ verdict }) => verdict === 'warning');
  const page = readPage();
  for (const result of warned) expect(page, shown(result)).toContain(`\`${result.id}\`: `);
});

test('docs/conformance.md tells these results (dist/test/conformance/main.js --markdown)', () => {
  const told = readPage().split("## Taproot's results")[1]!.split('What falls short')[0]!;
  const rows = told.split('\n').filter((line) => line.startsWith('|'));
  expect(rows).toEqual(renderResults(results).split('\n'));
});

test.skipIf(process.platform !== 'linux')('bombs cost bounded memory', () => {
  const status = readFileSync(`/proc/${service.child.pid}/status`, 'utf8');
  const peakMib = Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1]) / 1024;
  expect(peakMib).toBeLessThan(PEAK_MIB_MAX);
});

test('a span that is sent again, in another encoding, is stored once', async () => {
  const item = itemOf('traces');
  const request = requestOf('traces', item);
  for (const [wire, type] of [
    ['http/protobuf', 'application/x-protobuf'],
    ['http/protobuf', 'application/x-protobuf'],
    ['http/json', 'application/json'],
  ] as const) {
    const answer = await fetch(`${service.otlpHttpUrl}/v1/traces`, {
      method: 'POST',
      headers: { 'content-type': type },
      body: Buffer.from(encodeFor(wire, 'traces', request)),
      signal: AbortSignal.timeout(10_000),
    });
    expect(answer.status).toBe(200);
  }
  const id = Buffer.from(item['traceId'] as Uint8Array).toString('hex');
  const trace = await getJson(service, `/traces/${id}`, 'trace');
  expect(trace.spans.length).toBe(1);
});

function targetOf(of: Service, bodyLimitBytes: number): Target {
  return {
    http: new URL(of.otlpHttpUrl),
    grpc: of.otlpGrpcUrl,
    headers: {},
    bodyLimitBytes,
    isBodyLimitKnown: true,
    overloadBytes: undefined,
    timeoutMs: 20_000,
    slowMs: 60_000,
  };
}

function readPage(): string {
  return readFileSync(new URL('../../docs/conformance.md', import.meta.url), 'utf8');
}

function shown({ id, wire, signal, got, sent }: Result): string {
  return `${id} ${wire} ${signal}: sent ${sent}; got ${got}`;
}
