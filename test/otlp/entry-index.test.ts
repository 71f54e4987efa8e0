import { describe, expect, test } from 'vitest';
import { type ResourceEntry, SpanColumns, VALUE_TYPE } from '../../src/model/columns.ts';
import { StringDictionary } from '../../src/model/dictionary.ts';
import { entryIndexOf } from '../../src/otlp/entry-index.ts';

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
