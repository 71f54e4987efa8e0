import { describe, expect, it } from 'vitest';
import { LogColumns, PointColumns, SpanColumns } from '../../src/model/columns.ts';
import { StringDictionary } from '../../src/model/dictionary.ts';
import { reuseArrays } from '../../src/model/reuse.ts';

const BYTES_MAX = 64 * 1024 * 1024;

/** Fills every list of a span, so that nothing of it can be forgotten. */
function fill(spans: SpanColumns, rows: number, mark: number): void {
  for (let index = 0; index < rows; index++) {
    const row = spans.addRow();
    spans.startUs[row] = mark + index;
    spans.attributes.push(mark, 1, index);
    const event = spans.events.addRow();
    spans.events.name[event] = mark;
    spans.events.attributes.push(mark, 2, index);
    spans.events.endRow(event);
    const link = spans.links.addRow();
    spans.links.flags[link] = mark;
    spans.links.endRow(link);
    spans.endRow(row);
  }
}

function contentOf(spans: SpanColumns): unknown {
  return {
    starts: [...spans.startUs.subarray(0, spans.count)],
    stages: [...spans.stage.subarray(0, spans.count)],
    attributesEnd: [...spans.attributesEnd.subarray(0, spans.count)],
    keys: [...spans.attributes.keys.subarray(0, spans.attributes.count)],
    events: [...spans.events.name.subarray(0, spans.events.count)],
    eventTimes: [...spans.events.timeUs.subarray(0, spans.events.count)],
    links: [...spans.links.flags.subarray(0, spans.links.count)],
    linkIds: [...spans.links.traceId.subarray(0, 16 * spans.links.count)],
  };
}

describe('reuseArrays()', () => {
  it('hands over memory, never content', () => {
    const strings = new StringDictionary();
    const first = new SpanColumns(strings);
    fill(first, 700, 9);
    first.stage.fill(3);
    first.links.traceId.fill(7);
    first.events.timeUs.fill(5);
    const { startUs } = first;
    const keys = first.attributes.keys;
    const second = new SpanColumns(strings);
    reuseArrays(first, second, BYTES_MAX);
    expect(second.startUs).toBe(startUs);
    expect(second.attributes.keys).toBe(keys);
    expect(second.count).toBe(0);
    fill(second, 650, 4);
    const fresh = new SpanColumns(strings);
    fill(fresh, 650, 4);
    expect(contentOf(second)).toEqual(contentOf(fresh));
    fill(second, 1000, 5); // grows past what it was given
    fill(fresh, 1000, 5);
    expect(contentOf(second)).toEqual(contentOf(fresh));
  });

  it('leaves nothing behind that a late reader could mistake for data', () => {
    const strings = new StringDictionary();
    const first = new SpanColumns(strings);
    fill(first, 3, 9);
    reuseArrays(first, new SpanColumns(strings), BYTES_MAX);
    expect(first.startUs).toHaveLength(0);
    expect(first.attributes.keys).toHaveLength(0);
  });

  it('serves all signals', () => {
    const strings = new StringDictionary();
    const logs = new LogColumns(strings);
    const points = new PointColumns(strings);
    logs.endRow(logs.addRow());
    points.pushBucket(1);
    points.endRow(points.addRow());
    const { timeUs } = logs;
    const { buckets } = points;
    const nextLogs = new LogColumns(strings);
    const nextPoints = new PointColumns(strings);
    reuseArrays(logs, nextLogs, BYTES_MAX);
    reuseArrays(points, nextPoints, BYTES_MAX);
    expect(nextLogs.timeUs).toBe(timeUs);
    expect(nextPoints.buckets).toBe(buckets);
    expect(nextPoints.bucketsCount).toBe(0);
  });

  it('does not keep the memory of one huge request', () => {
    const strings = new StringDictionary();
    const first = new SpanColumns(strings);
    fill(first, 5000, 9);
    const second = new SpanColumns(strings);
    reuseArrays(first, second, 100_000);
    expect(second.capacity).toBe(0);
    expect(first.count).toBe(5000);
    expect(first.startUs.length).toBeGreaterThanOrEqual(5000);
  });
});
