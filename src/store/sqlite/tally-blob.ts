/**
 * Tallies of one minute as bytes: first of endpoints, then of their slices, so that who wants only the former reads no
 * further. Endpoints, slices and templates stand in tables of the file and go by their keys.
 */
import { ByteReader, ByteWriter } from './byte-stream.ts';

export interface KeyedTally {
  readonly endpointKey: number;
  readonly count: number;
  readonly errorCount: number;
  readonly buckets: readonly number[];
  readonly counts: readonly number[];
}

export interface MinuteTallies {
  readonly whole: readonly KeyedTally[];
  readonly slices: readonly KeyedTally[];
}

export interface KeyedTemplateTally {
  readonly templateKey: number;
  readonly count: number;
  readonly severityMax: number;
}

export function encodeTallies({ whole, slices }: MinuteTallies): Uint8Array {
  const writer = new ByteWriter(32 * (whole.length + slices.length) + 16);
  writeTallies(writer, whole);
  if (slices.length > 0) writeTallies(writer, slices);
  return writer.bytes();
}

/** Of endpoints only, unless slices are wanted; a blob of before there were slices has none. */
export function decodeTallies(
  bytes: Uint8Array,
  { slices }: { readonly slices: boolean },
): MinuteTallies {
  const reader = new ByteReader(bytes);
  const whole = readTallies(reader);
  return { whole, slices: slices && reader.at < bytes.length ? readTallies(reader) : [] };
}

function writeTallies(writer: ByteWriter, tallies: readonly KeyedTally[]): void {
  writer.varint(tallies.length);
  for (const { endpointKey, count, errorCount, buckets, counts } of tallies) {
    writer.varint(endpointKey);
    writer.varint(count);
    writer.varint(errorCount);
    writer.varint(buckets.length);
    let previous = 0;
    for (let index = 0; index < buckets.length; index++) {
      writeBucket(writer, buckets[index]! - previous, counts[index] ?? 0);
      previous = buckets[index]!;
    }
  }
}

function readTallies(reader: ByteReader): readonly KeyedTally[] {
  return Array.from({ length: reader.count() }, () => {
    const endpointKey = reader.varint();
    const count = reader.varint();
    const errorCount = reader.varint();
    const size = reader.count();
    const buckets: number[] = [];
    const counts: number[] = [];
    let bucket = 0;
    for (let index = 0; index < size; index++) {
      const step = readBucket(reader);
      bucket += step.difference;
      buckets.push(bucket);
      counts.push(step.count);
    }
    return { endpointKey, count, errorCount, buckets, counts };
  });
}

/** Counts beyond stand behind the difference. */
const SMALL_COUNT_MAX = 3;

/** Differences are small and counts of one commit mostly 1 to 3: one byte holds both, which halves the blob. */
function writeBucket(writer: ByteWriter, difference: number, count: number): void {
  const isSmall = count <= SMALL_COUNT_MAX;
  const zigzag = difference < 0 ? -2 * difference - 1 : 2 * difference;
  writer.varint((SMALL_COUNT_MAX + 1) * zigzag + (isSmall ? count : 0));
  if (!isSmall || count === 0) writer.varint(count);
}

function readBucket(reader: ByteReader): { readonly difference: number; readonly count: number } {
  const code = reader.varint();
  const small = code % (SMALL_COUNT_MAX + 1);
  const zigzag = (code - small) / (SMALL_COUNT_MAX + 1);
  const difference = zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
  return { difference, count: small === 0 ? reader.varint() : small };
}

export function encodeTemplateTallies(tallies: readonly KeyedTemplateTally[]): Uint8Array {
  const writer = new ByteWriter(6 * tallies.length + 16);
  writer.varint(tallies.length);
  for (const { templateKey, count, severityMax } of tallies) {
    writer.varint(templateKey);
    writer.varint(count);
    writer.varint(severityMax);
  }
  return writer.bytes();
}

export function decodeTemplateTallies(bytes: Uint8Array): readonly KeyedTemplateTally[] {
  const reader = new ByteReader(bytes);
  return Array.from({ length: reader.count() }, () => ({
    templateKey: reader.varint(),
    count: reader.varint(),
    severityMax: reader.varint(),
  }));
}

/** Sum of two tallies of one endpoint and minute: bucket by bucket. */
export function mergeSketches(
  a: { readonly buckets: readonly number[]; readonly counts: readonly number[] },
  b: { readonly buckets: readonly number[]; readonly counts: readonly number[] },
): { readonly buckets: readonly number[]; readonly counts: readonly number[] } {
  const buckets: number[] = [];
  const counts: number[] = [];
  let left = 0;
  let right = 0;
  while (left < a.buckets.length || right < b.buckets.length) {
    const leftBucket = a.buckets[left] ?? Number.POSITIVE_INFINITY;
    const rightBucket = b.buckets[right] ?? Number.POSITIVE_INFINITY;
    const bucket = Math.min(leftBucket, rightBucket);
    let count = 0;
    if (leftBucket === bucket) count += a.counts[left++] ?? 0;
    if (rightBucket === bucket) count += b.counts[right++] ?? 0;
    buckets.push(bucket);
    counts.push(count);
  }
  return { buckets, counts };
}
