/**
 * A case folder (case.json beside traces, logs and metrics, docs/cases.md): read, checked, and imported into a
 * store that can be asked. A set's stores may be kept, so that a second run over the set only thinks.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { ProxyTracerProvider } from '@opentelemetry/api';
import { z } from 'zod';
import { createCounters } from '../base/counters.ts';
import { AppError, messageOf } from '../base/errors.ts';
import { silentLog } from '../base/log.ts';
import { systemClock, type TimeRange, US_PER_MS } from '../base/time.ts';
import { configSchema } from '../config/config.ts';
import { createNormaliser } from '../coze/coze.ts';
import type { Scope } from '../model/report.ts';
import { SIGNALS, type Signal } from '../model/vocabulary.ts';
import { openTelemetryWriter } from '../store/open.ts';
import { createFingerprint } from './fingerprint.ts';
import { importPaths } from './import.ts';
import { createIngestPipeline } from './ingest.ts';

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

/** A case as the analysis is asked about it. */
export interface Case {
  readonly caseId: string;
  readonly window: TimeRange;
  readonly reference: TimeRange | undefined;
  readonly scope: Scope;
  /** Folders that hold its telemetry. */
  readonly folders: readonly string[];
  /** Caller → callee pairs of a topology file. */
  readonly topology: readonly (readonly [string, string])[];
}

/** Throws `request.not_found` or `request.invalid` when the folder is no case. */
export async function loadCase(folder: string): Promise<Case> {
  const path = join(folder, 'case.json');
  if (!existsSync(path)) {
    throw new AppError('request.not_found', `Cannot read case "${folder}": there is no case.json`);
  }
  const read = await parseCase(path);
  const normal = typeof read.normal === 'string' ? resolve(folder, read.normal) : undefined;
  const service = read.alert?.service ?? read.alarm?.node;
  const symptom = symptomOf(read.alert?.sli ?? read.alarm?.metric);
  return {
    caseId: read.id,
    window: rangeOf(read.window),
    reference: read.normal_window ? rangeOf(read.normal_window) : undefined,
    scope: {
      ...(service === undefined ? {} : { service }),
      ...(symptom === undefined ? {} : { symptom }),
    },
    folders: normal === undefined ? [folder] : [folder, normal],
    topology: normal === undefined ? [] : await loadTopology(join(normal, 'topology.json')),
  };
}

async function parseCase(path: string): Promise<z.infer<typeof caseSchema>> {
  try {
    return caseSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (thrown) {
    throw new AppError('request.invalid', `Cannot read case "${path}": ${messageOf(thrown)}`, {
      cause: thrown,
    });
  }
}

/** What kind of trouble an alert's SLI is about: `latency_p99`, `error_rate`, `availability`. */
function symptomOf(sli: string | undefined): Scope['symptom'] {
  if (sli === undefined) return undefined;
  if (/latency|duration|response_?time|apdex/i.test(sli)) return 'latency';
  return /error|fail|availability|success/i.test(sli) ? 'error' : undefined;
}

function rangeOf({ start, end }: { readonly start: number; readonly end: number }): TimeRange {
  return { fromUs: start, toUs: end };
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

export interface CaseStoreOptions {
  /** Keep the store here and use it again; absent: a folder of its own that is gone afterwards. */
  readonly storesDir?: string;
  /** Signals that are read; absent: all. */
  readonly signals?: readonly Signal[];
}

/** Imports the telemetry of a case and hands the data folder to `work`. */
export async function withCaseStore<Result>(
  one: Case,
  options: CaseStoreOptions,
  work: (dataDir: string) => Promise<Result>,
): Promise<Result> {
  const signals = options.signals ?? SIGNALS;
  if (options.storesDir === undefined) {
    const dataDir = await mkdtemp(join(tmpdir(), 'taproot-case-'));
    try {
      await importInto(dataDir, one.folders, signals);
      return await work(dataDir);
    } finally {
      await rm(dataDir, { recursive: true, force: true });
    }
  }
  const name = createHash('sha256')
    .update(JSON.stringify([one.folders.map((folder) => resolve(folder)), signals]))
    .digest('hex')
    .slice(0, 24);
  const kept = join(options.storesDir, name);
  if (!existsSync(kept)) {
    await mkdir(options.storesDir, { recursive: true });
    const fresh = await mkdtemp(join(options.storesDir, 'new-'));
    await importInto(fresh, one.folders, signals);
    // Another run may have been faster: then its store is as good.
    await rename(fresh, kept).catch(() => rm(fresh, { recursive: true, force: true }));
  }
  return work(kept);
}

/** A case is read once, into a store of its own: nobody can profit from knowing the key. */
const OFFLINE_KEY = '00'.repeat(32);

/** Throws when a request of the case was refused: half a case must not be judged. */
async function importInto(
  dataDir: string,
  folders: readonly string[],
  signals: readonly Signal[],
): Promise<void> {
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
    const result = await importPaths(folders, {
      send: pipeline.submit,
      flush: pipeline.flush,
      signals,
    });
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
