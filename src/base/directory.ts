/** Directories whose names outlive a power cut: the names of files are content of their directory, synced apart. */
import fs from 'node:fs';
import path from 'node:path';

/** Makes the names in a directory durable. */
export function syncDirectory(directory: string): void {
  const handle = fs.openSync(directory, 'r');
  try {
    fs.fsyncSync(handle);
  } finally {
    fs.closeSync(handle);
  }
}

/** Makes a directory, and those above that are missing; their names are durable on return. */
export function makeDirectory(directory: string, options: { readonly mode?: number } = {}): void {
  const first = fs.mkdirSync(directory, { ...options, recursive: true });
  if (first === undefined) return;
  const above = path.dirname(path.resolve(first));
  for (let made = path.resolve(directory); made !== above; made = path.dirname(made)) {
    syncDirectory(path.dirname(made));
  }
}
