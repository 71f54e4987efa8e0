/**
 * The byte and request budget of accepted, not yet stored work. Both transports draw on one budget; when it
 * is full, senders are told to wait before their body is read. Bytes are charged as they arrive, so that a
 * sender who announces much and sends little holds little.
 */
import type { Counters } from '../base/counters.ts';

export interface BudgetLimits {
  readonly bytesMax: number;
  readonly requestsMax: number;
}

/** One request's share of the budget. */
export interface Lease {
  /** Charges further bytes; false when they do not fit, and then nothing is charged. */
  tryGrow(bytes: number): boolean;
  /** Gives everything back; calling it again does nothing. */
  release(): void;
}

export class InflightBudget {
  readonly #limits: BudgetLimits;
  readonly #counters: Counters;
  readonly #idleWaiters: (() => void)[] = [];
  #bytes = 0;
  #requests = 0;

  constructor(limits: BudgetLimits, counters: Counters) {
    this.#limits = limits;
    this.#counters = counters;
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
    return {
      tryGrow: (bytes) => {
        if (!isHeld || this.#bytes + bytes > this.#limits.bytesMax) return false;
        heldBytes += bytes;
        this.#bytes += bytes;
        this.#publish();
        return true;
      },
      release: () => {
        if (!isHeld) return;
        isHeld = false;
        this.#bytes -= heldBytes;
        this.#requests--;
        this.#publish();
        if (this.#requests === 0) for (const resolve of this.#idleWaiters.splice(0)) resolve();
      },
    };
  }

  #publish(): void {
    this.#counters.set('taproot_receive_inflight_bytes', this.#bytes);
    this.#counters.set('taproot_receive_inflight_requests', this.#requests);
  }
}
