/**
 * The file of dead letters: records one after another, each with its own checksum, so that a damaged or torn
 * one costs no other. Layout in docs/reliability.md; readers run beside the writer.
 */
import fs from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';
import { AppError, messageOf } from '../base/errors.ts';
import type { IngestRequest } from '../receive/receive.ts';

export interface DeadLetterHeader {
  /** When it was refused. */
  readonly timeUs: number;
  readonly signal: IngestRequest['signal'];
  readonly encoding: IngestRequest['encoding'];
  /** As in IngestRequest. */
  readonly compression: string;
  /** Code and message of the error that keeps it from being stored. */
  readonly code: string;
  readonly reason: string;
}

export interface DeadLetter extends DeadLetterHeader {
  /** `FILE-OFFSET`, as in the reply to its sender. */
  readonly letterId: string;
  /** As it was received. */
  readonly body: Uint8Array;
}

/** A part of a file that holds no whole record: torn by a crash, or damaged. */
export interface DamagedPart {
  readonly file: string;
  readonly offset: number;
  readonly sizeBytes: number;
}

const MAGIC = Buffer.from('TPL1', 'latin1');
/** Magic, size of the header, size of the body, CRC-32 of these sizes, the header and the body. */
const PREFIX_BYTES = 16;
const FILE_NAME = /^(\d{8})\.letters$/;

export function deadLetterDirectory(dataDir: string): string {
  return path.join(dataDir, 'dead-letters');
}

export function deadLetterPath(dataDir: string, fileNumber: number): string {
  return path.join(deadLetterDirectory(dataDir), `${String(fileNumber).padStart(8, '0')}.letters`);
}

export function letterIdOf(fileNumber: number, offset: number): string {
  return `${fileNumber}-${offset}`;
}

export function encodeDeadLetter(header: DeadLetterHeader, body: Uint8Array): Uint8Array {
  const headerBytes = Buffer.from(JSON.stringify(header));
  const record = Buffer.alloc(PREFIX_BYTES + headerBytes.length + body.length);
  MAGIC.copy(record);
  record.writeUInt32LE(headerBytes.length, 4);
  record.writeUInt32LE(body.length, 8);
  headerBytes.copy(record, PREFIX_BYTES);
  record.set(body, PREFIX_BYTES + headerBytes.length);
  record.writeUInt32LE(checksumOf(record), 12);
  return record;
}

/** Over everything but the magic and itself. */
function checksumOf(record: Buffer): number {
  return zlib.crc32(record.subarray(PREFIX_BYTES), zlib.crc32(record.subarray(4, 12)));
}

/** Files of dead letters, the oldest first. */
export function listDeadLetterFiles(
  dataDir: string,
): readonly { readonly fileNumber: number; readonly sizeBytes: number }[] {
  const directory = deadLetterDirectory(dataDir);
  if (!fs.existsSync(directory)) return [];
  return fs
    .readdirSync(directory)
    .flatMap((name) => FILE_NAME.exec(name)?.[1] ?? [])
    .map((digits) => {
      const entry = fs.statSync(path.join(directory, `${digits}.letters`), {
        throwIfNoEntry: false,
      });
      return { fileNumber: Number(digits), sizeBytes: entry?.size ?? 0 };
    })
    .sort((a, b) => a.fileNumber - b.fileNumber);
}

/**
 * Calls `visit` per letter, the oldest first, one file in memory at a time; returns what could not be read.
 * Throws `store.unavailable` when a file cannot be read at all.
 */
export function visitDeadLetters(
  dataDir: string,
  visit: (letter: DeadLetter) => void,
): readonly DamagedPart[] {
  return listDeadLetterFiles(dataDir).flatMap(({ fileNumber }) => {
    const file = deadLetterPath(dataDir, fileNumber);
    const bytes = tryReadFile(file);
    return bytes ? visitFile(bytes, { file, fileNumber }, visit) : [];
  });
}

/** Undefined for a file that the writer has removed to make room. */
function tryReadFile(file: string): Buffer | undefined {
  try {
    return fs.readFileSync(file);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new AppError('store.unavailable', `Cannot read ${file}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

function visitFile(
  bytes: Buffer,
  place: { readonly file: string; readonly fileNumber: number },
  visit: (letter: DeadLetter) => void,
): readonly DamagedPart[] {
  const damaged: DamagedPart[] = [];
  let offset = 0;
  while (offset < bytes.length) {
    const record = tryDecodeRecord(bytes, offset);
    if (record) {
      const { header, body, sizeBytes } = record;
      visit({ ...header, letterId: letterIdOf(place.fileNumber, offset), body });
      offset += sizeBytes;
      continue;
    }
    const next = findRecord(bytes, offset + 1);
    damaged.push({ file: place.file, offset, sizeBytes: next - offset });
    offset = next;
  }
  return damaged;
}

/** Offset of the next whole record, or the end. */
function findRecord(bytes: Buffer, from: number): number {
  for (let at = bytes.indexOf(MAGIC, from); at >= 0; at = bytes.indexOf(MAGIC, at + 1)) {
    if (tryDecodeRecord(bytes, at)) return at;
  }
  return bytes.length;
}

function tryDecodeRecord(
  bytes: Buffer,
  offset: number,
):
  | { readonly header: DeadLetterHeader; readonly body: Uint8Array; readonly sizeBytes: number }
  | undefined {
  if (offset + PREFIX_BYTES > bytes.length) return undefined;
  if (!bytes.subarray(offset, offset + MAGIC.length).equals(MAGIC)) return undefined;
  const bodyStart = PREFIX_BYTES + bytes.readUInt32LE(offset + 4);
  const sizeBytes = bodyStart + bytes.readUInt32LE(offset + 8);
  if (offset + sizeBytes > bytes.length) return undefined;
  const record = bytes.subarray(offset, offset + sizeBytes);
  if (checksumOf(record) !== record.readUInt32LE(12)) return undefined;
  // The checksum says that encodeDeadLetter() wrote it.
  const header = JSON.parse(record.toString('utf8', PREFIX_BYTES, bodyStart)) as DeadLetterHeader;
  return { header, body: record.subarray(bodyStart), sizeBytes };
}
