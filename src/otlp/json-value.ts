/** AnyValue from JSON: into the context as a column holds it, or as canonical text when it is nested. */
import type { AppError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { VALUE_TYPE } from '../model/columns.ts';
import { FIELD, nameOfField } from './json-names.ts';
import type { JsonReader } from './json-reader.ts';

/** Reads an AnyValue into the context's valueType and value. */
export function readJsonAnyValue(reader: JsonReader, any: number): void {
  const { context } = reader;
  context.valueType = VALUE_TYPE.empty;
  context.value = 0;
  const member = valueMember(reader, any);
  if (member === undefined) return;
  switch (reader.field(member)) {
    case FIELD.stringValue:
      context.value = reader.text(member);
      context.valueType = VALUE_TYPE.string;
      break;
    case FIELD.intValue:
      reader.intValue(member);
      break;
    case FIELD.boolValue:
      context.value = reader.bool(member) ? 1 : 0;
      context.valueType = VALUE_TYPE.bool;
      break;
    case FIELD.doubleValue:
      context.value = reader.double(member);
      context.valueType = VALUE_TYPE.double;
      break;
    default:
      context.json.begin();
      writeAnyValue(reader, any, 1);
      context.takeJsonValue();
  }
}

/** The member that holds the value; a second one is a fault. */
function valueMember(reader: JsonReader, any: number): number | undefined {
  let found: number | undefined;
  const end = reader.endOfObject(any);
  for (let member = reader.first(any); member < end; member = reader.next(member)) {
    const field = reader.field(member);
    if (field < FIELD.stringValue || field > FIELD.bytesValue) continue;
    if (found !== undefined) throw besideFault(reader, found, member);
    found = member;
  }
  return found;
}

/** Told in the order of OTLP's fields, whatever the order of the members. */
function besideFault(reader: JsonReader, one: number, other: number): AppError {
  const [first, second] = reader.field(one) < reader.field(other) ? [one, other] : [other, one];
  const name = nameOfField(reader.field(first));
  return reader.fault(second, `stands beside ${name}; a value has one type`);
}

/** Writes the canonical text of an AnyValue. */
function writeAnyValue(reader: JsonReader, any: number, depth: number): void {
  if (depth > LIMITS.valueDepthMax) {
    throw reader.fault(any, `nests values deeper than ${LIMITS.valueDepthMax}`);
  }
  const { json } = reader.context;
  const member = valueMember(reader, any);
  if (member === undefined) {
    json.add('{}');
    return;
  }
  const field = reader.field(member);
  json.add(`{"${nameOfField(field)}":`);
  switch (field) {
    case FIELD.stringValue:
      json.addUtf8(reader.utf8(member));
      break;
    case FIELD.boolValue:
      json.add(String(reader.bool(member)));
      break;
    case FIELD.intValue:
      json.add(`"${reader.intText(member)}"`);
      break;
    case FIELD.doubleValue:
      json.addDouble(reader.double(member));
      break;
    case FIELD.bytesValue:
      json.addBase64(reader.base64(member));
      break;
    case FIELD.arrayValue:
      writeValues(reader, member, { depth, writeItem: writeAnyValue });
      break;
    default:
      writeValues(reader, member, { depth, writeItem: writeKeyValue });
  }
  json.add('}');
}

type WriteItem = (reader: JsonReader, item: number, depth: number) => void;

/** Writes the `values` of an array or kvlist. */
function writeValues(
  reader: JsonReader,
  owner: number,
  { depth, writeItem }: { readonly depth: number; readonly writeItem: WriteItem },
): void {
  const { json } = reader.context;
  json.add('{"values":[');
  let isFirst = true;
  const list = memberOf(reader, owner, FIELD.values);
  const end = list === undefined ? 0 : reader.endOfList(list);
  for (let item = reader.first(list ?? 0); item < end; item = reader.next(item)) {
    if (!isFirst) json.add(',');
    isFirst = false;
    writeItem(reader, item, depth + 1);
  }
  json.add(']}');
}

function writeKeyValue(reader: JsonReader, pair: number, depth: number): void {
  const { json } = reader.context;
  const key = memberOf(reader, pair, FIELD.key);
  const value = memberOf(reader, pair, FIELD.value);
  json.add('{"key":');
  if (key === undefined) json.add('""');
  else json.addUtf8(reader.utf8(key));
  json.add(',"value":');
  if (value === undefined) json.add('{}');
  else writeAnyValue(reader, value, depth);
  json.add('}');
}

/** The member of an object that holds a field. */
function memberOf(reader: JsonReader, object: number, field: number): number | undefined {
  const end = reader.endOfObject(object);
  for (let member = reader.first(object); member < end; member = reader.next(member)) {
    if (reader.field(member) === field) return member;
  }
  return undefined;
}
