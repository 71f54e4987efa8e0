/** Rows of columns as objects, for the few that somebody looks at. */
import { hexOf } from '../../base/bytes.ts';
import type {
  AttributeColumns,
  LogColumns,
  PointColumns,
  SpanColumns,
} from '../../model/columns.ts';
import type { StringDictionary } from '../../model/dictionary.ts';
import type {
  AttributeJson,
  AttributeMap,
  Exemplar,
  LogRecord,
  SpanEvent,
  SpanLink,
} from '../../model/span.ts';
import { attributeJsonOf, entryMapOf } from '../../otlp/value.ts';
import { isZero } from './id-codec.ts';

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
