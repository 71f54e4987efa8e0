/** Rows of columns as objects, for the few that somebody looks at. */
import { hexOf } from '../../base/bytes.ts';
import {
  type AttributeColumns,
  type AttributeEntry,
  type LogColumns,
  type PointColumns,
  type SpanColumns,
  VALUE_TYPE,
} from '../../model/columns.ts';
import type { StringDictionary } from '../../model/dictionary.ts';
import type {
  AttributeJson,
  AttributeMap,
  Exemplar,
  LogRecord,
  MetricSeries,
  SpanEvent,
  SpanLink,
} from '../../model/span.ts';
import { attributeJsonOf } from '../../otlp/value.ts';
import { isZero } from './id-codec.ts';

const TEMPORALITIES = ['unspecified', 'delta', 'cumulative'] as const;

export function logOf(columns: LogColumns, row: number): LogRecord {
  const { strings } = columns;
  const traceId = idOf(columns.traceId, 16, row);
  const spanId = idOf(columns.spanId, 8, row);
  return {
    timeUs: columns.timeUs[row]!,
    observedUs: columns.observedUs[row]!,
    severity: columns.severity[row]!,
    severityText: strings.text(columns.severityText[row]!),
    body: attributeJsonOf(columns.bodyType[row]!, columns.bodyValue[row]!, strings),
    service: strings.text(columns.service[row]!),
    templateId: strings.text(columns.template[row]!),
    ...(traceId === undefined ? {} : { traceId }),
    ...(spanId === undefined ? {} : { spanId }),
    eventName: strings.text(columns.eventName[row]!),
    attributes: attributeMapOf(columns.attributes, columns.attributesEnd, row, strings),
    derived: attributeMapOf(columns.derived, columns.derivedEnd, row, strings),
    resource: entryMapOf(columns.resources[columns.resource[row]!]?.attributes ?? [], strings),
  };
}

export function exemplarsOf(columns: PointColumns, row: number): readonly Exemplar[] {
  const { exemplars, exemplarsEnd, strings } = columns;
  const found: Exemplar[] = [];
  for (let item = startOf(exemplarsEnd, row); item < exemplarsEnd[row]!; item++) {
    const traceId = idOf(exemplars.traceId, 16, item);
    const spanId = idOf(exemplars.spanId, 8, item);
    found.push({
      timeUs: exemplars.timeUs[item]!,
      value: exemplars.value[item]!,
      ...(traceId === undefined ? {} : { traceId }),
      ...(spanId === undefined ? {} : { spanId }),
      attributes: attributeMapOf(exemplars.attributes, exemplars.attributesEnd, item, strings),
    });
  }
  return found;
}

/** All of a series but its id, which costs a hash; see series.ts. */
export function seriesOf(columns: PointColumns, index: number): Omit<MetricSeries, 'seriesId'> {
  const { strings } = columns;
  const entry = columns.seriesEntries[index]!; // the decoder checked the index
  return {
    name: strings.text(entry.name),
    unit: strings.text(entry.unit),
    kind: entry.kind,
    isMonotonic: entry.isMonotonic,
    temporality: TEMPORALITIES[entry.temporality] ?? 'unspecified',
    service: strings.text(entry.service),
    attributes: entryMapOf(entry.attributes, strings),
    resource: entryMapOf(columns.resources[entry.resource]?.attributes ?? [], strings),
  };
}

/** A value as the text that filters compare with; JSON for arrays and maps. */
export function textOfValue(
  type: number,
  value: number,
  strings: Pick<StringDictionary, 'text'>,
): string {
  if (type === VALUE_TYPE.string || type === VALUE_TYPE.wideInt) return strings.text(value);
  return textOfJson(attributeJsonOf(type, value, strings));
}

export function textOfJson(value: AttributeJson): string {
  if (value === null) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** The first of equal keys wins, as everywhere in OTLP where keys ought to be unique. */
export function entryMapOf(
  entries: readonly AttributeEntry[],
  strings: StringDictionary,
): AttributeMap {
  const map: Record<string, AttributeJson> = Object.create(null);
  for (const { key, type, value } of entries) {
    const name = strings.text(key);
    if (!(name in map)) map[name] = attributeJsonOf(type, value, strings);
  }
  return map;
}

function attributeMapOf(
  list: AttributeColumns,
  ends: Uint32Array,
  row: number,
  strings: StringDictionary,
): AttributeMap {
  const map: Record<string, AttributeJson> = Object.create(null);
  for (let at = startOf(ends, row); at < ends[row]!; at++) {
    const name = strings.text(list.keys[at]!);
    if (!(name in map)) map[name] = attributeJsonOf(list.types[at]!, list.values[at]!, strings);
  }
  return map;
}

export function startOf(ends: Uint32Array, row: number): number {
  return row === 0 ? 0 : ends[row - 1]!;
}

export function eventsOf(columns: SpanColumns, row: number): readonly SpanEvent[] {
  const { events, eventsEnd, strings } = columns;
  const found: SpanEvent[] = [];
  for (let item = startOf(eventsEnd, row); item < eventsEnd[row]!; item++) {
    found.push({
      timeUs: events.timeUs[item]!,
      name: strings.text(events.name[item]!),
      attributes: attributeMapOf(events.attributes, events.attributesEnd, item, strings),
    });
  }
  return found;
}

export function linksOf(columns: SpanColumns, row: number): readonly SpanLink[] {
  const { links, linksEnd, strings } = columns;
  const found: SpanLink[] = [];
  for (let item = startOf(linksEnd, row); item < linksEnd[row]!; item++) {
    found.push({
      traceId: hexOf(links.traceId, 16 * item, 16 * item + 16),
      spanId: hexOf(links.spanId, 8 * item, 8 * item + 8),
      attributes: attributeMapOf(links.attributes, links.attributesEnd, item, strings),
    });
  }
  return found;
}

/** Hex of an id, or undefined for one of zeros. */
function idOf(bytes: Uint8Array, size: 8 | 16, row: number): string | undefined {
  const start = size * row;
  return isZero(bytes, start, size) ? undefined : hexOf(bytes, start, start + size);
}
