/** What stands first in a report, what is folded, and how little is claimed where nothing was checked. */
import { describe, expect, test } from 'vitest';
import type { Anomaly } from '../../src/model/anomaly.ts';
import type { Report } from '../../src/model/report.ts';
import {
  anomaliesByScore,
  decisionLabel,
  evidenceOf,
  figuresOf,
  fold,
  impactFacts,
  sourceOfProbe,
  strengthOf,
} from '../../src/report/digest.ts';
import { renderHtml, renderMarkdown, renderText } from '../../src/report/report.ts';
import { wordsOf } from '../../src/report/words.ts';
import { REPORT } from './fixture.ts';

const EN = wordsOf('en');
const POOL = REPORT.hypotheses[0]!;
const EVIDENCE = POOL.evidence[0]!;

describe('fold()', () => {
  test.each([
    { caption: 'empty', length: 0, shown: 0 },
    { caption: 'at the bound', length: 8, shown: 8 },
    { caption: 'one over: not worth a fold', length: 9, shown: 9 },
    { caption: 'two over', length: 10, shown: 8 },
  ])('$caption', ({ length, shown }) => {
    const items = Array.from({ length }, (_, index) => index);
    const folded = fold(items, 8);
    expect(folded.shown).toHaveLength(shown);
    expect([...folded.shown, ...folded.rest]).toEqual(items);
  });
});

describe('many anomalies', () => {
  const anomalies = Array.from(
    { length: 29 },
    (_, index): Anomaly => ({
      ...REPORT.collect.anomalies[0]!,
      anomalyId: `a${index}`,
      score: index,
      statement: { zh: `异常-${index}。`, en: `measure-${index}.` },
    }),
  );
  const report: Report = { ...REPORT, collect: { ...REPORT.collect, anomalies } };

  test('come strongest first', () => {
    expect(anomaliesByScore(report)[0]?.score).toBe(28);
  });

  test.each([
    ['Markdown', renderMarkdown(report, 'en')],
    ['text', renderText(report, 'en', { isColour: false })],
  ])('%s shows eight and says how many more there are', (_, document) => {
    expect(document.match(/measure-\d+/g)).toHaveLength(8);
    expect(document).toContain('and 21 more');
  });

  test('HTML folds the rest into the page', () => {
    const page = renderHtml(report, 'en');
    const [before, after] = page.split('<summary>and 21 more</summary>');
    expect(before?.match(/measure-\d+/g)).toHaveLength(8);
    expect(after?.match(/measure-\d+/g)).toHaveLength(21);
  });
});

describe('evidence', () => {
  test('has the strongest first, and leaves what probes found to the probes', () => {
    const weights = evidenceOf(POOL, 'for').map(({ weight }) => weight);
    expect(weights).toEqual([4.1, 3]);
    expect(sourceOfProbe(POOL, 'p1')).toBe('state');
    expect(sourceOfProbe(POOL, 'p2')).toBeUndefined();
  });

  test.each([
    [3, 'strong'],
    [2.99, 'moderate'],
    [-1, 'moderate'],
    [0.99, 'weak'],
  ])('a weight of %d is %s', (weight, strength) => {
    expect(strengthOf({ ...EVIDENCE, weight })).toBe(strength);
  });

  test.each([
    { caption: 'many', n: 1380, sentence: 'It is slow', shown: 'n = 1,380' },
    { caption: 'one', n: 1, sentence: 'It is slow', shown: undefined },
    { caption: 'said already', n: 14, sentence: 'a new line (14 lines)', shown: undefined },
    { caption: 'part of another number', n: 14, sentence: 'took 143 ms', shown: 'n = 14' },
  ])('observations: $caption', ({ n, sentence, shown }) => {
    const statement = { zh: sentence, en: sentence };
    const { evidenceId, source, direction, weight } = EVIDENCE;
    const evidence = { evidenceId, source, direction, weight, n, statement };
    expect(figuresOf(evidence, EN)).toBe(shown);
  });
});

describe('decisionLabel()', () => {
  test.each([
    ['confirmed', 'automatic', EN.decisions.automatic],
    ['likely', 'probable', EN.decisions.probable],
    ['unverified', 'automatic', EN.undecided],
    ['abstained', 'automatic', EN.decisions['human review']],
    ['confirmed', 'human review', EN.decisions['human review']],
  ] as const)('%s with %s evidence', (verdict, decision, label) => {
    const consensus = { ...REPORT.consensus, decision };
    expect(decisionLabel({ ...REPORT, verdict, consensus }, EN)).toBe(label);
  });
});

describe('impactFacts()', () => {
  test('puts affected requests beside all', () => {
    expect(impactFacts(REPORT, EN)[0]).toEqual(['Requests affected', '34 of 412 (8.3 %)']);
  });

  test('no user id is not "no user"', () => {
    const impact = { ...REPORT.impact, users: 0 };
    const facts = new Map(impactFacts({ ...REPORT, impact }, EN));
    expect(facts.get('Users affected')).toBe('unknown');
    const quiet = new Map(impactFacts({ ...REPORT, impact: { ...impact, requests: 0 } }, EN));
    expect(quiet.get('Users affected')).toBe('0');
  });
});

test.each(['zh', 'en'] as const)('every form has the times of all steps (%s)', (lang) => {
  const times = ['640 ms', '412 ms', '38.5 ms', '55 ms', '121 ms'];
  const forms = [
    renderHtml(REPORT, lang),
    renderMarkdown(REPORT, lang),
    renderText(REPORT, lang, { isColour: false }),
  ];
  for (const form of forms) for (const time of times) expect(form).toContain(time);
});
