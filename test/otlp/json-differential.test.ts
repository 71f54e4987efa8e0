/** The JSON reader against JSON.parse and the schema: on strange documents, and on broken ones. */
import { describe, expect, test } from 'vitest';
import { isAppError } from '../../src/base/errors.ts';
import { ROW_SIGNALS, type RowSignal } from '../../src/model/vocabulary.ts';
import { type Decoded, decodeInto } from './decode-into.ts';
import { requestOfJson } from './json-oracle.ts';
import { scrambleJson } from './json-scramble.ts';
import { mutate } from './mutate.ts';
import { encodeMessage, REQUEST_TYPES } from './otlp-schema.ts';
import { Random, randomRequest } from './random-request.ts';
import { otlpJson } from './wire.ts';

/** What the oracle makes of a body; undefined when it refuses. */
function expectedOf(signal: RowSignal, body: Uint8Array): Decoded | undefined {
  const typeName = REQUEST_TYPES[signal];
  try {
    const request = requestOfJson(typeName, body);
    return decodeInto(signal)(encodeMessage(typeName, request), 'protobuf');
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
}

function foundOf(signal: RowSignal, body: Uint8Array): Decoded | undefined {
  try {
    return decodeInto(signal)(body, 'json');
  } catch (thrown) {
    if (isAppError(thrown, 'otlp.malformed')) return undefined;
    throw thrown;
  }
}

/** JSON.parse rounds such integers, the reader does not. */
const WIDE_NUMBER = /[:,[\s]-?\d{16,20}[\s,\]}]/;

function expectSame(signal: RowSignal, body: Uint8Array, where: string): boolean {
  const expected = expectedOf(signal, body);
  const found = foundOf(signal, body);
  const shown = `${where}: ${new TextDecoder().decode(body)}`;
  expect(found?.rows, shown).toEqual(expected?.rows);
  expect(found?.outcome.acceptedCount, shown).toBe(expected?.outcome.acceptedCount);
  expect(found?.outcome.rejectedCount, shown).toBe(expected?.outcome.rejectedCount);
  return found !== undefined;
}

function randomJson(random: Random, signal: RowSignal): Uint8Array {
  const typeName = REQUEST_TYPES[signal];
  return otlpJson(typeName, encodeMessage(typeName, randomRequest(random, signal)));
}

describe.each(ROW_SIGNALS)('OTLP/JSON %s', (signal) => {
  const DOCUMENT_COUNT = 200;
  const BROKEN_COUNT = 60;
  const MUTANTS_EACH = 25;

  test.each([
    ['written in any way', { junk: 0 }],
    ['with values of other types', { junk: 0.01 }],
  ])(
    'is read as JSON.parse and the schema say: %s',
    (_, chances) => {
      let acceptedCount = 0;
      for (let seed = 1; seed <= DOCUMENT_COUNT; seed++) {
        const random = new Random(seed);
        const document: unknown = JSON.parse(Buffer.from(randomJson(random, signal)).toString());
        const body = new TextEncoder().encode(scrambleJson(random, document, chances));
        if (expectSame(signal, body, `seed ${seed}`)) acceptedCount++;
      }
      if (chances.junk === 0) expect(acceptedCount).toBe(DOCUMENT_COUNT);
      expect(acceptedCount).toBeGreaterThan(DOCUMENT_COUNT / 10);
    },
    60_000,
  );

  test('is accepted and refused as JSON.parse and the schema say when bytes are broken', () => {
    let acceptedCount = 0;
    let refusedCount = 0;
    for (let seed = 1; seed <= BROKEN_COUNT; seed++) {
      const random = new Random(seed);
      const whole = randomJson(random, signal);
      for (let mutant = 0; mutant < MUTANTS_EACH; mutant++) {
        const body = mutate(random, whole);
        if (body.length === 0 || WIDE_NUMBER.test(Buffer.from(body).toString('latin1'))) continue;
        if (expectSame(signal, body, `seed ${seed}, mutant ${mutant}`)) acceptedCount++;
        else refusedCount++;
      }
    }
    expect(acceptedCount).toBeGreaterThan(BROKEN_COUNT);
    expect(refusedCount).toBeGreaterThan(BROKEN_COUNT * 5);
  }, 60_000);
});
