import { describe, expect, it } from 'vitest';
import type { ResourceEntry, ScopeEntry, SeriesEntry } from '../../src/model/columns.ts';
import {
  packResources,
  packScopes,
  packSeries,
  unpackResources,
  unpackScopes,
  unpackSeries,
} from '../../src/model/entry-parts.ts';

const ATTRIBUTES = [
  { key: 7, type: 1, value: 9 },
  { key: 8, type: 4, value: -0.5 },
  { key: 9, type: 4, value: Number.NaN },
];

describe('entries as numbers', () => {
  it('come back as they were: resources', () => {
    const entries: ResourceEntry[] = [
      { attributes: ATTRIBUTES, droppedAttributesCount: 3, schemaUrl: 4 },
      { attributes: [], droppedAttributesCount: 0, schemaUrl: 0 },
      { attributes: ATTRIBUTES.slice(1), droppedAttributesCount: 0, schemaUrl: 0 },
    ];
    expect(unpackResources(packResources(entries))).toEqual(entries);
    expect(unpackResources(packResources([]))).toEqual([]);
  });

  it('come back as they were: scopes', () => {
    const entries: ScopeEntry[] = [
      { attributes: [], droppedAttributesCount: 1, schemaUrl: 2, name: 3, version: 4 },
      { attributes: ATTRIBUTES, droppedAttributesCount: 0, schemaUrl: 0, name: 0, version: 9 },
    ];
    expect(unpackScopes(packScopes(entries))).toEqual(entries);
  });

  it('come back as they were: series, also very many', () => {
    const entries = Array.from(
      { length: 150_000 },
      (_, index): SeriesEntry => ({
        name: index,
        unit: 1,
        description: 2,
        kind: index % 2 === 0 ? 'gauge' : 'exponentialHistogram',
        temporality: index % 3,
        isMonotonic: index % 5 === 0,
        attributes: index % 7 === 0 ? ATTRIBUTES : [],
        resource: index % 11,
        scope: 3,
        service: 4,
      }),
    );
    const back = unpackSeries(packSeries(entries));
    expect(back).toHaveLength(entries.length);
    expect(back.slice(0, 100)).toEqual(entries.slice(0, 100));
    expect(back.at(-1)).toEqual(entries.at(-1));
  });
});
