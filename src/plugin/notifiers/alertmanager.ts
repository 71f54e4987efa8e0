/**
 * Keeps Alertmanagers told of our alerts: each has a loop and an outbox of its own, so that one that is down holds up
 * no other and nobody who calls. All of a cluster are told, as Prometheus does it: they agree among themselves.
 */
import type { Counters } from '../../base/counters.ts';
import { LIMITS } from '../../base/limits.ts';
import type { Log } from '../../base/log.ts';
import { type Clock, createSteadyClock, US_PER_MS } from '../../base/time.ts';
import { Outbox, type OutgoingAlert } from './outbox.ts';
import { postAlerts } from './post-alerts.ts';

export interface AlertmanagerNotifier {
  /** What fires, as it is now, or has ended. Returns at once; an alert that is put again unchanged costs nothing. */
  put(alerts: readonly OutgoingAlert[]): void;
  /** Sends nothing new and waits for requests under way. What fires then ends by itself at the Alertmanagers. */
  stop(timeoutMs: number): Promise<void>;
}

export interface AlertmanagerNotifierOptions {
  readonly urls: readonly string[];
  /** Value of the header Authorization. */
  readonly authorization?: string | undefined;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly log: Log;
  /** Other times only in tests. */
  readonly times?: NotifierTimes;
}

export interface NotifierTimes {
  /** What fires is told again this often. */
  readonly resendMs: number;
  /** Wait after the first failure; doubles with each further one, up to `resendMs`. */
  readonly retryMs: number;
  readonly timeoutMs: number;
}

const DEFAULT_TIMES: NotifierTimes = {
  resendMs: LIMITS.alertResendMs,
  retryMs: LIMITS.alertRetryMs,
  timeoutMs: LIMITS.alertTimeoutMs,
};

/** An alert outlives so many missed repetitions: Prometheus's own factor (rules/alerting.go, resolved after 4). */
const VALID_RESENDS = 4;

export function createAlertmanagerNotifier(
  options: AlertmanagerNotifierOptions,
): AlertmanagerNotifier {
  const targets = options.urls.map((url) => new Target(url, options));
  return {
    put(alerts) {
      for (const target of targets) target.put(alerts);
    },
    async stop(timeoutMs) {
      await Promise.all(targets.map((target) => target.stop(timeoutMs)));
    },
  };
}

/** One Alertmanager. */
class Target {
  readonly #url: string;
  readonly #labels: Readonly<Record<string, string>>;
  readonly #options: AlertmanagerNotifierOptions;
  readonly #times: NotifierTimes;
  readonly #outbox: Outbox;
  /** For what is due: a step of the wall clock must not hold alerts back. */
  readonly #steady: Clock;
  readonly #abort = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #active: Promise<void> | undefined;
  #isStopping = false;
  /** In a row. */
  #failures = 0;
  #retryAtUs = 0;

  constructor(url: string, options: AlertmanagerNotifierOptions) {
    this.#url = url;
    this.#labels = { target: new URL(url).host };
    this.#options = options;
    this.#times = options.times ?? DEFAULT_TIMES;
    this.#steady = createSteadyClock(options.clock);
    this.#outbox = new Outbox({
      resendMs: this.#times.resendMs,
      onDrop: (count) => this.#count('taproot_alerts_dropped_total', count),
    });
    for (const outcome of ['sent', 'failed', 'dropped']) {
      this.#count(`taproot_alerts_${outcome}_total`, 0);
    }
  }

  put(alerts: readonly OutgoingAlert[]): void {
    for (const alert of alerts) this.#outbox.put(alert, this.#steady.nowUs());
    this.#arm();
  }

  async stop(timeoutMs: number): Promise<void> {
    this.#isStopping = true;
    clearTimeout(this.#timer);
    const late = setTimeout(() => this.#abort.abort(), timeoutMs);
    await this.#active;
    clearTimeout(late);
  }

  /** Sets the timer for what is due next. */
  #arm(): void {
    clearTimeout(this.#timer);
    const dueUs = this.#outbox.nextDueUs();
    if (dueUs === undefined || this.#active || this.#isStopping) return;
    const waitUs = Math.max(dueUs, this.#retryAtUs) - this.#steady.nowUs();
    this.#timer = setTimeout(() => this.#start(), Math.max(0, waitUs / US_PER_MS));
  }

  #start(): void {
    this.#active = this.#send().finally(() => {
      this.#active = undefined;
      this.#arm();
    });
  }

  async #send(): Promise<void> {
    const alerts = this.#outbox.takeDue(this.#steady.nowUs());
    if (alerts.length === 0) return;
    const { resendMs, timeoutMs } = this.#times;
    const outcome = await postAlerts(alerts, {
      url: this.#url,
      authorization: this.#options.authorization,
      nowUs: this.#options.clock.nowUs(),
      validMs: resendMs * VALID_RESENDS,
      timeoutMs,
      signal: this.#abort.signal,
    });
    if (outcome.kind === 'taken') {
      this.#count('taproot_alerts_sent_total', alerts.length);
    } else {
      this.#count('taproot_alerts_failed_total', alerts.length);
      // Once for each row of failures: one that is down for a day must not fill the log.
      if (this.#failures === 0 || outcome.kind === 'refused') {
        const { reason } = outcome;
        this.#options.log.warn({ ...this.#labels, alerts: alerts.length, reason }, 'alerts failed');
      }
    }
    if (outcome.kind === 'failed') this.#waitLonger();
    else this.#failures = 0;
    if (outcome.kind !== 'failed') this.#outbox.confirm(alerts, this.#steady.nowUs());
  }

  #waitLonger(): void {
    const { resendMs, retryMs } = this.#times;
    const waitMs = Math.min(resendMs, retryMs * 2 ** this.#failures);
    this.#failures++;
    this.#retryAtUs = this.#steady.nowUs() + waitMs * US_PER_MS;
  }

  #count(name: string, amount: number): void {
    this.#options.counters.add(name, amount, this.#labels);
  }
}
