/** A report's ranked causes in the form that public root-cause scorers read (docs/cases.md). */
import { formatTime } from '../base/time.ts';
import type { Culprit, Hop, VerifiedHypothesis } from '../model/hypothesis.ts';
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
  /** What is called: by the name that reports give it, and by its address as sent. */
  readonly dependency?: readonly string[];
  readonly version?: string;
  /** A list: one of these. */
  readonly attributes?: Readonly<Record<string, string | readonly string[]>>;
  readonly error?: { readonly type: string; readonly message: string };
  readonly chain?: readonly Hop[];
  readonly onset?: string;
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

function rankedCauseOf({
  culprit,
  kind,
  detail,
  path,
  statement,
}: VerifiedHypothesis): RankedCause {
  const { service, operation, dependency, version } = culprit;
  const called = [...new Set([dependency, path?.peer])].filter((name) => name !== undefined);
  return {
    service,
    kind,
    ...(operation === undefined ? {} : { operation }),
    ...(called.length === 0 ? {} : { dependency: called }),
    ...(version === undefined ? {} : { version }),
    ...(culprit.attributes === undefined ? {} : { attributes: valuesOf(culprit) }),
    ...(path?.error === undefined ? {} : { error: path.error }),
    ...(path === undefined || path.chain.length === 0 ? {} : { chain: path.chain }),
    ...(path === undefined ? {} : { onset: formatTime(path.onsetUs) }),
    ...(detail === undefined ? {} : { detail }),
    statement: statement.en,
  };
}

/** Sets of values as lists. */
function valuesOf({ attributes, conditions }: Culprit): Record<string, string | readonly string[]> {
  const values: Record<string, string | readonly string[]> = { ...attributes };
  for (const condition of conditions ?? []) {
    const isSet = condition.kind === 'one-of' && condition.values.length > 1;
    if (isSet) values[condition.key] = condition.values;
  }
  return values;
}
