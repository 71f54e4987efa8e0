/** Metric points for tests, from plain literals into the columns that a decoder would make. */
import { type MetricKind, POINT_FLAG, PointColumns, VALUE_TYPE } from '../../src/model/columns.ts';
import { StringDictionary } from '../../src/model/dictionary.ts';

export interface PlainPoint {
  readonly timeUs: number;
  readonly startUs?: number;
  /** Of a gauge or sum; the sum of a histogram. */
  readonly value: number;
  readonly observations?: number;
  /** As PointColumns holds them. */
  readonly buckets?: readonly number[];
  readonly hasNoValue?: boolean;
}

export interface PlainSeries {
  readonly name?: string;
  readonly unit?: string;
  readonly kind: MetricKind;
  readonly isMonotonic?: boolean;
  readonly temporality?: 'unspecified' | 'delta' | 'cumulative';
  readonly service?: string;
  readonly attributes?: Readonly<Record<string, string | number>>;
  readonly resource?: Readonly<Record<string, string>>;
  readonly points: readonly PlainPoint[];
}

export function pointColumns(list: readonly PlainSeries[]): PointColumns {
  const columns = new PointColumns(new StringDictionary());
  const { strings } = columns;
  const text = (value: string) => strings.idOfString(value);
  const entriesOf = (map: Readonly<Record<string, string | number>>) =>
    Object.entries(map).map(([key, value]) =>
      typeof value === 'number'
        ? { key: text(key), type: VALUE_TYPE.int, value }
        : { key: text(key), type: VALUE_TYPE.string, value: text(value) },
    );
  columns.scopes.push({
    attributes: [],
    droppedAttributesCount: 0,
    schemaUrl: 0,
    name: 0,
    version: 0,
  });
  for (const series of list) {
    const service = series.service ?? 'bot';
    const attributes = entriesOf({ 'service.name': service, ...series.resource });
    const resource =
      columns.resources.push({ attributes, droppedAttributesCount: 0, schemaUrl: 0 }) - 1;
    columns.seriesEntries.push({
      name: text(series.name ?? 'm'),
      unit: text(series.unit ?? '1'),
      description: 0,
      kind: series.kind,
      temporality: ['unspecified', 'delta', 'cumulative'].indexOf(
        series.temporality ?? 'cumulative',
      ),
      isMonotonic: series.isMonotonic ?? false,
      attributes: entriesOf(series.attributes ?? {}),
      resource,
      scope: 0,
      service: text(service),
    });
    for (const point of series.points) addPoint(columns, point);
  }
  return columns;
}

function addPoint(columns: PointColumns, point: PlainPoint): void {
  const row = columns.addRow();
  columns.series[row] = columns.seriesEntries.length - 1;
  columns.timeUs[row] = point.timeUs;
  columns.startUs[row] = point.startUs ?? 0;
  columns.value[row] = point.value;
  columns.observationCount[row] = point.observations ?? 0;
  columns.flags[row] = point.hasNoValue ? POINT_FLAG.noRecordedValue : 0;
  for (const bucket of point.buckets ?? []) columns.pushBucket(bucket);
  columns.endRow(row);
}
