/**
 * Which requests are stored already, by their hash, and what their sender was told: senders re-send what they
 * got no reply to. Kept in memory for the retry horizon, in two generations so that forgetting costs nothing;
 * the files hold them across restarts.
 */
import { LIMITS } from '../../base/limits.ts';
import { US_PER_MINUTE } from '../../base/time.ts';
import type { RequestAnswer } from '../api/telemetry.ts';
import { ByteReader, ByteWriter } from './byte-stream.ts';

/** OTLP exporters give up after five minutes; collectors keep batches in their queue a little longer. */
export const RETRY_HORIZON_US = 10 * US_PER_MINUTE;

export interface StoredRequest {
  readonly hash: Uint8Array;
  /** Absent: all was accepted and there was nothing to say. */
  readonly answer?: RequestAnswer;
}

/** Shared by nearly all requests. */
const PLAIN_ANSWER: RequestAnswer = { rejectedCount: 0, message: '' };
const FORGOTTEN_MESSAGE = 'Sent before; what the first reply said is no longer known';

class Generation {
  readonly startUs: number;
  readonly answers = new Map<string, RequestAnswer>();
  /** Equal answers are one object: faulty senders repeat their faults. */
  readonly #shared = new Map<string, RequestAnswer>();
  #messageChars = 0;

  constructor(startUs: number) {
    this.startUs = startUs;
  }

  add(key: string, answer: RequestAnswer | undefined): void {
    this.answers.set(key, this.#sharedAnswer(answer));
  }

  #sharedAnswer(answer: RequestAnswer | undefined): RequestAnswer {
    if (!answer || (answer.rejectedCount === 0 && answer.message === '')) return PLAIN_ANSWER;
    const name = `${answer.rejectedCount} ${answer.message}`;
    const known = this.#shared.get(name);
    if (known) return known;
    if (this.#messageChars + name.length > LIMITS.resentMessageCharsMax) {
      return { rejectedCount: answer.rejectedCount, message: FORGOTTEN_MESSAGE };
    }
    this.#messageChars += name.length;
    this.#shared.set(name, answer);
    return answer;
  }
}

export class RequestLog {
  #current: Generation;
  #previous: Generation;

  constructor(nowUs: number) {
    this.#current = new Generation(nowUs);
    this.#previous = this.#current;
  }

  /** What the request was answered when it was stored. */
  find(hash: Uint8Array): RequestAnswer | undefined {
    const key = keyOf(hash);
    return this.#current.answers.get(key) ?? this.#previous.answers.get(key);
  }

  remember({ hash, answer }: StoredRequest, nowUs: number): void {
    const { startUs, answers } = this.#current;
    if (nowUs - startUs > RETRY_HORIZON_US || answers.size >= LIMITS.resentRequestsMax) {
      this.#previous = this.#current;
      this.#current = new Generation(nowUs);
    }
    this.#current.add(keyOf(hash), answer);
  }
}

/** A character a byte: half the size of hex, in one piece. */
function keyOf(hash: Uint8Array): string {
  return Buffer.from(hash.buffer, hash.byteOffset, hash.byteLength).toString('latin1');
}

export function encodeRequests(requests: readonly StoredRequest[]): Uint8Array {
  const writer = new ByteWriter(24 * requests.length + 16);
  writer.varint(requests.length);
  for (const { hash, answer = PLAIN_ANSWER } of requests) {
    const message = Buffer.from(answer.message, 'utf8');
    writer.varint(hash.length);
    writer.raw(hash);
    writer.varint(answer.rejectedCount);
    writer.varint(message.length);
    writer.raw(message);
  }
  return writer.bytes();
}

/** Half a million are read at a start after ten minutes under load: with remember() 1.1 µs each, plainly 2.0. */
export function decodeRequests(bytes: Uint8Array): readonly StoredRequest[] {
  const reader = new ByteReader(bytes);
  const requests: StoredRequest[] = [];
  for (let left = reader.count(); left > 0; left--) {
    const hash = reader.raw(reader.count());
    const rejectedCount = reader.varint();
    const messageBytes = reader.count();
    const isPlain = rejectedCount === 0 && messageBytes === 0;
    const answer = isPlain
      ? PLAIN_ANSWER
      : { rejectedCount, message: Buffer.from(reader.raw(messageBytes)).toString('utf8') };
    requests.push({ hash, answer });
  }
  return requests;
}

/** From format version 1, where a request had its days in the place of its answer, to version 2. */
export function forgetDaysOfRequests(bytes: Uint8Array): Uint8Array {
  const reader = new ByteReader(bytes);
  const requests = Array.from({ length: reader.count() }, () => {
    const hash = reader.raw(reader.count());
    for (let left = reader.count(); left > 0; left--) reader.varint();
    return { hash };
  });
  return encodeRequests(requests);
}
