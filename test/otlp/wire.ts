/** Test tools on the wire format: raw fields, shuffled and unknown fields, JSON of the same content. */
import type protobuf from 'protobufjs';
import { messageType } from './otlp-schema.ts';
import type { Random } from './random-request.ts';

export function varint(value: number | bigint): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  while (rest >= 128n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return bytes;
}

/** A length-delimited field. */
export function field(number: number, content: Iterable<number> | string): number[] {
  const bytes = typeof content === 'string' ? [...Buffer.from(content)] : [...content];
  return [...varint(number * 8 + 2), ...varint(bytes.length), ...bytes];
}

export function varintField(number: number, value: number | bigint): number[] {
  return [...varint(number * 8), ...varint(value)];
}

export function fixed64Field(number: number, value: bigint): number[] {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return [...varint(number * 8 + 1), ...bytes];
}

/**
 * The same message with fields in random order and unknown fields between them, at every level. Fields of
 * one number keep their order: it is the order of the list.
 */
export function scramble(random: Random, type: protobuf.Type, bytes: Uint8Array): Uint8Array {
  const queues = new Map<number, number[][]>();
  for (const { number, wireType, raw, content } of splitFields(bytes)) {
    const inner = type.fieldsById[number]?.resolve().resolvedType;
    const isMessage =
      wireType === 2 && inner !== undefined && inner !== null && 'fieldsById' in inner;
    const queue = queues.get(number) ?? [];
    queue.push(isMessage ? field(number, scramble(random, inner, content)) : [...raw]);
    queues.set(number, queue);
  }
  const out: number[] = [];
  while (queues.size > 0) {
    if (random.chance(0.15)) out.push(...unknownField(random));
    const number = random.pick([...queues.keys()]);
    const queue = queues.get(number)!;
    out.push(...queue.shift()!);
    if (queue.length === 0) queues.delete(number);
  }
  return Uint8Array.from(out);
}

function unknownField(random: Random): number[] {
  const number = 900 + random.below(3);
  const nested = [...varint(950 * 8 + 3), ...varintField(951, 7), ...varint(950 * 8 + 4)];
  return random.pick([
    varintField(number, -1n),
    field(number, 'whatever'),
    fixed64Field(number, 5n),
    [...varint(number * 8 + 5), 1, 2, 3, 4],
    [...varint(number * 8 + 3), ...field(901, 'x'), ...nested, ...varint(number * 8 + 4)],
  ]);
}

interface RawField {
  readonly number: number;
  readonly wireType: number;
  readonly raw: Uint8Array;
  readonly content: Uint8Array;
}

function* splitFields(bytes: Uint8Array): Generator<RawField> {
  let at = 0;
  const readVarint = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++]!;
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const start = at;
    const tag = readVarint();
    const wireType = tag % 8;
    let contentStart = at;
    if (wireType === 0) readVarint();
    else if (wireType === 1) at += 8;
    else if (wireType === 5) at += 4;
    else {
      const size = readVarint();
      contentStart = at;
      at += size;
    }
    const raw = bytes.subarray(start, at);
    yield { number: Math.floor(tag / 8), wireType, raw, content: bytes.subarray(contentStart, at) };
  }
}

/** OTLP/JSON of a message: hex ids, base64 bytes, 64-bit numbers as strings, NaN and infinities as strings. */
export function otlpJson(name: string, bytes: Uint8Array): Uint8Array {
  const type = messageType(name);
  return new TextEncoder().encode(jsonOf(type.toObject(type.decode(bytes), { longs: String }), ''));
}

function jsonOf(value: unknown, key: string): string {
  if (value instanceof Uint8Array) {
    const isId = key === 'traceId' || key === 'spanId' || key === 'parentSpanId';
    const buffer = Buffer.from(value);
    return JSON.stringify(isId ? buffer.toString('hex').toUpperCase() : buffer.toString('base64'));
  }
  if (Array.isArray(value)) return `[${value.map((item) => jsonOf(item, key)).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value).map(([k, v]) => `${JSON.stringify(k)}:${jsonOf(v, k)}`);
    return `{${fields.join(',')}}`;
  }
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) return `"${value}"`;
    return Object.is(value, -0) ? '-0' : String(value);
  }
  return JSON.stringify(value);
}
