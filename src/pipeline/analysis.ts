/**
 * Runs investigations one after the other, aside from whoever asked, keeps their events, saves their reports
 * with the evidence they point at, and ticks detection. Lives on the analysis thread.
 */
import type { Counters } from '../base/counters.ts';
import { AppError, isAppError, messageOf } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import { formatTime, type TimeRange, US_PER_HOUR, US_PER_MINUTE, US_PER_MS } from '../base/time.ts';
import { isCreeping } from '../detect/detect.ts';
import type { Incident } from '../model/anomaly.ts';
import type { EndpointBaseline } from '../model/baseline.ts';
import { type InvestigationEvent, isLastEvent } from '../model/events.ts';
import type { InvestigationRequest } from '../model/investigation.ts';
import type { Report } from '../model/report.ts';
import type { Silence } from '../model/silence.ts';
import type { SloStatus } from '../model/slo.ts';
import type { LogRecord, Span } from '../model/span.ts';
import type { PinnedEvidence, StateStore } from '../store/api/state.ts';
import type { TelemetryReader } from '../store/api/telemetry.ts';
import { type InvestigateDependencies, investigate } from './investigate.ts';
import { verifyAgain } from './reverify.ts';
import { Detection } from './tick.ts';
import type { Watchers } from './watchers.ts';

export interface AnalysisOptions {
  readonly telemetry: TelemetryReader;
  readonly state: StateStore;
  /** What an investigation needs besides the stores; asked anew for each, so that rules reload. */
  readonly investigation: () => Omit<
    InvestigateDependencies,
    'telemetry' | 'state' | 'learned' | 'topology'
  >;
  readonly counters: Counters;
  readonly log: Log;
  /** Random part of a report id. */
  readonly newSuffix: () => string;
  /** Wait for late telemetry before an alert's window is read. */
  readonly settleMs: number;
  readonly windowMinutes: number;
  /** New ones, that have learned nothing. */
  readonly createWatchers: () => Watchers;
  /** Those that end after a time; left out: none. */
  readonly listSilences?: (endAfterUs: number) => readonly Silence[];
}

export interface Analysis {
  startInvestigation(
    request: InvestigationRequest,
    alertKeys: readonly string[],
  ): { readonly reportId: string };
  /** The report when it is done; undefined when it is not within the time. Throws what the run threw. */
  waitForReport(reportId: string, timeoutMs: number): Promise<Report | undefined>;
  /** True while the report is queued or running. */
  isRunning(reportId: string): boolean;
  subscribe(reportId: string, listener: (event: InvestigationEvent) => void): () => void;
  verifyAgain(reportId: string): Promise<Report>;
  baselines(): ReadonlyMap<string, EndpointBaseline>;
  sloStatus(): readonly SloStatus[];
  /** Judges the minutes that are complete; opens investigations for the incidents that are open then. */
  tick(): Promise<void>;
  /** Refuses new work, waits for the running one, and saves what detection has learned. */
  stop(timeoutMs: number): Promise<void>;
}

interface Run {
  readonly reportId: string;
  readonly request: InvestigationRequest;
  readonly queuedUs: number;
  readonly events: InvestigationEvent[];
  readonly listeners: Set<(event: InvestigationEvent) => void>;
  readonly abort: AbortController;
  readonly done: Promise<Report>;
  readonly finish: (report: Report) => void;
  readonly fail: (error: unknown) => void;
  isDone: boolean;
}

/** So much of an incident is read: a leak's days would be sampled until nothing is left to see. */
const INCIDENT_US_MAX = 2 * US_PER_HOUR;
/** Finished runs kept for late subscribers. */
const FINISHED_RUNS_MAX = 100;
/** Traces of a report whose spans and logs are pinned. */
const PINNED_TRACES_MAX = 20;

export function createAnalysis(options: AnalysisOptions): Analysis {
  const { counters, log, state, telemetry } = options;
  const runs = new Map<string, Run>();
  const queue: Run[] = [];
  const detection = new Detection({
    ...options,
    startedUs: options.investigation().clock.nowUs(),
  });
  let active: Run | undefined;
  let isStopping = false;

  function startInvestigation(request: InvestigationRequest): { readonly reportId: string } {
    if (isStopping)
      throw new AppError('ingest.stopping', 'Cannot investigate: Taproot is stopping');
    if (queue.length >= LIMITS.analysesQueuedMax) {
      throw new AppError(
        'analysis.overloaded',
        `Cannot investigate: ${queue.length} analyses wait already, limit ${LIMITS.analysesQueuedMax}`,
      );
    }
    const nowUs = options.investigation().clock.nowUs();
    const stamp = formatTime(nowUs).slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-');
    const run = createRun(`r-${stamp}-${options.newSuffix()}`, { request, queuedUs: nowUs });
    runs.set(run.reportId, run);
    queue.push(run);
    counters.add('taproot_analysis_started_total', 1, { trigger: request.trigger.kind });
    pump();
    return { reportId: run.reportId };
  }

  function pump(): void {
    if (active || queue.length === 0) return;
    const run = queue.shift()!;
    active = run;
    void execute(run).finally(() => {
      active = undefined;
      forgetOldRuns();
      pump();
    });
  }

  async function execute(run: Run): Promise<void> {
    const { request } = run;
    try {
      const { clock } = options.investigation();
      const isAlert = request.trigger.kind === 'alertmanager';
      if (isAlert) {
        const { settleMs } = options;
        const waitMs = settleWaitMs(request.window, { nowUs: clock.nowUs(), settleMs });
        if (waitMs > 0) await settle(waitMs, run.abort.signal);
      }
      const window = isAlert ? grownWindow(request.window, run, clock.nowUs()) : request.window;
      const timeout = AbortSignal.timeout(LIMITS.analysisTimeoutMs);
      const { report } = await investigate(
        { ...request, window },
        {
          reportId: run.reportId,
          dependencies: {
            ...options.investigation(),
            telemetry,
            state,
            learned: detection.baselines(),
            topology: [],
          },
          signal: AbortSignal.any([run.abort.signal, timeout]),
          onEvent: (event) => publish(run, event),
        },
      );
      state.saveReport(report, collectPins(report, telemetry));
      counters.add('taproot_analysis_completed_total', 1, { verdict: report.verdict });
      counters.add('taproot_analysis_ms_total', report.times.totalMs);
      log.info(
        {
          reportId: report.reportId,
          verdict: report.verdict,
          ms: Math.round(report.times.totalMs),
        },
        report.summary.en,
      );
      run.isDone = true;
      run.finish(report);
      publish(run, {
        type: 'done',
        atUs: clock.nowUs(),
        data: { reportId: report.reportId, status: report.status },
      });
    } catch (thrown) {
      failRun(run, thrown);
    }
  }

  function failRun(run: Run, thrown: unknown): void {
    const error = asAppError(thrown);
    counters.add('taproot_analysis_failed_total', 1, { code: error.code });
    log.error({ err: thrown, reportId: run.reportId }, 'investigation failed');
    run.isDone = true;
    run.fail(error);
    publish(run, {
      type: 'failed',
      atUs: options.investigation().clock.nowUs(),
      data: { code: error.code, message: error.message },
    });
  }

  function forgetOldRuns(): void {
    const finished = [...runs.values()].filter(({ isDone }) => isDone);
    for (const run of finished.slice(0, Math.max(0, finished.length - FINISHED_RUNS_MAX))) {
      runs.delete(run.reportId);
    }
  }

  /** Those without a report. Without room their turn comes at a later tick: they stay without one until then. */
  function investigateIncidents(nowUs: number): void {
    for (const incident of state.listCurrentIncidents(Number.POSITIVE_INFINITY)) {
      if (hasReport(incident) || isStopping || isSilenced(incident)) continue;
      if (queue.length < LIMITS.analysesQueuedMax) investigateIncident(incident, nowUs);
      else counters.add('taproot_incidents_postponed_total', 1);
    }
  }

  /** Or will have one. An investigation that a stop has cut off left nothing but its id. */
  function hasReport({ reportId }: Incident): boolean {
    if (reportId === undefined) return false;
    return runs.has(reportId) || state.findReport(reportId) !== undefined;
  }

  function investigateIncident(incident: Incident, nowUs: number): void {
    const { reportId } = startInvestigation({
      trigger: { kind: 'anomaly', alerts: [] },
      window: incidentWindow(incident, nowUs),
      scope: {},
    });
    state.saveIncident({ ...incident, reportId });
  }

  /** Around its onset; of one that has crept up for days, the end. */
  function incidentWindow({ onsetUs, anomalyIds }: Incident, nowUs: number): TimeRange {
    const fromUs = onsetUs - options.windowMinutes * US_PER_MINUTE;
    const longUs = options.windowMinutes * US_PER_MINUTE + INCIDENT_US_MAX;
    if (nowUs - fromUs <= longUs) return { fromUs, toUs: nowUs };
    const hasCrept = anomalyIds.every((id) => isCreeping(state.findAnomaly(id)?.kind ?? 'drift'));
    return hasCrept ? { fromUs: nowUs - longUs, toUs: nowUs } : { fromUs, toUs: fromUs + longUs };
  }

  function isSilenced({ anomalyIds }: Incident): boolean {
    return anomalyIds.every((id) => state.findAnomaly(id)?.silencedBy !== undefined);
  }

  return {
    startInvestigation,
    async waitForReport(reportId, timeoutMs) {
      const run = runs.get(reportId);
      if (!run) return state.findReport(reportId);
      const { promise: late, cancel } = afterMs(timeoutMs);
      try {
        return await Promise.race([run.done, late]);
      } finally {
        cancel();
      }
    },
    isRunning: (reportId) => runs.get(reportId)?.isDone === false,
    subscribe(reportId, listener) {
      const run = runs.get(reportId);
      if (!run)
        throw new AppError(
          'request.not_found',
          `Cannot follow report "${reportId}": it does not run`,
        );
      for (const event of run.events) listener(event);
      run.listeners.add(listener);
      return () => run.listeners.delete(listener);
    },
    async verifyAgain(reportId) {
      const report = state.findReport(reportId);
      if (!report)
        throw new AppError(
          'request.not_found',
          `Cannot verify report "${reportId}": there is none`,
        );
      const verified = await verifyAgain(report, {
        ...options.investigation(),
        telemetry,
        state,
        learned: detection.baselines(),
        topology: [],
      });
      state.replaceReport(verified);
      return verified;
    },
    baselines: () => detection.baselines(),
    sloStatus: () => detection.sloStatus(),
    async tick() {
      await detection.advance(options.investigation().clock.nowUs());
      investigateIncidents(options.investigation().clock.nowUs());
    },
    async stop(timeoutMs) {
      isStopping = true;
      const learnedSaved = detection.stop();
      const stopping = new AppError('ingest.stopping', 'Cannot investigate: Taproot is stopping');
      for (const run of queue.splice(0)) failRun(run, stopping);
      const running = active;
      const { promise: late, cancel } = afterMs(timeoutMs);
      const done = Promise.all([learnedSaved, running?.done.then(noop, noop)]);
      await Promise.race([done, late]);
      cancel();
      running?.abort.abort(stopping);
    },
  };
}

function createRun(
  reportId: string,
  { request, queuedUs }: Pick<Run, 'request' | 'queuedUs'>,
): Run {
  let finish: (report: Report) => void = noop;
  let fail: (error: unknown) => void = noop;
  const done = new Promise<Report>((resolve, reject) => {
    finish = resolve;
    fail = reject;
  });
  // A run may fail with nobody waiting; its failure is in its events and in the log.
  done.catch(noop);
  return {
    reportId,
    request,
    queuedUs,
    events: [],
    listeners: new Set(),
    abort: new AbortController(),
    done,
    finish,
    fail,
    isDone: false,
  };
}

function publish(run: Run, event: InvestigationEvent): void {
  run.events.push(event);
  for (const listener of run.listeners) listener(event);
  if (isLastEvent(event)) run.listeners.clear();
}

/** Spans and logs of the traces that the report shows, in the order it shows them. */
function collectPins(report: Report, telemetry: TelemetryReader): PinnedEvidence {
  const traceIds = [...new Set(report.clusters.flatMap(({ exemplars }) => exemplars))];
  const range = {
    fromUs: report.window.fromUs - US_PER_MINUTE,
    toUs: report.window.toUs + US_PER_MINUTE,
  };
  const spans: Span[] = [];
  const logs: LogRecord[] = [];
  for (const traceId of traceIds.slice(0, PINNED_TRACES_MAX)) {
    spans.push(...telemetry.readTrace(traceId, range));
    logs.push(...telemetry.searchLogs({ range, traceId, limit: LIMITS.queryRowsDefault }).items);
  }
  return { spans, logs };
}

function asAppError(thrown: unknown): AppError {
  if (isAppError(thrown)) return thrown;
  if (thrown instanceof Error && thrown.name === 'TimeoutError') {
    return new AppError(
      'analysis.timeout',
      `Cannot finish the investigation within ${LIMITS.analysisTimeoutMs} ms`,
      { cause: thrown },
    );
  }
  return new AppError('internal', `Cannot investigate: ${messageOf(thrown)}`, { cause: thrown });
}

/** Telemetry of a window has settled so long after its end, whether the run waited for that or for its turn. */
function settleWaitMs(
  { toUs }: TimeRange,
  { nowUs, settleMs }: { readonly nowUs: number; readonly settleMs: number },
): number {
  return Math.min(settleMs, settleMs - (nowUs - toUs) / US_PER_MS);
}

/**
 * Telemetry that came while the run waited belongs to the window of a firing alert; a window that was over when it was
 * asked about, of an alert that began long ago, stays as it is.
 */
function grownWindow(window: TimeRange, { queuedUs }: Run, nowUs: number): TimeRange {
  const isOver = window.toUs < queuedUs - US_PER_MINUTE;
  return isOver ? window : { ...window, toUs: Math.max(window.toUs, nowUs) };
}

function settle(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(signal.reason as Error); // abort() is only called with an AppError here
    });
  });
}

function afterMs(ms: number): {
  readonly promise: Promise<undefined>;
  readonly cancel: () => void;
} {
  let timer: NodeJS.Timeout | undefined;
  const promise = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms);
  });
  return { promise, cancel: () => clearTimeout(timer) };
}

function noop(): void {}
