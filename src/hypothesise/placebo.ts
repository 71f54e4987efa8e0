/**
 * What fault-free windows of the same system look like, taken off what the incident looks like. A place that
 * is suspicious on good days as well has to be more so now; and where good days bring forth a suspect of some
 * score even after that, a suspect of that score is no news.
 */
import { formatNumber } from '../base/quantity.ts';
import { quantileOfSorted } from '../base/statistics.ts';
import type { Suspect, WeighedEvidence } from './merge.ts';
import { compareText, text } from './suspicion.ts';

/** By service and kind of cause: the highest score in one fault-free window. */
export type PlaceboScores = ReadonlyMap<string, number>;

export function placeboScores(suspects: readonly Suspect[]): PlaceboScores {
  const scores = new Map<string, number>();
  for (const suspect of suspects) {
    const key = placeOf(suspect);
    scores.set(key, Math.max(scores.get(key) ?? 0, suspect.score));
  }
  return scores;
}

/** The suspects by score, with what the placebos say against each. */
export function withPlacebos(
  suspects: readonly Suspect[],
  placebos: readonly PlaceboScores[],
): Suspect[] {
  return suspects
    .map((suspect) => {
      const usual = meanScore(placebos, placeOf(suspect));
      if (usual <= 0) return suspect;
      const evidence = [...suspect.evidence, against(suspect, { usual, runs: placebos.length })];
      return { ...suspect, evidence, score: suspect.score - usual };
    })
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score || compareText(a.key, b.key));
}

/**
 * Score that a suspect reaches without a fault: of each placebo the highest score that the other placebos leave
 * standing, of these the median. 0 with fewer than two placebos: then nothing tells noise from habit.
 */
export function placeboLevel(placebos: readonly PlaceboScores[]): number {
  if (placebos.length < 2) return 0;
  const tops = placebos.map((scores, index) => {
    let top = 0;
    const others = placebos.filter((_, at) => at !== index);
    for (const [key, score] of scores) top = Math.max(top, score - meanScore(others, key));
    return top;
  });
  return quantileOfSorted(Float64Array.from(tops).sort(), 0.5);
}

/** Windows in which it was no suspect count as 0: a place that is noisy now and then loses little. */
function meanScore(placebos: readonly PlaceboScores[], key: string): number {
  const sum = placebos.reduce((total, scores) => total + (scores.get(key) ?? 0), 0);
  return sum / Math.max(1, placebos.length);
}

function placeOf({ culprit, kind }: Suspect): string {
  return `${culprit.service}\0${kind}`;
}

function against(
  { culprit, evidence }: Suspect,
  { usual, runs }: { readonly usual: number; readonly runs: number },
): WeighedEvidence {
  const { service } = culprit;
  return {
    source: evidence[0]?.source ?? 'trace',
    direction: 'against',
    aspect: 'flow',
    isOwn: false,
    statement: text(
      `参照期内没有故障的 ${runs} 个时段里，${service} 也显得可疑，平均 ${formatNumber(usual)}`,
      `In ${runs} fault-free windows of the reference ${service} looked suspicious as well, by ${formatNumber(usual)} on average`,
    ),
    value: usual,
    n: runs,
    weight: -usual,
  };
}
