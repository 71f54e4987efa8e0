/** Lets one set-up run at a time: a file that names the process; the file of a dead process is taken over. */
import { linkSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { SetupError, say } from './setup-process.mjs';

const POLL_MS = 200;
const WAIT_MS_MAX = 15 * 60_000;
/** Older than any set-up may take: its process id belongs to somebody else by now. */
const STALE_MS = 30 * 60_000;

export async function withLock(path, run) {
  await acquire(path);
  const release = () => rmSync(path, { force: true });
  const releaseAndExit = () => {
    release();
    process.exit(130);
  };
  process.once('SIGINT', releaseAndExit).once('SIGTERM', releaseAndExit);
  try {
    return await run();
  } finally {
    process.off('SIGINT', releaseAndExit).off('SIGTERM', releaseAndExit);
    release();
  }
}

async function acquire(path) {
  const giveUpMs = performance.now() + WAIT_MS_MAX;
  let hasSaid = false;
  while (!tryAcquire(path)) {
    if (isStale(path)) {
      removeStale(path);
      continue;
    }
    if (performance.now() > giveUpMs) {
      throw new SetupError(`Cannot set up: another set-up holds ${path}; delete it if none runs`);
    }
    if (!hasSaid) say('waiting for another set-up of this folder …');
    hasSaid = true;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** The lock appears with its content in one step, so that nobody reads it half written. */
function tryAcquire(path) {
  const own = `${path}.${process.pid}`;
  writeFileSync(own, String(process.pid));
  try {
    linkSync(own, path);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(own, { force: true });
  }
}

function isStale(path) {
  try {
    return Date.now() - statSync(path).mtimeMs > STALE_MS || !isAlive(holderOf(path));
  } catch (error) {
    if (error.code === 'ENOENT') return false; // just given back
    throw error;
  }
}

/** Two waiters may both see a stale lock: one that moved away a live one instead puts it back. */
function removeStale(path) {
  const moved = `${path}.stale.${process.pid}`;
  try {
    renameSync(path, moved);
    if (isAlive(holderOf(moved)) && Date.now() - statSync(moved).mtimeMs < STALE_MS) {
      linkSync(moved, path);
    }
  } catch (error) {
    if (error.code !== 'ENOENT' && error.code !== 'EEXIST') throw error;
  } finally {
    rmSync(moved, { force: true });
  }
}

function holderOf(path) {
  return Number(readFileSync(path, 'utf8'));
}

function isAlive(pid) {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}
