/**
 * The slow, obvious reader of OTLP/JSON: JSON.parse, then the schema decides field by field what is taken. Gives
 * a request that protobufjs can encode, so that the columns of both encodings can be compared.
 */
import type protobuf from 'protobufjs';
import { messageType } from './otlp-schema.ts';

const ID_FIELDS: readonly string[] = ['traceId', 'spanId', 'parentSpanId'];
const ENUM_FIELDS: readonly string[] = ['kind', 'code', 'severityNumber', 'aggregationTemporality'];
const RANGES: Readonly<Record<string, readonly [min: bigint, max: bigint]>> = {
  uint32: [0n, 2n ** 32n - 1n],
  fixed32: [0n, 2n ** 32n - 1n],
  sint32: [-(2n ** 31n), 2n ** 31n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
  fixed64: [0n, 2n ** 64n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  sfixed64: [-(2n ** 63n), 2n ** 63n - 1n],
};
/** Neither unset nor of a right size, as an id that is not hex. */
const NO_ID = Uint8Array.of(1, 2, 3);

/** The request in a body; throws a SyntaxError when it is none. */
export function requestOfJson(typeName: string, body: Uint8Array): object {
  const parsed: unknown = JSON.parse(new TextDecoder().decode(body));
  return messageOf(messageType(typeName), parsed);
}

function messageOf(type: protobuf.Type, value: unknown): Record<string, unknown> {
  expectThat(isObject(value), type.name);
  const message: Record<string, unknown> = {};
  for (const field of type.fieldsArray) {
    const inner = Object.hasOwn(value, field.name) ? value[field.name] : null;
    if (inner === null) continue;
    if (field.repeated) {
      expectThat(Array.isArray(inner), field.name);
      message[field.name] = inner.map((item) => fieldValueOf(field, item));
    } else {
      message[field.name] = fieldValueOf(field, inner);
    }
  }
  // An exemplar's integer counts before its double; any other message has one value.
  if (type.name === 'Exemplar' && message['asInt'] !== undefined) delete message['asDouble'];
  for (const group of type.oneofsArray.filter(({ oneof }) => oneof.length > 1)) {
    expectThat(group.oneof.filter((name) => message[name] !== undefined).length <= 1, group.name);
  }
  return message;
}

function fieldValueOf(field: protobuf.Field, value: unknown): unknown {
  const { resolvedType } = field.resolve();
  if (resolvedType !== null && 'fieldsById' in resolvedType) return messageOf(resolvedType, value);
  if (ENUM_FIELDS.includes(field.name)) {
    expectThat(typeof value === 'number' && Number.isInteger(value), field.name);
    // Anything that OTLP does not define is as good as 300.
    return value < 0 || value > 300 ? 300 : value;
  }
  switch (field.type) {
    case 'string':
      return textOf(value);
    case 'bool':
      expectThat(typeof value === 'boolean', field.name);
      return value;
    case 'bytes':
      return ID_FIELDS.includes(field.name) ? idOf(textOf(value)) : bytesOf(textOf(value));
    case 'double':
      return doubleOf(value);
    default:
      return integerOf(value, RANGES[field.type]!);
  }
}

function textOf(value: unknown): string {
  expectThat(typeof value === 'string', 'text');
  return Buffer.from(value).toString(); // Lone surrogates become U+FFFD.
}

function idOf(text: string): Uint8Array {
  return /^([0-9a-f]{2})*$/i.test(text) ? new Uint8Array(Buffer.from(text, 'hex')) : NO_ID;
}

function bytesOf(text: string): Uint8Array {
  const digits = text.replace(/={1,2}$/, '');
  expectThat(/^[\w+/-]*$/.test(digits) && digits.length % 4 !== 1, 'base64');
  return new Uint8Array(Buffer.from(digits, 'base64'));
}

function doubleOf(value: unknown): number {
  if (typeof value === 'number') return value;
  expectThat(
    typeof value === 'string' &&
      /^(NaN|-?Infinity|-?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?)$/.test(value),
    'double',
  );
  return Number(value);
}

function integerOf(value: unknown, [min, max]: readonly [bigint, bigint]): string {
  const isInteger =
    typeof value === 'number'
      ? Number.isInteger(value)
      : typeof value === 'string' && /^-?\d{1,20}$/.test(value);
  expectThat(isInteger, 'integer');
  const integer = BigInt(value as number | string); // The line above proved it.
  expectThat(integer >= min && integer <= max, 'range');
  return String(integer);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function expectThat(claim: boolean, what: string): asserts claim {
  if (!claim) throw new SyntaxError(what);
}
