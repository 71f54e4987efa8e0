/** What can be said of a metric by its name: whether it has a normal at all, and whether it can leak. */
import type { MetricSeries } from '../model/span.ts';

/** Times, ages and labels as numbers: a restart moves them, and nobody wants to hear it. */
const NO_LEVEL =
  /uptime|start[._]time|timestamp|_created$|last_.*_time|(^|[._])info$|time_seconds$|(^|[._])epoch|boot[._]time/;

export function hasNormal({ name, unit }: MetricSeries): boolean {
  return !NO_LEVEL.test(name) && unit !== '{timestamp}';
}

/** What a process takes and gives back. Data that it keeps may grow for ever. */
const RESOURCE =
  /memory|heap|rss|handle|descriptor|(^|[._])fds?($|[._])|goroutine|thread|connection|session|socket/;

export function isResource({ name }: MetricSeries): boolean {
  return RESOURCE.test(name);
}
