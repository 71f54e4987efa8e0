import { describe, expect, test } from 'vitest';
import {
  FIELD,
  fieldAt,
  fieldOfName,
  KEY_ROOM_BYTES,
  nameOfField,
} from '../../src/otlp/json-names.ts';
import { messageType, REQUEST_TYPES } from './otlp-schema.ts';

const NAMES = Object.entries(FIELD);

function fieldInBody(key: string): number {
  const bytes = Buffer.alloc(KEY_ROOM_BYTES + 40, '"');
  bytes.write(`${key}"`, 5);
  return fieldAt(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 5);
}

/** Messages of profiles that are kept as they came: their names are not looked at. */
const UNREAD = ['Profile', 'ProfilesDictionary'];

/** Names of the fields of each message below a request. */
function fieldsByMessage(): Map<string, string[]> {
  const found = new Map<string, string[]>();
  const visit = (name: string) => {
    if (found.has(name) || UNREAD.includes(name)) return;
    const { fieldsArray } = messageType(name);
    found.set(
      name,
      fieldsArray.map((field) => field.name),
    );
    for (const field of fieldsArray) {
      const { resolvedType } = field.resolve();
      if (resolvedType) visit(resolvedType.name);
    }
  };
  for (const name of Object.values(REQUEST_TYPES)) visit(name);
  return found;
}

describe('fieldAt()', () => {
  test.each(NAMES)('finds %s by its bytes', (name, field) => {
    expect(fieldInBody(name)).toBe(field);
    expect(fieldOfName(name)).toBe(field);
    expect(nameOfField(field)).toBe(name);
  });

  test.each(NAMES)('does not take for %s what only resembles it', (name) => {
    for (let index = 0; index < name.length; index++) {
      const bent = `${name.slice(0, index)}~${name.slice(index + 1)}`;
      expect(fieldInBody(bent), bent).toBe(0);
    }
    for (const other of [`${name}s~`, `~${name}`, name.slice(0, -1), name.toUpperCase()]) {
      expect(fieldInBody(other), other).toBe(fieldOfName(other));
    }
  });
});

test('every field of the schema has a number, in a message each with lowest bits of its own', () => {
  const known = new Set<string>();
  for (const [message, names] of fieldsByMessage()) {
    const bits = names.map((name) => fieldOfName(name) & 31);
    expect(names.filter((name) => fieldOfName(name) === 0)).toEqual([]);
    expect(new Set(bits).size, message).toBe(names.length);
    for (const name of names) known.add(name);
  }
  expect([...known].sort()).toEqual(NAMES.map(([name]) => name).sort());
});
