/**
 * Watches endpoints by a fixed rule over the mean of the last 24 hours: `detectionMethod: ratio`. It stands beside the
 * adaptive watch so that users can compare. Two minutes in a row outside open an anomaly, five inside close it.
 */
import { RowSlab } from '../base/row-slab.ts';
import { US_PER_MINUTE } from '../base/time.ts';
import {
  learnMinute,
  type MinuteValues,
  TRAILING_WIDTH,
  type TrailingMeasure,
  trailingOf,
} from '../baseline/ratio.ts';
import { anomalyIdOf } from '../detect/anomaly-id.ts';
import {
  type JudgedKind,
  judgeMinute,
  MINUTE_REQUESTS_MIN,
  type Outside,
  RATIO_RULE,
  type TrailingRule,
} from '../detect/ratio.ts';
import type { Anomaly } from '../model/anomaly.ts';
import type { EndpointBaseline } from '../model/baseline.ts';
import { type Endpoint, isOfWholeRequests, type Tally } from '../model/tally.ts';
import type { EndpointMinute, EndpointWatch } from '../model/watch.ts';
import { quantileOf } from '../tally/sketch.ts';

const STATE_VERSION = 1;
/** As an alert rule with `for: 1m`: a single odd minute does not page. */
const OPENING_MINUTES = 2;
const CLOSING_MINUTES = 5;

const JUDGED: readonly { readonly kind: JudgedKind; readonly measure: TrailingMeasure }[] = [
  { kind: 'latency', measure: 'latencyUsP95' },
  { kind: 'error', measure: 'errorRatio' },
  { kind: 'traffic', measure: 'rate' },
];

export function createRatioWatch(rule: TrailingRule = RATIO_RULE): EndpointWatch {
  return new RatioWatch(rule);
}

interface Episode {
  anomaly: Anomaly;
  /** Minutes inside since the last one outside. */
  quietMinutes: number;
}

class RatioWatch implements EndpointWatch {
  readonly state = new RowSlab({ width: TRAILING_WIDTH, version: STATE_VERSION });
  readonly #rule: TrailingRule;
  readonly #endpoints = new Map<string, Endpoint>();
  /** By subject: an endpoint's id and a kind. */
  readonly #episodes = new Map<string, Episode>();
  /** Minutes in a row outside, by subject, of what is not open yet. */
  readonly #outsideMinutes = new Map<string, number>();
  #previousUs = Number.NaN;

  constructor(rule: TrailingRule) {
    this.#rule = rule;
  }

  resume(open: readonly Anomaly[]): void {
    for (const anomaly of open) {
      if (anomaly.endpointId === undefined) continue;
      this.#episodes.set(subjectOf(anomaly.endpointId, anomaly.kind), { anomaly, quietMinutes: 0 });
    }
  }

  step({ minuteUs, tallies }: EndpointMinute): readonly Anomaly[] {
    // After a hole two minutes are not in a row.
    if (minuteUs - this.#previousUs !== US_PER_MINUTE) this.#outsideMinutes.clear();
    this.#previousUs = minuteUs;
    const byId = new Map(
      tallies
        .filter(({ endpoint }) => isOfWholeRequests(endpoint))
        .map((tally) => [tally.endpoint.endpointId, tally]),
    );
    for (const [endpointId, { endpoint }] of byId) {
      this.#endpoints.set(endpointId, endpoint);
      this.state.rowOf(endpointId);
    }
    const reported: Anomaly[] = [];
    const gone: string[] = [];
    for (const [endpointId, row] of this.state.entries()) {
      const tally = byId.get(endpointId);
      reported.push(...this.#judge(row, { endpointId, minuteUs, tally }));
      learnMinute(row, { minuteUs, values: valuesOf(tally) });
      if (trailingOf(row, { minuteUs, measure: 'rate' }).mean === 0) gone.push(endpointId);
    }
    for (const endpointId of gone) reported.push(...this.#forget(endpointId));
    return reported;
  }

  baselines(atUs: number): ReadonlyMap<string, EndpointBaseline> {
    const baselines = new Map<string, EndpointBaseline>();
    for (const [endpointId, endpoint] of this.#endpoints) {
      const row = this.state.find(endpointId);
      if (row) baselines.set(endpointId, this.#baselineOf(row, { endpoint, atUs }));
    }
    return baselines;
  }

  #judge(
    row: Float32Array,
    minute: {
      readonly endpointId: string;
      readonly minuteUs: number;
      readonly tally: Tally | undefined;
    },
  ): Anomaly[] {
    const { endpointId, minuteUs, tally } = minute;
    const endpoint = this.#endpoints.get(endpointId);
    // After a restart an endpoint is known by its row alone until it speaks.
    if (!endpoint) return [];
    const values = valuesOf(tally);
    const reported: Anomaly[] = [];
    for (const { kind, measure } of JUDGED) {
      const value = values[measure];
      const outside =
        value === undefined
          ? undefined
          : judgeMinute(
              {
                endpoint,
                kind,
                value,
                requests: tally?.count ?? 0,
                usual: trailingOf(row, { minuteUs, measure }),
              },
              this.#rule,
            );
      const subject = subjectOf(endpointId, kind);
      const changed = outside
        ? this.#seeOutside(outside, { subject, endpoint, minuteUs })
        : this.#seeInside(subject);
      if (changed) reported.push(changed);
    }
    return reported;
  }

  #seeOutside(
    outside: Outside,
    context: { readonly subject: string; readonly endpoint: Endpoint; readonly minuteUs: number },
  ): Anomaly | undefined {
    const { subject, endpoint, minuteUs } = context;
    const toUs = minuteUs + US_PER_MINUTE;
    const episode = this.#episodes.get(subject);
    if (episode) {
      const isWorse = outside.score > episode.anomaly.score;
      const range = { fromUs: episode.anomaly.range.fromUs, toUs };
      episode.anomaly = { ...episode.anomaly, ...(isWorse ? outside : {}), range };
      episode.quietMinutes = 0;
      return isWorse ? episode.anomaly : undefined;
    }
    const minutes = (this.#outsideMinutes.get(subject) ?? 0) + 1;
    this.#outsideMinutes.set(subject, minutes);
    if (minutes < OPENING_MINUTES) return undefined;
    this.#outsideMinutes.delete(subject);
    const range = { fromUs: toUs - minutes * US_PER_MINUTE, toUs };
    const { endpointId, service, operation } = endpoint;
    const anomaly: Anomaly = {
      ...outside,
      anomalyId: anomalyIdOf({ kind: outside.kind, range }, endpointId),
      status: 'open',
      service,
      endpointId,
      operation,
      range,
      detectedUs: toUs,
    };
    this.#episodes.set(subject, { anomaly, quietMinutes: 0 });
    return anomaly;
  }

  #seeInside(subject: string): Anomaly | undefined {
    this.#outsideMinutes.delete(subject);
    const episode = this.#episodes.get(subject);
    if (!episode) return undefined;
    episode.quietMinutes++;
    if (episode.quietMinutes < CLOSING_MINUTES) return undefined;
    this.#episodes.delete(subject);
    return { ...episode.anomaly, status: 'closed', end: 'recovered' };
  }

  /** Nothing of it was seen for a day. */
  #forget(endpointId: string): Anomaly[] {
    this.state.delete(endpointId);
    this.#endpoints.delete(endpointId);
    const closed: Anomaly[] = [];
    for (const { kind } of JUDGED) {
      const subject = subjectOf(endpointId, kind);
      this.#outsideMinutes.delete(subject);
      const episode = this.#episodes.get(subject);
      if (!episode) continue;
      this.#episodes.delete(subject);
      closed.push({ ...episode.anomaly, status: 'closed', end: 'gone' });
    }
    return closed;
  }

  #baselineOf(
    row: Float32Array,
    { endpoint, atUs }: { readonly endpoint: Endpoint; readonly atUs: number },
  ): EndpointBaseline {
    const usualOf = (measure: TrailingMeasure) => trailingOf(row, { minuteUs: atUs, measure });
    const rate = usualOf('rate');
    const { statement } = this.#rule;
    return {
      endpoint,
      source: 'own',
      minutes: rate.minutes,
      requests: Math.round(rate.mean * rate.minutes),
      latencyUsP50: this.#rule.bandOf(usualOf('latencyUsP50'), 'latency'),
      latencyUsP95: this.#rule.bandOf(usualOf('latencyUsP95'), 'latency'),
      errorRatio: this.#rule.bandOf(usualOf('errorRatio'), 'error'),
      requestsPerMinute: this.#rule.bandOf(rate, 'traffic'),
      reason: {
        zh: `最近 24 小时的均值；超出范围：${statement.zh}`,
        en: `the mean of the last 24 hours; outside is ${statement.en}`,
      },
    };
  }
}

function subjectOf(endpointId: string, kind: Anomaly['kind']): string {
  return `${kind} ${endpointId}`;
}

/** A minute without requests is a rate of 0 and says nothing else. */
function valuesOf(tally: Tally | undefined): MinuteValues {
  if (!tally) return { rate: 0 };
  const { count, errorCount, sketch } = tally;
  if (count < MINUTE_REQUESTS_MIN) return { rate: count };
  return {
    rate: count,
    errorRatio: errorCount / count,
    latencyUsP50: quantileOf(sketch, 0.5),
    latencyUsP95: quantileOf(sketch, 0.95),
  };
}
