/** Profiles of a period out of a store: by time, service and bound. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { LIMITS } from '../../src/base/limits.ts';
import { US_PER_HOUR } from '../../src/base/time.ts';
import { StringDictionary } from '../../src/model/dictionary.ts';
import type { RawProfiles } from '../../src/model/profiles.ts';
import { readProfilesOf } from '../../src/pipeline/profile-window.ts';
import { openTelemetryReader, openTelemetryWriter } from '../../src/store/open.ts';
import { profilesRequest } from '../build/profiles.ts';
import { buildSpanTable } from '../build/span-table.ts';
import { emptyGroup, hashOf, NOON_US } from '../store/generate.ts';

let dataDir: string;
const RANGE = { fromUs: NOON_US, toUs: NOON_US + 1_000_000 };

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'taproot-profile-window-'));
});

afterEach(() => {
  rmSync(dataDir, { recursive: true });
});

function store(all: readonly RawProfiles[], firstHash = 1): void {
  const writer = openTelemetryWriter({ dataDir, durability: 'process' });
  const none = [0, 0] as const;
  const requests = all.map((profiles, index) => ({
    hash: hashOf(index + firstHash),
    ...{ spans: none, logs: none, points: none, profiles },
  }));
  writer.write({ ...emptyGroup(), requests });
  writer.close();
}

function sent(service: string, fromUs: number, receivedUs = fromUs + 100): RawProfiles {
  const request = profilesRequest([{ service, fromUs, self: { work: 3 } }]);
  const body = new TextEncoder().encode(JSON.stringify(request));
  return { receivedUs, count: 1, services: [service], encoding: 'json', body };
}

function read(services: readonly string[] = [], without: readonly (typeof RANGE)[] = []) {
  const telemetry = openTelemetryReader({ dataDir });
  const spans = buildSpanTable(
    new StringDictionary(),
    services.map((service, index) => ({
      ...{ trace: String(index + 1).padStart(32, '0'), id: 'root', service, operation: 'GET /' },
      ...{ startUs: NOON_US, durationUs: 5 },
    })),
  );
  const found = readProfilesOf({ range: RANGE, without }, { telemetry, spans });
  telemetry.close();
  return found;
}

const namesOf = ({ profiles }: ReturnType<typeof read>) =>
  profiles.map(({ service, fromUs }) => [service, fromUs - NOON_US]);

it('readProfilesOf() keeps to the period by the time of recording, in order of it', () => {
  store([
    sent('bot', NOON_US + 800_000, NOON_US + 2_000_000),
    sent('bot', NOON_US + 10),
    sent('bot', NOON_US - 10),
    sent('bot', RANGE.toUs),
    sent('bot', NOON_US + 500_000),
  ]);
  const hole = { fromUs: NOON_US + 400_000, toUs: NOON_US + 600_000 };
  expect(namesOf(read([], [hole]))).toEqual([
    ['bot', 10],
    ['bot', 800_000],
  ]);
});

it('readProfilesOf() reads services that have spans, and all when there are no spans', () => {
  store([sent('bot', NOON_US + 1), sent('plugin', NOON_US + 2)]);
  expect(namesOf(read(['plugin', 'other']))).toEqual([['plugin', 2]]);
  expect(namesOf(read())).toHaveLength(2);
});

it('readProfilesOf() finds what was imported later', () => {
  store([sent('bot', NOON_US + 1, NOON_US + 30 * US_PER_HOUR)]);
  expect(namesOf(read())).toEqual([['bot', 1]]);
});

it('readProfilesOf() says that there are more than it reads', () => {
  const body = new TextEncoder().encode('{}');
  const one = { receivedUs: NOON_US, count: 1, services: ['bot'], encoding: 'json', body } as const;
  store(Array.from({ length: LIMITS.analysisProfileRequestsMax }, () => one));
  expect(read()).toEqual({ profiles: [], areProfilesCut: false });
  store([sent('bot', NOON_US + 1)], 5000);
  expect(read()).toEqual({ profiles: [], areProfilesCut: true });
});

it('readProfilesOf() leaves out what it cannot read and says so', () => {
  const broken = { ...sent('bot', NOON_US), body: Uint8Array.of(1, 2) };
  store([broken, sent('bot', NOON_US + 7)]);
  expect(read()).toMatchObject({ profiles: [{ fromUs: NOON_US + 7 }], areProfilesCut: true });
});
