/** Limits of both directions, and what a receiver says when it is full. */
import type { Socket } from 'node:net';
import { type Check, Fault, HTTP_WIRES, type Level, SIGNALS, Skip, WIRES } from './check.ts';
import { CLAUSES } from './clauses.ts';
import { expectFailure, expectStatusBody, expectSuccess, expectTooLarge } from './expect.ts';
import { frameOf } from './grpc-wire.ts';
import { openSocket, statusesIn } from './http-wire.ts';
import { mediaTypeOf, type Outcome, RESPONSE_BYTES_MAX } from './outcome.ts';
import { badItem, goodRequest, paddedRequest, requestOf } from './payload.ts';
import type { Probe } from './probe.ts';

const everywhere = { wires: WIRES, signals: SIGNALS } as const;
const overHttp = { wires: HTTP_WIRES, signals: SIGNALS } as const;
const MUST: { readonly level: Level } = { level: 'must' };
const SHOULD: { readonly level: Level } = { level: 'should' };

export const LIMIT_CHECKS: readonly Check[] = [
  {
    id: 'limit.body',
    title: 'limits the body: 413, over gRPC RESOURCE_EXHAUSTED without RetryInfo',
    clause: CLAUSES.httpRequest,
    sends: 'a valid request one byte over the limit, not compressed',
    ...MUST,
    wires: WIRES,
    signals: ['traces'],
    run: async (probe) => {
      const { bodyLimitBytes } = probe.target;
      expectLimited(probe, await probe.sendBytes(paddedRequest(probe.wire, bodyLimitBytes + 1)));
      await probe.assertAlive();
    },
  },
  {
    id: 'limit.inflated-body',
    title: 'limits the body after decompression just so',
    clause: CLAUSES.httpRequest,
    sends: 'a valid request twice the limit, a thousandth of it once compressed with gzip',
    ...MUST,
    wires: WIRES,
    signals: ['traces'],
    run: async (probe) => {
      const body = paddedRequest(probe.wire, 2 * probe.target.bodyLimitBytes);
      expectLimited(probe, await probe.sendBytes(body, { isGzip: true }));
      await probe.assertAlive();
    },
  },
  {
    id: 'limit.allows-its-size',
    title: 'takes a body that just fits the limit',
    clause: CLAUSES.httpRequest,
    sends: 'a valid request of exactly the limit, compressed with gzip',
    ...SHOULD,
    wires: WIRES,
    signals: ['traces'],
    run: async (probe) => {
      const { bodyLimitBytes, isBodyLimitKnown } = probe.target;
      const body = paddedRequest(probe.wire, bodyLimitBytes);
      const outcome = await probe.sendBytes(body, { isGzip: true });
      if (outcome.kind === 'failure' && !isBodyLimitKnown) {
        throw new Skip(`the receiver's limit is below ${bodyLimitBytes} bytes`);
      }
      expectSuccess(outcome);
    },
  },
  {
    id: 'limit.announced-body',
    title: 'refuses a body by its announced length, before it is sent',
    clause: CLAUSES.httpRequest,
    sends: 'the head of a request whose Content-Length is one byte over the limit, and no body',
    ...SHOULD,
    wires: HTTP_WIRES,
    signals: ['traces'],
    run: async (probe) => {
      const { bodyLimitBytes } = probe.target;
      const length = String(bodyLimitBytes + 1);
      const type = mediaTypeOf(probe.httpWire);
      const head = probe.rawHead({ 'content-type': type, 'content-length': length });
      const isDone = (text: string) => statusesIn(text).length > 0;
      const { text } = await probe.talk(`${head}\r\n`, { isDone });
      if (statusesIn(text)[0] !== 413) throw new Fault(`${probe.said}: not 413`);
      await probe.assertAlive();
    },
  },
  {
    id: 'limit.headers',
    title: 'limits the header lines of a request',
    clause: CLAUSES.slowness,
    sends: 'a request with 4 MiB of header lines',
    ...SHOULD,
    wires: ['http/protobuf'],
    signals: ['traces'],
    run: async (probe) => {
      const lines = `x-filler: ${'y'.repeat(4000)}\r\n`.repeat(1050);
      const { text, isClosed } = await probe.talk(`${probe.rawHead({})}${lines}\r\n`);
      const [status = 0] = statusesIn(text);
      if (!isClosed || (status !== 0 && status < 400)) throw new Fault(probe.said);
      await probe.assertAlive();
    },
  },
  {
    id: 'limit.response',
    title: 'answers in at most 4 MiB, whatever it has to say',
    clause: CLAUSES.response,
    sends: 'a request whose faults fill more: 20 000 bad items, each with a long name',
    ...MUST,
    ...everywhere,
    run: async (probe) => {
      const name = 'x'.repeat(Math.ceil(RESPONSE_BYTES_MAX / 20_000) + 50);
      const bad = Array.from({ length: 20_000 }, () => badItem(probe.signal, name));
      // Every answer is measured where it is read.
      await probe.send(requestOf(probe.signal, ...bad));
      await probe.assertAlive();
    },
  },
  ...throttleChecks(),
];

function throttleChecks(): readonly Check[] {
  return [
    {
      id: 'throttle.http',
      title: 'when full, answers 429 or 503 with Retry-After and a Status',
      clause: CLAUSES.throttling,
      sends: 'a good request while unfinished ones fill the budget (--overload BYTES)',
      ...SHOULD,
      ...overHttp,
      run: (probe) =>
        whileFull(probe, async () => {
          const answer = await probe.post(fillingRequest(probe));
          const failure = expectFailure(probe.outcomeOf(answer));
          if (failure.status !== 429 && failure.status !== 503) {
            throw new Fault(`${failure.said}: neither 429 nor 503`);
          }
          expectStatusBody(failure);
          const retryAfter = answer.headers['retry-after'] ?? '';
          const isTime = /^\d+$/.test(retryAfter) || !Number.isNaN(Date.parse(retryAfter));
          if (!isTime) throw new Fault(`${failure.said}, Retry-After "${retryAfter}"`);
        }),
    },
    {
      id: 'throttle.grpc',
      title: 'when full, answers UNAVAILABLE with RetryInfo',
      clause: CLAUSES.grpcThrottling,
      sends: 'a good call while unfinished requests fill the budget (--overload BYTES)',
      ...SHOULD,
      wires: ['grpc'],
      signals: SIGNALS,
      run: (probe) =>
        whileFull(probe, async () => {
          const failure = expectFailure(await probe.call(frameOf(fillingRequest(probe))));
          if (failure.status !== 14) throw new Fault(`${failure.said}: not UNAVAILABLE`);
          if (!failure.rpcStatus?.details.includes('RetryInfo')) {
            throw new Fault(`${failure.said}: no RetryInfo`);
          }
        }),
    },
  ];
}

/** Large enough not to fit beside what is held. */
function fillingRequest(probe: Probe): Uint8Array {
  return paddedRequest(probe.wire, Math.ceil((probe.target.overloadBytes ?? 0) / 4));
}

/** Holds unfinished requests of `overloadBytes` together while `work` runs, then expects to be served again. */
async function whileFull(probe: Probe, work: () => Promise<void>): Promise<void> {
  const { overloadBytes } = probe.target;
  if (overloadBytes === undefined) throw new Skip('--overload was not given');
  const held = await untilFull(probe, overloadBytes);
  try {
    await work();
  } finally {
    held.letGo();
  }
  const said = probe.said;
  await untilServed(probe);
  probe.note(`${said}; served again once the others are gone`);
}

interface Held {
  /** The receiver has answered one of them: it holds less than was meant. */
  isRefused(): boolean;
  letGo(): void;
}

async function untilFull(probe: Probe, overloadBytes: number): Promise<Held> {
  for (let attempt = 0; attempt < HOLDS_MAX; attempt++) {
    const held = await holdRequests(probe, overloadBytes);
    // Small ones that fit beside: by their answers, the receiver has read what was sent before.
    for (let index = 0; index < ROUND_TRIPS; index++) await probe.send(goodRequest(probe.signal));
    const outcome = await probe.sendBytes(fillingRequest(probe));
    if (outcome.kind === 'failure' && !held.isRefused()) return held;
    held.letGo();
  }
  throw new Skip('the receiver takes more than --overload');
}

/** Requests over HTTP that announce one byte more than they send. */
async function holdRequests(probe: Probe, overloadBytes: number): Promise<Held> {
  const { http, bodyLimitBytes } = probe.target;
  const pieceCount = Math.ceil(overloadBytes / bodyLimitBytes);
  const pieceBytes = Math.floor((0.9 * overloadBytes) / pieceCount);
  const sockets: Socket[] = [];
  let isRefused = false;
  for (let piece = 0; piece < pieceCount; piece++) {
    const socket = await openSocket(http);
    sockets.push(socket);
    socket.on('error', () => {}); // It is cut in the end.
    socket.on('data', () => {
      isRefused = true;
    });
    const type = mediaTypeOf('http/protobuf');
    const head = probe.rawHead({ 'content-type': type, 'transfer-encoding': 'chunked' });
    socket.write(`${head}\r\n${(pieceBytes + 1).toString(16)}\r\n`);
    await new Promise((resolve) => socket.write(Buffer.alloc(pieceBytes), resolve));
  }
  return {
    isRefused: () => isRefused,
    letGo: () => {
      for (const socket of sockets) socket.destroy();
    },
  };
}

async function untilServed(probe: Probe): Promise<void> {
  let outcome: Outcome | undefined;
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    outcome = await probe.send(goodRequest(probe.signal));
    if (outcome.kind === 'success') return;
  }
  throw new Fault(`${outcome?.said}: still not served when nothing is held any more`);
}

const HOLDS_MAX = 5;
const ROUND_TRIPS = 5;
/** Connections that were cut may count for a moment. */
const ATTEMPTS_MAX = 25;

function expectLimited(probe: Probe, outcome: Outcome): void {
  const { bodyLimitBytes, isBodyLimitKnown } = probe.target;
  if (outcome.kind === 'success' && !isBodyLimitKnown) {
    const said = `${outcome.said}: over ${bodyLimitBytes} bytes taken; give --body-limit if the limit is higher`;
    throw new Fault(said, 'should');
  }
  expectTooLarge(outcome);
}
