/** Worker: analysis, detection tick, API and pages. Reads telemetry, writes only the state store. */
import { randomBytes } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import { ProxyTracerProvider, type Tracer } from '@opentelemetry/api';
import { startApi } from '../api/api.ts';
import type { ApiBackend } from '../api/contract.ts';
import { type CounterSample, createCounters } from '../base/counters.ts';
import { createLog } from '../base/log.ts';
import { systemClock } from '../base/time.ts';
import { type Analysis, createAnalysis } from '../pipeline/analysis.ts';
import { type AlertNotifier, createAlertNotifier } from '../pipeline/notify.ts';
import {
  renderIncident,
  renderIncidentList,
  renderPicture,
  renderReport,
} from '../pipeline/render.ts';
import { msToNextTick } from '../pipeline/tick.ts';
import { createWatchers } from '../pipeline/watchers.ts';
import { createProbeRunner } from '../plugin/probes/probes.ts';
import { listenFailed } from '../receive/listen.ts';
import { createRulebookHolder } from '../rulebook/rulebook.ts';
import type { AlertingStore } from '../store/api/alerting.ts';
import type { StateStore } from '../store/api/state.ts';
import type { Checkpointer, TelemetryReader } from '../store/api/telemetry.ts';
import {
  openAlertingStore,
  openCheckpointer,
  openStateStore,
  openTelemetryReader,
} from '../store/open.ts';
import { localUrl } from './local-url.ts';
import type { AnalysisStart, WorkerSettings } from './messages.ts';
import { createRpc } from './rpc.ts';
import type { SelfTracing } from './self-tracing.ts';
import { collectAfterStart, createGrowthCollector } from './young-garbage.ts';

/**
 * SQLite's log is moved into the database this often, here and not in the store thread: while pages are copied and
 * flushed, groups go on being committed. At full speed a second fills 10 MB.
 */
const CHECKPOINT_EVERY_MS = 1000;
/** Whoever waits for the service to be up comes first. */
const FIRST_TICK_MS = 1000;

const settings = workerData as WorkerSettings; // made by service.ts
const { config } = settings;
const log = createLog({ level: config.logLevel, isPretty: settings.isPretty }).child({
  thread: 'analysis',
});
const counters = createCounters();
const collectGrowth = createGrowthCollector();
const rules = createRulebookHolder(settings.rulesDir);
const runner = createProbeRunner({ config: config.probes, clock: systemClock });
// 140 ms of CPU: loaded only when it is wanted, and while the other threads start.
const selfTracing = config.selfTracing ? await import('./self-tracing.ts') : undefined;

if (!parentPort) throw new Error('analysis-thread runs as a worker only');
/** What runs from start() to stop(). */
interface Parts {
  readonly telemetry: TelemetryReader;
  readonly checkpointer: Checkpointer;
  readonly state: StateStore;
  readonly alertingStore: AlertingStore;
  readonly tracer: Tracer;
  readonly tracing: SelfTracing | undefined;
  readonly analysis: Analysis;
}

let parts: Parts | undefined;
let api: Awaited<ReturnType<typeof startApi>> | undefined;
let alerts: AlertNotifier | undefined;
let ticks: NodeJS.Timeout | undefined;
let checkpoints: NodeJS.Timeout | undefined;
let isStopping = false;

const rpc = createRpc(parentPort, {
  /** To be called once the store and the receiver are open: the data folder is not touched before. */
  async start({ otlpHttpPort }: AnalysisStart) {
    const started = openParts(otlpHttpPort);
    parts = started;
    api = await startApi({
      host: config.listenHost,
      port: config.apiPort,
      backend: backendOf(started),
      counters,
      log,
      config: {
        language: config.language,
        windowMinutes: config.windowMinutes,
        publicUrl: config.publicUrl,
        otlpHttpPort: config.otlpHttpPort,
      },
    }).catch((error: unknown) => {
      const { listenHost: host, apiPort: port } = config;
      throw listenFailed({ what: 'the API', host, port, error });
    });
    alerts = startAlerts(started, api.port);
    if (config.detection) scheduleTick(started);
    collectAfterStart();
    checkpoints = setInterval(() => checkpoint(started.checkpointer), CHECKPOINT_EVERY_MS);
    return { apiPort: api.port };
  },
  async stop({ timeoutMs }: { readonly timeoutMs: number }) {
    isStopping = true;
    clearTimeout(ticks);
    clearInterval(checkpoints);
    await Promise.all([parts?.analysis.stop(timeoutMs), alerts?.stop(timeoutMs)]);
    await api?.stop();
    await parts?.tracing?.stop();
    parts?.telemetry.close();
    parts?.alertingStore.close();
    parts?.state.close();
  },
});

function openParts(otlpHttpPort: number): Parts {
  const { dataDir } = config;
  const telemetry = openTelemetryReader({ dataDir });
  const state = openStateStore({ dataDir });
  const alertingStore = openAlertingStore({ dataDir });
  const tracing = selfTracing?.startSelfTracing({
    endpoint: localUrl(config.listenHost, otlpHttpPort),
    version: settings.version,
    thread: 'analysis',
  });
  const tracer = tracing?.tracer ?? new ProxyTracerProvider().getTracer('taproot');
  const analysis = createAnalysis({
    telemetry,
    state,
    investigation: () => ({
      rulebook: rules.current(),
      probes: config.probes,
      runner,
      clock: systemClock,
      tracer,
      version: settings.version,
    }),
    counters,
    log,
    newSuffix: () => randomBytes(3).toString('hex'),
    settleMs: config.settleMs,
    windowMinutes: config.windowMinutes,
    createWatchers: () => createWatchers(config),
    listSilences: (endAfterUs) => alertingStore.listSilences({ endAfterUs }),
  });
  const checkpointer = openCheckpointer({ dataDir });
  return { telemetry, checkpointer, state, alertingStore, tracer, tracing, analysis };
}

function backendOf({ telemetry, state, alertingStore, analysis }: Parts): ApiBackend {
  return {
    telemetry,
    state,
    alertingStore,
    clock: systemClock,
    startInvestigation: analysis.startInvestigation,
    isRunning: analysis.isRunning,
    waitForReport: analysis.waitForReport,
    subscribe: analysis.subscribe,
    verifyAgain: analysis.verifyAgain,
    baselines: analysis.baselines,
    slos: analysis.sloStatus,
    rules: rules.current,
    reloadRules,
    counterSamples: async () => {
      counters.set('taproot_store_unreadable_places', telemetry.listFaults().length);
      const ofStore = await rpc.call<readonly CounterSample[]>('counters', undefined);
      return [...counters.snapshot(), ...ofStore];
    },
    isReady: () => api !== undefined && !isStopping,
    renderReport,
    renderIncident,
    renderIncidentList,
    renderPicture,
  };
}

function reloadRules(): { readonly ok: boolean; readonly message: string } {
  const { isReloaded, ruleCount, problem } = rules.reload();
  return isReloaded
    ? { ok: true, message: `${ruleCount} rules loaded` }
    : {
        ok: false,
        message: `${problem ?? 'unknown problem'}; the ${ruleCount} rules from before stay`,
      };
}

/** Soon after the start for what is behind, then shortly after each whole minute. One that lasts delays the next. */
function scheduleTick(started: Parts, waitMs = FIRST_TICK_MS): void {
  ticks = setTimeout(async () => {
    await tick(started);
    if (waitMs === FIRST_TICK_MS) collectAfterStart(); // it may have read all of the history
    if (!isStopping) scheduleTick(started, msToNextTick(systemClock.nowUs()));
  }, waitMs);
}

/** Never throws: the next tick tries again, and one bad tick must not end detection. */
async function tick({ analysis, tracer }: Parts): Promise<void> {
  const span = tracer.startSpan('detection.tick');
  try {
    await analysis.tick();
    alerts?.update(systemClock.nowUs());
    collectGrowth();
  } catch (thrown) {
    counters.add('taproot_tick_failed_total', 1);
    log.error({ err: thrown }, 'detection tick failed');
  } finally {
    span.end();
  }
}

/** Undefined when nobody is to be told. */
function startAlerts({ state, alertingStore }: Parts, apiPort: number): AlertNotifier | undefined {
  const { alerting } = config;
  if (alerting.alertmanagerUrls.length === 0) return undefined;
  const publicUrl = config.publicUrl ?? localUrl(config.listenHost, apiPort);
  return createAlertNotifier({
    alerting,
    publicUrl,
    state,
    alertingStore,
    clock: systemClock,
    counters,
    log,
  });
}

/** A log that cannot be moved grows, up to the writer's own bound; the next try may do. */
function checkpoint(checkpointer: Checkpointer): void {
  try {
    const { pages, ms } = checkpointer.run();
    if (pages === 0) return;
    counters.add('taproot_store_checkpoint_pages_total', pages);
    counters.add('taproot_store_checkpoint_ms_total', ms);
  } catch (thrown) {
    counters.add('taproot_store_checkpoint_failed_total', 1);
    log.warn({ err: thrown }, 'checkpoint failed, tried again later');
  }
}
