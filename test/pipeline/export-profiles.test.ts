/** Profiles out of a store: as they came, JSON on one line, by time of receipt and service. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { TimeRange } from '../../src/base/time.ts';
import { exportProfiles } from '../../src/pipeline/export-profiles.ts';
import { openTelemetryReader, openTelemetryWriter } from '../../src/store/open.ts';
import { DAY_START_US, emptyGroup, hashOf, NOON_US } from '../store/generate.ts';

let dataDir: string;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'taproot-export-profiles-'));
  const writer = openTelemetryWriter({ dataDir, durability: 'process' });
  const none = [0, 0] as const;
  const sent = [
    { encoding: 'json', services: ['bot'], text: '{\r\n"resourceProfiles":\n[]}' },
    { encoding: 'protobuf', services: ['plugin'], text: 'a\nb' },
    { encoding: 'protobuf', services: ['bot', 'plugin'], text: 'c' },
  ] as const;
  const requests = sent.map(({ text, encoding, services }, index) => {
    const body = new Uint8Array(Buffer.from(text));
    const receivedUs = NOON_US + index;
    const profiles = { receivedUs, count: index + 1, services, encoding, body };
    return { hash: hashOf(index + 1), spans: none, logs: none, points: none, profiles };
  });
  writer.write({ ...emptyGroup(), requests });
  writer.close();
});

afterEach(() => {
  rmSync(dataDir, { recursive: true });
});

function exported(range: TimeRange, services?: readonly string[]) {
  const reader = openTelemetryReader({ dataDir });
  const texts: string[] = [];
  const emit = (body: Uint8Array) => texts.push(Buffer.from(body).toString());
  const options = { range, emitLine: emit, emitProtobuf: emit };
  const done = exportProfiles(reader, services ? { ...options, services } : options);
  reader.close();
  return { texts, done };
}

it('exportProfiles() gives protobuf byte for byte and JSON on one line', () => {
  const { texts, done } = exported({ fromUs: 0, toUs: Number.MAX_SAFE_INTEGER });
  expect(texts).toEqual(['{  "resourceProfiles": []}', 'a\nb', 'c']);
  expect(done).toEqual({
    json: { profiles: 1, requests: 1 },
    protobuf: { profiles: 5, requests: 2 },
  });
});

it('exportProfiles() keeps to the range and the services', () => {
  const day = { fromUs: DAY_START_US, toUs: NOON_US + 2 };
  expect(exported(day).texts).toHaveLength(2);
  expect(exported(day, ['plugin']).texts).toEqual(['a\nb']);
  expect(exported({ fromUs: NOON_US + 3, toUs: NOON_US + 9 }).texts).toEqual([]);
});
