/** A report's ranked causes in the form that public root-cause scorers read (docs/cases.md). */
import type { VerifiedHypothesis } from '../model/hypothesis.ts';
import type { Report } from '../model/report.ts';

export interface Prediction {
  readonly case: string;
  readonly verdict: Report['verdict'];
  readonly confidence: number;
  readonly ranked: readonly RankedCause[];
}

export interface RankedCause {
  readonly service: string;
  readonly kind: string;
  readonly operation?: string;
  readonly dependency?: string;
  readonly version?: string;
  readonly attributes?: Readonly<Record<string, string>>;
  readonly detail?: Readonly<Record<string, string>>;
  readonly statement: string;
}

/** Best cause first; refuted ones are left out, abstaining or not: the ranking is asked for, not the courage. */
export function predictionOf(caseId: string, report: Report): Prediction {
  return {
    case: caseId,
    verdict: report.verdict,
    confidence: report.confidence,
    ranked: report.hypotheses.filter(({ verdict }) => verdict !== 'refuted').map(rankedCauseOf),
  };
}

function rankedCauseOf({ culprit, kind, detail, statement }: VerifiedHypothesis): RankedCause {
  return {
    service: culprit.service,
    kind,
    ...(culprit.operation === undefined ? {} : { operation: culprit.operation }),
    ...(culprit.dependency === undefined ? {} : { dependency: culprit.dependency }),
    ...(culprit.version === undefined ? {} : { version: culprit.version }),
    ...(culprit.attributes === undefined ? {} : { attributes: culprit.attributes }),
    ...(detail === undefined ? {} : { detail }),
    statement: statement.en,
  };
}
