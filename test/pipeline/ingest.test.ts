import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { ProxyTracerProvider, type Tracer } from '@opentelemetry/api';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Counters, createCounters } from '../../src/base/counters.ts';
import { AppError } from '../../src/base/errors.ts';
import { LIMITS } from '../../src/base/limits.ts';
import { silentLog } from '../../src/base/log.ts';
import { US_PER_DAY } from '../../src/base/time.ts';
import { createNormaliser, type Normaliser } from '../../src/coze/coze.ts';
import type { RawProfiles } from '../../src/model/profiles.ts';
import type { Signal } from '../../src/model/vocabulary.ts';
import { createDeadLetters } from '../../src/pipeline/dead-letter.ts';
import { type DeadLetter, visitDeadLetters } from '../../src/pipeline/dead-letter-file.ts';
import { createFingerprint } from '../../src/pipeline/fingerprint.ts';
import {
  createIngestPipeline,
  type IngestDependencies,
  type IngestPipeline,
} from '../../src/pipeline/ingest.ts';
import type { IngestRequest } from '../../src/receive/receive.ts';
import type {
  IngestGroup,
  TelemetryReader,
  TelemetryWriter,
} from '../../src/store/api/telemetry.ts';
import { openTelemetryReader, openTelemetryWriter } from '../../src/store/open.ts';

const NOW_US = 1_790_000_000_000_000;
const RANGE = { fromUs: NOW_US - 3_600_000_000, toUs: NOW_US + 1 };

let dataDir: string;
let writer: TelemetryWriter;
let reader: TelemetryReader;
let counters: Counters;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'taproot-ingest-'));
  writer = openTelemetryWriter({ dataDir, durability: 'process' });
  reader = openTelemetryReader({ dataDir });
  counters = createCounters();
});

afterEach(() => {
  reader.close();
  writer.close();
  rmSync(dataDir, { recursive: true });
});

function pipelineOver(
  target: TelemetryWriter,
  options: Partial<IngestDependencies> = {},
): IngestPipeline {
  return createIngestPipeline({
    writer: target,
    normaliser: createNormaliser({ userIds: 'keep', userIdKey: 'test' }),
    fingerprint: createFingerprint('00'.repeat(32)),
    clock: { nowUs: () => NOW_US },
    counters,
    log: silentLog,
    tracer: new ProxyTracerProvider().getTracer('test'),
    bodyBytesMax: 1024 * 1024,
    ...options,
  });
}

/** A JSON request with one span per name. */
function traceRequest(names: readonly string[], service = 'bot'): IngestRequest {
  const spans = names.map((name, index) => ({
    traceId: '0af7651916cd43dd8448eb211c80319c',
    spanId: (index + 1).toString(16).padStart(16, '0'),
    name,
    kind: 2,
    startTimeUnixNano: String(BigInt(NOW_US - 1_000_000) * 1000n + BigInt(index)),
    endTimeUnixNano: String(BigInt(NOW_US) * 1000n),
  }));
  return jsonRequest('traces', {
    resourceSpans: [
      {
        resource: { attributes: [{ key: 'service.name', value: { stringValue: service } }] },
        scopeSpans: [{ spans }],
      },
    ],
  });
}

/** A JSON request with one span with one attribute. */
function requestWith(name: string, attribute: string): IngestRequest {
  const content = decodeJson(traceRequest([name]));
  const text = JSON.stringify(content).replace(
    '"kind":2',
    `"kind":2,"attributes":[{"key":"${attribute}","value":{"stringValue":"of ${name}"}}]`,
  );
  return jsonRequest('traces', JSON.parse(text));
}

/** A bot's request: a webhook that calls a model. */
function botRequest(bot: string, trace = 1): IngestRequest {
  const content = JSON.stringify(decodeJson(traceRequest(['webhook', 'chat'])));
  const attributes = (entries: Readonly<Record<string, string>>) =>
    JSON.stringify(
      Object.entries(entries).map(([key, value]) => ({ key, value: { stringValue: value } })),
    );
  const receive = attributes({ 'coze.stage': 'receive', 'coze.bot.id': bot });
  const llm = attributes({ 'coze.stage': 'llm' });
  const text = content
    .replaceAll('0af7651916cd43dd8448eb211c80319c', `${bot.repeat(31)}${trace}`)
    .replace('"kind":2', `"kind":2,"attributes":${receive}`)
    .replace(
      /"kind":2,"start/g,
      `"kind":3,"parentSpanId":"${'1'.padStart(16, '0')}","attributes":${llm},"start`,
    );
  return jsonRequest('traces', JSON.parse(text));
}

/** A JSON request with a span on each of so many days, the first of them so many days ago. */
function requestOfDays(count: number, firstDaysAgo: number): IngestRequest {
  const spans = Array.from({ length: count }, (_, index) => {
    const timeUs = NOW_US - (firstDaysAgo - index) * US_PER_DAY;
    return {
      traceId: '0af7651916cd43dd8448eb211c80319c',
      spanId: (index + 1).toString(16).padStart(16, '0'),
      name: 'old',
      startTimeUnixNano: String(BigInt(timeUs) * 1000n),
      endTimeUnixNano: String(BigInt(timeUs) * 1000n),
    };
  });
  return jsonRequest('traces', { resourceSpans: [{ scopeSpans: [{ spans }] }] });
}

function jsonRequest(signal: Signal, content: unknown): IngestRequest {
  const body = new TextEncoder().encode(JSON.stringify(content));
  return { signal, encoding: 'json', compression: '', body };
}

function decodeJson({ body }: { readonly body: Uint8Array }): Record<string, unknown> {
  return JSON.parse(new TextDecoder().decode(body)) as Record<string, unknown>; // made by jsonRequest()
}

function storedNames(): string[] {
  const names: string[] = [];
  reader.scanSpans({ range: RANGE, sections: [] }, (columns, rows) => {
    for (const row of rows) names.push(columns.strings.text(columns.name[row]!));
    return undefined;
  });
  return names.sort();
}

function counterOf(name: string): number {
  return counters
    .snapshot()
    .filter((sample) => sample.name === name)
    .reduce((sum, { value }) => sum + value, 0);
}

/** Whether a request of the group, not another one of its columns, holds a span of the name. */
function hasSpan({ spans, requests }: IngestGroup, name: string): boolean {
  const id = spans.strings.find(name);
  return requests.some(({ spans: [from, to] }) => spans.name.subarray(from, to).includes(id ?? -1));
}

/** The real writer, with one method replaced. */
function failingWriter(write: (group: IngestGroup) => void): TelemetryWriter {
  return {
    write,
    findAnswer: (hash) => writer.findAnswer(hash),
    loadTemplates: () => writer.loadTemplates(),
    unreadableDays: () => writer.unreadableDays(),
    checkpoint: () => writer.checkpoint(),
    retain: (bounds) => writer.retain(bounds),
    close: () => writer.close(),
  };
}

describe('createIngestPipeline()', () => {
  it('answers stored once the rows can be read', async () => {
    const reply = await pipelineOver(writer).submit(traceRequest(['a', 'b']));
    expect(reply).toEqual({ kind: 'stored', rejectedCount: 0, message: '' });
    expect(storedNames()).toEqual(['a', 'b']);
  });

  it('stores requests that come together in one commit, each with its own verdict', async () => {
    const pipeline = pipelineOver(writer);
    const bad = jsonRequest('traces', { resourceSpans: 'no list' });
    const replies = await Promise.all([
      pipeline.submit(traceRequest(['a'])),
      pipeline.submit(bad),
      pipeline.submit(traceRequest(['b'])),
    ]);
    expect(replies.map(({ kind }) => kind)).toEqual(['stored', 'refused', 'stored']);
    expect(replies[1]).toMatchObject({ code: 'otlp.malformed' });
    expect(storedNames()).toEqual(['a', 'b']);
    expect(counterOf('taproot_ingest_commits_total')).toBe(1);
  });

  it('inflates gzip, and refuses what is larger than the limit after it', async () => {
    const pipeline = pipelineOver(writer);
    const plain = traceRequest(['a']);
    const small = { ...plain, compression: 'gzip', body: new Uint8Array(gzipSync(plain.body)) };
    const bomb = {
      ...plain,
      compression: 'gzip',
      body: new Uint8Array(gzipSync(new Uint8Array(8 * 1024 * 1024))),
    };
    await expect(pipeline.submit(small)).resolves.toMatchObject({ kind: 'stored' });
    await expect(pipeline.submit(bomb)).resolves.toMatchObject({
      kind: 'refused',
      code: 'otlp.too_large',
    });
    expect(storedNames()).toEqual(['a']);
  });

  it('stores the same bytes once: in one group, in later groups, and after a restart', async () => {
    const pipeline = pipelineOver(writer);
    const twins = await Promise.all([
      pipeline.submit(traceRequest(['a'])),
      pipeline.submit(traceRequest(['a'])),
    ]);
    expect(twins.every(({ kind }) => kind === 'stored')).toBe(true);
    await pipeline.submit(traceRequest(['a']));
    writer.close();
    writer = openTelemetryWriter({ dataDir, durability: 'process' });
    await expect(pipelineOver(writer).submit(traceRequest(['a']))).resolves.toMatchObject({
      kind: 'stored',
    });
    expect(storedNames()).toEqual(['a']);
    expect(counterOf('taproot_ingest_resent_total')).toBe(3);
  });

  it('a poison request fails alone: its neighbours of the group are stored', async () => {
    const poisoned = failingWriter((group) => {
      if (hasSpan(group, 'poison')) {
        throw new AppError('store.rejected', 'Cannot store: poison');
      }
      writer.write(group);
    });
    const pipeline = pipelineOver(poisoned);
    const replies = await Promise.all([
      pipeline.submit(traceRequest(['a'])),
      pipeline.submit(traceRequest(['poison'])),
      pipeline.submit(traceRequest(['b'])),
    ]);
    expect(replies.map(({ kind }) => kind)).toEqual(['stored', 'refused', 'stored']);
    expect(replies[1]).toMatchObject({ code: 'store.rejected' });
    expect(storedNames()).toEqual(['a', 'b']);
  });

  it('keeps a poison request as a dead letter, once, and tells its sender not to repeat it', async () => {
    const poisoned = failingWriter((group) => {
      if (hasSpan(group, 'poison')) throw new RangeError('too odd');
      writer.write(group);
    });
    const deadLetters = createDeadLetters({
      dataDir,
      clock: { nowUs: () => NOW_US },
      counters,
      log: silentLog,
    });
    const pipeline = pipelineOver(poisoned, { deadLetters });
    const poison = traceRequest(['poison']);
    const replies = await Promise.all([
      pipeline.submit(traceRequest(['a'])),
      pipeline.submit(poison),
      pipeline.submit(traceRequest(['b'])),
    ]);
    const again = await pipeline.submit(poison);
    expect(replies.map(({ kind }) => kind)).toEqual(['stored', 'refused', 'stored']);
    expect(replies[1]).toMatchObject({ code: 'ingest.dead_lettered' });
    expect(again).toEqual(replies[1]);
    expect(storedNames()).toEqual(['a', 'b']);
    const kept: DeadLetter[] = [];
    expect(visitDeadLetters(dataDir, (letter) => kept.push(letter))).toEqual([]);
    expect(kept).toHaveLength(1);
    expect(kept[0]).toMatchObject({ signal: 'traces', encoding: 'json' });
    expect(decodeJson(kept[0]!)).toEqual(decodeJson(poison));
    expect(kept[0]!.reason).toContain('too odd');
  });

  it('a request that cannot be normalised fails alone, and leaves nothing of itself in the others', async () => {
    const normaliser = createNormaliser({ userIds: 'keep', userIdKey: 'test' });
    const poisoned: Normaliser = {
      ...normaliser,
      normaliseSpans(columns, from, to) {
        normaliser.normaliseSpans(columns, from, to);
        const poison = columns.strings.find('poison') ?? -1;
        if (columns.name.subarray(from, to).includes(poison)) throw new RangeError('too odd');
      },
    };
    const pipeline = pipelineOver(writer, { normaliser: poisoned });
    const names = ['a', 'poison', 'b', 'c'];
    const replies = await Promise.all(
      names.map((name) => pipeline.submit(traceRequest([name], `bot-${name}`))),
    );
    expect(replies.map(({ kind }) => kind)).toEqual(['stored', 'refused', 'stored', 'stored']);
    expect(storedNames()).toEqual(['a', 'b', 'c']);
    const alone = pipelineOver(writer, { normaliser });
    await alone.submit(traceRequest(['d'], 'bot-d'));
    const tallies = reader.readTallies({ range: RANGE });
    expect(tallies.map(({ endpoint, count }) => [endpoint.service, count]).sort()).toEqual([
      ['bot-a', 1],
      ['bot-b', 1],
      ['bot-c', 1],
      ['bot-d', 1],
    ]);
  });

  it('slices and times of stages are stored once, also of a group that is tried again', async () => {
    const clock = { us: NOW_US + 60_000_000, nowUs: () => clock.us };
    const poisoned = failingWriter((group) => {
      if (hasSpan(group, 'poison')) throw new AppError('store.rejected', 'Cannot store: poison');
      writer.write(group);
    });
    const startUs = NOW_US - 60_000_000;
    clock.us = startUs;
    const pipeline = pipelineOver(poisoned, { clock });
    clock.us = NOW_US;
    await Promise.all([
      pipeline.submit(botRequest('a')),
      pipeline.submit(traceRequest(['poison'])),
      pipeline.submit(botRequest('b')),
    ]);
    clock.us += LIMITS.stageTimesSettleUs;
    // what is known by now is not lost with a group that fails
    await pipeline.submit(traceRequest(['poison', 'again']));
    await pipeline.submit(botRequest('a', 2));
    const counted = reader
      .readTallies({ range: RANGE, slices: true })
      .flatMap(({ endpoint: { slice, measure }, count }) =>
        slice ? [`${measure ?? 'duration'} ${slice.value} ${count}`] : [],
      );
    expect(counted.sort()).toEqual([
      'duration a 2', // the first try of the group has seen that there are two
      'duration b 1',
      'duration llm 3',
      'duration receive 3',
      'gap llm 2',
      'self llm 2',
      'self receive 2',
    ]);
  });

  it('a request that was stored before leaves nothing in a group whose normalising fails', async () => {
    const normaliser = createNormaliser({ userIds: 'keep', userIdKey: 'test' });
    const poisoned: Normaliser = {
      ...normaliser,
      normaliseSpans(columns, from, to) {
        const poison = columns.strings.find('poison') ?? -1;
        if (columns.name.subarray(from, to).includes(poison)) throw new RangeError('too odd');
        normaliser.normaliseSpans(columns, from, to);
      },
    };
    const pipeline = pipelineOver(writer, { normaliser: poisoned });
    const submitAll = (requests: readonly IngestRequest[]) =>
      Promise.all(requests.map((request) => pipeline.submit(request)));
    await submitAll(['x', 'y', 'again'].map((name) => traceRequest([name])));
    await submitAll([
      requestWith('a', 'bot_id'),
      traceRequest(['poison']),
      traceRequest(['again']),
      requestWith('b', 'conversation_id'),
    ]);
    const derived: string[] = [];
    reader.scanSpans({ range: RANGE, sections: ['attributes'] }, (columns, rows) => {
      const { strings, name, derivedEnd } = columns;
      for (const row of rows) {
        for (let at = derivedEnd[row - 1] ?? 0; at < derivedEnd[row]!; at++) {
          const { keys, values } = columns.derived;
          const pair = `${strings.text(keys[at]!)}=${strings.text(values[at]!)}`;
          derived.push(`${strings.text(name[row]!)}: ${pair}`);
        }
      }
      return undefined;
    });
    expect(derived).toContain('a: coze.bot.id=of a');
    expect(derived).toContain('b: gen_ai.conversation.id=of b');
  });

  it('refuses a request of more days than it may touch, and stores nothing of it', async () => {
    const { requestDaysMax } = LIMITS;
    const groups: IngestGroup[] = [];
    const pipeline = pipelineOver(failingWriter((group) => groups.push(group)));
    const replies = await Promise.all([
      pipeline.submit(requestOfDays(requestDaysMax + 1, 3000)),
      pipeline.submit(requestOfDays(requestDaysMax, 2000)),
    ]);
    expect(replies).toMatchObject([
      { kind: 'refused', code: 'otlp.too_large' },
      { kind: 'stored', rejectedCount: 0 },
    ]);
    expect(groups.map(({ spans }) => spans.resources.length)).toEqual([1]);
    expect(groups.map(({ requests }) => requests.map(({ spans }) => spans))).toEqual([
      [[0, requestDaysMax]],
    ]);
  });

  it('commits a group that touches many days, however few rows it holds', async () => {
    const groups: IngestGroup[] = [];
    const pipeline = pipelineOver(
      failingWriter((group) => groups.push(group)),
      { isTimed: false },
    );
    const half = LIMITS.groupDaysMax / 2;
    const first = pipeline.submit(requestOfDays(half, 2000));
    expect(groups).toHaveLength(0);
    const second = pipeline.submit(requestOfDays(half, 1000));
    expect(groups).toHaveLength(1);
    await Promise.all([first, second]);
  });

  it('finds one poison request among many in few commits', async () => {
    let writes = 0;
    const poisoned = failingWriter((group) => {
      writes++;
      if (hasSpan(group, 'poison')) throw new RangeError('poison');
      writer.write(group);
    });
    const pipeline = pipelineOver(poisoned);
    const names = Array.from({ length: 128 }, (_, index) =>
      index === 77 ? 'poison' : `n${index}`,
    );
    const replies = await Promise.all(names.map((name) => pipeline.submit(traceRequest([name]))));
    expect(replies.map(({ kind }) => kind === 'stored')).toEqual(names.map((n) => n !== 'poison'));
    expect(storedNames()).toHaveLength(127);
    // The group, and two halves on each of log2(128) levels.
    expect(writes).toBe(1 + 2 * 7);
  });

  it('commits a group whose bodies grow large, however few rows they hold', async () => {
    const pipeline = pipelineOver(writer);
    const padding = 'x'.repeat(1000 * 1024);
    const requests = Array.from({ length: 80 }, (_, index) => {
      const content = { ...decodeJson(traceRequest([`n${index}`])), unknownField: padding };
      const { body, ...rest } = jsonRequest('traces', content);
      return { ...rest, compression: 'gzip', body: new Uint8Array(gzipSync(body)) };
    });
    const replies = await Promise.all(requests.map((request) => pipeline.submit(request)));
    expect(replies.every(({ kind }) => kind === 'stored')).toBe(true);
    // 80 bodies of 1000 KiB; a group takes bodies until it has 32 MiB.
    expect(counterOf('taproot_ingest_commits_total')).toBe(3);
  });

  it('a full disk refuses the whole group for now, and the same requests are stored later', async () => {
    let isFull = true;
    const disk = failingWriter((group) => {
      if (isFull) throw new AppError('store.unavailable', 'Cannot write: no space left');
      writer.write(group);
    });
    const pipeline = pipelineOver(disk);
    const refused = await Promise.all([
      pipeline.submit(traceRequest(['a'])),
      pipeline.submit(traceRequest(['b'])),
    ]);
    expect(refused.map((reply) => reply.kind === 'refused' && reply.code)).toEqual([
      'store.unavailable',
      'store.unavailable',
    ]);
    isFull = false;
    await pipeline.submit(traceRequest(['a']));
    expect(storedNames()).toEqual(['a']);
  });

  it('announces the templates of a failed commit again', async () => {
    let failures = 1;
    const flaky = failingWriter((group) => {
      if (failures-- > 0) throw new AppError('store.unavailable', 'Cannot write: busy');
      writer.write(group);
    });
    const pipeline = pipelineOver(flaky);
    const logs = (text: string) =>
      jsonRequest('logs', {
        resourceLogs: [
          {
            resource: { attributes: [{ key: 'service.name', value: { stringValue: 'bot' } }] },
            scopeLogs: [
              {
                logRecords: [
                  { timeUnixNano: String(BigInt(NOW_US) * 1000n), body: { stringValue: text } },
                ],
              },
            ],
          },
        ],
      });
    await pipeline.submit(logs('cannot reach 10.0.0.1'));
    await pipeline.submit(logs('cannot reach 10.0.0.2'));
    const templates = reader.listTemplates({});
    expect(templates).toHaveLength(1);
    expect(templates[0]!.text).toContain('cannot reach');
  });

  it('says how many items of a request it left out, and why', async () => {
    const request = jsonRequest('traces', {
      resourceSpans: [
        {
          scopeSpans: [
            {
              spans: [
                {
                  traceId: '0'.repeat(32),
                  spanId: '1'.repeat(16),
                  name: 'zero',
                  startTimeUnixNano: '1',
                },
              ],
            },
          ],
        },
      ],
    });
    const reply = await pipelineOver(writer).submit(request);
    expect(reply).toMatchObject({ kind: 'stored', rejectedCount: 1 });
    expect(reply.message).not.toBe('');
    expect(counterOf('taproot_ingest_rejected_rows_total')).toBe(1);
  });

  it('answers the same bytes the same way, also after a restart', async () => {
    const good = decodeJson(traceRequest(['good', 'bad']));
    const text = JSON.stringify(good).replace('0000000000000002', '0000000000000000');
    const request = () => jsonRequest('traces', JSON.parse(text));
    const pipeline = pipelineOver(writer);
    const first = await pipeline.submit(request());
    expect(first).toMatchObject({ kind: 'stored', rejectedCount: 1 });
    expect(await pipeline.submit(request())).toEqual(first);
    writer.close();
    writer = openTelemetryWriter({ dataDir, durability: 'process' });
    expect(await pipelineOver(writer).submit(request())).toEqual(first);
    expect(storedNames()).toEqual(['good']);
  });

  it('traces commits, but not those that carry spans of its own', async () => {
    const started: string[] = [];
    const inner = new ProxyTracerProvider().getTracer('test');
    const tracer: Tracer = {
      startSpan: (name, ...rest) => {
        started.push(name);
        return inner.startSpan(name, ...rest);
      },
      startActiveSpan: inner.startActiveSpan.bind(inner),
    };
    const pipeline = pipelineOver(writer, { tracer });
    await pipeline.submit(traceRequest(['theirs']));
    await pipeline.submit(traceRequest(['ours'], 'taproot'));
    expect(started).toEqual(['ingest.commit']);
    expect(storedNames()).toEqual(['ours', 'theirs']);
  });
});

describe('profiles', () => {
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'bot' } }] };
  const content = {
    resourceProfiles: [{ resource, scopeProfiles: [{ profiles: [{}, {}] }] }],
    dictionary: { stringTable: ['', 'cpu'] },
  };

  function storedProfiles(): RawProfiles[] {
    const found: RawProfiles[] = [];
    reader.scanProfiles({ range: RANGE }, (profiles) => {
      found.push(profiles);
      return undefined;
    });
    return found;
  }

  it('are kept as they came, inflated, in the group of the others', async () => {
    const pipeline = pipelineOver(writer, { isTimed: false });
    const request = jsonRequest('profiles', content);
    const replies = [
      pipeline.submit(traceRequest(['a'])),
      pipeline.submit({ ...request, compression: 'gzip', body: gzipSync(request.body) }),
    ];
    pipeline.flush();
    for (const reply of await Promise.all(replies)) {
      expect(reply).toEqual({ kind: 'stored', rejectedCount: 0, message: '' });
    }
    const { body } = request;
    expect(storedProfiles()).toEqual([
      { receivedUs: NOW_US, count: 2, services: ['bot'], encoding: 'json', body },
    ]);
    expect(storedNames()).toEqual(['a']);
    expect(counterOf('taproot_ingest_commits_total')).toBe(1);
    expect(counterOf('taproot_ingest_rows_total')).toBe(3);
  });

  it('are stored once when they are sent twice', async () => {
    const pipeline = pipelineOver(writer, { isTimed: false });
    for (let time = 0; time < 2; time++) {
      const reply = pipeline.submit(jsonRequest('profiles', content));
      pipeline.flush();
      await expect(reply).resolves.toMatchObject({ kind: 'stored' });
    }
    expect(storedProfiles()).toHaveLength(1);
    expect(counterOf('taproot_ingest_resent_total')).toBe(1);
  });

  it('of an empty request leave nothing behind', async () => {
    const pipeline = pipelineOver(writer, { isTimed: false });
    const reply = pipeline.submit(jsonRequest('profiles', {}));
    pipeline.flush();
    await expect(reply).resolves.toEqual({ kind: 'stored', rejectedCount: 0, message: '' });
    expect(storedProfiles()).toEqual([]);
  });

  it('that are malformed are refused', async () => {
    const pipeline = pipelineOver(writer, { isTimed: false });
    const reply = pipeline.submit(jsonRequest('profiles', { resourceProfiles: 7 }));
    await expect(reply).resolves.toMatchObject({ kind: 'refused', code: 'otlp.malformed' });
  });
});
