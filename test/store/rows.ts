/** Every field of a row as plain values, strings resolved: two stores hold the same when these are equal. */
import type {
  AttributeColumns,
  AttributeEntry,
  LogColumns,
  PointColumns,
  ResourceEntry,
  SpanColumns,
} from '../../src/model/columns.ts';
import { VALUE_TYPE } from '../../src/model/columns.ts';
import type { StringDictionary } from '../../src/model/dictionary.ts';

const TEXT_TYPES: readonly number[] = [VALUE_TYPE.string, VALUE_TYPE.json, VALUE_TYPE.wideInt];

function valueIn(type: number, value: number, strings: StringDictionary): unknown {
  return [type, TEXT_TYPES.includes(type) ? strings.text(value) : value];
}

function listOf(
  list: AttributeColumns,
  ends: Uint32Array,
  row: number,
  strings: StringDictionary,
): unknown {
  const items: unknown[] = [];
  for (let at = row === 0 ? 0 : ends[row - 1]!; at < ends[row]!; at++) {
    items.push([strings.text(list.keys[at]!), valueIn(list.types[at]!, list.values[at]!, strings)]);
  }
  return items;
}

function entryOf(entry: ResourceEntry | undefined, strings: StringDictionary): unknown {
  if (!entry) return undefined;
  return {
    attributes: entriesOf(entry.attributes, strings),
    dropped: entry.droppedAttributesCount,
    schemaUrl: strings.text(entry.schemaUrl),
    name: 'name' in entry ? strings.text(Number(entry.name)) : '',
    version: 'version' in entry ? strings.text(Number(entry.version)) : '',
  };
}

function entriesOf(entries: readonly AttributeEntry[], strings: StringDictionary): unknown {
  return entries.map(({ key, type, value }) => [strings.text(key), valueIn(type, value, strings)]);
}

function hex(bytes: Uint8Array, size: number, row: number): string {
  return Buffer.from(bytes.subarray(size * row, size * row + size)).toString('hex');
}

export function describeSpan(columns: SpanColumns, row: number): Record<string, unknown> {
  const { strings, events, links } = columns;
  const text = (id: number | undefined) => strings.text(id ?? 0);
  const itemsOf = (ends: Uint32Array, describe: (item: number) => unknown) => {
    const from = row === 0 ? 0 : ends[row - 1]!;
    return Array.from({ length: ends[row]! - from }, (_, index) => describe(from + index));
  };
  return {
    traceId: hex(columns.traceId, 16, row),
    spanId: hex(columns.spanId, 8, row),
    parentSpanId: hex(columns.parentSpanId, 8, row),
    startUs: columns.startUs[row],
    startNs: columns.startNs[row],
    durationNs: columns.durationNs[row],
    kind: columns.kind[row],
    statusCode: columns.statusCode[row],
    flags: columns.flags[row],
    name: text(columns.name[row]),
    statusMessage: text(columns.statusMessage[row]),
    traceState: text(columns.traceState[row]),
    resource: entryOf(columns.resources[columns.resource[row]!], strings),
    scope: entryOf(columns.scopes[columns.scope[row]!], strings),
    droppedAttributesCount: columns.droppedAttributesCount[row],
    droppedEventsCount: columns.droppedEventsCount[row],
    droppedLinksCount: columns.droppedLinksCount[row],
    stage: columns.stage[row],
    infra: columns.infra[row],
    isError: columns.isError[row],
    service: text(columns.service[row]),
    errorType: text(columns.errorType[row]),
    target: text(columns.target[row]),
    attributes: listOf(columns.attributes, columns.attributesEnd, row, strings),
    derived: listOf(columns.derived, columns.derivedEnd, row, strings),
    events: itemsOf(columns.eventsEnd, (item) => ({
      timeUs: events.timeUs[item],
      timeNs: events.timeNs[item],
      name: text(events.name[item]),
      dropped: events.droppedAttributesCount[item],
      attributes: listOf(events.attributes, events.attributesEnd, item, strings),
    })),
    links: itemsOf(columns.linksEnd, (item) => ({
      traceId: hex(links.traceId, 16, item),
      spanId: hex(links.spanId, 8, item),
      traceState: text(links.traceState[item]),
      flags: links.flags[item],
      dropped: links.droppedAttributesCount[item],
      attributes: listOf(links.attributes, links.attributesEnd, item, strings),
    })),
  };
}

export function describeLog(columns: LogColumns, row: number): Record<string, unknown> {
  const { strings } = columns;
  return {
    timeUs: columns.timeUs[row],
    timeNs: columns.timeNs[row],
    observedUs: columns.observedUs[row],
    observedNs: columns.observedNs[row],
    severity: columns.severity[row],
    severityText: strings.text(columns.severityText[row]!),
    body: valueIn(columns.bodyType[row]!, columns.bodyValue[row]!, strings),
    traceId: hex(columns.traceId, 16, row),
    spanId: hex(columns.spanId, 8, row),
    flags: columns.flags[row],
    eventName: strings.text(columns.eventName[row]!),
    resource: entryOf(columns.resources[columns.resource[row]!], strings),
    scope: entryOf(columns.scopes[columns.scope[row]!], strings),
    dropped: columns.droppedAttributesCount[row],
    service: strings.text(columns.service[row]!),
    template: strings.text(columns.template[row]!),
    attributes: listOf(columns.attributes, columns.attributesEnd, row, strings),
    derived: listOf(columns.derived, columns.derivedEnd, row, strings),
  };
}

export function describePoint(columns: PointColumns, row: number): Record<string, unknown> {
  const { strings, exemplars } = columns;
  const series = columns.seriesEntries[columns.series[row]!]!;
  const bucketsStart = row === 0 ? 0 : columns.bucketsEnd[row - 1]!;
  const exemplarsStart = row === 0 ? 0 : columns.exemplarsEnd[row - 1]!;
  return {
    series: {
      name: strings.text(series.name),
      unit: strings.text(series.unit),
      description: strings.text(series.description),
      kind: series.kind,
      temporality: series.temporality,
      isMonotonic: series.isMonotonic,
      attributes: entriesOf(series.attributes, strings),
      resource: entryOf(columns.resources[series.resource], strings),
      scope: entryOf(columns.scopes[series.scope], strings),
      service: strings.text(series.service),
    },
    timeUs: columns.timeUs[row],
    timeNs: columns.timeNs[row],
    startUs: columns.startUs[row],
    startNs: columns.startNs[row],
    flags: columns.flags[row],
    has: columns.has[row],
    value: columns.value[row],
    observationCount: columns.observationCount[row],
    min: columns.min[row],
    max: columns.max[row],
    buckets: [...columns.buckets.subarray(bucketsStart, columns.bucketsEnd[row])],
    exemplars: Array.from({ length: columns.exemplarsEnd[row]! - exemplarsStart }, (_, index) => {
      const item = exemplarsStart + index;
      return {
        timeUs: exemplars.timeUs[item],
        timeNs: exemplars.timeNs[item],
        value: exemplars.value[item],
        isInt: exemplars.isInt[item],
        traceId: hex(exemplars.traceId, 16, item),
        spanId: hex(exemplars.spanId, 8, item),
        attributes: listOf(exemplars.attributes, exemplars.attributesEnd, item, strings),
      };
    }),
  };
}
