/** How many spans a second decodeTraces() reads on one core; for scripts/fuzz-otlp.mjs --speed. */
import { SpanColumns } from '../../src/model/columns.ts';
import { StringDictionary } from '../../src/model/dictionary.ts';
import { decodeTraces } from '../../src/otlp/otlp.ts';
import { encodeMessage, messageType, REQUEST_TYPES } from './otlp-schema.ts';
import { NOW_US, Random } from './random-request.ts';

const SPANS_PER_REQUEST = 512;
const REQUESTS_PER_GROUP = 16;
const GROUP_COUNT = 2;

export interface SpeedResult {
  readonly bytesPerSpan: number;
  /** Of CPU time. */
  readonly spansPerSecond: number;
  /** The general-purpose reader on the same requests: tells how fast the machine is. */
  readonly protobufjsSpansPerSecond: number;
}

/** Best of several rounds: other work on the machine only ever makes it slower. */
export function measureDecodeSpeed(roundCount: number): SpeedResult {
  const random = new Random(1);
  const groups = Array.from({ length: GROUP_COUNT }, (_, group) =>
    Array.from({ length: REQUESTS_PER_GROUP }, (_, request) =>
      requestOf(random, group * REQUESTS_PER_GROUP + request),
    ),
  );
  const bodies = groups.flat();
  const spanCount = bodies.length * SPANS_PER_REQUEST;
  const ours = () => {
    for (const group of groups) {
      const into = new SpanColumns(new StringDictionary());
      for (const body of group) decodeTraces(body, into, { encoding: 'protobuf', nowUs: NOW_US });
    }
  };
  const type = messageType(REQUEST_TYPES.traces);
  const theirs = () => {
    for (const body of bodies) type.decode(body);
  };
  return {
    bytesPerSpan: Math.round(bodies.reduce((sum, body) => sum + body.length, 0) / spanCount),
    spansPerSecond: bestRate(ours, { spanCount, roundCount }),
    protobufjsSpansPerSecond: bestRate(theirs, {
      spanCount,
      roundCount: Math.ceil(roundCount / 4),
    }),
  };
}

function bestRate(
  run: () => void,
  { spanCount, roundCount }: { spanCount: number; roundCount: number },
): number {
  let best = 0;
  for (let round = 0; round < roundCount; round++) {
    const before = process.cpuUsage();
    run();
    const { user, system } = process.cpuUsage(before);
    best = Math.max(best, (spanCount * 1e6) / (user + system));
  }
  return Math.round(best);
}

/** Traces of eight spans with ten attributes each. */
function requestOf(random: Random, requestIndex: number): Uint8Array {
  const text = (stringValue: string) => ({ stringValue });
  const spans = Array.from({ length: SPANS_PER_REQUEST }, (_, index) => {
    const startNs = 1_700_000_000_000_000_000n + BigInt(requestIndex * 512 + index) * 1_000_003n;
    return {
      traceId: random.bytes(16),
      spanId: random.bytes(8),
      parentSpanId: random.bytes(8),
      name: `operation-${index % 20}`,
      kind: 1 + (index % 5),
      startTimeUnixNano: String(startNs),
      endTimeUnixNano: String(startNs + BigInt(1000 * index + 17)),
      attributes: [
        { key: 'http.request.method', value: text('GET') },
        { key: 'http.route', value: text(`/api/v1/chat/${index % 30}`) },
        { key: 'http.response.status_code', value: { intValue: '200' } },
        { key: 'server.address', value: text('api.example.com') },
        { key: 'server.port', value: { intValue: '443' } },
        { key: 'bot.id', value: text(`bot-${index % 100}`) },
        { key: 'conversation.id', value: text(`conversation-${requestIndex}-${index >> 3}`) },
        { key: 'gen_ai.request.model', value: text('doubao-pro-32k') },
        { key: 'gen_ai.usage.input_tokens', value: { intValue: String(index * 7) } },
        { key: 'cache.ratio', value: { doubleValue: index / 3 } },
      ],
      status: {},
      flags: 257,
    };
  });
  const resource = { attributes: [{ key: 'service.name', value: text('bot-gateway') }] };
  return encodeMessage(REQUEST_TYPES.traces, {
    resourceSpans: [{ resource, scopeSpans: [{ scope: { name: 'lib' }, spans }] }],
  });
}
