/** What a channel says it could not see, and that it keeps silent where it could. */
import { describe, expect, test } from 'vitest';
import type { Clustered } from '../../src/model/investigation.ts';
import { buildChannelGaps } from '../../src/report/channel-gaps.ts';
import {
  buildCollected,
  buildSeries,
  type LogLiteral,
  type SpanLiteral,
  WINDOW_RANGE,
} from '../build/span-table.ts';

const TRACE = 'a'.repeat(32);
const CALLER = '1'.repeat(16);
const CALLEE = '2'.repeat(16);
const startUs = WINDOW_RANGE.fromUs;
const CALL: readonly SpanLiteral[] = [
  {
    trace: TRACE,
    id: CALLER,
    service: 'a',
    operation: 'call',
    kind: 'client',
    startUs,
    durationUs: 9,
    version: '1',
  },
  {
    trace: TRACE,
    id: CALLEE,
    parent: CALLER,
    service: 'b',
    operation: 'serve',
    kind: 'server',
    startUs,
    durationUs: 5,
  },
];
const LINE: LogLiteral = {
  timeUs: startUs,
  service: 'b',
  template: 't',
  trace: TRACE,
  span: CALLEE,
};

const NOTHING: Clustered['clustering'] = {
  clusters: [],
  classes: [],
  coverage: 0,
  anomalousCount: 0,
  anomalousRows: new Uint32Array(0),
  anomalousTraces: new Uint32Array(0),
};

function gapsOf(
  period: { readonly spans?: readonly SpanLiteral[]; readonly logs?: readonly LogLiteral[] },
  more: Partial<Clustered> & { readonly usualCount?: number } = {},
): readonly string[] {
  const spans = period.spans ?? CALL;
  const { usualCount = 8, ...facts } = more;
  const usual = Array.from({ length: usualCount }, () => spans).flat();
  const collected = buildCollected({
    window: { spans, logs: period.logs ?? [LINE] },
    reference: { spans: usual },
  });
  const clustered: Clustered = {
    ...collected,
    clustering: {
      clusters: [],
      classes: [],
      coverage: 0,
      anomalousCount: 1,
      anomalousRows: Uint32Array.of(1),
      anomalousTraces: Uint32Array.of(0),
    },
    ...facts,
  };
  const gaps = buildChannelGaps(clustered);
  for (const gap of gaps) expect(gap.remedy?.en, gap.what.en).toBeTruthy();
  return gaps.map(({ what }) => what.en);
}

describe('buildChannelGaps()', () => {
  test('says nothing where every channel can speak', () => {
    expect(gapsOf({})).toEqual([]);
  });

  test('logs that name their trace and no span', () => {
    const { span: _, ...line } = LINE;
    expect(gapsOf({ logs: [line] })).toEqual(['Logs do not name their span']);
    expect(gapsOf({ logs: [line, LINE] })).toEqual([]);
  });

  test('calls that one side recorded', () => {
    const [caller, callee] = CALL as [SpanLiteral, SpanLiteral]; // two were written above
    const oneSided = [caller, { ...callee, kind: 'internal' as const }];
    expect(gapsOf({ spans: oneSided })).toEqual([
      'No call between services is recorded on both sides',
    ]);
  });

  test('fewer than eight usual spans of what is anomalous', () => {
    expect(gapsOf({}, { usualCount: 7 })).toEqual([
      '1 of 1 anomalous operations have fewer than 8 spans in the reference',
    ]);
  });

  test('no versions, unless changes tell of releases', () => {
    const spans = CALL.map(({ version: _, ...span }) => span);
    expect(gapsOf({ spans })).toEqual(['No versions']);
    const change = {
      changeId: 'c',
      timeUs: startUs,
      kind: 'deploy',
      description: '',
      attributes: {},
    } as const;
    expect(gapsOf({ spans }, { changes: [change] })).toEqual([]);
  });

  test.each([
    [[7], 1],
    [[7, 8], 0],
  ])('metrics of %j in the window make %d gaps', (values, gapCount) => {
    const collected = buildCollected({
      window: { series: [buildSeries({ name: 'cpu', service: 'a', values })] },
    });
    const gaps = buildChannelGaps({ ...collected, clustering: NOTHING });
    expect(gaps.filter(({ what }) => what.en.includes('one sample'))).toHaveLength(gapCount);
  });

  test('a window below two minutes', () => {
    const { fromUs } = WINDOW_RANGE;
    const collected = buildCollected({ window: {} });
    for (const [lengthUs, gapCount] of [
      [119_000_000, 1],
      [120_000_000, 0],
    ] as const) {
      const window = { ...collected.window, range: { fromUs, toUs: fromUs + lengthUs } };
      expect(buildChannelGaps({ ...collected, window, clustering: NOTHING })).toHaveLength(
        gapCount,
      );
    }
  });
});
