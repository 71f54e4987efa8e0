/** Channel "what was changed": deploys, configuration, keys and the like of a service shortly before the onset. */
import { formatNumber } from '../base/quantity.ts';
import { US_PER_MINUTE } from '../base/time.ts';
import type { ChangeEvent } from '../model/anomaly.ts';
import type { CauseKind } from '../model/hypothesis.ts';
import type { Facts } from './facts.ts';
import { compareText, type Suspicion, text } from './suspicion.ts';

/** A change this long before the onset is as good as none. */
const BEFORE_US_MAX = 60 * US_PER_MINUTE;
/** The onset is known to some seconds only: a change may seem to come after it. */
const AFTER_US_MAX = US_PER_MINUTE;
/** A change at the very onset; it halves every ten minutes. Being in time is not yet being guilty. */
const WEIGHT_MAX = 3;
const HALF_LIFE_US = 10 * US_PER_MINUTE;

export function suspectChanges(facts: Facts): Suspicion[] {
  return facts.clustered.changes
    .filter((change) => {
      const beforeUs = facts.onsetUs - change.timeUs;
      return change.service !== undefined && beforeUs <= BEFORE_US_MAX && beforeUs >= -AFTER_US_MAX;
    })
    .sort((a, b) => b.timeUs - a.timeUs || compareText(a.changeId, b.changeId))
    .map((change) => suspicionOf(change, facts));
}

function suspicionOf(change: ChangeEvent, facts: Facts): Suspicion {
  const beforeUs = Math.max(0, facts.onsetUs - change.timeUs);
  const minutes = formatNumber(beforeUs / US_PER_MINUTE);
  const service = change.service ?? '';
  const version = change.version === undefined ? '' : ` ${change.version}`;
  const what = change.description.slice(0, 120);
  return {
    culprit: { service, ...(change.version === undefined ? {} : { version: change.version }) },
    kind: kindOf(change),
    isOwn: true,
    detail: { change: change.changeId },
    evidence: [
      {
        source: 'change',
        direction: 'for',
        statement: text(
          `异常开始前 ${minutes} 分钟 ${service} 有变更（${change.kind}${version}）：${what}`,
          `${service} was changed ${minutes} min before the onset (${change.kind}${version}): ${what}`,
        ),
        n: 1,
        weight: WEIGHT_MAX * 0.5 ** (beforeUs / HALF_LIFE_US),
      },
    ],
  };
}

function kindOf(change: ChangeEvent): CauseKind {
  return change.kind === 'deploy' ? 'deploy' : 'config';
}
