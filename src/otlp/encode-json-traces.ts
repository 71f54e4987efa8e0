/** Spans out of columns as OTLP/JSON: what was sent, nothing that was computed from it. */
import { LIMITS } from '../base/limits.ts';
import type { SpanColumns } from '../model/columns.ts';
import {
  attributeTexts,
  FieldsText,
  QuotedTexts,
  resourceText,
  scopeText,
  startOf,
} from './encode-json-common.ts';
import type { RequestLines } from './encode-json-requests.ts';

export function encodeJsonSpans(
  columns: SpanColumns,
  rows: Iterable<number>,
  into: RequestLines,
): void {
  const texts = new QuotedTexts(columns.strings);
  const resources = columns.resources.map((entry) => resourceText(entry, texts));
  const scopes = columns.scopes.map((entry) => scopeText(entry, texts));
  for (const row of rows) {
    const resource = resources[columns.resource[row]!] ?? '';
    const scope = scopes[columns.scope[row]!] ?? '';
    into.add({ resource, scope }, spanText(columns, row, texts));
  }
}

function spanText(columns: SpanColumns, row: number, texts: QuotedTexts): string {
  const fields = new FieldsText();
  fields.addId('traceId', columns.traceId, { row, sizeBytes: 16 });
  fields.addId('spanId', columns.spanId, { row, sizeBytes: 8 });
  fields.addId('parentSpanId', columns.parentSpanId, { row, sizeBytes: 8 });
  fields.addString('traceState', columns.traceState[row]!, texts);
  fields.addString('name', columns.name[row]!, texts);
  fields.addInteger('kind', columns.kind[row]!);
  fields.addInteger('flags', columns.flags[row]!);
  fields.addTime('startTimeUnixNano', columns.startUs[row]!, columns.startNs[row]!);
  fields.add('endTimeUnixNano', `"${endTimeText(columns, row)}"`);
  const status = new FieldsText();
  status.addString('message', columns.statusMessage[row]!, texts);
  status.addInteger('code', columns.statusCode[row]!);
  if (status.text !== '') fields.add('status', `{${status.text}}`);
  const { attributes, attributesEnd: ends } = columns;
  fields.addList('attributes', attributeTexts({ attributes, ends }, row, texts));
  fields.addInteger('droppedAttributesCount', columns.droppedAttributesCount[row]!);
  fields.addList('events', eventTexts(columns, row, texts));
  fields.addInteger('droppedEventsCount', columns.droppedEventsCount[row]!);
  fields.addList('links', linkTexts(columns, row, texts));
  fields.addInteger('droppedLinksCount', columns.droppedLinksCount[row]!);
  return `{${fields.text}}`;
}

const TIME_NS_MIN = BigInt(LIMITS.timeUsMin) * 1000n;

/**
 * Exact up to 2^53 ns (104 days). Beyond, the columns hold the nearest double, which may lie just outside the
 * range of times that are accepted: the end was inside.
 */
function endTimeText(columns: SpanColumns, row: number): string {
  const startNs = BigInt(columns.startUs[row]!) * 1000n + BigInt(columns.startNs[row]!);
  const endNs = startNs + BigInt(columns.durationNs[row]!);
  return String(endNs < TIME_NS_MIN ? TIME_NS_MIN : endNs);
}

function eventTexts(columns: SpanColumns, row: number, texts: QuotedTexts): readonly string[] {
  const { events, eventsEnd } = columns;
  const { attributes, attributesEnd: ends } = events;
  const items: string[] = [];
  for (let at = startOf(eventsEnd, row); at < eventsEnd[row]!; at++) {
    const fields = new FieldsText();
    fields.addTime('timeUnixNano', events.timeUs[at]!, events.timeNs[at]!);
    fields.addString('name', events.name[at]!, texts);
    fields.addList('attributes', attributeTexts({ attributes, ends }, at, texts));
    fields.addInteger('droppedAttributesCount', events.droppedAttributesCount[at]!);
    items.push(`{${fields.text}}`);
  }
  return items;
}

function linkTexts(columns: SpanColumns, row: number, texts: QuotedTexts): readonly string[] {
  const { links, linksEnd } = columns;
  const { attributes, attributesEnd: ends } = links;
  const items: string[] = [];
  for (let at = startOf(linksEnd, row); at < linksEnd[row]!; at++) {
    const fields = new FieldsText();
    fields.addId('traceId', links.traceId, { row: at, sizeBytes: 16 });
    fields.addId('spanId', links.spanId, { row: at, sizeBytes: 8 });
    fields.addString('traceState', links.traceState[at]!, texts);
    fields.addInteger('flags', links.flags[at]!);
    fields.addList('attributes', attributeTexts({ attributes, ends }, at, texts));
    fields.addInteger('droppedAttributesCount', links.droppedAttributesCount[at]!);
    items.push(`{${fields.text}}`);
  }
  return items;
}
