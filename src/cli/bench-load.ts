/**
 * The load: senders that each wait for a reply before they send again (closed loop), or that follow a schedule
 * (paced). What is acknowledged is counted, nothing else; a request that is turned away is sent again unchanged.
 */
import { AppError } from '../base/errors.ts';
import type { BodyRing } from '../bench/bench.ts';
import type { Sender } from './bench-sender.ts';
import { pause } from './child-process.ts';

export interface LoadOptions {
  readonly ring: BodyRing;
  readonly senders: readonly Sender[];
  readonly durationMs: number;
  /** The load ends early when this many items are acknowledged. */
  readonly itemsMax: number;
  /** Items a second in all; undefined: as fast as replies come. */
  readonly ratePerSecond: number | undefined;
  readonly signal: AbortSignal;
}

export interface LoadResult {
  readonly acknowledgedCount: number;
  /** Items that a partial success left out. */
  readonly rejectedCount: number;
  readonly requestCount: number;
  /** Times that a receiver said 429, 503 or UNAVAILABLE. */
  readonly busyCount: number;
  readonly sentBytes: number;
  /** From the first send to the last reply. */
  readonly elapsedMs: number;
  readonly latency: LatencyHistogram;
  /** Items acknowledged in each tenth of a second. */
  readonly perTenth: readonly number[];
}

const TRIES_MAX = 60;
const UNANSWERED_PAUSE_MS = 200;
const TENTH_MS = 100;

export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  const startedMs = performance.now();
  const state = {
    acknowledgedCount: 0,
    rejectedCount: 0,
    requestCount: 0,
    busyCount: 0,
    sentBytes: 0,
    scheduledItems: 0,
  };
  const latency = new LatencyHistogram();
  const perTenth: number[] = [];
  const failure = new AbortController();
  const isOver = () =>
    options.signal.aborted ||
    failure.signal.aborted ||
    performance.now() - startedMs >= options.durationMs ||
    state.acknowledgedCount >= options.itemsMax;

  async function sendUntilOver(sender: Sender): Promise<void> {
    while (!isOver()) {
      const body = options.ring.take();
      try {
        const dueMs = scheduleNext(body.itemCount);
        const waitMs = dueMs - performance.now();
        if (waitMs > 0) await pause(waitMs);
        if (isOver()) return;
        const { bytes } = body;
        // A sender that is late counts the lateness: else a stall would hide the requests that waited behind it.
        const sinceMs = options.ratePerSecond === undefined ? performance.now() : dueMs;
        const rejectedCount = await sendUntilTaken(sender, bytes);
        const nowMs = performance.now();
        latency.add(nowMs - sinceMs);
        state.requestCount++;
        state.sentBytes += bytes.length;
        state.rejectedCount += rejectedCount;
        state.acknowledgedCount += body.itemCount - rejectedCount;
        const tenth = Math.floor((nowMs - startedMs) / TENTH_MS);
        while (perTenth.length <= tenth) perTenth.push(0);
        perTenth[tenth] = perTenth[tenth]! + body.itemCount - rejectedCount;
      } finally {
        options.ring.giveBack(body);
      }
    }
  }

  /** When the next request is due. */
  function scheduleNext(itemCount: number): number {
    if (options.ratePerSecond === undefined) return performance.now();
    const dueMs = startedMs + (1000 * state.scheduledItems) / options.ratePerSecond;
    state.scheduledItems += itemCount;
    return dueMs;
  }

  async function sendUntilTaken(sender: Sender, bytes: Buffer): Promise<number> {
    for (let attempt = 1; ; attempt++) {
      const outcome = await sender.send(bytes);
      switch (outcome.kind) {
        case 'acknowledged':
          return outcome.rejectedCount;
        case 'busy':
          state.busyCount++;
          if (attempt < TRIES_MAX) await pause(outcome.retryAfterMs);
          break;
        case 'unanswered':
          if (attempt < TRIES_MAX) await pause(UNANSWERED_PAUSE_MS);
          break;
        default:
          throw new AppError(
            'store.rejected',
            `The receiver refuses a request: ${outcome.message}`,
          );
      }
      if (attempt >= TRIES_MAX || options.signal.aborted) {
        const what = outcome.kind === 'busy' ? 'it is busy' : outcome.message;
        throw new AppError(
          'store.unavailable',
          `The receiver has not taken a request in ${attempt} tries: ${what}`,
        );
      }
    }
  }

  // Every sender comes to its end before a failure is told: bodies are given back, replies are in.
  const ends = await Promise.allSettled(
    options.senders.map((sender) =>
      sendUntilOver(sender).catch((thrown: unknown) => {
        failure.abort();
        throw thrown;
      }),
    ),
  );
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
  const { scheduledItems: _, ...counts } = state;
  return { ...counts, elapsedMs: performance.now() - startedMs, latency, perTenth };
}

/** Rate of the last fifth of the time over the rate of the first; undefined when one of them saw nothing. */
export function lastFifthOverFirst(perTenth: readonly number[]): number | undefined {
  const size = Math.floor(perTenth.length / 5);
  if (size === 0) return undefined;
  const sumOf = (part: readonly number[]) => part.reduce((sum, count) => sum + count, 0);
  const first = sumOf(perTenth.slice(0, size));
  const last = sumOf(perTenth.slice(-size));
  return first > 0 && last > 0 ? last / first : undefined;
}

const BUCKET_MS = 0.01;
const BUCKETS = 1_000_000;

/** Latencies to 0.01 ms, up to 10 s, in a fixed 4 MB; the longest is kept as it is. */
export class LatencyHistogram {
  readonly #counts = new Uint32Array(BUCKETS);
  #count = 0;
  #maxMs = 0;

  get maxMs(): number {
    return this.#maxMs;
  }

  add(latencyMs: number): void {
    const bucket = Math.min(BUCKETS - 1, Math.floor(latencyMs / BUCKET_MS));
    this.#counts[bucket] = this.#counts[bucket]! + 1;
    this.#count++;
    this.#maxMs = Math.max(this.#maxMs, latencyMs);
  }

  /** The upper edge of the bucket that holds the quantile; 0 when empty. */
  quantileMs(q: number): number {
    const rank = Math.ceil(q * this.#count);
    let seen = 0;
    for (let bucket = 0; bucket < BUCKETS && rank > 0; bucket++) {
      seen += this.#counts[bucket]!;
      if (seen >= rank) return Math.min(this.#maxMs, (bucket + 1) * BUCKET_MS);
    }
    return 0;
  }
}
