import { describe, expect, it } from 'vitest';
import {
  draftIncident,
  draftProcessPoints,
  HANGING_PLUGIN,
  HANGING_SERVICE,
} from '../../src/bench/incident-load.ts';
import { Random } from '../../src/bench/random.ts';

const SPANS = 800;

function drafted(isHanging: boolean) {
  const { spans, logs } = draftIncident(new Random(7), { spanCount: SPANS, isHanging });
  if (spans.signal !== 'traces' || logs.signal !== 'logs') throw new Error('other signals');
  return { spans, logs, items: spans.groups.flatMap((group) => group.items) };
}

describe('draftIncident()', () => {
  it('makes the same load of the same seed', () => {
    expect(drafted(true)).toEqual(drafted(true));
  });

  it('has a log line for each span, of the same traces', () => {
    const { spans, logs } = drafted(true);
    expect(logs.itemCount).toBe(spans.itemCount);
    expect(logs.traceCount).toBe(spans.traceCount);
  });

  it('slows the calls of one plugin by two seconds, and about half of them fail', () => {
    const name = `execute_tool ${HANGING_PLUGIN}`;
    const msOf = ({ items }: ReturnType<typeof drafted>) =>
      items
        .filter((span) => span.name === name)
        .map(({ startOffsetNs, endOffsetNs }) => (endOffsetNs - startOffsetNs) / 1e6);
    const calls = drafted(true).items.filter((span) => span.name === name);
    const healthyMs = msOf(drafted(false));
    expect(msOf(drafted(true)).map((ms, call) => Math.round(ms - healthyMs[call]!))).toEqual(
      calls.map(() => 2000),
    );
    const failing = calls.filter(({ isError }) => isError).length;
    expect(failing).toBeGreaterThan(0.2 * calls.length);
    expect(failing).toBeLessThan(0.8 * calls.length);
  });

  it('says so in the logs of failing traces, and of no others', () => {
    const complaints = ({ logs }: ReturnType<typeof drafted>) =>
      logs.groups
        .flatMap((group) => group.items)
        .filter(({ body }) => typeof body === 'string' && body.includes('gave no answer'));
    expect(complaints(drafted(true)).length).toBeGreaterThan(0);
    expect(complaints(drafted(false))).toEqual([]);
  });
});

describe('draftProcessPoints()', () => {
  it('draws each series once, and the queue of the hanging service twenty times as long', () => {
    const pointsOf = (isHanging: boolean) =>
      draftProcessPoints(new Random(7), { seriesCount: 220, minute: 3, isHanging });
    const queues = (isHanging: boolean) =>
      pointsOf(isHanging)
        .filter(({ groups }) => JSON.stringify(groups[0]?.resource).includes(HANGING_SERVICE))
        .map(({ groups }) => {
          const [first] = groups[0]?.items ?? [];
          const value = first && 'points' in first ? first.points[0]?.value : undefined;
          if (typeof value !== 'number') throw new Error('no gauge');
          return value;
        });
    expect(pointsOf(true).reduce((sum, { itemCount }) => sum + itemCount, 0)).toBe(220);
    const [hanging, healthy] = [queues(true), queues(false)];
    expect(hanging.map((value, at) => Math.round(value / healthy[at]!))).toEqual(
      hanging.map(() => 20),
    );
  });
});
