/**
 * The byte and request budget of accepted, not yet stored work. Both transports draw on one budget; when it
 * is full, senders are told to wait before their body is read. Bytes are charged as they arrive, so that a
 * sender who announces much and sends little holds little. A queue that has grown old takes nobody new, so that those
 * who are in it are answered soon; memory alone would let them wait for seconds (192 MB at 100 MB/s).
 */
import type { Counters } from '../base/counters.ts';

export interface BudgetLimits {
  readonly bytesMax: number;
  readonly requestsMax: number;
  /** Nobody is told to wait for age while less than this is held. */
  readonly queueBytesFree: number;
  /** How long the oldest complete request may have waited when a new one comes in. */
  readonly queueAgeMsMax: number;
}

/** One request's share of the budget. */
export interface Lease {
  /** Charges further bytes; false when they do not fit, and then nothing is charged. */
  tryGrow(bytes: number): boolean;
  /** The body is complete: from now on the sender waits for the store. */
  enqueue(): void;
  /** Gives everything back; calling it again does nothing. */
  release(): void;
}

export class InflightBudget {
  readonly #limits: BudgetLimits;
  readonly #counters: Counters;
  readonly #idleWaiters: (() => void)[] = [];
  #bytes = 0;
  #requests = 0;
  /** When each waiting request was complete, the oldest first. */
  readonly #queue = new Map<Lease, number>();

  readonly #nowMs: () => number;

  constructor(
    limits: BudgetLimits,
    options: { readonly counters: Counters; readonly nowMs: () => number },
  ) {
    this.#limits = limits;
    this.#counters = options.counters;
    this.#nowMs = options.nowMs;
    this.#publish();
  }

  get bytes(): number {
    return this.#bytes;
  }

  get requests(): number {
    return this.#requests;
  }

  /** A lease of zero bytes, or undefined when the budget is full or could not take `expectedBytes` more. */
  tryAcquire(expectedBytes: number): Lease | undefined {
    if (this.#requests >= this.#limits.requestsMax) return undefined;
    if (this.#bytes >= this.#limits.bytesMax) return undefined;
    if (this.#bytes + expectedBytes > this.#limits.bytesMax) return undefined;
    if (this.#bytes > this.#limits.queueBytesFree && this.#isOld()) return undefined;
    this.#requests++;
    this.#publish();
    return this.#lease();
  }

  /** Resolves when no lease is held; at once when none is. */
  whenIdle(): Promise<void> {
    if (this.#requests === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idleWaiters.push(resolve));
  }

  #lease(): Lease {
    let heldBytes = 0;
    let isHeld = true;
    const lease: Lease = {
      tryGrow: (bytes) => {
        if (!isHeld || this.#bytes + bytes > this.#limits.bytesMax) return false;
        heldBytes += bytes;
        this.#bytes += bytes;
        this.#publish();
        return true;
      },
      enqueue: () => {
        if (isHeld) this.#queue.set(lease, this.#nowMs());
      },
      release: () => {
        if (!isHeld) return;
        isHeld = false;
        this.#queue.delete(lease);
        this.#bytes -= heldBytes;
        this.#requests--;
        this.#publish();
        if (this.#requests === 0) for (const resolve of this.#idleWaiters.splice(0)) resolve();
      },
    };
    return lease;
  }

  #isOld(): boolean {
    for (const sinceMs of this.#queue.values()) {
      return this.#nowMs() - sinceMs > this.#limits.queueAgeMsMax; // the first is the oldest
    }
    return false;
  }

  #publish(): void {
    this.#counters.set('taproot_receive_inflight_bytes', this.#bytes);
    this.#counters.set('taproot_receive_inflight_requests', this.#requests);
  }
}
