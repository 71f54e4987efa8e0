/** Own and critical time where clocks disagree, and where a span runs beside the calls that it waits for. */
import { describe, expect, it } from 'vitest';
import { StringDictionary } from '../../src/model/dictionary.ts';
import { computeTimes } from '../../src/pipeline/trace-times.ts';
import { buildSpanTable, type SpanLiteral } from '../build/span-table.ts';

type Span = Pick<SpanLiteral, 'id' | 'parent' | 'kind' | 'target'> & {
  readonly service?: string;
  readonly at: number;
  readonly takes: number;
};

/** Critical time of each span, in order. */
function criticalOf(spans: readonly Span[]): number[] {
  const literals = spans.map(
    ({ at, takes, ...span }): SpanLiteral => ({
      trace: 'a',
      service: 'web',
      operation: span.id,
      startUs: at * 1000,
      durationUs: takes * 1000,
      ...span,
    }),
  );
  const table = buildSpanTable(new StringDictionary(), literals);
  table.criticalUs.fill(0);
  computeTimes(table);
  return [...table.criticalUs.subarray(0, table.count)].map((us) => us / 1000);
}

const ROOT: Span = { id: 'root', kind: 'server', at: 0, takes: 110 };
const CALL: Span = { id: 'call', parent: 'root', kind: 'client', at: 5, takes: 100 };

describe('computeTimes() where clocks disagree', () => {
  it.each<readonly [caption: string, at: number]>([
    ['within the call', 25],
    ['by a clock that is behind', -30],
    ['by a clock that is far behind', -5000],
    ['by a clock that is ahead', 75],
    ['by a clock that is far ahead', 5000],
  ])(
    'gives a call what it takes beyond its answer, and the answer its parts, answered %s',
    (_, at) => {
      const answer: Span = {
        id: 'answer',
        parent: 'call',
        service: 'stock',
        kind: 'server',
        at,
        takes: 60,
      };
      const query: Span = {
        id: 'query',
        parent: 'answer',
        service: 'stock',
        kind: 'client',
        target: 'db',
        at: at + 10,
        takes: 20,
      };
      expect(criticalOf([ROOT, CALL, answer, query])).toEqual([10, 40, 40, 20]);
    },
  );

  it('finds the critical path of children that the clocks put in the wrong order', () => {
    const first: Span = { id: 'a', parent: 'root', service: 'a', kind: 'server', at: 0, takes: 40 };
    const second: Span = {
      id: 'b',
      parent: 'root',
      service: 'b',
      kind: 'server',
      at: -500,
      takes: 60,
    };
    // b is moved to the begin of its parent, where it ends after a
    expect(criticalOf([ROOT, first, second])).toEqual([50, 0, 60]);
  });

  it('leaves a callee that outlives its caller where it is: it was not waited for', () => {
    const consumer: Span = { id: 'consume', parent: 'call', service: 'stock', at: 95, takes: 500 };
    expect(criticalOf([ROOT, CALL, consumer])).toEqual([10, 90, 10]);
  });

  it('leaves work that goes on after a message was sent where it is', () => {
    const send: Span = { ...CALL, kind: 'producer' };
    const consumer: Span = { id: 'consume', parent: 'call', service: 'stock', at: 300, takes: 50 };
    expect(criticalOf([ROOT, send, consumer])).toEqual([10, 100, 0]);
  });
});

describe('computeTimes() beside calls', () => {
  it('gives a handler that spans a call of its parent only what the call leaves', () => {
    const handler: Span = { id: 'handler', parent: 'root', at: 2, takes: 106 };
    expect(criticalOf([ROOT, handler, CALL])).toEqual([4, 6, 100]);
  });

  it('gives work that goes on after the call its own time', () => {
    const work: Span = { id: 'work', parent: 'root', at: 2, takes: 105 };
    const call: Span = { ...CALL, takes: 30 };
    expect(criticalOf([ROOT, work, call])).toEqual([5, 75, 30]);
  });

  it('shares the time between calls among several spans without children', () => {
    const early: Span = { id: 'early', parent: 'root', at: 0, takes: 20 };
    const call: Span = { ...CALL, at: 10, takes: 50 };
    const late: Span = { id: 'late', parent: 'root', at: 50, takes: 30 };
    const last: Span = { id: 'last', parent: 'root', at: 90, takes: 10 };
    expect(criticalOf([ROOT, early, call, late, last])).toEqual([20, 10, 50, 20, 10]);
  });

  it('gives each of many spans beside calls its part', () => {
    const spans: Span[] = [{ ...ROOT, takes: 8000 }];
    for (let index = 0; index < 2000; index++) {
      const common = { parent: 'root', takes: 2 };
      spans.push({ ...common, id: `work ${index}`, at: 4 * index });
      spans.push({ ...common, id: `call ${index}`, kind: 'client', at: 4 * index + 1 });
    }
    const critical = criticalOf(spans);
    expect(critical[0]).toBe(2000);
    expect(new Set(critical.filter((_, index) => index % 2 === 1))).toEqual(new Set([1]));
    expect(new Set(critical.filter((_, index) => index > 0 && index % 2 === 0))).toEqual(
      new Set([2]),
    );
  });
});
