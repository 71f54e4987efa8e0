/**
 * Channel "somebody calls who is not seen": spans that name a caller which is not there, since a service that
 * used to call them sends no spans any more. Whoever hands on the id of its span is alive.
 */
import { formatPercent } from '../base/quantity.ts';
import { type Share, twoShareLlr } from '../base/statistics.ts';
import { NO_ROW, type SpanTable } from '../model/window.ts';
import type { Facts } from './facts.ts';
import { compareText, type Suspicion, softCapped, text } from './suspicion.ts';
import { soundShare } from './telemetry-fault.ts';

const LLR_MIN = 4;
/** Fewer spans of the reference do not show who calls whom. */
const SPANS_MIN = 8;

export function suspectLostCallers(facts: Facts): Suspicion[] {
  const reference = facts.clustered.reference?.spans;
  if (reference === undefined) return [];
  const callees = calleesOfLost(facts.table, reference);
  const found = [...callees].flatMap(([caller, called]) => {
    const now = orphansAt(called, facts.table);
    const before = orphansAt(called, reference);
    const isMore = now.hits * before.total > before.hits * now.total;
    const llr = isMore ? twoShareLlr(now, before) - Math.log(callees.size) : 0;
    return llr < LLR_MIN ? [] : [suspicionOf(caller, { now, before, llr, facts })];
  });
  return found.sort((a, b) => compareText(a.culprit.service, b.culprit.service));
}

/** Services of the reference without a span in the window, and whom they called. */
function calleesOfLost(table: SpanTable, reference: SpanTable): Map<number, Set<number>> {
  const present = new Set<number>();
  for (let row = 0; row < table.count; row++) present.add(table.service[row]!);
  const spans = new Map<number, number>();
  const callees = new Map<number, Set<number>>();
  for (let row = 0; row < reference.count; row++) {
    const service = reference.service[row]!;
    if (!present.has(service)) spans.set(service, (spans.get(service) ?? 0) + 1);
    const parent = reference.parent[row]!;
    if (parent === NO_ROW || reference.service[parent] === service) continue;
    const caller = reference.service[parent]!;
    if (present.has(caller)) continue;
    callees.set(caller, (callees.get(caller) ?? new Set()).add(service));
  }
  return new Map([...callees].filter(([caller]) => (spans.get(caller) ?? 0) >= SPANS_MIN));
}

/** Of the calls that come into the services, those whose caller is named and missing. */
function orphansAt(services: ReadonlySet<number>, table: SpanTable): Share {
  let [hits, total] = [0, 0];
  for (let row = 0; row < table.count; row++) {
    const service = table.service[row]!;
    if (!services.has(service)) continue;
    const parent = table.parent[row]!;
    if (parent !== NO_ROW && table.service[parent] === service) continue;
    total++;
    hits += table.isOrphan[row]!;
  }
  return { hits, total };
}

function suspicionOf(
  caller: number,
  found: {
    readonly now: Share;
    readonly before: Share;
    readonly llr: number;
    readonly facts: Facts;
  },
): Suspicion {
  const { now, before, llr, facts } = found;
  const service = facts.table.strings.text(caller);
  const share = soundShare(new Set(), facts);
  const [is, was] = [now, before].map(({ hits, total }) => hits / Math.max(1, total)) as [
    number,
    number,
  ]; // two shares, two ratios
  return {
    culprit: { service },
    kind: 'telemetry',
    isOwn: true,
    share,
    evidence: [
      {
        source: 'trace',
        direction: 'for',
        aspect: 'flow',
        statement: text(
          `${service} 不再上报 span，但它调用的服务照常收到请求：其中 ${formatPercent(is)} 的调用方 span 缺失，平时 ${formatPercent(was)}`,
          `${service} sends no spans any more, yet what it calls is still called: ${formatPercent(is)} of these calls name a caller that is missing, usually ${formatPercent(was)}`,
        ),
        value: is,
        expected: was,
        n: now.total,
        weight: softCapped(llr) * Math.sqrt(share),
      },
    ],
  };
}
