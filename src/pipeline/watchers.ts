/** The list of all watches: what each is called in the state, and which part of a minute it is fed. */
import type { Config } from '../config/config.ts';
import type {
  EndpointMinute,
  EndpointWatch,
  MetricMinute,
  TemplateMinute,
  Watch,
} from '../model/watch.ts';
import { createEndpointWatch } from './endpoint-watch.ts';
import { createLogWatch } from './log-watch.ts';
import { createMetricWatch } from './metric-watch.ts';
import { createRatioWatch } from './ratio-watch.ts';
import { createSloWatch, type SloWatch } from './slo-watch.ts';

export type Watcher =
  | WatcherOf<'endpoints', EndpointMinute>
  | WatcherOf<'templates', TemplateMinute>
  | WatcherOf<'metrics', MetricMinute>;

interface WatcherOf<Feed, Minute> {
  /** Names its state: never to be changed. */
  readonly name: string;
  readonly feed: Feed;
  readonly watch: Watch<Minute>;
}

export interface Watchers {
  /** In the order in which they see a minute. */
  readonly list: readonly Watcher[];
  /** The one that knows what is normal for endpoints; also in the list. */
  readonly endpoints: EndpointWatch;
  /** The one that knows how budgets are; also in the list. */
  readonly slos: SloWatch;
}

/** New ones, that have learned nothing. */
export function createWatchers(config: Pick<Config, 'slos' | 'detectionMethod'>): Watchers {
  const isRatio = config.detectionMethod === 'ratio';
  const endpoints = isRatio ? createRatioWatch() : createEndpointWatch();
  const slos = createSloWatch(config.slos);
  return {
    endpoints,
    slos,
    list: [
      { name: isRatio ? 'endpoints-ratio' : 'endpoints', feed: 'endpoints', watch: endpoints },
      { name: 'slos', feed: 'endpoints', watch: slos },
      { name: 'logs', feed: 'templates', watch: createLogWatch() },
      { name: 'metrics', feed: 'metrics', watch: createMetricWatch() },
    ],
  };
}
