/** Steps inside a span that no longer follow one another. */
import { describe, expect, it } from 'vitest';
import { clusterSpans } from '../../src/cluster/cluster.ts';
import { hypothesise } from '../../src/hypothesise/hypothesise.ts';
import type { Hypothesis } from '../../src/model/hypothesis.ts';
import {
  buildCollected,
  type LogLiteral,
  type PeriodLiteral,
  REFERENCE_RANGE,
  type SpanLiteral,
  WINDOW_RANGE,
} from '../build/span-table.ts';

const NO_RULES = {
  rulebook: { rules: [], rulesHash: '' },
  probes: { services: {}, timeoutMs: 5000 },
};

/** Requests of front, which calls back; back logs the given lines, one millisecond apart. */
function periodOf(
  fromUs: number,
  linesOf: (index: number) => readonly string[],
  frontLinesOf: (index: number) => readonly string[] = () => ['Front#1', 'Front#2'],
): PeriodLiteral {
  const spans: SpanLiteral[] = [];
  const logs: LogLiteral[] = [];
  for (let index = 0; index < 40; index++) {
    const trace = (fromUs + index).toString(16).padStart(32, '0');
    const startUs = fromUs + index * 1_000_000;
    const common = { trace, startUs, durationUs: 20_000 };
    const [front, back] = ['000000000000000a', '000000000000000b'];
    spans.push({ ...common, id: front, service: 'front', operation: 'GET /', kind: 'server' });
    spans.push({
      ...common,
      id: back,
      parent: front,
      service: 'back',
      operation: 'load',
      startUs: startUs + 5000,
      durationUs: 10_000,
    });
    const log = (service: string, span: string, atUs: number) => (source: string, line: number) =>
      logs.push({
        timeUs: atUs + line * 1000,
        service,
        template: source,
        source,
        trace,
        span,
      });
    linesOf(index).forEach(log('back', back, startUs + 6000));
    frontLinesOf(index).forEach(log('front', front, startUs + 16_000));
  }
  return { spans, logs };
}

const USUAL = ['Back#10', 'Back#12', 'Back#15'];

function investigate(window: PeriodLiteral): Hypothesis[] {
  const collected = buildCollected({
    window,
    reference: periodOf(REFERENCE_RANGE.fromUs, () => USUAL),
  });
  return hypothesise({ ...collected, clustering: clusterSpans(collected) }, NO_RULES);
}

describe('hypothesise() of steps', () => {
  it('names the two lines between which the code turned off', () => {
    const [first] = investigate(periodOf(WINDOW_RANGE.fromUs, () => ['Back#10', 'Back#12']));
    expect(first).toMatchObject({
      culprit: { service: 'back', operation: 'load' },
      kind: 'code',
      detail: { from: 'Back#12', to: 'Back#15' },
    });
    expect(first?.evidence[0]).toMatchObject({ source: 'log', value: 1, expected: 0, n: 40 });
  });

  it('explains a caller that goes another way by its callee', () => {
    const hypotheses = investigate(
      periodOf(
        WINDOW_RANGE.fromUs,
        () => ['Back#10', 'Back#12'],
        () => ['Front#1', 'Front#9'],
      ),
    );
    const [first] = hypotheses;
    expect(first?.culprit.service).toBe('back');
    const front = hypotheses.find(({ culprit }) => culprit.service === 'front');
    expect(front?.effectOf).toBe(first?.hypothesisId);
    expect(front?.evidence.some(({ direction }) => direction === 'against')).toBe(true);
  });

  it.each([
    { name: 'the usual steps', linesOf: () => USUAL },
    {
      name: 'a step that one run in forty skips',
      linesOf: (index: number) => (index === 7 ? ['Back#10'] : USUAL),
    },
  ])('suspects nobody for $name', ({ linesOf }) => {
    expect(investigate(periodOf(WINDOW_RANGE.fromUs, linesOf))).toEqual([]);
  });

  it('suspects nobody for lines that were due after the end of the period', () => {
    const isLate = (index: number) => index % 4 === 0;
    const { spans = [], logs = [] } = periodOf(WINDOW_RANGE.fromUs, (index) =>
      isLate(index) ? ['Back#10'] : USUAL,
    );
    const lasting = (span: SpanLiteral, untilUs: number): SpanLiteral => ({
      ...span,
      durationUs: untilUs - span.startUs,
    });
    // periodOf() makes two spans for each request.
    const isDue = spans.map((span, at) =>
      isLate(at >> 1) ? lasting(span, WINDOW_RANGE.toUs - 1) : span,
    );
    const isCut = spans.map((span, at) =>
      isLate(at >> 1) ? lasting(span, WINDOW_RANGE.toUs + 1) : span,
    );
    const codeOf = (found: readonly Hypothesis[]) => found.filter(({ kind }) => kind === 'code');
    expect(codeOf(investigate({ spans: isDue, logs }))).not.toEqual([]);
    expect(codeOf(investigate({ spans: isCut, logs }))).toEqual([]);
  });

  it('suspects nobody when logs were not collected in the window', () => {
    const { spans = [] } = periodOf(WINDOW_RANGE.fromUs, () => USUAL);
    expect(investigate({ spans })).toEqual([]);
  });
});
