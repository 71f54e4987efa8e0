/** A queue that has grown old takes nobody new, over either transport, before the body is read; and again once it is answered. */
import { status } from '@grpc/grpc-js';
import { afterEach, expect, test } from 'vitest';
import { LIMITS } from '../../src/base/limits.ts';
import { buildStatus } from '../../src/otlp/otlp.ts';
import { OVERLOADED } from '../../src/receive/refusal.ts';
import { exportOver, openClient, post, startTestReceiver, type TestReceiver } from './support.ts';

const MIB = 1024 * 1024;
const BODY = new Uint8Array(MIB);
/** One more byte than nobody is refused for. */
const HELD = LIMITS.queueBytesFree / MIB;

let open: TestReceiver | undefined;

afterEach(async () => {
  open?.ingestor.letGo();
  await open?.receiver.stop({ timeoutMs: 1000 });
  open = undefined;
});

/** A queue of just over the free size whose oldest request is too old. */
async function startWithOldQueue() {
  const started = await startTestReceiver({ inflightBytesMax: 64 * MIB });
  open = started;
  started.ingestor.hold();
  const { httpPort } = started.receiver;
  const waiting = [new Uint8Array(1), ...Array.from({ length: HELD }, () => BODY)].map((body) =>
    post(httpPort, { body }),
  );
  await started.ingestor.arrived(HELD + 1);
  const startedMs = performance.now();
  await new Promise<void>((resolve) => {
    const look = () => {
      if (performance.now() - startedMs > LIMITS.queueAgeMsMax) resolve();
      else setImmediate(look);
    };
    look();
  });
  return { ...started, waiting };
}

test('over HTTP: 429 with Retry-After, and nothing of the body reaches the store', async () => {
  const { receiver, ingestor, waiting, count } = await startWithOldQueue();
  const answer = await post(receiver.httpPort, { body: BODY });
  expect([answer.status, answer.headers['retry-after']]).toEqual([429, '1']);
  expect(ingestor.requests).toHaveLength(HELD + 1);
  expect(count('bytes_total', { transport: 'http' })).toBe(HELD * MIB + 1);
  ingestor.letGo();
  expect((await Promise.all(waiting)).map((reply) => reply.status)).toEqual(waiting.map(() => 200));
  const next = post(receiver.httpPort, { body: BODY });
  await ingestor.arrived(HELD + 2);
  ingestor.letGo();
  expect((await next).status).toBe(200);
});

test('over gRPC: UNAVAILABLE with RetryInfo, from the same budget', async () => {
  const { receiver, ingestor, waiting, count } = await startWithOldQueue();
  const client = openClient(receiver.grpcPort);
  try {
    const answer = await exportOver(client, { body: BODY });
    expect(answer.code).toBe(status.UNAVAILABLE);
    const details = buildStatus({
      encoding: 'protobuf',
      grpcCode: status.UNAVAILABLE,
      message: OVERLOADED.message,
      retryAfterSeconds: LIMITS.retryAfterSeconds,
    });
    expect(Buffer.compare(answer.statusDetails!, details)).toBe(0);
    expect(count('bytes_total', { transport: 'grpc' })).toBe(0);
    ingestor.letGo();
    await Promise.all(waiting);
    const next = exportOver(client, { body: BODY });
    await ingestor.arrived(HELD + 2);
    ingestor.letGo();
    expect((await next).code).toBe(status.OK);
  } finally {
    client.close();
  }
});
