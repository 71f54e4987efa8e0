/** How affected requests spread over what requests carry, counted on traffic whose truth the test knows. */
import { describe, expect, test } from 'vitest';
import type { Clustered } from '../../src/model/investigation.ts';
import type { ImpactBy } from '../../src/model/report.ts';
import { buildAffected } from '../../src/report/affected.ts';
import { buildBlastRadius, onlyValueOf } from '../../src/report/blast-radius.ts';
import { buildCollected, type SpanLiteral, WINDOW_RANGE } from '../build/span-table.ts';

const REQUESTS = 60;

/** Two spans a request; `bad` is true of the anomalous ones, by their number. */
function radiusOf(
  more: (index: number) => Partial<SpanLiteral>,
  bad: (index: number) => boolean,
): readonly ImpactBy[] {
  const spans = Array.from({ length: REQUESTS }, (_, index): readonly SpanLiteral[] => {
    const trace = index.toString(16).padStart(32, 'a');
    const [root, child] = [`${index}`.padStart(16, '1'), `${index}`.padStart(16, '2')];
    const times = { startUs: WINDOW_RANGE.fromUs + index * 1000, durationUs: 500 };
    const own = more(index);
    return [
      { trace, id: root, service: 'gateway', operation: 'POST /chat', ...times, ...own },
      { trace, id: child, parent: root, service: 'bot', operation: 'run', ...times, ...own },
    ];
  }).flat();
  const collected = buildCollected({ window: { spans } });
  const indices = Array.from({ length: REQUESTS }, (_, index) => index).filter(bad);
  const clustered: Clustered = {
    ...collected,
    clustering: {
      clusters: [],
      classes: [],
      coverage: 0,
      anomalousCount: indices.length,
      anomalousRows: Uint32Array.from(indices, (index) => 2 * index + 1),
      anomalousTraces: Uint32Array.from(indices),
    },
  };
  return buildBlastRadius(clustered, buildAffected(clustered));
}

function find(radii: readonly ImpactBy[], attribute: ImpactBy['attribute'], service?: string) {
  return radii.find((by) => by.attribute === attribute && by.service === service);
}

describe('buildBlastRadius()', () => {
  test('counts requests once, however many of their spans carry a value', () => {
    const radii = radiusOf(
      (index) => ({ attributes: { 'coze.channel': index % 3 === 0 ? 'feishu' : 'web' } }),
      (index) => index % 2 === 0,
    );
    expect(find(radii, 'channel')).toEqual({
      attribute: 'channel',
      requests: 60,
      affected: 30,
      valueCount: 2,
      affectedValueCount: 2,
      values: [
        { value: 'web', affected: 20, requests: 40 },
        { value: 'feishu', affected: 10, requests: 20 },
      ],
    });
    expect(find(radii, 'endpoint')?.values).toEqual([
      { value: 'gateway POST /chat', affected: 30, requests: 60 },
    ]);
  });

  test('names the version that holds it all, of each service that has several', () => {
    const radii = radiusOf(
      (index) => ({ version: index < 20 ? '2.1' : '2.0' }),
      (index) => index < 20,
    );
    for (const service of ['bot', 'gateway']) {
      const by = find(radii, 'version', service);
      expect(by?.values).toEqual([{ value: '2.1', affected: 20, requests: 20 }]);
      expect(by && onlyValueOf(by)).toBe('2.1');
    }
  });

  test('lists no version where a service has one alone', () => {
    expect(
      find(
        radiusOf(
          () => ({ version: '2.1' }),
          () => true,
        ),
        'version',
        'bot',
      ),
    ).toBeUndefined();
  });

  test('counts users, and names none for a single request', () => {
    const radii = radiusOf(
      (index) => ({ attributes: { 'user.id': `u${index}` } }),
      (index) => index < 9,
    );
    expect(find(radii, 'user')).toMatchObject({
      affectedValueCount: 9,
      valueCount: 60,
      values: [],
    });
  });

  test('is empty where no request is affected', () => {
    expect(
      radiusOf(
        () => ({}),
        () => false,
      ),
    ).toEqual([]);
  });
});

describe('onlyValueOf()', () => {
  const by = (affected: number, requests: number, all: number): ImpactBy => ({
    attribute: 'bot',
    requests: all,
    affected,
    valueCount: 2,
    affectedValueCount: 1,
    values: [{ value: 'b1', affected, requests }],
  });

  test.each([
    ['many sound requests elsewhere', by(34, 60, 410), 'b1'],
    ['few requests elsewhere: it may be chance', by(34, 60, 63), undefined],
    ['no requests elsewhere', by(34, 60, 60), undefined],
    ['affected requests elsewhere', { ...by(34, 60, 410), affected: 35 }, undefined],
    ['nothing listed', { ...by(34, 60, 410), values: [] }, undefined],
  ])('%s', (_, radius, only) => {
    expect(onlyValueOf(radius)).toBe(only);
  });
});
