/** Random OTLP requests from a seed: plain objects as protobufjs takes them, good and hostile values mixed. */
import type { Signal } from '../../src/model/vocabulary.ts';

/** The clock of all tests: 2023-11-14T22:15:00Z. */
export const NOW_US = 1_700_000_100_000_000;

/** Mulberry32: small, seeded, good enough to make variety. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  }

  /** 0 … bound - 1. */
  below(bound: number): number {
    return Math.floor(this.next() * bound);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }

  bytes(sizeBytes: number): Uint8Array {
    return Uint8Array.from({ length: sizeBytes }, () => this.below(256));
  }

  list<T>(countMax: number, make: () => T): T[] {
    return Array.from({ length: this.below(countMax + 1) }, make);
  }
}

export function randomRequest(random: Random, signal: Signal): object {
  switch (signal) {
    case 'traces':
      return {
        resourceSpans: random.list(3, () => ({
          ...envelope(random),
          scopeSpans: random.list(3, () => ({
            ...scopeEnvelope(random),
            spans: random.list(4, () => span(random)),
          })),
        })),
      };
    case 'logs':
      return {
        resourceLogs: random.list(3, () => ({
          ...envelope(random),
          scopeLogs: random.list(3, () => ({
            ...scopeEnvelope(random),
            logRecords: random.list(4, () => logRecord(random)),
          })),
        })),
      };
    case 'profiles':
      return {
        resourceProfiles: random.list(3, () => ({
          ...envelope(random),
          scopeProfiles: random.list(2, () => ({
            ...scopeEnvelope(random),
            profiles: random.list(3, () => profile(random)),
          })),
        })),
        dictionary: profilesDictionary(random),
      };
    default:
      return {
        resourceMetrics: random.list(3, () => ({
          ...envelope(random),
          scopeMetrics: random.list(2, () => ({
            ...scopeEnvelope(random),
            metrics: random.list(3, () => metric(random)),
          })),
        })),
      };
  }
}

/** Leaves some of the fields out. */
function some(random: Random, fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(() => !random.chance(0.15)));
}

function envelope(random: Random): object {
  const resource = some(random, {
    attributes: attributes(random),
    droppedAttributesCount: uint32(random),
  });
  return some(random, { resource, schemaUrl: text(random) });
}

function scopeEnvelope(random: Random): object {
  const scope = some(random, {
    name: text(random),
    version: text(random),
    attributes: attributes(random),
    droppedAttributesCount: uint32(random),
  });
  return some(random, { scope, schemaUrl: text(random) });
}

function profile(random: Random): object {
  return some(random, {
    sampleType: { typeStrindex: 1, unitStrindex: 2 },
    samples: random.list(5, () => ({
      stackIndex: random.below(4),
      values: random.list(4, () => String(random.below(1_000_000))),
    })),
    timeUnixNano: timeNs(random),
    durationNano: String(random.below(1_000_000_000)),
    period: '10000000',
    profileId: random.bytes(16),
  });
}

function profilesDictionary(random: Random): object {
  return some(random, {
    stringTable: ['', 'cpu', 'nanoseconds', ...random.list(5, () => text(random))],
    functionTable: random.list(4, () => ({ nameStrindex: random.below(8) })),
    locationTable: random.list(4, () => ({
      address: String(random.below(1_000_000)),
      lines: random.list(2, () => ({ functionIndex: random.below(4), line: '7' })),
    })),
    stackTable: random.list(4, () => ({ locationIndices: random.list(6, () => random.below(4)) })),
  });
}

function span(random: Random): object {
  const startNs = timeNs(random);
  return {
    traceId: id(random, 16),
    spanId: id(random, 8),
    startTimeUnixNano: startNs,
    ...some(random, {
      traceState: text(random),
      parentSpanId: id(random, 8),
      name: text(random),
      kind: random.pick([0, 1, 2, 3, 4, 5, 5, 6, 300, -1]),
      endTimeUnixNano: random.chance(0.8)
        ? String(BigInt(startNs) + BigInt(random.below(2_000_000_000)))
        : timeNs(random),
      attributes: attributes(random),
      droppedAttributesCount: uint32(random),
      events: random.list(2, () =>
        some(random, {
          timeUnixNano: timeNs(random),
          name: text(random),
          attributes: attributes(random),
          droppedAttributesCount: uint32(random),
        }),
      ),
      droppedEventsCount: uint32(random),
      links: random.list(2, () =>
        some(random, {
          traceId: id(random, 16),
          spanId: id(random, 8),
          traceState: text(random),
          attributes: attributes(random),
          droppedAttributesCount: uint32(random),
          flags: uint32(random),
        }),
      ),
      droppedLinksCount: uint32(random),
      status: some(random, { message: text(random), code: random.pick([0, 1, 2, 3, -7]) }),
      flags: uint32(random),
    }),
  };
}

function logRecord(random: Random): object {
  return some(random, {
    timeUnixNano: timeNs(random),
    observedTimeUnixNano: timeNs(random),
    severityNumber: random.pick([0, 1, 9, 24, 25, 280]),
    severityText: text(random),
    body: anyValue(random, 0),
    attributes: attributes(random),
    droppedAttributesCount: uint32(random),
    flags: uint32(random),
    traceId: id(random, 16),
    spanId: id(random, 8),
    eventName: text(random),
  });
}

function metric(random: Random): object {
  const head = some(random, { name: text(random), description: text(random), unit: text(random) });
  const temporality = some(random, { aggregationTemporality: random.pick([0, 1, 2, 3]) });
  switch (random.below(6)) {
    case 0:
      return { ...head, gauge: { dataPoints: random.list(3, () => numberPoint(random)) } };
    case 1:
      return {
        ...head,
        sum: {
          dataPoints: random.list(3, () => numberPoint(random)),
          ...temporality,
          ...some(random, { isMonotonic: random.chance(0.5) }),
        },
      };
    case 2:
      return {
        ...head,
        histogram: { dataPoints: random.list(3, () => histogramPoint(random)), ...temporality },
      };
    case 3:
      return {
        ...head,
        exponentialHistogram: {
          dataPoints: random.list(3, () => exponentialPoint(random)),
          ...temporality,
        },
      };
    case 4:
      return { ...head, summary: { dataPoints: random.list(3, () => summaryPoint(random)) } };
    default:
      return head;
  }
}

function pointHead(random: Random): Record<string, unknown> {
  return some(random, {
    startTimeUnixNano: timeNs(random),
    timeUnixNano: timeNs(random),
    attributes: attributes(random),
    flags: random.pick([0, 1, 2, 4_294_967_295]),
  });
}

function numberPoint(random: Random): object {
  return { ...pointHead(random), ...numberValue(random), exemplars: exemplars(random) };
}

function numberValue(random: Random): object {
  return random.pick<object>([{ asInt: int64(random) }, { asDouble: double(random) }, {}]);
}

function histogramPoint(random: Random): object {
  const bounds = random.list(4, () => double(random));
  const countsSize = random.chance(0.8) ? bounds.length + 1 : random.below(4);
  const isEmpty = random.chance(0.2);
  return {
    ...pointHead(random),
    ...distribution(random),
    ...some(random, { min: double(random), max: double(random) }),
    bucketCounts: isEmpty ? [] : Array.from({ length: countsSize }, () => uint64(random)),
    explicitBounds: isEmpty ? [] : bounds,
    exemplars: exemplars(random),
  };
}

function exponentialPoint(random: Random): object {
  const buckets = () =>
    some(random, {
      offset: random.pick([0, 5, -5, 2_147_483_647, -2_147_483_648]),
      bucketCounts: random.list(3, () => uint64(random)),
    });
  return {
    ...pointHead(random),
    ...distribution(random),
    ...some(random, {
      min: double(random),
      max: double(random),
      scale: random.pick([0, 3, -3, 20]),
      zeroCount: uint64(random),
      zeroThreshold: double(random),
      positive: buckets(),
      negative: buckets(),
    }),
    exemplars: exemplars(random),
  };
}

function summaryPoint(random: Random): object {
  return {
    ...pointHead(random),
    ...distribution(random),
    quantileValues: random.list(3, () =>
      some(random, { quantile: double(random), value: double(random) }),
    ),
  };
}

function distribution(random: Random): object {
  return some(random, { count: uint64(random), sum: double(random) });
}

function exemplars(random: Random): object[] {
  return random.list(2, () => ({
    ...some(random, {
      timeUnixNano: timeNs(random),
      spanId: id(random, 8),
      traceId: id(random, 16),
      filteredAttributes: attributes(random),
    }),
    ...numberValue(random),
  }));
}

function attributes(random: Random): object[] {
  return random.list(4, () => some(random, { key: text(random), value: anyValue(random, 0) }));
}

function anyValue(random: Random, depth: number): object {
  const kind = random.below(depth < 3 ? 8 : 5);
  switch (kind) {
    case 0:
      return {};
    case 1:
      return { boolValue: random.chance(0.5) };
    case 2:
      return { intValue: int64(random) };
    case 3:
      return { doubleValue: double(random) };
    case 4:
      return { stringValue: text(random) };
    case 5:
      return { bytesValue: random.bytes(random.below(6)) };
    case 6:
      return { arrayValue: { values: random.list(3, () => anyValue(random, depth + 1)) } };
    default:
      return {
        kvlistValue: {
          values: random.list(3, () =>
            some(random, { key: text(random), value: anyValue(random, depth + 1) }),
          ),
        },
      };
  }
}

const TEXTS = [
  '',
  'a',
  'http.request.method',
  '服务名称',
  '😀',
  '__proto__',
  'constructor',
  'toString',
  'line\nbreak "quoted" \\ \u0000 \u2028',
  '\u{FEFF}byte order mark',
  'x'.repeat(300),
] as const;

function text(random: Random): string {
  return random.chance(0.6) ? random.pick(TEXTS) : `text-${random.below(50)}`;
}

const INT64S = [
  '0',
  '-1',
  '127',
  '128',
  '-129',
  '4294967296',
  '9007199254740991',
  '9007199254740992',
  '-9007199254740991',
  '-9007199254740993',
  '9223372036854775807',
  '-9223372036854775808',
] as const;

function int64(random: Random): string {
  return random.pick(INT64S);
}

function uint64(random: Random): string {
  return random.pick(['0', '1', '300', '4294967296', '9007199254740993', '18446744073709551615']);
}

function uint32(random: Random): number {
  return random.pick([0, 0, 1, 257, 4_294_967_295]);
}

function double(random: Random): number {
  const specials = [
    0,
    -0,
    1.5,
    -2.25,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
  ];
  return random.pick([...specials, 1e21, 1e308, 5e-324, random.next() * 1000]);
}

/** Mostly the right size; sometimes wrong, empty or zero. */
function id(random: Random, sizeBytes: number): Uint8Array {
  if (random.chance(0.9)) return random.bytes(sizeBytes);
  return random.pick([
    new Uint8Array(0),
    new Uint8Array(sizeBytes),
    random.bytes(sizeBytes - 1),
    random.bytes(sizeBytes + 1),
  ]);
}

const BASE_NS = 1_700_000_000_000_000_000n;

function timeNs(random: Random): string {
  if (random.chance(0.9)) {
    return String(BASE_NS + BigInt(random.below(1_000_000_000)) * 97n + BigInt(random.below(1000)));
  }
  return random.pick([
    '0',
    '1',
    '999',
    '946684799999999999',
    '946684800000000000',
    String(BigInt(NOW_US) * 1000n + 86_400_000_000_000n),
    String(BigInt(NOW_US) * 1000n + 86_400_000_001_000n),
    '18446744073709551615',
  ]);
}
