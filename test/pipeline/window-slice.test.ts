/** Parts of a period keep whole traces, and ids mean the same. */
import { describe, expect, it } from 'vitest';
import { US_PER_MINUTE } from '../../src/base/time.ts';
import { NO_ROW, type SpanTable } from '../../src/model/window.ts';
import { placebosOf } from '../../src/pipeline/placebo.ts';
import { sliceWindow } from '../../src/pipeline/window-slice.ts';
import { profileOf } from '../build/profiles.ts';
import { shopTraffic } from '../build/shop.ts';
import { buildCollected, buildSeries, REFERENCE_RANGE, WINDOW_RANGE } from '../build/span-table.ts';

const collected = buildCollected({
  window: { spans: shopTraffic({ seed: 2, requests: 20, fromUs: WINDOW_RANGE.fromUs }) },
  reference: {
    spans: shopTraffic({ seed: 1, requests: 200, fromUs: REFERENCE_RANGE.fromUs }),
    logs: [0, 1, 2, 3].map((minute) => ({
      timeUs: REFERENCE_RANGE.fromUs + minute * US_PER_MINUTE,
      service: 'cart',
      template: `t${minute}`,
    })),
    series: [
      {
        ...buildSeries({ service: 'cart', name: 'cpu', values: [10, 11, 12, 13] }),
        timesUs: Float64Array.of(0, 1, 2, 3).map(
          (minute) => REFERENCE_RANGE.fromUs + minute * US_PER_MINUTE,
        ),
      },
    ],
  },
});
const reference = collected.reference!; // given above
const first = {
  fromUs: REFERENCE_RANGE.fromUs,
  toUs: REFERENCE_RANGE.fromUs + 2 * US_PER_MINUTE,
};

/** A trace as text: service, operation and parent's operation of each span, with times and attributes. */
function traceText(table: SpanTable, trace: number): string {
  const lines: string[] = [];
  for (let at = table.traceStart[trace]!; at < table.traceStart[trace + 1]!; at++) {
    const row = table.traceRows[at]!;
    const parent = table.parent[row]!;
    const names = [row, parent]
      .map((one) => (one === NO_ROW ? '-' : table.strings.text(table.operation[one]!)))
      .join('<');
    lines.push(
      `${names} ${table.startUs[row]} ${table.selfUs[row]} ${table.attributesEnd[row]! - table.attributesStart(row)}`,
    );
  }
  return lines.join('\n');
}

function tracesOf(table: SpanTable): Map<string, string> {
  return new Map(table.traceIds.map((id, trace) => [id, traceText(table, trace)]));
}

describe('sliceWindow()', () => {
  it('divides traces, logs and points between a part and the rest, and changes none', () => {
    const part = sliceWindow(reference, first);
    const rest = sliceWindow(reference, reference.range, first);
    expect(part.spans.count).toBeGreaterThan(0);
    expect(rest.spans.count).toBeGreaterThan(0);
    expect(new Map([...tracesOf(part.spans), ...tracesOf(rest.spans)])).toEqual(
      tracesOf(reference.spans),
    );
    expect(part.spans.traceIds.length + rest.spans.traceIds.length).toBe(
      reference.spans.traceIds.length,
    );
    expect([part.logs.count, rest.logs.count]).toEqual([2, 2]);
    expect([...part.series[0]!.values]).toEqual([10, 11]);
    expect([...rest.series[0]!.values]).toEqual([12, 13]);
  });

  it('divides profiles by the time of their recording', () => {
    const at = (minute: number) => REFERENCE_RANGE.fromUs + minute * US_PER_MINUTE;
    const profiles = [0, 1, 2].map((minute) =>
      profileOf({ service: 'cart', fromUs: at(minute), self: { add: 1 } }),
    );
    const withProfiles = { ...reference, profiles };
    expect(sliceWindow(withProfiles, first).profiles).toEqual(profiles.slice(0, 2));
    const rest = sliceWindow(withProfiles, reference.range, first);
    expect(rest.profiles).toEqual(profiles.slice(2));
  });

  it('leaves out series without a point', () => {
    const none = { fromUs: reference.range.toUs, toUs: reference.range.toUs + 1 };
    expect(sliceWindow(reference, none).series).toEqual([]);
  });
});

describe('placebosOf()', () => {
  it('cuts windows as long as the incident, each with the rest as its reference', () => {
    const lengthUs = WINDOW_RANGE.toUs - WINDOW_RANGE.fromUs;
    const placebos = placebosOf(collected, 3);
    const wholeUs = REFERENCE_RANGE.toUs - REFERENCE_RANGE.fromUs;
    expect(placebos).toHaveLength(
      Math.min(3, Math.floor(wholeUs / Math.min(lengthUs, wholeUs / 2))),
    );
    for (const { window, reference: rest } of placebos) {
      expect(window.range.toUs - window.range.fromUs).toBe(Math.min(lengthUs, wholeUs / 2));
      expect(window.spans.traceIds.length + (rest?.spans.traceIds.length ?? 0)).toBe(
        reference.spans.traceIds.length,
      );
    }
  });

  it('has none without a reference, or with one that is too short', () => {
    expect(placebosOf({ ...collected, reference: undefined }, 4)).toEqual([]);
    const range = { ...REFERENCE_RANGE, toUs: REFERENCE_RANGE.fromUs + 30_000_000 };
    expect(placebosOf({ ...collected, reference: { ...reference, range } }, 4)).toEqual([]);
  });
});
