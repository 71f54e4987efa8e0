/** Where this package lies on disk, and its version: sources and compiled files stand at different depths. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface PackageFiles {
  readonly root: string;
  readonly version: string;
  /** Rules that come with Taproot. */
  readonly rulesDir: string;
}

/** Throws when no package.json of ours is above this file: the installation is broken. */
export function findPackage(): PackageFiles {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const path = join(folder, 'package.json');
    if (existsSync(path)) {
      const { version } = JSON.parse(readFileSync(path, 'utf8')) as { version: string }; // our own file
      return { root: folder, version, rulesDir: join(folder, 'rules') };
    }
    if (dirname(folder) === folder) throw new Error('Cannot find package.json above this file');
  }
}
