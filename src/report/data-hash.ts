/**
 * One hash over what the analysis read, the same however the store laid it out: dictionary ids become
 * digests of their texts, rows are taken by trace id and span id, logs by time, series by id. Computed
 * columns (own time, critical path) follow from these and are left out.
 *
 * Sketch: 1 M spans of 12 attributes write 1 M × (80 + 12 × 24) B = 370 MB into sha256, about 1 s.
 */
import { createHash, type Hash } from 'node:crypto';
import type { StringDictionary } from '../model/dictionary.ts';
import type { Collected } from '../model/investigation.ts';
import {
  type LogTable,
  NO_ROW,
  type SeriesWindow,
  type SpanTable,
  type WindowData,
} from '../model/window.ts';
import { canonicalJson } from './canonical.ts';

export function dataHashOf(collected: Collected): string {
  const hash = createHash('sha256');
  addWindow(hash, collected.window);
  if (collected.reference) addWindow(hash, collected.reference);
  const changes = collected.changes.map(({ changeId: _, ...content }) => canonicalJson(content));
  hash.update(changes.sort().join('\n'));
  return hash.digest('hex');
}

function addWindow(hash: Hash, window: WindowData): void {
  const digests = new TextDigests(window.spans.strings);
  hash.update(`window ${window.range.fromUs} ${window.range.toUs} ${window.isSampled}\n`);
  addSpans(hash, window.spans, digests);
  const logDigests =
    window.logs.strings === window.spans.strings ? digests : new TextDigests(window.logs.strings);
  addLogs(hash, window.logs, logDigests);
  addSeries(hash, window.series);
}

const DIGEST_BYTES = 12;

/** Digest of each dictionary text, computed once and only when asked for. */
class TextDigests {
  readonly #strings: StringDictionary;
  readonly #bytes: Buffer;
  readonly #isKnown: Uint8Array;

  constructor(strings: StringDictionary) {
    this.#strings = strings;
    this.#bytes = Buffer.alloc(strings.size * DIGEST_BYTES);
    this.#isKnown = new Uint8Array(strings.size);
  }

  copy(id: number, into: Buffer, at: number): number {
    const from = id * DIGEST_BYTES;
    if (this.#isKnown[id] === 0) {
      createHash('sha256')
        .update(this.#strings.text(id))
        .digest()
        .copy(this.#bytes, from, 0, DIGEST_BYTES);
      this.#isKnown[id] = 1;
    }
    this.#bytes.copy(into, at, from, from + DIGEST_BYTES);
    return at + DIGEST_BYTES;
  }

  compare(a: number, b: number): number {
    if (a === b) return 0;
    const left = this.#strings.text(a);
    const right = this.#strings.text(b);
    return left < right ? -1 : left > right ? 1 : 0;
  }
}

function addSpans(hash: Hash, spans: SpanTable, digests: TextDigests): void {
  hash.update(`spans ${spans.count}\n`);
  const traces = spans.traceIds.map((_, trace) => trace);
  traces.sort((a, b) => (spans.traceIds[a]! < spans.traceIds[b]! ? -1 : 1));
  const fixed = Buffer.alloc(128 + 7 * DIGEST_BYTES);
  for (const trace of traces) {
    hash.update(spans.traceIds[trace]!);
    const rows = [
      ...spans.traceRows.subarray(spans.traceStart[trace], spans.traceStart[trace + 1]),
    ];
    rows.sort((a, b) => compareSpanIds(spans, a, b) || spans.startUs[a]! - spans.startUs[b]!);
    for (const row of rows) {
      hash.update(fixed.subarray(0, writeSpan(spans, row, digests, fixed)));
      addAttributes(hash, spans, row, digests);
    }
  }
}

function compareSpanIds(spans: SpanTable, a: number, b: number): number {
  for (let index = 0; index < 8; index++) {
    const difference = spans.spanId[8 * a + index]! - spans.spanId[8 * b + index]!;
    if (difference !== 0) return difference;
  }
  return 0;
}

function writeSpan(spans: SpanTable, row: number, digests: TextDigests, into: Buffer): number {
  let at = 0;
  for (let index = 0; index < 8; index++) into[at++] = spans.spanId[8 * row + index]!;
  const parent = spans.parent[row]!;
  for (let index = 0; index < 8; index++) {
    into[at++] = parent === NO_ROW ? 0 : spans.spanId[8 * parent + index]!;
  }
  at = into.writeDoubleLE(spans.startUs[row]!, at);
  at = into.writeDoubleLE(spans.durationUs[row]!, at);
  into[at++] = spans.isOrphan[row]!;
  into[at++] = spans.kind[row]!;
  into[at++] = spans.stage[row]!;
  into[at++] = spans.infra[row]!;
  into[at++] = spans.isError[row]!;
  at = digests.copy(spans.service[row]!, into, at);
  at = digests.copy(spans.operation[row]!, into, at);
  at = digests.copy(spans.errorType[row]!, into, at);
  at = digests.copy(spans.errorMessage[row]!, into, at);
  at = digests.copy(spans.target[row]!, into, at);
  at = digests.copy(spans.version[row]!, into, at);
  return digests.copy(spans.bot[row]!, into, at);
}

/** By key; values of one key stay in their order, in which the derived one comes first. */
function addAttributes(hash: Hash, spans: SpanTable, row: number, digests: TextDigests): void {
  const start = spans.attributesStart(row);
  const positions: number[] = [];
  for (let at = start; at < spans.attributesEnd[row]!; at++) positions.push(at);
  positions.sort((a, b) => digests.compare(spans.attributeKey[a]!, spans.attributeKey[b]!));
  const bytes = Buffer.alloc(4 + positions.length * 2 * DIGEST_BYTES);
  let end = bytes.writeUInt32LE(positions.length, 0);
  for (const position of positions) {
    end = digests.copy(spans.attributeKey[position]!, bytes, end);
    end = digests.copy(spans.attributeText[position]!, bytes, end);
  }
  hash.update(bytes);
}

function addLogs(hash: Hash, logs: LogTable, digests: TextDigests): void {
  hash.update(`logs ${logs.count}\n`);
  const rows = Array.from({ length: logs.count }, (_, row) => row);
  rows.sort(
    (a, b) =>
      logs.timeUs[a]! - logs.timeUs[b]! ||
      digests.compare(logs.service[a]!, logs.service[b]!) ||
      digests.compare(logs.body[a]!, logs.body[b]!) ||
      digests.compare(logs.traceId[a]!, logs.traceId[b]!) ||
      digests.compare(logs.spanId[a]!, logs.spanId[b]!) ||
      logs.severity[a]! - logs.severity[b]!,
  );
  const bytes = Buffer.alloc(16 + 6 * DIGEST_BYTES);
  for (const row of rows) {
    let at = bytes.writeDoubleLE(logs.timeUs[row]!, 0);
    bytes[at++] = logs.severity[row]!;
    for (const column of [
      logs.service,
      logs.template,
      logs.body,
      logs.traceId,
      logs.spanId,
      logs.source,
    ]) {
      at = digests.copy(column[row]!, bytes, at);
    }
    hash.update(bytes.subarray(0, at));
  }
}

function addSeries(hash: Hash, series: readonly SeriesWindow[]): void {
  const sorted = [...series].sort((a, b) => (a.seriesId < b.seriesId ? -1 : 1));
  for (const { timesUs, values, observationCounts, exemplars, ...identity } of sorted) {
    hash.update(`series ${canonicalJson(identity)} ${timesUs.length}\n`);
    hash.update(bytesOf(timesUs)).update(bytesOf(values));
    if (observationCounts) hash.update(bytesOf(observationCounts));
    hash.update(exemplars.map(canonicalJson).sort().join('\n'));
  }
}

function bytesOf(numbers: Float64Array): Uint8Array {
  return new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
}
