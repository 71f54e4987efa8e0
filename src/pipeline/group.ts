/** What the two halves of the write path hand over: requests decoded into columns that they share. */
import { LIMITS } from '../base/limits.ts';
import {
  buffersOf,
  bytesOf,
  type ColumnMemory,
  giveMemory,
  giveRoom,
  takeMemory,
} from '../model/column-memory.ts';
import { LogColumns, PointColumns, SpanColumns } from '../model/columns.ts';
import { type DictionaryParts, StringDictionary } from '../model/dictionary.ts';
import {
  type EntryParts,
  packResources,
  packScopes,
  packSeries,
  unpackResources,
  unpackScopes,
  unpackSeries,
} from '../model/entry-parts.ts';
import type { DecodeOutcome } from '../otlp/otlp.ts';
import type { IngestRequest } from '../receive/receive.ts';
import type { GroupRequest } from '../store/api/telemetry.ts';

export interface GroupColumns {
  readonly spans: SpanColumns;
  readonly logs: LogColumns;
  readonly points: PointColumns;
}

export interface DecodedRequest {
  /** As it came: should it never be storable, it is kept as it came. */
  readonly request: IngestRequest;
  readonly rows: GroupRequest;
  readonly outcome: DecodeOutcome;
}

export interface DecodedGroup {
  readonly columns: GroupColumns;
  /** In the order of their rows. */
  readonly requests: readonly DecodedRequest[];
}

/** A group's columns as what may be transferred to another thread. */
export interface ColumnParts {
  readonly strings: DictionaryParts;
  readonly spans: SignalParts;
  readonly logs: SignalParts;
  readonly points: SignalParts;
}

interface SignalParts {
  readonly memory: ColumnMemory;
  readonly resources: EntryParts;
  readonly scopes: EntryParts;
  readonly series: EntryParts;
}

/** Memory of a group that is done. */
export interface GroupMemory {
  readonly spans: ColumnMemory;
  readonly logs: ColumnMemory;
  readonly points: ColumnMemory;
}

/** Empty columns, with the memory of others when there is some. */
export function openColumns(done?: GroupMemory): GroupColumns {
  const columns = columnsOver(new StringDictionary());
  if (done) {
    giveRoom(done.spans, columns.spans);
    giveRoom(done.logs, columns.logs);
    giveRoom(done.points, columns.points);
  }
  return columns;
}

/** Undefined when one huge request has made it larger than is worth keeping. */
export function takeGroupMemory({ spans, logs, points }: GroupColumns): GroupMemory | undefined {
  const memory = { spans: takeMemory(spans), logs: takeMemory(logs), points: takeMemory(points) };
  const bytes = bytesOf(memory.spans) + bytesOf(memory.logs) + bytesOf(memory.points);
  return bytes <= LIMITS.groupReuseBytesMax ? memory : undefined;
}

/** The columns are of no use afterwards. */
export function takeParts({ spans, logs, points }: GroupColumns): ColumnParts {
  return {
    strings: spans.strings.toParts(),
    spans: partsOf(spans),
    logs: partsOf(logs),
    points: { ...partsOf(points), series: packSeries(points.seriesEntries) },
  };
}

export function columnsOf({ strings, spans, logs, points }: ColumnParts): GroupColumns {
  const columns = columnsOver(StringDictionary.fromParts(strings));
  fill(columns.spans, spans);
  fill(columns.logs, logs);
  fill(columns.points, points);
  for (const entry of unpackSeries(points.series)) columns.points.seriesEntries.push(entry);
  return columns;
}

export function buffersOfParts({ strings, spans, logs, points }: ColumnParts): ArrayBuffer[] {
  return [
    // Copies made by toParts().
    ...Object.values(strings).map((array) => array.buffer as ArrayBuffer),
    ...buffersOfMemory({ spans: spans.memory, logs: logs.memory, points: points.memory }),
  ];
}

export function buffersOfMemory({ spans, logs, points }: GroupMemory): ArrayBuffer[] {
  return [...buffersOf(spans), ...buffersOf(logs), ...buffersOf(points)];
}

function columnsOver(strings: StringDictionary): GroupColumns {
  return {
    spans: new SpanColumns(strings),
    logs: new LogColumns(strings),
    points: new PointColumns(strings),
  };
}

function partsOf(columns: SpanColumns | LogColumns | PointColumns): SignalParts {
  return {
    memory: takeMemory(columns),
    resources: packResources(columns.resources),
    scopes: packScopes(columns.scopes),
    series: new Float64Array(0),
  };
}

function fill(columns: SpanColumns | LogColumns | PointColumns, parts: SignalParts): void {
  giveMemory(parts.memory, columns);
  for (const entry of unpackResources(parts.resources)) columns.resources.push(entry);
  for (const entry of unpackScopes(parts.scopes)) columns.scopes.push(entry);
}
