import zlib from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { StringDictionary } from '../../../src/model/dictionary.ts';
import { ByteReader, ByteWriter } from '../../../src/store/sqlite/byte-stream.ts';
import { CODEC, packSection, unpackSection } from '../../../src/store/sqlite/codec.ts';
import {
  readNumbers,
  readUints,
  skipUints,
  writeNumbers,
  writeUints,
} from '../../../src/store/sqlite/column-codec.ts';
import { LocalDictionary, SectionTexts } from '../../../src/store/sqlite/local-dictionary.ts';
import {
  decodeTallies,
  encodeTallies,
  mergeSketches,
} from '../../../src/store/sqlite/tally-blob.ts';
import {
  encodeSegment,
  findInSegment,
  mergeSegments,
  SegmentList,
} from '../../../src/store/sqlite/trace-segment.ts';
import { Random } from '../generate.ts';

const EDGES = [
  0,
  1,
  127,
  128,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 44 - 1,
  2 ** 52,
  Number.MAX_SAFE_INTEGER,
];

describe('ByteWriter and ByteReader', () => {
  it.each(EDGES)('keep the varint %d', (value) => {
    const writer = new ByteWriter(1);
    writer.varint(value);
    const reader = new ByteReader(writer.bytes());
    expect(reader.varint()).toBe(value);
    expect(reader.at).toBe(writer.size);
  });

  it.each(EDGES.filter((value) => value < 2 ** 52))('keep the zigzag ±%d', (value) => {
    const writer = new ByteWriter(1);
    writer.zigzag(value);
    writer.zigzag(0 - value);
    const reader = new ByteReader(writer.bytes());
    expect([reader.zigzag(), reader.zigzag()]).toEqual([value, 0 - value]);
  });

  it('throw past the end and on varints without one', () => {
    expect(() => new ByteReader(new Uint8Array(0)).u8()).toThrow(RangeError);
    expect(() => new ByteReader(new Uint8Array(3)).raw(4)).toThrow(RangeError);
    expect(() => new ByteReader(new Uint8Array(7)).f64()).toThrow(RangeError);
    expect(() => new ByteReader(new Uint8Array(20).fill(0xff)).varint()).toThrow(RangeError);
    expect(() => new ByteReader(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x7f)).count()).toThrow(
      RangeError,
    );
  });
});

function numbersOf(count: number, draw: (random: Random, index: number) => number): number[] {
  const random = new Random(count);
  return Array.from({ length: count }, (_, index) => draw(random, index));
}

describe('uint columns', () => {
  it.each([
    ['nothing', []],
    ['one', [7]],
    ['a constant', [4_294_967_295, 4_294_967_295]],
    ['ascending', [0, 0, 1, 4_294_967_295]],
    ['bytes', [3, 255, 0]],
    ['two bytes', [3, 65_535, 256]],
    ['four bytes', [4_294_967_295, 0, 65_536]],
    ['all 32 bits', numbersOf(100, (random) => random.below(2 ** 32))],
    ['eleven bits', numbersOf(300, (random) => 70_000 + random.below(2000))],
    ['two bytes in runs', numbersOf(300, (_, index) => 1000 * (7 - (index >> 6)))],
    ['numbers of things as they are met', [5, 6, 7, 6, 8, 9, 9, 10, 11, 5, 12]],
    ['a thing from before the first', [5, 6, 2, 7, 8, 9, 10]],
  ])('keep %s, and are gone past', (_, numbers) => {
    const writer = new ByteWriter();
    writeUints(writer, Uint32Array.from(numbers));
    writeUints(writer, Uint32Array.of(300_000, 1, 2, 70_000));
    const section = writer.section();
    expect([...readUints(ByteReader.ofSection(section), numbers.length)]).toEqual(numbers);
    const reader = ByteReader.ofSection(section);
    skipUints(reader, numbers.length);
    expect([...readUints(reader, 4)]).toEqual([300_000, 1, 2, 70_000]);
  });
});

describe('number columns', () => {
  it.each([
    ['nothing', []],
    ['a constant NaN', [Number.NaN, Number.NaN]],
    ['a constant −0', [-0, -0]],
    ['both zeros', [0, -0]],
    ['times', [1_767_312_000_000_000, 1_767_312_000_000_001, 1_767_311_999_999_999]],
    ['integers beyond varints', [2 ** 53, 1, -(2 ** 53)]],
    ['integers at the edge', [2 ** 51 - 1, -(2 ** 51) + 1, 0]],
    ['no integers', [0.1, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 5e-324]],
    ['a late fraction', [1, 2, 3, 0.5]],
    ['a fraction behind equal numbers', [0.5, 0.5, 3]],
    ['milliseconds in nanoseconds', [3_000_000, -7_000_000, 0]],
    ['microseconds in nanoseconds', [3_000_000, -7_001_000, 2 ** 40 * 1000]],
    ['every bit length', numbersOf(104, (_, bit) => (bit % 2 ? -1 : 1) * 2 ** (bit >> 1) - 1)],
    ['random doubles', numbersOf(500, (random) => random.next())],
    ['decimals', numbersOf(500, (random) => random.below(100) / 8)],
  ])('keep %s', (_, numbers) => {
    const writer = new ByteWriter();
    writeNumbers(writer, Float64Array.from(numbers));
    const reader = ByteReader.ofSection(writer.section());
    expect([...readNumbers(reader, numbers.length)]).toEqual(numbers);
  });
});

describe('texts', () => {
  it('keep every text that UTF-8 can hold, and its neighbours when it cannot', () => {
    const strings = new StringDictionary();
    const texts = ['a', '\ufeffmark', '支付', '😀', '\ud83d', '\ude00 after half', 'end'];
    const ids = texts.map((text) => strings.idOfString(text));
    const dictionary = new LocalDictionary(strings);
    expect(ids.map((id) => dictionary.idOf(id))).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(dictionary.idOf(0)).toBe(0);
    const writer = new ByteWriter();
    dictionary.write(writer);
    const read = new StringDictionary();
    const found = new SectionTexts(ByteReader.ofSection(writer.section())).internInto(read);
    const back = Array.from(found, (id) => read.text(id)).slice(1);
    expect(back.slice(0, 4)).toEqual(texts.slice(0, 4));
    expect(back.at(-1)).toBe('end');
  });
});

function sectionOf(bytes: Uint8Array, tail = new Uint8Array(0)): Uint8Array {
  const size = Buffer.alloc(4);
  size.writeUInt32LE(tail.length);
  return Uint8Array.from(Buffer.concat([bytes, tail, size]));
}

describe('sections', () => {
  it('shrink when they can and stay when they cannot', () => {
    const random = new Random(1);
    const noise = new Uint8Array(5000);
    random.bytes(noise, 0, noise.length);
    const zeros = new Uint8Array(5000);
    expect(packSection(sectionOf(noise)).codec).toBe(CODEC.none);
    expect(packSection(sectionOf(new Uint8Array(20))).codec).toBe(CODEC.none);
    expect(packSection(sectionOf(zeros)).bytes.length).toBeLessThan(100);
    for (const raw of [noise, zeros, new Uint8Array(0)]) {
      for (const tail of [noise, new Uint8Array(0)]) {
        const section = sectionOf(raw, tail);
        expect([...unpackSection(packSection(section))]).toEqual([...section]);
      }
    }
  });

  it('are refused when they are shorter than their tail', () => {
    expect(() => packSection(new Uint8Array(3))).toThrow(RangeError);
    expect(() => packSection(Uint8Array.of(1, 2, 0, 0, 0))).toThrow(/tail is longer/);
  });

  it('are refused with a wrong checksum, size or codec', () => {
    const packed = packSection(sectionOf(new Uint8Array(4996)));
    const corrupt = expect.objectContaining({ code: 'store.corrupt' });
    expect(() => unpackSection({ ...packed, checksum: 1 })).toThrow(corrupt);
    expect(() => unpackSection({ ...packed, rawBytes: 5001 })).toThrow(
      /5000 bytes instead of 5001/,
    );
    expect(() => unpackSection({ ...packed, codec: 7 })).toThrow(/codec 7 is unknown/);
    expect(() => unpackSection({ ...packed, rawBytes: 2 ** 40 })).toThrow(corrupt);
  });

  it('of zstd are read where Node has it, and named where it has not', () => {
    const bytes = Uint8Array.of(1, 2, 3, 0, 0, 0, 0);
    const packed = { codec: CODEC.zstd, rawBytes: 7, checksum: zlib.crc32(bytes), bytes };
    const message = 'zstdDecompressSync' in zlib ? /./ : /needs Node 22.15/;
    expect(() => unpackSection(packed)).toThrow(message);
  });
});

describe('trace segments', () => {
  it('find every block of a hash', () => {
    const random = new Random(2);
    const entries = Array.from({ length: 500 }, (_, index) => ({
      hash: Math.floor(random.next() * 2 ** 44),
      blockId: 1 + (index % 7) * 100,
    }));
    entries.push({ hash: 0, blockId: 3 }, { hash: 2 ** 44 - 1, blockId: 3 });
    entries.push({ hash: 0, blockId: 5 });
    entries.sort((a, b) => a.hash - b.hash || a.blockId - b.blockId);
    const list = new SegmentList();
    for (const { hash, blockId } of [...entries].reverse()) list.add(hash, blockId);
    const bytes = encodeSegment(list.sorted());
    const { hashes, blockIds } = mergeSegments([bytes, bytes], () => true);
    expect(Array.from(hashes, (hash, index) => ({ hash, blockId: blockIds[index] }))).toEqual(
      entries,
    );
    expect(mergeSegments([bytes], (blockId) => blockId !== 3).blockIds).not.toContain(3);
    for (const { hash, blockId } of entries) expect(findInSegment(bytes, hash)).toContain(blockId);
    expect(findInSegment(bytes, 0)).toEqual([3, 5]);
    expect(findInSegment(bytes, 17)).toEqual([]);
  });
});

describe('tallies', () => {
  it('of before there were slices have none', () => {
    // one endpoint with key 7, 2 requests, 1 error, both in bucket 3
    const bytes = Uint8Array.of(1, 7, 2, 1, 1, 4 * 6 + 2);
    const whole = [{ endpointKey: 7, count: 2, errorCount: 1, buckets: [3], counts: [2] }];
    expect(decodeTallies(bytes, { slices: true })).toEqual({ whole, slices: [] });
    expect(encodeTallies({ whole, slices: [] })).toEqual(bytes);
  });

  it('come back and add up bucket by bucket', () => {
    const tally = {
      endpointKey: 300,
      count: 2 ** 40,
      errorCount: 0,
      buckets: [-3, 0, 900, 901, 902],
      counts: [1, 2, 3, 0, 2 ** 40],
    };
    const whole = [tally, { ...tally, buckets: [], counts: [] }];
    const slices = [{ ...tally, endpointKey: 301 }];
    const bytes = encodeTallies({ whole, slices });
    expect(decodeTallies(bytes, { slices: true })).toEqual({ whole, slices });
    expect(decodeTallies(bytes, { slices: false })).toEqual({ whole, slices: [] });
    const sketch = { buckets: [-3, 0, 900], counts: [1, 2, 3] };
    expect(mergeSketches(sketch, { buckets: [-4, 0, 901], counts: [9, 9, 9] })).toEqual({
      buckets: [-4, -3, 0, 900, 901],
      counts: [9, 1, 11, 3, 9],
    });
  });
});
