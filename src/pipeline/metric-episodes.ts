/** The anomalies of metrics that are open: opened, grown, closed, and which of that is worth telling. */
import { US_PER_MINUTE } from '../base/time.ts';
import type { Anomaly } from '../model/anomaly.ts';
import type { Text } from '../model/text.ts';

/** A deviation that has grown by this share since it was last told is told again. */
const GROWTH_TOLD_MIN = 0.5;

interface Episode {
  anomaly: Anomaly;
  /** Of the value from what was expected, as last told. */
  toldDeviation: number;
}

export class MetricEpisodes {
  readonly #open = new Map<string, Episode>();
  #told: Anomaly[] = [];

  resume(open: readonly Anomaly[]): void {
    for (const anomaly of open) {
      this.#open.set(anomaly.anomalyId, { anomaly, toldDeviation: deviationOf(anomaly) });
    }
  }

  find(anomalyId: string): Anomaly | undefined {
    return this.#open.get(anomalyId)?.anomaly;
  }

  open(anomaly: Anomaly): void {
    this.#open.set(anomaly.anomalyId, { anomaly, toldDeviation: deviationOf(anomaly) });
    this.#told.push(anomaly);
  }

  /** It goes on in this minute; the worst minute so far stays its value. */
  goOn(
    anomalyId: string,
    now: { readonly minuteUs: number } & Pick<Anomaly, 'value' | 'score' | 'statement' | 'n'>,
  ): void {
    const episode = this.#open.get(anomalyId);
    if (!episode) return;
    const { minuteUs, ...worst } = now;
    const { anomaly } = episode;
    const range = { ...anomaly.range, toUs: minuteUs + US_PER_MINUTE };
    const deviation = Math.abs(now.value - anomaly.expected.expected);
    const isWorst = deviation > deviationOf(anomaly);
    episode.anomaly = { ...anomaly, range, ...(isWorst ? worst : {}) };
    if (!isWorst || deviation < (1 + GROWTH_TOLD_MIN) * episode.toldDeviation) return;
    episode.toldDeviation = deviation;
    this.#told.push(episode.anomaly);
  }

  close(anomalyId: string, end: NonNullable<Anomaly['end']>, reason: Text): void {
    const episode = this.#open.get(anomalyId);
    if (!episode) return;
    this.#open.delete(anomalyId);
    this.#told.push({ ...episode.anomaly, status: 'closed', end, reason });
  }

  /** Those that nothing was heard of since. */
  *silentSince(timeUs: number): Generator<Anomaly> {
    for (const { anomaly } of this.#open.values()) if (anomaly.range.toUs < timeUs) yield anomaly;
  }

  /** What opened, changed or closed since the last call, in an order of their own. */
  takeTold(): readonly Anomaly[] {
    const told = this.#told;
    this.#told = [];
    return told.sort((left, right) => (left.anomalyId < right.anomalyId ? -1 : 1));
  }
}

function deviationOf({ value, expected }: Anomaly): number {
  return Math.abs(value - expected.expected);
}
