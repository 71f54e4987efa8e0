/** Keys of a data folder's hashes: each made once, readable by its owner alone. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AppError, messageOf } from '../base/errors.ts';

const KEY_BYTES = 32;
const KEY_TEXT = /^[0-9a-f]{64}$/;

/** What a key is for, and what a new one would cost. */
const PURPOSES = {
  'user-id': 'gives every user another hash',
  request: 'does not know requests again that senders repeat just now',
} as const;

/** Throws store.unavailable when the file can be neither read nor made, store.corrupt when it holds no key. */
export function loadDataKey(dataDir: string, purpose: keyof typeof PURPOSES): string {
  const path = join(dataDir, `${purpose}.key`);
  let text: string;
  try {
    if (!existsSync(path)) makeKey(dataDir, path);
    text = readFileSync(path, 'utf8').trim();
  } catch (cause) {
    throw new AppError('store.unavailable', `Cannot use ${path}: ${messageOf(cause)}`, { cause });
  }
  // Half a key would hash so weakly that what is hashed could be guessed.
  if (KEY_TEXT.test(text)) return text;
  throw new AppError(
    'store.corrupt',
    `Cannot use ${path}: it must hold ${2 * KEY_BYTES} hex digits; restore it, or remove it for a new key ` +
      `that ${PURPOSES[purpose]}`,
  );
}

/**
 * The file appears whole or not at all: a full disk or a crash leaves no half key behind. Callers hold the
 * folder's writer lock, so that two processes do not make two keys.
 */
function makeKey(dataDir: string, path: string): void {
  mkdirSync(dataDir, { recursive: true });
  const draft = `${path}.draft`;
  const key = randomBytes(KEY_BYTES).toString('hex');
  writeFileSync(draft, key, { mode: 0o600, flush: true });
  renameSync(draft, path);
}
