import { describe, expect, it } from 'vitest';
import {
  buffersOf,
  bytesOf,
  giveMemory,
  giveRoom,
  takeMemory,
} from '../../src/model/column-memory.ts';
import { LogColumns, PointColumns, SpanColumns } from '../../src/model/columns.ts';
import { StringDictionary } from '../../src/model/dictionary.ts';

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

describe('column memory', () => {
  it('moves all content into other columns of the class', () => {
    const strings = new StringDictionary();
    const [first, same] = [new SpanColumns(strings), new SpanColumns(strings)];
    fill(first, 700, 9);
    fill(same, 700, 9);
    const second = new SpanColumns(strings);
    giveMemory(takeMemory(first), second);
    expect(second.count).toBe(700);
    expect(contentOf(second)).toEqual(contentOf(same));
    fill(second, 1000, 5); // grows past what it was given
    fill(same, 1000, 5);
    expect(contentOf(second)).toEqual(contentOf(same));
  });

  it('leaves nothing behind that a late reader could mistake for data', () => {
    const first = new SpanColumns(new StringDictionary());
    fill(first, 3, 9);
    takeMemory(first);
    expect(first).toEqual({
      ...new SpanColumns(first.strings),
      attributes: expect.objectContaining({ count: 0, keys: new Uint32Array(0) }),
      events: expect.objectContaining({ count: 0, name: new Uint32Array(0) }),
      links: expect.objectContaining({ count: 0, flags: new Uint32Array(0) }),
      derived: expect.objectContaining({ count: 0, keys: new Uint32Array(0) }),
    });
  });

  it('gives room without content', () => {
    const strings = new StringDictionary();
    const first = new SpanColumns(strings);
    fill(first, 700, 9);
    first.stage.fill(3);
    first.links.traceId.fill(7);
    first.events.timeUs.fill(5);
    first.derived.push(1, 1, 1);
    const { startUs } = first;
    const second = new SpanColumns(strings);
    giveRoom(takeMemory(first), second);
    expect(second.startUs).toBe(startUs);
    expect([second.count, second.events.count, second.derived.count]).toEqual([0, 0, 0]);
    fill(second, 650, 4);
    const fresh = new SpanColumns(strings);
    fill(fresh, 650, 4);
    expect(contentOf(second)).toEqual(contentOf(fresh));
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
    giveRoom(takeMemory(logs), nextLogs);
    giveMemory(takeMemory(points), nextPoints);
    expect(nextLogs.timeUs).toBe(timeUs);
    expect(nextLogs.count).toBe(0);
    expect(nextPoints.buckets).toBe(buckets);
    expect(nextPoints.bucketsCount).toBe(1);
  });

  it('tells its buffers, each once', () => {
    const spans = new SpanColumns(new StringDictionary());
    fill(spans, 10, 1);
    const memory = takeMemory(spans);
    const buffers = buffersOf(memory);
    expect(new Set(buffers).size).toBe(buffers.length);
    expect(bytesOf(memory)).toBe(buffers.reduce((sum, { byteLength }) => sum + byteLength, 0));
    const moved = structuredClone(memory, { transfer: [...buffers] });
    expect(bytesOf(memory)).toBe(0);
    const columns = new SpanColumns(new StringDictionary());
    giveMemory(moved, columns);
    expect([...columns.startUs.subarray(0, 10)]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });
});
