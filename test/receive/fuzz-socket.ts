/**
 * The mutation fuzz over real sockets: bent bodies of all signals, content types and compressions, in chunks that
 * end anywhere, through the receiver into a store. Each answer has to be the one that the decoders ask for.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ProxyTracerProvider } from '@opentelemetry/api';
import { createCounters } from '../../src/base/counters.ts';
import { silentLog } from '../../src/base/log.ts';
import { readRejectedCount } from '../../src/bench/reply.ts';
import { createNormaliser } from '../../src/coze/coze.ts';
import { SIGNALS, type Signal } from '../../src/model/vocabulary.ts';
import type { Encoding } from '../../src/otlp/otlp.ts';
import { createFingerprint } from '../../src/pipeline/fingerprint.ts';
import { createIngestPipeline } from '../../src/pipeline/ingest.ts';
import { joinPieces, type Receiver, startReceiver } from '../../src/receive/receive.ts';
import { openTelemetryWriter } from '../../src/store/open.ts';
import { compressAtRandom, FUZZ_BODY_BYTES_MAX } from '../otlp/compress.ts';
import { randomBody, verdictOf } from '../otlp/fuzz.ts';
import { mutate } from '../otlp/mutate.ts';
import { NOW_US, Random } from '../otlp/random-request.ts';

const PATHS: Readonly<Record<Signal, string>> = {
  traces: '/v1/traces',
  logs: '/v1/logs',
  metrics: '/v1/metrics',
  profiles: '/v1development/profiles',
};
const MEDIA_TYPES = { protobuf: 'application/x-protobuf', json: 'application/json' } as const;
const SENDERS = 16;
/** Of these the path or the content type is another one's. */
const CROSSED_SHARE = 0.15;
const WHOLE_SHARE = 0.3;
const PIECES_MAX = 6;
/** No answer within this is a hang. */
const ANSWER_MS_MAX = 20_000;

export interface SocketFuzzResult {
  /** Requests by the status of their answer. */
  readonly statuses: Readonly<Record<string, number>>;
  readonly slowestMs: number;
}

interface Sent {
  readonly signal: Signal;
  readonly encoding: Encoding;
  readonly compression: string;
  readonly body: Uint8Array;
  readonly pieces: readonly Uint8Array[];
}

/** Runs a receiver and a store of its own; a failure names the seed of its input. */
export async function fuzzSocket(options: {
  readonly seed: number;
  readonly count: number;
}): Promise<SocketFuzzResult> {
  const { receiver, close } = await startTarget();
  const agent = new Agent({ keepAlive: true, maxSockets: SENDERS });
  const statuses: Record<string, number> = {};
  let slowestMs = 0;
  let next = 0;
  const send = async () => {
    while (next < options.count) {
      const seed = options.seed + next++;
      const sent = randomSent(new Random(seed));
      const startMs = performance.now();
      try {
        const answer = await post(receiver, { sent, agent });
        assertAnswer(sent, answer);
        statuses[answer.status] = (statuses[answer.status] ?? 0) + 1;
      } catch (cause) {
        throw new Error(`seed ${seed}, ${sent.signal}, ${sent.encoding}`, { cause });
      }
      slowestMs = Math.max(slowestMs, performance.now() - startMs);
    }
  };
  try {
    await Promise.all(Array.from({ length: SENDERS }, send));
  } finally {
    agent.destroy();
    await close();
  }
  return { statuses, slowestMs };
}

async function startTarget() {
  const dataDir = mkdtempSync(join(tmpdir(), 'taproot-fuzz-'));
  const writer = openTelemetryWriter({ dataDir, durability: 'process' });
  const counters = createCounters();
  const pipeline = createIngestPipeline({
    writer,
    normaliser: createNormaliser({ userIds: 'keep', userIdKey: '' }),
    fingerprint: createFingerprint('00'.repeat(32)),
    clock: { nowUs: () => NOW_US },
    counters,
    log: silentLog,
    tracer: new ProxyTracerProvider().getTracer('test'),
    bodyBytesMax: FUZZ_BODY_BYTES_MAX,
  });
  const receiver = await startReceiver({
    host: '127.0.0.1',
    httpPort: 0,
    grpcPort: 0,
    bodyBytesMax: FUZZ_BODY_BYTES_MAX,
    inflightBytesMax: 64 * FUZZ_BODY_BYTES_MAX,
    corsOrigins: [],
    ingestor: {
      submit: ({ pieces, sizeBytes, ...head }) =>
        pipeline.submit({ ...head, body: joinPieces(pieces, new Uint8Array(sizeBytes)) }),
    },
    counters,
    log: silentLog,
  });
  const close = async () => {
    await receiver.stop({ timeoutMs: 5000 });
    writer.close();
    rmSync(dataDir, { recursive: true });
  };
  return { receiver, close };
}

function randomSent(random: Random): Sent {
  const signal = random.pick(SIGNALS);
  const { encoding, body: good } = randomBody(random, signal);
  const bent = random.chance(WHOLE_SHARE) ? good : mutate(random, good);
  const { compression, body } = compressAtRandom(random, bent);
  const isCrossed = random.chance(CROSSED_SHARE);
  return {
    signal: isCrossed ? random.pick(SIGNALS) : signal,
    encoding: isCrossed ? random.pick(['protobuf', 'json'] as const) : encoding,
    compression,
    body,
    pieces: splitAtRandom(random, body),
  };
}

/** Each piece becomes a chunk of HTTP; the first may be a single byte, and so may the last. */
function splitAtRandom(random: Random, body: Uint8Array): readonly Uint8Array[] {
  const ends = random.list(PIECES_MAX, () => random.below(body.length + 1)).sort((a, b) => a - b);
  const starts = [0, ...ends];
  return [...ends, body.length]
    .map((end, index) => body.subarray(starts[index], end))
    .filter((piece) => piece.length > 0);
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: Buffer;
}

async function post(
  receiver: Receiver,
  { sent, agent }: { readonly sent: Sent; readonly agent: Agent },
): Promise<Answer> {
  const outgoing = request({
    host: '127.0.0.1',
    port: receiver.httpPort,
    path: PATHS[sent.signal],
    method: 'POST',
    agent,
    signal: AbortSignal.timeout(ANSWER_MS_MAX),
    headers: {
      'content-type': MEDIA_TYPES[sent.encoding],
      'transfer-encoding': 'chunked',
      ...(sent.compression === '' ? {} : { 'content-encoding': sent.compression }),
    },
  });
  outgoing.setNoDelay(true);
  for (const piece of sent.pieces) outgoing.write(piece);
  outgoing.end();
  const [incoming] = await once(outgoing, 'response');
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk);
  const type = String(incoming.headers['content-type']);
  return { status: Number(incoming.statusCode), type, body: Buffer.concat(chunks) };
}

function assertAnswer(sent: Sent, { status, type, body }: Answer): void {
  const text = () => `${status} ${body.toString('utf8').slice(0, 300)}`;
  assert.equal(type, MEDIA_TYPES[sent.encoding], text());
  const verdict = verdictOf(sent);
  if (!verdict) {
    assert.ok(status === 400 || status === 413, text());
    return;
  }
  assert.equal(status, 200, text());
  assert.equal(readRejectedCount(body, sent.encoding), verdict.rejectedCount, text());
}
