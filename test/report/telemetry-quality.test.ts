/** What a report says of names that were too many. */
import { describe, expect, test } from 'vitest';
import type { Clustered, Collected } from '../../src/model/investigation.ts';
import type { Overflow } from '../../src/model/tally.ts';
import { buildGaps } from '../../src/report/gaps.ts';
import { buildTelemetryQuality } from '../../src/report/telemetry-quality.ts';
import { profileOf } from '../build/profiles.ts';
import { buildCollected } from '../build/span-table.ts';

const NONE: Overflow = { spans: 0, lines: 0, ofServices: 0 };

function clusteredOf(collected: Collected): Clustered {
  return {
    ...collected,
    clustering: {
      clusters: [],
      classes: [],
      coverage: 0,
      anomalousCount: 0,
      anomalousRows: new Uint32Array(0),
      anomalousTraces: new Uint32Array(0),
    },
  };
}

function qualityOf(
  overflow: Overflow,
  isSeriesCut = false,
  unreadablePlaces = 0,
): readonly string[] {
  const collected = buildCollected({ window: {} }, { overflow, unreadablePlaces });
  const clustered = clusteredOf({ ...collected, window: { ...collected.window, isSeriesCut } });
  return buildTelemetryQuality(clustered).flatMap(({ what }) => [what.zh, what.en]);
}

describe('buildTelemetryQuality()', () => {
  test.each([
    ['nothing of names within the bounds', NONE, false, []],
    [
      'operations',
      { ...NONE, spans: 1200 },
      false,
      [/^1,?200 .*操作名过多/, /^1,?200 spans .*operation/],
    ],
    [
      'log templates',
      { ...NONE, lines: 7 },
      false,
      [/^7 行日志的模板过多/, /^7 log lines .*templates/],
    ],
    ['services', { ...NONE, ofServices: 3 }, false, [/服务过多/, /too many services/]],
    ['metric series', NONE, true, ['指标序列过多', 'Too many metric series']],
  ] as const)('tells of %s', (_, overflow, isSeriesCut, expected) => {
    const lines = qualityOf(overflow, isSeriesCut);
    expect(lines).toHaveLength(expected.length);
    for (const [index, pattern] of expected.entries()) expect(lines[index]).toMatch(pattern);
  });

  test('tells of what cannot be read, first of all', () => {
    const [zh, en] = qualityOf({ ...NONE, lines: 7 }, false, 3);
    expect(zh).toMatch(/3 处数据读不出来/);
    expect(en).toMatch(/^3 places .* cannot be read/);
  });
});

describe('buildGaps()', () => {
  const one = profileOf({ service: 'bot', fromUs: 1, self: { parse: 1 } });
  test.each([
    ['no profiles', {}, 'No profiles'],
    ['an empty list of profiles', { profiles: [] }, 'No profiles'],
    ['profiles', { profiles: [one] }, undefined],
    [
      'more profiles than are read',
      { profiles: [one], areProfilesCut: true },
      'Only a part of the profiles was read',
    ],
  ])('tells of %s', (_, more, expected) => {
    const collected = buildCollected({ window: {} });
    const clustered = clusteredOf({ ...collected, window: { ...collected.window, ...more } });
    const gaps = buildGaps(clustered, { isPartial: false }).map(({ what }) => what.en);
    expect(gaps.filter((gap) => gap.includes('profiles'))).toEqual(
      expected === undefined ? [] : [expected],
    );
  });
});
