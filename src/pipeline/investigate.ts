/**
 * The analysis on one screen: collect → cluster → hypothesise → verify → report. Each step is a room; this
 * file calls them in order, tells whoever listens how far it is, and measures each step.
 */
import { context as otelContext, SpanStatusCode, type Tracer, trace } from '@opentelemetry/api';
import { messageOf } from '../base/errors.ts';
import type { Clock } from '../base/time.ts';
import { clusterSpans } from '../cluster/cluster.ts';
import type { Config } from '../config/config.ts';
import { hypothesise, tryPlacebos } from '../hypothesise/hypothesise.ts';
import { ANALYSIS_SETTINGS, type AnalysisSettings } from '../model/analysis-settings.ts';
import type { InvestigationEvent } from '../model/events.ts';
import type { Evidence, ProbeRun } from '../model/hypothesis.ts';
import type { Clustered, Collected, InvestigationRequest } from '../model/investigation.ts';
import type { Report } from '../model/report.ts';
import type { Rulebook } from '../model/rule.ts';
import type { ProbeRunner } from '../plugin/probes/probes.ts';
import { composeReport } from '../report/report.ts';
import { verify } from '../verify/verify.ts';
import { type CollectDependencies, collect } from './collect.ts';
import { placebosOf } from './placebo.ts';

export interface InvestigateDependencies extends CollectDependencies {
  readonly rulebook: Rulebook;
  readonly probes: Config['probes'];
  readonly runner: ProbeRunner;
  readonly clock: Clock;
  readonly tracer: Tracer;
  readonly version: string;
  /** Absent: ANALYSIS_SETTINGS. */
  readonly settings?: AnalysisSettings;
}

export interface Investigation {
  readonly report: Report;
  readonly clustered: Clustered;
}

export interface InvestigateContext {
  readonly reportId: string;
  readonly dependencies: InvestigateDependencies;
  readonly signal: AbortSignal;
  readonly onEvent?: (event: InvestigationEvent) => void;
}

/** Throws what a step throws, and `analysis.timeout` through the signal. */
export async function investigate(
  request: InvestigationRequest,
  context: InvestigateContext,
): Promise<Investigation> {
  const { dependencies, signal } = context;
  const { clock } = dependencies;
  const settings = dependencies.settings === undefined ? {} : { settings: dependencies.settings };
  const createdAtUs = clock.nowUs();
  const startedMs = performance.now();
  const steps = createSteps(request, context);
  try {
    const collected = await steps.run('collect', () => collect(request, dependencies));
    const clustering = await steps.run('cluster', () => clusterSpans(collected));
    const clustered: Clustered = { ...collected, clustering };
    const { hypotheses, noise } = await steps.run('hypothesise', () => {
      const options = {
        rulebook: dependencies.rulebook,
        probes: dependencies.probes,
        ...settings,
      };
      const placebos = tryPlacebos(clusteredPlacebos(collected, dependencies), options);
      return {
        hypotheses: hypothesise(clustered, { ...options, placebos }),
        noise: placebos.noise,
      };
    });
    const verified = await steps.run('verify', () =>
      verify(hypotheses, {
        clustered,
        runner: dependencies.runner,
        clock,
        signal,
        noise,
        ...settings,
        onProgress: ({ hypothesisId, probeRun }) => steps.sayProbe(hypothesisId, probeRun),
      }),
    );
    const report = composeReport({
      reportId: context.reportId,
      createdAtUs,
      clustered,
      verified,
      noise,
      times: { ...steps.times, totalMs: performance.now() - startedMs },
      engine: { version: dependencies.version, rulesHash: dependencies.rulebook.rulesHash },
      // a sample is looked at whole: its gap is its own
      isPartial: false,
    });
    const { verdict, confidence, rootCause, summary } = report;
    context.onEvent?.({
      type: 'verdict',
      atUs: clock.nowUs(),
      data: { verdict, confidence, rootCause, summary },
    });
    steps.end();
    return { report, clustered };
  } catch (thrown) {
    steps.end(messageOf(thrown));
    throw thrown;
  }
}

function clusteredPlacebos(
  collected: Collected,
  { settings = ANALYSIS_SETTINGS }: Pick<InvestigateDependencies, 'settings'>,
): readonly Clustered[] {
  return placebosOf(collected, settings.placeboRuns).map((placebo) => ({
    ...placebo,
    clustering: clusterSpans(placebo),
  }));
}

type Step = 'collect' | 'cluster' | 'hypothesise' | 'verify';

/** Runs steps one by one: each is announced, measured and traced. */
function createSteps(request: InvestigationRequest, context: InvestigateContext) {
  const { clock, tracer } = context.dependencies;
  const times = { collectMs: 0, clusterMs: 0, hypothesiseMs: 0, verifyMs: 0 };
  const root = tracer.startSpan('investigation', {
    attributes: {
      'taproot.trigger': request.trigger.kind,
      'taproot.report.id': context.reportId,
    },
  });
  const say = (event: InvestigationEvent) => context.onEvent?.(event);
  return {
    times,
    async run<Result>(step: Step, work: () => Result | Promise<Result>): Promise<Result> {
      context.signal.throwIfAborted();
      say({ type: 'phase', atUs: clock.nowUs(), data: { step } });
      const startedMs = performance.now();
      const span = tracer.startSpan(
        `investigation.${step}`,
        {},
        trace.setSpan(otelContext.active(), root),
      );
      try {
        return await work();
      } finally {
        times[`${step}Ms`] = performance.now() - startedMs;
        span.end();
        say({ type: 'phase', atUs: clock.nowUs(), data: { step, durationMs: times[`${step}Ms`] } });
      }
    },
    sayProbe(hypothesisId: string, run: ProbeRun): void {
      const { outcome, plan, observed } = run;
      if (outcome === 'inconclusive') {
        const message = {
          zh: `探针 ${plan.target}:${observed.zh}`,
          en: `Probe ${plan.target}: ${observed.en}`,
        };
        say({ type: 'progress', atUs: clock.nowUs(), data: { step: 'verify', message } });
        return;
      }
      const evidence: Evidence = {
        evidenceId: plan.probeId,
        source: PROBE_SOURCE[plan.kind],
        direction: outcome === 'confirm' ? 'for' : 'against',
        statement: observed,
        n: 1,
        weight: 0,
      };
      say({ type: 'evidence', atUs: clock.nowUs(), data: { hypothesisId, evidence } });
    },
    end(error?: string): void {
      if (error !== undefined) root.setStatus({ code: SpanStatusCode.ERROR, message: error });
      root.end();
    },
  };
}

const PROBE_SOURCE = { store: 'trace', prom: 'metric', http: 'state' } as const;
