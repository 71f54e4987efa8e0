/**
 * The store that `taproot bench diagnose` asks: older spans, an hour of reference and a window in which something is
 * wrong, through the ingest pipeline of the service.
 */
import { ProxyTracerProvider } from '@opentelemetry/api';
import { createCounters } from '../base/counters.ts';
import { AppError } from '../base/errors.ts';
import { createLog } from '../base/log.ts';
import { systemClock, type TimeRange, US_PER_HOUR, US_PER_MINUTE } from '../base/time.ts';
import { Freshener } from '../bench/body.ts';
import { draftIncident, draftProcessPoints } from '../bench/incident-load.ts';
import { encodeProtobuf } from '../bench/protobuf-body.ts';
import { Random } from '../bench/random.ts';
import { createNormaliser } from '../coze/coze.ts';
import type { RowSignal } from '../model/vocabulary.ts';
import { createFingerprint } from '../pipeline/fingerprint.ts';
import { createIngestPipeline, type IngestPipeline } from '../pipeline/ingest.ts';
import { openTelemetryWriter } from '../store/open.ts';

export interface IncidentStore {
  /** Spans, and log lines, of the window. */
  readonly spans: number;
  readonly series: number;
  /** Spans before the reference, at the same rate. */
  readonly olderSpans: number;
  readonly seed: number;
}

export const WINDOW_US = 15 * US_PER_MINUTE;
const REFERENCE_US = US_PER_HOUR;
const BATCH_SPANS = 512;
/** Bodies of each kind; a body is stored long before its turn comes again. */
const BODIES = 64;
/** The service merges what is small once a second: about as many spans at full speed. */
const SPANS_PER_CHECKPOINT = 100_000;

/** Fills an empty store; the window that ends at `endUs` is the incident. */
export async function fillIncidentStore(
  dataDir: string,
  options: IncidentStore & { readonly endUs: number; readonly onProgress: (text: string) => void },
): Promise<void> {
  const { endUs, onProgress } = options;
  const writer = openTelemetryWriter({ dataDir, durability: 'process' });
  try {
    const pipeline = createIngestPipeline({
      writer,
      normaliser: createNormaliser({ userIds: 'hash', userIdKey: 'bench' }),
      fingerprint: createFingerprint('00'.repeat(32)),
      clock: systemClock,
      counters: createCounters(),
      log: createLog({ level: 'warn', isPretty: false }),
      tracer: new ProxyTracerProvider().getTracer('taproot'),
      bodyBytesMax: Number.POSITIVE_INFINITY,
      isTimed: false,
    });
    const load = new Load(options, { pipeline, checkpoint: () => writer.checkpoint() });
    const windowUs = endUs - WINDOW_US;
    const referenceUs = windowUs - REFERENCE_US;
    const olderUs = referenceUs - Math.ceil((options.olderSpans * WINDOW_US) / options.spans);
    onProgress('older spans');
    await load.send({ fromUs: olderUs, toUs: referenceUs }, { isHanging: false, isOld: true });
    onProgress('reference');
    await load.send({ fromUs: referenceUs, toUs: windowUs }, { isHanging: false, isOld: false });
    onProgress('window');
    await load.send({ fromUs: windowUs, toUs: endUs }, { isHanging: true, isOld: false });
  } finally {
    writer.close();
  }
}

class Load {
  readonly #options: IncidentStore;
  readonly #pipeline: IngestPipeline;
  readonly #checkpoint: () => void;
  readonly #random: Random;
  #nowUs = 0;
  readonly #spanFreshener: Freshener;
  readonly #logFreshener: Freshener;
  readonly #pointFreshener: Freshener;

  constructor(
    options: IncidentStore,
    store: { readonly pipeline: IngestPipeline; readonly checkpoint: () => void },
  ) {
    this.#options = options;
    this.#pipeline = store.pipeline;
    this.#checkpoint = store.checkpoint;
    this.#random = new Random(options.seed);
    const nowUs = () => Math.floor(this.#nowUs);
    // The same seed and the same counts: both make the same ids, so that logs belong to their traces.
    this.#spanFreshener = new Freshener({ seed: options.seed, nowUs });
    this.#logFreshener = new Freshener({ seed: options.seed, nowUs });
    this.#pointFreshener = new Freshener({ seed: options.seed, nowUs });
  }

  async send(
    range: TimeRange,
    kind: { readonly isHanging: boolean; readonly isOld: boolean },
  ): Promise<void> {
    const { isHanging, isOld } = kind;
    const bodies = Array.from({ length: BODIES }, () => {
      const draft = draftIncident(this.#random, { spanCount: BATCH_SPANS, isHanging });
      return { spans: encodeProtobuf(draft.spans), logs: encodeProtobuf(draft.logs) };
    });
    const stepUs = (WINDOW_US * BATCH_SPANS) / this.#options.spans;
    const replies: Promise<unknown>[] = [];
    let nextPointsUs = isOld ? Number.POSITIVE_INFINITY : range.fromUs;
    let uncheckedSpans = 0;
    for (let request = 0; range.fromUs + request * stepUs < range.toUs; request++) {
      this.#nowUs = range.fromUs + request * stepUs;
      const place = request % BODIES;
      const { spans, logs } = bodies[place]!; // below the length
      await replies[place];
      this.#spanFreshener.freshen(spans, 'protobuf');
      this.#logFreshener.freshen(logs, 'protobuf');
      const sent = [this.#submit('traces', spans.bytes)];
      if (!isOld) sent.push(this.#submit('logs', logs.bytes));
      replies[place] = Promise.all(sent);
      if (this.#nowUs >= nextPointsUs) {
        await this.#sendPoints(isHanging);
        nextPointsUs += US_PER_MINUTE;
      }
      uncheckedSpans += BATCH_SPANS;
      if (uncheckedSpans < SPANS_PER_CHECKPOINT) continue;
      uncheckedSpans = 0;
      this.#checkpoint();
    }
    this.#pipeline.flush();
    await Promise.all(replies);
    this.#checkpoint();
  }

  async #sendPoints(isHanging: boolean): Promise<void> {
    const minute = Math.floor(this.#nowUs / US_PER_MINUTE) % 10_000;
    const drafts = draftProcessPoints(this.#random, {
      seriesCount: this.#options.series,
      minute,
      isHanging,
    });
    const sent = drafts.map((draft) => {
      const body = encodeProtobuf(draft);
      this.#pointFreshener.freshen(body, 'protobuf');
      return this.#submit('metrics', body.bytes);
    });
    this.#pipeline.flush();
    await Promise.all(sent);
  }

  async #submit(signal: RowSignal, body: Buffer): Promise<void> {
    const reply = await this.#pipeline.submit({
      signal,
      encoding: 'protobuf',
      compression: '',
      body,
    });
    if (reply.kind === 'stored' && reply.rejectedCount === 0) return;
    throw new AppError('store.rejected', `Cannot fill the store: ${reply.message}`);
  }
}
