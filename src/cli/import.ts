/** `taproot import`: OTLP files into a data folder, or to a running receiver. */
import { ProxyTracerProvider } from '@opentelemetry/api';
import { type Command, Option } from 'commander';
import { createCounters } from '../base/counters.ts';
import { createLog } from '../base/log.ts';
import { systemClock } from '../base/time.ts';
import type { Config } from '../config/config.ts';
import { createNormaliser } from '../coze/coze.ts';
import { loadDataKey } from '../pipeline/data-key.ts';
import { holdsHashedUserIds } from '../pipeline/export-note.ts';
import { createFingerprint } from '../pipeline/fingerprint.ts';
import { type ImportProgress, type ImportResult, importPaths } from '../pipeline/import.ts';
import { createIngestPipeline } from '../pipeline/ingest.ts';
import type { TelemetryWriter } from '../store/api/telemetry.ts';
import { openTelemetryWriter } from '../store/open.ts';
import { createOtlpSender } from './send-otlp.ts';
import { addConfigFlags, loadSettings } from './settings.ts';

export function addImport(program: Command): void {
  addConfigFlags(
    program
      .command('import')
      .description('read OTLP JSON lines (.jsonl, .jsonl.gz) or protobuf (.pb)')
      .argument('<paths...>', 'files or folders'),
  )
    .option('--to <url>', 'send to an OTLP/HTTP receiver instead of the data folder')
    .addOption(
      new Option('--user-ids <mode>', 'hash user ids, or keep them').choices(['hash', 'keep']),
    )
    .option('--json', 'print the result as JSON')
    .action(
      async (paths: string[], flags: Record<string, unknown> & { to?: string; json?: boolean }) => {
        const { to, json, ...configFlags } = flags;
        const { config } = loadSettings(configFlags);
        const onProgress = process.stderr.isTTY ? drawProgress : () => undefined;
        const result =
          to === undefined
            ? await importLocally(paths, config, onProgress)
            : await importPaths(paths, { send: createOtlpSender(new URL(to)), onProgress });
        if (process.stderr.isTTY) process.stderr.write('\n');
        process.stdout.write(json ? `${JSON.stringify(result)}\n` : describe(result));
        if (result.refusedCount > 0) process.exitCode = 1;
      },
    );
}

async function importLocally(
  paths: readonly string[],
  config: Config,
  onProgress: (progress: ImportProgress) => void,
): Promise<ImportResult> {
  const hashed = paths.filter(holdsHashedUserIds);
  const others = paths.filter((path) => !hashed.includes(path));
  const writer = openTelemetryWriter({ dataDir: config.dataDir, durability: config.durability });
  try {
    // What another Taproot has hashed is taken as it is: a hash of a hash would join with nothing.
    const first = await importInto(writer, others, { config, onProgress });
    const second = await importInto(writer, hashed, {
      config: { ...config, userIds: 'keep' },
      onProgress,
    });
    return sumOf(first, second);
  } finally {
    writer.close();
  }
}

function importInto(
  writer: TelemetryWriter,
  paths: readonly string[],
  options: {
    readonly config: Config;
    readonly onProgress: (progress: ImportProgress) => void;
  },
): Promise<ImportResult> {
  const { config, onProgress } = options;
  const pipeline = createIngestPipeline({
    writer,
    normaliser: createNormaliser({
      userIds: config.userIds,
      userIdKey: loadDataKey(config.dataDir, 'user-id'),
    }),
    fingerprint: createFingerprint(loadDataKey(config.dataDir, 'request')),
    clock: systemClock,
    counters: createCounters(),
    log: createLog({ level: config.logLevel, isPretty: process.stderr.isTTY === true }),
    tracer: new ProxyTracerProvider().getTracer('taproot'),
    bodyBytesMax: config.bodyBytesMax,
    isTimed: false,
  });
  return importPaths(paths, { send: pipeline.submit, flush: pipeline.flush, onProgress });
}

function sumOf(a: ImportResult, b: ImportResult): ImportResult {
  return {
    files: a.files + b.files,
    requests: a.requests + b.requests,
    bytes: a.bytes + b.bytes,
    rejectedRows: a.rejectedRows + b.rejectedRows,
    refused: [...a.refused, ...b.refused],
    refusedCount: a.refusedCount + b.refusedCount,
  };
}

function drawProgress({ file, requests, bytes }: ImportProgress): void {
  const name = file.length > 40 ? `…${file.slice(-39)}` : file;
  process.stderr.write(`\r\u001b[K${name}  ${requests} requests  ${(bytes / 1e6).toFixed(1)} MB`);
}

function describe(result: ImportResult): string {
  const lines = [
    `${result.files} files, ${result.requests} requests, ${(result.bytes / 1e6).toFixed(1)} MB`,
    `${result.rejectedRows} rows rejected, ${result.refusedCount} requests refused`,
    ...result.refused.map(({ file, line, message }) => `  ${file}:${line}: ${message}`),
  ];
  return `${lines.join('\n')}\n`;
}
