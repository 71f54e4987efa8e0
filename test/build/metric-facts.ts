/** Facts of a system of which only metrics are known, for tests of the channels that read them. */
import { clusterSpans } from '../../src/cluster/cluster.ts';
import { type Facts, gatherFacts } from '../../src/hypothesise/facts.ts';
import type { Scope } from '../../src/model/report.ts';
import type { SeriesWindow } from '../../src/model/window.ts';
import { buildCollected } from './span-table.ts';

export function metricFacts(
  periods: {
    readonly window: readonly SeriesWindow[];
    readonly reference?: readonly SeriesWindow[];
  },
  more: {
    readonly topology?: readonly (readonly [caller: string, callee: string])[];
    readonly scope?: Scope;
  } = {},
): Facts {
  const collected = buildCollected(
    {
      window: { series: periods.window },
      reference: periods.reference && { series: periods.reference },
    },
    { topology: more.topology ?? [] },
  );
  const request = { ...collected.request, scope: more.scope ?? {} };
  const asked = { ...collected, request };
  return gatherFacts({ ...asked, clustering: clusterSpans(asked) });
}
