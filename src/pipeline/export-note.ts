/**
 * The note beside exported files: what they hold, and whether their user ids are hashes already, so that an
 * import does not hash them again.
 */
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { AppError, messageOf } from '../base/errors.ts';

export const EXPORT_NOTE = 'taproot-export.json';

const noteSchema = z.object({
  exportedBy: z.string(),
  /** The exporting store's setting. */
  userIds: z.enum(['hash', 'keep']),
  files: z.array(
    z.object({ file: z.string(), signal: z.string(), rows: z.int(), requests: z.int() }),
  ),
});

export type ExportNote = z.infer<typeof noteSchema>;

export function writeExportNote(dir: string, note: ExportNote): void {
  writeFileSync(join(dir, EXPORT_NOTE), `${JSON.stringify(note, undefined, 2)}\n`);
}

/** True when the note beside this file, or in this folder, says that its user ids are hashes. */
export function holdsHashedUserIds(path: string): boolean {
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
  const file = join(isFolder ? path : dirname(path), EXPORT_NOTE);
  if (!existsSync(file)) return false;
  const note = readNote(file);
  const isNoted = isFolder || note.files.some((entry) => entry.file === basename(path));
  return isNoted && note.userIds === 'hash';
}

function readNote(file: string): ExportNote {
  try {
    return noteSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (cause) {
    throw new AppError(
      'request.invalid',
      `Cannot read the note of an export ${file}: ${messageOf(cause).slice(0, 300)}`,
      { cause },
    );
  }
}
