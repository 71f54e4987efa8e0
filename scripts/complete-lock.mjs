/**
 * Completes package-lock.json: a registry that carries only some platforms makes npm leave the other platforms'
 * optional packages out of the lock file, and `npm ci` then refuses it. Run it after `npm install`; a test says when.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { ROOT } from './setup-process.mjs';

const SYSTEMS = ['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'win32'];
const PROCESSORS = ['arm64', 'arm', 'ia32', 'ppc64', 'riscv64', 's390x', 'x64'];

/** Optional packages that an entry names and the lock file does not describe: path in the lock → entry. */
export function findMissing(lock) {
  const missing = new Map();
  for (const [path, entry] of Object.entries(lock.packages)) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      const places = [`node_modules/${name}`, `${path}/node_modules/${name}`];
      if (places.some((place) => place in lock.packages)) continue;
      missing.set(places[0], entryOf({ name, version, parent: entry }));
    }
  }
  return missing;
}

/** Without an integrity: npm gets the package by name and exact version where the platform matches. */
function entryOf({ name, version, parent }) {
  const words = name.split('/').at(-1).split('-');
  const os = SYSTEMS.find((system) => words.includes(system));
  const cpu = PROCESSORS.find((processor) => words.includes(processor));
  if (!os || !cpu || !/^\d/.test(version)) {
    throw new Error(`Cannot tell the platform of "${name}@${version}": extend complete-lock.mjs`);
  }
  const isMusl = words.some((word) => word.startsWith('musl'));
  return {
    version,
    cpu: [cpu],
    ...(parent.dev ? { dev: true } : {}),
    ...(os === 'linux' ? { libc: [isMusl ? 'musl' : 'glibc'] } : {}),
    optional: true,
    os: [os],
  };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const path = `${ROOT}/package-lock.json`;
  const lock = JSON.parse(readFileSync(path, 'utf8'));
  const missing = findMissing(lock);
  const packages = { ...lock.packages, ...Object.fromEntries(missing) };
  const sorted = Object.entries(packages).sort(([a], [b]) => a.localeCompare(b, 'en'));
  lock.packages = Object.fromEntries(sorted);
  writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
  console.log(`${missing.size} entries added`);
}
