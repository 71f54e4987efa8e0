/** A sender that invents names without end: memory is bounded, what is too much is counted together, and it passes. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/base/limits.ts';
import { US_PER_MINUTE } from '../../src/base/time.ts';
import { LogColumns, SpanColumns, VALUE_TYPE } from '../../src/model/columns.ts';
import { StringDictionary } from '../../src/model/dictionary.ts';
import { OVERFLOW_OPERATION } from '../../src/model/tally.ts';
import { TallyBuilder } from '../../src/tally/tally.ts';
import { OVERFLOW_TEMPLATE, TemplateMiner, templateIdOf } from '../../src/tally/template.ts';

const T0 = 1_800_000_000_000_000;
const MIB = 1024 * 1024;
const GROUP_ROWS = 8192;
/** Enough to reach every bound. */
const WARM_UP_COUNT = 110_000;
const HOSTILE_COUNT = 90_000;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void; // what the flag makes

function memoryBytes(): number {
  collectGarbage();
  // Buffers are freed beside the program; the next collection waits for that.
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** A word without digits, another for each number. */
function wordOf(number: number): string {
  const letters = 'abcdefghijklmnopqrstuvwxyz';
  return number < 26 ? letters[number]! : wordOf(Math.floor(number / 26)) + letters[number % 26];
}

interface Names {
  readonly service: string;
  readonly text: string;
  readonly bot?: string;
}

function logsOf(rows: readonly Names[], timeUs = T0): LogColumns {
  const columns = new LogColumns(new StringDictionary());
  for (const { service, text } of rows) {
    const row = columns.addRow();
    columns.service[row] = columns.strings.idOfString(service);
    columns.bodyType[row] = VALUE_TYPE.string;
    columns.bodyValue[row] = columns.strings.idOfString(text);
    columns.timeUs[row] = timeUs;
    columns.endRow(row);
  }
  return columns;
}

function spansOf(rows: readonly Names[]): SpanColumns {
  const columns = new SpanColumns(new StringDictionary());
  for (const { service, text, bot } of rows) {
    const row = columns.addRow();
    columns.service[row] = columns.strings.idOfString(service);
    columns.name[row] = columns.strings.idOfString(text);
    columns.startUs[row] = T0;
    if (bot !== undefined) {
      const value = columns.strings.idOfString(bot);
      columns.attributes.push(columns.strings.idOfString('coze.bot.id'), VALUE_TYPE.string, value);
    }
    columns.endRow(row);
  }
  return columns;
}

/** Bytes in use after a warm-up of invented rows, and after many more. */
function measureGrowth(
  invented: { readonly make: (index: number) => Names; readonly share?: number },
  feed: (rows: readonly Names[]) => void,
) {
  const { make, share = 1 } = invented;
  let index = 0;
  const feedUntil = (end: number): number => {
    while (index < end) {
      feed(Array.from({ length: GROUP_ROWS }, () => make(index++)));
    }
    return memoryBytes();
  };
  const emptyBytes = memoryBytes();
  const warmBytes = feedUntil(share * WARM_UP_COUNT);
  return {
    usedBytes: warmBytes - emptyBytes,
    grownBytes: feedUntil(share * (WARM_UP_COUNT + HOSTILE_COUNT)) - warmBytes,
  };
}

const LONG_TAIL = 'xxxxxx ';

describe('memory', () => {
  test.each([
    {
      caption: 'short lines',
      make: (index: number) => ({
        service: `s${index % 200}`,
        text: `${wordOf(index)} ${wordOf(7 * index)}`,
      }),
      usedMiBMax: 110,
      grownMiBMax: 15,
    },
    {
      caption: 'lines of 90 words',
      make: (index: number) => ({
        service: `s${index % 200}`,
        text: `${wordOf(index)}${LONG_TAIL}`.repeat(90),
      }),
      share: 0.15,
      usedMiBMax: 200,
      // the pool of remembered lines is full or just emptied: 16 MiB, and 8 MiB while it grows
      grownMiBMax: 30,
    },
    {
      caption: 'services',
      make: (index: number) => ({ service: `s${index}`, text: 'pool full' }),
      usedMiBMax: 30,
      grownMiBMax: 10,
    },
  ])(
    'of log templates is bounded with invented $caption',
    ({ usedMiBMax, grownMiBMax, ...invented }) => {
      const miner = new TemplateMiner([]);
      const { usedBytes, grownBytes } = measureGrowth(invented, (rows) => {
        const logs = logsOf(rows);
        miner.assign(logs, 0, logs.count);
        miner.takeNew();
      });
      expect(usedBytes / MIB).toBeLessThan(usedMiBMax);
      expect(grownBytes / MIB).toBeLessThan(grownMiBMax);
      expect(miner.overflowCount + miner.serviceOverflowCount).toBeGreaterThan(
        (invented.share ?? 1) * HOSTILE_COUNT,
      );
    },
    60_000,
  );

  test.each([
    {
      caption: 'names',
      make: (index: number) => ({ service: 'bot', text: `GET /user/${index}` }),
    },
    { caption: 'services', make: (index: number) => ({ service: `s${index}`, text: 'GET /' }) },
  ])(
    'of endpoints is bounded with invented $caption',
    (invented) => {
      const tally = new TallyBuilder();
      const { usedBytes, grownBytes } = measureGrowth(invented, (rows) => {
        const spans = spansOf(rows);
        tally.addSpans(spans, 0, spans.count);
        tally.take();
      });
      expect(usedBytes / MIB).toBeLessThan(20);
      expect(grownBytes / MIB).toBeLessThan(10);
      expect(tally.overflowCount).toBeGreaterThan(HOSTILE_COUNT);
    },
    60_000,
  );

  test('of slices is bounded with invented bots of many services', () => {
    const tally = new TallyBuilder();
    const make = (index: number) => ({
      service: `s${index % 50}`,
      text: 'POST /',
      bot: `b${index}`,
    });
    const { usedBytes, grownBytes } = measureGrowth({ make }, (rows) => {
      const spans = spansOf(rows);
      tally.addSpans(spans, 0, spans.count);
      tally.take();
    });
    expect(usedBytes / MIB).toBeLessThan(20);
    expect(grownBytes / MIB).toBeLessThan(10);
    expect(tally.sliceOverflowCount).toBeGreaterThan(HOSTILE_COUNT);
  }, 60_000);

  test('of log tallies is bounded with invented services', () => {
    const tally = new TallyBuilder();
    const make = (index: number) => ({ service: `s${index}`, text: 'x' });
    const { usedBytes, grownBytes } = measureGrowth({ make }, (rows) => {
      const logs = logsOf(rows);
      tally.addLogs(logs, 0, logs.count);
      tally.take();
    });
    expect(usedBytes / MIB).toBeLessThan(20);
    expect(grownBytes / MIB).toBeLessThan(10);
    expect(tally.serviceOverflowCount).toBeGreaterThan(HOSTILE_COUNT);
  }, 60_000);
});

describe('what was too much leaves the overflow', () => {
  test('an operation, once others were not seen for an hour', () => {
    const clock = { us: T0, nowUs: () => clock.us };
    const builder = new TallyBuilder({ clock });
    const count = (rows: readonly Names[]) => {
      const spans = spansOf(rows);
      builder.addSpans(spans, 0, spans.count);
      return builder.take().tallies.map(({ endpoint }) => endpoint.operation);
    };
    const invented = Array.from({ length: LIMITS.endpointsMax }, (_, index) => ({
      service: 'bot',
      text: `GET /user/${index}`,
    }));
    const kept = invented.slice(0, 1);
    const late = [{ service: 'bot', text: 'POST /pay' }];
    count(invented);
    expect(count(late)).toEqual([OVERFLOW_OPERATION]);

    clock.us += LIMITS.endpointIdleUs - US_PER_MINUTE;
    count(kept);
    expect(count(late)).toEqual([OVERFLOW_OPERATION]);

    clock.us += US_PER_MINUTE;
    expect(count(late)).toEqual([OVERFLOW_OPERATION]); // asks for room, which is made behind the group
    expect(count(late)).toEqual(['POST /pay']);
    expect(count(kept)).toEqual(['GET /user/0']);
    // of 20 000 only two are known now: all others find room
    expect(count(invented.slice(1)).filter((name) => name === OVERFLOW_OPERATION)).toHaveLength(1);
    expect(builder.overflowCount).toBe(4);
  });

  test('a service, for log lines', () => {
    const clock = { us: T0, nowUs: () => clock.us };
    const builder = new TallyBuilder({ clock });
    const count = (rows: readonly Names[]) => {
      const logs = logsOf(rows);
      builder.addLogs(logs, 0, logs.count);
      return builder.take().templateTallies.map(({ service }) => service);
    };
    count(Array.from({ length: LIMITS.servicesMax }, (_, i) => ({ service: `s${i}`, text: 'x' })));
    const late = [{ service: 'bot', text: 'x' }];
    expect(count(late)).toEqual([OVERFLOW_OPERATION]);
    clock.us += LIMITS.endpointIdleUs;
    expect(count(late)).toEqual(['bot']);
    expect(builder.serviceOverflowCount).toBe(1);
  });

  test('a line, once other templates of its service were not seen for a day', () => {
    const clock = { us: T0, nowUs: () => clock.us };
    const miner = new TemplateMiner([], { clock });
    const assign = (rows: readonly Names[]) => {
      const logs = logsOf(rows);
      miner.assign(logs, 0, logs.count);
      return [...logs.template.subarray(0, logs.count)].map((id) => logs.strings.text(id));
    };
    const invented = Array.from({ length: LIMITS.templatesPerServiceMax }, (_, index) => ({
      service: 'bot',
      text: `made up ${wordOf(index)}`,
    }));
    const kept = invented.slice(0, 1);
    const late = [{ service: 'bot', text: 'pool full' }];
    const known = assign(invented);
    expect(assign(late)).toEqual([templateIdOf('bot', OVERFLOW_TEMPLATE)]);

    clock.us += LIMITS.templateIdleUs - US_PER_MINUTE;
    assign(kept);
    assign(late);
    clock.us += 30 * US_PER_MINUTE;
    const asked = [{ service: 'bot', text: 'disk full' }];
    expect(assign(asked)).toEqual([templateIdOf('bot', 'disk full')]);
    expect(assign(late)).toEqual([templateIdOf('bot', 'pool full')]);
    expect(assign(kept)).toEqual(known.slice(0, 1));
    expect(miner.templateCount).toBe(4); // with the overflow template, which was seen a moment ago
    // three of the thousand stand in its place now
    expect(assign(invented).slice(0, -2)).toEqual(known.slice(0, -2));
  });
});
