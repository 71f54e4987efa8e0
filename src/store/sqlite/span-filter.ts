/** The filters of a trace search on one span row: compiled once per block, then integers only. */
import { type AttributeEntry, type SpanColumns, VALUE_TYPE } from '../../model/columns.ts';
import { STAGES } from '../../model/vocabulary.ts';
import type { TraceQuery } from '../api/telemetry.ts';
import { decodeAt, openSection, SECTION } from './block.ts';
import { type BlockHeader, type DayReader, listHolds } from './day-reader.ts';
import { SectionTexts } from './local-dictionary.ts';
import { startOf, textOfValue } from './objects.ts';

export const BOT_KEY = 'coze.bot.id';
export const CONVERSATION_KEY = 'gen_ai.conversation.id';

/** Attributes that a span must have: those named, and what bot and conversation mean. */
export function wantedAttributes(query: TraceQuery): readonly (readonly [string, string])[] {
  const wanted = Object.entries(query.attributes ?? {});
  if (query.bot !== undefined) wanted.push([BOT_KEY, query.bot]);
  if (query.conversation !== undefined) wanted.push([CONVERSATION_KEY, query.conversation]);
  return wanted;
}

/** False when the header or the dictionaries prove that no span of the block matches; decodes no column. */
export function mayMatch(reader: DayReader, header: BlockHeader, query: TraceQuery): boolean {
  if (query.service !== undefined && !listHolds(header.services, query.service)) return false;
  if (query.operation !== undefined && !listHolds(header.names, query.operation)) return false;
  const wanted = wantedAttributes(query);
  if (wanted.length === 0) return true;
  return decodeAt(reader.placeOf(header), () => {
    const source = reader.sectionsOf(header);
    const texts = [SECTION.attributeTexts, SECTION.dictionary].map(
      (kind) => new SectionTexts(openSection(source, kind)).joined,
    );
    const holds = (text: string) => texts.some((joined) => joined.includes(text));
    return wanted.every(
      ([key, value]) => holds(key) && (mayBeOtherThanText(value) || holds(value)),
    );
  });
}

export type SpanPredicate = (row: number) => boolean;

export function compileFilter(columns: SpanColumns, query: TraceQuery): SpanPredicate {
  const { startUs, durationNs, service, name, stage, isError, strings } = columns;
  const { fromUs, toUs } = query.range;
  const serviceId = query.service === undefined ? undefined : (strings.find(query.service) ?? -1);
  const nameId = query.operation === undefined ? undefined : (strings.find(query.operation) ?? -1);
  const stageIndex = query.stage === undefined ? undefined : STAGES.indexOf(query.stage);
  const durationNsMin = (query.durationUsMin ?? Number.NEGATIVE_INFINITY) * 1000;
  const durationNsMax = (query.durationUsMax ?? Number.POSITIVE_INFINITY) * 1000;
  const error = query.isError === undefined ? undefined : Number(query.isError);
  const attributes = wantedAttributes(query).map(([key, value]) =>
    compileAttribute(columns, key, value),
  );
  return (row) =>
    startUs[row]! >= fromUs &&
    startUs[row]! < toUs &&
    (serviceId === undefined || service[row] === serviceId) &&
    (nameId === undefined || name[row] === nameId) &&
    (stageIndex === undefined || stage[row] === stageIndex) &&
    durationNs[row]! >= durationNsMin &&
    durationNs[row]! <= durationNsMax &&
    (error === undefined || isError[row] === error) &&
    attributes.every((matches) => matches(row));
}

/** Text of an attribute of the row: derived first, then as sent, then of the resource. */
export function findAttributeText(
  columns: SpanColumns,
  row: number,
  key: string,
): string | undefined {
  const keyId = columns.strings.find(key);
  if (keyId === undefined) return undefined;
  const { strings, derived, derivedEnd, attributes, attributesEnd } = columns;
  for (const [list, ends] of [
    [derived, derivedEnd],
    [attributes, attributesEnd],
  ] as const) {
    for (let at = startOf(ends, row); at < ends[row]!; at++) {
      if (list.keys[at] === keyId) return textOfValue(list.types[at]!, list.values[at]!, strings);
    }
  }
  const entries = columns.resources[columns.resource[row]!]?.attributes ?? [];
  const entry = entries.find((candidate) => candidate.key === keyId);
  return entry && textOfValue(entry.type, entry.value, strings);
}

/** As sent, derived or of the resource: any of them may hold the value. */
function compileAttribute(columns: SpanColumns, key: string, value: string): SpanPredicate {
  const { strings, derived, derivedEnd, attributes, attributesEnd, resource } = columns;
  const keyId = strings.find(key);
  if (keyId === undefined) return () => false;
  const valueId = strings.find(value) ?? -1;
  const isEqual = (type: number, number: number) =>
    type === VALUE_TYPE.string ? number === valueId : textOfValue(type, number, strings) === value;
  const holds = (list: SpanColumns['attributes'], ends: Uint32Array, row: number) => {
    for (let at = startOf(ends, row); at < ends[row]!; at++) {
      if (list.keys[at] === keyId && isEqual(list.types[at]!, list.values[at]!)) return true;
    }
    return false;
  };
  const isOfEntry = (entry: AttributeEntry) =>
    entry.key === keyId && isEqual(entry.type, entry.value);
  const resourceMatches = columns.resources.map((entry) => entry.attributes.some(isOfEntry));
  return (row) =>
    resourceMatches[resource[row]!] === true ||
    holds(derived, derivedEnd, row) ||
    holds(attributes, attributesEnd, row);
}

/** Texts that numbers, booleans, arrays and maps have, too: these stand in no dictionary as they are written. */
function mayBeOtherThanText(value: string): boolean {
  return value === '' || /^(?:true|false|-?Infinity|NaN|-?\d|[[{])/.test(value);
}
