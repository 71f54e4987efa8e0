/**
 * A group that touches several days is several transactions. While they are under way this mark names the group
 * and its days, so that a writer that starts after a crash knows what to take back. On the disk before the first
 * of the transactions, removed after the last.
 */
import fs from 'node:fs';
import path from 'node:path';
import { makeDirectory, syncDirectory } from '../../base/directory.ts';
import { type Day, telemetryDirectory } from './day-file.ts';
import { attempt } from './sqlite.ts';

export interface GroupMark {
  readonly groupId: string;
  readonly days: readonly Day[];
}

export interface MarkOptions {
  readonly dataDir: string;
  readonly durability: 'disk' | 'process';
}

export function writeGroupMark(mark: GroupMark, options: MarkOptions): void {
  const file = markPath(options.dataDir);
  attempt(`write ${file}`, () => {
    makeDirectory(path.dirname(file));
    const handle = fs.openSync(file, 'w');
    try {
      // Whole: a single write() of a nearly full disk may end early without an error.
      fs.writeFileSync(handle, JSON.stringify(mark));
      if (options.durability === 'disk') fs.fsyncSync(handle);
    } finally {
      fs.closeSync(handle);
    }
    if (options.durability === 'disk') syncDirectory(path.dirname(file));
  });
}

/** Undefined when no group was under way; a mark that is cut short was not on the disk before any row. */
export function loadGroupMark(dataDir: string): GroupMark | undefined {
  const file = markPath(dataDir);
  return attempt(`read ${file}`, () => {
    if (!fs.existsSync(file)) return undefined;
    const text = fs.readFileSync(file, 'utf8');
    try {
      return JSON.parse(text) as GroupMark; // only writeGroupMark makes this file
    } catch {
      return undefined;
    }
  });
}

/** A mark that came back after a power cut would be of a group whose commits are long forgotten. */
export function removeGroupMark(options: MarkOptions): void {
  const file = markPath(options.dataDir);
  attempt(`remove ${file}`, () => {
    fs.rmSync(file, { force: true });
    if (options.durability === 'disk') syncDirectory(path.dirname(file));
  });
}

function markPath(dataDir: string): string {
  return path.join(telemetryDirectory(dataDir), 'unfinished-group.json');
}
