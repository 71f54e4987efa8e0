/**
 * The programs that some end-to-end tests need and npm does not bring. A test whose part is missing says
 * `test.skipIf(!findPart('go'))`; where parts are required (TAPROOT_REQUIRE_PARTS=1, as in CI) it fails instead.
 */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { environment } from '../../src/config/environment.ts';

export type PartName = 'chromium' | 'prometheus' | 'prometheus-alertmanager' | 'go' | 'gcc';

/** Names of the program, Debian's first, and folders to look in beside PATH. */
const PARTS: Readonly<
  Record<
    PartName,
    {
      readonly programs: readonly string[];
      readonly folders: readonly string[];
      readonly remedy: string;
    }
  >
> = {
  chromium: {
    programs: ['chromium', 'chromium-browser', 'google-chrome'],
    folders: ['/usr/bin'],
    remedy: 'apt-get install chromium',
  },
  prometheus: {
    programs: ['prometheus'],
    folders: ['/usr/bin'],
    remedy: 'apt-get install prometheus',
  },
  'prometheus-alertmanager': {
    programs: ['prometheus-alertmanager', 'alertmanager'],
    folders: ['/usr/bin'],
    remedy: 'apt-get install prometheus-alertmanager',
  },
  go: {
    programs: ['go'],
    folders: ['/usr/local/go/bin', '/usr/bin', '/usr/lib/go/bin'],
    remedy: 'apt-get install golang, or https://go.dev/dl',
  },
  gcc: {
    programs: ['gcc'],
    folders: ['/usr/bin'],
    remedy: 'apt-get install gcc',
  },
};

/** Path of the program, or undefined; throws when it is missing and parts are required. */
export function findPart(name: PartName): string | undefined {
  const path = tryFindPart(name);
  if (path === undefined && environment()['TAPROOT_REQUIRE_PARTS'] === '1') {
    throw new Error(`Cannot find ${name}, which this test needs: ${PARTS[name].remedy}`);
  }
  return path;
}

export function listMissingParts(): readonly {
  readonly name: PartName;
  readonly remedy: string;
}[] {
  const names = Object.keys(PARTS) as PartName[];
  return names
    .filter((name) => tryFindPart(name) === undefined)
    .map((name) => ({ name, remedy: PARTS[name].remedy }));
}

function tryFindPart(name: PartName): string | undefined {
  const { programs, folders } = PARTS[name];
  const searched = [...(environment()['PATH'] ?? '').split(delimiter), ...folders];
  for (const program of programs) {
    const folder = searched.find((candidate) => isExecutable(join(candidate, program)));
    if (folder !== undefined) return join(folder, program);
  }
  return undefined;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
