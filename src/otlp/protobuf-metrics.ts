/** Metrics of all five kinds from protobuf: what the points of a metric share, then each point. */
import type { MetricKind, PointColumns } from '../model/columns.ts';
import type { Metric } from './entry-index.ts';
import { finishPoint, PointDraft } from './point-draft.ts';
import { readEnvelopes } from './protobuf-envelopes.ts';
import {
  type PointTarget,
  readExponentialPoint,
  readHistogramPoint,
  readNumberPoint,
  readSummaryPoint,
} from './protobuf-points.ts';
import type { MessageFields, ProtobufReader } from './protobuf-reader.ts';

const METRIC: MessageFields = {
  name: 'metric',
  fields: {
    1: 'name',
    2: 'description',
    3: 'unit',
    5: 'gauge',
    7: 'sum',
    9: 'histogram',
    10: 'exponential_histogram',
    11: 'summary',
  },
};
const GAUGE: MessageFields = { name: 'gauge', fields: { 1: 'data_points' } };
const SUM: MessageFields = {
  name: 'sum',
  fields: { 1: 'data_points', 2: 'aggregation_temporality', 3: 'is_monotonic' },
};
const HISTOGRAM: MessageFields = {
  name: 'histogram',
  fields: { 1: 'data_points', 2: 'aggregation_temporality' },
};
const EXPONENTIAL_HISTOGRAM: MessageFields = { ...HISTOGRAM, name: 'exponential_histogram' };
const SUMMARY: MessageFields = { name: 'summary', fields: { 1: 'data_points' } };

/** Tag in Metric → kind and what its message may hold. */
const KIND_BY_TAG: ReadonlyMap<number, { kind: MetricKind; fields: MessageFields }> = new Map([
  [0x2a, { kind: 'gauge', fields: GAUGE }],
  [0x3a, { kind: 'sum', fields: SUM }],
  [0x4a, { kind: 'histogram', fields: HISTOGRAM }],
  [0x52, { kind: 'exponentialHistogram', fields: EXPONENTIAL_HISTOGRAM }],
  [0x5a, { kind: 'summary', fields: SUMMARY }],
]);

export function readProtobufMetrics(reader: ProtobufReader, into: PointColumns): void {
  const target: PointTarget = { reader, into, draft: new PointDraft() };
  readEnvelopes(reader, { signal: 'metrics', readItem: () => readMetric(target) });
}

function readMetric(target: PointTarget): void {
  const { reader } = target;
  const outerEnd = reader.enter();
  let name = 0;
  let description = 0;
  let unit = 0;
  let dataTag = 0;
  let dataPosition = 0;
  while (reader.position < reader.end) {
    const tag = reader.tag(METRIC);
    if (tag === 0x0a) name = reader.text();
    else if (tag === 0x12) description = reader.text();
    else if (tag === 0x1a) unit = reader.text();
    else if (KIND_BY_TAG.has(tag)) {
      dataTag = tag;
      dataPosition = reader.position;
      reader.skipField(tag);
    } else reader.skipUnknown(tag);
  }
  const metricEnd = reader.end;
  const found = KIND_BY_TAG.get(dataTag);
  if (found) {
    reader.position = dataPosition;
    const { kind, fields } = found;
    readPoints(target, { kind, fields, name, description, unit });
  }
  reader.position = metricEnd;
  reader.end = outerEnd;
}

interface MetricHead {
  readonly kind: MetricKind;
  readonly fields: MessageFields;
  readonly name: number;
  readonly description: number;
  readonly unit: number;
}

/** Temporality and monotony may stand behind the points, so they are looked for first. */
function readPoints(target: PointTarget, head: MetricHead): void {
  const { reader } = target;
  const { context } = reader;
  const { kind, fields, name, description, unit } = head;
  const outerEnd = reader.enter();
  const start = reader.position;
  let temporality = 0;
  let isMonotonic = false;
  while (reader.position < reader.end) {
    const tag = reader.tag(fields);
    if (tag === 0x0a) reader.skipField(tag);
    else if (tag === 0x10 && fields.fields[2] !== undefined) {
      temporality = context.enumOf(reader.uint64(), 2);
    } else if (tag === 0x18 && fields.fields[3] !== undefined) isMonotonic = reader.bool();
    else reader.skipUnknown(tag);
  }
  const { resource, scope } = context;
  const metric = { name, unit, description, kind, temporality, isMonotonic, resource, scope };
  for (reader.position = start; reader.position < reader.end; ) {
    const tag = reader.tag(fields);
    if (tag === 0x0a) readPoint(target, metric);
    else reader.skipField(tag);
  }
  reader.end = outerEnd;
}

function readPoint(target: PointTarget, metric: Metric): void {
  const { reader, into, draft } = target;
  const { context } = reader;
  const outerEnd = reader.enter();
  draft.begin(into, context);
  switch (metric.kind) {
    case 'gauge':
    case 'sum':
      readNumberPoint(target);
      break;
    case 'histogram':
      readHistogramPoint(target);
      break;
    case 'exponentialHistogram':
      readExponentialPoint(target);
      break;
    default:
      readSummaryPoint(target);
  }
  reader.end = outerEnd;
  finishPoint(into, draft, { metric, context });
}
