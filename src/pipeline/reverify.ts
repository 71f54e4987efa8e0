/**
 * Runs a finished report's probes again, on the report's own window and reference: after a fix the same
 * probes tell whether it holds. The report keeps its facts; outcomes, verdicts and consensus are new.
 */
import { LIMITS } from '../base/limits.ts';
import { clusterSpans } from '../cluster/cluster.ts';
import type { Clustered } from '../model/investigation.ts';
import type { Report } from '../model/report.ts';
import { recomposeReport } from '../report/report.ts';
import { verify } from '../verify/verify.ts';
import { collect } from './collect.ts';
import type { InvestigateDependencies } from './investigate.ts';

export async function verifyAgain(
  report: Report,
  dependencies: InvestigateDependencies,
): Promise<Report> {
  const collected = collect(
    {
      trigger: report.trigger,
      window: report.window,
      scope: report.scope,
      ...(report.reference.kind === 'none' ? {} : { reference: report.reference }),
    },
    dependencies,
  );
  const clustered: Clustered = { ...collected, clustering: clusterSpans(collected) };
  const verified = await verify(report.hypotheses, {
    clustered,
    runner: dependencies.runner,
    clock: dependencies.clock,
    ...(report.noise === undefined ? {} : { noise: report.noise }),
    signal: AbortSignal.timeout(LIMITS.analysisTimeoutMs),
  });
  return recomposeReport(report, verified);
}
