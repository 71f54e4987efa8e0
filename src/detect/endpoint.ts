/** Anomalies of endpoints: their tallies in the range against the bands of their baselines. */
import { formatNumber, formatPercent, formatUs } from '../base/quantity.ts';
import { deviationLlr, shareLlr, twoShareLlr } from '../base/statistics.ts';
import { type TimeRange, US_PER_MINUTE } from '../base/time.ts';
import type { Anomaly } from '../model/anomaly.ts';
import type { Band, EndpointBaseline } from '../model/baseline.ts';
import type { Endpoint, LatencySketch, Tally } from '../model/tally.ts';
import { countAbove, emptySketch, mergeSketches, quantileOf } from '../tally/sketch.ts';
import { anomalyIdOf } from './anomaly-id.ts';

/** Likelihood ratio that counts for a single endpoint; the number of endpoints is paid for on top. */
const LLR_MIN = 4;
/** Requests in the range below which latency and errors say nothing. */
const REQUESTS_MIN = 5;
/** Slower by less than this nobody notices. */
const SLOWER_US_MIN = 1000;
/** Missing fewer requests than this proves no silence. */
const EXPECTED_REQUESTS_MIN = 10;
/** Rates have heavy tails: Student's t with few degrees of freedom. */
const RATE_FREEDOM = 4;
/** Bands of the baseline are ± 3.5 standard deviations. */
const BAND_SIGMAS = 3.5;

interface EndpointCount {
  readonly endpoint: Endpoint;
  requests: number;
  errors: number;
  sketch: LatencySketch;
}

type Found = Omit<Anomaly, 'anomalyId' | 'service' | 'endpointId' | 'operation' | 'range' | 'n'>;

export function detectEndpoints(input: {
  readonly range: TimeRange;
  readonly tallies: readonly Tally[];
  readonly baselines: ReadonlyMap<string, EndpointBaseline>;
}): Anomaly[] {
  const { range, baselines } = input;
  const counts = countByEndpoint(input.tallies, baselines);
  const llrMin = LLR_MIN + Math.log(Math.max(1, counts.size));
  const minutes = (range.toUs - range.fromUs) / US_PER_MINUTE;
  const anomalies: Anomaly[] = [];
  for (const count of counts.values()) {
    const baseline = baselines.get(count.endpoint.endpointId);
    if (baseline === undefined) continue;
    const found = [
      slowness(count, baseline),
      failing(count, baseline),
      traffic(count, { baseline, minutes }),
    ];
    for (const item of found) {
      if (item === undefined || item.score < llrMin) continue;
      const { endpointId, service, operation } = count.endpoint;
      const anomalyId = anomalyIdOf({ kind: item.kind, range }, endpointId);
      anomalies.push({
        ...item,
        anomalyId,
        service,
        endpointId,
        operation,
        range,
        n: count.requests,
      });
    }
  }
  return anomalies;
}

/** Endpoints with a baseline and no traffic are counted too: silence is an anomaly. */
function countByEndpoint(
  tallies: readonly Tally[],
  baselines: ReadonlyMap<string, EndpointBaseline>,
): Map<string, EndpointCount> {
  const counts = new Map<string, EndpointCount>();
  for (const { endpoint } of baselines.values()) {
    counts.set(endpoint.endpointId, { endpoint, requests: 0, errors: 0, sketch: emptySketch() });
  }
  for (const { endpoint, count, errorCount, sketch } of tallies) {
    const known = counts.get(endpoint.endpointId);
    if (known === undefined) {
      counts.set(endpoint.endpointId, { endpoint, requests: count, errors: errorCount, sketch });
      continue;
    }
    known.requests += count;
    known.errors += errorCount;
    known.sketch = mergeSketches(known.sketch, sketch);
  }
  return counts;
}

/** The half or the twentieth of requests above the band's upper end that should not be there. */
function slowness(
  { requests, sketch }: EndpointCount,
  baseline: EndpointBaseline,
): Found | undefined {
  if (requests < REQUESTS_MIN) return undefined;
  const llrAbove = (band: Band, q: number): number => {
    const value = quantileOf(sketch, q);
    if (value <= band.high || value - band.expected < SLOWER_US_MIN) return 0;
    return shareLlr({ hits: countAbove(sketch, band.high), total: requests }, 1 - q);
  };
  const score = Math.max(
    llrAbove(baseline.latencyUsP95, 0.95),
    llrAbove(baseline.latencyUsP50, 0.5),
  );
  if (score <= 0) return undefined;
  const value = quantileOf(sketch, 0.95);
  const expected = baseline.latencyUsP95;
  const [now, usual] = [formatUs(value), formatUs(expected.expected)];
  const name = nameOf(baseline.endpoint);
  return {
    kind: 'latency',
    direction: 'up',
    value,
    expected,
    score,
    statement: {
      zh: `${name} 的 P95 延迟为 ${now}，平时 ${usual}`,
      en: `${name} takes ${now} at p95, usually ${usual}`,
    },
  };
}

function failing(
  { requests, errors }: EndpointCount,
  baseline: EndpointBaseline,
): Found | undefined {
  const expected = baseline.errorRatio;
  const value = errors / Math.max(requests, 1);
  if (requests < REQUESTS_MIN || errors < 2 || value <= expected.high) return undefined;
  // The expected ratio is itself only as sure as the requests it was learned from; at least half a failure.
  const learned = {
    hits: Math.max(expected.expected * baseline.requests, 0.5),
    total: baseline.requests + 1,
  };
  const name = nameOf(baseline.endpoint);
  const [now, usual] = [formatPercent(value), formatPercent(expected.expected)];
  return {
    kind: 'error',
    direction: 'up',
    value,
    expected,
    score: twoShareLlr({ hits: errors, total: requests }, learned),
    statement: {
      zh: `${name} 的失败率为 ${now}，平时 ${usual}`,
      en: `${now} of the requests of ${name} fail, usually ${usual}`,
    },
  };
}

function traffic(
  { requests }: EndpointCount,
  context: { readonly baseline: EndpointBaseline; readonly minutes: number },
): Found | undefined {
  const { baseline, minutes } = context;
  const expected = baseline.requestsPerMinute;
  if (minutes <= 0) return undefined;
  const value = requests / minutes;
  const isUp = value > expected.high;
  const isDown = value < expected.low && expected.expected * minutes >= EXPECTED_REQUESTS_MIN;
  if (!isUp && !isDown) return undefined;
  if (isUp && requests < EXPECTED_REQUESTS_MIN) return undefined;
  const sigma = Math.max((expected.high - expected.expected) / BAND_SIGMAS, 1e-9);
  const name = nameOf(baseline.endpoint);
  const [now, usual] = [formatNumber(value), formatNumber(expected.expected)];
  return {
    kind: 'traffic',
    direction: isUp ? 'up' : 'down',
    value,
    expected,
    score: deviationLlr((value - expected.expected) / sigma, RATE_FREEDOM),
    statement: {
      zh: `${name} 每分钟 ${now} 个请求，平时 ${usual}`,
      en: `${name} gets ${now} requests a minute, usually ${usual}`,
    },
  };
}

function nameOf({ service, operation }: Endpoint): string {
  return `${service} ${operation}`;
}
