import { describe, expect, it } from 'vitest';
import { LogColumns, PointColumns, SpanColumns } from '../../../src/model/columns.ts';
import { StringDictionary } from '../../../src/model/dictionary.ts';
import type { EncodedBlock, SectionSource } from '../../../src/store/sqlite/block.ts';
import { packSection, unpackSection } from '../../../src/store/sqlite/codec.ts';
import { decodeLogBlock, encodeLogBlock } from '../../../src/store/sqlite/log-block.ts';
import {
  decodePointBlock,
  encodePointBlock,
  orderBySeries,
} from '../../../src/store/sqlite/point-block.ts';
import { decodeSpanBlock, encodeSpanBlock } from '../../../src/store/sqlite/span-block.ts';
import { orderByTrace } from '../../../src/store/sqlite/trace-order.ts';
import { Random, randomLogs, randomPoints, randomSpans } from '../generate.ts';
import { describeLog, describePoint, describeSpan } from '../rows.ts';

const SEEDS = [1, 2, 3, 4, 5];
const COUNTS = [1, 2, 17, 400];

function sourceOf(block: EncodedBlock): SectionSource {
  return (kind) => {
    const section = block.sections.find((candidate) => candidate.kind === kind);
    return section && unpackSection(packSection(section.bytes));
  };
}

function allRows(count: number): Uint32Array {
  return Uint32Array.from({ length: count }, (_, row) => row);
}

describe.each(SEEDS)('blocks of seed %i', (seed) => {
  it.each(COUNTS)('give back every column of %i spans, read after other rows', (count) => {
    const spans = randomSpans(count, new Random(seed));
    const { traceId, startUs: timeUs } = spans;
    const rows = orderByTrace({ traceId, timeUs }, allRows(count));
    const block = encodeSpanBlock(spans, rows);
    const read = new SpanColumns(new StringDictionary());
    const options = {
      rowCount: count,
      source: sourceOf(block),
      sections: ['attributes', 'events', 'links'] as const,
    };
    decodeSpanBlock(read, options);
    decodeSpanBlock(read, options);
    expect(read.count).toBe(2 * count);
    for (let index = 0; index < count; index++) {
      const expected = describeSpan(spans, rows[index]!);
      expect(describeSpan(read, index)).toEqual(expected);
      expect(describeSpan(read, count + index)).toEqual(expected);
    }
  });

  it.each(COUNTS)('give back every column of %i log records, read after other rows', (count) => {
    const logs = randomLogs(count, new Random(seed));
    const rows = orderByTrace(logs, allRows(count));
    const block = encodeLogBlock(logs, rows);
    const read = new LogColumns(new StringDictionary());
    const sections = ['bodies', 'attributes'] as const;
    decodeLogBlock(read, { rowCount: count, source: sourceOf(block), sections });
    decodeLogBlock(read, { rowCount: count, source: sourceOf(block), sections });
    for (let index = 0; index < count; index++) {
      const expected = describeLog(logs, rows[index]!);
      expect(describeLog(read, index)).toEqual(expected);
      expect(describeLog(read, count + index)).toEqual(expected);
    }
  });

  it.each(COUNTS)('give back every column of %i points, read after other rows', (count) => {
    const points = randomPoints(count, new Random(seed));
    const rows = orderBySeries(points, allRows(count));
    const block = encodePointBlock(points, rows);
    const read = new PointColumns(new StringDictionary());
    const sections = ['points', 'buckets', 'exemplars'] as const;
    decodePointBlock(read, { rowCount: count, source: sourceOf(block), sections });
    decodePointBlock(read, { rowCount: count, source: sourceOf(block), sections });
    for (let index = 0; index < count; index++) {
      const expected = describePoint(points, rows[index]!);
      expect(describePoint(read, index)).toEqual(expected);
      expect(describePoint(read, count + index)).toEqual(expected);
    }
  });
});

describe('decodeSpanBlock()', () => {
  it('reads core without attributes, events and links', () => {
    const spans = randomSpans(50, new Random(9));
    const block = encodeSpanBlock(spans, allRows(50));
    const read = new SpanColumns(new StringDictionary());
    const asked: number[] = [];
    const source: SectionSource = (kind) => {
      asked.push(kind);
      return sourceOf(block)(kind);
    };
    decodeSpanBlock(read, { rowCount: 50, source, sections: [] });
    expect(asked).toEqual([0, 2, 1]);
    for (let row = 0; row < 50; row++) {
      const expected = describeSpan(spans, row);
      const empty = { attributes: [], derived: [], events: [], links: [] };
      expect(describeSpan(read, row)).toEqual({ ...expected, ...empty });
    }
  });

  it('throws on any cut-off section and never returns silently wrong counts', () => {
    const spans = randomSpans(30, new Random(11));
    const block = encodeSpanBlock(spans, allRows(30));
    for (const section of block.sections) {
      for (let size = 0; size < section.bytes.length; size += 7) {
        const source: SectionSource = (kind) =>
          kind === section.kind ? section.bytes.subarray(0, size) : sourceOf(block)(kind);
        const read = new SpanColumns(new StringDictionary());
        const sections = ['attributes', 'events', 'links'] as const;
        expect(() => decodeSpanBlock(read, { rowCount: 30, source, sections })).toThrow();
      }
    }
  });
});

describe('orderByTrace()', () => {
  it('keeps traces together, by time, however many rows there are', () => {
    for (const count of [0, 1, 2, 511, 512, 513, 5000]) {
      const spans = randomSpans(count, new Random(count + 1));
      const { traceId, startUs: timeUs } = spans;
      const rows = orderByTrace({ traceId, timeUs }, allRows(count));
      expect([...rows].sort((a, b) => a - b)).toEqual([...allRows(count)]);
      const seen = new Set<string>();
      let previous = '';
      let previousUs = 0;
      for (const row of rows) {
        const id = Buffer.from(traceId.subarray(16 * row, 16 * row + 16)).toString('hex');
        if (id === previous) expect(timeUs[row]).toBeGreaterThanOrEqual(previousUs);
        else expect(seen.has(id)).toBe(false);
        seen.add(id);
        previous = id;
        previousUs = timeUs[row]!;
      }
    }
  });

  it('sorts one trace of many rows by time', () => {
    const spans = randomSpans(3000, new Random(5));
    spans.traceId.fill(7);
    const rows = orderByTrace({ traceId: spans.traceId, timeUs: spans.startUs }, allRows(3000));
    const times = Array.from(rows, (row) => spans.startUs[row]!);
    expect(times).toEqual([...times].sort((a, b) => a - b));
  });
});
