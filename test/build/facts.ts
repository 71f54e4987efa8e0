/** What channels look at, for tests of a single one: the facts of a window as the pipeline gathers them. */
import { clusterSpans } from '../../src/cluster/cluster.ts';
import { type Facts, gatherFacts } from '../../src/hypothesise/facts.ts';
import { hypothesise } from '../../src/hypothesise/hypothesise.ts';
import type { Hypothesis } from '../../src/model/hypothesis.ts';
import type { Collected } from '../../src/model/investigation.ts';

export function factsOf(collected: Collected): Facts {
  return gatherFacts({ ...collected, clustering: clusterSpans(collected) });
}

/** All channels together, without the rulebook. */
export function hypothesesOf(collected: Collected): Hypothesis[] {
  return hypothesise(
    { ...collected, clustering: clusterSpans(collected) },
    { rulebook: { rules: [], rulesHash: '' }, probes: { services: {}, timeoutMs: 5000 } },
  );
}
