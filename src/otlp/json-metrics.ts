/** Data points of all five metric kinds from OTLP/JSON into columns. */
import { METRIC_KINDS, type MetricKind, POINT_HAS, type PointColumns } from '../model/columns.ts';
import { readJsonAttributes, readJsonEnvelopes } from './json-common.ts';
import type { JsonObject, JsonReader } from './json-reader.ts';
import {
  buildMetric,
  finishExemplar,
  finishPoint,
  type Metric,
  PointDraft,
  setOptional,
} from './point-draft.ts';

const NAMES = { groups: 'resourceMetrics', scopeGroups: 'scopeMetrics', items: 'metrics' };

interface Target {
  readonly into: PointColumns;
  readonly draft: PointDraft;
}

export function readJsonMetrics(reader: JsonReader, request: JsonObject, into: PointColumns): void {
  const target: Target = { into, draft: new PointDraft() };
  readJsonEnvelopes(reader, request, {
    names: NAMES,
    readItem: (metric) => readMetric(reader, metric, target),
  });
}

function readMetric(reader: JsonReader, metric: JsonObject, target: Target): void {
  const name = reader.text(metric, 'name');
  const description = reader.text(metric, 'description');
  const unit = reader.text(metric, 'unit');
  const kind = kindOf(reader, metric);
  if (kind === undefined) return;
  // The names of the kinds are those of the fields.
  reader.within(metric, kind, (data) => {
    const { resource, scope } = reader.context;
    const head = buildMetric({
      name,
      unit,
      description,
      kind,
      temporality:
        kind === 'gauge' || kind === 'summary' ? 0 : reader.enum(data, 'aggregationTemporality', 2),
      isMonotonic: kind === 'sum' && reader.bool(data, 'isMonotonic'),
      resource,
      scope,
    });
    reader.each(data, 'dataPoints', (point) => readPoint(reader, point, { target, metric: head }));
  });
}

function kindOf(reader: JsonReader, metric: JsonObject): MetricKind | undefined {
  let found: MetricKind | undefined;
  for (const kind of METRIC_KINDS) {
    if (!reader.has(metric, kind)) continue;
    if (found !== undefined)
      throw reader.fault(kind, `stands beside ${found}; a metric has one kind`);
    found = kind;
  }
  return found;
}

function readPoint(
  reader: JsonReader,
  point: JsonObject,
  { target, metric }: { readonly target: Target; readonly metric: Metric },
): void {
  const { into, draft } = target;
  const { context } = reader;
  draft.begin(into, context);
  const { row } = draft;
  reader.time(point, 'startTimeUnixNano');
  into.startUs[row] = reader.timeUs;
  into.startNs[row] = reader.timeNs;
  reader.time(point, 'timeUnixNano');
  into.timeUs[row] = reader.timeUs;
  into.timeNs[row] = reader.timeNs;
  into.flags[row] = reader.uint32(point, 'flags');
  if (metric.kind === 'gauge' || metric.kind === 'sum') readNumber(reader, point, target);
  else readDistribution(reader, point, { target, kind: metric.kind });
  if (metric.kind !== 'summary') {
    reader.each(point, 'exemplars', (exemplar) => readExemplar(reader, exemplar, into));
  }
  readJsonAttributes(reader, point, { into: context.scratch });
  finishPoint(into, draft, { metric, context });
}

function readNumber(reader: JsonReader, point: JsonObject, { into, draft }: Target): void {
  const { row } = draft;
  const hasInt = reader.has(point, 'asInt');
  const hasDouble = reader.has(point, 'asDouble');
  if (hasInt && hasDouble)
    throw reader.fault('asInt', 'stands beside asDouble; a value has one type');
  draft.hasValue = hasInt || hasDouble;
  if (hasDouble) into.value[row] = reader.double(point, 'asDouble');
  if (hasInt) {
    into.value[row] = Number(reader.int64(point, 'asInt'));
    into.has[row] = POINT_HAS.isInt;
  }
}

function readDistribution(
  reader: JsonReader,
  point: JsonObject,
  { target, kind }: { readonly target: Target; readonly kind: MetricKind },
): void {
  const { into, draft } = target;
  const { row } = draft;
  into.observationCount[row] = reader.uint64(point, 'count');
  for (const field of kind === 'summary' ? SUM_ONLY : SUM_MIN_MAX) {
    if (reader.has(point, field)) {
      setOptional(into, row, { field, value: reader.double(point, field) });
    }
  }
  if (kind === 'histogram') {
    reader.numbers(point, 'bucketCounts', { type: 'uint64', into: draft.counts });
    reader.numbers(point, 'explicitBounds', { type: 'double', into: draft.bounds });
  } else if (kind === 'exponentialHistogram') {
    draft.scale = reader.int32(point, 'scale');
    draft.zeroCount = reader.uint64(point, 'zeroCount');
    draft.zeroThreshold = reader.double(point, 'zeroThreshold');
    reader.within(point, 'positive', (buckets) => {
      draft.positiveOffset = reader.int32(buckets, 'offset');
      reader.numbers(buckets, 'bucketCounts', { type: 'uint64', into: draft.counts });
    });
    reader.within(point, 'negative', (buckets) => {
      draft.negativeOffset = reader.int32(buckets, 'offset');
      reader.numbers(buckets, 'bucketCounts', { type: 'uint64', into: draft.negativeCounts });
    });
  } else {
    reader.each(point, 'quantileValues', (pair) => {
      draft.quantiles.push(reader.double(pair, 'quantile'), reader.double(pair, 'value'));
    });
  }
}

const SUM_ONLY = ['sum'] as const;
const SUM_MIN_MAX = ['sum', 'min', 'max'] as const;

function readExemplar(reader: JsonReader, exemplar: JsonObject, into: PointColumns): void {
  const { exemplars } = into;
  const row = exemplars.addRow();
  reader.time(exemplar, 'timeUnixNano');
  exemplars.timeUs[row] = reader.timeUs;
  exemplars.timeNs[row] = reader.timeNs;
  if (reader.has(exemplar, 'asInt')) {
    exemplars.value[row] = Number(reader.int64(exemplar, 'asInt'));
    exemplars.isInt[row] = 1;
  } else {
    exemplars.value[row] = reader.double(exemplar, 'asDouble');
  }
  const { traceId, spanId } = exemplars;
  const traceIdBytes = reader.id(exemplar, 'traceId', { into: traceId, row, sizeBytes: 16 });
  const spanIdBytes = reader.id(exemplar, 'spanId', { into: spanId, row, sizeBytes: 8 });
  readJsonAttributes(reader, exemplar, {
    into: exemplars.attributes,
    name: 'filteredAttributes',
  });
  finishExemplar(into, row, { traceIdBytes, spanIdBytes, context: reader.context });
}
