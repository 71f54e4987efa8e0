/** decodeProfiles(): what is counted and found, and what is refused, in both encodings. */
import { describe, expect, test } from 'vitest';
import { isAppError } from '../../src/base/errors.ts';
import { LIMITS } from '../../src/base/limits.ts';
import { decodeProfiles } from '../../src/otlp/otlp.ts';
import { decodeMessage, encodeMessage } from './otlp-schema.ts';
import { NOW_US, Random, randomRequest } from './random-request.ts';
import { field, otlpJson, varint, varintField } from './wire.ts';

const TYPE = 'ExportProfilesServiceRequest';

const lookOver = (body: Uint8Array, encoding: 'protobuf' | 'json') =>
  decodeProfiles(body, { encoding, nowUs: NOW_US });
const fromBytes = (bytes: Iterable<number>) => lookOver(Uint8Array.from(bytes), 'protobuf');
const fromJson = (value: unknown) =>
  lookOver(new TextEncoder().encode(JSON.stringify(value)), 'json');

function resourceOf(service: string) {
  return { attributes: [{ key: 'service.name', value: { stringValue: service } }] };
}

const REQUEST = {
  resourceProfiles: [
    { resource: resourceOf('bot'), scopeProfiles: [{ profiles: [{}, { period: '7' }] }] },
    { resource: resourceOf('plugin'), scopeProfiles: [{ profiles: [{}] }, { profiles: [] }] },
    { resource: resourceOf('bot'), scopeProfiles: [{ profiles: [{}] }] },
    { resource: resourceOf('silent'), scopeProfiles: [] },
  ],
  dictionary: { stringTable: ['', 'cpu'], functionTable: [{ nameStrindex: 1 }] },
};

describe('decodeProfiles()', () => {
  test.each(['protobuf', 'json'] as const)('counts profiles and names services: %s', (encoding) => {
    const protobuf = encodeMessage(TYPE, REQUEST);
    const body = encoding === 'protobuf' ? protobuf : otlpJson(TYPE, protobuf);
    expect(lookOver(body, encoding)).toEqual({
      outcome: { acceptedCount: 4, rejectedCount: 0, message: '' },
      services: ['bot', 'plugin'],
    });
  });

  test('counts what protobufjs reads, in both encodings', () => {
    let profileCount = 0;
    for (let seed = 1; seed <= 300; seed++) {
      const body = encodeMessage(TYPE, randomRequest(new Random(seed), 'profiles'));
      const expected = countOf(decodeMessage(TYPE, body));
      const fromProtobuf = lookOver(body, 'protobuf');
      expect(fromProtobuf.outcome.acceptedCount, `seed ${seed}`).toBe(expected);
      const again = lookOver(otlpJson(TYPE, body), 'json');
      expect(again.outcome.acceptedCount, `seed ${seed}`).toBe(expected);
      expect(again.services, `seed ${seed}`).toEqual(fromProtobuf.services);
      profileCount += expected;
    }
    expect(profileCount).toBeGreaterThan(100);
  });

  test.each([
    ['no bytes', []],
    ['an unknown field', varintField(99, 1)],
    ['an empty envelope', field(1, [])],
    ['an unknown field of the dictionary', field(2, field(1000, 'text'))],
  ])('takes %s as an empty request', (_, bytes) => {
    expect(fromBytes(bytes).outcome).toEqual({ acceptedCount: 0, rejectedCount: 0, message: '' });
  });

  test.each<[string, number[], RegExp]>([
    ['a profile that runs past its scope', [0x0a, 4, 0x12, 2, 0x12, 9], /scope_profiles.profiles/],
    ['a cut field in a profile', field(1, field(2, field(2, [0x0a, 9]))), /profile\.field 1/],
    ['a dictionary that is a number', varintField(2, 1), /dictionary.*wire type 0/],
    ['a cut entry of a table', field(2, field(3, [0x08])), /dictionary entry/],
    ['a cut string of the dictionary', field(2, [...varint(5 * 8 + 2), 9]), /dictionary\.field 5/],
    ['groups nested too deep', field(2, field(3, nestedGroups())), /nests groups deeper/],
    ['resourceProfiles that is a number', varintField(1, 1), /resource_profiles.*wire type 0/],
  ])('refuses %s', (_, bytes, message) => {
    expectMalformed(() => fromBytes(bytes), message);
  });

  test.each<[string, unknown, RegExp]>([
    ['a list', [], /not a JSON object/],
    [
      'a profile that is a number',
      { resourceProfiles: [{ scopeProfiles: [{ profiles: [1] }] }] },
      /profiles\[0\]/,
    ],
    ['a dictionary that is a list', { dictionary: [] }, /dictionary/],
    ['resourceProfiles that is an object', { resourceProfiles: {} }, /resourceProfiles/],
  ])('refuses JSON that is %s', (_, value, message) => {
    expectMalformed(() => fromJson(value), message);
  });

  test('refuses JSON that ends too early', () => {
    const body = new TextEncoder().encode('{"resourceProfiles":[');
    expectMalformed(() => lookOver(body, 'json'), /ends too early/);
  });
});

function nestedGroups(): number[] {
  const open = varint(3 * 8 + 3);
  return Array.from({ length: LIMITS.valueDepthMax + 1 }, () => open).flat();
}

function expectMalformed(decode: () => unknown, message: RegExp): void {
  let thrown: unknown;
  try {
    decode();
  } catch (error) {
    thrown = error;
  }
  expect(isAppError(thrown, 'otlp.malformed'), String(thrown)).toBe(true);
  expect(String(thrown)).toMatch(/Cannot decode profiles: /);
  expect(String(thrown)).toMatch(message);
}

interface Counted {
  readonly resourceProfiles?: readonly {
    readonly scopeProfiles?: readonly { readonly profiles?: readonly unknown[] }[];
  }[];
}

function countOf(request: Counted): number {
  const scopes = (request.resourceProfiles ?? []).flatMap((group) => group.scopeProfiles ?? []);
  return scopes.reduce((sum, { profiles = [] }) => sum + profiles.length, 0);
}
