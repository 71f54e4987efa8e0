/** The mutation fuzz of the decoders, for its test and for scripts/fuzz-otlp.mjs. */
import assert from 'node:assert/strict';
import { isAppError } from '../../src/base/errors.ts';
import { ROW_SIGNALS } from '../../src/model/vocabulary.ts';
import { decodeInto } from './decode-into.ts';
import { mutate } from './mutate.ts';
import { encodeMessage, REQUEST_TYPES } from './otlp-schema.ts';
import { Random, randomRequest } from './random-request.ts';
import { otlpJson } from './wire.ts';

export interface FuzzResult {
  readonly acceptedCount: number;
  readonly refusedCount: number;
}

/** Mutated bodies per base request. */
const MUTANTS_PER_REQUEST = 50;

/**
 * Decodes `count` mutated bodies of all signals and encodings. Each must be accepted or refused as
 * otlp.malformed; a refused one leaves the columns as they were; and a good request still decodes after.
 */
export function fuzzDecoders(options: {
  readonly seed: number;
  readonly count: number;
}): FuzzResult {
  let acceptedCount = 0;
  let refusedCount = 0;
  for (let index = 0; acceptedCount + refusedCount < options.count; index++) {
    const seed = options.seed + index;
    const random = new Random(seed);
    const signal = ROW_SIGNALS[index % ROW_SIGNALS.length]!;
    const encoding = random.chance(0.5) ? 'protobuf' : 'json';
    const typeName = REQUEST_TYPES[signal];
    const protobuf = encodeMessage(typeName, randomRequest(random, signal));
    const body = encoding === 'protobuf' ? protobuf : otlpJson(typeName, protobuf);
    const decode = decodeInto(signal);
    const goodRows = decode(body, encoding).rows;
    for (let mutant = 0; mutant < MUTANTS_PER_REQUEST; mutant++) {
      try {
        const { outcome, rows } = decode(mutate(random, body), encoding);
        assert.equal(rows.length, outcome.acceptedCount, `seed ${seed}, mutant ${mutant}`);
        acceptedCount++;
      } catch (thrown) {
        if (!isAppError(thrown, 'otlp.malformed')) {
          throw new Error(`seed ${seed}, mutant ${mutant}, ${signal}, ${encoding}`, {
            cause: thrown,
          });
        }
        refusedCount++;
      }
    }
    assert.deepEqual(decode(body, encoding).rows, goodRows, `seed ${seed}: a mutant left a trace`);
  }
  return { acceptedCount, refusedCount };
}
