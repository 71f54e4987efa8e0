/** The receiver under test as one run of a check sees it: its wire, its signal, senders, and what came back so far. */
import type { Agent } from 'node:http';
import { gzipSync } from 'node:zlib';
import { Fault, type Signal, Skip, type Wire } from './check.ts';
import { frameOf, GrpcConnection } from './grpc-wire.ts';
import { exchange, type HttpAnswer, type RawTalk, talk } from './http-wire.ts';
import { mediaTypeOf, type Outcome, outcomeOfGrpc, outcomeOfHttp } from './outcome.ts';
import { encodeFor, goodRequest, type Message, type StableSignal } from './payload.ts';

export interface Target {
  /** Base address of OTLP/HTTP; `/v1/traces` and so on are added. */
  readonly http: URL;
  /** `http://host:port` of OTLP/gRPC; without it, checks over gRPC are skipped. */
  readonly grpc: string | undefined;
  /** Added to every request: tokens. */
  readonly headers: Readonly<Record<string, string>>;
  /** The limit of a body after decompression, as configured at the receiver. */
  readonly bodyLimitBytes: number;
  /** False: the limit is the recommended default, assumed. */
  readonly isBodyLimitKnown: boolean;
  /** Bytes of unfinished requests that fill the receiver's budget; without it, throttling is not looked at. */
  readonly overloadBytes: number | undefined;
  /** Longest wait for one answer. */
  readonly timeoutMs: number;
  /** Longest wait for a receiver to cut off a slow sender. */
  readonly slowMs: number;
}

const HTTP_PATHS: Readonly<Record<Signal, string>> = {
  traces: '/v1/traces',
  logs: '/v1/logs',
  metrics: '/v1/metrics',
  profiles: '/v1development/profiles',
};

const GRPC_PATHS: Readonly<Record<Signal, string>> = {
  traces: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
  logs: '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
  metrics: '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
  profiles: '/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export',
};

/** A receiver that says nothing for so long on a bare connection has nothing more to say. */
const QUIET_MS = 2000;

export interface SendOptions {
  readonly isGzip?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
}

export class Probe {
  readonly target: Target;
  readonly wire: Wire;
  readonly #signal: Signal;
  #connection: GrpcConnection | undefined;
  #said = '';

  constructor(target: Target, on: { readonly wire: Wire; readonly signal: Signal }) {
    this.target = target;
    this.wire = on.wire;
    this.#signal = on.signal;
  }

  get anySignal(): Signal {
    return this.#signal;
  }

  /** The signal, where the check looks at fields of its items. */
  get signal(): StableSignal {
    if (this.#signal === 'profiles') throw new Error('profiles are not looked at so closely');
    return this.#signal;
  }

  get httpWire(): Exclude<Wire, 'grpc'> {
    if (this.wire === 'grpc') throw new Error('this check is for OTLP/HTTP only');
    return this.wire;
  }

  /** What the receiver answered last, in words. */
  get said(): string {
    return this.#said;
  }

  note(said: string): void {
    this.#said = said;
  }

  close(): void {
    this.#connection?.close();
    this.#connection = undefined;
  }

  /** Bytes of a message in the encoding of this wire. */
  encode(message: Message): Uint8Array {
    return encodeFor(this.wire, this.#signal, message);
  }

  send(message: Message, options: SendOptions = {}): Promise<Outcome> {
    return this.sendBytes(this.encode(message), options);
  }

  /** One Export of these bytes over this wire. */
  async sendBytes(body: Uint8Array, options: SendOptions = {}): Promise<Outcome> {
    const { isGzip = false, headers = {} } = options;
    if (this.wire === 'grpc') {
      const encoding = isGzip ? { 'grpc-encoding': 'gzip' } : {};
      const frame = isGzip ? frameOf(gzipSync(body), { flag: 1 }) : frameOf(body);
      return this.call(frame, { headers: { ...encoding, ...headers } });
    }
    const encoding = isGzip ? { 'content-encoding': 'gzip' } : {};
    const sent = isGzip ? gzipSync(body) : body;
    return this.outcomeOf(await this.post(sent, { headers: { ...encoding, ...headers } }));
  }

  /** One gRPC call whose request stream is these bytes. */
  async call(
    bytes: Uint8Array,
    options: {
      readonly path?: string;
      readonly headers?: Readonly<Record<string, string>>;
      readonly isLeftOpen?: boolean;
      readonly timeoutMs?: number;
    } = {},
  ): Promise<Outcome> {
    const { path = GRPC_PATHS[this.#signal], isLeftOpen = false } = options;
    const answer = await this.#grpc().call({
      path,
      bytes,
      headers: { ...this.target.headers, ...options.headers },
      isLeftOpen,
      timeoutMs: options.timeoutMs ?? this.target.timeoutMs,
    });
    const outcome = outcomeOfGrpc(answer, this.#signal);
    this.#said = outcome.said;
    return outcome;
  }

  /** One HTTP request to the path of the signal, or another. */
  async post(
    body: Uint8Array | readonly Uint8Array[],
    options: {
      readonly path?: string;
      readonly method?: string;
      readonly headers?: Readonly<Record<string, string>>;
      readonly agent?: Agent;
    } = {},
  ): Promise<HttpAnswer> {
    const { path = HTTP_PATHS[this.#signal], method = 'POST', agent } = options;
    const answer = await exchange(this.#url(path), {
      method,
      body,
      headers: {
        'content-type': mediaTypeOf(this.httpWire),
        ...this.target.headers,
        ...options.headers,
      },
      ...(agent ? { agent } : {}),
      timeoutMs: this.target.timeoutMs,
    });
    this.#said = `HTTP ${answer.status}`;
    return answer;
  }

  outcomeOf(answer: HttpAnswer): Outcome {
    const outcome = outcomeOfHttp(answer, { wire: this.httpWire, signal: this.#signal });
    this.#said = outcome.said;
    return outcome;
  }

  /** Bytes on a bare connection to the HTTP port. */
  async talk(
    send: string | Uint8Array,
    options: { readonly isDone?: (text: string) => boolean } = {},
  ): Promise<RawTalk> {
    const quietMs = Math.min(QUIET_MS, this.target.timeoutMs);
    const talked = await talk(this.target.http, { send, quietMs, ...options });
    const end = talked.isClosed ? 'then closed' : 'then silence';
    this.#said = `${JSON.stringify(talked.text.slice(0, 200))}, ${end}`;
    return talked;
  }

  /** Head of a raw HTTP request to the signal's path, up to and without the empty line. */
  rawHead(headers: Readonly<Record<string, string>>, method = 'POST'): string {
    const { pathname, host } = this.#url(HTTP_PATHS[this.#signal]);
    const all = { host, ...this.target.headers, ...headers };
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
    return `${method} ${pathname} HTTP/1.1\r\n${lines.join('')}`;
  }

  /** After something hostile: a good sender is served as before. */
  async assertAlive(): Promise<void> {
    const said = this.#said;
    const outcome = await this.send(goodRequest(this.#signal));
    if (outcome.kind === 'failure') {
      throw new Fault(`${said}; a good request afterwards got ${outcome.said}`);
    }
    this.#said = said;
  }

  #url(path: string): URL {
    const { http } = this.target;
    return new URL(http.pathname.replace(/\/$/, '') + path, http);
  }

  #grpc(): GrpcConnection {
    const { grpc } = this.target;
    if (grpc === undefined) throw new Skip('no gRPC address was given');
    this.#connection ??= new GrpcConnection(grpc);
    return this.#connection;
  }
}
