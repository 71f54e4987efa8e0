/** Packages: exact versions, a reason for each in docs/dependencies.md, a lock file that `npm ci` takes anywhere. */
import { describe, expect, test } from 'vitest';
import { ROOMS } from './floors.ts';
import { importsOf, listFiles, packageOf, readText } from './tree.ts';

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly scripts?: Readonly<Record<string, string>>;
}

interface LockEntry {
  readonly version?: string;
  readonly resolved?: string;
  readonly link?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const MANIFESTS = ['package.json', 'examples/node-bot/package.json'];
const lock = JSON.parse(readText('package-lock.json')) as {
  readonly packages: Readonly<Record<string, LockEntry>>;
};
const dependenciesPage = readText('docs/dependencies.md');

function manifestOf(path: string): Manifest {
  return JSON.parse(readText(path)) as Manifest;
}

describe.each(MANIFESTS)('%s', (path) => {
  const { dependencies = {}, devDependencies = {}, scripts = {} } = manifestOf(path);
  const all = { ...dependencies, ...devDependencies };

  test('names exact versions', () => {
    const loose = Object.entries(all).filter(
      ([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version),
    );
    expect(loose, `edit ${path}: write the version without ^ or ~`).toEqual([]);
  });

  test('agrees with package-lock.json', () => {
    const wrong = Object.entries(all).filter(([name, version]) => {
      const places = [
        `${path.replace(/package\.json$/, '')}node_modules/${name}`,
        `node_modules/${name}`,
      ];
      const locked = places
        .map((place) => lock.packages[place])
        .find((entry) => entry !== undefined);
      return locked?.version !== version;
    });
    expect(wrong, 'run `npm install`, then `node scripts/complete-lock.mjs`').toEqual([]);
  });

  test('has a line in docs/dependencies.md for each package', () => {
    const missing = Object.keys(all).filter(
      (name) => !dependenciesPage.includes(`| \`${name}\` |`),
    );
    expect(
      missing,
      'edit docs/dependencies.md: what it saves, where it may be used, how to leave',
    ).toEqual([]);
  });

  test('runs nothing when it is installed', () => {
    const hooks = Object.keys(scripts).filter((name) =>
      /^(pre|post)?install$|^prepare$/.test(name),
    );
    expect(hooks).toEqual([]);
  });
});

test('docs/dependencies.md lists no package that is gone', () => {
  const known = new Set(
    MANIFESTS.flatMap((path) => {
      const { dependencies = {}, devDependencies = {} } = manifestOf(path);
      return [...Object.keys(dependencies), ...Object.keys(devDependencies)];
    }),
  );
  const listed = [...dependenciesPage.matchAll(/^\| `([^`]+)` \|/gm)].map(([, name]) => name!);
  expect(
    listed.filter((name) => !known.has(name)),
    'edit docs/dependencies.md',
  ).toEqual([]);
});

test('package-lock.json describes the packages of every platform', () => {
  const missing = Object.entries(lock.packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter(
      (name) =>
        !lock.packages[`node_modules/${name}`] && !lock.packages[`${path}/node_modules/${name}`],
    ),
  );
  expect(missing, 'run `node scripts/complete-lock.mjs`').toEqual([]);
});

test('package-lock.json names no registry', () => {
  const resolved = Object.values(lock.packages).filter((entry) => !entry.link && entry.resolved);
  expect(resolved, 'run npm with --omit-lockfile-registry-resolved').toEqual([]);
});

test('src imports only packages that package.json lists as dependencies', () => {
  const { dependencies = {} } = manifestOf('package.json');
  const imported = new Set(
    listFiles('src', ['.ts']).flatMap((file) => importsOf(file).map(({ from }) => packageOf(from))),
  );
  const missing = [...imported].filter((name) => name !== undefined && !(name in dependencies));
  expect(missing, 'edit package.json: move the package to dependencies').toEqual([]);
  const allowed = new Set(ROOMS.flatMap(({ packages }) => packages));
  const idle = Object.keys(dependencies).filter((name) => !allowed.has(name));
  expect(
    idle,
    'edit package.json: remove the package, or give it a room in test/house/floors.ts',
  ).toEqual([]);
});
