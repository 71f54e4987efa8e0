/** readProfiles(): the same from every encoding and layout, and what is left open. */
import { describe, expect, it } from 'vitest';
import { isAppError } from '../../src/base/errors.ts';
import type { RawProfiles } from '../../src/model/profiles.ts';
import { readProfiles } from '../../src/otlp/otlp.ts';
import { profileOf, profilesRequest } from '../build/profiles.ts';
import { encodeMessage } from './otlp-schema.ts';
import { Random, randomRequest } from './random-request.ts';
import { field, fixed64Field, otlpJson, varint, varintField } from './wire.ts';

const TYPE = 'ExportProfilesServiceRequest';
const FROM_US = 1_700_000_000_000_000;
const LITERALS = [
  { service: 'bot', fromUs: FROM_US, self: { parse: 30, send: 5 } },
  { service: 'plugin', type: 'inuse_space', unit: 'bytes', fromUs: FROM_US, self: { load: 4096 } },
];

function raw(body: Uint8Array, encoding: RawProfiles['encoding']): RawProfiles {
  return { receivedUs: FROM_US + 9, count: 1, services: [], encoding, body };
}
const fromBytes = (bytes: readonly number[]) =>
  readProfiles(raw(Uint8Array.from(bytes), 'protobuf'));

/** A request with one profile: its samples, and a dictionary of two functions. */
function requestOf(samples: readonly number[][], rest: readonly number[] = []): number[] {
  const profile = [
    ...field(1, [...varintField(1, 3), ...varintField(2, 4)]),
    ...samples.flatMap((sample) => field(2, sample)),
    ...rest,
  ];
  const line = (place: number) => field(3, [...varintField(1, place), ...varintField(2, 7)]);
  const dictionary = [
    ...['', 'outer', 'inlined', 'samples', 'count'].flatMap((text) => field(5, text)),
    ...[0, 1, 2].flatMap((name) => field(3, varintField(1, name))),
    ...field(2, []),
    ...field(2, [...line(2), ...line(1)]),
    ...field(2, varintField(2, 4711)),
    ...field(7, []),
    ...field(7, field(1, [1, 2])),
    ...field(7, field(1, [2])),
  ];
  return [...field(1, field(2, field(2, profile))), ...field(2, dictionary)];
}

describe('readProfiles()', () => {
  it('reads the same from JSON and from protobuf with the values in field 2', () => {
    const request = profilesRequest(LITERALS);
    const protobuf = encodeMessage(TYPE, request);
    const [cpu, heap] = readProfiles(raw(protobuf, 'protobuf'));
    expect(cpu).toEqual(profileOf(LITERALS[0]!));
    // Nobody says how the sizes were sampled: one stack, seen once.
    expect(heap?.functions).toEqual([
      { name: 'load', file: 'load.ts', line: 13, count: 1, value: 4096 },
    ]);
    expect(readProfiles(raw(otlpJson(TYPE, protobuf), 'json'))).toEqual([cpu, heap]);
  });

  it('reads values of field 4, beside attributes in field 2 and a link in field 3', () => {
    const sample = [...varintField(1, 1), ...field(2, [1, 2]), ...varintField(3, 9)];
    const [profile] = fromBytes(requestOf([[...sample, ...field(4, [...varint(300), 5])]]));
    expect(profile).toMatchObject({ type: 'samples', unit: 'count', fromUs: FROM_US + 9 });
    expect(profile?.functions).toEqual([
      { name: 'inlined', file: '', line: 7, count: 305, value: 305 },
    ]);
  });

  it('reads values of field 2 beside a link in field 4', () => {
    const sample = [...varintField(1, 1), ...field(2, [6]), ...varintField(4, 9)];
    const [profile] = fromBytes(requestOf([sample]));
    expect(profile?.functions[0]).toMatchObject({ name: 'inlined', count: 6 });
  });

  it('counts the moments of a sample without values', () => {
    const times = [...Array(16)].map(() => 0);
    const [profile] = fromBytes(requestOf([[...varintField(1, 1), ...field(5, times)]]));
    expect(profile?.functions[0]).toMatchObject({ name: 'inlined', count: 2, value: 2 });
  });

  it('keeps stacks whose function is not known in the total, without a name', () => {
    const known = [...varintField(1, 1), ...field(4, [3])];
    const unknown = [...varintField(1, 2), ...field(4, [4])];
    const outside = [...varintField(1, 99), ...field(4, [5])];
    const [profile] = fromBytes(requestOf([known, unknown, outside]));
    expect(profile?.functions.map(({ name, count }) => [name, count])).toEqual([
      ['inlined', 3],
      ['', 9],
    ]);
  });

  it('takes the time of the profile and its length', () => {
    const rest = [...fixed64Field(3, BigInt(FROM_US) * 1000n), ...varintField(4, 5_000_000_000)];
    expect(fromBytes(requestOf([], rest))[0]).toMatchObject({
      fromUs: FROM_US,
      durationUs: 5_000_000,
      functions: [],
    });
  });

  it('counts nothing for a negative value', () => {
    const sample = [...varintField(1, 1), ...field(4, varint(-5n))];
    expect(fromBytes(requestOf([sample]))[0]?.functions[0]).toMatchObject({ count: 0, value: 0 });
  });

  it('reads every random request alike in both encodings', () => {
    for (let seed = 1; seed <= 100; seed++) {
      const body = encodeMessage(TYPE, randomRequest(new Random(seed), 'profiles'));
      const profiles = readProfiles(raw(body, 'protobuf'));
      const again = readProfiles(raw(otlpJson(TYPE, body), 'json'));
      expect(again.length, `seed ${seed}`).toBe(profiles.length);
      for (const [index, { functions }] of profiles.entries()) {
        const sum = (list: typeof functions) => list.reduce((total, { value }) => total + value, 0);
        expect(sum(again[index]!.functions), `seed ${seed}`).toBe(sum(functions));
      }
    }
  });

  it.each([
    ['protobuf that is cut', [0x0a, 9], 'protobuf'],
    ['JSON that is none', [0x7b], 'json'],
  ] as const)('refuses %s', (_, bytes, encoding) => {
    let thrown: unknown;
    try {
      readProfiles(raw(Uint8Array.from(bytes), encoding));
    } catch (error) {
      thrown = error;
    }
    expect(isAppError(thrown, 'otlp.malformed'), String(thrown)).toBe(true);
  });
});
