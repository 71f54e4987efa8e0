import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hexOf } from '../../../src/base/bytes.ts';
import type { AttributeColumns, SpanColumns } from '../../../src/model/columns.ts';
import { StringDictionary } from '../../../src/model/dictionary.ts';
import type { SpanScan, TelemetryReader } from '../../../src/store/api/telemetry.ts';
import { openTelemetryReader, openTelemetryWriter } from '../../../src/store/open.ts';
import { sendTraffic } from '../../pipeline/traffic.ts';

const FROM_US = 1_789_999_980_000_000;
const RANGE = { fromUs: FROM_US, toUs: FROM_US + 10 * 60_000_000 };

let dataDir: string;
let reader: TelemetryReader;

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'taproot-scan-'));
  const writer = openTelemetryWriter({ dataDir, durability: 'process' });
  await sendTraffic(writer, { fromUs: FROM_US, minutes: 5, requestsPerMinute: 40, seed: 3 });
  writer.close();
  reader = openTelemetryReader({ dataDir });
});

afterAll(() => {
  reader.close();
  rmSync(dataDir, { recursive: true });
});

/** What a scan says of each span: name, times and attributes as texts. */
function spansOf(scan: Partial<SpanScan>): Map<string, string> {
  const found = new Map<string, string>();
  reader.scanSpans({ range: RANGE, sections: ['attributes'], ...scan }, (columns, rows) => {
    for (const row of rows) {
      const { strings } = columns;
      found.set(
        hexOf(columns.spanId, 8 * row, 8 * row + 8),
        JSON.stringify([
          strings.text(columns.name[row]!),
          columns.startUs[row],
          listOf(columns.attributes, columns.attributesEnd, { row, strings }),
          listOf(columns.derived, columns.derivedEnd, { row, strings }),
        ]),
      );
    }
    return undefined;
  });
  return found;
}

function listOf(
  list: AttributeColumns,
  ends: Uint32Array,
  { row, strings }: { readonly row: number; readonly strings: StringDictionary },
): readonly unknown[] {
  const items: unknown[] = [];
  for (let at = row === 0 ? 0 : ends[row - 1]!; at < ends[row]!; at++) {
    const value = list.values[at]!;
    items.push([strings.text(list.keys[at]!), list.types[at], strings.text(value) || value]);
  }
  return items;
}

describe('scanSpans()', () => {
  it('says the same with a dictionary of the caller as with one of each block', () => {
    const own = spansOf({});
    expect(own.size).toBe(600);
    expect(spansOf({ strings: new StringDictionary() })).toEqual(own);
  });

  it.each([
    ['some', (id: number) => id % 5 === 0],
    ['none', () => false],
    ['all', () => true],
  ])('reads %s of the rows as it reads them among all', (_, choose) => {
    const isWanted = ({ spanId }: SpanColumns, row: number) => choose(spanId[8 * row + 7]!);
    const wanted = [...spansOf({})].filter(([id]) => choose(Number.parseInt(id.slice(14), 16)));
    expect(spansOf({ isWanted, strings: new StringDictionary() })).toEqual(new Map(wanted));
  });
});
