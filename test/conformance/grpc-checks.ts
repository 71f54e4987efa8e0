/** gRPC itself: frames that are bent, compression flags that lie, methods that do not exist. */
import { gzipSync } from 'node:zlib';
import { ALL_SIGNALS, type Check, Fault } from './check.ts';
import { CLAUSES } from './clauses.ts';
import { assertNotRetryable, expectAccepted, expectFailure, expectTooLarge } from './expect.ts';
import { frameOf } from './grpc-wire.ts';
import { goodRequest } from './payload.ts';
import type { Probe } from './probe.ts';

const overGrpc = { wires: ['grpc'], signals: ALL_SIGNALS } as const;
const UNIMPLEMENTED = 12;

export const GRPC_CHECKS: readonly Check[] = [
  {
    id: 'grpc.many-calls',
    title: 'takes many calls on one connection, one after the other and at once',
    level: 'must',
    clause: CLAUSES.grpcConcurrent,
    sends: 'five good calls in a row, then twenty at once, over one HTTP/2 connection (h2c)',
    ...overGrpc,
    run: async (probe) => {
      for (let index = 0; index < 5; index++) expectAccepted(await good(probe));
      const outcomes = await Promise.all(Array.from({ length: 20 }, () => good(probe)));
      for (const outcome of outcomes) expectAccepted(outcome);
    },
  },
  {
    id: 'grpc.content-type',
    title: 'takes application/grpc+proto as well',
    level: 'must',
    clause: CLAUSES.grpcFrames,
    sends: 'a good call with content-type application/grpc+proto',
    ...overGrpc,
    run: async (probe) => {
      const headers = { 'content-type': 'application/grpc+proto' };
      expectAccepted(await probe.call(frameOf(message(probe)), { headers }));
    },
  },
  {
    id: 'grpc.unknown-method',
    title: 'answers an unknown method with UNIMPLEMENTED',
    level: 'must',
    clause: CLAUSES.grpcFrames,
    sends: 'a good message to TraceService/Import',
    wires: ['grpc'],
    signals: ['traces'],
    run: async (probe) => {
      const path = '/opentelemetry.proto.collector.trace.v1.TraceService/Import';
      const failure = expectFailure(await probe.call(frameOf(message(probe)), { path }));
      if (failure.status !== UNIMPLEMENTED) throw new Fault(failure.said);
    },
  },
  {
    id: 'grpc.unknown-compression',
    title: 'answers a compression that it does not know with UNIMPLEMENTED',
    level: 'must',
    clause: CLAUSES.grpcCompression,
    sends: 'a flagged message with grpc-encoding x-none-such',
    ...overGrpc,
    run: async (probe) => {
      const headers = { 'grpc-encoding': 'x-none-such' };
      const frame = frameOf(message(probe), { flag: 1 });
      const failure = expectFailure(await probe.call(frame, { headers }));
      if (failure.status !== UNIMPLEMENTED) throw new Fault(failure.said);
    },
  },
  refusal('flag-without-encoding', {
    title: 'refuses a message flagged as compressed when no compression was named',
    level: 'must',
    clause: CLAUSES.grpcCompression,
    sends: 'a gzip message, flagged, without grpc-encoding',
    frame: (probe) => frameOf(gzipSync(message(probe)), { flag: 1 }),
  }),
  refusal('flag-on-plain-message', {
    title: 'refuses a plain message flagged as compressed when no compression was named',
    // gRPC says must; what is lost is nothing, as the message is read as it is.
    level: 'should',
    clause: CLAUSES.grpcCompression,
    sends: 'a plain message, flagged, without grpc-encoding',
    frame: (probe) => frameOf(message(probe), { flag: 1 }),
  }),
  {
    id: 'grpc.unflagged-message',
    title: 'reads a message without the flag as it is, even when a compression was named',
    level: 'must',
    clause: CLAUSES.grpcCompression,
    sends: 'a plain message, not flagged, with grpc-encoding gzip',
    ...overGrpc,
    run: async (probe) => {
      const headers = { 'grpc-encoding': 'gzip' };
      expectAccepted(await probe.call(frameOf(message(probe)), { headers }));
    },
  },
  refusal('broken-gzip', {
    title: 'refuses a message that does not inflate',
    level: 'must',
    clause: CLAUSES.grpcCompression,
    sends: 'plain bytes flagged as gzip; then gzip cut in half',
    headers: { 'grpc-encoding': 'gzip' },
    frame: (probe) => frameOf(message(probe), { flag: 1 }),
    second: (probe) => {
      const whole = gzipSync(message(probe));
      return frameOf(whole.subarray(0, whole.length / 2), { flag: 1 });
    },
  }),
  refusal('cut-frame', {
    title: 'refuses a stream that ends inside a message',
    level: 'must',
    clause: CLAUSES.grpcFrames,
    sends: 'a length prefix of 100 bytes with 10 behind it; then three bytes of a prefix',
    frame: () => frameOf(new Uint8Array(10), { length: 100 }),
    second: () => Uint8Array.of(0, 0, 0),
  }),
  refusal('two-messages', {
    title: 'refuses two messages in a unary call',
    level: 'must',
    clause: CLAUSES.grpcFrames,
    sends: 'two good messages in one call',
    frame: (probe) => Buffer.concat([frameOf(message(probe)), frameOf(message(probe))]),
  }),
  refusal('no-message', {
    title: 'refuses a call without a message',
    level: 'must',
    clause: CLAUSES.grpcFrames,
    sends: 'a call whose stream ends at once',
    frame: () => new Uint8Array(0),
  }),
  {
    id: 'grpc.announced-size',
    title: 'refuses a message by its announced length, before it is sent',
    level: 'must',
    clause: CLAUSES.grpcRequest,
    sends: 'a length prefix of 4 GiB, and nothing more; the stream stays open',
    ...overGrpc,
    run: async (probe) => {
      const frame = frameOf(new Uint8Array(0), { length: 0xffff_ffff });
      expectTooLarge(await probe.call(frame, { isLeftOpen: true }));
      await probe.assertAlive();
    },
  },
];

function good(probe: Probe) {
  return probe.send(goodRequest(probe.anySignal));
}

function message(probe: Probe): Uint8Array {
  return probe.encode(goodRequest(probe.anySignal));
}

/** Any failure will do that senders do not try again; and the next call is served. */
function refusal(
  name: string,
  what: Pick<Check, 'title' | 'level' | 'clause' | 'sends'> & {
    readonly headers?: Readonly<Record<string, string>>;
    readonly frame: (probe: Probe) => Uint8Array;
    readonly second?: (probe: Probe) => Uint8Array;
  },
): Check {
  const { headers = {}, frame, second, ...rest } = what;
  return {
    id: `grpc.${name}`,
    ...rest,
    ...overGrpc,
    run: async (probe) => {
      for (const build of second ? [frame, second] : [frame]) {
        const failure = expectFailure(await probe.call(build(probe), { headers }));
        assertNotRetryable(failure);
      }
      await probe.assertAlive();
    },
  };
}
