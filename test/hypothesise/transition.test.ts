/** Steps inside a span that no longer follow one another. */
import { describe, expect, it } from 'vitest';
import { suspectTransitions } from '../../src/hypothesise/transition.ts';
import type { Hypothesis } from '../../src/model/hypothesis.ts';
import { factsOf, hypothesesOf } from '../build/facts.ts';
import { createRandom, shuffled } from '../build/random.ts';
import {
  buildCollected,
  type LogLiteral,
  type PeriodLiteral,
  REFERENCE_RANGE,
  type SpanLiteral,
  WINDOW_RANGE,
} from '../build/span-table.ts';

const RUN_COUNT = 40;

/** A line by its place in the code; `!` at the end: an error. `back>` at the begin: of the operation around. */
type LinesOf = (index: number) => readonly string[];

/** Requests of front, which calls back; back logs the given lines, one millisecond apart. */
function periodOf(
  fromUs: number,
  linesOf: LinesOf,
  frontLinesOf: LinesOf = () => ['Front#1', 'Front#2'],
): PeriodLiteral {
  const spans: SpanLiteral[] = [];
  const logs: LogLiteral[] = [];
  for (let index = 0; index < RUN_COUNT; index++) {
    const trace = (fromUs + index).toString(16).padStart(32, '0');
    const startUs = fromUs + index * 1_000_000;
    const common = { trace, startUs, durationUs: 40_000 };
    const [front, back] = ['000000000000000a', '000000000000000b'];
    spans.push({ ...common, id: front, service: 'front', operation: 'GET /', kind: 'server' });
    spans.push({
      ...common,
      id: back,
      parent: front,
      service: 'back',
      operation: 'load',
      startUs: startUs + 5000,
      durationUs: 30_000,
    });
    const log = (service: string, span: string, atUs: number) => (line: string, at: number) => {
      const [source = '', body] = line.split(' ~ ');
      const place = source.replace('!', '');
      const timeUs = atUs + at * 500;
      const severity = source.endsWith('!') ? 17 : 9;
      logs.push({
        timeUs,
        service,
        template: place,
        source: place,
        severity,
        trace,
        span,
        ...(body === undefined ? {} : { body }),
      });
    };
    linesOf(index).forEach(log('back', back, startUs + 6000));
    frontLinesOf(index).forEach(log('front', front, startUs + 36_000));
  }
  return { spans, logs };
}

const USUAL = ['Back#10', 'Back#12', 'Back#15'];

function investigate(window: PeriodLiteral, usualOf: LinesOf = () => USUAL): Hypothesis[] {
  return hypothesesOf(
    buildCollected({ window, reference: periodOf(REFERENCE_RANGE.fromUs, usualOf) }),
  );
}

/** What this channel alone says. */
function suspect(window: PeriodLiteral, usualOf: LinesOf = () => USUAL) {
  const reference = periodOf(REFERENCE_RANGE.fromUs, usualOf);
  return suspectTransitions(factsOf(buildCollected({ window, reference })));
}

const windowOf = (linesOf: LinesOf, frontLinesOf?: LinesOf): PeriodLiteral =>
  periodOf(WINDOW_RANGE.fromUs, linesOf, frontLinesOf);

describe('suspectTransitions()', () => {
  it('names the two lines between which the code turned off', () => {
    const [first] = investigate(windowOf(() => ['Back#10', 'Back#12']));
    expect(first).toMatchObject({
      culprit: { service: 'back', operation: 'load' },
      kind: 'code',
      detail: { from: 'Back#12', to: 'Back#15' },
    });
    expect(first?.evidence[0]).toMatchObject({ source: 'log', value: 1, expected: 0, n: 40 });
  });

  it.each([
    {
      name: 'an exception in the middle, and on behind it',
      lines: ['Back#10', 'Back#11!', 'Back#12', 'Back#15'],
      detail: { from: 'Back#10', to: 'Back#12' },
    },
    {
      name: 'an exception that ends the run',
      lines: ['Back#10', 'Back#99!'],
      detail: { from: 'Back#10', to: 'Back#12' },
    },
    {
      name: 'a return before the first line',
      lines: [],
      detail: { from: 'back load start', to: 'Back#10' },
    },
    {
      name: 'an error after the last line',
      lines: [...USUAL, 'Back#99!'],
      detail: { from: 'Back#15', to: 'back load end' },
    },
  ])('places $name', ({ lines, detail }) => {
    // One run in ten goes on as usual: were there no line at all, the log might just be lost.
    const [first] = suspect(windowOf((index) => (index % 10 === 9 ? USUAL : lines)));
    expect(first).toMatchObject({ kind: 'code', isOwn: true, detail });
    expect(first?.evidence[0]?.interval?.[0]).toBeGreaterThan(0.7);
  });

  it('places the round of a loop that fails', () => {
    const round = ['Back#20', 'Back#21'];
    const looped: LinesOf = (index) => [
      'Back#10',
      ...Array.from({ length: 1 + (index % 4) }, () => round).flat(),
      'Back#30',
    ];
    expect(suspect(windowOf(looped), looped)).toEqual([]);
    const [first] = suspect(
      windowOf(() => ['Back#10', ...round, ...round, 'Back#20']),
      looped,
    );
    expect(first?.detail).toEqual({ from: 'Back#20', to: 'Back#21' });
  });

  it('misses a line where lines come in any order', () => {
    const random = createRandom(7);
    const parallel: LinesOf = () => ['Back#1', ...shuffled(['Back#2', 'Back#3', 'Back#4'], random)];
    expect(suspect(windowOf(parallel), parallel)).toEqual([]);
    const [first] = suspect(
      windowOf((index) => parallel(index).filter((line) => line !== 'Back#3')),
      parallel,
    );
    expect(first?.detail?.['to']).toBe('Back#3');
  });

  it('explains a caller that goes another way by its callee', () => {
    const hypotheses = investigate(
      windowOf(
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

  it('takes an error that names the callee for the word of a caller', () => {
    const [first] = suspect(
      windowOf(
        () => USUAL,
        () => ['Front#1', 'Front#8! ~ cannot connect to http://back:8080/load'],
      ),
    );
    expect(first).toMatchObject({
      culprit: { service: 'front', dependency: 'back' },
      kind: 'dependency',
      isOwn: false,
    });
  });

  it.each([
    { name: 'the usual steps', linesOf: () => USUAL },
    {
      name: 'a step that one run in forty skips',
      linesOf: (index: number) => (index === 7 ? ['Back#10'] : USUAL),
    },
    {
      name: 'a way round that comes back, as a new kind of request takes it',
      linesOf: () => ['Back#10', 'Back#11', 'Back#12', 'Back#15'],
    },
    {
      name: 'work behind the last line',
      linesOf: () => [...USUAL, 'Back#16', 'Back#17'],
    },
  ])('suspects nobody for $name', ({ linesOf }) => {
    expect(suspect(windowOf(linesOf))).toEqual([]);
  });

  it('suspects nobody when one of two known ways is taken more often', () => {
    const eitherOf =
      (rare: number): LinesOf =>
      (index) =>
        index % 8 < rare ? ['Back#10', 'Back#13', 'Back#15'] : USUAL;
    expect(suspect(windowOf(eitherOf(7)), eitherOf(1))).toEqual([]);
  });

  it('suspects nobody for an error that no longer comes', () => {
    const failing: LinesOf = () => ['Back#10', 'Back#11!'];
    expect(
      suspect(
        windowOf(() => USUAL),
        failing,
      ),
    ).toEqual([]);
  });

  it('sees a way that one trace in forty took become the way of all', () => {
    const failsOnce: LinesOf = (index) => (index === 3 ? ['Back#10', 'Back#11!'] : USUAL);
    const [first] = suspect(
      windowOf(() => ['Back#10', 'Back#11!']),
      failsOnce,
    );
    expect(first?.detail).toEqual({ from: 'Back#10', to: 'Back#12' });
    expect(suspect(windowOf(failsOnce), failsOnce)).toEqual([]);
  });

  it('suspects nobody for lines that were due after the end of the period', () => {
    const isLate = (index: number) => index % 4 === 0;
    const { spans = [], logs = [] } = windowOf((index) => (isLate(index) ? ['Back#10'] : USUAL));
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
    expect(suspect({ spans: isDue, logs })).not.toEqual([]);
    expect(suspect({ spans: isCut, logs })).toEqual([]);
  });

  it('suspects nobody for lines that were lost: of all, of a service from a moment on, of whole traces', () => {
    const { spans = [], logs = [] } = windowOf(() => USUAL);
    const middleUs = WINDOW_RANGE.fromUs + (RUN_COUNT / 2) * 1_000_000;
    const untilMiddle = logs.filter(
      ({ service, timeUs }) => service !== 'back' || timeUs < middleUs,
    );
    const ofEveryOtherTrace = logs.filter(
      ({ trace }) => Number.parseInt(trace ?? '', 16) % 2 === 0,
    );
    for (const kept of [[], untilMiddle, ofEveryOtherTrace]) {
      expect(suspect({ spans, logs: kept })).toEqual([]);
    }
  });

  it('suspects nobody without a reference, or by fewer than four traces', () => {
    const { spans = [], logs = [] } = windowOf(() => ['Back#10']);
    const alone = buildCollected({ window: { spans, logs } });
    expect(suspectTransitions(factsOf(alone))).toEqual([]);
    const untilUs = WINDOW_RANGE.fromUs + 3 * 1_000_000;
    const few = {
      spans: spans.filter(({ startUs }) => startUs < untilUs),
      logs: logs.filter(({ timeUs }) => timeUs < untilUs),
    };
    expect(suspect(few)).toEqual([]);
  });

  it('finds something in at most 5 % of 500 windows without a fault', () => {
    const random = createRandom(42);
    /** Each line of six is left out at random, by one trace in ten; two neighbours change places, by one in five. */
    const noisy: LinesOf = () => {
      const lines = Array.from({ length: 6 }, (_, at) => `Back#${at}`).filter(
        () => random.next() > 0.1 / 6,
      );
      const at = Math.floor(random.next() * 5);
      if (random.next() < 0.2 && lines[at + 1] !== undefined) {
        [lines[at], lines[at + 1]] = [lines[at + 1]!, lines[at]!];
      }
      if (random.next() < 0.05) lines.push('Back#7!');
      return lines;
    };
    let foundCount = 0;
    for (let draw = 0; draw < 500; draw++) {
      if (suspect(windowOf(noisy), noisy).length > 0) foundCount++;
    }
    expect(foundCount).toBeLessThanOrEqual(25);
  });
});
