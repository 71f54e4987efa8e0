/**
 * Channel "what the metrics say": blame along the call graph by request metrics, resources that jumped or
 * reached their bounds, and calls and answers that got lost between services.
 */
import type { Facts } from './facts.ts';
import { blameAlongCalls } from './metric-blame.ts';
import { suspectCalls } from './metric-calls.ts';
import { suspectJumps } from './metric-jump.ts';
import type { Suspicion } from './suspicion.ts';

export function suspectMetrics(facts: Facts): Suspicion[] {
  // Where there are spans they tell first-hand whose time it is.
  const blamed = facts.table.count > 0 ? undefined : blameAlongCalls(facts);
  return [
    ...(blamed ?? []),
    ...suspectJumps(facts, { areRequestsJudged: blamed !== undefined }),
    ...(blamed === undefined ? suspectCalls(facts) : []),
  ];
}
