/**
 * What one Alertmanager is still to be told: a state and no queue, so that what waits is never stale. Alerts that fire
 * are due again and again, because an Alertmanager resolves what it is not told of any more; ended ones are due until
 * they are delivered.
 */
import { LIMITS } from '../../base/limits.ts';
import { US_PER_MS } from '../../base/time.ts';

export interface OutgoingAlert {
  /** Names the alert among ours. */
  readonly key: string;
  /** To an Alertmanager they are what the alert is: other labels, another alert. */
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly startsAtUs: number;
  /** Left out while it fires. */
  readonly endedAtUs?: number;
  readonly generatorUrl: string;
}

interface Entry {
  readonly alert: OutgoingAlert;
  readonly content: string;
  dueUs: number;
}

export interface OutboxOptions {
  readonly resendMs: number;
  /** An alert for which there was no room, or an end that nobody took. */
  readonly onDrop: (count: number) => void;
}

export class Outbox {
  readonly #entries = new Map<string, Entry>();
  readonly #options: OutboxOptions;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Due at once when it is new or differs from what was put before. */
  put(alert: OutgoingAlert, nowUs: number): void {
    const content = JSON.stringify(alert);
    if (this.#entries.get(alert.key)?.content === content) return;
    if (!this.#entries.has(alert.key) && this.#entries.size >= LIMITS.alertsOutMax) {
      this.#options.onDrop(1);
      return;
    }
    this.#entries.set(alert.key, { alert, content, dueUs: nowUs });
  }

  /** The alerts of the next request, those that wait longest first. */
  takeDue(nowUs: number): readonly OutgoingAlert[] {
    this.#forgetOldEnds(nowUs);
    return [...this.#entries.values()]
      .filter(({ dueUs }) => dueUs <= nowUs)
      .sort((a, b) => a.dueUs - b.dueUs)
      .slice(0, LIMITS.alertsPerPostMax)
      .map(({ alert }) => alert);
  }

  /** The Alertmanager has them. What was put anew meanwhile stays due. */
  confirm(alerts: readonly OutgoingAlert[], nowUs: number): void {
    for (const alert of alerts) {
      const entry = this.#entries.get(alert.key);
      if (entry?.alert !== alert) continue;
      if (alert.endedAtUs === undefined) entry.dueUs = nowUs + this.#options.resendMs * US_PER_MS;
      else this.#entries.delete(alert.key);
    }
  }

  /** When something is due next; undefined when nothing is. */
  nextDueUs(): number | undefined {
    let nextUs: number | undefined;
    for (const { dueUs } of this.#entries.values()) nextUs = Math.min(nextUs ?? dueUs, dueUs);
    return nextUs;
  }

  /** By then the Alertmanager has resolved them by itself. */
  #forgetOldEnds(nowUs: number): void {
    const keptUs = LIMITS.alertEndsKeptMs * US_PER_MS;
    for (const [key, { alert, dueUs }] of this.#entries) {
      if (alert.endedAtUs === undefined || nowUs - dueUs < keptUs) continue;
      this.#entries.delete(key);
      this.#options.onDrop(1);
    }
  }
}
