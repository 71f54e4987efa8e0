/** Which part a node plays, and which way leads from the symptom to the cause. */
import { describe, expect, test } from 'vitest';
import type { Report } from '../../src/model/report.ts';
import { propagationMapOf } from '../../src/report/propagation-map.ts';
import { propagationSvg } from '../../src/report/propagation-svg.ts';
import { wordsOf } from '../../src/report/words.ts';
import { ABSTAINED, OLD_REPORT, REPORT } from './fixture.ts';

const DATABASE = 'db postgresql orders-db:5432';

function rolesOf(report: Report): Record<string, string> {
  return Object.fromEntries(propagationMapOf(report).nodes.map(({ name, role }) => [name, role]));
}

/** Only metrics and a topology: nobody counted calls, no request shows a path. */
function fromTopology(pairs: readonly (readonly [string, string])[]): Report {
  const edges = pairs.map(([from, to]) => ({ from, to, calls: 0, anomalousShare: 0 }));
  const nodes = [...new Set(pairs.flat())].sort();
  return { ...OLD_REPORT, clusters: [], propagation: { nodes, edges } };
}

describe('propagationMapOf()', () => {
  test('tells cause, effect, impact and what is sound', () => {
    expect(rolesOf(REPORT)).toEqual({
      'bot-gateway': 'impact',
      [DATABASE]: 'effect',
      'llm-gateway': 'sound',
      'order-plugin': 'cause',
    });
  });

  test('a cause that is refuted later is a lead no more', () => {
    const edges = REPORT.propagation;
    const abstained = { ...ABSTAINED, propagation: edges, hypotheses: REPORT.hypotheses };
    expect(rolesOf(abstained)['order-plugin']).toBe('lead');
    const refuted = REPORT.hypotheses.map((one) => ({ ...one, verdict: 'refuted' as const }));
    expect(Object.values(rolesOf({ ...abstained, hypotheses: refuted }))).not.toContain('lead');
  });

  test('marks the calls on the way to the cause and puts them first', () => {
    const { edges, chain } = propagationMapOf(REPORT);
    expect(edges.map(({ from, isOnChain }) => [from, isOnChain])).toEqual([
      ['order-plugin', true],
      ['bot-gateway', true],
      ['bot-gateway', false],
    ]);
    expect(chain).toEqual(['bot-gateway', 'order-plugin', DATABASE]);
  });

  test('finds the shortest way where only the topology is known', () => {
    const map = propagationMapOf(
      fromTopology([
        ['bot-gateway', 'a'],
        ['a', 'b'],
        ['b', 'order-plugin'],
        ['a', 'order-plugin'],
      ]),
    );
    expect(map.chain).toEqual(['bot-gateway', 'a', 'order-plugin', DATABASE]);
  });

  test('has no way where none is known', () => {
    expect(propagationMapOf(fromTopology([['x', 'y']])).chain).toEqual(['order-plugin', DATABASE]);
  });
});

describe('propagationSvg()', () => {
  test('draws every node once, also where calls run in a circle', () => {
    const report = fromTopology([
      ['bot-gateway', 'order-plugin'],
      ['order-plugin', 'bot-gateway'],
      ['order-plugin', 'order-plugin'],
      ['bot-gateway', 'c'],
    ]);
    const { markup } = propagationSvg(propagationMapOf(report), wordsOf('en'));
    expect(markup.match(/<rect/g)).toHaveLength(3);
    expect(markup.match(/class="node cause"/g)).toHaveLength(1);
  });

  test('fits a narrow page however long names are and however deep calls go', () => {
    const names = Array.from({ length: 12 }, (_, index) => `${'服务'.repeat(20)}-${index}`);
    const pairs = names.slice(1).map((name, index) => [names[index]!, name] as const);
    const { markup } = propagationSvg(propagationMapOf(fromTopology(pairs)), wordsOf('zh'));
    const [, width] = markup.match(/viewBox="0 0 (\d+)/) ?? [];
    expect(Number(width)).toBeLessThanOrEqual(362);
    for (const [, x, boxWidth] of markup.matchAll(/<rect[^>]* x="(\d+)"[^>]* width="(\d+)"/g)) {
      expect(Number(x) + Number(boxWidth)).toBeLessThanOrEqual(Number(width));
    }
  });
});
