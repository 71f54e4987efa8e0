/** Log records from protobuf, straight into columns. */
import type { LogColumns } from '../model/columns.ts';
import { finishLog, LogDraft } from './log-draft.ts';
import { readEnvelopes } from './protobuf-envelopes.ts';
import type { MessageFields, ProtobufReader } from './protobuf-reader.ts';
import { readAnyValue, readAttribute, readId } from './protobuf-value.ts';

const LOG_RECORD: MessageFields = {
  name: 'log_record',
  fields: {
    1: 'time_unix_nano',
    2: 'severity_number',
    3: 'severity_text',
    5: 'body',
    6: 'attributes',
    7: 'dropped_attributes_count',
    8: 'flags',
    9: 'trace_id',
    10: 'span_id',
    11: 'observed_time_unix_nano',
    12: 'event_name',
  },
};

export function readProtobufLogs(reader: ProtobufReader, into: LogColumns): void {
  const draft = new LogDraft();
  readEnvelopes(reader, { signal: 'logs', readItem: () => readLogRecord(reader, into, draft) });
}

/** Hot: `scripts/fuzz-otlp.mjs --speed`. */
function readLogRecord(reader: ProtobufReader, into: LogColumns, draft: LogDraft): void {
  const { context } = reader;
  const outerEnd = reader.enter();
  draft.begin(into, context);
  const { row } = draft;
  let droppedAttributesCount = 0;
  while (reader.position < reader.end) {
    const tag = reader.tag(LOG_RECORD);
    switch (tag) {
      case 0x09:
        reader.time();
        into.timeUs[row] = reader.timeUs;
        into.timeNs[row] = reader.timeNs;
        break;
      case 0x10:
        into.severity[row] = context.enumOf(reader.uint64(), 24);
        break;
      case 0x1a:
        into.severityText[row] = reader.text();
        break;
      case 0x2a:
        readAnyValue(reader);
        into.bodyType[row] = context.valueType;
        into.bodyValue[row] = context.value;
        break;
      case 0x32:
        readAttribute(reader, into.attributes, draft.firstAttribute);
        break;
      case 0x38:
        droppedAttributesCount = reader.uint32();
        break;
      case 0x45:
        into.flags[row] = reader.fixed32();
        break;
      case 0x4a:
        draft.traceIdBytes = readId(reader, into.traceId, { row, sizeBytes: 16 });
        break;
      case 0x52:
        draft.spanIdBytes = readId(reader, into.spanId, { row, sizeBytes: 8 });
        break;
      case 0x59:
        reader.time();
        into.observedUs[row] = reader.timeUs;
        into.observedNs[row] = reader.timeNs;
        break;
      case 0x62:
        into.eventName[row] = reader.text();
        break;
      default:
        reader.skipUnknown(tag);
    }
  }
  reader.end = outerEnd;
  draft.droppedAttributesCount = context.takeDropped(droppedAttributesCount);
  finishLog(into, draft, context);
}
