/**
 * The state that a crash leaves at every stage of a write: copies of the data directory, taken at each mark. A
 * killed process loses nothing that it wrote to a file, so a copy is what the next writer finds.
 */
import { spawnSync } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { STAGE_CHANNEL } from '../../../src/base/stages.ts';
import { openTelemetryReader, openTelemetryWriter } from '../../../src/store/open.ts';
import { hashOf } from '../generate.ts';
import { KILL_SPANS_PER_REQUEST, killGroup, readTallied } from '../kill-group.ts';

let folder: string;
let dataDir: string;

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'taproot-crash-'));
  dataDir = path.join(folder, 'data');
});

afterEach(() => {
  fs.rmSync(folder, { recursive: true });
});

/** Copies by another process: closing a database's file in this one would drop SQLite's locks. */
function copyAtMarks(
  work: () => void,
): readonly { readonly stage: string; readonly dir: string }[] {
  const copies: { stage: string; dir: string }[] = [];
  const copy = (stage: unknown) => {
    const dir = path.join(folder, `copy-${copies.length}`);
    expect(spawnSync('cp', ['-r', dataDir, dir]).status).toBe(0);
    copies.push({ stage: String(stage), dir });
  };
  subscribe(STAGE_CHANNEL, copy);
  try {
    work();
  } finally {
    unsubscribe(STAGE_CHANNEL, copy);
  }
  return copies;
}

function countsOf(dir: string): { readonly rows: number; readonly tallied: readonly number[] } {
  const reader = openTelemetryReader({ dataDir: dir });
  const counts = { rows: reader.stats().spanCount, tallied: readTallied(reader) };
  reader.close();
  return counts;
}

function countsFor(requests: number): object {
  const rows = KILL_SPANS_PER_REQUEST * requests;
  return { rows, tallied: [rows, rows] };
}

describe('a crash while a group of two days is written', () => {
  it('leaves all of it or nothing, and a re-sent group is counted once', () => {
    const writer = openTelemetryWriter({ dataDir, durability: 'process' });
    writer.write(killGroup(1));
    const copies = copyAtMarks(() => writer.write(killGroup(2)));
    writer.close();
    expect(copies.map(({ stage }) => stage)).toEqual([
      'commit',
      'committed',
      'commit',
      'committed',
    ]);
    for (const [index, { dir }] of copies.entries()) {
      const isWhole = index === 3;
      const again = openTelemetryWriter({ dataDir: dir, durability: 'process' });
      expect(countsOf(dir), `copy ${index}`).toEqual(countsFor(isWhole ? 2 : 1));
      expect(again.findAnswer(hashOf(1))).toBeDefined();
      expect(again.findAnswer(hashOf(2)) !== undefined).toBe(isWhole);
      again.write(killGroup(2));
      expect(countsOf(dir), `copy ${index}`).toEqual(countsFor(2));
      again.write(killGroup(3));
      expect(countsOf(dir), `copy ${index}`).toEqual(countsFor(3));
      again.close();
    }
  });

  it('is taken back once, also when the next start is cut short, too', () => {
    const writer = openTelemetryWriter({ dataDir, durability: 'disk' });
    const [, half] = copyAtMarks(() => writer.write(killGroup(1)));
    writer.close();
    const mark = path.join(half!.dir, 'telemetry', 'unfinished-group.json');
    const text = fs.readFileSync(mark);
    openTelemetryWriter({ dataDir: half!.dir, durability: 'disk' }).close();
    expect(fs.existsSync(mark)).toBe(false);
    // The removal of the mark may not have reached the disk.
    fs.writeFileSync(mark, text);
    const again = openTelemetryWriter({ dataDir: half!.dir, durability: 'disk' });
    expect(countsOf(half!.dir)).toEqual(countsFor(0));
    again.write(killGroup(1));
    again.close();
    expect(countsOf(half!.dir)).toEqual(countsFor(1));
    // A mark that is cut short was written before any row.
    fs.writeFileSync(mark, text.subarray(0, 20));
    openTelemetryWriter({ dataDir: half!.dir, durability: 'disk' }).close();
    expect(countsOf(half!.dir)).toEqual(countsFor(1));
  });
});

describe('a request that comes again', () => {
  it('is answered as the first time, also after a restart', () => {
    const answer = { rejectedCount: 2, message: 'Rejected 2 of 42 spans: …' };
    const group = killGroup(1);
    const requests = group.requests.map((request) => ({ ...request, answer }));
    let writer = openTelemetryWriter({ dataDir, durability: 'process' });
    writer.write({ ...group, requests });
    writer.write(killGroup(2));
    expect(writer.findAnswer(hashOf(1))).toEqual(answer);
    writer.close();
    writer = openTelemetryWriter({ dataDir, durability: 'process' });
    expect(writer.findAnswer(hashOf(1))).toEqual(answer);
    expect(writer.findAnswer(hashOf(2))).toEqual({ rejectedCount: 0, message: '' });
    expect(writer.findAnswer(hashOf(3))).toBeUndefined();
    writer.close();
  });
});
