/**
 * What the tests of a rule see: the spans, logs, series and changes of one service (one called target, one
 * version of it), now and in the reference. Built once per investigation, sliced per rule.
 */
import { LIMITS } from '../base/limits.ts';
import type { TimeRange } from '../base/time.ts';
import type { ChangeEvent } from '../model/anomaly.ts';
import type { Clustered } from '../model/investigation.ts';
import { LogTable, NO_ROW, type SeriesWindow, type WindowData } from '../model/window.ts';
import type { RegexMemo } from './filter.ts';
import { SpanFields } from './span-fields.ts';

/** Attributes that name the version of a bot or service, best first; after them service.version. */
export const VARIANT_KEYS = [
  'feature_flag.result.variant',
  'bot.variant',
  'service.version',
] as const;

/** One period as a rule sees it. */
export interface Side {
  readonly range: TimeRange;
  /** Parts of the period's traces and log lines that were read, as in WindowData. */
  readonly keptShare: number;
  readonly keptLogShare: number;
  readonly fields: SpanFields;
  /** Rows of the span table. */
  readonly rows: Uint32Array;
  readonly logs: LogTable;
  readonly logRows: Uint32Array;
  readonly series: readonly SeriesWindow[];
  readonly changes: readonly ChangeEvent[];
  readonly memo: RegexMemo;
  readonly logMemo: RegexMemo;
  readonly templateTextIds: ReadonlyMap<number, number>;
}

/** A place in the system that a rule is tried on. */
export interface Scope {
  readonly service: string;
  readonly target?: string;
  readonly variant?: { readonly key: string; readonly value: string };
  readonly now: Side;
  /** Absent when nothing is known of normal times. */
  readonly reference?: Side;
  /** Other versions of the service, now. */
  readonly others?: Side;
}

/** Spans of a table by service, and what the slices need of each. */
class SpanIndex {
  readonly fields: SpanFields;
  readonly #rowsByService = new Map<number, Uint32Array>();
  #targets: Uint32Array | undefined;

  constructor(fields: SpanFields) {
    this.fields = fields;
    const { table } = fields;
    const counts = new Map<number, number>();
    for (let row = 0; row < table.count; row++) {
      const service = table.service[row]!;
      counts.set(service, (counts.get(service) ?? 0) + 1);
    }
    const fill = new Map<number, number>();
    for (const [service, count] of counts) this.#rowsByService.set(service, new Uint32Array(count));
    for (let row = 0; row < table.count; row++) {
      const service = table.service[row]!;
      const at = fill.get(service) ?? 0;
      this.#rowsByService.get(service)![at] = row; // every service was counted above
      fill.set(service, at + 1);
    }
  }

  rowsOf(service: string): Uint32Array {
    const id = this.fields.table.strings.find(service);
    return (id === undefined ? undefined : this.#rowsByService.get(id)) ?? new Uint32Array(0);
  }

  services(): readonly number[] {
    return [...this.#rowsByService.keys()].filter((id) => id !== 0);
  }

  /**
   * Version of a service by trace, as its entry span says: spans inside often do not carry it. Traces whose
   * entry names none are left out.
   */
  variantsByTrace(service: string, key: string): ReadonlyMap<number, string> {
    const { table } = this.fields;
    const variants = new Map<number, string>();
    for (const row of this.rowsOf(service)) {
      const parent = table.parent[row]!;
      if (parent !== NO_ROW && table.service[parent] === table.service[row]) continue;
      const value = table.attributeOf(row, key) ?? '';
      if (value !== '' && !variants.has(table.trace[row]!)) variants.set(table.trace[row]!, value);
    }
    return variants;
  }

  /** Own target of a span, else that of its nearest ancestor in the same service; 0 for none. */
  targetOf(row: number): number {
    const { table } = this.fields;
    this.#targets ??= new Uint32Array(table.count);
    for (let at = row; at !== NO_ROW && table.service[at] === table.service[row]; ) {
      const known = this.#targets[at]! || table.target[at]!;
      if (known !== 0) {
        this.#targets[row] = known;
        return known;
      }
      at = table.parent[at]!;
    }
    return 0;
  }
}

export class EvidenceData {
  readonly clustered: Clustered;
  readonly window: SpanIndex;
  readonly #reference: SpanIndex | undefined;
  readonly #isAnomalousTrace: Uint8Array;
  readonly #memos = new Map<unknown, RegexMemo>();
  readonly #logRows = new Map<LogTable, Map<string, Uint32Array>>();
  readonly #templateTextIds: ReadonlyMap<number, number>;

  constructor(clustered: Clustered) {
    const { window, reference, clustering } = clustered;
    this.clustered = clustered;
    this.window = new SpanIndex(new SpanFields(window.spans, clustering.anomalousRows));
    this.#reference =
      reference && reference.spans.count > 0
        ? new SpanIndex(new SpanFields(reference.spans))
        : undefined;
    this.#isAnomalousTrace = new Uint8Array(window.spans.traceIds.length);
    for (const trace of clustering.anomalousTraces) this.#isAnomalousTrace[trace] = 1;
    this.#templateTextIds = templateTextIdsOf(clustered);
  }

  /** Rows of a service in traces that hold an anomalous span. */
  anomalousRowsOf(service: string): Uint32Array {
    return this.#windowRowsOf(service, true);
  }

  serviceScope(service: string): Scope {
    return this.#scope({ service }, { now: this.anomalousRowsOf(service), keep: () => true });
  }

  /** Only the calls to one target and what lies inside them. */
  targetScope(service: string, target: string): Scope {
    const targetId = this.clustered.window.spans.strings.find(target) ?? 0;
    const keep = (index: SpanIndex, row: number) => index.targetOf(row) === targetId;
    const now = this.anomalousRowsOf(service).filter((row) => keep(this.window, row));
    return this.#scope({ service, target }, { now, keep });
  }

  /** All spans of one version, anomalous or not, beside those of the other versions. */
  variantScope(service: string, variant: { readonly key: string; readonly value: string }): Scope {
    const ofVersion = (index: SpanIndex, isWanted: (value: string) => boolean) => {
      const byTrace = index.variantsByTrace(service, variant.key);
      const { trace } = index.fields.table;
      return (row: number) => isWanted(byTrace.get(trace[row]!) ?? '');
    };
    const keepers = new Map<SpanIndex, (row: number) => boolean>();
    const keep = (index: SpanIndex, row: number) => {
      const keeper = keepers.get(index) ?? ofVersion(index, (value) => value === variant.value);
      keepers.set(index, keeper);
      return keeper(row);
    };
    const all = this.window.rowsOf(service);
    const now = all.filter((row) => keep(this.window, row));
    const isOther = ofVersion(this.window, (value) => value !== '' && value !== variant.value);
    const scope = this.#scope({ service, variant }, { now, keep });
    return { ...scope, others: { ...scope.now, rows: thinned(this.window, all.filter(isOther)) } };
  }

  /** Versions of a service seen in the window, under the best attribute that tells any two apart. */
  variantsOf(service: string): readonly { readonly key: string; readonly value: string }[] {
    for (const key of VARIANT_KEYS) {
      const values = [...new Set(this.window.variantsByTrace(service, key).values())].sort();
      if (values.length >= 2) {
        return values.slice(0, LIMITS.ruleScopesMax).map((value) => ({ key, value }));
      }
    }
    return [];
  }

  #scope(
    place: Pick<Scope, 'service' | 'target' | 'variant'>,
    options: {
      readonly now: Uint32Array;
      readonly keep: (index: SpanIndex, row: number) => boolean;
    },
  ): Scope {
    const { window, reference } = this.clustered;
    const now = this.#side(window, {
      service: place.service,
      index: this.window,
      rows: options.now,
    });
    const before = this.#referenceRows(place.service);
    const rows = before.rows.filter((row) => options.keep(before.index, row));
    const side = this.#side(reference ?? withoutSignals(window), {
      service: place.service,
      index: before.index,
      rows,
    });
    return { ...place, now, reference: side };
  }

  /** Without a reference period, the traces of the window that hold nothing anomalous stand in for it. */
  #referenceRows(service: string): { readonly index: SpanIndex; readonly rows: Uint32Array } {
    return this.#reference
      ? { index: this.#reference, rows: this.#reference.rowsOf(service) }
      : { index: this.window, rows: this.#windowRowsOf(service, false) };
  }

  #windowRowsOf(service: string, isAnomalous: boolean): Uint32Array {
    const wanted = isAnomalous ? 1 : 0;
    const { trace } = this.window.fields.table;
    return this.window
      .rowsOf(service)
      .filter((row) => this.#isAnomalousTrace[trace[row]!] === wanted);
  }

  #side(
    data: SideData,
    options: { readonly service: string; readonly index: SpanIndex; readonly rows: Uint32Array },
  ): Side {
    const { service, index } = options;
    return {
      range: data.range,
      keptShare: data.keptShare ?? 1,
      keptLogShare: data.keptLogShare ?? 1,
      fields: index.fields,
      rows: thinned(index, options.rows),
      logs: data.logs,
      logRows: this.#logRowsOf(data.logs, service),
      series: data.series.filter((series) => series.service === service),
      changes: this.clustered.changes.filter(
        (change) => change.service === undefined || change.service === service,
      ),
      memo: this.#memoOf(index.fields.table.strings),
      logMemo: this.#memoOf(data.logs.strings),
      templateTextIds: this.#templateTextIds,
    };
  }

  #logRowsOf(logs: LogTable, service: string): Uint32Array {
    const byService = this.#logRows.get(logs) ?? new Map<string, Uint32Array>();
    this.#logRows.set(logs, byService);
    const rows = byService.get(service) ?? logRowsOf(logs, service);
    byService.set(service, rows);
    return rows;
  }

  #memoOf(strings: unknown): RegexMemo {
    const memo = this.#memos.get(strings) ?? new Map();
    this.#memos.set(strings, memo);
    return memo;
  }
}

type SideData = Pick<WindowData, 'range' | 'keptShare' | 'keptLogShare' | 'logs' | 'series'>;

/** A period of which neither logs nor metrics are known. */
function withoutSignals(window: WindowData): SideData {
  return { ...window, logs: new LogTable(window.logs.strings), series: [] };
}

function logRowsOf(logs: LogTable, service: string): Uint32Array {
  const id = logs.strings.find(service);
  if (id === undefined) return new Uint32Array(0);
  const rows: number[] = [];
  for (let row = 0; row < logs.count; row++) if (logs.service[row] === id) rows.push(row);
  return Uint32Array.from(rows);
}

/** Every k-th trace when the rows are too many, so that whole traces stay together. */
function thinned(index: SpanIndex, rows: Uint32Array): Uint32Array {
  const step = Math.ceil(rows.length / LIMITS.ruleScopeRowsMax);
  if (step <= 1) return rows;
  const { trace } = index.fields.table;
  return rows.filter((row) => trace[row]! % step === 0);
}

/** String id of a template's id → string id of its text, in the dictionary of the window's logs. */
function templateTextIdsOf(clustered: Clustered): ReadonlyMap<number, number> {
  const { strings } = clustered.window.logs;
  const ids = new Map<number, number>();
  for (const template of clustered.templates.values()) {
    const id = strings.find(template.templateId);
    if (id !== undefined) ids.set(id, strings.idOfString(template.text));
  }
  return ids;
}
