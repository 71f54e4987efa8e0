/** The simplest watch that is one: three times the mean of an endpoint's requests a minute, for two minutes in a row. */
import { RowSlab } from '../../src/base/row-slab.ts';
import { US_PER_MINUTE } from '../../src/base/time.ts';
import type { Anomaly } from '../../src/model/anomaly.ts';
import type { EndpointMinute, EndpointWatch } from '../../src/model/watch.ts';

const [COUNT, SUM, OUTSIDE] = [0, 1, 2];
const FACTOR = 3;
const MINUTES_TO_OPEN = 2;

export interface MeanWatch extends EndpointWatch {
  /** Minutes it was fed, in order. */
  readonly minutesUs: readonly number[];
}

export function createMeanWatch({ version = 1 } = {}): MeanWatch {
  const state = new RowSlab({ width: 3, version });
  const open = new Map<string, Anomaly>();
  const minutesUs: number[] = [];

  function step({ minuteUs, tallies }: EndpointMinute): readonly Anomaly[] {
    minutesUs.push(minuteUs);
    const changed: Anomaly[] = [];
    for (const { endpoint, count } of tallies) {
      const row = state.rowOf(endpoint.endpointId);
      const mean = row[COUNT]! === 0 ? count : row[SUM]! / row[COUNT]!;
      const isOutside = count > FACTOR * mean;
      row[OUTSIDE] = isOutside ? row[OUTSIDE]! + 1 : 0;
      if (!isOutside) {
        row[COUNT]! += 1;
        row[SUM]! += count;
      }
      const known = open.get(endpoint.endpointId);
      if (isOutside && !known && row[OUTSIDE] === MINUTES_TO_OPEN) {
        const toUs = minuteUs + US_PER_MINUTE;
        const fromUs = toUs - MINUTES_TO_OPEN * US_PER_MINUTE;
        const anomaly: Anomaly = {
          anomalyId: `${endpoint.service} ${endpoint.operation} ${fromUs}`,
          kind: 'traffic',
          status: 'open',
          service: endpoint.service,
          endpointId: endpoint.endpointId,
          range: { fromUs, toUs },
          detectedUs: toUs,
          direction: 'up',
          value: count,
          expected: { expected: mean, low: 0, high: FACTOR * mean },
          n: count,
          score: count,
          statement: { zh: '多', en: 'many' },
        };
        open.set(endpoint.endpointId, anomaly);
        changed.push(anomaly);
      } else if (!isOutside && known) {
        open.delete(endpoint.endpointId);
        changed.push({ ...known, status: 'closed', end: 'recovered' });
      }
    }
    return changed;
  }

  return {
    state,
    minutesUs,
    step,
    resume(anomalies) {
      for (const anomaly of anomalies) open.set(anomaly.endpointId ?? '', anomaly);
    },
    baselines: () => new Map(),
  };
}
