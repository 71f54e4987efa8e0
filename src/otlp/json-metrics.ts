/** Metrics from OTLP/JSON: what their data points share, then each point into columns. */
import { METRIC_KINDS, type MetricKind, type PointColumns } from '../model/columns.ts';
import { readJsonEnvelopes } from './json-common.ts';
import { FIELD } from './json-names.ts';
import { type PointTarget, readJsonPoint } from './json-points.ts';
import type { JsonReader } from './json-reader.ts';
import { PointDraft } from './point-draft.ts';

const FIELDS = {
  groups: FIELD.resourceMetrics,
  scopeGroups: FIELD.scopeMetrics,
  items: FIELD.metrics,
};

/** The names of the kinds are those of the fields. */
const KIND_BY_FIELD: ReadonlyMap<number, MetricKind> = new Map(
  METRIC_KINDS.map((kind) => [FIELD[kind], kind]),
);

export function readJsonMetrics(reader: JsonReader, into: PointColumns): void {
  const target: PointTarget = { into, draft: new PointDraft() };
  readJsonEnvelopes(reader, {
    fields: FIELDS,
    readItem: (metric) => readMetric(reader, metric, target),
  });
}

/** The name may stand behind the points, so the members are looked over first. */
function readMetric(reader: JsonReader, metric: number, target: PointTarget): void {
  let name = 0;
  let description = 0;
  let unit = 0;
  let kind: MetricKind | undefined;
  let data = 0;
  const end = reader.endOfObject(metric);
  for (let member = reader.first(metric); member < end; member = reader.next(member)) {
    const field = reader.field(member);
    if (field === FIELD.name) name = reader.text(member);
    else if (field === FIELD.description) description = reader.text(member);
    else if (field === FIELD.unit) unit = reader.text(member);
    else if (KIND_BY_FIELD.has(field)) {
      if (kind !== undefined) {
        throw reader.fault(member, `stands beside ${kind}; a metric has one kind`);
      }
      kind = KIND_BY_FIELD.get(field);
      data = member;
    }
  }
  if (kind === undefined) return;
  const { temporality, isMonotonic, points } = readData(reader, data, kind);
  const { resource, scope } = reader.context;
  const head = { name, unit, description, kind, temporality, isMonotonic, resource, scope };
  if (points === undefined) return;
  const endOfPoints = reader.endOfList(points);
  for (let point = reader.first(points); point < endOfPoints; point = reader.next(point)) {
    readJsonPoint(reader, point, { target, metric: head });
  }
}

function readData(reader: JsonReader, data: number, kind: MetricKind) {
  const hasTemporality = kind !== 'gauge' && kind !== 'summary';
  let temporality = 0;
  let isMonotonic = false;
  let points: number | undefined;
  const end = reader.endOfObject(data);
  for (let member = reader.first(data); member < end; member = reader.next(member)) {
    const field = reader.field(member);
    if (field === FIELD.dataPoints) points = member;
    else if (hasTemporality && field === FIELD.aggregationTemporality) {
      temporality = reader.enum(member, 2);
    } else if (kind === 'sum' && field === FIELD.isMonotonic) isMonotonic = reader.bool(member);
  }
  return { temporality, isMonotonic, points };
}
