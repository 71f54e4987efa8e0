/** Shows simulated months to watches, minute by minute, and scores what they report. */
import type { EndpointWatch } from '../model/watch.ts';
import type { Month } from './month.ts';
import { AlarmLog, type JudgedMonth, type PeriodScore, scoreMonths } from './month-score.ts';
import { MINUTES_PER_DAY } from './month-world.ts';

/** One method on one month. */
export interface MonthRun extends JudgedMonth {
  readonly method: string;
  /** Of the watch's own steps. */
  readonly cpuUs: number;
  readonly stateBytesPerEndpoint: number;
}

/** All watches see the same minutes. */
export function runMonth(
  month: Month,
  options: {
    readonly watches: ReadonlyMap<string, EndpointWatch>;
    /** Processor time of this process so far. */
    readonly cpuUs: () => number;
    readonly onDay?: (day: number) => void;
  },
): MonthRun[] {
  const { watches, cpuUs, onDay } = options;
  const runs = [...watches].map(([method, watch]) => ({
    method,
    watch,
    log: new AlarmLog(),
    usedUs: 0,
  }));
  let minute = 0;
  for (const tallied of month.minutes()) {
    if (minute % MINUTES_PER_DAY === 0) onDay?.(minute / MINUTES_PER_DAY);
    minute++;
    for (const run of runs) {
      const startUs = cpuUs();
      const anomalies = run.watch.step(tallied);
      run.usedUs += cpuUs() - startUs;
      run.log.note(tallied.minuteUs, anomalies);
    }
  }
  const { startUs, dayCount, incidents } = month;
  const endpointCount = month.world.endpoints.length;
  return runs.map(({ method, watch: { state }, log, usedUs }) => ({
    method,
    alarms: log.alarms(),
    truth: { startUs, dayCount, endpointCount, incidents },
    cpuUs: usedUs,
    stateBytesPerEndpoint:
      (state.size * state.width * Float32Array.BYTES_PER_ELEMENT) / endpointCount,
  }));
}

export interface MethodScore {
  readonly method: string;
  readonly periods: readonly PeriodScore[];
  readonly cpuUsPerEndpointMinute: number;
  readonly stateBytesPerEndpoint: number;
}

/** The months of each method taken together. */
export function scoreRuns(runs: readonly MonthRun[]): MethodScore[] {
  const methods = new Set(runs.map(({ method }) => method));
  return [...methods].map((method) => {
    const months = runs.filter((run) => run.method === method);
    const endpointMinutes = months.reduce(
      (sum, { truth }) => sum + truth.endpointCount * truth.dayCount * MINUTES_PER_DAY,
      0,
    );
    return {
      method,
      periods: scoreMonths(months),
      cpuUsPerEndpointMinute: months.reduce((sum, { cpuUs }) => sum + cpuUs, 0) / endpointMinutes,
      stateBytesPerEndpoint: Math.max(
        ...months.map(({ stateBytesPerEndpoint }) => stateBytesPerEndpoint),
      ),
    };
  });
}
