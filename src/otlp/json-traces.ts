/** Spans from OTLP/JSON into columns. */
import type { SpanColumns } from '../model/columns.ts';
import { readJsonAttributes, readJsonEnvelopes } from './json-common.ts';
import type { JsonObject, JsonReader } from './json-reader.ts';
import { finishLink, finishSpan, SpanDraft } from './span-draft.ts';

const NAMES = { groups: 'resourceSpans', scopeGroups: 'scopeSpans', items: 'spans' };

export function readJsonTraces(reader: JsonReader, request: JsonObject, into: SpanColumns): void {
  const draft = new SpanDraft();
  readJsonEnvelopes(reader, request, {
    names: NAMES,
    readItem: (span) => readSpan(reader, span, { into, draft }),
  });
}

interface Target {
  readonly into: SpanColumns;
  readonly draft: SpanDraft;
}

function readSpan(reader: JsonReader, span: JsonObject, { into, draft }: Target): void {
  const { context } = reader;
  draft.begin(into, context);
  const { row } = draft;
  draft.traceIdBytes = reader.id(span, 'traceId', { into: into.traceId, row, sizeBytes: 16 });
  draft.spanIdBytes = reader.id(span, 'spanId', { into: into.spanId, row, sizeBytes: 8 });
  draft.parentSpanIdBytes = reader.id(span, 'parentSpanId', {
    into: into.parentSpanId,
    row,
    sizeBytes: 8,
  });
  into.traceState[row] = reader.text(span, 'traceState');
  into.name[row] = reader.text(span, 'name');
  into.kind[row] = reader.enum(span, 'kind', 5);
  into.flags[row] = reader.uint32(span, 'flags');
  reader.time(span, 'startTimeUnixNano');
  into.startUs[row] = reader.timeUs;
  into.startNs[row] = reader.timeNs;
  reader.time(span, 'endTimeUnixNano');
  draft.endUs = reader.timeUs;
  draft.endNs = reader.timeNs;
  reader.within(span, 'status', (status) => {
    into.statusMessage[row] = reader.text(status, 'message');
    into.statusCode[row] = reader.enum(status, 'code', 2);
  });
  readJsonAttributes(reader, span, { into: into.attributes });
  draft.droppedAttributesCount = context.takeDropped(reader.uint32(span, 'droppedAttributesCount'));
  into.droppedEventsCount[row] = reader.uint32(span, 'droppedEventsCount');
  into.droppedLinksCount[row] = reader.uint32(span, 'droppedLinksCount');
  reader.each(span, 'events', (event) => readEvent(reader, event, into));
  reader.each(span, 'links', (link) => readLink(reader, link, { into, draft }));
  finishSpan(into, draft, context);
}

function readEvent(reader: JsonReader, event: JsonObject, into: SpanColumns): void {
  const { events } = into;
  const row = events.addRow();
  reader.time(event, 'timeUnixNano');
  events.timeUs[row] = reader.timeUs;
  events.timeNs[row] = reader.timeNs;
  events.name[row] = reader.text(event, 'name');
  readJsonAttributes(reader, event, { into: events.attributes });
  const droppedCount = reader.uint32(event, 'droppedAttributesCount');
  events.droppedAttributesCount[row] = reader.context.takeDropped(droppedCount);
  events.endRow(row);
}

function readLink(reader: JsonReader, link: JsonObject, { into, draft }: Target): void {
  const { context } = reader;
  const { links } = into;
  const row = links.addRow();
  const traceIdBytes = reader.id(link, 'traceId', { into: links.traceId, row, sizeBytes: 16 });
  const spanIdBytes = reader.id(link, 'spanId', { into: links.spanId, row, sizeBytes: 8 });
  links.traceState[row] = reader.text(link, 'traceState');
  links.flags[row] = reader.uint32(link, 'flags');
  readJsonAttributes(reader, link, { into: links.attributes });
  const droppedCount = reader.uint32(link, 'droppedAttributesCount');
  links.droppedAttributesCount[row] = context.takeDropped(droppedCount);
  finishLink(into, draft, { row, isValid: traceIdBytes === 16 && spanIdBytes === 8, context });
}
