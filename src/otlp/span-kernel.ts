/**
 * The fast way for spans in protobuf: a WebAssembly kernel (span-kernel.as, made by the build) reads the usual form
 * of a span into columns of its own, and this file takes them over. It stops in front of every other span, which
 * protobuf-traces.ts then reads, so nothing here has to name a fault. 0.86 instead of 1.44 µs a span of nine
 * attributes (ADR 0006).
 */
import { isUtf8 } from 'node:buffer';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LIMITS } from '../base/limits.ts';
import { findPackage } from '../base/package.ts';
import { type AttributeColumns, type SpanColumns, VALUE_TYPE } from '../model/columns.ts';
import type { StringDictionary } from '../model/dictionary.ts';
import type { ProtobufReader } from './protobuf-reader.ts';

// As in span-kernel.as.
const ROWS_MAX = 1024;
const ATTRIBUTES_MAX = 32_768;
const EVENTS_MAX = 1024;
const EVENT_ATTRIBUTES_MAX = 8192;
const IDS_MAX = 16_384;
const FIRST_OFFSET = 1024;

const PAGE_BYTES = 64 * 1024;
const BODY_BYTES_USUAL = 512 * 1024;
/** A larger body would keep so much memory for ever; it is read the plain way. */
export const KERNEL_BODY_BYTES_MAX = 8 * 1024 * 1024;

interface Memory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): void;
}

/** The part of the global that is used here: no library of types for Node has it without those of browsers. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
};

interface Exports {
  readonly memory: Memory;
  input(): number;
  layout(index: number): number;
  reset(seed: bigint): void;
  begin(minUs: number, maxUs: number): void;
  readSpans(from: number, end: number, resource: number, scope: number): number;
}

/** Places of what a call of readSpans() leaves behind. */
const RESULT = {
  position: 0,
  rows: 1,
  attributes: 2,
  events: 3,
  eventAttributes: 4,
  messages: 5,
  poolEnd: 6,
  isDictionaryFull: 7,
} as const;

/** Thrown when the request must be read the plain way from its start: it has something to tell. */
export class NotForKernel extends Error {}

/** Undefined where the build has made none: then the plain way serves alone. */
export function tryLoadSpanKernel(): SpanKernel | undefined {
  const file = join(findPackage().root, 'dist/span-kernel.wasm');
  if (!existsSync(file)) return undefined;
  const instance = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(file)), {
    env: {
      abort: () => {
        throw new Error('the span kernel stopped');
      },
    },
  });
  return new SpanKernel(instance.exports as Exports); // made from span-kernel.as, whose exports these are
}

export class SpanKernel {
  readonly #kernel: Exports;
  readonly #inputStart: number;
  #views: Views;
  #maxUs = 0;
  /** The dictionary that #ids are of. */
  #strings: StringDictionary | undefined;
  /** Ids in the dictionary by the kernel's; 0: not asked for yet. */
  readonly #ids = new Uint32Array(IDS_MAX + 1);
  /** Where the texts end that are known to be UTF-8. */
  #checkedEnd = 0;

  constructor(kernel: Exports) {
    this.#kernel = kernel;
    this.#inputStart = kernel.input();
    growTo(kernel.memory, this.#inputStart + BODY_BYTES_USUAL);
    this.#views = viewsOf(kernel);
    this.#reset();
  }

  /**
   * Takes spans from the reader's position, which is in front of a tag of the ScopeSpans, as long as they have the
   * usual form; leaves the reader in front of the first that has not, or at its end. They are not in the columns
   * before flush(). Throws NotForKernel.
   */
  takeSpans(reader: ProtobufReader, into: SpanColumns): void {
    const { context } = reader;
    const { resource, scope } = context;
    const kernel = this.#kernel;
    const start = this.#inputStart;
    while (reader.position < reader.end) {
      const count = kernel.readSpans(start + reader.position, start + reader.end, resource, scope);
      const { result } = this.#views;
      if (count > 0) {
        reader.countMessages(result[RESULT.messages]!);
        reader.position = result[RESULT.position]! - start;
        context.itemIndex += count;
        context.report.acceptedCount += count;
        if (context.itemIndex > LIMITS.requestRowsMax) throw new NotForKernel();
      }
      const isFull = result[RESULT.isDictionaryFull] === 1;
      if (!isFull && result[RESULT.rows]! < ROWS_MAX) return;
      this.flush(into);
      if (isFull) this.#reset();
      // What an empty dictionary has no room for is not for it.
      if (count === 0) return;
    }
  }

  /** Adds to the columns what was taken. Throws NotForKernel when a text is not UTF-8. */
  flush(into: SpanColumns): void {
    const { result, bytes } = this.#views;
    const count = result[RESULT.rows]!;
    if (count === 0) return;
    const poolEnd = result[RESULT.poolEnd]!;
    if (!isUtf8(bytes.subarray(this.#checkedEnd, poolEnd))) {
      this.#reset();
      throw new NotForKernel();
    }
    this.#checkedEnd = poolEnd;
    this.#append(into, count);
    this.#empty();
  }

  /** Call first for each request: what an earlier one, that failed, has left is forgotten. */
  begin(reader: ProtobufReader, into: SpanColumns): void {
    this.#load(reader.bytes);
    if (this.#strings !== into.strings) {
      this.#strings = into.strings;
      this.#ids.fill(0);
    }
    this.#maxUs = reader.context.nowUs + LIMITS.timeAheadUsMax;
    this.#empty();
  }

  #empty(): void {
    this.#kernel.begin(LIMITS.timeUsMin, this.#maxUs);
    this.#views.result[RESULT.rows] = 0;
  }

  #load(body: Uint8Array): void {
    // Eight bytes behind the body may be read.
    if (growTo(this.#kernel.memory, this.#inputStart + body.length + 8)) {
      this.#views = viewsOf(this.#kernel);
    }
    this.#views.bytes.set(body, this.#inputStart);
  }

  #reset(): void {
    this.#kernel.reset(BigInt.asUintN(64, BigInt(Math.floor(Math.random() * 2 ** 53))));
    this.#checkedEnd = this.#kernel.layout(3);
    this.#ids.fill(0);
  }

  #append(into: SpanColumns, count: number): void {
    const views = this.#views;
    const { result } = views;
    const row = into.count;
    const end = row + count;
    if (end > into.capacity) into.reserve(Math.max(end, 2 * into.capacity));
    into.count = end;
    into.traceId.set(views.traceId.subarray(0, 16 * count), 16 * row);
    into.spanId.set(views.spanId.subarray(0, 8 * count), 8 * row);
    into.parentSpanId.set(views.parentSpanId.subarray(0, 8 * count), 8 * row);
    into.startUs.set(views.startUs.subarray(0, count), row);
    into.startNs.set(views.startNs.subarray(0, count), row);
    into.durationNs.set(views.durationNs.subarray(0, count), row);
    into.kind.set(views.kind.subarray(0, count), row);
    into.statusCode.set(views.statusCode.subarray(0, count), row);
    into.flags.set(views.flags.subarray(0, count), row);
    into.droppedAttributesCount.set(views.droppedAttributesCount.subarray(0, count), row);
    into.droppedEventsCount.set(views.droppedEventsCount.subarray(0, count), row);
    into.droppedLinksCount.set(views.droppedLinksCount.subarray(0, count), row);
    this.#copyIds(views.name, { into: into.name, at: row, count });
    this.#copyIds(views.statusMessage, { into: into.statusMessage, at: row, count });
    this.#copyIds(views.traceState, { into: into.traceState, at: row, count });
    into.resource.set(views.resource.subarray(0, count), row);
    into.scope.set(views.scope.subarray(0, count), row);
    into.linksEnd.fill(into.links.count, row, end);
    for (const computed of [into.stage, into.infra, into.isError]) computed.fill(0, row, end);
    for (const computed of [into.service, into.errorType, into.target]) computed.fill(0, row, end);
    copyEnds(views.attributesEnd, {
      into: into.attributesEnd,
      at: row,
      count,
      base: into.attributes.count,
    });
    this.#appendAttributes(views.attributes, into.attributes, result[RESULT.attributes]!);
    copyEnds(views.eventsEnd, { into: into.eventsEnd, at: row, count, base: into.events.count });
    if (result[RESULT.events]! > 0) this.#appendEvents(into);
  }

  #appendEvents({ events }: SpanColumns): void {
    const { events: from, result } = this.#views;
    const count = result[RESULT.events]!;
    const attributesBefore = events.attributes.count;
    for (let index = 0; index < count; index++) {
      const row = events.addRow();
      events.timeUs[row] = from.timeUs[index]!;
      events.timeNs[row] = from.timeNs[index]!;
      events.name[row] = this.#idOf(from.name[index]!);
      events.droppedAttributesCount[row] = from.droppedAttributesCount[index]!;
      events.attributesEnd[row] = attributesBefore + from.attributesEnd[index]!;
    }
    this.#appendAttributes(from.attributes, events.attributes, result[RESULT.eventAttributes]!);
  }

  #appendAttributes(from: AttributeViews, into: AttributeColumns, count: number): void {
    const at = into.count;
    into.reserve(at + count);
    into.types.set(from.types.subarray(0, count), at);
    into.values.set(from.values.subarray(0, count), at);
    this.#copyIds(from.keys, { into: into.keys, at, count });
    for (let index = 0; index < count; index++) {
      if (from.types[index] !== VALUE_TYPE.string) continue;
      into.values[at + index] = this.#idOf(from.values[index]!);
    }
    into.count = at + count;
  }

  #copyIds(
    from: Uint32Array,
    to: { readonly into: Uint32Array; readonly at: number; readonly count: number },
  ): void {
    const { into, at, count } = to;
    for (let index = 0; index < count; index++) into[at + index] = this.#idOf(from[index]!);
  }

  /** Hot: twenty times a span. */
  #idOf(kernelId: number): number {
    const id = this.#ids[kernelId]!;
    return id !== 0 || kernelId === 0 ? id : this.#intern(kernelId);
  }

  #intern(kernelId: number): number {
    const { bytes, starts, ends } = this.#views;
    const id = this.#strings!.idOfBytes(bytes, starts[kernelId]!, ends[kernelId]!);
    this.#ids[kernelId] = id;
    return id;
  }
}

/** True when it had to grow, which takes the memory away from older views. */
function growTo(memory: Memory, sizeBytes: number): boolean {
  const missing = sizeBytes - memory.buffer.byteLength;
  if (missing > 0) memory.grow(Math.ceil(missing / PAGE_BYTES));
  return missing > 0;
}

function copyEnds(
  from: Uint32Array,
  to: {
    readonly into: Uint32Array;
    readonly at: number;
    readonly count: number;
    readonly base: number;
  },
): void {
  const { into, at, count, base } = to;
  for (let index = 0; index < count; index++) into[at + index] = base + from[index]!;
}

interface AttributeViews {
  readonly keys: Uint32Array;
  readonly types: Uint8Array;
  readonly values: Float64Array;
}

type Views = ReturnType<typeof viewsOf>;

/** The kernel's memory in the order of its offsets; made anew when the memory has grown. */
function viewsOf(kernel: Exports) {
  const { buffer } = kernel.memory;
  let offset = FIRST_OFFSET;
  const u8 = (length: number) => new Uint8Array(buffer, advance(length), length);
  const u16 = (length: number) => new Uint16Array(buffer, advance(2 * length), length);
  const u32 = (length: number) => new Uint32Array(buffer, advance(4 * length), length);
  const f64 = (length: number) => new Float64Array(buffer, advance(8 * length), length);
  const advance = (sizeBytes: number) => {
    offset += sizeBytes;
    return offset - sizeBytes;
  };
  const check = (index: number) => {
    if (kernel.layout(index) !== offset) throw new Error(`span kernel: layout ${index} differs`);
  };
  const spans = {
    traceId: u8(16 * ROWS_MAX),
    spanId: u8(8 * ROWS_MAX),
    parentSpanId: u8(8 * ROWS_MAX),
    startUs: f64(ROWS_MAX),
    durationNs: f64(ROWS_MAX),
    flags: u32(ROWS_MAX),
    name: u32(ROWS_MAX),
    statusMessage: u32(ROWS_MAX),
    traceState: u32(ROWS_MAX),
    droppedAttributesCount: u32(ROWS_MAX),
    droppedEventsCount: u32(ROWS_MAX),
    droppedLinksCount: u32(ROWS_MAX),
    attributesEnd: u32(ROWS_MAX),
    eventsEnd: u32(ROWS_MAX),
    resource: u32(ROWS_MAX),
    scope: u32(ROWS_MAX),
    startNs: u16(ROWS_MAX),
    kind: u8(ROWS_MAX),
    statusCode: u8(ROWS_MAX),
  };
  check(0);
  const attributes: AttributeViews = {
    values: f64(ATTRIBUTES_MAX),
    keys: u32(ATTRIBUTES_MAX),
    types: u8(ATTRIBUTES_MAX),
  };
  const events = {
    timeUs: f64(EVENTS_MAX),
    name: u32(EVENTS_MAX),
    droppedAttributesCount: u32(EVENTS_MAX),
    attributesEnd: u32(EVENTS_MAX),
    timeNs: u16(EVENTS_MAX),
  };
  check(1);
  const eventAttributes: AttributeViews = {
    values: f64(EVENT_ATTRIBUTES_MAX),
    keys: u32(EVENT_ATTRIBUTES_MAX),
    types: u8(EVENT_ATTRIBUTES_MAX),
  };
  offset = kernel.layout(2);
  return {
    ...spans,
    attributes,
    events: { ...events, attributes: eventAttributes },
    starts: u32(IDS_MAX + 1),
    ends: u32(IDS_MAX + 1),
    result: new Uint32Array(buffer, kernel.layout(4), 8),
    bytes: new Uint8Array(buffer),
  };
}
