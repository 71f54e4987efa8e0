/** Compiles the TypeScript and the WebAssembly kernel to dist/, only when a source changed since the last build that passed. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, run, SetupError, step, tailOf } from './setup-process.mjs';

const STAMP = join(ROOT, 'dist', '.build-stamp');
const SOURCES = ['src', 'test', 'examples/node-bot/src'];
const SINGLE_SOURCES = [
  'tsconfig.json',
  'package-lock.json',
  'scripts/build-kernel.mjs',
  'src/otlp/span-kernel.as',
];
const BUILD_TIMEOUT_MS = 5 * 60_000;

/** True when it had to build. */
export async function ensureBuild() {
  const wanted = fingerprint();
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === wanted) return false;
  await step('building (tsc)', build);
  await step('building (WebAssembly kernel)', buildKernel);
  writeFileSync(STAMP, wanted);
  return true;
}

async function build() {
  const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  const result = await run(process.execPath, [compiler, '-p', 'tsconfig.json'], {
    timeoutMs: BUILD_TIMEOUT_MS,
  });
  if (result.code === 0) return;
  throw new SetupError(`Cannot build: the compiler found faults\n${tailOf(result.output)}`);
}

async function buildKernel() {
  const script = join(ROOT, 'scripts', 'build-kernel.mjs');
  const result = await run(process.execPath, [script], { timeoutMs: BUILD_TIMEOUT_MS });
  if (result.code === 0) return;
  throw new SetupError(`Cannot build the WebAssembly kernel:\n${tailOf(result.output)}`);
}

/** Name, size and time of every source: enough to notice a change, without reading them. */
function fingerprint() {
  const hash = createHash('sha256').update(process.version);
  const files = [...SOURCES.flatMap((folder) => listFiles(folder)), ...SINGLE_SOURCES];
  for (const file of files) {
    const { size, mtimeMs } = statSync(join(ROOT, file));
    hash.update(`${file}\0${size}\0${mtimeMs}\n`);
  }
  return hash.digest('hex');
}

function listFiles(folder) {
  if (!existsSync(join(ROOT, folder))) return [];
  const entries = readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length + 1))
    .sort();
}
