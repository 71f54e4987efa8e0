/**
 * Whether bytes are a message of a schema by the letter of the wire format: lengths inside their message, the wire
 * type of each known field, groups that end as they began. protobufjs forgives all three, so a request that it
 * takes and the decoders refuse must fail here.
 */
import type protobuf from 'protobufjs';
import { LIMITS } from '../../src/base/limits.ts';

const WIRE_TYPES: Readonly<Record<string, number>> = {
  ...Object.fromEntries(
    ['int32', 'int64', 'uint32', 'uint64', 'sint32', 'bool'].map((t) => [t, 0]),
  ),
  ...Object.fromEntries(['fixed64', 'sfixed64', 'double'].map((type) => [type, 1])),
  ...Object.fromEntries(['string', 'bytes'].map((type) => [type, 2])),
  fixed32: 5,
};

/** Values inside these are written as text, and of what stands twice only the last is. */
const NESTING: readonly string[] = ['ArrayValue', 'KeyValueList'];
/** Fields of an envelope or a metric of which the last one counts; those before are stepped over. */
const SLOTS: Readonly<Record<string, string>> = {
  resource: 'resource',
  scope: 'scope',
  gauge: 'data',
  sum: 'data',
  histogram: 'data',
  exponentialHistogram: 'data',
  summary: 'data',
};

export interface StrictVerdict {
  readonly isStrict: boolean;
  /** A field was replaced by one behind it: protobufjs reads both. */
  readonly hasReplaced: boolean;
}

export function judgeMessage(type: protobuf.Type, bytes: Uint8Array): StrictVerdict {
  const notes = { hasReplaced: false };
  return { isStrict: isStrictMessage(type, { bytes, depth: 0, isNested: false, notes }), ...notes };
}

interface Content {
  readonly bytes: Uint8Array;
  readonly depth: number;
  /** Below an array or a list of keys and values. */
  readonly isNested: boolean;
  readonly notes: { hasReplaced: boolean };
}

function isStrictMessage(type: protobuf.Type, content: Content): boolean {
  const { bytes, notes } = content;
  const isNested = content.isNested || NESTING.includes(type.name);
  const cursor = new Cursor(bytes);
  const slots = new Map<string, () => boolean>();
  try {
    while (cursor.at < bytes.length) {
      const tag = cursor.varint();
      if (tag >= 2 ** 32 || tag < 8) return false;
      const field = type.fieldsById[Math.floor(tag / 8)];
      const wireType = tag % 8;
      const inner = { ...content, bytes: cursor.value(tag), isNested };
      if (!field) continue;
      const isStrict = () => isStrictField(field, { ...inner, wireType });
      const slot = slotOf(type, field, { wireType, isNested });
      if (slot !== undefined) {
        if (slots.has(slot)) notes.hasReplaced = true;
        slots.set(slot, isStrict);
      } else if (!isStrict()) return false;
    }
    return [...slots.values()].every((isStrict) => isStrict());
  } catch (thrown) {
    if (thrown instanceof RangeError) return false;
    throw thrown;
  }
}

/** Undefined for a field that is looked at wherever it stands. */
function slotOf(
  type: protobuf.Type,
  field: protobuf.Field,
  { wireType, isNested }: { readonly wireType: number; readonly isNested: boolean },
): string | undefined {
  const isMessage = field.resolve().resolvedType !== null;
  // One with another wire type than its own is a fault wherever it stands.
  if (isMessage ? wireType !== 2 : WIRE_TYPES[field.type] !== wireType) return undefined;
  if (isNested && type.name === 'AnyValue') return 'any';
  if (isNested && type.name === 'KeyValue') return field.name;
  return isMessage ? SLOTS[field.name] : undefined;
}

function isStrictField(
  field: protobuf.Field,
  found: Content & { readonly wireType: number },
): boolean {
  const { wireType, bytes, depth } = found;
  const { resolvedType } = field.resolve();
  if (resolvedType) {
    // Deeper values are refused, however well they are formed.
    if (wireType !== 2 || depth > 4 * LIMITS.valueDepthMax) return false;
    return (
      'fieldsById' in resolvedType && isStrictMessage(resolvedType, { ...found, depth: depth + 1 })
    );
  }
  const own = WIRE_TYPES[field.type];
  if (own === wireType) return true;
  return field.repeated && own !== 2 && wireType === 2 && isStrictPacked(own ?? 0, bytes);
}

function isStrictPacked(wireType: number, content: Uint8Array): boolean {
  const cursor = new Cursor(content);
  while (cursor.at < content.length) cursor.value(8 + wireType);
  return true;
}

/** Throws RangeError where the bytes end too early or are no value. */
class Cursor {
  at = 0;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** As number; only small ones are looked at. */
  varint(): number {
    let value = 0;
    for (let index = 0; index < 10; index++) {
      const byte = this.#take(1)[0]!;
      if (index === 9 && byte > 1) break;
      value += (byte & 0x7f) * 2 ** (7 * index);
      if (byte < 0x80) return value;
    }
    throw new RangeError('a varint of more than 64 bits');
  }

  /** Content of the value behind a tag; that of a group is nothing. */
  value(tag: number): Uint8Array {
    switch (tag % 8) {
      case 0:
        this.varint();
        return this.#bytes.subarray(0, 0);
      case 1:
        return this.#take(8);
      case 2:
        return this.#take(this.varint());
      case 3:
        return this.#group(Math.floor(tag / 8), 1);
      case 5:
        return this.#take(4);
      default:
        throw new RangeError(`wire type ${tag % 8}`);
    }
  }

  #group(number: number, depth: number): Uint8Array {
    if (depth > LIMITS.valueDepthMax) throw new RangeError('groups too deep');
    for (;;) {
      const tag = this.varint();
      if (tag >= 2 ** 32 || tag < 8) throw new RangeError('a tag out of range');
      if (tag % 8 === 4) {
        if (Math.floor(tag / 8) !== number) throw new RangeError('ends another group');
        return this.#bytes.subarray(0, 0);
      }
      if (tag % 8 === 3) this.#group(Math.floor(tag / 8), depth + 1);
      else this.value(tag);
    }
  }

  #take(count: number): Uint8Array {
    if (this.at + count > this.#bytes.length) throw new RangeError('ends too early');
    this.at += count;
    return this.#bytes.subarray(this.at - count, this.at);
  }
}
