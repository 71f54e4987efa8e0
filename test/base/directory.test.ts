import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { makeDirectory } from '../../src/base/directory.ts';

let folder: string;

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'taproot-directory-'));
});

afterEach(() => {
  fs.rmSync(folder, { recursive: true });
});

/** Directories that were opened meanwhile, which only a sync does. */
function openedBy(work: () => void): readonly string[] {
  const { openSync } = fs;
  const opened: string[] = [];
  Object.assign(fs, {
    openSync: (name: string, flags: string) => {
      opened.push(path.relative(folder, name));
      return openSync(name, flags);
    },
  });
  try {
    work();
  } finally {
    Object.assign(fs, { openSync });
  }
  return opened;
}

it('makeDirectory() syncs the directory above each that it makes', () => {
  const directory = path.join(folder, 'a', 'b');
  expect(openedBy(() => makeDirectory(directory))).toEqual(['a', '']);
  expect(openedBy(() => makeDirectory(directory))).toEqual([]);
  expect(openedBy(() => makeDirectory(path.join(directory, 'c')))).toEqual([path.join('a', 'b')]);
  expect(fs.statSync(path.join(directory, 'c')).isDirectory()).toBe(true);
});

it('makeDirectory() gives the mode that was asked for', () => {
  const directory = path.join(folder, 'private');
  makeDirectory(directory, { mode: 0o700 });
  expect(fs.statSync(directory).mode & 0o777).toBe(0o700);
});
