/** When a metric that is evidence jumped, found in series whose jump the test made. */
import { describe, expect, test } from 'vitest';
import type { Clustered } from '../../src/model/investigation.ts';
import { metricEntries } from '../../src/report/metric-onset.ts';
import { buildCollected, buildSeries } from '../build/span-table.ts';
import { REPORT } from './fixture.ts';

const CAUSE = REPORT.hypotheses[0]!;
const EVIDENCE = {
  evidenceId: 'e1',
  source: 'metric',
  direction: 'for',
  statement: { zh: '连接数从 2 变为 10', en: 'connections went from 2 to 10' },
  value: 10,
  expected: 2,
  n: 6,
  weight: 3,
  link: '/api/v1/metrics/query?service=orders&name=pool.used&from=1&to=2',
} as const;

function jumpsOf(seriesValues: readonly (readonly number[])[]): readonly (number | undefined)[] {
  const series = seriesValues.map((values) =>
    buildSeries({ name: 'pool.used', service: 'orders', values }),
  );
  const other = buildSeries({ name: 'pool.used', service: 'users', values: [2, 10, 10, 10] });
  const collected = buildCollected({ window: { series: [other, ...series] } });
  const clustered = { ...collected, clustering: NOTHING } satisfies Clustered;
  const entries = metricEntries(clustered, [{ ...CAUSE, evidence: [EVIDENCE] }]);
  return entries.map(({ timeUs }) =>
    series.map(({ timesUs }) => timesUs.indexOf(timeUs)).find((index) => index >= 0),
  );
}

const NOTHING = {
  clusters: [],
  classes: [],
  coverage: 0,
  anomalousCount: 0,
  anomalousRows: new Uint32Array(0),
  anomalousTraces: new Uint32Array(0),
};

describe('metricEntries()', () => {
  test.each([
    ['a step', [[2, 2, 2, 10, 10, 10]], 3],
    ['a step in noise', [[2.2, 1.8, 9, 2, 9.5, 10.5, 10]], 4],
    ['high from the beginning', [[10, 10, 10]], 0],
    ['a missing point', [[2, Number.NaN, 10, 10]], 2],
    ['a single point', [[10]], 0],
    [
      'of two series the clearer one',
      [
        [2, 5, 2, 5, 5, 5],
        [2, 2, 2, 2, 10, 10],
      ],
      4,
    ],
  ])('%s', (_, values, index) => {
    expect(jumpsOf(values)).toEqual([index]);
  });

  test('is silent without a series, and about effects of a cause', () => {
    expect(jumpsOf([])).toEqual([]);
    const collected = buildCollected({
      window: { series: [buildSeries({ name: 'pool.used', service: 'orders', values: [2, 10] })] },
    });
    const effect = { ...CAUSE, evidence: [EVIDENCE], effectOf: 'h2' };
    expect(metricEntries({ ...collected, clustering: NOTHING }, [effect])).toEqual([]);
  });
});
