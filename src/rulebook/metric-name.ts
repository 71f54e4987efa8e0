/** Metric names as rules write them, beside the names that exporters make of them; times in milliseconds. */
import { canonicalMetricName } from '../model/metric-names.ts';
import type { SeriesWindow } from '../model/window.ts';

/** Suffixes that the OpenTelemetry → Prometheus translation adds. */
const SUFFIX = /_(seconds|milliseconds|microseconds|bytes|ratio)$/;

/**
 * Equal for a name and its twins: `db.client.connection.wait_time`, `db_client_connection_wait_time_seconds`
 * and `hikaricp_connections_acquire_seconds`; `_total` of counters and unit suffixes do not count.
 */
export function metricKeyOf(name: string): string {
  const flat = canonicalMetricName(name)
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/_total$/, '');
  return flat.replace(SUFFIX, '');
}

const MS_PER_UNIT: Readonly<Record<string, number>> = {
  s: 1000,
  seconds: 1000,
  ms: 1,
  milliseconds: 1,
  us: 0.001,
  microseconds: 0.001,
  ns: 1e-6,
  nanoseconds: 1e-6,
};

/** Factor that turns a series' values into milliseconds; 1 for what is not a time. */
export function msFactorOf(series: Pick<SeriesWindow, 'name' | 'unit'>): number {
  if (series.unit !== '') {
    return Object.hasOwn(MS_PER_UNIT, series.unit) ? MS_PER_UNIT[series.unit]! : 1;
  }
  const suffix = /_(seconds|milliseconds|microseconds|nanoseconds)(?:_total)?$/.exec(
    series.name,
  )?.[1];
  return suffix === undefined ? 1 : MS_PER_UNIT[suffix]!;
}
