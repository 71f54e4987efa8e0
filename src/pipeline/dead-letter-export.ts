/** Dead letters as files that `taproot import`, or any OTLP client, can send again. */
import fs from 'node:fs';
import path from 'node:path';
import { AppError, messageOf } from '../base/errors.ts';
import { formatTime } from '../base/time.ts';
import { inflateBody } from '../otlp/otlp.ts';
import { type DamagedPart, type DeadLetter, visitDeadLetters } from './dead-letter-file.ts';

export interface ExportedLetter {
  readonly file: string;
  readonly letterId: string;
  readonly time: string;
  readonly code: string;
  readonly reason: string;
}

export interface DeadLetterExport {
  readonly letters: readonly ExportedLetter[];
  readonly damaged: readonly DamagedPart[];
}

/**
 * One file a letter, and `dead-letters.json` that says why each is there. The letters stay where they are.
 * Throws request.invalid when a file would be written over.
 */
export function exportDeadLetters(
  dataDir: string,
  options: { readonly outDir: string; readonly bodyBytesMax: number },
): DeadLetterExport {
  const { outDir, bodyBytesMax } = options;
  fs.mkdirSync(outDir, { recursive: true });
  const letters: ExportedLetter[] = [];
  const damaged = visitDeadLetters(dataDir, (letter) => {
    const { ending, bytes } = sendable(letter, bodyBytesMax);
    const file = `${letter.signal}-${letter.letterId}${ending}`;
    writeNew(path.join(outDir, file), bytes);
    const { letterId, timeUs, code, reason } = letter;
    letters.push({ file, letterId, time: formatTime(timeUs), code, reason });
  });
  const exported = { letters, damaged };
  writeNew(path.join(outDir, 'dead-letters.json'), `${JSON.stringify(exported, undefined, 2)}\n`);
  return exported;
}

/** Protobuf goes as it came; JSON on one line, since a line is a request. */
function sendable(
  letter: DeadLetter,
  bodyBytesMax: number,
): { readonly ending: string; readonly bytes: Uint8Array } {
  const { encoding, compression, body } = letter;
  if (encoding === 'protobuf' && compression === 'gzip') return { ending: '.pb.gz', bytes: body };
  const plain = inflateBody(body, { compression, limitBytes: bodyBytesMax });
  return encoding === 'protobuf'
    ? { ending: '.pb', bytes: plain }
    : { ending: '.jsonl', bytes: onOneLine(plain) };
}

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;

/** In JSON, line ends stand only between tokens: inside strings they are escaped. */
function onOneLine(json: Uint8Array): Uint8Array {
  const line = json.slice();
  for (let index = 0; index < line.length; index++) {
    if (line[index] === LINE_FEED || line[index] === CARRIAGE_RETURN) line[index] = SPACE;
  }
  return Buffer.concat([line, Buffer.from('\n')]);
}

function writeNew(file: string, content: Uint8Array | string): void {
  try {
    fs.writeFileSync(file, content, { flag: 'wx', mode: 0o600 });
  } catch (cause) {
    const exists = cause instanceof Error && 'code' in cause && cause.code === 'EEXIST';
    throw new AppError(
      exists ? 'request.invalid' : 'store.unavailable',
      `Cannot write ${file}: ${exists ? 'it exists; choose another folder' : messageOf(cause)}`,
      { cause },
    );
  }
}
