/**
 * Senders of the kill loop: over OTLP/HTTP and OTLP/gRPC, of all three signals, that keep each request until it is
 * acknowledged and send the same bytes again to whatever service comes up next.
 */
import { createSender, type Sender, type Transport } from '../../src/cli/bench-sender.ts';
import { encodeMessage, REQUEST_TYPES } from '../otlp/otlp-schema.ts';
import { otlpJson } from '../otlp/wire.ts';
import type { Random } from '../store/generate.ts';

export const ROWS_PER_REQUEST = 20;
const NS_PER_MS = 1_000_000n;
const MS_PER_DAY = 86_400_000;
/** Days ago that the first batch of old requests lies: beyond what the service keeps. */
const OLD_DAYS = 30;
/** Words of attributes and log lines. */
const TEXTS = [
  'paid',
  'queued for the kitchen',
  '支付成功',
  'timeout after retry',
  'cache hit',
  '用户取消',
];

const NOTHING = Buffer.alloc(0);

export type Signal = 'traces' | 'logs' | 'metrics';

export interface SentRequest {
  readonly number: number;
  readonly signal: Signal;
  readonly transport: Transport;
  /** Empty once it is acknowledged. */
  readonly body: Buffer;
  /** Spans that the receiver is to leave out. */
  readonly rejectedCount: number;
  /** Its rows lie on two days. */
  readonly isSplit: boolean;
  /** Its rows lie on the day of that batch, which retention removes in time. */
  readonly oldBatch: number | undefined;
}

export interface Traffic {
  /** All requests that were ever sent, by number, and those with an acknowledgement. */
  readonly sent: ReadonlyMap<number, SentRequest>;
  readonly acknowledged: ReadonlySet<number>;
  /** What should never be: a refusal, another answer to the same request. */
  readonly faults: readonly string[];
  /** The batch that new old requests belong to. */
  oldBatch: number;
  /** Sends until nobody answers any more, or until `isOver` and all is acknowledged. */
  run(options: {
    readonly urls: Readonly<Record<Transport, URL>>;
    readonly isOver: () => boolean;
  }): Promise<void>;
  /** The files were made ones of a version that kept no answers: what is sent again may be told of no rejection. */
  forgetAnswers(): void;
}

export function createTraffic(random: Random): Traffic {
  const sent = new Map<number, SentRequest>();
  const acknowledged = new Set<number>();
  const faults: string[] = [];
  /** Sent without an answer, or not yet sent. */
  const waiting: Record<Transport, SentRequest[]> = { http: [], grpc: [] };
  /** Perhaps stored, not answered, when the files lost their answers. */
  const unanswered = new Set<number>();
  let next = 1;

  const forgetAnswers = () => {
    for (const { number } of [...waiting.http, ...waiting.grpc]) unanswered.add(number);
  };

  const traffic: Traffic = { sent, acknowledged, faults, oldBatch: 0, run, forgetAnswers };
  return traffic;

  async function run(options: Parameters<Traffic['run']>[0]): Promise<void> {
    const drivers = (['http', 'grpc'] as const).flatMap((transport) =>
      Array.from({ length: 6 }, () => drive(transport, options)),
    );
    await Promise.all(drivers);
  }

  async function drive(
    transport: Transport,
    { urls, isOver }: Parameters<Traffic['run']>[0],
  ): Promise<void> {
    const senders = new Map<Signal, Sender>();
    const senderOf = (signal: Signal) => {
      const encoding = transport === 'http' ? 'json' : 'protobuf';
      const sender =
        senders.get(signal) ??
        createSender(transport, { url: urls[transport], signal, encoding, isGzip: false });
      senders.set(signal, sender);
      return sender;
    };
    for (;;) {
      const request = waiting[transport].shift() ?? (isOver() ? undefined : fresh(transport));
      if (!request) break;
      const outcome = await senderOf(request.signal).send(request.body);
      if (outcome.kind === 'acknowledged') {
        acknowledged.add(request.number);
        sent.set(request.number, { ...request, body: NOTHING }); // never sent again
        const isForgotten = unanswered.has(request.number) && outcome.rejectedCount === 0;
        if (outcome.rejectedCount !== request.rejectedCount && !isForgotten) {
          faults.push(`request ${request.number}: ${outcome.rejectedCount} rejected`);
        }
        continue;
      }
      waiting[transport].push(request);
      if (outcome.kind === 'refused') faults.push(`request ${request.number}: ${outcome.message}`);
      if (outcome.kind !== 'busy') break;
      await new Promise((resolve) => setTimeout(resolve, outcome.retryAfterMs));
    }
    for (const sender of senders.values()) sender.close();
  }

  function fresh(transport: Transport): SentRequest {
    const request = makeRequest(next++, { random, transport, oldBatch: traffic.oldBatch });
    sent.set(request.number, request);
    return request;
  }
}

export function dayOfBatch(batch: number): string {
  const time = new Date(Date.now() - MS_PER_DAY * (OLD_DAYS + batch));
  return time.toISOString().slice(0, 10).replaceAll('-', '');
}

function makeRequest(
  number: number,
  options: {
    readonly random: Random;
    readonly transport: Transport;
    readonly oldBatch: number;
  },
): SentRequest {
  const { random, transport } = options;
  const signal = random.pick(['traces', 'traces', 'traces', 'logs', 'metrics'] as const);
  const isSplit = random.below(10) === 0;
  const isOld = !isSplit && random.below(20) === 0;
  const rejectedCount = signal === 'traces' && random.below(20) === 0 ? 1 : 0;
  const nowMs = Date.now();
  const midnightMs = nowMs - (nowMs % MS_PER_DAY);
  const timeNs = (row: number) => {
    if (isSplit) return BigInt(midnightMs + row - ROWS_PER_REQUEST / 2) * NS_PER_MS;
    const ageMs = isOld ? MS_PER_DAY * (OLD_DAYS + options.oldBatch) : 0;
    return BigInt(nowMs - ageMs + row) * NS_PER_MS;
  };
  const items = Array.from({ length: ROWS_PER_REQUEST }, (_, row) =>
    itemOf(signal, { number, row, timeNs: timeNs(row), random }),
  );
  if (rejectedCount > 0) items.push({ ...items[0], traceId: new Uint8Array(16) });
  const type = REQUEST_TYPES[signal];
  const message = encodeMessage(type, requestOf(signal, items));
  return {
    number,
    signal,
    transport,
    body: Buffer.from(transport === 'http' ? otlpJson(type, message) : message),
    rejectedCount,
    isSplit,
    oldBatch: isOld ? options.oldBatch : undefined,
  };
}

function requestOf(signal: Signal, items: readonly object[]): object {
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] };
  switch (signal) {
    case 'traces':
      return { resourceSpans: [{ resource, scopeSpans: [{ spans: items }] }] };
    case 'logs':
      return { resourceLogs: [{ resource, scopeLogs: [{ logRecords: items }] }] };
    case 'metrics': {
      const metrics = [{ name: 'queue', gauge: { dataPoints: items } }];
      return { resourceMetrics: [{ resource, scopeMetrics: [{ metrics }] }] };
    }
  }
}

function itemOf(
  signal: Signal,
  item: {
    readonly number: number;
    readonly row: number;
    readonly timeNs: bigint;
    readonly random: Random;
  },
): object {
  const { number, row, random } = item;
  const time = String(item.timeNs);
  const traceId = new Uint8Array(16).fill(1);
  new DataView(traceId.buffer).setUint32(12, number);
  const spanId = new Uint8Array(8).fill(row + 1);
  const text = Array.from({ length: 8 }, () => random.pick(TEXTS) + random.below(1e6)).join(' ');
  const attributes = [{ key: 'note', value: { stringValue: text } }];
  switch (signal) {
    case 'traces':
      return {
        traceId,
        spanId,
        name: `step ${row % 4}`,
        startTimeUnixNano: time,
        endTimeUnixNano: String(item.timeNs + NS_PER_MS),
        attributes,
      };
    case 'logs':
      return {
        traceId,
        spanId,
        timeUnixNano: time,
        severityNumber: 9,
        body: { stringValue: `order ${random.below(1e6)} ${random.pick(TEXTS)}` },
        attributes,
      };
    case 'metrics':
      return { timeUnixNano: time, asDouble: number };
  }
}
