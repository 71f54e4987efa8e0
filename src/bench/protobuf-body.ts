/** Encodes a draft as an OTLP protobuf request and notes where its ids and times stand. Runs before the load only. */
import { type EncodedBody, FRESH_DIGITS, SLOT } from './body.ts';
import type {
  Attribute,
  LogDraft,
  MetricDraft,
  PointDraft,
  RequestDraft,
  SpanDraft,
} from './draft.ts';
import { SlotList } from './slot-list.ts';

export function encodeProtobuf(draft: RequestDraft): EncodedBody {
  const writer = new BodyWriter();
  switch (draft.signal) {
    case 'traces':
      writeGroups(writer, draft.groups, writeSpan);
      break;
    case 'logs':
      writeGroups(writer, draft.groups, writeLog);
      break;
    default:
      writeGroups(writer, draft.groups, writeMetric);
  }
  const { itemCount, traceCount, spanCount } = draft;
  return { ...writer.finish(), itemCount, traceCount, spanCount };
}

/** ResourceSpans, ResourceLogs and ResourceMetrics have the same fields 1 and 2, and so do their scopes. */
function writeGroups<Item>(
  writer: BodyWriter,
  groups: readonly {
    readonly resource: readonly Attribute[];
    readonly scopeName: string;
    readonly items: readonly Item[];
  }[],
  writeItem: (writer: BodyWriter, item: Item) => void,
): void {
  for (const { resource, scopeName, items } of groups) {
    writer.message(1, () => {
      writer.message(1, () => writeAttributes(writer, 1, resource));
      writer.message(2, () => {
        writer.message(1, () => writer.text(1, scopeName));
        for (const item of items) writer.message(2, () => writeItem(writer, item));
      });
    });
  }
}

function writeSpan(writer: BodyWriter, span: SpanDraft): void {
  writer.traceId(1, span.traceIndex);
  writer.spanId(2, span.spanIndex);
  if (span.parentIndex !== undefined) writer.spanId(4, span.parentIndex);
  writer.text(5, span.name);
  writer.varint(6, span.kind);
  writer.time(7, span.startOffsetNs);
  writer.time(8, span.endOffsetNs);
  writeAttributes(writer, 9, span.attributes);
  writer.message(15, () => {
    if (span.isError) writer.varint(3, 2);
  });
}

function writeLog(writer: BodyWriter, log: LogDraft): void {
  writer.time(1, log.timeOffsetNs);
  writer.varint(2, log.severity);
  writer.text(3, log.severityText);
  writer.message(5, () => writer.text(1, log.body));
  writeAttributes(writer, 6, log.attributes);
  if (log.trace) {
    writer.traceId(9, log.trace.traceIndex);
    writer.spanId(10, log.trace.spanIndex);
  }
  writer.time(11, log.timeOffsetNs);
}

const METRIC_FIELD = { gauge: 5, sum: 7, histogram: 9 } as const;
const CUMULATIVE = 2;

function writeMetric(writer: BodyWriter, metric: MetricDraft): void {
  writer.text(1, metric.name);
  writer.text(3, metric.unit);
  writer.message(METRIC_FIELD[metric.kind], () => {
    for (const point of metric.points) writer.message(1, () => writePoint(writer, point));
    if (metric.kind !== 'gauge') writer.varint(2, CUMULATIVE);
    if (metric.kind === 'sum') writer.varint(3, 1);
  });
}

function writePoint(writer: BodyWriter, point: PointDraft): void {
  const { value } = point;
  writer.time(2, point.startOffsetNs);
  writer.time(3, point.timeOffsetNs);
  if (typeof value === 'number') {
    writeAttributes(writer, 7, point.attributes);
    if (Number.isInteger(value)) writer.fixed64(6, BigInt(value));
    else writer.double(4, value);
    return;
  }
  writer.fixed64(4, BigInt(value.count));
  writer.double(5, value.sum);
  writer.message(6, () => {
    for (const count of value.bucketCounts) writer.bareFixed64(BigInt(count));
  });
  writer.message(7, () => {
    for (const bound of value.bounds) writer.bareDouble(bound);
  });
  writeAttributes(writer, 9, point.attributes);
}

function writeAttributes(
  writer: BodyWriter,
  field: number,
  attributes: readonly Attribute[],
): void {
  for (const { key, value } of attributes) {
    writer.message(field, () => {
      writer.text(1, key);
      writer.message(2, () => {
        if (typeof value === 'string') writer.text(1, value);
        else if (typeof value === 'boolean') writer.varint(2, value ? 1 : 0);
        else if (typeof value === 'object') writer.fresh(1, value.traceIndex);
        else if (Number.isInteger(value)) writer.varint(3, value);
        else writer.double(4, value);
      });
    });
  }
}

/** The longest length prefix that a message here may need: 2^28 bytes. */
const LENGTH_BYTES_MAX = 4;

class BodyWriter {
  #bytes = Buffer.alloc(64 * 1024);
  #at = 0;
  readonly #slots = new SlotList();

  finish(): Pick<EncodedBody, 'bytes' | 'slots'> {
    return { bytes: Buffer.from(this.#bytes.subarray(0, this.#at)), slots: this.#slots.finish() };
  }

  /** Writes the content behind room for the longest length, then moves it to where the real one ends. */
  message(field: number, writeContent: () => void): void {
    this.#varint(field * 8 + 2);
    const lengthAt = this.#at;
    const slotsBefore = this.#slots.count;
    this.#room(LENGTH_BYTES_MAX);
    const contentAt = lengthAt + LENGTH_BYTES_MAX;
    this.#at = contentAt;
    writeContent();
    const end = this.#at;
    this.#at = lengthAt;
    this.#varint(end - contentAt);
    this.#bytes.copyWithin(this.#at, contentAt, end);
    this.#slots.move(slotsBefore, this.#at - contentAt);
    this.#at += end - contentAt;
  }

  text(field: number, text: string): void {
    const bytes = Buffer.from(text);
    this.#varint(field * 8 + 2);
    this.#varint(bytes.length);
    this.#room(bytes.length);
    bytes.copy(this.#bytes, this.#at);
    this.#at += bytes.length;
  }

  /** Written also when it is zero, as attribute values are. */
  varint(field: number, value: number): void {
    this.#varint(field * 8);
    this.#varint(value);
  }

  double(field: number, value: number): void {
    this.#varint(field * 8 + 1);
    this.bareDouble(value);
  }

  fixed64(field: number, value: bigint): void {
    this.#varint(field * 8 + 1);
    this.bareFixed64(value);
  }

  bareDouble(value: number): void {
    this.#room(8);
    this.#at = this.#bytes.writeDoubleLE(value, this.#at);
  }

  bareFixed64(value: bigint): void {
    this.#room(8);
    this.#at = this.#bytes.writeBigInt64LE(value, this.#at);
  }

  time(field: number, offsetNs: number): void {
    this.#varint(field * 8 + 1);
    this.#slots.add({ kind: SLOT.time, at: this.#at, offsetNs });
    this.bareFixed64(0n);
  }

  traceId(field: number, index: number): void {
    this.#hole(field, { kind: SLOT.traceId, index, size: 16 });
  }

  spanId(field: number, index: number): void {
    this.#hole(field, { kind: SLOT.spanId, index, size: 8 });
  }

  fresh(field: number, index: number): void {
    this.#hole(field, { kind: SLOT.fresh, index, size: FRESH_DIGITS });
  }

  #hole(
    field: number,
    slot: { readonly kind: number; readonly index: number; readonly size: number },
  ): void {
    this.#varint(field * 8 + 2);
    this.#varint(slot.size);
    this.#room(slot.size);
    this.#slots.add({ ...slot, at: this.#at });
    this.#at += slot.size;
  }

  #varint(value: number): void {
    this.#room(10);
    let rest = value;
    while (rest >= 128) {
      this.#bytes[this.#at++] = (rest % 128) + 128;
      rest = Math.floor(rest / 128);
    }
    this.#bytes[this.#at++] = rest;
  }

  #room(size: number): void {
    if (this.#at + size <= this.#bytes.length) return;
    const grown = Buffer.alloc(2 * this.#bytes.length + size);
    this.#bytes.copy(grown, 0, 0, this.#at);
    this.#bytes = grown;
  }
}
