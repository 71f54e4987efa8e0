/** Columns as plain rows, so that tests can compare them with what an independent reader makes of a request. */
import { hexOf } from '../../src/base/bytes.ts';
import type {
  AttributeColumns,
  AttributeEntry,
  LogColumns,
  PointColumns,
  ResourceEntry,
  ScopeEntry,
  SpanColumns,
} from '../../src/model/columns.ts';
import { POINT_HAS } from '../../src/model/columns.ts';
import type { StringDictionary } from '../../src/model/dictionary.ts';
import { formatAnyValue } from '../../src/otlp/otlp.ts';

/** Where the list of a row begins. */
function startOf(ends: Uint32Array, row: number): number {
  return row === 0 ? 0 : ends[row - 1]!;
}

function timeNs(us: number, ns: number): string {
  return String(BigInt(us) * 1000n + BigInt(ns));
}

function attributesOf(
  strings: StringDictionary,
  columns: AttributeColumns,
  [from, to]: readonly [number, number],
): string[] {
  const list: string[] = [];
  for (let at = from; at < to; at++) {
    const value = formatAnyValue(columns.types[at]!, columns.values[at]!, strings);
    list.push(`${strings.text(columns.keys[at]!)}=${value}`);
  }
  return list;
}

function entriesText(strings: StringDictionary, entries: readonly AttributeEntry[]): string[] {
  return entries.map(
    ({ key, type, value }) => `${strings.text(key)}=${formatAnyValue(type, value, strings)}`,
  );
}

function resourceOf(strings: StringDictionary, entry: ResourceEntry | undefined) {
  return {
    attributes: entriesText(strings, entry?.attributes ?? []),
    dropped: entry?.droppedAttributesCount,
    schemaUrl: strings.text(entry?.schemaUrl ?? 0),
  };
}

function scopeOf(strings: StringDictionary, entry: ScopeEntry | undefined) {
  return {
    name: strings.text(entry?.name ?? 0),
    version: strings.text(entry?.version ?? 0),
    ...resourceOf(strings, entry),
  };
}

/** Exact where doubles are; beyond 2^53 ns (104 days) the columns hold a rounded number. */
export function durationText(durationNs: number): string {
  return Number.isSafeInteger(durationNs) ? String(durationNs) : durationNs.toPrecision(12);
}

export function dumpSpans(columns: SpanColumns, from = 0): object[] {
  const { strings, events, links } = columns;
  return Array.from({ length: columns.count - from }, (_, index) => {
    const row = from + index;
    const eventRows: object[] = [];
    for (let at = startOf(columns.eventsEnd, row); at < columns.eventsEnd[row]!; at++) {
      const range = [startOf(events.attributesEnd, at), events.attributesEnd[at]!] as const;
      eventRows.push({
        timeNs: timeNs(events.timeUs[at]!, events.timeNs[at]!),
        name: strings.text(events.name[at]!),
        attributes: attributesOf(strings, events.attributes, range),
        dropped: events.droppedAttributesCount[at],
      });
    }
    const linkRows: object[] = [];
    for (let at = startOf(columns.linksEnd, row); at < columns.linksEnd[row]!; at++) {
      const range = [startOf(links.attributesEnd, at), links.attributesEnd[at]!] as const;
      linkRows.push({
        traceId: hexOf(links.traceId, 16 * at, 16 * at + 16),
        spanId: hexOf(links.spanId, 8 * at, 8 * at + 8),
        traceState: strings.text(links.traceState[at]!),
        flags: links.flags[at],
        attributes: attributesOf(strings, links.attributes, range),
        dropped: links.droppedAttributesCount[at],
      });
    }
    const range = [startOf(columns.attributesEnd, row), columns.attributesEnd[row]!] as const;
    return {
      traceId: hexOf(columns.traceId, 16 * row, 16 * row + 16),
      spanId: hexOf(columns.spanId, 8 * row, 8 * row + 8),
      parentSpanId: hexOf(columns.parentSpanId, 8 * row, 8 * row + 8),
      startNs: timeNs(columns.startUs[row]!, columns.startNs[row]!),
      durationNs: durationText(columns.durationNs[row]!),
      kind: columns.kind[row],
      statusCode: columns.statusCode[row],
      statusMessage: strings.text(columns.statusMessage[row]!),
      flags: columns.flags[row],
      name: strings.text(columns.name[row]!),
      traceState: strings.text(columns.traceState[row]!),
      resource: resourceOf(strings, columns.resources[columns.resource[row]!]),
      scope: scopeOf(strings, columns.scopes[columns.scope[row]!]),
      dropped: [
        columns.droppedAttributesCount[row],
        columns.droppedEventsCount[row],
        columns.droppedLinksCount[row],
      ],
      attributes: attributesOf(strings, columns.attributes, range),
      events: eventRows,
      links: linkRows,
    };
  });
}

export function dumpLogs(columns: LogColumns, from = 0): object[] {
  const { strings } = columns;
  return Array.from({ length: columns.count - from }, (_, index) => {
    const row = from + index;
    const range = [startOf(columns.attributesEnd, row), columns.attributesEnd[row]!] as const;
    return {
      timeNs: timeNs(columns.timeUs[row]!, columns.timeNs[row]!),
      observedNs: timeNs(columns.observedUs[row]!, columns.observedNs[row]!),
      severity: columns.severity[row],
      severityText: strings.text(columns.severityText[row]!),
      body: formatAnyValue(columns.bodyType[row]!, columns.bodyValue[row]!, strings),
      traceId: hexOf(columns.traceId, 16 * row, 16 * row + 16),
      spanId: hexOf(columns.spanId, 8 * row, 8 * row + 8),
      flags: columns.flags[row],
      eventName: strings.text(columns.eventName[row]!),
      resource: resourceOf(strings, columns.resources[columns.resource[row]!]),
      scope: scopeOf(strings, columns.scopes[columns.scope[row]!]),
      dropped: columns.droppedAttributesCount[row],
      attributes: attributesOf(strings, columns.attributes, range),
    };
  });
}

export function dumpPoints(columns: PointColumns, from = 0): object[] {
  const { strings, exemplars } = columns;
  return Array.from({ length: columns.count - from }, (_, index) => {
    const row = from + index;
    const series = columns.seriesEntries[columns.series[row]!]!;
    const exemplarRows: object[] = [];
    for (let at = startOf(columns.exemplarsEnd, row); at < columns.exemplarsEnd[row]!; at++) {
      const range = [startOf(exemplars.attributesEnd, at), exemplars.attributesEnd[at]!] as const;
      exemplarRows.push({
        timeNs: timeNs(exemplars.timeUs[at]!, exemplars.timeNs[at]!),
        value: exemplars.value[at],
        isInt: exemplars.isInt[at],
        traceId: hexOf(exemplars.traceId, 16 * at, 16 * at + 16),
        spanId: hexOf(exemplars.spanId, 8 * at, 8 * at + 8),
        attributes: attributesOf(strings, exemplars.attributes, range),
      });
    }
    const has = columns.has[row]!;
    return {
      name: strings.text(series.name),
      unit: strings.text(series.unit),
      kind: series.kind,
      temporality: series.temporality,
      isMonotonic: series.isMonotonic,
      attributes: entriesText(strings, series.attributes),
      resource: resourceOf(strings, columns.resources[series.resource]),
      scope: scopeOf(strings, columns.scopes[series.scope]),
      timeNs: timeNs(columns.timeUs[row]!, columns.timeNs[row]!),
      startNs: timeNs(columns.startUs[row]!, columns.startNs[row]!),
      flags: columns.flags[row],
      has: Object.entries(POINT_HAS)
        .filter(([, bit]) => (has & bit) !== 0)
        .map(([name]) => name),
      value: columns.value[row],
      observationCount: columns.observationCount[row],
      min: columns.min[row],
      max: columns.max[row],
      buckets: [
        ...columns.buckets.subarray(startOf(columns.bucketsEnd, row), columns.bucketsEnd[row]!),
      ],
      exemplars: exemplarRows,
    };
  });
}
