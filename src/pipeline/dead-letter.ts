/**
 * Dead letters: requests that decode but can never be stored, kept as they came with the reason, for people to
 * look at and to send again. Runs where ingest runs; nothing here is ever retried by itself.
 */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import type { Counters } from '../base/counters.ts';
import { makeDirectory, syncDirectory } from '../base/directory.ts';
import { type AppError, messageOf } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import type { Clock } from '../base/time.ts';
import type { IngestReply, IngestRequest } from '../receive/receive.ts';
import {
  type DamagedPart,
  deadLetterDirectory,
  deadLetterPath,
  encodeDeadLetter,
  letterIdOf,
  listDeadLetterFiles,
  visitDeadLetters,
} from './dead-letter-file.ts';

export interface DeadLetters {
  /**
   * Keeps the request, on the disk when this returns, and gives the reply for its sender:
   * `ingest.dead_lettered` naming the letter, or `store.unavailable` when the letter cannot be written (the
   * sender still has the request and may try again). Never throws. The same bytes are kept once.
   */
  add(refused: { readonly request: IngestRequest; readonly reason: AppError }): IngestReply;
}

export interface DeadLettersOptions {
  readonly dataDir: string;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly log: Log;
  readonly bytesMax?: number;
  readonly fileBytesMax?: number;
}

interface Letter {
  readonly fileNumber: number;
  readonly offset: number;
}

/** The file that takes the next letter. */
interface OpenFile {
  readonly fileNumber: number;
  sizeBytes: number;
}

export function createDeadLetters(options: DeadLettersOptions): DeadLetters {
  const { dataDir, clock, counters, log } = options;
  const bytesMax = options.bytesMax ?? LIMITS.deadLettersBytesMax;
  const fileBytesMax = options.fileBytesMax ?? LIMITS.deadLetterFileBytesMax;
  /** Letters by their request's hash: a sender that repeats itself must not push out other letters. */
  const known = new Map<string, Letter>();
  let openFile: OpenFile | undefined;
  counters.set('taproot_dead_letters_bytes', bytesOf(listDeadLetterFiles(dataDir)));

  function add({
    request,
    reason,
  }: {
    readonly request: IngestRequest;
    readonly reason: AppError;
  }): IngestReply {
    const { signal } = request;
    try {
      const hash = hashOf(request);
      const letter = known.get(hash) ?? keep(request, reason);
      remember(hash, letter);
      const letterId = letterIdOf(letter.fileNumber, letter.offset);
      counters.add('taproot_dead_letters_total', 1, { signal });
      log.error({ letterId, signal, code: reason.code, reason: reason.message }, 'dead letter');
      return {
        kind: 'refused',
        code: 'ingest.dead_lettered',
        message: `Cannot store ${signal}: ${reason.message}; kept as dead letter ${letterId}`,
      };
    } catch (error) {
      counters.add('taproot_dead_letters_failed_total', 1, { signal });
      log.error({ err: error, signal, reason: reason.message }, 'cannot write a dead letter');
      return {
        kind: 'refused',
        code: 'store.unavailable',
        message: `Cannot store ${signal}: ${reason.message}; nor keep it as a dead letter: ${messageOf(error)}`,
      };
    }
  }

  function keep(request: IngestRequest, reason: AppError): Letter {
    const { signal, encoding, compression, body } = request;
    const timeUs = clock.nowUs();
    const { code, message } = reason;
    const record = encodeDeadLetter(
      { timeUs, signal, encoding, compression, code, reason: message },
      body,
    );
    makeDirectory(deadLetterDirectory(dataDir), { mode: 0o700 });
    const keptBytes = makeRoom(record.length);
    // The first letter of a run starts a file of its own: the last one may end in a torn record.
    if (!openFile || openFile.sizeBytes + record.length > fileBytesMax) openFile = nextFile();
    const offset = openFile.sizeBytes;
    append(openFile, record);
    counters.set('taproot_dead_letters_bytes', keptBytes + record.length);
    return { fileNumber: openFile.fileNumber, offset };
  }

  /** Removes the oldest files until so many bytes fit; returns the bytes that stay. */
  function makeRoom(wantedBytes: number): number {
    const files = [...listDeadLetterFiles(dataDir)];
    let totalBytes = bytesOf(files);
    while (totalBytes + wantedBytes > bytesMax) {
      const oldest = files.shift();
      if (!oldest) throw new Error(`${wantedBytes} bytes are more than ${bytesMax}`);
      fs.rmSync(deadLetterPath(dataDir, oldest.fileNumber), { force: true });
      if (oldest.fileNumber === openFile?.fileNumber) openFile = nextFile();
      forgetLettersOf(oldest.fileNumber);
      totalBytes -= oldest.sizeBytes;
      counters.add('taproot_dead_letters_removed_bytes_total', oldest.sizeBytes);
      log.warn({ file: oldest.fileNumber, bytes: oldest.sizeBytes }, 'oldest dead letters removed');
    }
    return totalBytes;
  }

  /** A number that no letter of this run was named by. */
  function nextFile(): OpenFile {
    const newest = listDeadLetterFiles(dataDir).at(-1)?.fileNumber ?? 0;
    return { fileNumber: Math.max(newest, openFile?.fileNumber ?? 0) + 1, sizeBytes: 0 };
  }

  function append(target: OpenFile, record: Uint8Array): void {
    const file = deadLetterPath(dataDir, target.fileNumber);
    const handle = fs.openSync(file, 'a', 0o600);
    try {
      writeWhole(handle, record);
      fs.fsyncSync(handle);
      if (target.sizeBytes === 0) syncDirectory(path.dirname(file));
      target.sizeBytes += record.length;
    } catch (error) {
      // What a full disk left of it must not stand between whole letters.
      tryTruncate(handle, target.sizeBytes);
      throw error;
    } finally {
      fs.closeSync(handle);
    }
  }

  function tryTruncate(handle: number, sizeBytes: number): void {
    try {
      fs.ftruncateSync(handle, sizeBytes);
    } catch {
      openFile = undefined; // readers pass over the torn record; the next letter starts a new file
    }
  }

  function remember(hash: string, letter: Letter): void {
    if (known.size >= LIMITS.deadLettersKnownMax) known.clear();
    known.set(hash, letter);
  }

  /** Nobody is to be told that a letter is kept which is gone. */
  function forgetLettersOf(fileNumber: number): void {
    for (const [hash, letter] of known) if (letter.fileNumber === fileNumber) known.delete(hash);
  }

  return { add };
}

function hashOf({ signal, encoding, compression, body }: IngestRequest): string {
  return createHash('sha256')
    .update(`${signal}\0${encoding}\0${compression}\0`)
    .update(body)
    .digest('base64');
}

function bytesOf(files: readonly { readonly sizeBytes: number }[]): number {
  return files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

function writeWhole(handle: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += fs.writeSync(handle, bytes, at);
}

/** What lies there, for people. */
export interface DeadLetterSummary {
  readonly count: number;
  readonly sizeBytes: number;
  readonly oldestUs: number | undefined;
  /** By count, the most frequent first. */
  readonly reasons: readonly {
    readonly code: string;
    readonly reason: string;
    readonly count: number;
  }[];
  readonly damaged: readonly DamagedPart[];
}

const REASONS_MAX = 20;

export function summariseDeadLetters(dataDir: string): DeadLetterSummary {
  const reasons = new Map<string, { code: string; reason: string; count: number }>();
  let count = 0;
  let oldestUs: number | undefined;
  const damaged = visitDeadLetters(dataDir, ({ timeUs, code, reason }) => {
    count++;
    oldestUs = Math.min(oldestUs ?? timeUs, timeUs);
    const key = `${code}\0${reason}`;
    const entry = reasons.get(key) ?? { code, reason, count: 0 };
    entry.count++;
    reasons.set(key, entry);
  });
  const sizeBytes = bytesOf(listDeadLetterFiles(dataDir));
  const sorted = [...reasons.values()].sort((a, b) => b.count - a.count);
  return { count, sizeBytes, oldestUs, reasons: sorted.slice(0, REASONS_MAX), damaged };
}
