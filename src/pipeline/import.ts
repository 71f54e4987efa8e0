/**
 * Reads OTLP files (JSON lines as the Collector's file exporter writes them, gzipped or not, or protobuf)
 * and hands each request to a sender: the ingest pipeline inline, or a running receiver.
 */
import { createReadStream } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { createGunzip } from 'node:zlib';
import { AppError, isAppError, messageOf } from '../base/errors.ts';
import type { Signal } from '../model/vocabulary.ts';
import type { IngestReply, IngestRequest } from '../receive/receive.ts';

export type Send = (request: IngestRequest) => Promise<IngestReply>;

export interface ImportProgress {
  readonly file: string;
  readonly requests: number;
  readonly bytes: number;
}

export interface ImportResult {
  readonly files: number;
  readonly requests: number;
  readonly bytes: number;
  readonly rejectedRows: number;
  /** Requests that were refused, with where they stand; the first hundred. */
  readonly refused: readonly {
    readonly file: string;
    readonly line: number;
    readonly message: string;
  }[];
  readonly refusedCount: number;
}

/** Requests on their way at once: enough to fill groups, little enough to stay small in memory. */
const CONCURRENT_MAX = 64;
const REFUSED_LISTED_MAX = 100;

export async function importPaths(
  paths: readonly string[],
  options: {
    readonly send: Send;
    /** Called before waiting for replies: an untimed pipeline commits what is open. */
    readonly flush?: () => void;
    /** Only requests of these signals; absent: all. */
    readonly signals?: readonly Signal[];
    readonly onProgress?: (progress: ImportProgress) => void;
  },
): Promise<ImportResult> {
  const files = (await Promise.all(paths.map(listFiles))).flat();
  const total = { requests: 0, bytes: 0, rejectedRows: 0, refusedCount: 0 };
  const refused: { file: string; line: number; message: string }[] = [];
  const refuse = (file: string, line: number, message: string) => {
    total.refusedCount++;
    if (refused.length < REFUSED_LISTED_MAX) refused.push({ file, line, message });
  };
  for (const file of files) {
    const inFlight = new Set<Promise<void>>();
    let lastLine = 0;
    try {
      for await (const { request, line } of readRequests(file)) {
        lastLine = line;
        if (options.signals?.includes(request.signal) === false) continue;
        total.requests++;
        total.bytes += request.body.length;
        const task = options.send(request).then((reply) => {
          inFlight.delete(task);
          if (reply.kind === 'stored') total.rejectedRows += reply.rejectedCount;
          else refuse(file, line, reply.message);
        });
        task.catch(noop); // heard where the tasks are awaited
        inFlight.add(task);
        if (inFlight.size >= CONCURRENT_MAX) {
          options.flush?.();
          await Promise.race(inFlight);
        }
        if (total.requests % 100 === 0) options.onProgress?.({ file, ...total });
      }
    } catch (thrown) {
      if (isAppError(thrown)) throw thrown;
      // A file that is cut or damaged: what stands before is imported, and the other files are.
      refuse(file, lastLine + 1, `Cannot read further: ${messageOf(thrown)}`);
    } finally {
      options.flush?.();
      await Promise.allSettled(inFlight);
    }
    await Promise.all(inFlight);
    options.onProgress?.({ file, ...total });
  }
  return { files: files.length, ...total, refused };
}

const KNOWN_FILE = /\.(jsonl|jsonl\.gz|json|json\.gz|pb|pb\.gz)$/;

async function listFiles(path: string): Promise<string[]> {
  const entry = await stat(path).catch((cause: unknown) => {
    throw new AppError('request.not_found', `Cannot import "${path}": no such file or folder`, {
      cause,
    });
  });
  if (!entry.isDirectory()) {
    if (!KNOWN_FILE.test(path)) {
      throw new AppError(
        'request.invalid',
        `Cannot import "${path}": give .jsonl, .jsonl.gz, .json or .pb`,
      );
    }
    return [path];
  }
  const names = await readdir(path);
  return names
    .filter((name) => /\.(jsonl|jsonl\.gz|pb|pb\.gz)$/.test(name))
    .sort()
    .map((name) => join(path, name));
}

async function* readRequests(
  file: string,
): AsyncGenerator<{ readonly request: IngestRequest; readonly line: number }> {
  if (/\.pb(\.gz)?$/.test(file)) {
    const body = new Uint8Array(await readFile(file));
    const compression = file.endsWith('.gz') ? 'gzip' : '';
    yield {
      request: { signal: signalOfName(file), encoding: 'protobuf', compression, body },
      line: 1,
    };
    return;
  }
  const raw = createReadStream(file);
  let line = 0;
  for await (const body of linesOf(file.endsWith('.gz') ? raw.pipe(createGunzip()) : raw)) {
    line++;
    const head = decoder.decode(body.subarray(0, 200));
    if (body.length < 200 && head.trim() === '') continue;
    const signal = signalOfJson(head) ?? signalOfName(file);
    yield { request: { signal, encoding: 'json', compression: '', body }, line };
  }
}

const decoder = new TextDecoder('utf-8');
const LINE_FEED = 0x0a;

/** Lines end with a line feed and nothing else: JSON text may hold U+2028, where other readers split. */
async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let open: Buffer[] = [];
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, start)) {
      yield new Uint8Array(Buffer.concat([...open, chunk.subarray(start, end)]));
      open = [];
      start = end + 1;
    }
    if (start < chunk.length) open.push(chunk.subarray(start));
  }
  if (open.length > 0) yield new Uint8Array(Buffer.concat(open));
}

/** The first key of an OTLP/JSON request names its signal; `head` is its beginning. Only profiles have a dictionary. */
function signalOfJson(head: string): Signal | undefined {
  const match = /"(resourceSpans|resourceLogs|resourceMetrics|resourceProfiles|dictionary)"/.exec(
    head,
  );
  switch (match?.[1]) {
    case 'resourceSpans':
      return 'traces';
    case 'resourceLogs':
      return 'logs';
    case 'resourceMetrics':
      return 'metrics';
    case 'resourceProfiles':
    case 'dictionary':
      return 'profiles';
    default:
      return undefined;
  }
}

function signalOfName(file: string): Signal {
  const name = basename(file).toLowerCase();
  if (/profile/.test(name)) return 'profiles';
  if (/metric/.test(name)) return 'metrics';
  if (/log/.test(name)) return 'logs';
  if (/trace|span/.test(name)) return 'traces';
  throw new AppError(
    'request.invalid',
    `Cannot import "${file}": its name must hold traces, logs, metrics or profiles, for its content does not say`,
  );
}

function noop(): void {}
