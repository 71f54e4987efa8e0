/**
 * Columns of numbers ↔ bytes. Each column begins with a mode byte; the number of rows is known to the reader.
 * What repeats or leans to some side stands in bytes side by side, which is what the compressor behind them
 * wants; what looks random goes to the section's tail bit by bit, which the compressor never sees.
 */
import { AppError } from '../../base/errors.ts';
import type { ByteReader, ByteWriter } from './byte-stream.ts';

/** Modes of a column; docs/storage.md describes each. Append only. */
const UINT_MODE = {
  constant: 0,
  u8: 1,
  u16: 2,
  u32: 3,
  ascending: 4,
  packed: 5,
  fresh: 6,
} as const;
const NUMBER_MODE = { constant: 0, integers: 1, deltas: 2, doubles: 3 } as const;

/** Deltas of such integers stay within 2^52, whose bit length and sign fit a byte. */
const INTEGER_MAX = 2 ** 51;
const TWO_32 = 2 ** 32;
/** Bits of the largest integer. */
const LENGTH_MAX = 53;
/** Factors looked for in integers: clocks that tick in milliseconds or microseconds give durations in nanoseconds. */
const SCALES = [1_000_000, 1000] as const;

/** Integers in [0, 2^32). */
export function writeUints(writer: ByteWriter, values: Uint32Array): void {
  const count = values.length;
  if (count === 0) return;
  const first = values[0]!;
  let min = first;
  let max = first;
  let changeCount = 0;
  let freshCount = 0;
  let isFresh = true;
  let isAscending = true;
  let previous = first;
  for (let index = 1; index < count; index++) {
    const value = values[index]!;
    if (value === previous) continue;
    changeCount++;
    if (value < previous) isAscending = false;
    if (value < min) min = value;
    else if (value > max) {
      if (value === max + 1) freshCount++;
      else isFresh = false;
      max = value;
    }
    previous = value;
  }
  if (min === max) {
    writer.u8(UINT_MODE.constant);
    writer.varint(first);
  } else if (isAscending) {
    writer.u8(UINT_MODE.ascending);
    writer.varint(first);
    for (let index = 1; index < count; index++) writer.varint(values[index]! - values[index - 1]!);
  } else if (isFresh && 2 * freshCount > count) {
    writeFresh(writer, values);
  } else {
    const width = 32 - Math.clz32(max - min);
    // Ids that hardly ever repeat look random: leaving them to the compressor cost 180 ns a span of workload B.
    const isPacked = width > 8 && 4 * changeCount > 3 * count;
    if (isPacked) writePacked(writer, values, { base: min, width });
    else writePlanes(writer, values, { base: min, width });
  }
}

export function readUints(reader: ByteReader, count: number): Uint32Array {
  const values = new Uint32Array(count);
  if (count === 0) return values;
  const mode = reader.u8();
  if (mode !== UINT_MODE.fresh) return readPlainUints(reader, values, mode);
  let next = reader.varint();
  const steps = readPlainUints(reader, new Uint32Array(count), reader.u8());
  for (let index = 0; index < count; index++) {
    values[index] = next - steps[index]!;
    if (steps[index] === 0) next++;
  }
  return values;
}

/** Any mode but `fresh`: steps of steps are never written, and damage must not nest them. */
function readPlainUints(reader: ByteReader, values: Uint32Array, mode: number): Uint32Array {
  const count = values.length;
  const base = reader.varint();
  switch (mode) {
    case UINT_MODE.constant:
      return values.fill(base);
    case UINT_MODE.ascending: {
      let value = base;
      values[0] = value;
      for (let index = 1; index < count; index++) {
        value += reader.varint();
        values[index] = value;
      }
      return values;
    }
    case UINT_MODE.u8:
    case UINT_MODE.u16:
    case UINT_MODE.u32:
      readPlanes(reader, values, mode === UINT_MODE.u32 ? 4 : mode);
      if (base > 0) for (let index = 0; index < count; index++) values[index]! += base;
      return values;
    case UINT_MODE.packed: {
      const width = reader.u8();
      if (width > 32) throw new RangeError(`a column is ${width} bits wide`);
      reader.tail.getAll(values, { base, width });
      return values;
    }
    default:
      throw unknownMode(mode);
  }
}

/** Goes past a column without reading its values. */
export function skipUints(reader: ByteReader, count: number): void {
  if (count === 0) return;
  let mode = reader.u8();
  if (mode === UINT_MODE.fresh) {
    reader.varint();
    mode = reader.u8();
  }
  reader.varint(); // the base
  switch (mode) {
    case UINT_MODE.constant:
      return;
    case UINT_MODE.ascending:
      for (let index = 1; index < count; index++) reader.varint();
      return;
    case UINT_MODE.u8:
    case UINT_MODE.u16:
    case UINT_MODE.u32:
      reader.raw((mode === UINT_MODE.u32 ? 4 : mode) * count);
      return;
    case UINT_MODE.packed:
      reader.tail.skip(count * reader.u8());
      return;
    default:
      throw unknownMode(mode);
  }
}

/** Any float64, bit for bit. Integers go by their bit length, of the values or of their differences. */
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
    if (value !== first && !Object.is(value, first)) isConstant = false;
    if (!isSmallInteger(value)) {
      isInteger = false;
      if (!isConstant) break;
    }
    sizeSum += Math.abs(value);
    deltaSum += Math.abs(value - previous);
    previous = value;
  }
  if (isConstant && Object.is(values[count - 1], first)) {
    writer.u8(NUMBER_MODE.constant);
    writer.f64(first);
  } else if (!isInteger) {
    writer.u8(NUMBER_MODE.doubles);
    writeDoublePlanes(writer, values);
  } else if (deltaSum < sizeSum) {
    writer.u8(NUMBER_MODE.deltas);
    const deltas = new Float64Array(count);
    deltas[0] = first;
    for (let index = 1; index < count; index++) deltas[index] = values[index]! - values[index - 1]!;
    writeIntegers(writer, deltas);
  } else {
    writer.u8(NUMBER_MODE.integers);
    writeIntegers(writer, values);
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
      readIntegers(reader, values);
      return values;
    case NUMBER_MODE.deltas:
      readIntegers(reader, values);
      for (let index = 1; index < count; index++) values[index]! += values[index - 1]!;
      return values;
    case NUMBER_MODE.doubles:
      readDoublePlanes(reader, values);
      return values;
    default:
      throw unknownMode(mode);
  }
}

/** Goes past a column; of integers only their lengths are looked at, a quarter of the time of reading them. */
export function skipNumbers(reader: ByteReader, count: number): void {
  if (count === 0) return;
  const mode = reader.u8();
  switch (mode) {
    case NUMBER_MODE.constant:
      reader.f64();
      return;
    case NUMBER_MODE.integers:
    case NUMBER_MODE.deltas: {
      reader.varint(); // the scale
      let bitCount = 0;
      // The highest bit is not stored: see readIntegers().
      for (const length of reader.raw(count)) bitCount += Math.max(0, (length >>> 1) - 1);
      reader.tail.skip(bitCount);
      return;
    }
    case NUMBER_MODE.doubles:
      readDoublePlanes(reader, new Float64Array(count));
      return;
    default:
      throw unknownMode(mode);
  }
}

interface UintLayout {
  readonly base: number;
  /** Bits of the largest value less the base. */
  readonly width: number;
}

/**
 * Numbers of things as they are met: each is the largest before it plus one, less a step back that is mostly 0. Ids
 * of bodies of the log workload take 0.4 bytes instead of 1.6.
 */
function writeFresh(writer: ByteWriter, values: Uint32Array): void {
  writer.u8(UINT_MODE.fresh);
  writer.varint(values[0]!);
  const steps = new Uint32Array(values.length);
  let next = values[0]!;
  for (let index = 0; index < values.length; index++) {
    steps[index] = next - values[index]!;
    if (values[index] === next) next++;
  }
  writeUints(writer, steps);
}

function writePacked(writer: ByteWriter, values: Uint32Array, layout: UintLayout): void {
  writer.u8(UINT_MODE.packed);
  writer.varint(layout.base);
  writer.u8(layout.width);
  writer.tail.putAll(values, layout);
}

function writePlanes(writer: ByteWriter, values: Uint32Array, { base, width }: UintLayout): void {
  const planes = width <= 8 ? 1 : width <= 16 ? 2 : 4;
  writer.u8(planes === 1 ? UINT_MODE.u8 : planes === 2 ? UINT_MODE.u16 : UINT_MODE.u32);
  writer.varint(base);
  for (let plane = 0; plane < planes; plane++) {
    const bytes = writer.take(values.length);
    const shift = 8 * plane;
    for (let index = 0; index < bytes.length; index++) {
      bytes[index] = (values[index]! - base) >>> shift;
    }
  }
}

function readPlanes(reader: ByteReader, values: Uint32Array, planes: number): void {
  for (let plane = 0; plane < planes; plane++) {
    const bytes = reader.raw(values.length);
    const shift = 8 * plane;
    for (let index = 0; index < bytes.length; index++) values[index]! |= bytes[index]! << shift;
  }
}

/**
 * A factor of all; then per integer a byte, twice the bit length plus the sign, and in the tail the bits below
 * the highest one. Lengths are few and alike, so the compressor makes 2 to 3 bits of the byte; the bits below are
 * noise: the core of a span of workload B fell from 8.1 to 5.8 bytes.
 */
function writeIntegers(writer: ByteWriter, values: Float64Array): void {
  const scale = SCALES.find((candidate) => isMultiple(values, candidate)) ?? 1;
  writer.varint(scale);
  const lengths = writer.take(values.length);
  writer.tail.putIntegers(values, { scale, lengths });
}

function readIntegers(reader: ByteReader, values: Float64Array): void {
  const scale = reader.varint();
  const lengths = reader.raw(values.length);
  const { tail } = reader;
  tail.align();
  for (let index = 0; index < values.length; index++) {
    const length = lengths[index]! >>> 1;
    if (length > LENGTH_MAX) throw new RangeError(`an integer has ${length} bits`);
    if (length === 0) continue;
    // The highest bit is not stored: it is 1. Shifts: with 2 ** n, the core took 460 ns a row.
    let size: number;
    if (length <= 32) {
      size = (tail.get(length - 1) | (1 << (length - 1))) >>> 0;
    } else {
      size = tail.get(32);
      size += TWO_32 * (tail.get(length - 33) | (1 << (length - 33)));
    }
    values[index] = (lengths[index]! & 1 ? -size : size) * scale;
  }
  tail.align();
}

function isMultiple(values: Float64Array, scale: number): boolean {
  for (let index = 0; index < values.length; index++) {
    const value = values[index]!;
    if (Math.floor(value / scale) * scale !== value) return false;
  }
  return true;
}

/** Bytes looked at to judge a plane. */
const SAMPLE_BYTES = 128;
/** Of 128 random bytes about 101 are distinct; below this a compressor has something to find. */
const RANDOM_DISTINCT_MIN = 80;

/** Eight planes of bytes, lowest first; those of a bit in the mask look random and stand in the tail. */
function writeDoublePlanes(writer: ByteWriter, values: Float64Array): void {
  // Float64Array is little-endian on every platform Node runs on.
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  let randomPlanes = 0;
  for (let plane = 0; plane < 8; plane++) {
    if (looksRandom(bytes, plane)) randomPlanes |= 1 << plane;
  }
  writer.u8(randomPlanes);
  writer.tail.align();
  for (let plane = 0; plane < 8; plane++) {
    if (randomPlanes & (1 << plane)) {
      for (let at = plane; at < bytes.length; at += 8) writer.tail.put(bytes[at]!, 8);
    } else {
      const to = writer.take(values.length);
      for (let index = 0; index < to.length; index++) to[index] = bytes[8 * index + plane]!;
    }
  }
  writer.tail.align();
}

function readDoublePlanes(reader: ByteReader, values: Float64Array): void {
  const bytes = new Uint8Array(values.buffer);
  const randomPlanes = reader.u8();
  reader.tail.align();
  for (let plane = 0; plane < 8; plane++) {
    if (randomPlanes & (1 << plane)) {
      for (let at = plane; at < bytes.length; at += 8) bytes[at] = reader.tail.get(8);
    } else {
      const from = reader.raw(values.length);
      for (let index = 0; index < from.length; index++) bytes[8 * index + plane] = from[index]!;
    }
  }
  reader.tail.align();
}

/** Are the bytes of a plane, taken from all over the column, as different from each other as chance makes them? */
function looksRandom(bytes: Uint8Array, plane: number): boolean {
  const count = bytes.length / 8;
  if (count < SAMPLE_BYTES) return false;
  const seen = new Uint8Array(256);
  let distinctCount = 0;
  for (let sample = 0; sample < SAMPLE_BYTES; sample++) {
    const byte = bytes[8 * Math.floor((sample * count) / SAMPLE_BYTES) + plane]!;
    if (seen[byte] === 0) distinctCount++;
    seen[byte] = 1;
  }
  return distinctCount >= RANDOM_DISTINCT_MIN;
}

/** Within ±2^51; −0 keeps its sign only as a double. */
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
