/** The decoders against protobufjs and a slow oracle, and protobuf against JSON, on random requests. */
import { describe, expect, test } from 'vitest';
import { isAppError } from '../../src/base/errors.ts';
import { ROW_SIGNALS } from '../../src/model/vocabulary.ts';
import { type Decoded, decodeInto } from './decode-into.ts';
import { expectedRows } from './expected-rows.ts';
import { decodeMessage, encodeMessage, messageType, REQUEST_TYPES } from './otlp-schema.ts';
import { Random, randomRequest } from './random-request.ts';
import { otlpJson, scramble } from './wire.ts';

const REQUEST_COUNT = 400;

function tryDecode(decode: () => Decoded): Decoded | undefined {
  try {
    return decode();
  } catch (thrown) {
    if (isAppError(thrown, 'otlp.malformed')) return undefined;
    throw thrown;
  }
}

describe.each(ROW_SIGNALS)('decoding %s', (signal) => {
  const typeName = REQUEST_TYPES[signal];

  test('gives what protobufjs reads, in any field order and with unknown fields', () => {
    const decode = decodeInto(signal);
    for (let seed = 1; seed <= REQUEST_COUNT; seed++) {
      const random = new Random(seed);
      const plain = encodeMessage(typeName, randomRequest(random, signal));
      const body = random.chance(0.5) ? scramble(random, messageType(typeName), plain) : plain;
      const expected = expectedRows(signal, decodeMessage(typeName, body));
      const { outcome, rows } = decode(body, 'protobuf');
      expect(rows, `seed ${seed}`).toEqual(expected.rows);
      expect(outcome.acceptedCount, `seed ${seed}`).toBe(expected.rows.length);
      expect(outcome.rejectedCount, `seed ${seed}`).toBe(expected.rejectedCount);
      if (outcome.rejectedCount > 0) expect(outcome.message).toMatch(/^Rejected /);
    }
  });

  test('reads requests of many kilobytes, whose texts repeat, the same way', () => {
    for (let seed = 1; seed <= 10; seed++) {
      const random = new Random(seed);
      // Requests one behind the other are one request.
      const parts = Array.from({ length: 30 }, () =>
        encodeMessage(typeName, randomRequest(random, signal)),
      );
      const body = new Uint8Array(Buffer.concat(parts));
      expect(body.length).toBeGreaterThan(8 * 1024);
      const expected = expectedRows(signal, decodeMessage(typeName, body));
      expect(decodeInto(signal)(body, 'protobuf').rows, `seed ${seed}`).toEqual(expected.rows);
    }
  });

  test('gives the same columns and the same sentence for JSON', () => {
    const decodeProtobuf = decodeInto(signal);
    const decodeJson = decodeInto(signal);
    for (let seed = 1; seed <= REQUEST_COUNT; seed++) {
      const body = encodeMessage(typeName, randomRequest(new Random(seed), signal));
      const fromProtobuf = decodeProtobuf(body, 'protobuf');
      const fromJson = decodeJson(otlpJson(typeName, body), 'json');
      expect(fromJson, `seed ${seed}`).toEqual(fromProtobuf);
    }
  });

  test('accepts and refuses cut-off requests as protobufjs does', () => {
    let acceptedCount = 0;
    let refusedCount = 0;
    for (let seed = 1; seed <= REQUEST_COUNT; seed++) {
      const random = new Random(seed);
      const whole = encodeMessage(typeName, randomRequest(random, signal));
      const body = whole.subarray(0, random.below(whole.length + 1));
      let expected: object[] | undefined;
      try {
        expected = expectedRows(signal, decodeMessage(typeName, body)).rows;
      } catch {
        expected = undefined; // protobufjs refuses it.
      }
      const decode = decodeInto(signal);
      expect(tryDecode(() => decode(body, 'protobuf'))?.rows, `seed ${seed}`).toEqual(expected);
      if (expected) acceptedCount++;
      else refusedCount++;
    }
    expect(acceptedCount).toBeGreaterThan(10);
    expect(refusedCount).toBeGreaterThan(100);
  });
});
