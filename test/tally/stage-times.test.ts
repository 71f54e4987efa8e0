/** Self time and gap of stages: equal to the obvious computation, sampled whole, and only where nothing is missing. */
import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/base/limits.ts';
import { US_PER_DAY, US_PER_MINUTE, US_PER_SECOND } from '../../src/base/time.ts';
import { Random } from '../../src/bench/random.ts';
import { SpanColumns } from '../../src/model/columns.ts';
import { StringDictionary } from '../../src/model/dictionary.ts';
import { ALL_OPERATIONS, endpointIdOf, type Tally } from '../../src/model/tally.ts';
import { STAGES, type Stage } from '../../src/model/vocabulary.ts';
import { bucketOf } from '../../src/tally/sketch.ts';
import { StageTimes } from '../../src/tally/stage-times.ts';

const T0 = 1_800_000_000_000_000 - (1_800_000_000_000_000 % US_PER_MINUTE);
const SETTLE_US = LIMITS.stageTimesSettleUs;

interface TestSpan {
  readonly trace: number;
  readonly id: number;
  /** 0: none. */
  readonly parent: number;
  readonly startUs: number;
  readonly endUs: number;
  readonly stage: Stage;
  readonly service?: string;
}

function columnsOf(spans: readonly TestSpan[]): SpanColumns {
  const columns = new SpanColumns(new StringDictionary());
  for (const span of spans) {
    const row = columns.addRow();
    const ids = new DataView(columns.traceId.buffer);
    ids.setUint32(16 * row + 12, span.trace * 2_654_435_761);
    new DataView(columns.spanId.buffer).setUint32(8 * row, span.id);
    new DataView(columns.parentSpanId.buffer).setUint32(8 * row, span.parent);
    columns.startUs[row] = span.startUs;
    columns.durationNs[row] = (span.endUs - span.startUs) * 1000;
    columns.stage[row] = STAGES.indexOf(span.stage);
    columns.service[row] = columns.strings.idOfString(span.service ?? 'bot');
    columns.endRow(row);
  }
  return columns;
}

function harness() {
  const clock = { us: T0, nowUs: () => clock.us };
  const times = new StageTimes({ clock });
  const add = (spans: readonly TestSpan[]) => {
    const columns = columnsOf(spans);
    times.addSpans(columns, 0, columns.count);
  };
  const settled = () => {
    clock.us += SETTLE_US;
    return times.tallies();
  };
  // from here on nothing has come before the start
  clock.us += 2 * US_PER_MINUTE;
  return { clock, times, add, settled };
}

/** A trace of nested and parallel spans with odd edges: children before, beside and beyond their parents. */
function randomTrace(random: Random, trace: number): TestSpan[] {
  const startUs = T0 + 2 * US_PER_MINUTE - random.below(30 * US_PER_SECOND);
  const spans: TestSpan[] = [];
  for (let id = 1; id <= 2 + random.below(12); id++) {
    const parent = id === 1 ? undefined : spans[random.below(spans.length)];
    const fromUs = (parent?.startUs ?? startUs) + random.below(2_000_000) - 50_000;
    spans.push({
      trace,
      id,
      parent: parent?.id ?? 0,
      startUs: fromUs,
      endUs: fromUs + random.below(3_000_000),
      stage: STAGES[random.below(STAGES.length)]!,
      service: `s${random.below(2)}`,
    });
  }
  return spans;
}

/** Microsecond by interval: the time of a span that no child covers, the wait of each child. */
function slowTimes(spans: readonly TestSpan[]): readonly string[] {
  const lines: string[] = [];
  const push = (of: TestSpan, measure: 'self' | 'gap', us: number, parent = of) => {
    if (of.stage === 'other') return;
    const slice = { dimension: 'stage', value: of.stage } as const;
    const id = endpointIdOf(of.service ?? 'bot', ALL_OPERATIONS, { slice, measure });
    lines.push(`${Math.floor(parent.endUs / US_PER_MINUTE)} ${id} ${measure} ${bucketOf(us)}`);
  };
  for (const span of spans) {
    const children = spans
      .filter(({ trace, parent }) => trace === span.trace && parent === span.id)
      .sort((a, b) => a.startUs - b.startUs);
    const edges = [span, ...children].flatMap(({ startUs, endUs }) => [startUs, endUs]);
    const points = [...new Set(edges)].sort((a, b) => a - b);
    let selfUs = 0;
    for (const [index, fromUs] of points.entries()) {
      const toUs = points[index + 1] ?? fromUs;
      const isCovered = children.some((child) => child.startUs <= fromUs && child.endUs >= toUs);
      if (fromUs >= span.startUs && toUs <= span.endUs && !isCovered) selfUs += toUs - fromUs;
    }
    push(span, 'self', selfUs);
    children.forEach((child, index) => {
      const ends = children.slice(0, index).map(({ endUs }) => endUs);
      push(child, 'gap', Math.max(0, child.startUs - Math.max(span.startUs, ...ends)), span);
    });
  }
  return lines.sort();
}

function linesOf(tallies: readonly Tally[]): readonly string[] {
  return tallies
    .flatMap(({ endpoint, minuteUs, sketch, count, errorCount }) => {
      expect([count, errorCount]).toEqual([sketch.counts.reduce((sum, n) => sum + n, 0), 0]);
      const { endpointId, measure } = endpoint;
      return sketch.buckets.flatMap((bucket, index) =>
        Array<string>(sketch.counts[index]!).fill(
          `${minuteUs / US_PER_MINUTE} ${endpointId} ${measure} ${bucket}`,
        ),
      );
    })
    .sort();
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  return items
    .map((item) => ({ item, order: random.uint32() }))
    .sort((a, b) => a.order - b.order)
    .map(({ item }) => item);
}

const PARENT: TestSpan = {
  trace: 1,
  id: 1,
  parent: 0,
  startUs: T0 + US_PER_MINUTE,
  endUs: T0 + US_PER_MINUTE + 100_000,
  stage: 'receive',
};
const CHILD: TestSpan = {
  ...PARENT,
  id: 2,
  parent: 1,
  startUs: PARENT.startUs + 20_000,
  endUs: PARENT.startUs + 90_000,
  stage: 'llm',
};

function selfBuckets(tallies: readonly Tally[], stage: Stage): readonly number[] {
  const ofStage = tallies.find(
    ({ endpoint }) => endpoint.slice?.value === stage && endpoint.measure === 'self',
  );
  return ofStage?.sketch.buckets ?? [];
}

describe('StageTimes', () => {
  test.each([1, 2, 3])(
    'equals the slow computation, whatever groups spans come in (seed %i)',
    (seed) => {
      const random = new Random(seed);
      const { add, settled, times, clock } = harness();
      const traces = Array.from({ length: 60 }, (_, trace) => randomTrace(random, trace + 1));
      const spans = shuffled(traces.flat(), random);
      const tallies: Tally[] = [];
      for (let from = 0; from < spans.length; from += 40) {
        add(spans.slice(from, from + 40));
        clock.us += 100_000;
        tallies.push(...times.tallies());
        times.clear();
      }
      tallies.push(...settled());
      expect(linesOf(tallies)).toEqual(slowTimes(spans));
    },
  );

  test('names service, stage and measure', () => {
    const { add, settled } = harness();
    add([CHILD, PARENT]);
    const gap = settled().find(({ endpoint }) => endpoint.measure === 'gap');
    const slice = { dimension: 'stage', value: 'llm' } as const;
    expect(gap).toEqual({
      endpoint: {
        endpointId: endpointIdOf('bot', ALL_OPERATIONS, { slice, measure: 'gap' }),
        service: 'bot',
        operation: ALL_OPERATIONS,
        stage: 'llm',
        slice,
        measure: 'gap',
      },
      minuteUs: T0 + US_PER_MINUTE,
      count: 1,
      errorCount: 0,
      sketch: { buckets: [bucketOf(20_000)], counts: [1] },
    });
  });

  test('waits for children that come after their parent, and gives nothing twice', () => {
    const { add, times, clock } = harness();
    add([PARENT]);
    clock.us += SETTLE_US - 1;
    expect(times.tallies()).toEqual([]);
    add([CHILD]);
    clock.us += 1;
    expect(selfBuckets(times.tallies(), 'receive')).toEqual([bucketOf(30_000)]);
    expect(times.tallies()).toHaveLength(2);
    times.clear();
    expect(times.tallies()).toEqual([]);
  });

  test('counts a child that was sent twice once', () => {
    const { add, settled } = harness();
    add([CHILD, CHILD, PARENT]);
    const gaps = settled().filter(({ endpoint }) => endpoint.measure === 'gap');
    expect(gaps.map(({ count }) => count)).toEqual([1]);
  });

  test('does not measure what began before it was there', () => {
    const clock = { us: T0, nowUs: () => clock.us };
    const times = new StageTimes({ clock });
    const columns = columnsOf([
      { ...PARENT, startUs: T0 - 20_000_000, endUs: T0 + 1_000_000 },
      { ...PARENT, trace: 2, startUs: T0, endUs: T0 + 1_000_000 },
    ]);
    clock.us = T0 + SETTLE_US + 2_000_000;
    times.addSpans(columns, 0, columns.count);
    clock.us += SETTLE_US;
    expect(linesOf(times.tallies())).toHaveLength(1);
  });

  test('leaves out spans of long ago, and parents with too many children', () => {
    const { add, settled } = harness();
    const old = { startUs: PARENT.startUs - US_PER_DAY, endUs: PARENT.endUs - US_PER_DAY };
    add([{ ...PARENT, ...old }]);
    const children = Array.from({ length: LIMITS.stageTimesChildrenMax + 1 }, (_, index) => ({
      ...CHILD,
      trace: 2,
      id: 10 + index,
      stage: 'other' as const,
    }));
    add([...children, { ...PARENT, trace: 2 }]);
    expect(settled()).toEqual([]);
  });

  test('measures whole traces of a sample when there are too many, without a bias', () => {
    const { add, clock, times } = harness();
    const measured: Tally[] = [];
    let total = 0;
    // 20 000 spans a second for 60 s, in traces of four whose children come a group later
    let waiting: TestSpan[] = [];
    for (let step = 0; step < 600; step++) {
      const nowUs = clock.us;
      const parents: TestSpan[] = [];
      const children: TestSpan[] = [];
      for (let index = 0; index < 500; index++) {
        const trace = 500 * step + index + 1;
        const parent = { ...PARENT, trace, startUs: nowUs - 100_000, endUs: nowUs };
        const [first, second] = [parent.startUs + 10_000, parent.startUs + 50_000];
        parents.push(parent);
        children.push(
          { ...parent, id: 2, parent: 1, startUs: first, endUs: second, stage: 'llm' },
          { ...parent, id: 3, parent: 1, startUs: second, endUs: nowUs, stage: 'render' },
          { ...parent, id: 4, parent: 2, startUs: first, endUs: second - 25_000, stage: 'infra' },
        );
      }
      add([...parents, ...waiting]);
      waiting = children;
      total += 2000;
      clock.us += 100_000;
      measured.push(...times.tallies());
      times.clear();
    }
    const self = (stage: Stage) =>
      measured.filter(({ endpoint: { slice, measure } }) => {
        return measure === 'self' && slice?.value === stage;
      });
    const buckets = (stage: Stage) => new Set(self(stage).flatMap(({ sketch }) => sketch.buckets));
    expect(buckets('receive')).toEqual(new Set([bucketOf(10_000)]));
    expect(buckets('llm')).toEqual(new Set([bucketOf(25_000)]));
    const count = self('receive').reduce((sum, tally) => sum + tally.count, 0);
    expect(count).toBeGreaterThan(0.02 * (total / 4));
    expect(count).toBeLessThan(0.25 * (total / 4));
  }, 60_000);
});
