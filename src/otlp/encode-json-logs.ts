/** Log records out of columns as OTLP/JSON: what was sent, nothing that was computed from it. */
import { type LogColumns, VALUE_TYPE } from '../model/columns.ts';
import {
  attributeTexts,
  FieldsText,
  QuotedTexts,
  resourceText,
  scopeText,
  valueText,
} from './encode-json-common.ts';
import type { RequestLines } from './encode-json-requests.ts';

export function encodeJsonLogs(
  columns: LogColumns,
  rows: Iterable<number>,
  into: RequestLines,
): void {
  const texts = new QuotedTexts(columns.strings);
  const resources = columns.resources.map((entry) => resourceText(entry, texts));
  const scopes = columns.scopes.map((entry) => scopeText(entry, texts));
  for (const row of rows) {
    const resource = resources[columns.resource[row]!] ?? '';
    const scope = scopes[columns.scope[row]!] ?? '';
    into.add({ resource, scope }, recordText(columns, row, texts));
  }
}

function recordText(columns: LogColumns, row: number, texts: QuotedTexts): string {
  const fields = new FieldsText();
  fields.addTime('timeUnixNano', columns.timeUs[row]!, columns.timeNs[row]!);
  fields.addTime('observedTimeUnixNano', columns.observedUs[row]!, columns.observedNs[row]!);
  fields.addInteger('severityNumber', columns.severity[row]!);
  fields.addString('severityText', columns.severityText[row]!, texts);
  const bodyType = columns.bodyType[row]!;
  if (bodyType !== VALUE_TYPE.empty) {
    fields.add('body', valueText(bodyType, columns.bodyValue[row]!, texts));
  }
  const { attributes, attributesEnd: ends } = columns;
  fields.addList('attributes', attributeTexts({ attributes, ends }, row, texts));
  fields.addInteger('droppedAttributesCount', columns.droppedAttributesCount[row]!);
  fields.addInteger('flags', columns.flags[row]!);
  fields.addId('traceId', columns.traceId, { row, sizeBytes: 16 });
  fields.addId('spanId', columns.spanId, { row, sizeBytes: 8 });
  fields.addString('eventName', columns.eventName[row]!, texts);
  return `{${fields.text}}`;
}
