/**
 * The contract of a telemetry store: one writer, many readers. Engines (SQLite now) are opened only by
 * src/store/open.ts; test/store/battery.ts runs the same tests on each.
 */
import type { TimeRange } from '../../base/time.ts';
import type { LogColumns, PointColumns, SpanColumns } from '../../model/columns.ts';
import type { StringDictionary } from '../../model/dictionary.ts';
import type { RawProfiles } from '../../model/profiles.ts';
import type { Exemplar, LogRecord, MetricSeries, Span, TraceSummary } from '../../model/span.ts';
import type { Endpoint, LogTemplate, Tally, TemplateTally } from '../../model/tally.ts';
import type { Stage } from '../../model/vocabulary.ts';

/** What the sender of a stored request is told. */
export interface RequestAnswer {
  readonly rejectedCount: number;
  /** Empty when there is nothing to say. */
  readonly message: string;
}

/** One sender's request inside a group: which rows are its own. Ranges are half-open. */
export interface GroupRequest {
  /** 16 bytes that stand for the signal and the decompressed body. */
  readonly hash: Uint8Array;
  readonly spans: readonly [from: number, to: number];
  readonly logs: readonly [from: number, to: number];
  readonly points: readonly [from: number, to: number];
  /** Of a request of profiles, which has no rows; stored on the day of their receipt. */
  readonly profiles?: RawProfiles;
  /** Stored with the request, for when it comes again; absent: all accepted, nothing to say. */
  readonly answer?: RequestAnswer;
}

/**
 * What one commit writes: the rows of its requests, and no others of the columns. Those are complete: decoded,
 * normalised, log templates assigned.
 */
export interface IngestGroup {
  readonly spans: SpanColumns;
  readonly logs: LogColumns;
  readonly points: PointColumns;
  readonly requests: readonly GroupRequest[];
  readonly tallies: readonly Tally[];
  readonly templateTallies: readonly TemplateTally[];
  /** Templates that no earlier group has announced, or whose text has become more general since. */
  readonly newTemplates: readonly LogTemplate[];
}

export interface TelemetryWriter {
  /**
   * Writes the group, whole or not at all, also when the process dies meanwhile: durable on return
   * (`durability: 'disk'`) or handed to the operating system (`'process'`). Throws AppError `store.unavailable`
   * (disk full, locked, I/O: try again) or `store.rejected` (this group can never be stored); then nothing of
   * it is visible. A request whose hash is stored already writes no rows again; tallies are of the whole group,
   * so a group holds no such request beside fresh ones: ask findAnswer() first.
   */
  write(group: IngestGroup): void;
  /** What the sender of a stored request was told: it is re-sending. Undefined when it is not stored. */
  findAnswer(hash: Uint8Array): RequestAnswer | undefined;
  /** Templates known from earlier runs: the miner continues with them. */
  loadTemplates(): readonly LogTemplate[];
  /** Days that were to be read so far and could not be: they are left alone, and the others serve. */
  unreadableDays(): readonly UnreadableDay[];
  /** Upkeep in bounded steps, called off the reply path: merges what is small, forgets old requests. */
  checkpoint(): void;
  /**
   * Removes days: those that ended more than `days` days ago (0: none for their age) and were not written to
   * for as long by the clock of the file system, then the oldest while the store holds more than `bytesMax`
   * bytes (0: no bound). Today and later days stay. Texts of log templates outlive their day. A process killed
   * meanwhile leaves each day whole or gone.
   */
  retain(bounds: RetentionBounds): Retained;
  close(): void;
}

export interface UnreadableDay {
  /** As in StoreStats. */
  readonly day: string;
  readonly message: string;
}

/** Moves what was committed from the engine's log into its files, on another thread than the writer's. */
export interface Checkpointer {
  /** Call it every second or so while there is traffic: the writer itself does only what is left over. */
  run(): CheckpointRun;
}

export interface CheckpointRun {
  readonly pages: number;
  readonly ms: number;
}

export interface RetentionBounds {
  readonly nowUs: number;
  readonly days: number;
  readonly bytesMax: number;
}

export interface Retained {
  /** As in StoreStats, the oldest first. */
  readonly removedDays: readonly string[];
  readonly freedBytes: number;
}

/** Parts of a span block; a scan reads only what it names. `core` is always read. */
export type SpanSection = 'attributes' | 'events' | 'links';

export interface SpanScan {
  readonly range: TimeRange;
  readonly sections: readonly SpanSection[];
  /** Only rows of these services, when given. */
  readonly services?: readonly string[];
  /** The columns' dictionary, when given: ids of all blocks are its own. Else each block has one. */
  readonly strings?: StringDictionary;
  /** Asked for each row of the range once the core is read; a row that is not wanted is neither read further nor visited. */
  readonly isWanted?: (columns: SpanColumns, row: number) => boolean;
}

export interface LogScan {
  readonly range: TimeRange;
  readonly services?: readonly string[];
  /** As in SpanScan. */
  readonly strings?: StringDictionary;
  readonly isWanted?: (columns: LogColumns, row: number) => boolean;
}

export interface TraceQuery {
  readonly range: TimeRange;
  readonly service?: string;
  readonly operation?: string;
  readonly stage?: Stage;
  readonly durationUsMin?: number;
  readonly durationUsMax?: number;
  readonly isError?: boolean;
  /** All must match: as sent, derived or of the resource; compared as text. */
  readonly attributes?: Readonly<Record<string, string>>;
  readonly bot?: string;
  readonly conversation?: string;
  readonly limit: number;
  /** As returned by the page before. */
  readonly cursor?: string;
}

/** What spans are grouped by. An attribute as sent, derived or of the resource, as text. */
export type SpanGrouping =
  | { readonly kind: 'operation' }
  | { readonly kind: 'service' }
  | { readonly kind: 'attribute'; readonly key: string };

export interface SpanGroupQuery {
  readonly range: TimeRange;
  readonly by: SpanGrouping;
  readonly service?: string;
  readonly limit: number;
}

/** Spans with one value; copies of a span (re-sent in other wrapping) count each. */
export interface SpanGroup {
  readonly value: string;
  readonly count: number;
  readonly errorCount: number;
  /** Within 2.2 % of a true duration. */
  readonly durationUsP50: number;
  readonly durationUsP95: number;
}

export interface LogQuery {
  readonly range: TimeRange;
  readonly traceId?: string;
  readonly service?: string;
  readonly templateId?: string;
  readonly severityMin?: number;
  /** Case-insensitive substring of the body's text. */
  readonly text?: string;
  readonly limit: number;
  readonly cursor?: string;
}

export interface SeriesQuery {
  readonly range: TimeRange;
  readonly name?: string;
  readonly service?: string;
  readonly attributes?: Readonly<Record<string, string>>;
  readonly limit: number;
}

/** Points of one series, by time, as stored. */
export interface SeriesPoints {
  readonly series: MetricSeries;
  readonly timesUs: Float64Array;
  /** Number of a gauge or sum; sum of a histogram or summary. */
  readonly values: Float64Array;
  readonly observationCounts: Float64Array;
  /** Flag 1 (no recorded value) and NaN values are left out. */
  readonly exemplars: readonly Exemplar[];
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Present when there is more. */
  readonly nextCursor?: string;
  /** True when the query hit a bound before it had looked at everything, or left damaged blocks out. */
  readonly wasCut: boolean;
  /** Blocks and days that could not be read and were left out; absent when there were none. */
  readonly damagedCount?: number;
}

/** Something stored that cannot be read: a day, or a block of one. The rest of the store stays readable. */
export interface StoreFault {
  /** File, and block within it. */
  readonly place: string;
  readonly message: string;
  /** Times of the rows that are missing from answers, as far as known. */
  readonly range: TimeRange;
}

export interface TallyQuery {
  readonly range: TimeRange;
  readonly service?: string;
  readonly endpointId?: string;
  /** True: also of the slices of endpoints, whose requests count in their endpoint too. */
  readonly slices?: boolean;
}

export interface StoreStats {
  readonly spanCount: number;
  readonly logCount: number;
  readonly pointCount: number;
  readonly profileCount: number;
  readonly sizeBytes: number;
  readonly partitions: readonly { readonly day: string; readonly sizeBytes: number }[];
}

/** Read side. Every query has a time range and a row limit; readers may run in other threads than the writer. */
export interface TelemetryReader {
  /**
   * Calls visit once per block that overlaps the range; `rows` are the matching rows, in the block's order
   * (sorted by trace). The columns belong to the visitor only during the call. Duplicates (same trace and
   * span id, re-sent in other wrapping) are not removed here. Return false to stop. What cannot be read is left
   * out, and told by listFaults().
   */
  scanSpans(
    scan: SpanScan,
    visit: (columns: SpanColumns, rows: Uint32Array) => boolean | undefined,
  ): void;
  scanLogs(
    scan: LogScan,
    visit: (columns: LogColumns, rows: Uint32Array) => boolean | undefined,
  ): void;
  /** As the others; the service is the series'. */
  scanPoints(
    scan: { readonly range: TimeRange; readonly services?: readonly string[] },
    visit: (columns: PointColumns, rows: Uint32Array) => boolean | undefined,
  ): void;
  /** Requests of profiles by time of receipt; with services, those that hold at least one of them, whole. */
  scanProfiles(
    scan: { readonly range: TimeRange; readonly services?: readonly string[] },
    visit: (profiles: RawProfiles) => boolean | undefined,
  ): void;
  /** All spans of a trace by start time, duplicates removed; empty when unknown. `near` narrows the days looked at. */
  readTrace(traceId: string, near?: TimeRange): readonly Span[];
  searchTraces(query: TraceQuery): Page<TraceSummary>;
  /** Most spans first; spans that lack the attribute are in no group. */
  groupSpans(query: SpanGroupQuery): Page<SpanGroup>;
  /** Newest first. */
  searchLogs(query: LogQuery): Page<LogRecord>;
  listSeries(query: SeriesQuery): Page<MetricSeries>;
  readSeries(query: SeriesQuery): Page<SeriesPoints>;
  /** One tally per endpoint and minute, merged over groups, by minute then endpoint id. */
  readTallies(query: TallyQuery): readonly Tally[];
  readTemplateTallies(query: {
    readonly range: TimeRange;
    readonly service?: string;
  }): readonly TemplateTally[];
  listTemplates(query: { readonly service?: string }): readonly LogTemplate[];
  /** Without slices. */
  listEndpoints(range: TimeRange): readonly Endpoint[];
  /** By name; at most LIMITS.servicesListedMax. */
  listServices(range: TimeRange): Page<string>;
  /** Rows in the range, from block headers: an upper bound that reads no block. */
  countRows(range: TimeRange): {
    readonly spans: number;
    readonly logs: number;
    readonly points: number;
    readonly profiles: number;
  };
  stats(): StoreStats;
  /** What this reader came across and could not read, each place once, the first thousand; all times without a range. */
  listFaults(range?: TimeRange): readonly StoreFault[];
  close(): void;
}
