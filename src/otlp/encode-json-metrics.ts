/** Data points of all five metric kinds out of columns as OTLP/JSON. */
import { unreachable } from '../base/errors.ts';
import { POINT_HAS, type PointColumns, type SeriesEntry } from '../model/columns.ts';
import {
  attributeTexts,
  entryTexts,
  FieldsText,
  QuotedTexts,
  resourceText,
  scopeText,
  startOf,
} from './encode-json-common.ts';
import type { ItemPlace, RequestLines } from './encode-json-requests.ts';
import { formatDouble } from './value.ts';

interface EncodedSeries {
  readonly entry: SeriesEntry;
  readonly place: ItemPlace;
  readonly attributes: readonly string[];
}

export function encodeJsonPoints(
  columns: PointColumns,
  rows: Iterable<number>,
  into: RequestLines,
): void {
  const texts = new QuotedTexts(columns.strings);
  const encoded = new Map<number, EncodedSeries>();
  for (const row of rows) {
    const index = columns.series[row]!;
    let series = encoded.get(index);
    if (!series) {
      series = encodeSeries(columns, index, texts);
      encoded.set(index, series);
    }
    into.add(series.place, pointText(columns, row, { series, texts }));
  }
}

function encodeSeries(columns: PointColumns, index: number, texts: QuotedTexts): EncodedSeries {
  const entry = columns.seriesEntries[index];
  if (!entry) throw new RangeError(`there is no series ${index}`);
  const head = new FieldsText();
  head.addString('name', entry.name, texts);
  head.addString('description', entry.description, texts);
  head.addString('unit', entry.unit, texts);
  const data = new FieldsText();
  data.addInteger('aggregationTemporality', entry.temporality);
  if (entry.isMonotonic) data.add('isMonotonic', 'true');
  const before = head.text === '' ? '' : `${head.text},`;
  const inner = data.text === '' ? '' : `${data.text},`;
  return {
    entry,
    place: {
      resource: resourceText(columns.resources[entry.resource], texts),
      scope: scopeText(columns.scopes[entry.scope], texts),
      metric: { open: `{${before}"${entry.kind}":{${inner}"dataPoints":[`, close: ']}}' },
    },
    attributes: entryTexts(entry.attributes, texts),
  };
}

function pointText(
  columns: PointColumns,
  row: number,
  { series, texts }: { readonly series: EncodedSeries; readonly texts: QuotedTexts },
): string {
  const { kind } = series.entry;
  const fields = new FieldsText();
  fields.addList('attributes', series.attributes);
  fields.addTime('startTimeUnixNano', columns.startUs[row]!, columns.startNs[row]!);
  fields.addTime('timeUnixNano', columns.timeUs[row]!, columns.timeNs[row]!);
  fields.addInteger('flags', columns.flags[row]!);
  switch (kind) {
    case 'gauge':
    case 'sum': {
      const isInt = (columns.has[row]! & POINT_HAS.isInt) !== 0;
      addNumber(fields, columns.value[row]!, isInt);
      break;
    }
    case 'histogram':
      addDistribution(fields, columns, row);
      addBuckets(fields, bucketsOf(columns, row));
      break;
    case 'exponentialHistogram':
      addDistribution(fields, columns, row);
      addExponentialBuckets(fields, bucketsOf(columns, row));
      break;
    case 'summary':
      addDistribution(fields, columns, row);
      addQuantiles(fields, bucketsOf(columns, row));
      break;
    default:
      return unreachable(kind);
  }
  fields.addList('exemplars', exemplarTexts(columns, row, texts));
  return `{${fields.text}}`;
}

/** A point without a value is stored as NaN, and so is one whose value is NaN. */
function addNumber(fields: FieldsText, value: number, isInt: boolean): void {
  if (isInt) fields.add('asInt', `"${int64Text(value)}"`);
  else fields.add('asDouble', formatDouble(value));
}

function addDistribution(fields: FieldsText, columns: PointColumns, row: number): void {
  const has = columns.has[row]!;
  fields.add('count', `"${uint64Text(columns.observationCount[row]!)}"`);
  if ((has & POINT_HAS.sum) !== 0) fields.add('sum', formatDouble(columns.value[row]!));
  if ((has & POINT_HAS.min) !== 0) fields.add('min', formatDouble(columns.min[row]!));
  if ((has & POINT_HAS.max) !== 0) fields.add('max', formatDouble(columns.max[row]!));
}

/** n bounds, then n + 1 counts, or nothing. */
function addBuckets(fields: FieldsText, buckets: Float64Array): void {
  const boundCount = Math.floor(buckets.length / 2);
  const bounds = [...buckets.subarray(0, boundCount)];
  fields.addList('bucketCounts', countTexts(buckets.subarray(boundCount)));
  fields.addList('explicitBounds', bounds.map(formatDouble));
}

/** Scale, zero count, zero threshold, then for positive and negative: offset, size, counts. */
function addExponentialBuckets(fields: FieldsText, buckets: Float64Array): void {
  const [scale = 0, zeroCount = 0, zeroThreshold = 0] = buckets;
  fields.addInteger('scale', scale);
  if (zeroCount !== 0) fields.add('zeroCount', `"${uint64Text(zeroCount)}"`);
  if (zeroThreshold !== 0 || Object.is(zeroThreshold, -0)) {
    fields.add('zeroThreshold', formatDouble(zeroThreshold));
  }
  let at = 3;
  for (const name of ['positive', 'negative']) {
    const offset = buckets[at] ?? 0;
    const size = buckets[at + 1] ?? 0;
    const side = new FieldsText();
    side.addInteger('offset', offset);
    side.addList('bucketCounts', countTexts(buckets.subarray(at + 2, at + 2 + size)));
    if (side.text !== '') fields.add(name, `{${side.text}}`);
    at += 2 + size;
  }
}

/** Quantile, value, quantile, value … */
function addQuantiles(fields: FieldsText, buckets: Float64Array): void {
  const pairs: string[] = [];
  for (let at = 0; at + 1 < buckets.length; at += 2) {
    const quantile = formatDouble(buckets[at]!);
    pairs.push(`{"quantile":${quantile},"value":${formatDouble(buckets[at + 1]!)}}`);
  }
  fields.addList('quantileValues', pairs);
}

function exemplarTexts(columns: PointColumns, row: number, texts: QuotedTexts): readonly string[] {
  const { exemplars, exemplarsEnd } = columns;
  const { attributes, attributesEnd: ends } = exemplars;
  const items: string[] = [];
  for (let at = startOf(exemplarsEnd, row); at < exemplarsEnd[row]!; at++) {
    const fields = new FieldsText();
    fields.addList('filteredAttributes', attributeTexts({ attributes, ends }, at, texts));
    fields.addTime('timeUnixNano', exemplars.timeUs[at]!, exemplars.timeNs[at]!);
    addNumber(fields, exemplars.value[at]!, exemplars.isInt[at] === 1);
    fields.addId('spanId', exemplars.spanId, { row: at, sizeBytes: 8 });
    fields.addId('traceId', exemplars.traceId, { row: at, sizeBytes: 16 });
    items.push(`{${fields.text}}`);
  }
  return items;
}

function bucketsOf(columns: PointColumns, row: number): Float64Array {
  const { buckets, bucketsEnd } = columns;
  return buckets.subarray(startOf(bucketsEnd, row), bucketsEnd[row]);
}

function countTexts(counts: Float64Array): readonly string[] {
  return Array.from(counts, (count) => `"${uint64Text(count)}"`);
}

const INT64_MAX = 2n ** 63n - 1n;
const UINT64_MAX = 2n ** 64n - 1n;

/** The double nearest to the largest int64 is one more than it. */
function int64Text(value: number): string {
  const integer = BigInt(value);
  return String(integer > INT64_MAX ? INT64_MAX : integer);
}

function uint64Text(value: number): string {
  const integer = BigInt(value);
  return String(integer > UINT64_MAX ? UINT64_MAX : integer);
}
