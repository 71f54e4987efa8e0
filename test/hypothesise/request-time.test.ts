/** Own part of a request's time by span, with clocks that agree and with clocks that do not. */
import { describe, expect, it } from 'vitest';
import { timeRequests } from '../../src/hypothesise/request-time.ts';
import { StringDictionary } from '../../src/model/dictionary.ts';
import { NO_ROW } from '../../src/model/window.ts';
import { buildSpanTable, type SpanLiteral } from '../build/span-table.ts';

const CALL_MS = 100;
const ANSWER_MS = 60;

/** A call of 100 ms that another service answers within 60 ms, by a clock that is so much off. */
function call(options: {
  readonly answerAtMs: number;
  readonly answerMs?: number;
  readonly kind?: SpanLiteral['kind'];
}): SpanLiteral[] {
  const common = { trace: 'a', startUs: 0, durationUs: CALL_MS * 1000 };
  return [
    { ...common, id: 'root', service: 'web', operation: 'GET /', kind: 'server' },
    {
      ...common,
      id: 'call',
      parent: 'root',
      service: 'web',
      operation: 'call stock',
      kind: options.kind ?? 'client',
    },
    {
      trace: 'a',
      id: 'answer',
      parent: 'call',
      service: 'stock',
      operation: 'GET /stock',
      kind: 'server',
      startUs: options.answerAtMs * 1000,
      durationUs: (options.answerMs ?? ANSWER_MS) * 1000,
    },
  ];
}

function ownMs(spans: readonly SpanLiteral[]): number[] {
  const { ownUs } = timeRequests(buildSpanTable(new StringDictionary(), spans));
  return [...ownUs].map((us) => us / 1000);
}

describe('timeRequests()', () => {
  it.each<readonly [caption: string, answerAtMs: number]>([
    ['within the call', 20],
    ['by a clock that is behind', -30],
    ['by a clock that is far behind', -5000],
    ['by a clock that is ahead', 70],
    ['by a clock that is far ahead', 5000],
  ])('gives a call what it takes beyond its answer, answered %s', (_, answerAtMs) => {
    expect(ownMs(call({ answerAtMs }))).toEqual([0, CALL_MS - ANSWER_MS, ANSWER_MS]);
  });

  it('takes an answer that lasts longer than its call for one that was not waited for', () => {
    expect(ownMs(call({ answerAtMs: 20, answerMs: 500 }))[1]).toBe(20);
  });

  it('takes work that goes on after a message was sent for no disagreement of clocks', () => {
    expect(ownMs(call({ answerAtMs: 90, kind: 'producer' }))[1]).toBe(90);
  });

  it('knows which span answers a call, and that other spans have no answer', () => {
    const table = buildSpanTable(new StringDictionary(), call({ answerAtMs: 20 }));
    expect([...timeRequests(table).answer]).toEqual([NO_ROW, 2, NO_ROW]);
  });

  it('times nothing in nothing', () => {
    expect(ownMs([])).toEqual([]);
  });
});
