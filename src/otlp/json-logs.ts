/** Log records from OTLP/JSON into columns. */
import type { LogColumns } from '../model/columns.ts';
import { readJsonAttributes, readJsonEnvelopes } from './json-common.ts';
import { FIELD } from './json-names.ts';
import type { JsonReader } from './json-reader.ts';
import { readJsonAnyValue } from './json-value.ts';
import { finishLog, LogDraft } from './log-draft.ts';

const FIELDS = {
  groups: FIELD.resourceLogs,
  scopeGroups: FIELD.scopeLogs,
  items: FIELD.logRecords,
};

export function readJsonLogs(reader: JsonReader, into: LogColumns): void {
  const target: Target = { into, draft: new LogDraft() };
  readJsonEnvelopes(reader, {
    fields: FIELDS,
    readItem: (record) => readLogRecord(reader, record, target),
  });
}

interface Target {
  readonly into: LogColumns;
  readonly draft: LogDraft;
}

/** Hot: once a record. */
function readLogRecord(reader: JsonReader, record: number, { into, draft }: Target): void {
  const { context } = reader;
  const end = reader.endOfObject(record);
  draft.begin(into, context);
  const { row } = draft;
  let droppedCount = 0;
  for (let member = reader.first(record); member < end; member = reader.next(member)) {
    switch (reader.field(member)) {
      case FIELD.timeUnixNano:
        reader.time(member);
        into.timeUs[row] = reader.timeUs;
        into.timeNs[row] = reader.timeNs;
        break;
      case FIELD.observedTimeUnixNano:
        reader.time(member);
        into.observedUs[row] = reader.timeUs;
        into.observedNs[row] = reader.timeNs;
        break;
      case FIELD.severityNumber:
        into.severity[row] = reader.enum(member, 24);
        break;
      case FIELD.severityText:
        into.severityText[row] = reader.text(member);
        break;
      case FIELD.body:
        readJsonAnyValue(reader, member);
        into.bodyType[row] = context.valueType;
        into.bodyValue[row] = context.value;
        break;
      case FIELD.attributes:
        readJsonAttributes(reader, member, into.attributes);
        break;
      case FIELD.traceId:
        draft.traceIdBytes = reader.id(member, { into: into.traceId, row, sizeBytes: 16 });
        break;
      case FIELD.spanId:
        draft.spanIdBytes = reader.id(member, { into: into.spanId, row, sizeBytes: 8 });
        break;
      case FIELD.flags:
        into.flags[row] = reader.uint32(member);
        break;
      case FIELD.eventName:
        into.eventName[row] = reader.text(member);
        break;
      case FIELD.droppedAttributesCount:
        droppedCount = reader.uint32(member);
        break;
    }
  }
  draft.droppedAttributesCount = context.takeDropped(droppedCount);
  finishLog(into, draft, context);
}
