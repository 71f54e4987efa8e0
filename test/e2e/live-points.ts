/**
 * Metric points in simulated time. Where only a share of the requests is kept, counters and histograms keep that share of
 * what they count, and count copies too, so that they agree with the requests; gauges stay as they are.
 */
import type { OtlpMetric, OtlpPoint } from './live-otlp.ts';
import { msOf, nanosOf, type StretchOptions } from './live-stretch.ts';

export interface Thinning {
  /** Simulated time of its first point that is kept; undefined when none is. Points of a series come in order. */
  move(metric: OtlpMetric, resource: string): number | undefined;
}

/** A counter or histogram: what it said last, and what it says when only a share of its increments is kept. */
interface Counted {
  /** Simulated; undefined before the first point that is kept. */
  startTimeUnixNano: string | undefined;
  raw: readonly number[];
  kept: readonly number[];
}

export function createThinning(options: StretchOptions): Thinning {
  const { timeline, keptShareAt, isShuffled, copies } = options;
  const counters = new Map<string, Counted>();
  const movePoint = (point: OtlpPoint, counted: Counted | undefined): number | undefined => {
    const realMs = msOf(point.timeUnixNano);
    const moment = timeline.tryFind(realMs);
    const increments = counted === undefined ? [] : takeIncrements(point, counted);
    if (moment === undefined) return undefined;
    const { simulatedMs } = moment;
    point.timeUnixNano = String(BigInt(point.timeUnixNano) + nanosOf(simulatedMs - realMs));
    // They name traces, which may have been left out.
    delete point.exemplars;
    if (counted === undefined) {
      delete point.startTimeUnixNano;
      return simulatedMs;
    }
    const share = keptShareAt(moment) * (isShuffled(moment.stretch) ? copies : 1);
    counted.kept = counted.kept.map((kept, index) => kept + share * (increments[index] ?? 0));
    counted.startTimeUnixNano ??= String(nanosOf(timeline.startMs));
    point.startTimeUnixNano = counted.startTimeUnixNano;
    setNumbers(point, counted.kept);
    return simulatedMs;
  };
  return {
    move(metric, resource) {
      // Stretched, a pause of this machine lasts for minutes; requests can be dealt anew, measured times cannot.
      if (metric.unit === 's') return undefined;
      const data = metric.gauge ?? metric.sum ?? metric.histogram;
      if (data === undefined) return undefined;
      const isCounted = metric.histogram !== undefined || metric.sum?.isMonotonic === true;
      let firstMs: number | undefined;
      data.dataPoints = data.dataPoints.filter((point) => {
        const key = `${resource} ${metric.name} ${JSON.stringify(point.attributes)}`;
        const counted = isCounted ? findOrAdd(counters, key, point) : undefined;
        const simulatedMs = movePoint(point, counted);
        firstMs ??= simulatedMs;
        return simulatedMs !== undefined;
      });
      return firstMs;
    },
  };
}

function findOrAdd(counters: Map<string, Counted>, key: string, point: OtlpPoint): Counted {
  const known = counters.get(key);
  if (known !== undefined) return known;
  const zeros = numbersOf(point).map(() => 0);
  const counted = { startTimeUnixNano: undefined, raw: zeros, kept: zeros };
  counters.set(key, counted);
  return counted;
}

/** What is counted in time that is left out is left out, too. */
function takeIncrements(point: OtlpPoint, counted: Counted): readonly number[] {
  const numbers = numbersOf(point);
  const increments = numbers.map((number, index) => number - (counted.raw[index] ?? 0));
  counted.raw = numbers;
  return increments;
}

/** A counter's value, or a histogram's sum and buckets. */
function numbersOf({ asInt, asDouble, sum, bucketCounts }: OtlpPoint): readonly number[] {
  if (bucketCounts !== undefined) return [sum ?? 0, ...bucketCounts];
  return [Number(asInt ?? asDouble ?? 0)];
}

function setNumbers(point: OtlpPoint, numbers: readonly number[]): void {
  const [first = 0, ...buckets] = numbers;
  if (point.bucketCounts !== undefined) {
    point.sum = first;
    point.bucketCounts = buckets.map(Math.floor);
    point.count = point.bucketCounts.reduce((sum, count) => sum + count, 0);
  } else if (point.asInt !== undefined) {
    point.asInt = String(Math.floor(first));
  } else {
    point.asDouble = Math.floor(first);
  }
}
