/** Random columns as a decoder leaves them: what a sender could have sent, every field and edge of it in use. */
import {
  type AttributeColumns,
  type MetricKind,
  POINT_HAS,
  PointColumns,
  type SeriesEntry,
  VALUE_TYPE,
} from '../../src/model/columns.ts';
import { NOON_US, type Random, randomLogs, randomPoints, randomSpans } from './generate.ts';

export function sendableSpans(count: number, random: Random) {
  const columns = randomSpans(count, random);
  narrow(columns.attributes);
  narrow(columns.events.attributes);
  narrow(columns.links.attributes);
  const { events } = columns;
  for (let at = 0; at < events.count; at++) {
    // an event without a time gets its span's
    if (events.timeUs[at] === 0) events.timeUs[at] = NOON_US;
  }
  return columns;
}

export function sendableLogs(count: number, random: Random) {
  const columns = randomLogs(count, random);
  narrow(columns.attributes);
  for (let row = 0; row < count; row++) {
    if (columns.observedUs[row] === 0) columns.observedNs[row] = 0;
    if (columns.bodyType[row] === VALUE_TYPE.int) {
      columns.bodyValue[row] = safe(columns.bodyValue[row]!);
    }
  }
  return columns;
}

export function sendablePoints(count: number, random: Random): PointColumns {
  const source = randomPoints(count, random);
  const columns = new PointColumns(source.strings);
  columns.resources.push(...source.resources);
  columns.scopes.push(...source.scopes);
  columns.seriesEntries.push(...source.seriesEntries.map(sendableSeries));
  for (let from = 0; from < count; from++) {
    const row = columns.addRow();
    const series = source.series[from]!;
    columns.series[row] = series;
    columns.timeUs[row] = source.timeUs[from]!;
    columns.timeNs[row] = source.timeNs[from]!;
    columns.startUs[row] = source.startUs[from]!;
    columns.startNs[row] = columns.startUs[row] === 0 ? 0 : source.startNs[from]!;
    columns.flags[row] = source.flags[from]!;
    const { kind } = columns.seriesEntries[series]!;
    if (kind === 'gauge' || kind === 'sum') fillNumber(columns, row, source.value[from]!);
    else fillDistribution(columns, row, { kind, random });
    if (kind !== 'summary') addExemplars(columns, random);
    columns.endRow(row);
  }
  return columns;
}

/** The decoders keep an int beyond ±(2^53 − 1) as text. */
function narrow(list: AttributeColumns): void {
  for (let at = 0; at < list.count; at++) {
    if (list.types[at] === VALUE_TYPE.int) list.values[at] = safe(list.values[at]!);
  }
}

function safe(value: number): number {
  return Number.isSafeInteger(value) ? value : Math.sign(value) * Number.MAX_SAFE_INTEGER;
}

function sendableSeries(entry: SeriesEntry): SeriesEntry {
  const hasTemporality = entry.kind !== 'gauge' && entry.kind !== 'summary';
  return {
    ...entry,
    temporality: hasTemporality ? entry.temporality : 0,
    isMonotonic: entry.kind === 'sum' && entry.isMonotonic,
  };
}

function fillNumber(columns: PointColumns, row: number, value: number): void {
  columns.value[row] = value;
  const isInt = Number.isInteger(value) && !Object.is(value, -0) && Math.abs(value) < 2 ** 63;
  columns.has[row] = isInt ? POINT_HAS.isInt : 0;
}

function fillDistribution(
  columns: PointColumns,
  row: number,
  { kind, random }: { readonly kind: MetricKind; readonly random: Random },
): void {
  const number = () => random.pick([0, -0, 2.5, -7, 1e300, random.next()]);
  const count = () => random.pick([0, 1, 300, 2 ** 40, 2 ** 64]);
  columns.observationCount[row] = count();
  const fields = kind === 'summary' ? (['sum'] as const) : (['sum', 'min', 'max'] as const);
  for (const field of fields) {
    if (kind !== 'summary' && random.below(3) === 0) continue;
    columns[field === 'sum' ? 'value' : field][row] = number();
    columns.has[row] = columns.has[row]! | POINT_HAS[field];
  }
  const push = (make: () => number, times: number) => {
    for (let left = times; left > 0; left--) columns.pushBucket(make());
  };
  if (kind === 'histogram') {
    const bounds = random.below(5);
    push(number, bounds);
    if (bounds > 0 || random.below(2) === 1) push(count, bounds + 1);
  } else if (kind === 'exponentialHistogram') {
    const offset = () => random.pick([0, -3, 2 ** 31 - 1, -(2 ** 31)]);
    push(() => random.pick([0, 20, -10]), 1);
    push(count, 1);
    push(number, 1);
    for (let side = 0; side < 2; side++) {
      const size = random.below(4);
      push(offset, 1);
      columns.pushBucket(size);
      push(count, size);
    }
  } else {
    push(number, 2 * random.below(4));
  }
}

function addExemplars(columns: PointColumns, random: Random): void {
  const { exemplars, strings } = columns;
  for (let left = random.below(3); left > 0; left--) {
    const row = exemplars.addRow();
    exemplars.timeUs[row] = NOON_US + random.below(60_000_000);
    exemplars.timeNs[row] = random.below(1000);
    exemplars.isInt[row] = random.below(2);
    exemplars.value[row] = exemplars.isInt[row] === 1 ? -3 : random.pick([0.25, Number.NaN, -0]);
    if (random.below(2) === 1) {
      random.bytes(exemplars.traceId, 16 * row, 16);
      random.bytes(exemplars.spanId, 8 * row, 8);
    }
    const key = strings.idOfString('thread');
    exemplars.attributes.push(key, VALUE_TYPE.int, random.below(9));
    exemplars.endRow(row);
  }
}
