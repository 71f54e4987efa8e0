/**
 * Builds the one native addon, better-sqlite3: its prebuilt binary where that can be had, else a compile with
 * npm's own node-gyp against the headers that lie beside the running Node.
 */
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';
import { ROOT, run, SetupError, say, step, tailOf } from './setup-process.mjs';

const PACKAGE = join(ROOT, 'node_modules', 'better-sqlite3');
/** Without access to prebuilt binaries the attempt should cost little. */
const PREBUILT_TIMEOUT_MS = 15_000;
const COMPILE_TIMEOUT_MS = 15 * 60_000;
const LOAD_TIMEOUT_MS = 30_000;

/** True when the addon had to be built. */
export async function ensureAddon() {
  if ((await tryLoad()) === undefined) return false;
  await step('fetching the prebuilt SQLite addon', fetchPrebuilt);
  if ((await tryLoad()) === undefined) return true;
  await step('compiling the SQLite addon (a minute or two)', compile);
  const fault = await tryLoad();
  if (fault !== undefined) throw new SetupError(`Cannot load the SQLite addon:\n${tailOf(fault)}`);
  return true;
}

/** Undefined when the addon works, else what it said. In a process of its own: a broken addon may crash. */
async function tryLoad() {
  const program = `const Database = require('better-sqlite3');
    new Database(':memory:').prepare('select sqlite_version()').get();`;
  const { code, output } = await run(process.execPath, ['-e', program], {
    timeoutMs: LOAD_TIMEOUT_MS,
  });
  return code === 0 ? undefined : output || `exit code ${code}`;
}

async function fetchPrebuilt() {
  const installer = join(ROOT, 'node_modules', 'prebuild-install', 'bin.js');
  const result = await run(process.execPath, [installer], {
    cwd: PACKAGE,
    timeoutMs: PREBUILT_TIMEOUT_MS,
  });
  if (result.code !== 0) say('no prebuilt SQLite addon for this machine, or no way to fetch it');
}

async function compile() {
  const gyp = findNodeGyp();
  if (!gyp) throw new SetupError('Cannot compile the SQLite addon: npm came without node-gyp');
  const nodedir = findHeaders();
  const args = [gyp, 'rebuild', '--release', '--jobs=max'];
  if (nodedir) args.push(`--nodedir=${nodedir}`);
  // Headers that node-gyp must download go into the project, not into a home that may be read-only.
  else args.push(`--devdir=${join(ROOT, 'node_modules', '.cache', 'node-gyp')}`);
  const { npm_config_nodedir: _leftover, ...env } = process.env;
  const result = await run(process.execPath, args, {
    cwd: PACKAGE,
    env,
    timeoutMs: COMPILE_TIMEOUT_MS,
  });
  if (result.code === 0) return;
  throw new SetupError(
    `Cannot compile the SQLite addon: it needs Python 3, make and a C++ compiler${
      nodedir
        ? ''
        : ', and the headers of this Node (package nodejs-dev or libnode-dev), or network'
    }\n${tailOf(result.output)}`,
  );
}

/** The node-gyp that comes with the npm in use. */
function findNodeGyp() {
  const npmCli = process.env.npm_execpath ?? findOnPath('npm');
  const besideNpm = npmCli && join(dirname(npmCli), '..', 'node_modules/node-gyp/bin/node-gyp.js');
  const besideNode = join(
    dirname(realpathSync(process.execPath)),
    '../lib/node_modules/npm/node_modules/node-gyp/bin/node-gyp.js',
  );
  const candidates = [process.env.npm_config_node_gyp, besideNpm, besideNode];
  return candidates.find((path) => path && existsSync(path));
}

/** Folder whose include/node holds the headers of exactly this Node. */
function findHeaders() {
  const besideNode = resolve(dirname(realpathSync(process.execPath)), '..');
  const asConfigured = process.config?.variables?.node_prefix;
  return [besideNode, asConfigured, '/usr', '/usr/local'].find((prefix) => {
    if (!prefix) return false;
    const header = join(prefix, 'include/node/node_version.h');
    return existsSync(header) && versionOf(readFileSync(header, 'utf8')) === process.versions.node;
  });
}

function versionOf(header) {
  const parts = ['MAJOR', 'MINOR', 'PATCH'].map(
    (part) => new RegExp(`#define NODE_${part}_VERSION (\\d+)`).exec(header)?.[1],
  );
  return parts.join('.');
}

function findOnPath(name) {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const path = join(folder, name);
    if (existsSync(path)) return realpathSync(path);
  }
  return undefined;
}
