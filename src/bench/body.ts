/**
 * An encoded request whose ids, times and fresh texts stand at known places, and the pass that fills them in before
 * each send. So a body is encoded once and yet never sent twice: neither the cost of encoding nor a receiver's
 * de-duplication falsifies a measurement.
 */
import type { Encoding } from './bench.ts';
import { Random } from './random.ts';

/** What stands at a slot; `index` is a trace, a span, or nothing. */
export const SLOT = { traceId: 0, spanId: 1, time: 2, fresh: 3 } as const;

export interface Slots {
  readonly kinds: Uint8Array;
  /** Byte offsets in the body. */
  readonly places: Uint32Array;
  readonly indexes: Uint32Array;
  /** Times only: nanoseconds after the moment of sending. */
  readonly offsetsNs: Float64Array;
}

export interface EncodedBody {
  readonly bytes: Buffer;
  readonly slots: Slots;
  readonly itemCount: number;
  readonly traceCount: number;
  readonly spanCount: number;
}

/** Digits of a fresh text. */
export const FRESH_DIGITS = 16;
/** Decimal digits of nanoseconds since the epoch, from 2001 to 2286. */
export const TIME_DIGITS = 19;

const TWO_32 = 2 ** 32;
const NS_PER_SECOND = 1_000_000_000;
const HEX = Buffer.from('0123456789abcdef');
const ZERO = 48;

/** Writes new ids and times into bodies of one workload. */
export class Freshener {
  readonly #random: Random;
  readonly #nowUs: () => number;
  #lastNowUs = 0;
  #traceIds: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  #spanIds: Uint8Array<ArrayBuffer> = new Uint8Array(0);

  constructor(options: { readonly seed: number; readonly nowUs: () => number }) {
    this.#random = new Random(options.seed);
    this.#nowUs = options.nowUs;
  }

  /** About 20 µs for 512 spans as protobuf. */
  freshen(body: EncodedBody, encoding: Encoding): void {
    this.#traceIds = this.#randomBytes(this.#traceIds, 16 * body.traceCount);
    this.#spanIds = this.#randomBytes(this.#spanIds, 8 * body.spanCount);
    // Two sends in one microsecond must still differ: metrics have no ids.
    this.#lastNowUs = Math.max(this.#nowUs(), this.#lastNowUs + 1);
    if (encoding === 'protobuf') this.#fillBinary(body);
    else this.#fillText(body);
  }

  #fillBinary({ bytes, slots }: EncodedBody): void {
    const { kinds, places, indexes, offsetsNs } = slots;
    const now = BigInt(this.#lastNowUs) * 1000n;
    const nowHigh = Number(now >> 32n);
    const nowLow = Number(now & 0xffff_ffffn);
    for (let slot = 0; slot < kinds.length; slot++) {
      const at = places[slot]!;
      const index = indexes[slot]!;
      switch (kinds[slot]) {
        case SLOT.traceId:
          for (let byte = 0; byte < 16; byte++)
            bytes[at + byte] = this.#traceIds[16 * index + byte]!;
          break;
        case SLOT.spanId:
          for (let byte = 0; byte < 8; byte++) bytes[at + byte] = this.#spanIds[8 * index + byte]!;
          break;
        case SLOT.time: {
          const low = nowLow + offsetsNs[slot]!;
          const carry = Math.floor(low / TWO_32);
          writeUint32(bytes, { at, value: low - carry * TWO_32 });
          writeUint32(bytes, { at: at + 4, value: nowHigh + carry });
          break;
        }
        default:
          this.#writeFresh(bytes, { at, index });
      }
    }
  }

  #fillText({ bytes, slots }: EncodedBody): void {
    const { kinds, places, indexes, offsetsNs } = slots;
    const nowSeconds = Math.floor(this.#lastNowUs / 1_000_000);
    const nowNs = (this.#lastNowUs - nowSeconds * 1_000_000) * 1000;
    for (let slot = 0; slot < kinds.length; slot++) {
      const at = places[slot]!;
      const index = indexes[slot]!;
      switch (kinds[slot]) {
        case SLOT.traceId:
          writeHex(bytes, { at, ids: this.#traceIds, from: 16 * index, size: 16 });
          break;
        case SLOT.spanId:
          writeHex(bytes, { at, ids: this.#spanIds, from: 8 * index, size: 8 });
          break;
        case SLOT.time: {
          const ns = nowNs + offsetsNs[slot]!;
          const carry = Math.floor(ns / NS_PER_SECOND);
          writeDecimal(bytes, { at, value: nowSeconds + carry, digits: 10 });
          writeDecimal(bytes, { at: at + 10, value: ns - carry * NS_PER_SECOND, digits: 9 });
          break;
        }
        default:
          this.#writeFresh(bytes, { at, index });
      }
    }
  }

  #writeFresh(bytes: Buffer, { at, index }: { readonly at: number; readonly index: number }): void {
    const ids = this.#traceIds;
    for (let digit = 0; digit < FRESH_DIGITS; digit++) {
      bytes[at + digit] = ZERO + (ids[16 * index + digit]! % 10);
    }
  }

  #randomBytes(kept: Uint8Array<ArrayBuffer>, size: number): Uint8Array<ArrayBuffer> {
    const buffer = kept.length >= size ? kept.buffer : new ArrayBuffer(4 * Math.ceil(size / 4));
    const words = new Uint32Array(buffer);
    for (let word = 0; word < words.length; word++) words[word] = this.#random.uint32();
    return new Uint8Array(buffer);
  }
}

function writeUint32(
  bytes: Buffer,
  { at, value }: { readonly at: number; readonly value: number },
): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

function writeHex(
  bytes: Buffer,
  write: { readonly at: number; readonly ids: Uint8Array; from: number; size: number },
): void {
  const { at, ids, from, size } = write;
  for (let index = 0; index < size; index++) {
    const byte = ids[from + index]!;
    bytes[at + 2 * index] = HEX[byte >>> 4]!;
    bytes[at + 2 * index + 1] = HEX[byte & 15]!;
  }
}

function writeDecimal(
  bytes: Buffer,
  write: { readonly at: number; readonly value: number; readonly digits: number },
): void {
  let rest = write.value;
  for (let digit = write.digits - 1; digit >= 0; digit--) {
    const next = Math.floor(rest / 10);
    bytes[write.at + digit] = ZERO + (rest - 10 * next);
    rest = next;
  }
}
