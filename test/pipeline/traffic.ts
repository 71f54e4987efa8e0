/** Seeded traffic of a small bot, sent through the real ingest pipeline into a real store. */
import { ProxyTracerProvider } from '@opentelemetry/api';
import { createCounters } from '../../src/base/counters.ts';
import { silentLog } from '../../src/base/log.ts';
import { createNormaliser } from '../../src/coze/coze.ts';
import { createFingerprint } from '../../src/pipeline/fingerprint.ts';
import { createIngestPipeline } from '../../src/pipeline/ingest.ts';
import type { IngestRequest } from '../../src/receive/receive.ts';
import type { TelemetryWriter } from '../../src/store/api/telemetry.ts';

export interface TrafficOptions {
  readonly fromUs: number;
  readonly minutes: number;
  readonly requestsPerMinute: number;
  readonly seed: number;
  /** Extra time of the database call, µs. */
  readonly slowDatabaseUs?: number;
  readonly errorRatio?: number;
  readonly service?: string;
  /** A service that calls the bot: a fourth span at the root of each trace. */
  readonly gateway?: string;
}

/** Requests of POST /coze/webhook that call a database: three spans a trace, one body a minute. */
export async function sendTraffic(writer: TelemetryWriter, options: TrafficOptions): Promise<void> {
  const nowUs = options.fromUs + options.minutes * 60_000_000;
  const pipeline = createIngestPipeline({
    writer,
    normaliser: createNormaliser({ userIds: 'keep', userIdKey: 'test' }),
    fingerprint: createFingerprint('00'.repeat(32)),
    clock: { nowUs: () => nowUs },
    counters: createCounters(),
    log: silentLog,
    tracer: new ProxyTracerProvider().getTracer('test'),
    bodyBytesMax: 64 * 1024 * 1024,
  });
  const random = createRandom(options.seed);
  const replies = Array.from({ length: options.minutes }, (_, minute) =>
    pipeline.submit(minuteOf(options.fromUs + minute * 60_000_000, { options, random })),
  );
  for (const reply of await Promise.all(replies)) {
    if (reply.kind !== 'stored' || reply.rejectedCount > 0) throw new Error(JSON.stringify(reply));
  }
}

function minuteOf(
  fromUs: number,
  { options, random }: { readonly options: TrafficOptions; readonly random: () => number },
): IngestRequest {
  const traces = Array.from({ length: options.requestsPerMinute }, () =>
    traceOf(fromUs + Math.floor(random() * 59_000_000), { options, random }),
  );
  const resourceSpans = (service: string, spans: readonly unknown[]) => ({
    resource: { attributes: [{ key: 'service.name', value: { stringValue: service } }] },
    scopeSpans: [{ spans }],
  });
  const content = {
    resourceSpans: [
      resourceSpans(
        options.service ?? 'coze-bot-7',
        traces.flatMap(({ spans }) => spans),
      ),
      ...(options.gateway === undefined
        ? []
        : [
            resourceSpans(
              options.gateway,
              traces.map(({ call }) => call),
            ),
          ]),
    ],
  };
  const body = new TextEncoder().encode(JSON.stringify(content));
  return { signal: 'traces', encoding: 'json', compression: '', body };
}

function traceOf(
  startUs: number,
  { options, random }: { readonly options: TrafficOptions; readonly random: () => number },
) {
  const noise = () => Math.exp(0.3 * (random() + random() + random() - 1.5));
  const hex = (digits: number) =>
    Array.from({ length: digits }, () => Math.floor(random() * 16).toString(16)).join('');
  const traceId = hex(32);
  const ids = [hex(16), hex(16), hex(16), hex(16)];
  const databaseUs = Math.round(8000 * noise()) + (options.slowDatabaseUs ?? 0);
  const llmUs = Math.round(60_000 * noise());
  const ownUs = Math.round(10_000 * noise());
  const isFailed = random() < (options.errorRatio ?? 0);
  const span = (
    index: number,
    name: string,
    item: { kind: number; atUs: number; lengthUs: number; attributes: Record<string, string> },
  ) => ({
    traceId,
    spanId: ids[index],
    ...(index === 1 || index === 2 ? { parentSpanId: ids[0] } : {}),
    ...(index === 0 && options.gateway !== undefined ? { parentSpanId: ids[3] } : {}),
    name,
    kind: item.kind,
    startTimeUnixNano: `${startUs + item.atUs}000`,
    endTimeUnixNano: `${startUs + item.atUs + item.lengthUs}000`,
    attributes: Object.entries(item.attributes).map(([key, stringValue]) => ({
      key,
      value: { stringValue },
    })),
    ...(isFailed && index === 0 ? { status: { code: 2, message: 'failed' } } : {}),
  });
  const spans = [
    span(0, 'POST /coze/webhook', {
      kind: 2,
      atUs: 0,
      lengthUs: ownUs + databaseUs + llmUs,
      attributes: { 'coze.bot.id': '7', 'http.route': '/coze/webhook' },
    }),
    span(1, 'SELECT sessions', {
      kind: 3,
      atUs: ownUs >> 1,
      lengthUs: databaseUs,
      attributes: { 'db.system.name': 'postgresql', 'server.address': 'sessions-db' },
    }),
    span(2, 'chat doubao-pro', {
      kind: 3,
      atUs: (ownUs >> 1) + databaseUs,
      lengthUs: llmUs,
      attributes: { 'gen_ai.operation.name': 'chat', 'gen_ai.request.model': 'doubao-pro' },
    }),
  ];
  const call = span(3, 'POST /gateway', {
    kind: 2,
    atUs: -1000,
    lengthUs: ownUs + databaseUs + llmUs + 2000,
    attributes: {},
  });
  return { spans, call };
}

function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
