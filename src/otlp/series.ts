/** Metric series out of columns: as objects for people, and their identity over batches and blocks. */
import { createHash } from 'node:crypto';
import type { AttributeEntry, PointColumns, ResourceEntry, SeriesEntry } from '../model/columns.ts';
import type { StringDictionary } from '../model/dictionary.ts';
import type { MetricSeries } from '../model/span.ts';
import { entryMapOf, textOfValue } from './value.ts';

const TEMPORALITIES = ['unspecified', 'delta', 'cumulative'] as const;

/** All of a series but its id, which costs a hash. */
export function seriesOf(columns: PointColumns, index: number): Omit<MetricSeries, 'seriesId'> {
  const { strings } = columns;
  const entry = columns.seriesEntries[index]!; // the decoder checked the index
  return {
    ...seriesNameOf(columns, index),
    attributes: entryMapOf(entry.attributes, strings),
    resource: entryMapOf(columns.resources[entry.resource]?.attributes ?? [], strings),
  };
}

/** Of it what is no attribute. */
export function seriesNameOf(
  columns: PointColumns,
  index: number,
): Omit<MetricSeries, 'seriesId' | 'attributes' | 'resource'> {
  const { strings } = columns;
  const entry = columns.seriesEntries[index]!; // as above
  return {
    name: strings.text(entry.name),
    unit: strings.text(entry.unit),
    kind: entry.kind,
    isMonotonic: entry.isMonotonic,
    temporality: TEMPORALITIES[entry.temporality] ?? 'unspecified',
    service: strings.text(entry.service),
  };
}

/** What makes two points one series. An SDK's version is no part of it: an upgrade goes on with the series. */
export function seriesKeyOf(
  entry: SeriesEntry,
  strings: StringDictionary,
  resourceKey: string,
): string {
  const attributes = identityOf(entry.attributes, strings);
  return [
    strings.text(entry.name),
    strings.text(entry.service),
    entry.kind,
    attributes,
    resourceKey,
  ].join('\0');
}

/** Of a resource what makes its series others than those of another one. */
export function resourceKeyOf(resource: ResourceEntry, strings: StringDictionary): string {
  return identityOf(
    resource.attributes.filter(({ key }) => !isOfSdk(strings.text(key))),
    strings,
  );
}

function identityOf(attributes: readonly AttributeEntry[], strings: StringDictionary): string {
  return attributes
    .map(({ key, type, value }) => `${strings.text(key)}\x01${textOfValue(type, value, strings)}`)
    .sort()
    .join('\x02');
}

/** Attributes of a resource that are no part of its identity. */
export function isOfSdk(key: string): boolean {
  return key.startsWith('telemetry.');
}

/** 32 hex digits. */
export function seriesIdOf(key: string): string {
  // not slice(): it would keep all 64 digits in memory
  return createHash('sha256').update(key).digest().toString('hex', 0, 16);
}
