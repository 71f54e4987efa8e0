/**
 * Installs the packages of package-lock.json with `npm ci`, install scripts off, only when node_modules is not
 * what the lock file says.
 */
import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { ROOT, run, SetupError, step, tailOf } from './setup-process.mjs';

const STAMP = join(ROOT, 'node_modules', '.taproot-packages');
const INSTALL_TIMEOUT_MS = 10 * 60_000;

/** True when something had to be installed. */
export async function ensurePackages() {
  const lockText = readFileSync(join(ROOT, 'package-lock.json'), 'utf8');
  const hash = createHash('sha256').update(lockText).digest('hex');
  if (tryRead(STAMP) === hash && isComplete(JSON.parse(lockText))) return false;
  if (isInstalled(JSON.parse(lockText))) {
    writeFileSync(STAMP, hash);
    return false;
  }
  await step('installing packages (npm ci)', install);
  writeFileSync(STAMP, hash);
  return true;
}

async function install() {
  rmSync(STAMP, { force: true });
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const cache = process.env.npm_config_cache ?? join(homedir(), '.npm');
  // A home that cannot be written (containers, CI) must not stop the install.
  if (!isWritable(cache)) args.push('--cache', join(ROOT, 'dist', '.npm-cache'), '--logs-max=0');
  const npm = process.env.npm_execpath;
  const result = npm?.endsWith('.js')
    ? await run(process.execPath, [npm, ...args], { timeoutMs: INSTALL_TIMEOUT_MS })
    : await run('npm', args, { timeoutMs: INSTALL_TIMEOUT_MS });
  if (result.code === 0) return;
  throw new SetupError(
    `Cannot install packages: npm ci failed; is the npm registry reachable?\n${tailOf(result.output)}`,
  );
}

/** Was node_modules installed from this lock file, by whomever? npm's own record says so. */
function isInstalled(lock) {
  const record = tryRead(join(ROOT, 'node_modules', '.package-lock.json'));
  if (record === undefined) return false;
  const installed = JSON.parse(record).packages ?? {};
  const wanted = Object.entries(lock.packages).filter(([path]) => path !== '');
  const isSame = wanted.every(([path, { version, integrity, link, optional }]) => {
    const found = installed[path];
    if (!found) return optional === true || link === true;
    return found.version === version && found.integrity === integrity;
  });
  return (
    isSame && Object.keys(installed).every((path) => path in lock.packages) && isComplete(lock)
  );
}

/** Is every package's folder there? Optional ones are for other machines. */
function isComplete(lock) {
  return Object.entries(lock.packages).every(
    ([path, { optional }]) => optional === true || existsSync(join(ROOT, path, 'package.json')),
  );
}

/** Can the folder, or the nearest parent that exists, be written? */
function isWritable(path) {
  if (!existsSync(path)) return dirname(path) !== path && isWritable(dirname(path));
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function tryRead(path) {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}
