/**
 * Which spans of a request a hypothesis holds responsible: the place as a whole, not only its slow or failed
 * spans, because without the cause all of them would be as usual.
 */
import type { CauseKind, Hypothesis, SuspectPattern } from '../model/hypothesis.ts';
import { SPAN_KIND } from '../model/vocabulary.ts';
import { NO_ROW } from '../model/window.ts';
import { createMatcher } from '../plugin/probes/store-traces.ts';
import type { CallTree } from './retime.ts';

/** What ails a process delays what it does and what waits to be taken in by it. */
const PROCESS_KINDS: ReadonlySet<CauseKind> = new Set([
  'cpu',
  'memory',
  'gc',
  'event-loop',
  'lock',
  'leak',
  'disk',
]);
/** Changes what others do, too: no span is the place. */
const PLACELESS_KINDS: ReadonlySet<CauseKind> = new Set([
  'traffic',
  'telemetry',
  'deploy',
  'config',
]);

export type IsSuspect = (row: number) => boolean;

/** Tells the rows of a table that the hypothesis holds responsible; undefined when no span can be named. */
export function suspectRows(hypothesis: Hypothesis, tree: CallTree): IsSuspect | undefined {
  const { table } = tree;
  const pattern = patternOf(hypothesis);
  const serviceId = table.strings.find(hypothesis.culprit.service);
  if (pattern === undefined || serviceId === undefined) return undefined;
  if (pattern.callee !== undefined) {
    const isWay = createCallMatcher(tree, serviceId, 'both');
    if (hypothesis.kind === 'network') return isWay;
    return (row) => isWay(row) || table.service[row] === serviceId;
  }
  const patternServiceId = table.strings.find(pattern.service);
  const matches = createMatcher(placeOf(pattern), table);
  const isAtPlace = (row: number) => table.service[row] === patternServiceId && matches(row);
  if (!PROCESS_KINDS.has(hypothesis.kind)) return isAtPlace;
  const isWayIn = createCallMatcher(tree, serviceId, 'in');
  return (row) => isAtPlace(row) || isWayIn(row);
}

function patternOf({ kind, probePlans, culprit }: Hypothesis): SuspectPattern | undefined {
  const check = probePlans.find(({ spec }) => spec.kind === 'store')?.spec;
  if (check?.kind !== 'store') return undefined;
  const pattern =
    check.query.kind === 'cohort' ? check.query.suspect : { service: culprit.service };
  const isWhole = Object.keys(pattern).every((key) => key === 'service');
  return isWhole && PLACELESS_KINDS.has(kind) ? undefined : pattern;
}

/** Whether the hypothesis is that something fails, not that it is slow. */
export function isAboutFailures(hypothesis: Hypothesis): boolean {
  const pattern = patternOf(hypothesis);
  return pattern?.errorType !== undefined || pattern?.isError === true;
}

/** Whether the hypothesis is that runs go another way: taken back, they take more time, not less. */
export function isAboutFlow(hypothesis: Hypothesis): boolean {
  return patternOf(hypothesis)?.flow !== undefined;
}

/** Without the bounds that tell its bad spans from its good ones. */
function placeOf({ service, operation, target, attributes }: SuspectPattern): SuspectPattern {
  return {
    service,
    ...(operation === undefined ? {} : { operation }),
    ...(target === undefined ? {} : { target }),
    ...(attributes === undefined ? {} : { attributes }),
  };
}

/** Calls from one service to another, seen at the caller: into the service, or into it and out of it. */
function createCallMatcher(tree: CallTree, service: number, direction: 'in' | 'both'): IsSuspect {
  const { table, firstChild, nextSibling } = tree;
  return (row) => {
    if (table.kind[row] !== SPAN_KIND.client && table.kind[row] !== SPAN_KIND.producer)
      return false;
    for (let callee = firstChild[row]!; callee !== NO_ROW; callee = nextSibling[callee]!) {
      if (table.service[callee] === table.service[row]) continue;
      if (table.service[callee] === service) return true;
      if (direction === 'both' && table.service[row] === service) return true;
    }
    return false;
  };
}
