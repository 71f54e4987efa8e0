/**
 * Channel "which version does it": two versions of one service at the same time, one with bad requests and one
 * without. Everything else being equal for both, this is as good as an experiment.
 */
import { formatPercent } from '../base/quantity.ts';
import { type Share, twoShareLlr } from '../base/statistics.ts';
import { pairKey } from '../model/row-groups.ts';
import { NO_ROW } from '../model/window.ts';
import type { Facts } from './facts.ts';
import { compareText, explainedWeight, type Suspicion, text, tracesLink } from './suspicion.ts';

const LLR_MIN = 3;
/** Requests of a version, and of the others, below which a comparison says nothing. */
const REQUESTS_MIN = 8;

/** Requests that came into one operation of a service at one version. */
interface Cohort {
  readonly service: number;
  readonly operation: number;
  readonly version: number;
  hits: number;
  total: number;
}

export function suspectVersions(facts: Facts): Suspicion[] {
  if (facts.badTraceCount === 0) return [];
  const compared = gatherCohorts(facts).filter((cohorts) => versionsOf(cohorts).length > 1);
  const comparisons = compared.reduce((sum, cohorts) => sum + versionsOf(cohorts).length, 0);
  return compared
    .flatMap((cohorts) =>
      versionsOf(cohorts).flatMap((version) =>
        suspicionsOf(version, { cohorts, facts, comparisons }),
      ),
    )
    .sort((a, b) => compareText(nameOf(a), nameOf(b)));
}

function nameOf({ culprit }: Suspicion): string {
  return `${culprit.service}\0${culprit.version}`;
}

/** Spans that enter a service, so that a version's inner spans do not count once more; by service. */
function gatherCohorts({ table, isBadTrace }: Facts): Cohort[][] {
  const byService = new Map<number, Map<number, Cohort>>();
  for (let row = 0; row < table.count; row++) {
    const version = table.version[row]!;
    if (version === 0) continue;
    const service = table.service[row]!;
    const parent = table.parent[row]!;
    if (parent !== NO_ROW && table.service[parent] === service) continue;
    const operation = table.operation[row]!;
    let cohorts = byService.get(service);
    if (cohorts === undefined) {
      cohorts = new Map();
      byService.set(service, cohorts);
    }
    const key = pairKey(operation, version);
    let cohort = cohorts.get(key);
    if (cohort === undefined) {
      cohort = { service, operation, version, hits: 0, total: 0 };
      cohorts.set(key, cohort);
    }
    cohort.total++;
    cohort.hits += isBadTrace[table.trace[row]!]!;
  }
  return [...byService.values()].map((cohorts) => [...cohorts.values()]);
}

function versionsOf(cohorts: readonly Cohort[]): number[] {
  return [...new Set(cohorts.map(({ version }) => version))];
}

function suspicionsOf(
  version: number,
  context: {
    readonly cohorts: readonly Cohort[];
    readonly facts: Facts;
    readonly comparisons: number;
  },
): Suspicion[] {
  const { cohorts, facts, comparisons } = context;
  const { table } = facts;
  const { llr, own, others } = compareVersion(version, cohorts);
  if (llr - Math.log(comparisons) < LLR_MIN) return [];
  const service = table.strings.text(cohorts[0]!.service); // a service has at least one cohort
  const name = table.strings.text(version);
  const [now, elsewhere] = [own.hits / own.total, others.hits / others.total];
  const explained = own.hits / (own.hits + others.hits);
  return [
    {
      culprit: { service, version: name },
      kind: 'deploy',
      isOwn: true,
      share: explained,
      pattern: { service, attributes: { 'service.version': name } },
      evidence: [
        {
          source: 'trace',
          direction: 'for',
          aspect: 'change',
          statement: text(
            `经过 ${service} 版本 ${name} 的请求 ${formatPercent(now)} 异常，同一时间其他版本 ${formatPercent(elsewhere)}`,
            `${formatPercent(now)} of the requests through version ${name} of ${service} are bad, through other versions at the same time ${formatPercent(elsewhere)}`,
          ),
          value: now,
          expected: elsewhere,
          unit: '1',
          n: own.total,
          weight: explainedWeight(llr - Math.log(comparisons), explained),
          link: tracesLink({ service }, facts.clustered.window.range),
        },
      ],
    },
  ];
}

/** Each operation is compared with itself: versions may serve other requests. */
function compareVersion(
  version: number,
  cohorts: readonly Cohort[],
): { readonly llr: number; readonly own: Share; readonly others: Share } {
  const sum = { own: { hits: 0, total: 0 }, others: { hits: 0, total: 0 } };
  let llr = 0;
  for (const own of cohorts) {
    if (own.version !== version) continue;
    const others = { hits: 0, total: 0 };
    for (const other of cohorts) {
      if (other.operation !== own.operation || other.version === version) continue;
      others.hits += other.hits;
      others.total += other.total;
    }
    if (others.total === 0) continue;
    const isWorse = own.hits / own.total > others.hits / others.total;
    llr += (isWorse ? 1 : -1) * twoShareLlr(own, others);
    sum.own.hits += own.hits;
    sum.own.total += own.total;
    sum.others.hits += others.hits;
    sum.others.total += others.total;
  }
  const isEnough = Math.min(sum.own.total, sum.others.total) >= REQUESTS_MIN;
  return { llr: isEnough ? llr : 0, ...sum };
}
