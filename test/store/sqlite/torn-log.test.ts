/** A log that ends anywhere; scripts/torn-log.mjs is the long form, with every byte of its last 64 KiB. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { faultAt, makeOpenStore, type OpenStore } from '../torn-log.ts';

const FRAME_HEADER_BYTES = 24;
const PAGE_BYTES = 8192;
const TAIL_BYTES = 64 * 1024;
const STEP_BYTES = 97;

let folder: string;
let store: OpenStore;

beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'taproot-torn-'));
  store = makeOpenStore(folder);
});

afterAll(() => {
  fs.rmSync(folder, { recursive: true });
});

function faultsAt(cuts: readonly number[]): readonly string[] {
  return cuts.flatMap((cut) => faultAt(store, cut, folder) ?? []);
}

it('a log that is not cut holds all', () => {
  expect(faultsAt([store.log.length])).toEqual([]);
  expect(store.ends.at(-1)).toBe(store.log.length);
  expect(store.log.length).toBeGreaterThan(TAIL_BYTES);
});

it('cut in the header or a first part of the log', () => {
  expect(faultsAt([0, 1, 31, 32, 33, 1000, store.ends[0]! - 1, store.ends[0]!])).toEqual([]);
});

it('cut at every byte around the header of each of its last frames', () => {
  const frameBytes = FRAME_HEADER_BYTES + PAGE_BYTES;
  const cuts: number[] = [];
  for (let end = store.log.length; end > store.log.length - TAIL_BYTES; end -= frameBytes) {
    for (let around = -2; around <= FRAME_HEADER_BYTES + 2; around++) {
      if (end + around <= store.log.length) cuts.push(end + around);
    }
  }
  expect(faultsAt(cuts)).toEqual([]);
}, 60_000);

it('cut at every 97th byte of its last 64 KiB', () => {
  const cuts: number[] = [];
  const first = store.log.length - TAIL_BYTES;
  for (let cut = first; cut < store.log.length; cut += STEP_BYTES) cuts.push(cut);
  expect(faultsAt(cuts)).toEqual([]);
}, 180_000);

it('a commit that is damaged instead of cut takes later ones with it, and no earlier one', () => {
  const end = store.ends[4]!;
  const log = Buffer.from(store.log);
  log[end + 5000]! ^= 0x01;
  const damaged = { ...store, log, ends: store.ends.map((at, index) => (index > 4 ? 1e9 : at)) };
  expect(faultAt(damaged, log.length, folder)).toBeUndefined();
});
