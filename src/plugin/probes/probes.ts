/**
 * Runs planned probes: asks a registered service or Prometheus, or compares cohorts of stored traces. Every
 * run ends with confirm, refute or inconclusive and the reason; nothing here throws because of an answer.
 */
import { isAppError } from '../../base/errors.ts';
import { type Clock, US_PER_MINUTE, US_PER_MS } from '../../base/time.ts';
import type { Config } from '../../config/config.ts';
import type { ProbePlan, ProbeRun, SuspectPattern } from '../../model/hypothesis.ts';
import type { Clustered } from '../../model/investigation.ts';
import { DEFAULT_SAMPLING, runHttpProbe, type Sampling } from './http-probe.ts';
import { inconclusive, type ProbeResult } from './outcome.ts';
import { runPromProbe } from './prom-probe.ts';
import { createStoreContext, runStoreProbe, type StoreContext } from './store-probe.ts';

export interface ProbeContext {
  readonly clustered: Clustered;
  readonly signal: AbortSignal;
  /** What the report's hypotheses suspect: placebo checks stay clear of it. */
  readonly suspects?: readonly SuspectPattern[];
}

export interface ProbeRunner {
  /** A failure to ask is an inconclusive run, never a rejection. */
  run(plan: ProbePlan, context: ProbeContext): Promise<ProbeRun>;
}

export interface ProbeRunnerOptions {
  readonly config: Config['probes'];
  readonly fetch?: typeof fetch;
  readonly clock: Clock;
  /** How often a live state is looked at; fewer and faster only in tests. */
  readonly sampling?: Sampling;
}

export function createProbeRunner(options: ProbeRunnerOptions): ProbeRunner {
  const { config, clock } = options;
  const ask = options.fetch ?? fetch;
  const sampling = options.sampling ?? DEFAULT_SAMPLING;
  /** Checks on one investigation's telemetry share what they look up in it. */
  const stores = new WeakMap<Clustered, StoreContext>();
  const storeOf = ({ clustered, suspects }: ProbeContext): StoreContext => {
    const known = stores.get(clustered) ?? createStoreContext(clustered, suspects ?? []);
    stores.set(clustered, known);
    return known;
  };
  return {
    async run(plan, context) {
      const ranAtUs = clock.nowUs();
      const result = await runPlan(plan, {
        ...context,
        storeOf,
        config,
        ask,
        sampling,
        atUs: ranAtUs,
      });
      const durationMs = Math.max(0, (clock.nowUs() - ranAtUs) / US_PER_MS);
      return { plan, ...result, ranAtUs, durationMs };
    },
  };
}

async function runPlan(
  plan: ProbePlan,
  options: ProbeContext & {
    readonly config: Config['probes'];
    readonly ask: typeof fetch;
    readonly sampling: Sampling;
    readonly atUs: number;
    readonly storeOf: (context: ProbeContext) => StoreContext;
  },
): Promise<ProbeResult> {
  const { spec } = plan;
  try {
    switch (spec.kind) {
      case 'http':
        return onlyWhileFresh(await runHttpProbe(spec, options), options);
      case 'prom':
        return await runPromProbe(spec, {
          ...options,
          atUs: Math.min(options.atUs, options.clustered.window.range.toUs),
        });
      case 'store':
        return runStoreProbe(spec.query, options.storeOf(options));
    }
  } catch (thrown) {
    // A target that is not allowed, an expectation that does not parse; anything else is a bug of ours.
    if (!isAppError(thrown)) throw thrown;
    return inconclusive({
      zh: `探针未能执行：${thrown.message}`,
      en: `The probe could not run: ${thrown.message}`,
    });
  }
}

/** A service that is well this long after the window says nothing about the window. */
const REFUTATION_AGE_MAX_US = 10 * US_PER_MINUTE;

/** What is asked of the running system is true now; a fault that has passed was not refuted by that. */
function onlyWhileFresh(
  result: ProbeResult,
  { clustered, atUs }: { readonly clustered: Clustered; readonly atUs: number },
): ProbeResult {
  const ageUs = atUs - clustered.window.range.toUs;
  if (result.outcome !== 'refute' || ageUs <= REFUTATION_AGE_MAX_US) return result;
  const minutes = Math.round(ageUs / US_PER_MINUTE);
  return inconclusive({
    zh: `${result.observed.zh}；但窗口已结束 ${minutes} 分钟，不能据此排除`,
    en: `${result.observed.en}; but the window ended ${minutes} minutes ago, which refutes nothing`,
  });
}
