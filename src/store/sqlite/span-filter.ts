/**
 * The filters of a trace search on one block: first what its header and texts rule out, then one look per variant of
 * the fields that repeat together, and only then a few integers a row. Attributes are decoded by key, when asked for.
 */
import type { AttributeEntry } from '../../model/columns.ts';
import { STAGES } from '../../model/vocabulary.ts';
import { textOfValue } from '../../otlp/value.ts';
import type { TraceQuery } from '../api/telemetry.ts';
import { isPlainText, type KeyColumn } from './attribute-view.ts';
import { type BlockHeader, isInside, listHolds } from './day-reader.ts';
import type { SectionTexts } from './local-dictionary.ts';
import { SPAN_FIELD } from './span-core.ts';
import type { SpanView } from './span-view.ts';

export const BOT_KEY = 'coze.bot.id';
export const CONVERSATION_KEY = 'gen_ai.conversation.id';

/** Attributes that a span must have: those named, and what bot and conversation mean. */
function wantedAttributes(query: TraceQuery): readonly (readonly [string, string])[] {
  const wanted = Object.entries(query.attributes ?? {});
  if (query.bot !== undefined) wanted.push([BOT_KEY, query.bot]);
  if (query.conversation !== undefined) wanted.push([CONVERSATION_KEY, query.conversation]);
  return wanted;
}

/** False when the header proves that no span of the block matches; reads nothing. */
export function mayMatchHeader(header: BlockHeader, query: TraceQuery): boolean {
  if (query.service !== undefined && !listHolds(header.services, query.service)) return false;
  return query.operation === undefined || listHolds(header.names, query.operation);
}

/** Rows that match, ascending. */
export function matchingRows(view: SpanView, query: TraceQuery): readonly number[] {
  if (!mayHoldAttributes(view, query)) return [];
  const passes = passingVariants(view, query);
  if (!passes.includes(1)) return [];
  const { variants, durationNs, rowCount } = view.core;
  const { fromUs, toUs } = query.range;
  const durationNsMin = (query.durationUsMin ?? Number.NEGATIVE_INFINITY) * 1000;
  const durationNsMax = (query.durationUsMax ?? Number.POSITIVE_INFINITY) * 1000;
  let rows: number[] = [];
  for (let row = 0; row < rowCount; row++) {
    if (passes[variants[row]!] === 0) continue;
    if (durationNs[row]! < durationNsMin || durationNs[row]! > durationNsMax) continue;
    rows.push(row);
  }
  if (rows.length > 0 && !isInside(view.header, query.range)) {
    const { startUs } = view.core;
    rows = rows.filter((row) => startUs[row]! >= fromUs && startUs[row]! < toUs);
  }
  for (const [key, value] of wantedAttributes(query)) {
    if (rows.length === 0) break;
    const holds = compileAttribute(view, key, value);
    rows = rows.filter(holds);
  }
  return rows;
}

/** False when the texts prove that no row has the attributes; decodes no column. */
function mayHoldAttributes(view: SpanView, query: TraceQuery): boolean {
  return wantedAttributes(query).every(([key, value]) => {
    const isNeeded = !mayBeOtherThanText(value);
    const holds = (texts: SectionTexts) =>
      texts.find(key) !== undefined && !(isNeeded && texts.find(value) === undefined);
    return holds(view.attributeTexts) || holds(view.tables.texts);
  });
}

/** 1 for each variant that passes what stands in it. */
function passingVariants(view: SpanView, query: TraceQuery): Uint8Array {
  const { texts } = view.tables;
  const wanted: (readonly [field: number, value: number])[] = [];
  if (query.service !== undefined) {
    wanted.push([SPAN_FIELD.service, texts.find(query.service) ?? -1]);
  }
  if (query.operation !== undefined) {
    wanted.push([SPAN_FIELD.name, texts.find(query.operation) ?? -1]);
  }
  if (query.stage !== undefined) wanted.push([SPAN_FIELD.stage, STAGES.indexOf(query.stage)]);
  if (query.isError !== undefined) wanted.push([SPAN_FIELD.isError, Number(query.isError)]);
  const passes = new Uint8Array(view.field(SPAN_FIELD.name).length).fill(1);
  for (const [field, value] of wanted) {
    const values = view.field(field);
    for (let variant = 0; variant < passes.length; variant++) {
      if (values[variant] !== value) passes[variant] = 0;
    }
  }
  return passes;
}

/** As sent, derived or of the resource: any of them may hold the value. */
function compileAttribute(view: SpanView, key: string, value: string): (row: number) => boolean {
  const { texts, resources } = view.tables;
  const isOfEntry = (entry: AttributeEntry) =>
    texts.text(entry.key) === key && textOfValue(entry.type, entry.value, texts) === value;
  const resourceMatches = resources.map((entry) => entry.attributes.some(isOfEntry));
  const rows = new Set<number>();
  const { sent, derived } = view.column(key);
  for (const column of [sent, derived]) {
    if (column) addMatches(rows, { column, value, texts: view.attributeTexts });
  }
  return (row) => rows.has(row) || resourceMatches[view.fieldOf(row, SPAN_FIELD.resource)] === true;
}

function addMatches(
  rows: Set<number>,
  wanted: { readonly column: KeyColumn; readonly value: string; readonly texts: SectionTexts },
): void {
  const { column, value, texts } = wanted;
  const valueId = texts.find(value) ?? -1;
  for (let at = 0; at < column.rows.length; at++) {
    const type = column.types[at]!;
    const isEqual = isPlainText(type)
      ? column.values[at] === valueId
      : textOfValue(type, column.values[at]!, texts) === value;
    if (isEqual) rows.add(column.rows[at]!);
  }
}

/** Texts that numbers, booleans, arrays and maps have, too: these stand in no dictionary as they are written. */
function mayBeOtherThanText(value: string): boolean {
  return value === '' || /^(?:true|false|-?Infinity|NaN|-?\d|[[{])/.test(value);
}
