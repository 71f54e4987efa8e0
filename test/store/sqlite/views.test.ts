import { describe, expect, it } from 'vitest';
import { SpanColumns } from '../../../src/model/columns.ts';
import { StringDictionary } from '../../../src/model/dictionary.ts';
import { isText } from '../../../src/store/sqlite/attribute-list.ts';
import { AttributeView } from '../../../src/store/sqlite/attribute-view.ts';
import { openSection, SECTION, type SectionSource } from '../../../src/store/sqlite/block.ts';
import { SectionTexts } from '../../../src/store/sqlite/local-dictionary.ts';
import { decodeSpanBlock, encodeSpanBlock } from '../../../src/store/sqlite/span-block.ts';
import { SPAN_FIELD, SpanCore } from '../../../src/store/sqlite/span-core.ts';
import { orderByTrace } from '../../../src/store/sqlite/trace-order.ts';
import { mixKeys, Random, randomSpans } from '../generate.ts';

/** Spans of this seed have keys at random, each at most once, so that blocks use the layout of rows. */
const MIXED_SEED = 4;

/** A block of random spans: its sections, and its rows decoded whole. */
function randomBlock(seed: number, count: number) {
  const spans = randomSpans(count, new Random(seed));
  if (seed === MIXED_SEED) mixKeys(spans, new Random(seed));
  const rows = Uint32Array.from({ length: count }, (_, row) => row);
  const { traceId, startUs: timeUs } = spans;
  const block = encodeSpanBlock(spans, orderByTrace({ traceId, timeUs }, rows));
  const source: SectionSource = (kind) =>
    block.sections.find((section) => section.kind === kind)?.bytes;
  const columns = new SpanColumns(new StringDictionary());
  decodeSpanBlock(columns, { rowCount: count, source, sections: ['attributes'] });
  return { source, columns, count };
}

/** Attributes of a row as texts: key, type, value. */
function listOf(columns: SpanColumns, row: number, kind: 'attributes' | 'derived'): unknown[] {
  const { strings } = columns;
  const list = columns[kind];
  const ends = columns[`${kind}End`];
  const found: unknown[] = [];
  for (let at = row === 0 ? 0 : ends[row - 1]!; at < ends[row]!; at++) {
    const type = list.types[at]!;
    const value = list.values[at]!;
    const shown = isText(type) ? strings.text(value) : value;
    found.push([strings.text(list.keys[at]!), type, shown]);
  }
  return found;
}

const CASES = [1, 2, 3, 4].flatMap((seed) =>
  [1, 2, 17, 300].map((count) => [seed, count] as const),
);

describe('AttributeView', () => {
  it.each(CASES)(
    'gives lists and columns as the whole block does (seed %i, %i rows)',
    (seed, count) => {
      const { source, columns } = randomBlock(seed, count);
      const texts = new SectionTexts(openSection(source, SECTION.attributeTexts));
      const reader = openSection(source, SECTION.attributes);
      for (const kind of ['attributes', 'derived'] as const) {
        const view = new AttributeView(reader, count);
        const end = reader.at;
        const shown = (type: number, value: number) => (isText(type) ? texts.text(value) : value);
        const expected = Array.from({ length: count }, (_, row) => listOf(columns, row, kind));
        const from = count >> 2;
        const to = count - (count >> 3);
        expect(
          view
            .listsOf(from, to)
            .map((list) =>
              list.map(({ key, type, value }) => [texts.text(key), type, shown(type, value)]),
            ),
        ).toEqual(expected.slice(from, to));
        for (let key = 1; key <= texts.count; key++) {
          const column = view.columnOf(key);
          const found = Array.from(column.rows, (row, at) => [
            row,
            [texts.text(key), column.types[at], shown(column.types[at]!, column.values[at]!)],
          ]);
          expect(found).toEqual(
            expected.flatMap((list, row) =>
              (list as unknown[][])
                .filter(([name]) => name === texts.text(key))
                .map((attribute) => [row, attribute]),
            ),
          );
        }
        reader.at = end;
      }
    },
  );
});

describe('SectionTexts', () => {
  it('finds each text it holds, and none that only stands across two', () => {
    const { source } = randomBlock(5, 200);
    const texts = new SectionTexts(openSection(source, SECTION.attributeTexts));
    expect(texts.count).toBeGreaterThan(10);
    for (let local = 0; local <= texts.count; local++) {
      expect(texts.find(texts.text(local))).toBe(local);
    }
    expect(texts.find(texts.text(1) + texts.text(2))).toBeUndefined();
    expect(texts.find(`${texts.text(1)}?`)).toBeUndefined();
  });
});

describe('SpanCore', () => {
  it.each(CASES)('gives what the whole block does (seed %i, %i rows)', (seed, count) => {
    const { source, columns } = randomBlock(seed, count);
    const core = new SpanCore(source, count);
    const texts = new SectionTexts(openSection(source, SECTION.dictionary));
    expect([...core.startUs]).toEqual([...columns.startUs.subarray(0, count)]);
    expect([...core.durationNs]).toEqual([...columns.durationNs.subarray(0, count)]);
    for (let row = 0; row < count; row++) {
      const field = (name: keyof typeof SPAN_FIELD) =>
        core.fields[SPAN_FIELD[name]]![core.variants[row]!]!;
      expect(texts.text(field('name'))).toBe(columns.strings.text(columns.name[row]!));
      expect(texts.text(field('service'))).toBe(columns.strings.text(columns.service[row]!));
      expect(texts.text(field('target'))).toBe(columns.strings.text(columns.target[row]!));
      expect([field('stage'), field('isError'), field('resource')]).toEqual([
        columns.stage[row],
        columns.isError[row],
        columns.resource[row],
      ]);
    }
    for (let run = 0; run + 1 < core.runStarts.length; run++) {
      const idOf = (row: number) => columns.traceId.subarray(16 * row, 16 * row + 16).join();
      const ids = new Set<string>();
      for (let row = core.runStarts[run]!; row < core.runStarts[run + 1]!; row++)
        ids.add(idOf(row));
      expect(ids.size).toBe(1);
    }
  });
});
