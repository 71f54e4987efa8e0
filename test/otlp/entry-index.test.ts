import { describe, expect, test } from 'vitest';
import {
  AttributeColumns,
  PointColumns,
  type ResourceEntry,
  SpanColumns,
  VALUE_TYPE,
} from '../../src/model/columns.ts';
import { StringDictionary } from '../../src/model/dictionary.ts';
import { entryIndexOf, type Metric } from '../../src/otlp/entry-index.ts';

function resource(value: number, fields: Partial<ResourceEntry> = {}): ResourceEntry {
  const attributes = [{ key: 1, type: VALUE_TYPE.double, value }];
  return { attributes, droppedAttributesCount: 0, schemaUrl: 0, ...fields };
}

describe('entryIndexOf()', () => {
  const open = () => {
    const columns = new SpanColumns(new StringDictionary());
    return { columns, index: entryIndexOf(columns) };
  };

  test('gives the same index for the same columns, another for others', () => {
    const { columns, index } = open();
    expect(entryIndexOf(columns)).toBe(index);
    expect(open().index).not.toBe(index);
  });

  const DIFFERENT: readonly [string, ResourceEntry, ResourceEntry][] = [
    ['values', resource(1), resource(2)],
    ['0 and -0', resource(0), resource(-0)],
    ['schemas', resource(1), resource(1, { schemaUrl: 5 })],
    ['dropped counts', resource(1), resource(1, { droppedAttributesCount: 5 })],
    ['numbers of attributes', resource(1), resource(1, { attributes: [] })],
  ];
  test.each(DIFFERENT)('tells apart different %s', (_, left, right) => {
    const { index } = open();
    expect([index.addResource(left), index.addResource(right)]).toEqual([0, 1]);
    expect([index.addResource(left), index.addResource(right)]).toEqual([0, 1]);
  });

  test('knows NaN as equal to itself', () => {
    const { index } = open();
    expect([
      index.addResource(resource(Number.NaN)),
      index.addResource(resource(Number.NaN)),
    ]).toEqual([0, 0]);
  });

  test('forgets what was added since a mark', () => {
    const { columns, index } = open();
    index.addResource(resource(1));
    const mark = index.mark();
    index.addResource(resource(2));
    index.truncate(mark);
    expect(columns.resources).toEqual([resource(1)]);
    expect(index.addResource(resource(3))).toBe(1);
    expect(index.addResource(resource(2))).toBe(2);
  });

  test('a metric with equal attributes is one series, anything else another', () => {
    const columns = new PointColumns(new StringDictionary());
    const index = entryIndexOf(columns);
    const metric: Metric = {
      name: 1,
      unit: 2,
      description: 3,
      kind: 'sum',
      temporality: 2,
      isMonotonic: true,
      resource: 0,
      scope: 0,
    };
    const attributes = (...values: number[]) => {
      const scratch = new AttributeColumns();
      for (const value of values) scratch.push(4, VALUE_TYPE.double, value);
      return scratch;
    };
    const different: readonly [Metric, AttributeColumns][] = [
      [metric, attributes(1)],
      [metric, attributes()],
      [metric, attributes(1, 1)],
      [metric, attributes(0)],
      [metric, attributes(-0)],
      [metric, attributes(Number.NaN)],
      [{ ...metric, name: 9 }, attributes(1)],
      [{ ...metric, unit: 9 }, attributes(1)],
      [{ ...metric, kind: 'gauge' }, attributes(1)],
      [{ ...metric, temporality: 1 }, attributes(1)],
      [{ ...metric, isMonotonic: false }, attributes(1)],
      [{ ...metric, resource: 9 }, attributes(1)],
      [{ ...metric, scope: 9 }, attributes(1)],
    ];
    const added = different.map(([of, scratch]) => {
      expect(index.findSeries(of, scratch)).toBe(-1);
      return index.addSeries(of, scratch);
    });
    expect(added).toEqual(different.map((_, at) => at));
    expect(different.map(([of, scratch]) => index.findSeries(of, scratch))).toEqual(added);
    expect(index.findSeries({ ...metric, description: 9 }, attributes(1))).toBe(0);
    expect(columns.seriesEntries[2]).toEqual({
      ...metric,
      attributes: [1, 1].map((value) => ({ key: 4, type: VALUE_TYPE.double, value })),
      service: 0,
    });
    index.truncate({ resources: 0, scopes: 0, series: 5 });
    expect(index.findSeries(metric, attributes(-0))).toBe(4);
    expect(index.findSeries(metric, attributes(Number.NaN))).toBe(-1);
  });

  test('follows when others fill or empty the list', () => {
    const { columns, index } = open();
    index.addResource(resource(1));
    columns.resources.push(resource(2), resource(2));
    expect(index.addResource(resource(2))).toBe(1);
    columns.resources.length = 0;
    expect(index.addResource(resource(2))).toBe(0);
    expect(index.addResource(resource(1))).toBe(1);
  });
});
