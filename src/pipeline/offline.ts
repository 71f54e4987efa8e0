/**
 * Investigations without a service: a data folder opened for one question, or a case folder (case.json beside
 * traces, logs and metrics, docs/cases.md) read into a store of its own that is gone afterwards.
 */
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { ProxyTracerProvider } from '@opentelemetry/api';
import { z } from 'zod';
import { createCounters } from '../base/counters.ts';
import { AppError, messageOf } from '../base/errors.ts';
import { silentLog } from '../base/log.ts';
import { systemClock, type TimeRange, US_PER_MS } from '../base/time.ts';
import { type Config, configSchema } from '../config/config.ts';
import { createNormaliser } from '../coze/coze.ts';
import type { InvestigationRequest } from '../model/investigation.ts';
import type { Report, Scope } from '../model/report.ts';
import type { Rulebook } from '../model/rule.ts';
import { createProbeRunner } from '../plugin/probes/probes.ts';
import { openTelemetryReader, openTelemetryWriter } from '../store/open.ts';
import { createFingerprint } from './fingerprint.ts';
import { importPaths } from './import.ts';
import { createIngestPipeline } from './ingest.ts';
import { investigate } from './investigate.ts';

export interface OfflineOptions {
  readonly rulebook: Rulebook;
  readonly version: string;
  readonly probes?: Config['probes'];
}

const time = z.iso.datetime().transform((text) => Date.parse(text) * US_PER_MS);
const period = z.object({ start: time, end: time });

/** case.json; unknown fields are left alone. */
const caseSchema = z.object({
  id: z.string(),
  window: period,
  normal_window: period.nullish(),
  /** Folder of the fault-free period, relative to the case. */
  normal: z.string().nullish(),
  /** Which service's SLI is alerted … */
  alert: z.object({ service: z.string(), sli: z.string().optional() }).optional(),
  /** … or which node of the topology. */
  alarm: z.object({ node: z.string(), metric: z.string().optional() }).optional(),
});

/** Throws `request.not_found` or `request.invalid` when the folder is no case. */
export async function diagnoseCase(folder: string, options: OfflineOptions): Promise<Report> {
  const description = await loadCase(folder);
  const dataDir = await mkdtemp(join(tmpdir(), 'taproot-case-'));
  try {
    const folders = [folder];
    let topology: readonly (readonly [string, string])[] = [];
    if (typeof description.normal === 'string') {
      const normal = resolve(folder, description.normal);
      folders.push(normal);
      topology = await loadTopology(join(normal, 'topology.json'));
    }
    await importInto(dataDir, folders);
    const service = description.alert?.service ?? description.alarm?.node;
    return await diagnose(
      {
        trigger: { kind: 'manual', alerts: [] },
        window: rangeOf(description.window),
        ...(description.normal_window ? { reference: rangeOf(description.normal_window) } : {}),
        scope: service === undefined ? {} : { service },
      },
      { ...options, dataDir, topology, reportId: description.id },
    );
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
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
      },
    });
    return report;
  } finally {
    telemetry.close();
  }
}

/** A case is read once, into a store of its own: nobody can profit from knowing the key. */
const OFFLINE_KEY = '00'.repeat(32);

/** Throws when a request of the case was refused: half a case must not be judged. */
async function importInto(dataDir: string, folders: readonly string[]): Promise<void> {
  const writer = openTelemetryWriter({ dataDir, durability: 'process' });
  try {
    const pipeline = createIngestPipeline({
      writer,
      normaliser: createNormaliser({ userIds: 'keep', userIdKey: 'offline' }),
      fingerprint: createFingerprint(OFFLINE_KEY),
      clock: systemClock,
      counters: createCounters(),
      log: silentLog,
      tracer: new ProxyTracerProvider().getTracer('taproot'),
      bodyBytesMax: configSchema.parse({}).bodyBytesMax,
      isTimed: false,
    });
    const result = await importPaths(folders, { send: pipeline.submit, flush: pipeline.flush });
    const first = result.refused[0];
    if (first) {
      throw new AppError(
        'request.invalid',
        `Cannot read the case: ${result.refusedCount} requests were refused, the first in ${first.file} line ${first.line}: ${first.message}`,
      );
    }
  } finally {
    writer.close();
  }
}

async function loadCase(folder: string): Promise<z.infer<typeof caseSchema>> {
  const path = join(folder, 'case.json');
  if (!existsSync(path)) {
    throw new AppError('request.not_found', `Cannot read case "${folder}": there is no case.json`);
  }
  try {
    return caseSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (thrown) {
    throw new AppError('request.invalid', `Cannot read case "${path}": ${messageOf(thrown)}`, {
      cause: thrown,
    });
  }
}

const topologySchema = z.object({ edges: z.array(z.tuple([z.string(), z.string()])) });

async function loadTopology(path: string): Promise<readonly (readonly [string, string])[]> {
  if (!existsSync(path)) return [];
  const parsed = topologySchema.safeParse(JSON.parse(await readFile(path, 'utf8')));
  if (!parsed.success) {
    throw new AppError(
      'request.invalid',
      `Cannot read topology "${path}": ${parsed.error.message}`,
    );
  }
  return parsed.data.edges;
}

function rangeOf({ start, end }: { readonly start: number; readonly end: number }): TimeRange {
  return { fromUs: start, toUs: end };
}
