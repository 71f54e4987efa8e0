/**
 * The store that `taproot bench query` asks: traces of a workload with logs for some of them, through the ingest
 * pipeline of the service, in its own process and without network.
 */
import { ProxyTracerProvider } from '@opentelemetry/api';
import { createCounters } from '../base/counters.ts';
import { AppError } from '../base/errors.ts';
import { createLog } from '../base/log.ts';
import { type Clock, systemClock, type TimeRange, US_PER_MINUTE } from '../base/time.ts';
import { draftRequest } from '../bench/bench.ts';
import { type EncodedBody, Freshener } from '../bench/body.ts';
import { draftLogLines } from '../bench/log-lines.ts';
import { encodeProtobuf } from '../bench/protobuf-body.ts';
import { Random } from '../bench/random.ts';
import { createNormaliser } from '../coze/coze.ts';
import type { Signal } from '../model/vocabulary.ts';
import { loadDataKey } from '../pipeline/data-key.ts';
import { createFingerprint } from '../pipeline/fingerprint.ts';
import { createIngestPipeline, type IngestPipeline } from '../pipeline/ingest.ts';
import { openTelemetryReader, openTelemetryWriter } from '../store/open.ts';

export type TraceWorkload = 'a' | 'b';

/** Spans of one 15-minute window: the group-by question is asked of as many. */
export const WINDOW_SPANS = 5_000_000;
export const WINDOW_MINUTES = 15;
const US_PER_SPAN = (WINDOW_MINUTES * US_PER_MINUTE) / WINDOW_SPANS;

const BATCH_SPANS = 512;
/** Records after each request of spans, for the first of its traces: about one trace in six has logs. */
const BATCH_RECORDS = 64;
/** Groups of 8192 rows: a body is stored long before its turn comes again. */
const BODIES = 64;
/** The service merges what is small once a second: about as many spans at full speed. */
const SPANS_PER_CHECKPOINT = 100_000;

interface FillOptions {
  readonly dataDir: string;
  readonly workload: TraceWorkload;
  /** What the store is to hold in the end; what it holds already counts. */
  readonly spanCount: number;
  /** When the spans of an empty store begin. */
  readonly startUs: number;
  readonly seed: number;
  readonly onProgress: (spanCount: number) => void;
}

/** The time that the spans take when they come as fast as WINDOW_SPANS in WINDOW_MINUTES. */
export function durationUsOf(spanCount: number): number {
  return spanCount * US_PER_SPAN;
}

/** Fills the store up, and answers how long it took and the longest that a step of its upkeep took. */
export async function fillStore(
  options: FillOptions,
): Promise<{ readonly elapsedMs: number; readonly upkeepMsMax: number }> {
  const { dataDir } = options;
  const held = readExtent(dataDir);
  const startedMs = performance.now();
  const clock = new SteppedClock(held.range ? held.range.toUs : options.startUs);
  const writer = openTelemetryWriter({ dataDir, durability: 'disk' });
  let upkeepMsMax = 0;
  const checkpoint = () => {
    const beforeMs = performance.now();
    writer.checkpoint();
    upkeepMsMax = Math.max(upkeepMsMax, performance.now() - beforeMs);
  };
  try {
    const pipeline = createIngestPipeline({
      writer,
      normaliser: createNormaliser({ userIds: 'hash', userIdKey: loadDataKey(dataDir, 'user-id') }),
      fingerprint: createFingerprint(loadDataKey(dataDir, 'request')),
      clock: systemClock,
      counters: createCounters(),
      log: createLog({ level: 'warn', isPretty: false }),
      tracer: new ProxyTracerProvider().getTracer('taproot'),
      bodyBytesMax: Number.POSITIVE_INFINITY,
      isTimed: false,
    });
    const load = new Load(options, clock);
    let spanCount = held.spanCount;
    let uncheckedSpans = 0;
    while (spanCount < options.spanCount) {
      const added = await load.sendNext(pipeline);
      spanCount += added;
      uncheckedSpans += added;
      if (uncheckedSpans < SPANS_PER_CHECKPOINT) continue;
      uncheckedSpans = 0;
      checkpoint();
      options.onProgress(spanCount);
    }
    pipeline.flush();
    checkpoint();
  } finally {
    writer.close();
  }
  return { elapsedMs: performance.now() - startedMs, upkeepMsMax };
}

/** How many spans a store holds, and the minutes in which they began; no range for an empty one. */
export function readExtent(dataDir: string): {
  readonly spanCount: number;
  readonly range: TimeRange | undefined;
} {
  const reader = openTelemetryReader({ dataDir });
  try {
    const { spanCount } = reader.stats();
    const tallies = reader.readTallies({ range: { fromUs: 0, toUs: Number.MAX_SAFE_INTEGER } });
    const first = tallies[0];
    const last = tallies.at(-1);
    if (!first || !last) return { spanCount, range: undefined };
    return { spanCount, range: { fromUs: first.minuteUs, toUs: last.minuteUs + US_PER_MINUTE } };
  } finally {
    reader.close();
  }
}

/** Goes on as the load says: a day of spans is written in minutes. */
class SteppedClock implements Clock {
  #nowUs: number;

  constructor(nowUs: number) {
    this.#nowUs = nowUs;
  }

  nowUs(): number {
    return Math.floor(this.#nowUs);
  }

  advance(us: number): void {
    this.#nowUs += us;
  }
}

/** Requests of spans, each followed by one of log records that belong to some of its traces. */
class Load {
  readonly #clock: SteppedClock;
  readonly #bodies: readonly { readonly spans: EncodedBody; readonly logs: EncodedBody }[];
  readonly #spanFreshener: Freshener;
  readonly #logFreshener: Freshener;
  /** Replies to the last use of each body: it is written to again only once it is stored. */
  readonly #replies: Promise<unknown>[] = [];
  #sent = 0;

  constructor(options: FillOptions, clock: SteppedClock) {
    const random = new Random(options.seed);
    this.#clock = clock;
    this.#bodies = Array.from({ length: BODIES }, (_, requestIndex) => {
      const draft = { random, batchCount: BATCH_SPANS, requestIndex };
      const spans = encodeProtobuf(draftRequest(options.workload, draft));
      const { traceCount, spanCount } = spans;
      const records = draftLogLines(random, { recordCount: BATCH_RECORDS });
      return { spans, logs: encodeProtobuf({ ...records, traceCount, spanCount }) };
    });
    // The same seed and the same counts: both make the same ids, so that logs belong to their traces.
    const fresh = { seed: Date.now(), nowUs: () => clock.nowUs() };
    this.#spanFreshener = new Freshener(fresh);
    this.#logFreshener = new Freshener(fresh);
  }

  /** Answers how many spans were sent; throws when one was refused. */
  async sendNext(pipeline: IngestPipeline): Promise<number> {
    const place = this.#sent++ % BODIES;
    const { spans, logs } = this.#bodies[place]!; // below the length
    await this.#replies[place];
    this.#spanFreshener.freshen(spans, 'protobuf');
    this.#logFreshener.freshen(logs, 'protobuf');
    this.#clock.advance(durationUsOf(spans.itemCount));
    this.#replies[place] = Promise.all([
      submit(pipeline, 'traces', spans),
      submit(pipeline, 'logs', logs),
    ]);
    return spans.itemCount;
  }
}

async function submit(pipeline: IngestPipeline, signal: Signal, body: EncodedBody): Promise<void> {
  const reply = await pipeline.submit({
    signal,
    encoding: 'protobuf',
    compression: '',
    body: body.bytes,
  });
  if (reply.kind === 'stored' && reply.rejectedCount === 0) return;
  throw new AppError('store.rejected', `Cannot fill the store: ${reply.message}`);
}
