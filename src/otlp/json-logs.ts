/** Log records from OTLP/JSON into columns. */
import type { LogColumns } from '../model/columns.ts';
import { readJsonAnyValue, readJsonAttributes, readJsonEnvelopes } from './json-common.ts';
import type { JsonObject, JsonReader } from './json-reader.ts';
import { finishLog, LogDraft } from './log-draft.ts';

const NAMES = { groups: 'resourceLogs', scopeGroups: 'scopeLogs', items: 'logRecords' };

export function readJsonLogs(reader: JsonReader, request: JsonObject, into: LogColumns): void {
  const draft = new LogDraft();
  readJsonEnvelopes(reader, request, {
    names: NAMES,
    readItem: (record) => readLogRecord(reader, record, { into, draft }),
  });
}

interface Target {
  readonly into: LogColumns;
  readonly draft: LogDraft;
}

function readLogRecord(reader: JsonReader, record: JsonObject, { into, draft }: Target): void {
  const { context } = reader;
  draft.begin(into, context);
  const { row } = draft;
  reader.time(record, 'timeUnixNano');
  into.timeUs[row] = reader.timeUs;
  into.timeNs[row] = reader.timeNs;
  reader.time(record, 'observedTimeUnixNano');
  into.observedUs[row] = reader.timeUs;
  into.observedNs[row] = reader.timeNs;
  into.severity[row] = reader.enum(record, 'severityNumber', 24);
  into.severityText[row] = reader.text(record, 'severityText');
  readJsonAnyValue(reader, record, 'body');
  into.bodyType[row] = context.valueType;
  into.bodyValue[row] = context.value;
  into.flags[row] = reader.uint32(record, 'flags');
  into.eventName[row] = reader.text(record, 'eventName');
  draft.traceIdBytes = reader.id(record, 'traceId', { into: into.traceId, row, sizeBytes: 16 });
  draft.spanIdBytes = reader.id(record, 'spanId', { into: into.spanId, row, sizeBytes: 8 });
  readJsonAttributes(reader, record, { into: into.attributes });
  const droppedCount = reader.uint32(record, 'droppedAttributesCount');
  draft.droppedAttributesCount = context.takeDropped(droppedCount);
  finishLog(into, draft, context);
}
