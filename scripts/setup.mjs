/**
 * Sets up what is missing: locked packages, the native addon of the store, the build. Plain JavaScript without
 * dependencies, because it runs on a fresh clone; `npm start`, `npm run demo` and `npm test` call it first.
 * What is there and matches is left alone, so that a second run takes well under two seconds.
 */
import { mkdirSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { ensureAddon } from './setup-addon.mjs';
import { ensureBuild } from './setup-build.mjs';
import { withLock } from './setup-lock.mjs';
import { ensurePackages } from './setup-packages.mjs';
import { formatSeconds, ROOT, SetupError, say } from './setup-process.mjs';

const NODE_MINIMUM = [20, 19];

/** Resolves when everything is in place; throws a SetupError that says what to do. */
export async function setUp() {
  const startMs = performance.now();
  assertNodeVersion();
  mkdirSync(`${ROOT}/dist`, { recursive: true });
  const done = await withLock(`${ROOT}/dist/.setup-lock`, async () => [
    await ensurePackages(),
    await ensureAddon(),
    await ensureBuild(),
  ]);
  const took = formatSeconds(performance.now() - startMs);
  say(done.includes(true) ? `ready (${took})` : `up to date (${took})`);
}

function assertNodeVersion() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  const [majorMin, minorMin] = NODE_MINIMUM;
  if (major > majorMin || (major === majorMin && minor >= minorMin)) return;
  throw new SetupError(
    `Cannot run on Node ${process.versions.node}: install Node ${NODE_MINIMUM.join('.')} or later (https://nodejs.org)`,
  );
}

/** Runs setUp for a script: prints what went wrong and ends the process with 1. */
export async function setUpOrExit() {
  try {
    await setUp();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    say(error.message);
    process.exit(1);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await setUpOrExit();
