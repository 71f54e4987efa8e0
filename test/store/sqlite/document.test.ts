/** What docs/storage.md says of blocks is what stands in the files: read back by a reader written from it alone. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { METRIC_KINDS, VALUE_TYPE } from '../../../src/model/columns.ts';
import type { IngestGroup } from '../../../src/store/api/telemetry.ts';
import { openTelemetryWriter } from '../../../src/store/open.ts';
import { orderBySeries } from '../../../src/store/sqlite/point-block.ts';
import { readBodies, readBuckets, readProfiles, readSpans, type Value } from '../block-reader.ts';
import {
  emptyGroup,
  hashOf,
  mixKeys,
  NOON_US,
  Random,
  randomLogs,
  randomPoints,
  randomSpans,
  withRequest,
} from '../generate.ts';
import { describeSpan } from '../rows.ts';

let dataDir: string;

beforeEach(() => {
  dataDir = fs.mkdtempSync(path.join(os.tmpdir(), 'taproot-document-'));
});

afterEach(() => {
  fs.rmSync(dataDir, { recursive: true });
});

/** Writes a group of one day and hands over its file and its only block. */
function withBlock<T>(
  group: IngestGroup,
  read: (connection: Database.Database, blockId: number) => T,
): T {
  const writer = openTelemetryWriter({ dataDir, durability: 'process' });
  writer.write(group.requests.length > 0 ? group : withRequest(group, 1));
  writer.close();
  const [name = ''] = fs
    .readdirSync(path.join(dataDir, 'telemetry'))
    .filter((file) => file.endsWith('.db'));
  const connection = new Database(path.join(dataDir, 'telemetry', name), { readonly: true });
  try {
    const blocks = connection.prepare('SELECT block_id FROM blocks').pluck().all();
    expect(blocks).toHaveLength(1);
    return read(connection, Number(blocks[0]));
  } finally {
    connection.close();
  }
}

/** A value as the reader gives it. */
function plain([type, value]: readonly [number, Value]): Value {
  if (type === VALUE_TYPE.empty) return null;
  return type === VALUE_TYPE.bool ? value === 1 : value;
}

/** What the reader gives of a span; attributes in order of their keys. */
function expectedSpan(spans: IngestGroup['spans'], row: number): unknown {
  const described = describeSpan(spans, row);
  const { traceId, spanId, parentSpanId, name, service, kind } = described;
  const { startUs, startNs, durationNs } = described;
  // describeSpan() gives lists of key and [type, value].
  const list = described['attributes'] as readonly [string, readonly [number, Value]][];
  const attributes = sortedByKey(list.map(([key, value]) => [key, plain(value)]));
  const ids = { traceId, spanId, parentSpanId };
  return { ...ids, name, service, kind, startUs, startNs, durationNs, attributes };
}

function sortedByKey<T extends readonly [string, Value]>(list: readonly T[]): T[] {
  return [...list].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}

function spansOfOneDay(count: number): IngestGroup['spans'] {
  const spans = randomSpans(count, new Random(count));
  for (let row = 0; row < count; row++)
    spans.startUs[row] = NOON_US + (spans.startUs[row]! % 3_600_000_000);
  return spans;
}

describe('docs/storage.md', () => {
  it.each([
    ['of any shape', 5, false],
    ['of any shape', 700, false],
    ['with keys at random', 2000, true],
  ])('tells how to read spans %s (%i)', (_, count, isMixed) => {
    const spans = spansOfOneDay(count);
    if (isMixed) mixKeys(spans, new Random(7));
    const found = withBlock({ ...emptyGroup(), spans }, (connection, blockId) =>
      readSpans(connection, { blockId, rowCount: count }),
    );
    const expected = Array.from({ length: count }, (__, row) => expectedSpan(spans, row));
    const shown = found.map((span) => ({ ...span, attributes: sortedByKey(span.attributes) }));
    const asText = (span: unknown) =>
      JSON.stringify(span, (___, value) => (Object.is(value, -0) ? '−0' : value));
    expect(shown.map(asText).sort()).toEqual(expected.map(asText).sort());
  });

  it.each(['protobuf', 'json'] as const)('tells how to read profiles in %s', (encoding) => {
    const random = new Random(9);
    const body = Uint8Array.from({ length: 5000 }, () => random.below(4));
    const profiles = { receivedUs: NOON_US, count: 3, services: ['bot'], encoding, body };
    const none = [0, 0] as const;
    const request = { hash: hashOf(1), spans: none, logs: none, points: none, profiles };
    const found = withBlock({ ...emptyGroup(), requests: [request] }, readProfiles);
    expect(found.encoding).toBe(encoding);
    expect(Buffer.from(found.body).equals(body)).toBe(true);
  });

  it('tells how to read bodies of logs', () => {
    const logs = randomLogs(600, new Random(3));
    logs.timeUs.fill(NOON_US);
    const found = withBlock({ ...emptyGroup(), logs }, (connection, blockId) =>
      readBodies(connection, { blockId, rowCount: 600 }),
    );
    const texts: readonly number[] = [VALUE_TYPE.string, VALUE_TYPE.json, VALUE_TYPE.wideInt];
    const expected = Array.from({ length: 600 }, (_, row) => {
      const type = logs.bodyType[row]!;
      const value = logs.bodyValue[row]!;
      return plain([type, texts.includes(type) ? logs.strings.text(value) : value]);
    });
    expect(found.map(String).sort()).toEqual(expected.map(String).sort());
  });

  it('tells how to read buckets of points', () => {
    const points = randomPoints(400, new Random(4));
    points.timeUs.fill(NOON_US);
    const order = orderBySeries(
      points,
      Uint32Array.from({ length: 400 }, (_, row) => row),
    );
    const kinds = Array.from(order, (row) =>
      METRIC_KINDS.indexOf(points.seriesEntries[points.series[row]!]!.kind),
    );
    const found = withBlock({ ...emptyGroup(), points }, (connection, blockId) =>
      readBuckets(connection, { blockId, kinds }),
    );
    const expected = Array.from(order, (row) => [
      ...points.buckets.subarray(
        row === 0 ? 0 : points.bucketsEnd[row - 1]!,
        points.bucketsEnd[row]!,
      ),
    ]);
    expect(found).toEqual(expected);
  });
});
