/** Spans from OTLP/JSON into columns. */
import type { SpanColumns } from '../model/columns.ts';
import { readJsonAttributes, readJsonEnvelopes } from './json-common.ts';
import { FIELD } from './json-names.ts';
import type { JsonReader } from './json-reader.ts';
import { finishLink, finishSpan, SpanDraft } from './span-draft.ts';

const FIELDS = { groups: FIELD.resourceSpans, scopeGroups: FIELD.scopeSpans, items: FIELD.spans };

export function readJsonTraces(reader: JsonReader, into: SpanColumns): void {
  const target: Target = { into, draft: new SpanDraft() };
  readJsonEnvelopes(reader, {
    fields: FIELDS,
    readItem: (span) => readSpan(reader, span, target),
  });
}

interface Target {
  readonly into: SpanColumns;
  readonly draft: SpanDraft;
}

/** Hot: once a span. */
function readSpan(reader: JsonReader, span: number, { into, draft }: Target): void {
  const { context } = reader;
  const end = reader.endOfObject(span);
  draft.begin(into, context);
  const { row } = draft;
  let droppedAttributesCount = 0;
  let droppedByUsCount = 0;
  for (let member = reader.first(span); member < end; member = reader.next(member)) {
    switch (reader.field(member)) {
      case FIELD.traceId:
        draft.traceIdBytes = reader.id(member, { into: into.traceId, row, sizeBytes: 16 });
        break;
      case FIELD.spanId:
        draft.spanIdBytes = reader.id(member, { into: into.spanId, row, sizeBytes: 8 });
        break;
      case FIELD.parentSpanId:
        draft.parentSpanIdBytes = reader.id(member, { into: into.parentSpanId, row, sizeBytes: 8 });
        break;
      case FIELD.name:
        into.name[row] = reader.text(member);
        break;
      case FIELD.kind:
        into.kind[row] = reader.enum(member, 5);
        break;
      case FIELD.startTimeUnixNano:
        reader.time(member);
        into.startUs[row] = reader.timeUs;
        into.startNs[row] = reader.timeNs;
        break;
      case FIELD.endTimeUnixNano:
        reader.time(member);
        draft.endUs = reader.timeUs;
        draft.endNs = reader.timeNs;
        break;
      case FIELD.attributes:
        readJsonAttributes(reader, member, into.attributes);
        break;
      case FIELD.status:
        readStatus(reader, member, { into, row });
        break;
      case FIELD.flags:
        into.flags[row] = reader.uint32(member);
        break;
      case FIELD.traceState:
        into.traceState[row] = reader.text(member);
        break;
      case FIELD.events:
        droppedByUsCount += context.takeDropped(0);
        readEvents(reader, member, into);
        break;
      case FIELD.links:
        droppedByUsCount += context.takeDropped(0);
        readLinks(reader, member, { into, draft });
        break;
      case FIELD.droppedAttributesCount:
        droppedAttributesCount = reader.uint32(member);
        break;
      case FIELD.droppedEventsCount:
        into.droppedEventsCount[row] = reader.uint32(member);
        break;
      case FIELD.droppedLinksCount:
        into.droppedLinksCount[row] = reader.uint32(member);
        break;
    }
  }
  draft.droppedAttributesCount = context.takeDropped(droppedAttributesCount + droppedByUsCount);
  finishSpan(into, draft, context);
}

function readStatus(
  reader: JsonReader,
  status: number,
  { into, row }: { readonly into: SpanColumns; readonly row: number },
): void {
  const end = reader.endOfObject(status);
  for (let member = reader.first(status); member < end; member = reader.next(member)) {
    const field = reader.field(member);
    if (field === FIELD.message) into.statusMessage[row] = reader.text(member);
    else if (field === FIELD.code) into.statusCode[row] = reader.enum(member, 2);
  }
}

function readEvents(reader: JsonReader, list: number, into: SpanColumns): void {
  const end = reader.endOfList(list);
  for (let event = reader.first(list); event < end; event = reader.next(event)) {
    readEvent(reader, event, into);
  }
}

function readEvent(reader: JsonReader, event: number, into: SpanColumns): void {
  const { events } = into;
  const end = reader.endOfObject(event);
  const row = events.addRow();
  let droppedCount = 0;
  for (let member = reader.first(event); member < end; member = reader.next(member)) {
    const field = reader.field(member);
    if (field === FIELD.timeUnixNano) {
      reader.time(member);
      events.timeUs[row] = reader.timeUs;
      events.timeNs[row] = reader.timeNs;
    } else if (field === FIELD.name) events.name[row] = reader.text(member);
    else if (field === FIELD.attributes) readJsonAttributes(reader, member, events.attributes);
    else if (field === FIELD.droppedAttributesCount) droppedCount = reader.uint32(member);
  }
  events.droppedAttributesCount[row] = reader.context.takeDropped(droppedCount);
  events.endRow(row);
}

function readLinks(reader: JsonReader, list: number, target: Target): void {
  const end = reader.endOfList(list);
  for (let link = reader.first(list); link < end; link = reader.next(link)) {
    readLink(reader, link, target);
  }
}

function readLink(reader: JsonReader, link: number, { into, draft }: Target): void {
  const { context } = reader;
  const { links } = into;
  const end = reader.endOfObject(link);
  const row = links.addRow();
  let droppedCount = 0;
  let traceIdBytes = 0;
  let spanIdBytes = 0;
  for (let member = reader.first(link); member < end; member = reader.next(member)) {
    const field = reader.field(member);
    if (field === FIELD.traceId) {
      traceIdBytes = reader.id(member, { into: links.traceId, row, sizeBytes: 16 });
    } else if (field === FIELD.spanId) {
      spanIdBytes = reader.id(member, { into: links.spanId, row, sizeBytes: 8 });
    } else if (field === FIELD.traceState) links.traceState[row] = reader.text(member);
    else if (field === FIELD.attributes) readJsonAttributes(reader, member, links.attributes);
    else if (field === FIELD.droppedAttributesCount) droppedCount = reader.uint32(member);
    else if (field === FIELD.flags) links.flags[row] = reader.uint32(member);
  }
  links.droppedAttributesCount[row] = context.takeDropped(droppedCount);
  finishLink(into, draft, { row, isValid: traceIdBytes === 16 && spanIdBytes === 8, context });
}
