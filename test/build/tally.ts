/** Tallies for tests: endpoints with log-normal latency, minute by minute. */
import { US_PER_MINUTE } from '../../src/base/time.ts';
import { endpointIdOf, type LatencySketch, type Tally } from '../../src/model/tally.ts';
import { addToSketch, emptySketch } from '../../src/tally/sketch.ts';
import type { Random } from './random.ts';

export interface EndpointLoad {
  readonly service: string;
  readonly operation: string;
  readonly requestsPerMinute: number;
  readonly medianUs: number;
  /** Of the logarithm. */
  readonly sigma?: number;
  readonly errorRatio?: number;
}

export function tallyMinutes(
  load: EndpointLoad,
  options: { readonly random: Random; readonly fromUs: number; readonly minutes: number },
): Tally[] {
  const { random } = options;
  return Array.from({ length: options.minutes }, (_, minute): Tally => {
    const scatter = Math.sqrt(load.requestsPerMinute) * random.normal();
    const count = Math.max(0, Math.round(load.requestsPerMinute + scatter));
    let sketch: LatencySketch = emptySketch();
    let errorCount = 0;
    for (let request = 0; request < count; request++) {
      const durationUs = load.medianUs * Math.exp((load.sigma ?? 0.3) * random.normal());
      sketch = addToSketch(sketch, durationUs);
      if (random.next() < (load.errorRatio ?? 0)) errorCount++;
    }
    const { service, operation } = load;
    return {
      endpoint: {
        endpointId: endpointIdOf(service, operation),
        service,
        operation,
        stage: 'other',
      },
      minuteUs: options.fromUs + minute * US_PER_MINUTE,
      count,
      errorCount,
      sketch,
    };
  });
}
