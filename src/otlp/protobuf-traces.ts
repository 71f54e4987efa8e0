/** Spans from protobuf, straight into columns. */
import type { SpanColumns } from '../model/columns.ts';
import { readEnvelopes } from './protobuf-envelopes.ts';
import type { MessageFields, ProtobufReader } from './protobuf-reader.ts';
import { readAttribute, readId } from './protobuf-value.ts';
import { finishLink, finishSpan, SpanDraft } from './span-draft.ts';
import type { SpanKernel } from './span-kernel.ts';

const SPAN: MessageFields = {
  name: 'span',
  fields: {
    1: 'trace_id',
    2: 'span_id',
    3: 'trace_state',
    4: 'parent_span_id',
    5: 'name',
    6: 'kind',
    7: 'start_time_unix_nano',
    8: 'end_time_unix_nano',
    9: 'attributes',
    10: 'dropped_attributes_count',
    11: 'events',
    12: 'dropped_events_count',
    13: 'links',
    14: 'dropped_links_count',
    15: 'status',
    16: 'flags',
  },
};
const EVENT: MessageFields = {
  name: 'event',
  fields: { 1: 'time_unix_nano', 2: 'name', 3: 'attributes', 4: 'dropped_attributes_count' },
};
const LINK: MessageFields = {
  name: 'link',
  fields: {
    1: 'trace_id',
    2: 'span_id',
    3: 'trace_state',
    4: 'attributes',
    5: 'dropped_attributes_count',
    6: 'flags',
  },
};
const STATUS: MessageFields = { name: 'status', fields: { 2: 'message', 3: 'code' } };

/** With a kernel, only what it leaves is read here. Throws NotForKernel when that is to be tried without it. */
export function readProtobufTraces(
  reader: ProtobufReader,
  into: SpanColumns,
  kernel: SpanKernel | undefined,
): void {
  const draft = new SpanDraft();
  if (!kernel) {
    readEnvelopes(reader, { signal: 'traces', readItem: () => readSpan(reader, into, draft) });
    return;
  }
  kernel.begin(reader, into);
  readEnvelopes(reader, {
    signal: 'traces',
    takeItems: () => kernel.takeSpans(reader, into),
    readItem: () => {
      kernel.flush(into); // rows stay in their order
      readSpan(reader, into, draft);
    },
  });
  kernel.flush(into);
}

/** Hot: `scripts/fuzz-otlp.mjs --speed`. */
function readSpan(reader: ProtobufReader, into: SpanColumns, draft: SpanDraft): void {
  const { context } = reader;
  const outerEnd = reader.enter();
  draft.begin(into, context);
  const { row } = draft;
  let droppedAttributesCount = 0;
  let droppedByUsCount = 0;
  while (reader.position < reader.end) {
    const tag = reader.tag(SPAN);
    switch (tag) {
      case 0x0a:
        draft.traceIdBytes = readId(reader, into.traceId, { row, sizeBytes: 16 });
        break;
      case 0x12:
        draft.spanIdBytes = readId(reader, into.spanId, { row, sizeBytes: 8 });
        break;
      case 0x1a:
        into.traceState[row] = reader.text();
        break;
      case 0x22:
        draft.parentSpanIdBytes = readId(reader, into.parentSpanId, { row, sizeBytes: 8 });
        break;
      case 0x2a:
        into.name[row] = reader.text();
        break;
      case 0x30:
        into.kind[row] = context.enumOf(reader.uint64(), 5);
        break;
      case 0x39:
        reader.time();
        into.startUs[row] = reader.timeUs;
        into.startNs[row] = reader.timeNs;
        break;
      case 0x41:
        reader.time();
        draft.endUs = reader.timeUs;
        draft.endNs = reader.timeNs;
        break;
      case 0x4a:
        readAttribute(reader, into.attributes, draft.firstAttribute);
        break;
      case 0x50:
        droppedAttributesCount = reader.uint32();
        break;
      case 0x5a:
        droppedByUsCount += context.takeDropped(0);
        readEvent(reader, into);
        break;
      case 0x60:
        into.droppedEventsCount[row] = reader.uint32();
        break;
      case 0x6a:
        droppedByUsCount += context.takeDropped(0);
        readLink(reader, into, draft);
        break;
      case 0x70:
        into.droppedLinksCount[row] = reader.uint32();
        break;
      case 0x7a:
        readStatus(reader, into, row);
        break;
      case 0x85:
        into.flags[row] = reader.fixed32();
        break;
      default:
        reader.skipUnknown(tag);
    }
  }
  reader.end = outerEnd;
  draft.droppedAttributesCount = context.takeDropped(droppedAttributesCount + droppedByUsCount);
  finishSpan(into, draft, context);
}

function readEvent(reader: ProtobufReader, into: SpanColumns): void {
  const { context } = reader;
  const { events } = into;
  const outerEnd = reader.enter();
  const row = events.addRow();
  const firstIndex = events.attributes.count;
  let droppedCount = 0;
  while (reader.position < reader.end) {
    const tag = reader.tag(EVENT);
    if (tag === 0x09) {
      reader.time();
      events.timeUs[row] = reader.timeUs;
      events.timeNs[row] = reader.timeNs;
    } else if (tag === 0x12) events.name[row] = reader.text();
    else if (tag === 0x1a) readAttribute(reader, events.attributes, firstIndex);
    else if (tag === 0x20) droppedCount = reader.uint32();
    else reader.skipUnknown(tag);
  }
  reader.end = outerEnd;
  events.droppedAttributesCount[row] = context.takeDropped(droppedCount);
  events.endRow(row);
}

function readLink(reader: ProtobufReader, into: SpanColumns, draft: SpanDraft): void {
  const { context } = reader;
  const { links } = into;
  const outerEnd = reader.enter();
  const row = links.addRow();
  const firstIndex = links.attributes.count;
  let droppedCount = 0;
  let traceIdBytes = 0;
  let spanIdBytes = 0;
  while (reader.position < reader.end) {
    const tag = reader.tag(LINK);
    if (tag === 0x0a) {
      traceIdBytes = readId(reader, links.traceId, { row, sizeBytes: 16 });
    } else if (tag === 0x12) {
      spanIdBytes = readId(reader, links.spanId, { row, sizeBytes: 8 });
    } else if (tag === 0x1a) links.traceState[row] = reader.text();
    else if (tag === 0x22) readAttribute(reader, links.attributes, firstIndex);
    else if (tag === 0x28) droppedCount = reader.uint32();
    else if (tag === 0x35) links.flags[row] = reader.fixed32();
    else reader.skipUnknown(tag);
  }
  reader.end = outerEnd;
  links.droppedAttributesCount[row] = context.takeDropped(droppedCount);
  finishLink(into, draft, { row, isValid: traceIdBytes === 16 && spanIdBytes === 8, context });
}

/** The last status counts whole: a second one without a message has none. */
function readStatus(reader: ProtobufReader, into: SpanColumns, row: number): void {
  const { context } = reader;
  const outerEnd = reader.enter();
  let message = 0;
  let code = 0;
  while (reader.position < reader.end) {
    const tag = reader.tag(STATUS);
    if (tag === 0x12) message = reader.text();
    else if (tag === 0x18) code = context.enumOf(reader.uint64(), 2);
    else reader.skipUnknown(tag);
  }
  reader.end = outerEnd;
  into.statusMessage[row] = message;
  into.statusCode[row] = code;
}
