/** Shows a simulated month to watches, all at once and minute by minute, and scores what they report. */
import type { EndpointWatch } from '../model/watch.ts';
import type { Month } from './month.ts';
import {
  AlarmLog,
  findMistakes,
  type Mistakes,
  type PeriodScore,
  scoreAlarms,
} from './month-score.ts';
import { MINUTES_PER_DAY } from './month-world.ts';

export interface MethodScore {
  readonly method: string;
  readonly periods: readonly PeriodScore[];
  /** Of a watch's own steps. */
  readonly cpuUsPerEndpointMinute: number;
  readonly stateBytesPerEndpoint: number;
  readonly mistakes: Mistakes;
}

export function runMonth(
  month: Month,
  options: {
    readonly watches: ReadonlyMap<string, EndpointWatch>;
    /** Processor time of this process so far. */
    readonly cpuUs: () => number;
    readonly onDay?: (day: number) => void;
  },
): MethodScore[] {
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
  const endpointCount = month.world.endpoints.length;
  const truth = { ...month, endpointCount };
  return runs.map(({ method, watch, log, usedUs }) => ({
    method,
    periods: scoreAlarms(log.alarms(), truth),
    cpuUsPerEndpointMinute: usedUs / minute / endpointCount,
    stateBytesPerEndpoint:
      (watch.state.size * watch.state.width * Float32Array.BYTES_PER_ELEMENT) / endpointCount,
    mistakes: findMistakes(log.alarms(), truth),
  }));
}
