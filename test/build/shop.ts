/**
 * A small shop that makes traffic for tests: calls run one after the other, durations scatter log-normally,
 * and a fault changes single calls. gateway calls orders, users and cart; all three query one database.
 */
import type { InfraKind, SpanKind } from '../../src/model/vocabulary.ts';
import { createRandom, type Random } from './random.ts';
import type { SpanLiteral } from './span-table.ts';

export interface Call {
  readonly service: string;
  readonly operation: string;
  readonly kind: SpanKind;
  readonly ownUs: number;
  readonly infra?: InfraKind;
  readonly target?: string;
  readonly calls?: readonly Call[];
}

/** What a fault does to one call. */
export interface Effect {
  readonly addUs?: number;
  readonly error?: string;
  /** The call ends before it makes its own calls. */
  readonly skipCalls?: boolean;
}

export interface Request {
  readonly random: Random;
  readonly index: number;
  readonly attributes: Record<string, string>;
  /** By service. */
  readonly versions: Record<string, string>;
}

export type Fault = (call: Call, request: Request) => Effect | undefined;

export const DATABASE = 'db postgresql orders-db:5432';

function query(service: string, operation: string): Call {
  return { service, operation, kind: 'client', ownUs: 2000, infra: 'db', target: DATABASE };
}

function remote(caller: string, callee: string, call: Omit<Call, 'service' | 'kind'>): Call {
  const server: Call = { ...call, service: callee, kind: 'server' };
  return {
    service: caller,
    operation: `call ${callee}`,
    kind: 'client',
    ownUs: 500,
    calls: [server],
  };
}

export const SHOP: Call = {
  service: 'gateway',
  operation: 'GET /checkout',
  kind: 'server',
  ownUs: 3000,
  calls: [
    remote('gateway', 'users', {
      operation: 'GET /me',
      ownUs: 1500,
      calls: [query('users', 'select user')],
    }),
    remote('gateway', 'cart', {
      operation: 'GET /cart',
      ownUs: 1500,
      calls: [query('cart', 'select cart')],
    }),
    remote('gateway', 'orders', {
      operation: 'POST /order',
      ownUs: 2500,
      calls: [
        query('orders', 'insert order'),
        remote('orders', 'payment', { operation: 'charge', ownUs: 4000 }),
      ],
    }),
  ],
};

export function shopTraffic(options: {
  readonly seed: number;
  readonly requests: number;
  readonly fromUs: number;
  readonly fault?: Fault;
  /** Attributes and versions of a request, before any fault looks at them. */
  readonly dress?: (request: Request) => void;
}): SpanLiteral[] {
  const random = createRandom(options.seed);
  const spans: SpanLiteral[] = [];
  for (let index = 0; index < options.requests; index++) {
    const request: Request = { random, index, attributes: {}, versions: {} };
    options.dress?.(request);
    const trace = (options.seed * 100_000 + index).toString(16).padStart(32, '0');
    const startUs = options.fromUs + Math.floor((index * 600_000_000) / options.requests);
    runCall(SHOP, { request, trace, startUs, spans, fault: options.fault ?? (() => undefined) });
  }
  return spans;
}

interface Run {
  readonly request: Request;
  readonly trace: string;
  readonly startUs: number;
  readonly spans: SpanLiteral[];
  readonly fault: Fault;
  readonly parent?: string;
}

/** Adds the spans of a call; returns its end and whether it failed. A failed callee fails its callers. */
function runCall(call: Call, run: Run): { readonly endUs: number; readonly isFailed: boolean } {
  const { request, trace, startUs, spans, fault } = run;
  const effect = fault(call, request) ?? {};
  const id = spans.length.toString(16).padStart(16, '0');
  const at = spans.length;
  spans.push({ trace, id, service: '', operation: '', startUs, durationUs: 0 }); // filled below
  const ownUs = call.ownUs * Math.exp(0.2 * request.random.normal()) + (effect.addUs ?? 0);
  let cursorUs = startUs + Math.round(ownUs / 2);
  let isFailed = effect.error !== undefined;
  for (const child of effect.skipCalls ? [] : (call.calls ?? [])) {
    const done = runCall(child, { ...run, startUs: cursorUs, parent: id });
    cursorUs = done.endUs;
    isFailed ||= done.isFailed;
  }
  const endUs = cursorUs + Math.round(ownUs / 2);
  const error = effect.error ?? (isFailed ? 'UpstreamError' : undefined);
  const version = request.versions[call.service];
  spans[at] = {
    trace,
    id,
    service: call.service,
    operation: call.operation,
    kind: call.kind,
    startUs,
    durationUs: endUs - startUs,
    ...(run.parent === undefined ? {} : { parent: run.parent }),
    ...(call.infra === undefined ? {} : { infra: call.infra }),
    ...(call.target === undefined ? {} : { target: call.target }),
    ...(error === undefined ? {} : { error }),
    ...(version === undefined ? {} : { version }),
    ...(run.parent === undefined ? { attributes: request.attributes } : {}),
  };
  return { endUs, isFailed };
}
