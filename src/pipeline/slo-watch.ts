/** Watches error budgets: sums the tallies of each objective's endpoint, and keeps one episode for each that burns. */
import { createHash } from 'node:crypto';
import { RowSlab } from '../base/row-slab.ts';
import { US_PER_MINUTE } from '../base/time.ts';
import type { ServiceLevelObjective } from '../config/config.ts';
import { anomalyIdOf } from '../detect/anomaly-id.ts';
import { countsOf, judgeSlo, type SloFinding, sloStatusOf } from '../detect/slo.ts';
import { addMinute, SUMS_VERSION, SUMS_WIDTH } from '../detect/slo-sums.ts';
import type { Anomaly } from '../model/anomaly.ts';
import type { SloStatus } from '../model/slo.ts';
import { endpointIdOf, isOfWholeRequests } from '../model/tally.ts';
import type { Text } from '../model/text.ts';
import type { EndpointMinute, Watch } from '../model/watch.ts';

export interface SloWatch extends Watch<EndpointMinute> {
  /** As of the last minute, in the order of the configuration. */
  status(): readonly SloStatus[];
}

/** An open episode is told of again when it burns so many times faster than it was told to. */
const WORSE_FACTOR = 1.5;

export function createSloWatch(slos: readonly ServiceLevelObjective[]): SloWatch {
  const state = new RowSlab({ width: SUMS_WIDTH, version: SUMS_VERSION });
  const objectives = slos.map((slo) => ({
    slo,
    row: rowNameOf(slo),
    endpointId: endpointIdOf(slo.service, slo.operation),
  }));
  /** By name of the objective: as they are, and as they were told of last. */
  const open = new Map<string, Anomaly>();
  const told = new Map<string, Anomaly>();
  return {
    state,
    resume(anomalies) {
      for (const anomaly of anomalies) {
        if (anomaly.objective === undefined) continue;
        open.set(anomaly.objective, anomaly);
        told.set(anomaly.objective, anomaly);
      }
    },
    step({ minuteUs, tallies }) {
      const byEndpoint = new Map(
        tallies
          .filter(({ endpoint }) => isOfWholeRequests(endpoint))
          .map((tally) => [tally.endpoint.endpointId, tally]),
      );
      const news: Anomaly[] = [];
      for (const { slo, row: rowName, endpointId } of objectives) {
        const tally = byEndpoint.get(endpointId);
        const row = state.rowOf(rowName);
        addMinute(row, minuteUs, tally ? countsOf(tally, slo) : { requests: 0, badRequests: 0 });
        const before = open.get(slo.name);
        const finding = judgeSlo(row, slo);
        if (finding) {
          const episode = episodeOf({ finding, slo, before, minuteUs });
          open.set(slo.name, episode);
          const toldOf = told.get(slo.name);
          if (toldOf && !isWorse(episode, toldOf, WORSE_FACTOR)) continue;
          told.set(slo.name, episode);
          news.push(episode);
        } else if (before) {
          news.push(close(before, 'recovered'));
        }
      }
      forgetRows();
      return [...news, ...closeUnknown()];
    },
    status: () => objectives.map(({ slo, row }) => sloStatusOf(state.find(row), slo)),
  };

  function close(anomaly: Anomaly, end: NonNullable<Anomaly['end']>): Anomaly {
    open.delete(anomaly.objective ?? '');
    told.delete(anomaly.objective ?? '');
    return { ...anomaly, status: 'closed', end };
  }

  /** Of objectives that are not configured any more. */
  function closeUnknown(): readonly Anomaly[] {
    const names = new Set(slos.map(({ name }) => name));
    const unknown = [...open.values()].filter(({ objective = '' }) => !names.has(objective));
    return unknown.map((anomaly) => close(anomaly, 'gone'));
  }

  function forgetRows(): void {
    const known = new Set(objectives.map(({ row }) => row));
    for (const [name] of [...state.entries()]) if (!known.has(name)) state.delete(name);
  }
}

/** What is counted makes the name: an objective that counts something else begins anew. */
function rowNameOf({ name, service, operation, latencyMs }: ServiceLevelObjective): string {
  const counted = JSON.stringify([name, service, operation, latencyMs]);
  return createHash('sha256').update(counted).digest('hex').slice(0, 16);
}

/** The episode with this minute: its worst minute so far is what it shows. */
function episodeOf(input: {
  readonly finding: SloFinding;
  readonly slo: ServiceLevelObjective;
  readonly before: Anomaly | undefined;
  readonly minuteUs: number;
}): Anomaly {
  const { finding, slo, before, minuteUs } = input;
  const { rule, burnRate, counts } = finding;
  const endUs = minuteUs + US_PER_MINUTE;
  const range = { fromUs: before?.range.fromUs ?? finding.onsetUs, toUs: endUs };
  const worst = {
    value: burnRate,
    expected: { expected: 1, low: 0, high: rule.burnRate },
    n: Math.round(counts.requests),
    score: finding.score,
    statement: finding.statement,
  };
  if (before) return { ...before, range, ...(isWorse(worst, before) ? worst : {}) };
  return {
    anomalyId: anomalyIdOf({ kind: 'slo', range }, slo.name),
    kind: 'slo',
    status: 'open',
    service: slo.service,
    endpointId: endpointIdOf(slo.service, slo.operation),
    operation: slo.operation,
    objective: slo.name,
    range,
    detectedUs: endUs,
    direction: 'up',
    ...worst,
    reason: reasonOf(finding),
  };
}

type Severity = Pick<Anomaly, 'value' | 'expected'>;

/** A more urgent rule is worse at any burn rate: its windows are shorter. */
function isWorse(now: Severity, before: Severity, factor = 1): boolean {
  if (now.expected.high !== before.expected.high) return now.expected.high > before.expected.high;
  return now.value > before.value * factor;
}

function reasonOf({ rule }: SloFinding): Text {
  const { long, short, burnRate } = rule;
  return {
    zh: `${long.minutes} 分钟与 ${short.minutes} 分钟两个窗口内的消耗速度都超过 ${burnRate} 倍`,
    en: `It burns more than ${burnRate} times as fast as allowed over ${long.minutes} and over ${short.minutes} minutes`,
  };
}
