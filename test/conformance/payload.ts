/** Requests that checks send: good ones of every signal, with one thing bent, in the encoding of a wire. */
import { randomBytes } from 'node:crypto';
import { encodeMessage, REQUEST_TYPES } from '../otlp/otlp-schema.ts';
import { otlpJson } from '../otlp/wire.ts';
import type { Signal, Wire } from './check.ts';

/** A message as protobufjs takes it: bytes as Uint8Array, 64-bit numbers as decimal strings. */
export type Message = Readonly<Record<string, unknown>>;

/** The signals whose messages are settled: their fields are looked at one by one. */
export type StableSignal = Exclude<Signal, 'profiles'>;

export const SERVICE_NAME = 'otlp-conformance';

/** Nanoseconds since the epoch as a decimal string. */
export function nowNs(offsetMs = 0): string {
  return `${BigInt(Date.now() + offsetMs) * 1_000_000n}`;
}

export function traceId(): Uint8Array {
  return new Uint8Array(randomBytes(16));
}

export function spanId(): Uint8Array {
  return new Uint8Array(randomBytes(8));
}

/** A good span, log record, metric of one point or profile, with fields replaced. */
export function itemOf(signal: Signal, change: Message = {}): Message {
  switch (signal) {
    case 'traces':
      return {
        traceId: traceId(),
        spanId: spanId(),
        name: 'conformance',
        kind: 2,
        startTimeUnixNano: nowNs(-20),
        endTimeUnixNano: nowNs(-10),
        ...change,
      };
    case 'logs':
      return {
        timeUnixNano: nowNs(-10),
        observedTimeUnixNano: nowNs(-5),
        severityNumber: 9,
        severityText: 'INFO',
        body: { stringValue: 'conformance' },
        traceId: traceId(),
        spanId: spanId(),
        ...change,
      };
    case 'metrics':
      return { name: 'conformance.gauge', unit: '1', gauge: { dataPoints: [pointOf(change)] } };
    case 'profiles':
      return { timeUnixNano: nowNs(-10), durationNano: '1000000', profileId: traceId(), ...change };
  }
}

export function pointOf(change: Message = {}): Message {
  return { timeUnixNano: nowNs(-10), asDouble: 0.5, ...change };
}

/** In the year 2508. */
const FAR_AHEAD_NS = '17000000000000000000';

/** An item that OTLP calls invalid, or that no clock has seen: receivers may reject it. */
export function badItem(signal: StableSignal, name = 'bad'): Message {
  switch (signal) {
    case 'traces':
      return itemOf(signal, { traceId: new Uint8Array(16), name });
    case 'logs':
      return itemOf(signal, { timeUnixNano: FAR_AHEAD_NS, eventName: name });
    case 'metrics': {
      const point = {
        timeUnixNano: nowNs(),
        count: '3',
        bucketCounts: ['1', '2'],
        explicitBounds: [1, 2, 3, 4],
      };
      return { name, histogram: { aggregationTemporality: 2, dataPoints: [point] } };
    }
  }
}

/** One resource, one scope, and these items. */
export function requestOf(signal: Signal, ...items: readonly Message[]): Message {
  const resource = {
    attributes: [{ key: 'service.name', value: { stringValue: SERVICE_NAME } }],
  };
  const scope = { name: SERVICE_NAME };
  switch (signal) {
    case 'traces':
      return { resourceSpans: [{ resource, scopeSpans: [{ scope, spans: items }] }] };
    case 'logs':
      return { resourceLogs: [{ resource, scopeLogs: [{ scope, logRecords: items }] }] };
    case 'metrics':
      return { resourceMetrics: [{ resource, scopeMetrics: [{ scope, metrics: items }] }] };
    case 'profiles':
      return {
        resourceProfiles: [{ resource, scopeProfiles: [{ scope, profiles: items }] }],
        dictionary: { stringTable: [''] },
      };
  }
}

export function goodRequest(signal: Signal): Message {
  return requestOf(signal, itemOf(signal));
}

/** Bytes for the wire; JSON has its ids in upper-case hex and its 64-bit numbers as strings. */
export function encodeFor(wire: Wire, signal: Signal, message: Message): Uint8Array {
  const type = REQUEST_TYPES[signal];
  const bytes = encodeMessage(type, message);
  return wire === 'http/json' ? otlpJson(type, bytes) : bytes;
}

/** A request of exactly this many bytes whose bulk is an unknown field: valid, and empty of telemetry. */
export function paddedRequest(wire: Wire, sizeBytes: number): Uint8Array {
  const [head, tail] = wire === 'http/json' ? ['{"unknown":"', '"}'] : ['', ''];
  const filled = Buffer.alloc(sizeBytes, wire === 'http/json' ? 'a' : 0);
  if (wire === 'http/json') {
    filled.write(head, 0);
    filled.write(tail, sizeBytes - tail.length);
    return filled;
  }
  // Tag of field 1000, length-delimited, then the length in five bytes, whatever its value.
  const contentBytes = sizeBytes - 7;
  filled.set([0xc2, 0x3e], 0);
  for (let index = 0; index < 5; index++) {
    const part = Math.floor(contentBytes / 2 ** (7 * index)) % 128;
    filled[2 + index] = index < 4 ? part | 0x80 : part;
  }
  return filled;
}
