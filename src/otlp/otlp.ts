/**
 * OTLP 1.11 on the wire: request bytes into columns, and what is said back. The step between receive and
 * normalise; it looks at no attribute's meaning and does no I/O.
 */
import { LIMITS } from '../base/limits.ts';
import { addDaysOf } from '../base/time.ts';
import { LogColumns, PointColumns, SpanColumns } from '../model/columns.ts';
import { StringDictionary } from '../model/dictionary.ts';
import type { RowSignal, Signal } from '../model/vocabulary.ts';
import { DecodeContext } from './decode-context.ts';
import type { DecodeOutcome } from './decode-report.ts';
import { type EntryOwner, entryIndexOf } from './entry-index.ts';
import { readJsonLogs } from './json-logs.ts';
import { readJsonMetrics } from './json-metrics.ts';
import { JsonReader } from './json-reader.ts';
import { readJsonTraces } from './json-traces.ts';
import { LogDraft } from './log-draft.ts';
import { PointDraft } from './point-draft.ts';
import { readProtobufLogs } from './protobuf-logs.ts';
import { readProtobufMetrics } from './protobuf-metrics.ts';
import { ProtobufReader } from './protobuf-reader.ts';
import { readProtobufTraces } from './protobuf-traces.ts';
import type { Encoding } from './reply.ts';
import { SpanDraft } from './span-draft.ts';
import {
  KERNEL_BODY_BYTES_MAX,
  NotForKernel,
  type SpanKernel,
  tryLoadSpanKernel,
} from './span-kernel.ts';

export type { DecodeOutcome } from './decode-report.ts';
export { encodeJsonLogs } from './encode-json-logs.ts';
export { encodeJsonPoints } from './encode-json-metrics.ts';
export { RequestLines } from './encode-json-requests.ts';
export { encodeJsonSpans } from './encode-json-traces.ts';
export { inflateBody } from './inflate.ts';
export { readProfiles } from './profile-samples.ts';
export { decodeProfiles } from './profiles.ts';
export { buildExportResponse, buildStatus, type Encoding, type StatusOptions } from './reply.ts';
export { attributeJsonOf, formatAnyValue } from './value.ts';

export type OtlpSignal = Signal;

export interface DecodeOptions {
  readonly encoding: Encoding;
  readonly nowUs: number;
  /** Without the WebAssembly kernel, which is used for spans in protobuf where the build made it. */
  readonly isPlain?: boolean;
}

/**
 * Appends the spans of an ExportTraceServiceRequest to columns that may hold rows of other requests. Bad
 * spans are left out and told in the outcome; a malformed request leaves the columns as they were and
 * throws `otlp.malformed`, naming the fault and its place. The same holds for logs and metrics below.
 */
export function decodeTraces(
  body: Uint8Array,
  into: SpanColumns,
  options: DecodeOptions,
): DecodeOutcome {
  const kernel = options.isPlain || body.length > KERNEL_BODY_BYTES_MAX ? undefined : spanKernel();
  const task = { body, into, options, repairedBefore: into.strings.repairedCount };
  try {
    return decodeTracesWith(kernel, task);
  } catch (thrown) {
    if (!(thrown instanceof NotForKernel)) throw thrown;
    return decodeTracesWith(undefined, task);
  }
}

function decodeTracesWith(
  kernel: SpanKernel | undefined,
  task: {
    readonly body: Uint8Array;
    readonly into: SpanColumns;
    readonly options: DecodeOptions;
    readonly repairedBefore: number;
  },
): DecodeOutcome {
  const { body, into, options, repairedBefore } = task;
  return decode(body, into, {
    ...options,
    repairedBefore,
    signal: 'traces',
    timesUs: () => into.startUs,
    readProtobuf: (reader) => readProtobufTraces(reader, into, kernel),
    readJson: (reader) => readJsonTraces(reader, into),
  });
}

export function decodeLogs(
  body: Uint8Array,
  into: LogColumns,
  options: DecodeOptions,
): DecodeOutcome {
  return decode(body, into, {
    ...options,
    signal: 'logs',
    timesUs: () => into.timeUs,
    readProtobuf: (reader) => readProtobufLogs(reader, into),
    readJson: (reader) => readJsonLogs(reader, into),
  });
}

/** Counts data points. */
export function decodeMetrics(
  body: Uint8Array,
  into: PointColumns,
  options: DecodeOptions,
): DecodeOutcome {
  return decode(body, into, {
    ...options,
    signal: 'metrics',
    timesUs: () => into.timeUs,
    readProtobuf: (reader) => readProtobufMetrics(reader, into),
    readJson: (reader) => readJsonMetrics(reader, into),
  });
}

let loadedKernel: { readonly kernel: SpanKernel | undefined } | undefined;

/** One a thread: it keeps texts between requests. */
function spanKernel(): SpanKernel | undefined {
  loadedKernel ??= { kernel: tryLoadSpanKernel() };
  return loadedKernel.kernel;
}

interface Columns extends EntryOwner {
  readonly strings: StringDictionary;
  readonly count: number;
  truncate(count: number): void;
}

interface Decoding extends DecodeOptions {
  readonly signal: RowSignal;
  /** Texts that the dictionary had repaired before this request was tried; absent: as it stands. */
  readonly repairedBefore?: number;
  /** Of the rows; asked for after reading, since columns that grow have new arrays. */
  readonly timesUs: () => Float64Array;
  readonly readProtobuf: (reader: ProtobufReader) => void;
  readonly readJson: (reader: JsonReader) => void;
}

function decode(body: Uint8Array, into: Columns, decoding: Decoding): DecodeOutcome {
  const { signal, nowUs, repairedBefore = into.strings.repairedCount } = decoding;
  const entries = entryIndexOf(into);
  const context = new DecodeContext({
    signal,
    strings: into.strings,
    entries,
    nowUs,
    repairedBefore,
  });
  const rowsBefore = into.count;
  const entriesBefore = entries.mark();
  try {
    if (body.length > 0) readRequest(body, context, decoding);
    const days = new Set<number>();
    addDaysOf(decoding.timesUs(), { from: rowsBefore, to: into.count }, days);
    if (days.size > LIMITS.requestDaysMax) {
      throw context.tooLarge(`rows of ${LIMITS.requestDaysMax} days`);
    }
  } catch (thrown) {
    into.truncate(rowsBefore);
    entries.truncate(entriesBefore);
    throw thrown;
  }
  context.warnOfRepairedText();
  return context.report.outcome();
}

function readRequest(body: Uint8Array, context: DecodeContext, decoding: Decoding): void {
  const { signal } = decoding;
  if (decoding.encoding === 'protobuf') {
    decoding.readProtobuf(new ProtobufReader(body, { context, signal }));
  } else {
    decoding.readJson(new JsonReader(body, { context, signal }));
  }
}

/**
 * Never used, only kept: V8 forgets the hidden class of objects of which none is left at a garbage
 * collection, and the code compiled for it. Requests come and go, so without these the hot functions end
 * up in generic code, twenty times slower (seen after six large requests).
 */
export const KEPT_SHAPES: readonly object[] = buildShapes();

function buildShapes(): readonly object[] {
  const strings = new StringDictionary();
  const spans = new SpanColumns(strings);
  const entries = entryIndexOf(spans);
  const context = new DecodeContext({
    signal: 'traces',
    strings,
    entries,
    nowUs: 0.5,
    repairedBefore: 0,
  });
  const reader = new ProtobufReader(new Uint8Array(64 * 1024), { context, signal: 'traces' });
  return [
    spans,
    new LogColumns(strings),
    new PointColumns(strings),
    reader,
    new JsonReader(new TextEncoder().encode('{}'), { context, signal: 'traces' }),
    new SpanDraft(),
    new LogDraft(),
    new PointDraft(),
  ];
}
