/** Hostile OTLP/HTTP requests as a table: what is sent, which status it must get, what the answer must say. */
import { deflateSync, gzipSync } from 'node:zlib';
import { encodeMessage } from '../otlp/otlp-schema.ts';

export interface HostileRequest {
  readonly caption: string;
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
  readonly status: number;
  /** What the body of the answer must name; an empty answer is one with nothing to say. */
  readonly says: RegExp;
}

/** Bound that the tests configure: small, so that too large is cheap to make. */
export const BODY_BYTES_MAX = 8 * 1024 * 1024;
export const LOOP_TRACE_ID = '0af7651916cd43dd8448eb211c803101';
export const SELF_TRACE_ID = '0af7651916cd43dd8448eb211c803102';
const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';
const SPAN_ID = 'b7ad6b7169203331';
const JSON_TYPE = { 'content-type': 'application/json' };
const PROTOBUF_TYPE = { 'content-type': 'application/x-protobuf' };
const NOTHING = /^(\{\})?$/;

export function hostileRequests(nowMs: number): readonly HostileRequest[] {
  const at = new Clock(nowMs);
  return [
    ...truncated(at),
    ...wrongTypes(at),
    ...bombs(at),
    ...hugeAttributes(at),
    ...identities(at),
    ...times(at),
    ...loops(at),
    ...texts(at),
    ...numbers(at),
    ...envelopes(at),
  ];
}

/** Nanoseconds since the epoch as OTLP/JSON writes them. */
class Clock {
  private readonly nowMs: number;
  constructor(nowMs: number) {
    this.nowMs = nowMs;
  }
  ns(offsetMs = 0): string {
    return `${BigInt(Math.round(this.nowMs + offsetMs)) * 1_000_000n}`;
  }
}

type Json = Readonly<Record<string, unknown>>;

function spanJson(at: Clock, change: Json = {}): Json {
  return {
    traceId: TRACE_ID,
    spanId: SPAN_ID,
    name: 'hostile',
    kind: 2,
    startTimeUnixNano: at.ns(-100),
    endTimeUnixNano: at.ns(),
    ...change,
  };
}

function tracesJson(...spans: readonly unknown[]): string {
  return JSON.stringify(tracesOf(...spans));
}

function tracesOf(...spans: readonly unknown[]): Json {
  const resource = {
    attributes: [{ key: 'service.name', value: { stringValue: 'hostile' } }],
  };
  return { resourceSpans: [{ resource, scopeSpans: [{ scope: { name: 'hostile' }, spans }] }] };
}

/** A whole, valid request in protobuf, to be cut and bent. */
export function validTraces(nowMs: number): Uint8Array {
  const at = new Clock(nowMs);
  const span = {
    traceId: Buffer.from(TRACE_ID, 'hex'),
    spanId: Buffer.from(SPAN_ID, 'hex'),
    name: 'hostile',
    kind: 2,
    startTimeUnixNano: at.ns(-100),
    endTimeUnixNano: at.ns(),
    attributes: [
      { key: 'text', value: { stringValue: 'value' } },
      { key: 'count', value: { intValue: '42' } },
      { key: 'list', value: { arrayValue: { values: [{ doubleValue: 0.5 }] } } },
    ],
    events: [{ timeUnixNano: at.ns(-50), name: 'event' }],
    status: { code: 2, message: 'failed' },
  };
  return encodeMessage('ExportTraceServiceRequest', tracesOf(span));
}

function truncated(at: Clock): HostileRequest[] {
  const whole = validTraces(Number(BigInt(at.ns()) / 1_000_000n));
  const bad = { headers: PROTOBUF_TYPE, status: 400 };
  const malformed = /Cannot decode traces: .*(past the end|ends inside|wire type|group)/;
  const bent = (index: number, value: number): Uint8Array => {
    const copy = Uint8Array.from(whole);
    copy[index] = value;
    return copy;
  };
  return [
    { ...bad, caption: 'protobuf cut in half', body: cut(whole, 0.5), says: malformed },
    {
      ...bad,
      caption: 'protobuf without its last byte',
      body: whole.slice(0, -1),
      says: malformed,
    },
    { ...bad, caption: 'a tag and nothing else', body: Uint8Array.of(0x0a), says: malformed },
    {
      ...bad,
      caption: 'a length of 2^63',
      body: Uint8Array.of(0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f),
      says: /past the end/,
    },
    {
      ...bad,
      caption: 'a varint of eleven bytes',
      body: Uint8Array.of(0x0a, ...Array.from({ length: 11 }, () => 0xff)),
      says: /varint/,
    },
    {
      ...bad,
      caption: 'a field with another wire type',
      body: Uint8Array.of(0x08, 0x01),
      says: /request\.resource_spans at byte 0 has wire type 0/,
    },
    {
      ...bad,
      caption: 'wire type 7',
      body: Uint8Array.of(0x7f, 0x01),
      says: /wire type 7, which does not exist/,
    },
    {
      ...bad,
      caption: 'a group that never ends',
      body: Uint8Array.of(0x7b),
      says: /Cannot decode traces/,
    },
    {
      ...bad,
      caption: 'a group end alone',
      body: Uint8Array.of(0x7c),
      says: /group that never began/,
    },
    {
      ...bad,
      caption: 'groups 100 000 deep',
      body: new Uint8Array(100_000).fill(0x7b),
      says: /groups deeper than/,
    },
    { ...bad, caption: 'the first length bent', body: bent(1, 0xff), says: /Cannot decode traces/ },
    { ...bad, caption: 'JSON sent as protobuf', body: tracesJson(), says: /Cannot decode traces/ },
    { ...bad, caption: 'text as protobuf', body: 'hello world', says: /Cannot decode traces/ },
  ];
}

function wrongTypes(at: Clock): HostileRequest[] {
  const bad = { headers: JSON_TYPE, status: 400 };
  const span = (change: Json): string => tracesJson(spanJson(at, change));
  return [
    { ...bad, caption: 'protobuf sent as JSON', body: validTraces(Date.now()), says: /JSON/ },
    {
      ...bad,
      caption: 'JSON cut in half',
      body: cut(span({}), 0.5),
      says: /Cannot decode traces: .*JSON/,
    },
    { ...bad, caption: 'an empty body as JSON', body: '', status: 200, says: NOTHING },
    { ...bad, caption: 'a list as the request', body: '[]', says: /not a JSON object/ },
    { ...bad, caption: 'null as the request', body: 'null', says: /not a JSON object/ },
    {
      ...bad,
      caption: 'resourceSpans as an object',
      body: '{"resourceSpans":{}}',
      says: /resourceSpans is an object, not an array/,
    },
    {
      ...bad,
      caption: 'a number among the spans',
      body: tracesJson(7),
      says: /resourceSpans\[0\]\.scopeSpans\[0\]\.spans\[0\] is the number 7, not an object/,
    },
    {
      ...bad,
      caption: 'a name that is a number',
      body: span({ name: 5 }),
      says: /name is the number 5/,
    },
    {
      ...bad,
      caption: 'a kind by its name',
      body: span({ kind: 'SPAN_KIND_SERVER' }),
      says: /kind is the string "SPAN_KIND_SERVER".*integers/,
    },
    {
      ...bad,
      caption: 'a time as text',
      body: span({ startTimeUnixNano: 'yesterday' }),
      says: /startTimeUnixNano is the string "yesterday"/,
    },
    {
      ...bad,
      caption: 'a time of 30 digits',
      body: span({ startTimeUnixNano: '9'.repeat(30) }),
      says: /startTimeUnixNano/,
    },
    {
      ...bad,
      caption: 'a negative time',
      body: span({ startTimeUnixNano: '-1' }),
      says: /startTimeUnixNano is -1, out of the range of uint64/,
    },
    {
      ...bad,
      caption: 'a value of two types',
      body: span({ attributes: [{ key: 'k', value: { stringValue: 'a', intValue: '1' } }] }),
      says: /intValue stands beside stringValue/,
    },
    {
      ...bad,
      caption: 'bytes that are not base64',
      body: span({ attributes: [{ key: 'k', value: { bytesValue: '§§' } }] }),
      says: /bytesValue is not base64/,
    },
  ];
}

function bombs(at: Clock): HostileRequest[] {
  const zeros = new Uint8Array(4 * BODY_BYTES_MAX);
  const deep = 20_000;
  const tooLarge = /limit is 8388608/;
  return [
    {
      caption: 'a gzip bomb',
      headers: { ...PROTOBUF_TYPE, 'content-encoding': 'gzip' },
      body: gzipSync(zeros),
      status: 413,
      says: tooLarge,
    },
    {
      caption: 'a deflate bomb',
      headers: { ...JSON_TYPE, 'content-encoding': 'deflate' },
      body: deflateSync(zeros),
      status: 413,
      says: tooLarge,
    },
    {
      caption: 'a body over the limit',
      headers: PROTOBUF_TYPE,
      body: new Uint8Array(BODY_BYTES_MAX + 1),
      status: 413,
      says: tooLarge,
    },
    {
      caption: 'gzip that is none',
      headers: { ...PROTOBUF_TYPE, 'content-encoding': 'gzip' },
      body: 'not gzip at all',
      status: 400,
      says: /Cannot decompress the gzip body/,
    },
    {
      caption: 'gzip cut short',
      headers: { ...PROTOBUF_TYPE, 'content-encoding': 'gzip' },
      body: cut(gzipSync(validTraces(Date.now())), 0.7),
      status: 400,
      says: /Cannot decompress the gzip body/,
    },
    {
      caption: 'gzip with bytes behind it',
      headers: { ...PROTOBUF_TYPE, 'content-encoding': 'gzip' },
      body: Buffer.concat([gzipSync(validTraces(Date.now())), Buffer.from('more')]),
      status: 400,
      says: /Cannot decompress the gzip body/,
    },
    {
      caption: 'an encoding that nobody knows',
      headers: { ...PROTOBUF_TYPE, 'content-encoding': 'br' },
      body: validTraces(Date.now()),
      status: 415,
      says: /compressed with "br"/,
    },
    {
      caption: 'lists nested 20 000 deep',
      headers: JSON_TYPE,
      body: `{"resourceSpans":${'['.repeat(deep)}${']'.repeat(deep)}}`,
      status: 400,
      says: /nests deeper than/,
    },
    {
      caption: 'values nested 40 deep',
      headers: JSON_TYPE,
      body: tracesJson(spanJson(at, { attributes: [{ key: 'deep', value: nestedValue(40) }] })),
      status: 400,
      says: /nests (values )?deeper than/,
    },
  ];
}

function hugeAttributes(at: Clock): HostileRequest[] {
  const ok = { headers: JSON_TYPE, status: 200 };
  const attributes = (count: number) =>
    Array.from({ length: count }, (_, index) => ({
      key: `key.${index}`,
      value: { intValue: String(index) },
    }));
  const text = (sizeBytes: number) => ({
    key: 'text',
    value: { stringValue: 'x'.repeat(sizeBytes) },
  });
  return [
    {
      ...ok,
      caption: '20 000 attributes on a span',
      body: tracesJson(spanJson(at, { attributes: attributes(20_000) })),
      says: /attribute beyond 16384 of one item, dropped/,
    },
    {
      ...ok,
      caption: 'a value of 3 MiB',
      body: tracesJson(spanJson(at, { attributes: [text(3 * 1024 * 1024)] })),
      says: /text longer than 2097152 bytes, cut/,
    },
    {
      ...ok,
      caption: 'a span name of 100 KiB',
      body: tracesJson(spanJson(at, { name: 'n'.repeat(100 * 1024) })),
      says: NOTHING,
    },
    {
      ...ok,
      caption: 'the same key 1 000 times',
      body: tracesJson(
        spanJson(at, {
          attributes: Array.from({ length: 1000 }, () => ({
            key: 'same',
            value: { boolValue: true },
          })),
        }),
      ),
      says: NOTHING,
    },
    {
      ...ok,
      caption: 'keys of the prototype',
      body: tracesJson(
        spanJson(at, {
          attributes: ['__proto__', 'constructor', 'toString'].map((key) => ({
            key,
            value: { stringValue: '<script>alert(1)</script>' },
          })),
        }),
      ),
      says: NOTHING,
    },
  ];
}

function identities(at: Clock): HostileRequest[] {
  const partial = { headers: JSON_TYPE, status: 200 };
  const span = (change: Json): string => tracesJson(spanJson(at, change));
  const rejected = /"rejectedSpans":"?1/;
  const names = (part: RegExp): RegExp => new RegExp(`${rejected.source}.*${part.source}`);
  return [
    {
      ...partial,
      caption: 'a trace id of zeros',
      body: span({ traceId: '0'.repeat(32) }),
      says: names(/trace id is not 16 bytes or is all zero \(first: span 0, all zero\)/),
    },
    {
      ...partial,
      caption: 'a span id of zeros',
      body: span({ spanId: '0'.repeat(16) }),
      says: names(/span id is not 8 bytes or is all zero/),
    },
    {
      ...partial,
      caption: 'a trace id of 15 bytes',
      body: span({ traceId: 'ab'.repeat(15) }),
      says: names(/first: span 0, 15 bytes/),
    },
    {
      ...partial,
      caption: 'a trace id in base64',
      body: span({ traceId: 'CvdlGRbNQ92ESOshHIAxnA==' }),
      says: names(/not hex/),
    },
    {
      ...partial,
      caption: 'no ids at all',
      body: span({ traceId: '', spanId: '' }),
      says: names(/0 bytes/),
    },
    {
      ...partial,
      caption: 'a parent id of three bytes',
      body: span({ parentSpanId: 'abcdef' }),
      says: /parent span id that is not 8 bytes, read as root/,
    },
    {
      ...partial,
      caption: 'one bad span among good ones',
      body: tracesJson(spanJson(at), spanJson(at, { spanId: '' }), spanJson(at)),
      says: names(/Rejected 1 of 3 spans.*first: span 1/),
    },
    {
      ...partial,
      caption: 'a log record with a trace id of five bytes',
      path: '/v1/logs',
      body: logsJson({ timeUnixNano: at.ns(), traceId: '0102030405', body: { stringValue: 'x' } }),
      says: /of a log record with a wrong length, left empty/,
    },
  ];
}

function times(at: Clock): HostileRequest[] {
  const ok = { headers: JSON_TYPE, status: 200 };
  const span = (change: Json): string => tracesJson(spanJson(at, change));
  return [
    {
      ...ok,
      caption: 'an end before the start',
      body: span({ startTimeUnixNano: at.ns(), endTimeUnixNano: at.ns(-5000) }),
      says: /end before the start/,
    },
    { ...ok, caption: 'no end', body: span({ endTimeUnixNano: '0' }), says: /missing end time/ },
    {
      ...ok,
      caption: 'no start',
      body: span({ startTimeUnixNano: '0' }),
      says: /"rejectedSpans":"?1.*without a start time/,
    },
    {
      ...ok,
      caption: 'a start in 1970',
      body: span({ startTimeUnixNano: '1000000000' }),
      says: /"rejectedSpans":"?1.*before the year 2000/,
    },
    {
      ...ok,
      caption: 'an end in 2554',
      body: span({ endTimeUnixNano: '18446744073709551615' }),
      says: /"rejectedSpans":"?1.*ahead of this clock/,
    },
    {
      ...ok,
      caption: 'a data point without a time',
      path: '/v1/metrics',
      body: metricsJson({ name: 'm', gauge: { dataPoints: [{ asDouble: 1 }] } }),
      says: /"rejectedDataPoints":"?1.*without a time/,
    },
  ];
}

function loops(at: Clock): HostileRequest[] {
  const ok = { headers: JSON_TYPE, status: 200, says: NOTHING };
  const ids = ['b7ad6b7169203301', 'b7ad6b7169203302', 'b7ad6b7169203303'];
  const ring = ids.map((spanId, index) =>
    spanJson(at, { traceId: LOOP_TRACE_ID, spanId, parentSpanId: ids[(index + 1) % ids.length] }),
  );
  return [
    { ...ok, caption: 'three spans that are each other’s parents', body: tracesJson(...ring) },
    {
      ...ok,
      caption: 'a span that is its own parent',
      body: tracesJson(spanJson(at, { traceId: SELF_TRACE_ID, parentSpanId: SPAN_ID })),
    },
    {
      ...ok,
      caption: 'the same span twice in one request',
      body: tracesJson(spanJson(at), spanJson(at)),
    },
  ];
}

function texts(at: Clock): HostileRequest[] {
  const name = 'not utf8: ';
  const bytes = Buffer.from(tracesJson(spanJson(at, { name })));
  const place = bytes.indexOf(name) + name.length - 1;
  bytes[place] = 0xff;
  const latin = encodeMessage(
    'ExportTraceServiceRequest',
    tracesOf({
      traceId: Buffer.from(TRACE_ID, 'hex'),
      spanId: Buffer.from(SPAN_ID, 'hex'),
      name: 'caf?',
      startTimeUnixNano: at.ns(-1),
      endTimeUnixNano: at.ns(),
    }),
  );
  latin[Buffer.from(latin).indexOf('caf?') + 3] = 0xe9;
  return [
    {
      caption: 'JSON that is not UTF-8',
      headers: JSON_TYPE,
      body: bytes,
      status: 200,
      says: /not UTF-8/,
    },
    {
      caption: 'protobuf text in Latin-1',
      headers: PROTOBUF_TYPE,
      body: latin,
      status: 200,
      says: /not UTF-8/,
    },
    {
      caption: 'half a surrogate pair',
      headers: JSON_TYPE,
      body: tracesJson(spanJson(at)).replace('"hostile","kind"', '"\\ud800","kind"'),
      status: 200,
      says: /not UTF-8/,
    },
    {
      caption: 'control characters and an escape sequence',
      headers: JSON_TYPE,
      path: '/v1/logs',
      body: logsJson({ timeUnixNano: at.ns(), body: { stringValue: '\u0000\u001b[2J\u202e' } }),
      status: 200,
      says: NOTHING,
    },
  ];
}

function numbers(at: Clock): HostileRequest[] {
  const ok = { headers: JSON_TYPE, path: '/v1/metrics', status: 200 };
  const gauge = (point: Json): string =>
    metricsJson({
      name: 'hostile.gauge',
      gauge: { dataPoints: [{ timeUnixNano: at.ns(), ...point }] },
    });
  const histogram = (point: Json): string =>
    metricsJson({
      name: 'hostile.histogram',
      histogram: {
        aggregationTemporality: 2,
        dataPoints: [{ timeUnixNano: at.ns(), startTimeUnixNano: at.ns(-1000), ...point }],
      },
    });
  return [
    { ...ok, caption: 'a gauge of NaN', body: gauge({ asDouble: 'NaN' }), says: NOTHING },
    {
      ...ok,
      caption: 'a gauge of infinity',
      body: gauge({ asDouble: '-Infinity' }),
      says: NOTHING,
    },
    {
      ...ok,
      caption: 'a gauge without a value',
      body: gauge({}),
      says: /without a value, read as NaN/,
    },
    {
      ...ok,
      caption: 'a value that is a word',
      body: gauge({ asDouble: 'many' }),
      status: 400,
      says: /asDouble is the string "many", not a number/,
    },
    {
      ...ok,
      caption: 'a histogram with too few buckets',
      body: histogram({ count: '3', explicitBounds: [1, 2, 3], bucketCounts: ['1', '2'] }),
      says: /"rejectedDataPoints":"?1.*bucket counts do not number one more/,
    },
    {
      ...ok,
      caption: 'a negative bucket count',
      body: histogram({ count: '3', explicitBounds: [1], bucketCounts: ['-1', '2'] }),
      status: 400,
      says: /out of the range of uint64/,
    },
  ];
}

function envelopes(at: Clock): HostileRequest[] {
  const body = tracesJson(spanJson(at));
  return [
    { caption: 'GET', method: 'GET', headers: {}, body: '', status: 405, says: /only POST/ },
    { caption: 'PUT', method: 'PUT', headers: JSON_TYPE, body, status: 405, says: /only POST/ },
    {
      caption: 'an unknown path',
      path: '/v1/spans',
      headers: JSON_TYPE,
      body,
      status: 404,
      says: /\/v1\/spans/,
    },
    {
      caption: 'a path that climbs',
      path: '/v1/traces/..%2f..%2fetc/passwd',
      headers: JSON_TYPE,
      body,
      status: 404,
      says: /Cannot find/,
    },
    {
      caption: 'text/plain',
      headers: { 'content-type': 'text/plain' },
      body,
      status: 415,
      says: /"text\/plain"/,
    },
    {
      caption: 'no content type',
      headers: { 'content-type': '' },
      body,
      status: 415,
      says: /content type/,
    },
    {
      caption: 'a content type of 8 KiB',
      headers: { 'content-type': 'x'.repeat(8192) },
      body,
      status: 415,
      says: /content type "x+…"/,
    },
  ];
}

function logsJson(record: Json): string {
  return JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords: [record] }] }] });
}

function metricsJson(metric: Json): string {
  return JSON.stringify({ resourceMetrics: [{ scopeMetrics: [{ metrics: [metric] }] }] });
}

function nestedValue(depth: number): Json {
  let value: Json = { stringValue: 'bottom' };
  for (let level = 0; level < depth; level += 1) value = { arrayValue: { values: [value] } };
  return value;
}

function cut<Body extends string | Uint8Array>(body: Body, share: number): Body {
  // slice() of either keeps the type; TypeScript sees only the union.
  return body.slice(0, Math.floor(body.length * share)) as Body;
}
