/** What to collect next, asked for when a report decides nothing. */
import type { Clustered } from '../model/investigation.ts';
import type { Gap, Report } from '../model/report.ts';
import type { Text } from '../model/text.ts';

/** More than these nobody does at 3 am. */
const STEPS_MAX = 6;

/** What would make the next investigation decide: what the gaps ask for, then changes and probes. */
export function buildNextSteps(
  clustered: Clustered,
  context: { readonly verdict: Report['verdict']; readonly gaps: readonly Gap[] },
): Text[] {
  const { verdict, gaps } = context;
  if (verdict === 'confirmed' || verdict === 'likely') return [];
  const steps: Text[] = [];
  // Where nothing is anomalous there is nothing that a change or a probe could explain.
  if (clustered.clustering.anomalousCount > 0) {
    steps.push(NEXT.probes);
    if (clustered.changes.length === 0) steps.unshift(NEXT.changes);
  }
  const remedies = gaps.flatMap(({ remedy }) => (remedy === undefined ? [] : [remedy]));
  return [...remedies.slice(0, STEPS_MAX - steps.length), ...steps];
}

const NEXT = {
  changes: {
    zh: '发布与配置变更时调用 POST /api/v1/events，变更即成为证据',
    en: 'Post deploys and configuration changes to POST /api/v1/events: changes become evidence',
  },
  probes: {
    zh: '在配置 probes.services 中登记可疑服务的 debugUrl 与 promSelector，使探针能够直接求证',
    en: 'Register debugUrl and promSelector of the suspected services under probes.services, so that probes can ask them',
  },
} as const satisfies Record<string, Text>;
