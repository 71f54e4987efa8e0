/** Attributes, AnyValue and ids from protobuf. Of a singular field that stands more than once the last counts. */
import { LIMITS } from '../base/limits.ts';
import { type AttributeColumns, VALUE_TYPE } from '../model/columns.ts';
import { wideIntText } from './decode-context.ts';
import type { MessageFields, ProtobufReader } from './protobuf-reader.ts';

const KEY_VALUE: MessageFields = { name: 'key_value', fields: { 1: 'key', 2: 'value' } };
const ANY_VALUE: MessageFields = {
  name: 'any_value',
  fields: {
    1: 'string_value',
    2: 'bool_value',
    3: 'int_value',
    4: 'double_value',
    5: 'array_value',
    6: 'kvlist_value',
    7: 'bytes_value',
  },
};
const ARRAY_VALUE: MessageFields = { name: 'array_value', fields: { 1: 'values' } };
const KVLIST_VALUE: MessageFields = { name: 'kvlist_value', fields: { 1: 'values' } };

// tags of AnyValue
const STRING_VALUE = 0x0a;
const BOOL_VALUE = 0x10;
const INT_VALUE = 0x18;
const DOUBLE_VALUE = 0x21;
const ARRAY = 0x2a;
const KVLIST = 0x32;
const BYTES_VALUE = 0x3a;

/** Reads a KeyValue into a column whose item began at `firstIndex`. Hot: `scripts/fuzz-otlp.mjs --speed`. */
export function readAttribute(
  reader: ProtobufReader,
  into: AttributeColumns,
  firstIndex: number,
): void {
  if (reader.tryAttribute(into, firstIndex)) return;
  const { context } = reader;
  const outerEnd = reader.enter();
  let key = 0;
  context.valueType = VALUE_TYPE.empty;
  context.value = 0;
  while (reader.position < reader.end) {
    const tag = reader.tag(KEY_VALUE);
    if (tag === 0x0a) key = reader.text();
    else if (tag === 0x12) readAnyValue(reader);
    else reader.skipUnknown(tag);
  }
  reader.end = outerEnd;
  context.pushAttribute(into, key, firstIndex);
}

/** Reads an AnyValue into the context's valueType and value. */
export function readAnyValue(reader: ProtobufReader): void {
  const { context } = reader;
  const outerEnd = reader.enter();
  let type: number = VALUE_TYPE.empty;
  let value = 0;
  while (reader.position < reader.end) {
    const tag = reader.tag(ANY_VALUE);
    switch (tag) {
      case STRING_VALUE:
        type = VALUE_TYPE.string;
        value = reader.text();
        break;
      case BOOL_VALUE:
        type = VALUE_TYPE.bool;
        value = reader.bool() ? 1 : 0;
        break;
      case DOUBLE_VALUE:
        type = VALUE_TYPE.double;
        value = reader.double();
        break;
      case INT_VALUE:
        reader.varint64();
        context.setInt64(reader.low, reader.high);
        type = context.valueType;
        value = context.value;
        break;
      case ARRAY:
      case KVLIST:
      case BYTES_VALUE:
        context.json.begin();
        writeField(reader, tag, 1);
        context.takeJsonValue();
        type = context.valueType;
        value = context.value;
        break;
      default:
        reader.skipUnknown(tag);
    }
  }
  reader.end = outerEnd;
  context.valueType = type;
  context.value = value;
}

/** Writes the OTLP/JSON text of an AnyValue that stands inside another. */
function writeAnyValue(reader: ProtobufReader, depth: number): void {
  if (depth > LIMITS.valueDepthMax) {
    throw reader.fault(`nests values deeper than ${LIMITS.valueDepthMax}`);
  }
  const outerEnd = reader.enter();
  let lastTag = 0;
  let lastPosition = 0;
  while (reader.position < reader.end) {
    const tag = reader.tag(ANY_VALUE);
    if (isValueTag(tag)) {
      lastTag = tag;
      lastPosition = reader.position;
      reader.skipField(tag);
    } else {
      reader.skipUnknown(tag);
    }
  }
  if (lastTag === 0) {
    reader.context.json.add('{}');
  } else {
    const messageEnd = reader.end;
    reader.position = lastPosition;
    writeField(reader, lastTag, depth);
    reader.position = messageEnd;
  }
  reader.end = outerEnd;
}

function isValueTag(tag: number): boolean {
  return (
    tag === STRING_VALUE ||
    tag === BOOL_VALUE ||
    tag === INT_VALUE ||
    tag === DOUBLE_VALUE ||
    tag === ARRAY ||
    tag === KVLIST ||
    tag === BYTES_VALUE
  );
}

/** Writes `{"arrayValue":…}` and the like; the reader stands behind the tag. */
function writeField(reader: ProtobufReader, tag: number, depth: number): void {
  const { json } = reader.context;
  switch (tag) {
    case STRING_VALUE:
      json.add('{"stringValue":');
      json.addUtf8(takeBytes(reader));
      break;
    case BOOL_VALUE:
      json.add(`{"boolValue":${reader.bool()}`);
      break;
    case INT_VALUE:
      reader.varint64();
      json.add(`{"intValue":"${wideIntText(reader.low, reader.high)}"`);
      break;
    case DOUBLE_VALUE:
      json.add('{"doubleValue":');
      json.addDouble(reader.double());
      break;
    case BYTES_VALUE:
      json.add('{"bytesValue":');
      json.addBase64(takeBytes(reader));
      break;
    case ARRAY:
      json.add('{"arrayValue":{"values":[');
      writeValues(reader, { fields: ARRAY_VALUE, depth });
      json.add(']}');
      break;
    default:
      json.add('{"kvlistValue":{"values":[');
      writeValues(reader, { fields: KVLIST_VALUE, depth });
      json.add(']}');
  }
  json.add('}');
}

function writeValues(
  reader: ProtobufReader,
  { fields, depth }: { readonly fields: MessageFields; readonly depth: number },
): void {
  const { json } = reader.context;
  const outerEnd = reader.enter();
  let isFirst = true;
  while (reader.position < reader.end) {
    const tag = reader.tag(fields);
    if (tag !== 0x0a) {
      reader.skipUnknown(tag);
      continue;
    }
    if (!isFirst) json.add(',');
    isFirst = false;
    if (fields === ARRAY_VALUE) writeAnyValue(reader, depth + 1);
    else writeKeyValue(reader, depth + 1);
  }
  reader.end = outerEnd;
}

function writeKeyValue(reader: ProtobufReader, depth: number): void {
  const { json } = reader.context;
  const outerEnd = reader.enter();
  let key: Uint8Array = reader.bytes.subarray(0, 0);
  let valuePosition = -1;
  while (reader.position < reader.end) {
    const tag = reader.tag(KEY_VALUE);
    if (tag === 0x0a) {
      key = takeBytes(reader);
    } else if (tag === 0x12) {
      valuePosition = reader.position;
      reader.skipField(tag);
    } else {
      reader.skipUnknown(tag);
    }
  }
  json.add('{"key":');
  json.addUtf8(key);
  json.add(',"value":');
  if (valuePosition < 0) {
    json.add('{}');
  } else {
    const messageEnd = reader.end;
    reader.position = valuePosition;
    writeAnyValue(reader, depth);
    reader.position = messageEnd;
  }
  json.add('}');
  reader.end = outerEnd;
}

function takeBytes(reader: ProtobufReader): Uint8Array {
  const end = reader.fieldEnd();
  const bytes = reader.bytes.subarray(reader.position, end);
  reader.position = end;
  return bytes;
}

/** Copies an id of the right size into its row, empties the row otherwise; returns the size found. */
export function readId(reader: ProtobufReader, into: Uint8Array, id: IdPlace): number {
  const { row, sizeBytes } = id;
  const end = reader.fieldEnd();
  const { bytes, position } = reader;
  const at = row * sizeBytes;
  if (end - position === sizeBytes) {
    for (let index = 0; index < sizeBytes; index++) into[at + index] = bytes[position + index]!;
  } else {
    into.fill(0, at, at + sizeBytes);
  }
  reader.position = end;
  return end - position;
}

interface IdPlace {
  readonly row: number;
  readonly sizeBytes: number;
}
