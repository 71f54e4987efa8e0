/** A clock that jumps between two runs of the writer: requests of the last minutes are known all the same. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { US_PER_HOUR, US_PER_MINUTE } from '../../../src/base/time.ts';
import { openSqliteWriter } from '../../../src/store/sqlite/writer.ts';
import { hashOf } from '../generate.ts';
import { killGroup } from '../kill-group.ts';

const START_US = Date.now() * 1000;

let dataDir: string;

beforeEach(() => {
  dataDir = fs.mkdtempSync(path.join(os.tmpdir(), 'taproot-clock-'));
});

afterEach(() => {
  fs.rmSync(dataDir, { recursive: true });
});

function openAt(nowUs: number) {
  const clock = { nowUs: () => nowUs };
  return openSqliteWriter({ dataDir, durability: 'process', clock });
}

function writeAt(nowUs: number, requests: readonly number[]): void {
  const writer = openAt(nowUs);
  for (const request of requests) writer.write(killGroup(request));
  writer.close();
}

it.each([
  { what: 'forward', jumpUs: US_PER_HOUR },
  { what: 'back', jumpUs: -US_PER_HOUR },
])('a request that is sent again after the clock jumped $what an hour is known', ({ jumpUs }) => {
  writeAt(START_US, [1]);
  const writer = openAt(START_US + jumpUs);
  expect(writer.findAnswer(hashOf(1))).toBeDefined();
  writer.write(killGroup(2));
  writer.close();
  const again = openAt(START_US + jumpUs);
  expect(again.findAnswer(hashOf(2))).toBeDefined();
  again.close();
});

it('a request long before the last commit is forgotten at a start', () => {
  writeAt(START_US, [1]);
  writeAt(START_US + 11 * US_PER_MINUTE, [2]);
  const writer = openAt(START_US + 12 * US_PER_MINUTE);
  expect([1, 2].map((request) => writer.findAnswer(hashOf(request)) !== undefined)).toEqual([
    false,
    true,
  ]);
  writer.close();
});
