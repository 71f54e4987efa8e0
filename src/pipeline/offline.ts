/**
 * Investigations without a service: a data folder opened for one question, or a case folder
 * (src/pipeline/case-files.ts).
 */
import { ProxyTracerProvider } from '@opentelemetry/api';
import { systemClock, type TimeRange } from '../base/time.ts';
import { type Config, configSchema } from '../config/config.ts';
import type { AnalysisSettings } from '../model/analysis-settings.ts';
import type { InvestigationRequest } from '../model/investigation.ts';
import type { Report, Scope } from '../model/report.ts';
import type { Rulebook } from '../model/rule.ts';
import { createProbeRunner } from '../plugin/probes/probes.ts';
import { openTelemetryReader } from '../store/open.ts';
import { type Case, type CaseStoreOptions, loadCase, withCaseStore } from './case-files.ts';
import { investigate } from './investigate.ts';

export interface OfflineOptions {
  readonly rulebook: Rulebook;
  readonly version: string;
  readonly probes?: Config['probes'];
  /** Absent: ANALYSIS_SETTINGS. */
  readonly settings?: AnalysisSettings;
}

/** Throws `request.not_found` or `request.invalid` when the folder is no case. */
export async function diagnoseCase(
  folder: string,
  options: OfflineOptions & CaseStoreOptions,
): Promise<Report> {
  return diagnoseLoadedCase(await loadCase(folder), options);
}

/** The same for a case in memory: what is asked need not be what its file says. */
export async function diagnoseLoadedCase(
  one: Case,
  options: OfflineOptions & CaseStoreOptions,
): Promise<Report> {
  return withCaseStore(one, options, (dataDir) =>
    diagnose(
      {
        trigger: { kind: 'manual', alerts: [] },
        window: one.window,
        ...(one.reference === undefined ? {} : { reference: one.reference }),
        scope: one.scope,
      },
      { ...options, dataDir, topology: one.topology, reportId: one.caseId },
    ),
  );
}

/** One question to a data folder that no service has open for writing; reads only. */
export async function diagnoseData(
  dataDir: string,
  question: { readonly window: TimeRange; readonly reference?: TimeRange; readonly scope: Scope },
  options: OfflineOptions,
): Promise<Report> {
  return diagnose(
    { trigger: { kind: 'manual', alerts: [] }, ...question },
    { ...options, dataDir, topology: [], reportId: 'offline' },
  );
}

async function diagnose(
  request: InvestigationRequest,
  options: OfflineOptions & {
    readonly dataDir: string;
    readonly topology: readonly (readonly [string, string])[];
    readonly reportId: string;
  },
): Promise<Report> {
  const probes = options.probes ?? configSchema.parse({}).probes;
  const telemetry = openTelemetryReader({ dataDir: options.dataDir });
  try {
    const { report } = await investigate(request, {
      reportId: options.reportId,
      signal: new AbortController().signal,
      dependencies: {
        telemetry,
        state: undefined,
        learned: new Map(),
        topology: options.topology,
        rulebook: options.rulebook,
        probes,
        runner: createProbeRunner({ config: probes, clock: systemClock }),
        clock: systemClock,
        tracer: new ProxyTracerProvider().getTracer('taproot'),
        version: options.version,
        ...(options.settings === undefined ? {} : { settings: options.settings }),
      },
    });
    return report;
  } finally {
    telemetry.close();
  }
}
