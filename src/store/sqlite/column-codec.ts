/**
 * Columns of numbers ↔ bytes. Each column begins with a mode byte; the number of rows is known to the
 * reader. Byte planes put equal bytes side by side, which is what the compressor behind them wants.
 */
import { AppError } from '../../base/errors.ts';
import type { ByteReader, ByteWriter } from './byte-stream.ts';

/** Modes of a column; docs/storage.md describes each. Append only. */
const UINT_MODE = { constant: 0, u8: 1, u16: 2, u32: 3, ascending: 4 } as const;
const NUMBER_MODE = { constant: 0, integers: 1, deltas: 2, doubles: 3 } as const;

/** Zigzag doubles the value, so this keeps a varint within 2^53. */
const INTEGER_MAX = 2 ** 51;

/** Integers in [0, 2^32). */
export function writeUints(writer: ByteWriter, values: Uint32Array): void {
  const count = values.length;
  if (count === 0) return;
  const first = values[0]!;
  let max = first;
  let isConstant = true;
  let isAscending = true;
  for (let index = 1; index < count; index++) {
    const value = values[index]!;
    if (value !== first) isConstant = false;
    if (value < values[index - 1]!) isAscending = false;
    if (value > max) max = value;
  }
  if (isConstant) {
    writer.u8(UINT_MODE.constant);
    writer.varint(first);
  } else if (isAscending) {
    writer.u8(UINT_MODE.ascending);
    writer.varint(first);
    for (let index = 1; index < count; index++) writer.varint(values[index]! - values[index - 1]!);
  } else {
    const planes = max < 0x100 ? 1 : max < 0x1_0000 ? 2 : 4;
    writer.u8(planes === 1 ? UINT_MODE.u8 : planes === 2 ? UINT_MODE.u16 : UINT_MODE.u32);
    for (let plane = 0; plane < planes; plane++) {
      const bytes = writer.take(count);
      const shift = 8 * plane;
      for (let index = 0; index < count; index++) bytes[index] = values[index]! >>> shift;
    }
  }
}

export function readUints(reader: ByteReader, count: number): Uint32Array {
  const values = new Uint32Array(count);
  if (count === 0) return values;
  const mode = reader.u8();
  switch (mode) {
    case UINT_MODE.constant:
      return values.fill(reader.varint());
    case UINT_MODE.ascending: {
      let value = 0;
      for (let index = 0; index < count; index++) {
        value += reader.varint();
        values[index] = value;
      }
      return values;
    }
    case UINT_MODE.u8:
    case UINT_MODE.u16:
    case UINT_MODE.u32: {
      const planes = mode === UINT_MODE.u32 ? 4 : mode;
      for (let plane = 0; plane < planes; plane++) {
        const bytes = reader.raw(count);
        const shift = 8 * plane;
        for (let index = 0; index < count; index++) values[index]! |= bytes[index]! << shift;
      }
      return values;
    }
    default:
      throw unknownMode(mode);
  }
}

/** Goes past a column without reading its values. */
export function skipUints(reader: ByteReader, count: number): void {
  if (count === 0) return;
  const mode = reader.u8();
  switch (mode) {
    case UINT_MODE.constant:
      reader.varint();
      return;
    case UINT_MODE.ascending:
      for (let index = 0; index < count; index++) reader.varint();
      return;
    case UINT_MODE.u8:
    case UINT_MODE.u16:
    case UINT_MODE.u32:
      reader.raw((mode === UINT_MODE.u32 ? 4 : mode) * count);
      return;
    default:
      throw unknownMode(mode);
  }
}

/** Any float64, bit for bit. Integers go as varints, of the values or of their differences. */
export function writeNumbers(writer: ByteWriter, values: Float64Array): void {
  const count = values.length;
  if (count === 0) return;
  const first = values[0]!;
  let isConstant = true;
  let isInteger = true;
  let sizeSum = 0;
  let deltaSum = 0;
  let previous = 0;
  for (let index = 0; index < count; index++) {
    const value = values[index]!;
    if (!Object.is(value, first)) isConstant = false;
    if (!isSmallInteger(value)) {
      isInteger = false;
      if (!isConstant) break;
    }
    sizeSum += Math.abs(value);
    deltaSum += Math.abs(value - previous);
    previous = value;
  }
  if (isConstant) {
    writer.u8(NUMBER_MODE.constant);
    writer.f64(first);
  } else if (!isInteger) {
    writer.u8(NUMBER_MODE.doubles);
    writeDoublePlanes(writer, values);
  } else if (deltaSum < sizeSum) {
    writer.u8(NUMBER_MODE.deltas);
    previous = 0;
    for (let index = 0; index < count; index++) {
      writer.zigzag(values[index]! - previous);
      previous = values[index]!;
    }
  } else {
    writer.u8(NUMBER_MODE.integers);
    for (let index = 0; index < count; index++) writer.zigzag(values[index]!);
  }
}

export function readNumbers(reader: ByteReader, count: number): Float64Array {
  const values = new Float64Array(count);
  if (count === 0) return values;
  const mode = reader.u8();
  switch (mode) {
    case NUMBER_MODE.constant:
      return values.fill(reader.f64());
    case NUMBER_MODE.integers:
      for (let index = 0; index < count; index++) values[index] = reader.zigzag();
      return values;
    case NUMBER_MODE.deltas: {
      let value = 0;
      for (let index = 0; index < count; index++) {
        value += reader.zigzag();
        values[index] = value;
      }
      return values;
    }
    case NUMBER_MODE.doubles: {
      const bytes = new Uint8Array(values.buffer);
      for (let plane = 0; plane < 8; plane++) {
        const from = reader.raw(count);
        for (let index = 0; index < count; index++) bytes[8 * index + plane] = from[index]!;
      }
      return values;
    }
    default:
      throw unknownMode(mode);
  }
}

/** Goes past a column without reading its values. */
export function skipNumbers(reader: ByteReader, count: number): void {
  if (count === 0) return;
  const mode = reader.u8();
  switch (mode) {
    case NUMBER_MODE.constant:
      reader.f64();
      return;
    case NUMBER_MODE.integers:
    case NUMBER_MODE.deltas:
      for (let index = 0; index < count; index++) reader.varint();
      return;
    case NUMBER_MODE.doubles:
      reader.raw(8 * count);
      return;
    default:
      throw unknownMode(mode);
  }
}

function writeDoublePlanes(writer: ByteWriter, values: Float64Array): void {
  // Float64Array is little-endian on every platform Node runs on.
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  for (let plane = 0; plane < 8; plane++) {
    const to = writer.take(values.length);
    for (let index = 0; index < to.length; index++) to[index] = bytes[8 * index + plane]!;
  }
}

/** Deltas of two such integers still fit a zigzag varint; −0 keeps its sign only as a double. */
function isSmallInteger(value: number): boolean {
  return (
    Number.isInteger(value) &&
    value < INTEGER_MAX &&
    value > -INTEGER_MAX &&
    !(value === 0 && 1 / value < 0)
  );
}

function unknownMode(mode: number): AppError {
  return new AppError('store.corrupt', `Cannot read a column of mode ${mode}: it is unknown`);
}
