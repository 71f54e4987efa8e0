/** The timeline as a reader sees it: where the cause stands before, beside or after its first symptom. */
import { describe, expect, test } from 'vitest';
import type { Report } from '../../src/model/report.ts';
import { chronicleOf } from '../../src/report/chronicle.ts';
import { ABSTAINED, OLD_REPORT, REPORT } from './fixture.ts';

const SYMPTOM_US = REPORT.firstSymptom?.timeUs ?? 0;

function withOnset(onsetUs: number): Report {
  const hypotheses = REPORT.hypotheses.map((one) =>
    one.path === undefined ? one : { ...one, path: { ...one.path, onsetUs } },
  );
  return { ...REPORT, hypotheses };
}

describe('chronicleOf()', () => {
  test.each([
    [-2_000_000, '2 s before the first symptom', ['change', 'cause', 'symptom', 'onset', 'alert']],
    [0, 'together with the first symptom', ['change', 'cause', 'symptom', 'onset', 'alert']],
    [1500, '1.5 ms after the first symptom', ['change', 'symptom', 'onset', 'cause', 'alert']],
  ])('a cause that shows %d µs from the symptom', (apartUs, order, kinds) => {
    const entries = chronicleOf(withOnset(SYMPTOM_US + apartUs));
    expect(entries.map(({ kind }) => kind)).toEqual(kinds);
    const cause = entries.find(({ kind }) => kind === 'cause');
    expect(cause?.text.en).toContain(order);
    expect(cause?.text.en).toContain('root cause h1');
  });

  test('calls the place of a lead a lead', () => {
    const report: Report = { ...ABSTAINED, hypotheses: REPORT.hypotheses };
    expect(chronicleOf(report).map(({ text }) => text.en)[0]).toContain('best lead h1');
  });

  test('of an old report is its timeline with the symptom', () => {
    expect(chronicleOf(OLD_REPORT).filter(({ kind }) => kind !== 'symptom')).toEqual(
      OLD_REPORT.timeline,
    );
  });
});
