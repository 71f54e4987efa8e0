/**
 * Explaining away, done anew once probes have refuted what explained a hypothesis: the next cause that would
 * explain it takes over, or it gets back what was taken off it and stands for itself.
 */
import type { Hypothesis } from '../model/hypothesis.ts';

/** The hypotheses in the same order; `beliefPerScore` as in AnalysisSettings. */
export function releaseEffects(
  hypotheses: readonly Hypothesis[],
  context: { readonly refutedIds: ReadonlySet<string>; readonly beliefPerScore: number },
): readonly Hypothesis[] {
  return hypotheses.map((hypothesis) => {
    const { effectOf, otherCauses = [] } = hypothesis;
    if (effectOf === undefined || !context.refutedIds.has(effectOf)) return hypothesis;
    const next = otherCauses.find(({ hypothesisId }) => !context.refutedIds.has(hypothesisId));
    return next === undefined
      ? released(hypothesis, context.beliefPerScore)
      : moved(hypothesis, next);
  });
}

function released(hypothesis: Hypothesis, beliefPerScore: number): Hypothesis {
  const { effectOf: _, otherCauses: __, explanationId, ...rest } = hypothesis;
  const explanation = rest.evidence.find(({ evidenceId }) => evidenceId === explanationId);
  const weight = explanation?.weight ?? 0;
  return {
    ...rest,
    evidence: rest.evidence.filter((item) => item !== explanation),
    score: rest.score - weight,
    posterior: rest.posterior * Math.exp(-weight * beliefPerScore),
  };
}

function moved(
  hypothesis: Hypothesis,
  next: NonNullable<Hypothesis['otherCauses']>[number],
): Hypothesis {
  const { explanationId } = hypothesis;
  return {
    ...hypothesis,
    effectOf: next.hypothesisId,
    evidence: hypothesis.evidence.map((item) =>
      item.evidenceId === explanationId ? { ...item, statement: next.statement } : item,
    ),
  };
}
