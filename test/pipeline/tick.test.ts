/** Detection: each minute once and in order, whatever the clock, the disk and the process do. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { createCounters } from '../../src/base/counters.ts';
import { silentLog } from '../../src/base/log.ts';
import {
  US_PER_DAY,
  US_PER_HOUR,
  US_PER_MINUTE,
  US_PER_MS,
  US_PER_SECOND,
} from '../../src/base/time.ts';
import type { Anomaly, Incident } from '../../src/model/anomaly.ts';
import type { Silence } from '../../src/model/silence.ts';
import { endpointIdOf, type Tally } from '../../src/model/tally.ts';
import { createSloWatch } from '../../src/pipeline/slo-watch.ts';
import { Detection, msToNextTick } from '../../src/pipeline/tick.ts';
import type { StateStore } from '../../src/store/api/state.ts';
import type { TelemetryReader, TelemetryWriter } from '../../src/store/api/telemetry.ts';
import { openStateStore, openTelemetryReader, openTelemetryWriter } from '../../src/store/open.ts';
import { createMeanWatch, type MeanWatch } from '../build/mean-watch.ts';
import { emptyGroup, withRequest } from '../store/generate.ts';

const NOON_US = Date.UTC(2026, 0, 2, 12) * US_PER_MS;

test.each([
  { what: 'at the start of a minute', nowUs: NOON_US, seconds: 70 },
  { what: 'at the time of a tick', nowUs: NOON_US + 10 * US_PER_SECOND, seconds: 60 },
  { what: 'at the end of a minute', nowUs: NOON_US + 59 * US_PER_SECOND, seconds: 11 },
])('msToNextTick() $what is $seconds s', ({ nowUs, seconds }) => {
  expect(msToNextTick(nowUs)).toBe(1000 * seconds);
});

test('msToNextTick() is never short and never long, wherever the clock jumped to', () => {
  for (let step = -500; step <= 500; step++) {
    const waitMs = msToNextTick(NOON_US + step * 7.3 * US_PER_MINUTE);
    expect(waitMs).toBeGreaterThanOrEqual(10_000);
    expect(waitMs).toBeLessThanOrEqual(70_000);
  }
});

/** A first start learns from the beginning of the day. */
const MIDNIGHT_US = Date.UTC(2026, 0, 2) * US_PER_MS;

let dataDir: string;
let writer: TelemetryWriter;
let telemetry: TelemetryReader;
let state: StateStore;
let watch: MeanWatch;
/** Those that were fed as partial. */
let partialMinutes: number[];
let groupCount = 0;
let silences: readonly Silence[] = [];
let counters: ReturnType<typeof createCounters>;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'taproot-tick-'));
  writer = openTelemetryWriter({ dataDir, durability: 'process' });
  telemetry = openTelemetryReader({ dataDir });
  state = openStateStore({ dataDir });
});

afterEach(() => {
  telemetry.close();
  state.close();
  writer.close();
  rmSync(dataDir, { recursive: true });
});

/** As a process that starts at this minute; what a kill loses is lost. */
function start(
  minute: number,
  options: { readonly version?: number; readonly failAt?: number } = {},
): Detection {
  state.close();
  state = openStateStore({ dataDir });
  counters = createCounters();
  partialMinutes = [];
  return new Detection({
    telemetry,
    state,
    createWatchers: () => {
      const made = createMeanWatch(options);
      watch = made;
      const failing = {
        ...made,
        step: (fed: Parameters<MeanWatch['step']>[0]) => {
          if (fed.isPartial) partialMinutes.push((fed.minuteUs - MIDNIGHT_US) / US_PER_MINUTE);
          if (fed.minuteUs === at(options.failAt ?? Number.NaN)) throw new Error('a bad minute');
          return made.step(fed);
        },
      };
      const list = [{ name: 'mean', feed: 'endpoints', watch: failing } as const];
      return { list, endpoints: failing, slos: createSloWatch([]) };
    },
    listSilences: (endAfterUs) => silences.filter(({ range }) => range.toUs > endAfterUs),
    counters,
    log: silentLog,
    startedUs: at(minute),
  });
}

function at(minute: number): number {
  return MIDNIGHT_US + minute * US_PER_MINUTE;
}

/** Just late enough for all minutes before. */
function tickAt(minute: number): number {
  return at(minute) + 10 * US_PER_SECOND;
}

/** Requests of minutes from `from` on, of one endpoint a service. */
function send(from: number, counts: readonly number[], service = 'bot'): void {
  const endpoint = {
    endpointId: endpointIdOf(service, 'chat'),
    service,
    operation: 'chat',
    stage: 'other',
  } as const;
  const tallies = counts.map(
    (count, index): Tally => ({
      endpoint,
      minuteUs: at(from + index),
      count,
      errorCount: 0,
      sketch: { buckets: [300], counts: [count] },
    }),
  );
  const group = { ...emptyGroup(), tallies: tallies.filter(({ count }) => count > 0) };
  writer.write(withRequest(group, groupCount++));
}

function minutesFed(): readonly number[] {
  return watch.minutesUs.map((minuteUs) => (minuteUs - MIDNIGHT_US) / US_PER_MINUTE);
}

function incidents(): readonly Incident[] {
  return state.listCurrentIncidents(0);
}

function anomalies(): readonly Anomaly[] {
  return state.listAnomalies({ range: { fromUs: 0, toUs: at(10_000) }, limit: 1000 });
}

function rangeOf(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}

const CALM = Array.from({ length: 20 }, () => 10);

describe('a first start', () => {
  it('learns from what is stored, up to the last complete minute', async () => {
    send(0, CALM);
    const detection = start(20);
    await detection.advance(at(20) + 9 * US_PER_SECOND);
    expect(minutesFed()).toEqual(rangeOf(0, 19));
    await detection.advance(tickAt(20));
    expect(minutesFed()).toEqual(rangeOf(0, 20));
    expect(counters.snapshot()).toContainEqual(
      expect.objectContaining({ name: 'taproot_detection_lag_minutes', value: 0 }),
    );
  });

  it('tells of what was open then, and of what was over', async () => {
    send(0, [...CALM, 99, 99, 99, ...CALM, 99, 99]);
    await start(45).advance(tickAt(45));
    expect(incidents()).toMatchObject([
      { status: 'closed', onsetUs: at(20), note: { en: 'All its anomalies have recovered' } },
      { status: 'open', onsetUs: at(43), services: ['bot'], severity: 'warning' },
    ]);
  });

  it('has nothing to do without data, and then begins with the first minute', async () => {
    const detection = start(0);
    await detection.advance(tickAt(0));
    expect(minutesFed()).toEqual([]);
    send(0, [10]);
    await detection.advance(tickAt(1));
    expect(minutesFed()).toEqual([0]);
  });
});

describe('a minute without anything', () => {
  it('is silence while detection runs', async () => {
    send(0, CALM);
    const detection = start(20);
    await detection.advance(tickAt(20));
    await detection.advance(tickAt(21));
    await detection.advance(tickAt(23));
    expect(minutesFed()).toEqual(rangeOf(0, 23));
  });

  it('is a hole while Taproot was down', async () => {
    send(0, CALM);
    send(50, CALM);
    await start(70).advance(tickAt(70));
    expect(minutesFed()).toEqual([...rangeOf(0, 20), ...rangeOf(50, 70)]);
  });

  it('is a hole when the clock has jumped over it', async () => {
    send(0, CALM);
    const detection = start(20);
    await detection.advance(tickAt(20));
    await detection.advance(tickAt(20 + 60));
    expect(minutesFed()).toEqual(rangeOf(0, 20));
  });

  it('is silence of the others when one speaks, also when it is judged late', async () => {
    send(0, CALM);
    send(20, CALM, 'taproot');
    await start(60).advance(tickAt(60));
    expect(minutesFed()).toEqual(rangeOf(0, 40));
  });
});

test('an anomaly is marked while a silence covers it', async () => {
  const silence = { matchers: { service: 'bot' }, comment: '', createdBy: 'li', createdAtUs: 0 };
  silences = [{ ...silence, silenceId: 's1', range: { fromUs: at(22), toUs: at(24) } }];
  send(0, [...CALM, 99, 99, 99, 99, 99, 99]);
  const detection = start(1);
  const marks: (string | undefined)[] = [];
  for (let minute = 22; minute <= 26; minute++) {
    await detection.advance(tickAt(minute));
    marks.push(state.listOpenAnomalies()[0]?.silencedBy);
  }
  silences = [];
  expect(marks).toEqual([undefined, 's1', 's1', undefined, undefined]);
  expect(incidents()).toHaveLength(1);
});

describe('a restart', () => {
  /** Trouble that comes back: one incident, open twice. */
  const COUNTS = [...CALM, 99, 99, 99, 99, 10, 10, 10, 99, 99, 99, 99, 99, 10, 10, 10, 10, 10, 10];

  it.each(['a stop', 'a kill'])('after %s finds what it would have found without', async (how) => {
    send(0, COUNTS);
    const detection = start(1);
    for (let minute = 1; minute <= COUNTS.length; minute++) await detection.advance(tickAt(minute));
    const wanted = { incidents: incidents(), anomalies: anomalies() };
    expect(wanted.incidents).toHaveLength(1);
    const rows = [...watch.state.entries()].map(([name, row]) => [name, [...row]]);
    for (const restart of [1, 13, 21, 22, 24, 26, 28, 35]) {
      rmSync(join(dataDir, 'state.db'));
      const before = start(1);
      for (let minute = 1; minute <= restart; minute++) await before.advance(tickAt(minute));
      if (how === 'a stop') await before.stop();
      const after = start(restart);
      for (let minute = restart; minute <= COUNTS.length; minute++) {
        await after.advance(tickAt(minute));
      }
      expect({ incidents: incidents(), anomalies: anomalies() }, `at ${restart}`).toEqual(wanted);
      expect([...watch.state.entries()].map(([name, row]) => [name, [...row]])).toEqual(rows);
    }
  });

  it('goes on where a stop was, and 10 minutes earlier at most after a kill', async () => {
    send(0, [...CALM, ...CALM]);
    const first = start(1);
    for (let minute = 1; minute <= 25; minute++) await first.advance(tickAt(minute));
    const killed = start(25);
    await killed.advance(tickAt(26));
    expect(minutesFed()).toEqual(rangeOf(20, 26));
    await killed.stop();
    await start(30).advance(tickAt(31));
    expect(minutesFed()).toEqual(rangeOf(26, 31));
  });

  it('judges what came while it was down', async () => {
    send(0, CALM);
    const first = start(20);
    await first.advance(tickAt(20));
    await first.stop();
    send(20, [99, 99, 99, ...CALM]);
    await start(43).advance(tickAt(43));
    expect(incidents()).toMatchObject([{ status: 'closed', onsetUs: at(20) }]);
  });

  it('tells watches of the minutes in which it was down for a part of the time or all', async () => {
    send(0, [...CALM, ...CALM]);
    const first = start(0.5);
    for (const minute of [1, 10, 20]) await first.advance(tickAt(minute));
    expect(partialMinutes).toEqual([]);
    const second = start(23.5);
    for (const minute of [24, 25, 26]) await second.advance(tickAt(minute));
    expect(partialMinutes).toEqual([20, 21, 22, 23]);
  });

  it('of an upgraded watch learns anew, and tells nothing twice', async () => {
    send(0, [...CALM, 99, 99, 99, ...CALM, 99, 99, 99]);
    const first = start(1);
    await first.advance(tickAt(46));
    await first.stop();
    const before = incidents();
    expect(before.map(({ status }) => status)).toEqual(['closed', 'open']);
    const upgraded = start(46, { version: 2 });
    await upgraded.advance(tickAt(46));
    expect(minutesFed()).toEqual(rangeOf(0, 46));
    expect(incidents()).toEqual(before);
    await upgraded.stop();
    await start(46, { version: 2 }).advance(tickAt(46));
    expect(minutesFed()).toEqual([]);
  });

  it('closes what an upgraded watch no longer sees', async () => {
    send(0, [...CALM, 99, 99, 99]);
    const first = start(1);
    await first.advance(tickAt(23));
    await first.stop();
    rmSync(join(dataDir, 'telemetry'), { recursive: true });
    await start(23, { version: 2 }).advance(tickAt(24));
    expect(anomalies()).toMatchObject([{ status: 'closed', end: 'gone' }]);
    expect(incidents()).toMatchObject([{ status: 'closed' }]);
  });

  it('with a chunk that is gone learns anew', async () => {
    send(0, CALM);
    const first = start(20);
    await first.advance(tickAt(20));
    await first.stop();
    const record = state.watches.findRecord('mean')!;
    state.watches.saveRecord({ ...record, chunkCount: 2 });
    await start(20).advance(tickAt(20));
    expect(minutesFed()).toEqual(rangeOf(0, 20));
  });
});

describe('trouble of its own', () => {
  it('a watch that throws loses that minute only', async () => {
    send(0, CALM);
    const detection = start(20, { failAt: 7 });
    await detection.advance(tickAt(20));
    expect(minutesFed()).toEqual([...rangeOf(0, 7), ...rangeOf(8, 20)]);
    expect(counters.snapshot()).toContainEqual(
      expect.objectContaining({ name: 'taproot_watch_failed_total', value: 1 }),
    );
  });

  it('a clock that is set back is followed, and what was learned in the future is left', async () => {
    send(0, CALM);
    const detection = start(20);
    await detection.advance(tickAt(20 + 60));
    await detection.stop();
    const again = start(80);
    await again.advance(tickAt(20));
    expect(minutesFed()).toEqual(rangeOf(0, 20));
    await again.advance(tickAt(20) + US_PER_DAY);
    await again.advance(tickAt(20) + US_PER_HOUR);
    expect(minutesFed()).toEqual(rangeOf(0, 20));
    await again.advance(tickAt(21) + US_PER_HOUR);
    expect(minutesFed()).toEqual([...rangeOf(0, 20), 80]);
  });

  it('a clock that is set back a little is waited for', async () => {
    send(0, CALM);
    const detection = start(20);
    await detection.advance(tickAt(20));
    await detection.advance(tickAt(17));
    await detection.advance(tickAt(21));
    expect(minutesFed()).toEqual(rangeOf(0, 21));
  });
});
