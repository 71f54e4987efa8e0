/**
 * Chooses traces by a hash of their id, so that all spans of a trace are in the sample or none, at a rate that keeps the
 * spans of the sample below a bound: the half of the hashes is left out, or taken in again, as traffic grows or shrinks.
 */

/** Spans may come faster than the bound for so long before the sample is halved. */
const BURST_SECONDS = 4;
/** The sample is doubled at most this often: a pause of a sender is no end of traffic. */
const DOUBLING_INTERVAL_US = 10_000_000;
/** Below every other 32-bit hash: smaller samples than 1 in 2^32 are none. */
const HALVINGS_MAX = 32;

export class TraceSample {
  readonly #ratePerSecond: number;
  /** Hashes with at least so many leading zeros are taken. */
  #halvings = 0;
  /** By the number of leading zeros of a hash: since when it has been taken without a break. */
  readonly #sinceUs = new Float64Array(HALVINGS_MAX + 1);
  /** Spans taken beyond the bound so far: a bucket that leaks. */
  #excess = 0;
  #nowUs = 0;
  #changedUs = 0;

  constructor(options: { readonly ratePerSecond: number; readonly nowUs: number }) {
    this.#ratePerSecond = options.ratePerSecond;
    this.#nowUs = options.nowUs;
    this.#sinceUs.fill(options.nowUs);
  }

  /** The share of traces that is taken. */
  get share(): number {
    return 2 ** -this.#halvings;
  }

  /** Before the spans of a group. */
  begin(nowUs: number): void {
    const seconds = Math.max(0, nowUs - this.#nowUs) / 1_000_000;
    this.#nowUs = nowUs;
    this.#excess = Math.max(0, this.#excess - seconds * this.#ratePerSecond);
    const isIdle = this.#excess === 0 && nowUs - this.#changedUs >= DOUBLING_INTERVAL_US;
    if (!isIdle || this.#halvings === 0) return;
    this.#halvings--;
    this.#sinceUs[this.#halvings] = nowUs;
    this.#changedUs = nowUs;
  }

  /** Hot: once a span. */
  takes(hash: number): boolean {
    return Math.clz32(hash) >= this.#halvings;
  }

  /** For each span that was taken. */
  count(): void {
    this.#excess++;
    if (this.#excess <= BURST_SECONDS * this.#ratePerSecond) return;
    this.#halvings = Math.min(HALVINGS_MAX, this.#halvings + 1);
    this.#excess = (BURST_SECONDS / 2) * this.#ratePerSecond;
    this.#changedUs = this.#nowUs;
  }

  /** Whether spans of the trace were taken at all times from then to now. */
  isWholeSince(hash: number, us: number): boolean {
    return this.takes(hash) && us >= this.#sinceUs[Math.clz32(hash)]!;
  }
}
