/**
 * The mutation fuzz of what turns bytes into rows: inflating and decoding, of all signals, encodings and
 * compressions; for its test and for scripts/fuzz-otlp.mjs. Protobuf is compared with protobufjs.
 */
import assert from 'node:assert/strict';
import { isAppError } from '../../src/base/errors.ts';
import { ROW_SIGNALS, type RowSignal, SIGNALS, type Signal } from '../../src/model/vocabulary.ts';
import { decodeProfiles, type Encoding, inflateBody } from '../../src/otlp/otlp.ts';
import { type CompressedBody, compressAtRandom, FUZZ_BODY_BYTES_MAX } from './compress.ts';
import { decodeInto } from './decode-into.ts';
import { expectedRows } from './expected-rows.ts';
import { mutate } from './mutate.ts';
import { decodeMessage, encodeMessage, messageType, REQUEST_TYPES } from './otlp-schema.ts';
import { NOW_US, Random, randomRequest } from './random-request.ts';
import { judgeMessage } from './strict-wire.ts';
import { otlpJson } from './wire.ts';

export interface FuzzResult {
  acceptedCount: number;
  refusedCount: number;
  /** Of both, those that protobufjs was asked about. */
  comparedCount: number;
  slowestMs: number;
}

export interface Verdict {
  readonly acceptedCount: number;
  readonly rejectedCount: number;
}
type Decode = (body: Uint8Array) => Verdict;

/** Mutated bodies per base request. */
const MUTANTS_PER_REQUEST = 50;
/** Of these only the compression is bent. */
const WHOLE_SHARE = 0.2;
/** A body of a few kilobytes takes less than one; a collection of garbage may fall into it. */
const INPUT_MS_MAX = 2000;

/**
 * Inflates and decodes `count` mutated bodies. Each must be accepted or refused as otlp.malformed (a bomb as
 * otlp.too_large), soon; a refused one leaves the columns as they were; and a good request still decodes after.
 */
export function fuzzDecoders(options: {
  readonly seed: number;
  readonly count: number;
}): FuzzResult {
  const result = { acceptedCount: 0, refusedCount: 0, comparedCount: 0, slowestMs: 0 };
  for (let index = 0; result.acceptedCount + result.refusedCount < options.count; index++) {
    const seed = options.seed + index;
    const random = new Random(seed);
    const signal = SIGNALS[index % SIGNALS.length]!;
    const { encoding, body } = randomBody(random, signal);
    const decode = decoderOf(signal, encoding);
    const good = decode(body);
    for (let mutant = 0; mutant < MUTANTS_PER_REQUEST; mutant++) {
      try {
        const bent = random.chance(WHOLE_SHARE) ? body : mutate(random, body);
        fuzzOne(compressAtRandom(random, bent), {
          decode,
          comparedAs: encoding === 'protobuf' && isRowSignal(signal) ? signal : undefined,
          result,
        });
      } catch (cause) {
        throw new Error(`seed ${seed}, mutant ${mutant}, ${signal}, ${encoding}`, { cause });
      }
    }
    assert.deepEqual(decode(body), good, `seed ${seed}: a mutant left a trace`);
  }
  return result;
}

/** A request that was not bent. */
export function randomBody(
  random: Random,
  signal: Signal,
): { readonly encoding: Encoding; readonly body: Uint8Array } {
  const typeName = REQUEST_TYPES[signal];
  const protobuf = encodeMessage(typeName, randomRequest(random, signal));
  return random.chance(0.5)
    ? { encoding: 'protobuf', body: protobuf }
    : { encoding: 'json', body: otlpJson(typeName, protobuf) };
}

function fuzzOne(
  sent: CompressedBody,
  run: {
    readonly decode: Decode;
    readonly comparedAs: RowSignal | undefined;
    readonly result: FuzzResult;
  },
): void {
  const { decode, comparedAs, result } = run;
  const startMs = performance.now();
  const plain = tryRun(() =>
    inflateBody(sent.body, { compression: sent.compression, limitBytes: FUZZ_BODY_BYTES_MAX }),
  );
  if (sent.plain) assert.ok(plain && Buffer.compare(plain, sent.plain) === 0, 'inflated otherwise');
  const verdict = plain && tryRun(() => decode(plain));
  const tookMs = performance.now() - startMs;
  result.slowestMs = Math.max(result.slowestMs, tookMs);
  assert.ok(tookMs < INPUT_MS_MAX, `took ${tookMs} ms`);
  if (verdict) result.acceptedCount++;
  else result.refusedCount++;
  if (plain && comparedAs) {
    result.comparedCount++;
    compare(plain, comparedAs, verdict);
  }
}

/** What a receiver has to make of a body, on columns of its own; undefined: refuse it. */
export function verdictOf(sent: {
  readonly signal: Signal;
  readonly encoding: Encoding;
  readonly compression: string;
  readonly body: Uint8Array;
}): Verdict | undefined {
  const { signal, encoding, compression } = sent;
  return tryRun(() => {
    const plain = inflateBody(sent.body, { compression, limitBytes: FUZZ_BODY_BYTES_MAX });
    return decoderOf(signal, encoding)(plain);
  });
}

/** The decoders and protobufjs take the same requests and count the same items in them. */
function compare(plain: Uint8Array, signal: RowSignal, verdict: Verdict | undefined): void {
  const type = messageType(REQUEST_TYPES[signal]);
  const { isStrict, hasReplaced } = judgeMessage(type, plain);
  assert.equal(verdict !== undefined, isStrict, 'accepted otherwise than the wire format says');
  if (!verdict || hasReplaced) return;
  const message = readByProtobufjs(signal, plain);
  if (!message) return;
  const expected = expectedRows(signal, message);
  const { acceptedCount, rejectedCount } = verdict;
  const counts = { acceptedCount: expected.rows.length, rejectedCount: expected.rejectedCount };
  assert.deepEqual({ acceptedCount, rejectedCount }, counts);
}

/**
 * Undefined where protobufjs (7.6) reads past the end of a strict request: it takes a bool or a uint32 whose varint
 * has six to nine bytes for one of ten.
 */
function readByProtobufjs(signal: RowSignal, plain: Uint8Array) {
  try {
    return decodeMessage(REQUEST_TYPES[signal], plain);
  } catch (thrown) {
    if (thrown instanceof RangeError) return undefined;
    throw thrown;
  }
}

function decoderOf(signal: Signal, encoding: Encoding): Decode {
  if (!isRowSignal(signal)) {
    return (body) => decodeProfiles(body, { encoding, nowUs: NOW_US }).outcome;
  }
  const decode = decodeInto(signal);
  return (body) => {
    const { outcome, rows } = decode(body, encoding);
    assert.equal(rows.length, outcome.acceptedCount, 'rows are not as many as are told');
    return outcome;
  };
}

/** Undefined when it is refused as bad data. */
function tryRun<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (thrown) {
    if (isAppError(thrown, 'otlp.malformed') || isAppError(thrown, 'otlp.too_large')) {
      return undefined;
    }
    throw thrown;
  }
}

function isRowSignal(signal: Signal): signal is RowSignal {
  return (ROW_SIGNALS as readonly Signal[]).includes(signal); // a wider list, to be asked about all
}
