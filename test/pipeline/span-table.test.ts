import { describe, expect, it } from 'vitest';
import { hexOf, tryBytesOfHex } from '../../src/base/bytes.ts';
import { SpanColumns, VALUE_TYPE } from '../../src/model/columns.ts';
import { StringDictionary } from '../../src/model/dictionary.ts';
import { INFRA_KINDS, type InfraKind, STAGES, type Stage } from '../../src/model/vocabulary.ts';
import { NO_ROW, type SpanTable } from '../../src/model/window.ts';
import { SpanRows } from '../../src/pipeline/span-rows.ts';
import { buildSpanTable, layOut } from '../../src/pipeline/span-table.ts';
import type { SpanScan } from '../../src/store/api/telemetry.ts';

const BASE_US = 1_700_000_000_000_000;
const RANGE = { fromUs: BASE_US, toUs: BASE_US + 60_000_000 };

interface SpanLiteral {
  readonly trace?: number;
  readonly id: number;
  readonly parent?: number;
  readonly name?: string;
  /** Relative to BASE_US. */
  readonly startUs: number;
  readonly durationUs: number;
  readonly attributes?: Readonly<Record<string, string>>;
  readonly stage?: Stage;
  readonly infra?: InfraKind;
}

function columnsOf(spans: readonly SpanLiteral[]): SpanColumns {
  const columns = new SpanColumns(new StringDictionary());
  columns.resources.push({ attributes: [], droppedAttributesCount: 0, schemaUrl: 0 });
  for (const span of spans) {
    const row = columns.addRow();
    columns.traceId.set(idBytes(span.trace ?? 1, 16), 16 * row);
    columns.spanId.set(idBytes(span.id, 8), 8 * row);
    if (span.parent !== undefined) columns.parentSpanId.set(idBytes(span.parent, 8), 8 * row);
    columns.startUs[row] = BASE_US + span.startUs;
    columns.durationNs[row] = span.durationUs * 1000;
    columns.name[row] = columns.strings.idOfString(span.name ?? `op${span.id}`);
    columns.service[row] = columns.strings.idOfString('bot');
    columns.stage[row] = STAGES.indexOf(span.stage ?? 'other');
    columns.infra[row] = INFRA_KINDS.indexOf(span.infra ?? 'none');
    for (const [key, value] of Object.entries(span.attributes ?? {})) {
      columns.attributes.push(
        columns.strings.idOfString(key),
        VALUE_TYPE.string,
        columns.strings.idOfString(value),
      );
    }
    columns.endRow(row);
  }
  return columns;
}

function idBytes(number: number, size: number): Uint8Array {
  return tryBytesOfHex(number.toString(16).padStart(2 * size, '0'), size)!;
}

/** A store of the spans, which come in the given blocks. */
function readerOf(blocks: readonly (readonly SpanLiteral[])[]) {
  const total = blocks.flat().length;
  return {
    countRows: () => ({ spans: total, logs: 0, points: 0, profiles: 0 }),
    scanSpans: (
      { range, isWanted = () => true }: Omit<SpanScan, 'sections'>,
      visit: (columns: SpanColumns, rows: Uint32Array) => boolean | undefined,
    ) => {
      for (const block of blocks) {
        const columns = columnsOf(block);
        const isIn = (row: number) =>
          columns.startUs[row]! >= range.fromUs &&
          columns.startUs[row]! < range.toUs &&
          isWanted(columns, row);
        visit(columns, Uint32Array.from(block.keys()).filter(isIn));
      }
    },
  };
}

function tableOf(blocks: readonly (readonly SpanLiteral[])[], spansMax = 1000): SpanTable {
  const reader = readerOf(blocks);
  return buildSpanTable(reader, { range: RANGE, strings: new StringDictionary(), spansMax }).table;
}

function rowOf(table: SpanTable, id: number, trace = 0): number {
  const wanted = hexOf(idBytes(id, 8));
  for (let row = table.traceStart[trace]!; row < table.traceStart[trace + 1]!; row++) {
    if (hexOf(table.spanId, 8 * row, 8 * row + 8) === wanted) return row;
  }
  return NO_ROW;
}

describe('buildSpanTable()', () => {
  it('joins a trace that is split over blocks, children before parents', () => {
    const table = tableOf([
      [{ id: 2, parent: 1, startUs: 10, durationUs: 20 }],
      [{ id: 1, startUs: 0, durationUs: 100 }],
    ]);
    expect(table.count).toBe(2);
    expect(table.traceIds).toHaveLength(1);
    expect(table.parent[rowOf(table, 2)]).toBe(rowOf(table, 1));
    expect(table.parent[rowOf(table, 1)]).toBe(NO_ROW);
  });

  it('leaves out a span that was sent twice', () => {
    const table = tableOf([
      [{ id: 1, startUs: 0, durationUs: 100 }],
      [{ id: 1, startUs: 0, durationUs: 100 }],
    ]);
    expect(table.count).toBe(1);
  });

  it('marks a span whose parent is not there', () => {
    const table = tableOf([[{ id: 2, parent: 9, startUs: 0, durationUs: 10 }]]);
    expect(table.isOrphan[0]).toBe(1);
    expect(table.parent[0]).toBe(NO_ROW);
  });

  it('cuts a loop of parents', () => {
    const table = tableOf([
      [
        { id: 1, parent: 2, startUs: 0, durationUs: 10 },
        { id: 2, parent: 3, startUs: 1, durationUs: 10 },
        { id: 3, parent: 1, startUs: 2, durationUs: 10 },
        { id: 4, parent: 4, startUs: 3, durationUs: 10 },
      ],
    ]);
    for (let row = 0; row < table.count; row++) {
      const seen = new Set<number>();
      for (let at = row; at !== NO_ROW; at = table.parent[at]!) {
        expect(seen.has(at)).toBe(false);
        seen.add(at);
      }
    }
  });

  it('keeps traces by their begin: late children come along, earlier traces stay out', () => {
    const table = tableOf([
      [
        { trace: 1, id: 1, startUs: -5_000_000, durationUs: 10_000_000 },
        { trace: 1, id: 2, parent: 1, startUs: 1_000_000, durationUs: 10 },
        { trace: 2, id: 3, startUs: 59_000_000, durationUs: 5_000_000 },
        { trace: 2, id: 4, parent: 3, startUs: 61_000_000, durationUs: 10 },
        { trace: 3, id: 5, startUs: 60_000_000, durationUs: 10 },
      ],
    ]);
    expect(table.traceIds).toEqual([hexOf(idBytes(2, 16))]);
    expect(table.count).toBe(2);
  });

  it('keeps whole traces when it must sample, the same ones each time', () => {
    const spans = Array.from({ length: 400 }, (_, index) => ({
      trace: 1000 + (index >> 1) * 7919,
      id: 1 + (index & 1),
      ...(index & 1 ? { parent: 1 } : {}),
      startUs: 150_000 * index,
      durationUs: 5,
    }));
    const sampled = tableOf([spans], 100);
    expect(sampled.count).toBeGreaterThan(0);
    expect(sampled.count).toBeLessThan(250);
    expect(sampled.count).toBe(2 * sampled.traceIds.length);
    expect(tableOf([spans], 100).traceIds).toEqual(sampled.traceIds);
  });

  it('carries attributes with their texts over to the table', () => {
    const table = tableOf([
      [{ id: 1, startUs: 0, durationUs: 1, attributes: { 'coze.bot.id': 'b7', 特征: '值' } }],
    ]);
    expect(table.attributeOf(0, 'coze.bot.id')).toBe('b7');
    expect(table.attributeOf(0, '特征')).toBe('值');
    expect(table.attributeOf(0, 'absent')).toBeUndefined();
    expect(table.strings.text(table.bot[0]!)).toBe('b7');
  });
});

describe('SpanRows of a period in slices', () => {
  const second = (seconds: number) => BASE_US + 1_000_000 * seconds;
  const period = {
    range: { fromUs: second(0), toUs: second(600) },
    without: [{ fromUs: second(100), toUs: second(300) }],
  };

  it('holds whole traces that begin in a slice, and no others', () => {
    const at = (trace: number, id: number, seconds: number) => ({
      trace,
      id,
      ...(id % 10 === 1 ? {} : { parent: 10 * trace + 1 }),
      startUs: 1_000_000 * seconds,
      durationUs: 5,
    });
    const blocks = [
      [at(1, 11, 99), at(1, 12, 101), at(2, 21, 102)],
      [at(1, 13, 110), at(3, 31, 299), at(3, 32, 301), at(4, 41, 302)],
    ];
    const rows = new SpanRows(new StringDictionary(), undefined);
    rows.readSlices(readerOf(blocks), { period, hasAttributes: true });
    const { table } = layOut(rows, { period });
    const held = table.traceIds.map((id, trace) => [
      Number.parseInt(id, 16),
      table.traceStart[trace + 1]! - table.traceStart[trace]!,
    ]);
    expect(held).toEqual([
      [1, 3],
      [4, 1],
    ]);
  });
});

describe('stages of a trace', () => {
  const span = (
    id: number,
    parent: number | undefined,
    stage: Stage,
    infra: InfraKind = 'none',
  ): SpanLiteral => ({
    id,
    ...(parent === undefined ? {} : { parent }),
    startUs: id,
    durationUs: 5,
    stage,
    infra,
  });
  const cases: readonly {
    readonly caption: string;
    readonly spans: readonly SpanLiteral[];
    readonly stages: readonly Stage[];
  }[] = [
    {
      caption: 'infrastructure takes the stage of its caller, over several spans',
      spans: [span(1, undefined, 'plugin'), span(2, 1, 'infra', 'db'), span(3, 2, 'infra', 'db')],
      stages: ['plugin', 'plugin', 'plugin'],
    },
    {
      caption: 'what runs inside infrastructure takes it, too',
      spans: [span(1, undefined, 'knowledge'), span(2, 1, 'infra', 'http'), span(3, 2, 'other')],
      stages: ['knowledge', 'knowledge', 'knowledge'],
    },
    {
      caption: 'other work of a stage stays unclassified',
      spans: [span(1, undefined, 'receive'), span(2, 1, 'other'), span(3, 2, 'llm')],
      stages: ['receive', 'other', 'llm'],
    },
    {
      caption: 'infrastructure of nobody stays infrastructure',
      spans: [
        span(1, undefined, 'infra', 'db'),
        span(2, undefined, 'other'),
        span(3, 2, 'infra', 'db'),
      ],
      stages: ['infra', 'other', 'infra'],
    },
    {
      caption: 'a stage of its own is kept',
      spans: [span(1, undefined, 'receive'), span(2, 1, 'llm', 'http')],
      stages: ['receive', 'llm'],
    },
  ];

  it.each(cases)('$caption', ({ spans, stages }) => {
    for (const order of [spans, spans.toReversed()]) {
      const table = tableOf([order]);
      expect(spans.map(({ id }) => STAGES[table.stage[rowOf(table, id)]!])).toEqual(stages);
    }
  });
});

describe('self time and critical path', () => {
  const cases: readonly {
    readonly caption: string;
    readonly spans: readonly SpanLiteral[];
    readonly self: Readonly<Record<number, number>>;
    readonly critical: Readonly<Record<number, number>>;
  }[] = [
    {
      caption: 'one child in the middle',
      spans: [
        { id: 1, startUs: 0, durationUs: 100 },
        { id: 2, parent: 1, startUs: 20, durationUs: 50 },
      ],
      self: { 1: 50, 2: 50 },
      critical: { 1: 50, 2: 50 },
    },
    {
      caption: 'overlapping children count once; the one that ends last carries the path',
      spans: [
        { id: 1, startUs: 0, durationUs: 100 },
        { id: 2, parent: 1, startUs: 10, durationUs: 40 },
        { id: 3, parent: 1, startUs: 30, durationUs: 60 },
      ],
      self: { 1: 20, 2: 40, 3: 60 },
      critical: { 1: 20, 2: 20, 3: 60 },
    },
    {
      caption: 'a child that outlives its parent is clipped to it',
      spans: [
        { id: 1, startUs: 0, durationUs: 100 },
        { id: 2, parent: 1, startUs: 80, durationUs: 500 },
      ],
      self: { 1: 80, 2: 500 },
      critical: { 1: 80, 2: 20 },
    },
    {
      caption: 'a detached child after its parent is on no critical path',
      spans: [
        { id: 1, startUs: 0, durationUs: 100 },
        { id: 2, parent: 1, startUs: 200, durationUs: 50 },
      ],
      self: { 1: 100, 2: 50 },
      critical: { 1: 100, 2: 0 },
    },
    {
      caption: 'three levels',
      spans: [
        { id: 1, startUs: 0, durationUs: 100 },
        { id: 2, parent: 1, startUs: 10, durationUs: 80 },
        { id: 3, parent: 2, startUs: 20, durationUs: 60 },
      ],
      self: { 1: 20, 2: 20, 3: 60 },
      critical: { 1: 20, 2: 20, 3: 60 },
    },
  ];

  it.each(cases)('$caption', ({ spans, self, critical }) => {
    const table = tableOf([spans]);
    for (const { id } of spans) {
      expect(table.selfUs[rowOf(table, id)], `self of ${id}`).toBeCloseTo(self[id]!, 3);
      expect(table.criticalUs[rowOf(table, id)], `critical of ${id}`).toBeCloseTo(critical[id]!, 3);
    }
  });

  it('the critical path of a trace sums to the length of its root', () => {
    let seed = 42;
    const random = () => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      return seed / 2 ** 32;
    };
    for (let round = 0; round < 50; round++) {
      const spans: { id: number; parent?: number; startUs: number; durationUs: number }[] = [
        { id: 1, startUs: 0, durationUs: 10_000 },
      ];
      for (let id = 2; id <= 30; id++) {
        const parent = spans[Math.floor(random() * spans.length)]!;
        const startUs = parent.startUs + Math.floor(random() * parent.durationUs);
        spans.push({
          id,
          parent: parent.id,
          startUs,
          durationUs: Math.floor(random() * parent.durationUs * 1.2),
        });
      }
      const table = tableOf([spans]);
      let sum = 0;
      for (let row = 0; row < table.count; row++) sum += table.criticalUs[row]!;
      expect(sum, `seed 42, round ${round}`).toBeCloseTo(10_000, 2);
    }
  });
});
