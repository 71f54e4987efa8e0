/**
 * `taproot export`: telemetry of a data folder as OTLP JSON lines, and profiles that came in protobuf as one file a
 * request; `taproot import` reads both again.
 */
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  renameSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type Command, Option } from 'commander';
import { AppError, messageOf } from '../base/errors.ts';
import { findPackage } from '../base/package.ts';
import { parseTime, systemClock, type TimeRange } from '../base/time.ts';
import type { Config } from '../config/config.ts';
import { ROW_SIGNALS, SIGNALS, type Signal } from '../model/vocabulary.ts';
import { exportTelemetry } from '../pipeline/export.ts';
import { EXPORT_NOTE, writeExportNote } from '../pipeline/export-note.ts';
import { exportProfiles } from '../pipeline/export-profiles.ts';
import type { TelemetryReader } from '../store/api/telemetry.ts';
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
      [...names]
        .filter(([signal]) => signal !== 'profiles')
        .map(([signal, name]) => [signal, openLines(join(dir, name), isGzipped)]),
    );
    const done = exportTelemetry(reader, {
      ...options,
      signals: ROW_SIGNALS.filter((signal) => signals.includes(signal)),
      emit: (signal, line) => writers.get(signal)?.write(line),
      onProgress: process.stderr.isTTY ? drawProgress : () => undefined,
    });
    if (process.stderr.isTTY) process.stderr.write('\n');
    const rowFiles = done.map(({ signal, ...counts }) => ({
      file: names.get(signal) ?? '',
      signal,
      ...counts,
      bytes: writers.get(signal)?.finish() ?? 0,
    }));
    const profileFiles = signals.includes('profiles') ? writeProfiles(dir, reader, options) : [];
    const files = [...rowFiles, ...profileFiles];
    for (const { message } of reader.listFaults()) process.stderr.write(`left out: ${message}\n`);
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

/** JSON requests as lines of one file; a protobuf request fills a file, since two of them in a row would be one. */
function writeProfiles(
  dir: string,
  reader: TelemetryReader,
  options: {
    readonly range: TimeRange;
    readonly services?: readonly string[];
    readonly isGzipped: boolean;
  },
): readonly ExportedFile[] {
  const { isGzipped } = options;
  const suffix = isGzipped ? '.gz' : '';
  const lines = openLines(join(dir, `profiles.jsonl${suffix}`), isGzipped);
  let protobufBytes = 0;
  let fileCount = 0;
  const done = exportProfiles(reader, {
    ...options,
    emitLine: (line) => lines.write(line),
    emitProtobuf: (body) => {
      const number = String(++fileCount).padStart(6, '0');
      const bytes = isGzipped ? gzipSync(body) : body;
      writeWhole(join(dir, `profiles-${number}.pb${suffix}`), bytes);
      protobufBytes += bytes.length;
    },
  });
  const { json, protobuf } = done;
  const jsonFile: ExportedFile = {
    file: `profiles.jsonl${suffix}`,
    signal: 'profiles',
    rows: json.profiles,
    requests: json.requests,
    bytes: lines.finish(),
  };
  if (protobuf.requests === 0) return [jsonFile];
  return [
    jsonFile,
    {
      file: `profiles-*.pb${suffix}`,
      signal: 'profiles',
      rows: protobuf.profiles,
      requests: protobuf.requests,
      bytes: protobufBytes,
    },
  ];
}

/** A file with its name is whole. */
function writeWhole(file: string, bytes: Uint8Array): void {
  const part = `${file}.part`;
  try {
    writeFileSync(part, bytes);
    renameSync(part, file);
  } catch (cause) {
    throw new AppError('store.unavailable', `Cannot write ${file}: ${messageOf(cause)}`, { cause });
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

const LINE_END = Buffer.from('\n');

interface LineWriter {
  write(line: string | Uint8Array): void;
  /** Gives the file its name; a file with that name is whole. Returns its bytes. */
  finish(): number;
}

/** Written through at once; gzipped, each line is a member of its own, as RFC 1952 allows. */
function openLines(file: string, isGzipped: boolean): LineWriter {
  const partFile = `${file}.part`;
  const handle = openPart(partFile);
  let sizeBytes = 0;
  const put = (line: Uint8Array) => {
    const bytes = isGzipped ? gzipSync(line) : line;
    for (let at = 0; at < bytes.length; ) at += writeSync(handle, bytes, at);
    sizeBytes += bytes.length;
  };
  return {
    write: (line) => put(Buffer.concat([Buffer.from(line), LINE_END])),
    finish() {
      // A gzip file has at least one member.
      if (isGzipped && sizeBytes === 0) put(Buffer.alloc(0));
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
