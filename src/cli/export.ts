/** `taproot export`: telemetry of a data folder as OTLP JSON lines, which `taproot import` reads again. */
import { closeSync, existsSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type Command, Option } from 'commander';
import { AppError, messageOf } from '../base/errors.ts';
import { findPackage } from '../base/package.ts';
import { parseTime, systemClock, type TimeRange } from '../base/time.ts';
import type { Config } from '../config/config.ts';
import { SIGNALS, type Signal } from '../model/vocabulary.ts';
import { exportTelemetry } from '../pipeline/export.ts';
import { EXPORT_NOTE, writeExportNote } from '../pipeline/export-note.ts';
import { openTelemetryReader } from '../store/open.ts';
import { addConfigFlags, loadSettings } from './settings.ts';

interface ExportFlags {
  readonly from?: string;
  readonly to?: string;
  readonly service?: string;
  readonly signal?: Signal;
  readonly out: string;
  readonly gzip?: boolean;
  readonly json?: boolean;
}

export function addExport(program: Command): void {
  addConfigFlags(
    program.command('export').description('write telemetry as OTLP JSON lines, which import reads'),
  )
    .option('--from <time>', 'first time inside (default: all)')
    .option('--to <time>', 'first time outside (default: all)')
    .option('--service <name>', 'rows of this service only')
    .addOption(new Option('--signal <signal>', 'one signal only').choices(SIGNALS))
    .option('--out <dir>', 'folder for the files', 'export')
    .option('--gzip', 'compress the files')
    .option('--json', 'print the result as JSON')
    .action((flags: Record<string, unknown> & ExportFlags) => {
      const { from, to, service, signal, out, gzip, json, ...configFlags } = flags;
      const { config } = loadSettings(configFlags);
      const files = exportTo(out, config, {
        range: rangeOf(from, to),
        signals: signal === undefined ? SIGNALS : [signal],
        ...(service === undefined ? {} : { services: [service] }),
        isGzipped: gzip === true,
      });
      process.stdout.write(json ? `${JSON.stringify({ out, files })}\n` : describe(out, files));
    });
}

function rangeOf(from: string | undefined, to: string | undefined): TimeRange {
  const nowUs = systemClock.nowUs();
  const fromUs = from === undefined ? 0 : parseTime(from, nowUs);
  const toUs = to === undefined ? Number.MAX_SAFE_INTEGER : parseTime(to, nowUs);
  if (fromUs >= toUs) {
    throw new AppError(
      'request.invalid',
      `Cannot export --from ${from} --to ${to}: no time between`,
    );
  }
  return { fromUs, toUs };
}

interface ExportedFile {
  readonly file: string;
  readonly signal: Signal;
  readonly rows: number;
  readonly requests: number;
  readonly bytes: number;
}

function exportTo(
  dir: string,
  config: Config,
  options: {
    readonly range: TimeRange;
    readonly services?: readonly string[];
    readonly signals: readonly Signal[];
    readonly isGzipped: boolean;
  },
): readonly ExportedFile[] {
  const { isGzipped, signals } = options;
  const reader = openTelemetryReader({ dataDir: config.dataDir });
  try {
    if (reader.stats().partitions.length === 0) {
      throw new AppError('request.not_found', `Cannot export: no telemetry in "${config.dataDir}"`);
    }
    const names = new Map(
      signals.map((signal) => [signal, `${signal}.jsonl${isGzipped ? '.gz' : ''}`]),
    );
    assertFree(dir, [...names.values(), EXPORT_NOTE]);
    const writers = new Map(
      [...names].map(([signal, name]) => [signal, openLines(join(dir, name), isGzipped)]),
    );
    const done = exportTelemetry(reader, {
      ...options,
      emit: (signal, line) => writers.get(signal)?.write(line),
      onProgress: process.stderr.isTTY ? drawProgress : () => undefined,
    });
    if (process.stderr.isTTY) process.stderr.write('\n');
    for (const { message } of reader.listFaults()) process.stderr.write(`left out: ${message}\n`);
    const files = done.map(({ signal, ...counts }) => ({
      file: names.get(signal) ?? '',
      signal,
      ...counts,
      bytes: writers.get(signal)?.finish() ?? 0,
    }));
    writeExportNote(dir, {
      exportedBy: `taproot ${findPackage().version}`,
      userIds: config.userIds,
      files: files.map(({ bytes: _, ...file }) => file),
    });
    return files;
  } finally {
    reader.close();
  }
}

/** An export never writes over another one. */
function assertFree(dir: string, names: readonly string[]): void {
  const taken = names.find((name) => existsSync(join(dir, name)));
  if (taken !== undefined) {
    throw new AppError(
      'request.invalid',
      `Cannot export to "${dir}": it holds ${taken}; give another folder with --out`,
    );
  }
}

interface LineWriter {
  write(line: string): void;
  /** Gives the file its name; a file with that name is whole. Returns its bytes. */
  finish(): number;
}

/** Written through at once; gzipped, each line is a member of its own, as RFC 1952 allows. */
function openLines(file: string, isGzipped: boolean): LineWriter {
  const partFile = `${file}.part`;
  const handle = openPart(partFile);
  let sizeBytes = 0;
  const put = (text: string) => {
    const bytes = isGzipped ? gzipSync(text) : Buffer.from(text);
    for (let at = 0; at < bytes.length; ) at += writeSync(handle, bytes, at);
    sizeBytes += bytes.length;
  };
  return {
    write: (line) => put(`${line}\n`),
    finish() {
      // A gzip file has at least one member.
      if (isGzipped && sizeBytes === 0) put('');
      closeSync(handle);
      renameSync(partFile, file);
      return sizeBytes;
    },
  };
}

function openPart(file: string): number {
  try {
    mkdirSync(join(file, '..'), { recursive: true });
    return openSync(file, 'w');
  } catch (cause) {
    throw new AppError('store.unavailable', `Cannot write ${file}: ${messageOf(cause)}`, { cause });
  }
}

function drawProgress({ signal, rows }: { readonly signal: Signal; readonly rows: number }): void {
  process.stderr.write(`\r\u001b[K${signal}  ${rows} rows`);
}

function describe(dir: string, files: readonly ExportedFile[]): string {
  return files
    .map(
      ({ file, rows, requests, bytes }) =>
        `${join(dir, file)}: ${rows} rows in ${requests} requests, ${(bytes / 1e6).toFixed(1)} MB\n`,
    )
    .join('');
}
