/**
 * The names of all fields of OTLP/JSON as small numbers, and a table that finds the number of a key in the
 * bytes of a body without making a string of it.
 */

/** Fields of one message differ in their lowest five bits: see the check for repeated keys in json-tape.ts. */
export const FIELD = {
  // of many messages
  attributes: 1,
  droppedAttributesCount: 2,
  name: 3,
  flags: 4,
  traceId: 5,
  spanId: 6,
  timeUnixNano: 7,
  startTimeUnixNano: 8,
  key: 9,
  value: 10,
  // spans, their events and links
  parentSpanId: 11,
  traceState: 12,
  kind: 13,
  endTimeUnixNano: 14,
  status: 15,
  message: 16,
  code: 17,
  events: 18,
  links: 19,
  droppedEventsCount: 20,
  droppedLinksCount: 21,
  // log records
  observedTimeUnixNano: 22,
  severityNumber: 23,
  severityText: 24,
  body: 25,
  eventName: 26,
  // AnyValue
  stringValue: 32,
  boolValue: 33,
  intValue: 34,
  doubleValue: 35,
  arrayValue: 36,
  kvlistValue: 37,
  bytesValue: 38,
  values: 39,
  // data points
  count: 41,
  sum: 42,
  min: 43,
  max: 44,
  bucketCounts: 45,
  explicitBounds: 46,
  exemplars: 47,
  asInt: 48,
  asDouble: 49,
  scale: 50,
  zeroCount: 51,
  zeroThreshold: 52,
  positive: 53,
  negative: 54,
  offset: 55,
  quantileValues: 56,
  quantile: 57,
  filteredAttributes: 58,
  // metrics
  description: 64,
  unit: 68,
  gauge: 69,
  histogram: 70,
  exponentialHistogram: 71,
  summary: 72,
  aggregationTemporality: 73,
  isMonotonic: 75,
  dataPoints: 76,
  // envelopes
  resource: 77,
  scope: 78,
  schemaUrl: 79,
  version: 80,
  resourceSpans: 81,
  resourceLogs: 82,
  resourceMetrics: 83,
  scopeSpans: 84,
  scopeLogs: 85,
  scopeMetrics: 86,
  spans: 87,
  logRecords: 88,
  metrics: 89,
  resourceProfiles: 90,
  scopeProfiles: 91,
  profiles: 92,
  dictionary: 93,
} as const;

/** What a key that OTLP does not know is taken for. */
export const UNKNOWN_FIELD = 0;

const NUMBER_BY_NAME: ReadonlyMap<string, number> = new Map(Object.entries(FIELD));
const NAME_BY_NUMBER: ReadonlyMap<number, string> = new Map(
  [...NUMBER_BY_NAME].map(([name, number]) => [number, name]),
);

/** Bytes that each name has in NAME_BYTES: the longest, its quote, and room for whole words. */
const NAME_STRIDE = 24;
const NAME_COUNT = 128;
/** Names with the quote that ends them, which no name holds elsewhere: none is the beginning of another. */
const NAME_BYTES = new DataView(new ArrayBuffer(NAME_STRIDE * NAME_COUNT));
/** Sizes with the quote: at least four, so that the first word of every key stands inside it. */
const NAME_SIZES = new Uint8Array(NAME_COUNT);
const SLOT_BITS = 8;
/** First number of the names whose first four bytes fall into a slot … */
const SLOTS = new Uint8Array(1 << SLOT_BITS);
/** … and the next one of the same slot. */
const NEXT = new Uint8Array(NAME_COUNT);
fillTables();

/** A key may be looked for in a body where this many bytes follow its start. */
export const KEY_ROOM_BYTES = NAME_STRIDE;

export function fieldOfName(name: string): number {
  return NUMBER_BY_NAME.get(name) ?? UNKNOWN_FIELD;
}

export function nameOfField(field: number): string {
  return NAME_BY_NUMBER.get(field) ?? '';
}

/** Bytes of a field's name. */
export function nameSizeOf(field: number): number {
  return NAME_SIZES[field]! - 1;
}

/**
 * Field whose name stands at `start` up to a quote, or UNKNOWN_FIELD, by comparing words. Hot: keys are half
 * of a body; 46 of them a span.
 */
export function fieldAt(body: DataView, start: number): number {
  const first = body.getInt32(start, true);
  for (let field = SLOTS[slotOf(first)]!; field !== UNKNOWN_FIELD; field = NEXT[field]!) {
    const from = NAME_STRIDE * field;
    const lastWord = NAME_SIZES[field]! - 4;
    if (NAME_BYTES.getInt32(from, true) !== first) continue;
    let at = 4;
    while (
      at < lastWord &&
      NAME_BYTES.getInt32(from + at, true) === body.getInt32(start + at, true)
    ) {
      at += 4;
    }
    // The last word may overlap the one before.
    if (
      at >= lastWord &&
      NAME_BYTES.getInt32(from + lastWord, true) === body.getInt32(start + lastWord, true)
    ) {
      return field;
    }
  }
  return UNKNOWN_FIELD;
}

function slotOf(word: number): number {
  return Math.imul(word, 0x9e37_79b1) >>> (32 - SLOT_BITS);
}

function fillTables(): void {
  for (const [name, field] of NUMBER_BY_NAME) {
    const bytes = new TextEncoder().encode(`${name}"`);
    for (const [index, byte] of bytes.entries()) {
      NAME_BYTES.setUint8(NAME_STRIDE * field + index, byte);
    }
    NAME_SIZES[field] = bytes.length;
    const slot = slotOf(NAME_BYTES.getInt32(NAME_STRIDE * field, true));
    NEXT[field] = SLOTS[slot]!;
    SLOTS[slot] = field;
  }
}
