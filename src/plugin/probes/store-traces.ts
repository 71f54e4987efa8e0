/**
 * The traces that checks on stored telemetry compare: which are bad and which good, what kind of request each
 * is, and which of them show a suspect. Built once for all checks of a report; nothing here judges.
 */
import { carriedAttributeOf } from '../../model/attribute-scope.ts';
import type { SuspectPattern } from '../../model/hypothesis.ts';
import type { Clustered } from '../../model/investigation.ts';
import { pairKey } from '../../model/row-groups.ts';
import { NO_ROW, type SpanTable } from '../../model/window.ts';

/** Traces of one period. Arrays are by trace. */
export interface TraceSide {
  readonly table: SpanTable;
  /** Every how many traces one counts: 1 for all. */
  readonly step: number;
  /** The request's own span: of the service that was asked about, else the root; NO_ROW for none. */
  readonly entry: Int32Array;
  /** Same number for the same service and operation of the entry, in both periods. */
  readonly endpoint: Uint32Array;
  /**
   * Same number for the same kind of request: endpoint, and where it goes first. A gateway has one endpoint
   * for everything.
   */
  readonly kind: Uint32Array;
  /** Same number for the same kind of request of the same bot. */
  readonly kindAndBot: Uint32Array;
  /** Rows of a service, ascending. */
  rowsOf(service: number): Uint32Array;
}

export interface StoreTraces {
  readonly window: TraceSide;
  readonly reference: TraceSide | undefined;
  /** Traces of the window to explain. */
  readonly isBad: Uint8Array;
  /** Those without any anomalous span. What is anomalous inside, but met nobody's eye, is neither. */
  readonly isGood: Uint8Array;
}

export function createStoreTraces(clustered: Clustered): StoreTraces {
  const { service } = clustered.request.scope;
  const numbers = { places: new Map(), kinds: new Map(), bots: new Map() };
  const asked = service === undefined ? undefined : clustered.window.spans.strings.find(service);
  const window = sideOf(clustered.window.spans, { asked, numbers });
  const reference = clustered.reference && sideOf(clustered.reference.spans, { asked, numbers });
  return { window, reference, ...markTraces(clustered, window.table, asked) };
}

/** By trace: 1 when it holds a span that shows the suspect. */
export function tracesShowing(suspect: SuspectPattern, side: TraceSide): Uint8Array {
  const { table } = side;
  const shows = new Uint8Array(table.traceIds.length);
  const service = table.strings.find(suspect.service);
  if (service === undefined) return shows;
  const matches = createMatcher(suspect, table);
  if (suspect.callee === undefined) {
    for (const row of side.rowsOf(service)) if (matches(row)) shows[table.trace[row]!] = 1;
    return shows;
  }
  for (const row of side.rowsOf(table.strings.find(suspect.callee) ?? table.strings.size)) {
    const caller = table.parent[row]!;
    const isCall = caller !== NO_ROW && table.service[caller] === service;
    if (isCall && matches(caller)) shows[table.trace[row]!] = 1;
  }
  return shows;
}

/** Compares rows of the suspect's service (not what they call) by string id; a text that the table does not hold matches nothing. */
export function createMatcher(suspect: SuspectPattern, table: SpanTable): (row: number) => boolean {
  const idOf = (text: string | undefined) =>
    text === undefined ? undefined : (table.strings.find(text) ?? NO_ROW);
  const operation = idOf(suspect.operation);
  const target = idOf(suspect.target);
  const errorType = idOf(suspect.errorType);
  const attributes = Object.entries(suspect.attributes ?? {});
  const { selfUsMin = 0, durationUsMin = 0, isError } = suspect;
  return (row) =>
    (operation === undefined || table.operation[row] === operation) &&
    (target === undefined || table.target[row] === target) &&
    (errorType === undefined || table.errorType[row] === errorType) &&
    (isError !== true || table.isError[row] === 1) &&
    table.selfUs[row]! >= selfUsMin &&
    table.durationUs[row]! >= durationUsMin &&
    attributes.every(([key, value]) => carriedAttributeOf(table, row, key) === value);
}

/** A pattern without this names only a place, which sound requests pass as well. */
export function saysWhatIsWrong(suspect: SuspectPattern): boolean {
  const { errorType, isError, selfUsMin, durationUsMin, attributes = {} } = suspect;
  const marks = [errorType, isError, selfUsMin, durationUsMin];
  return marks.some((mark) => mark !== undefined) || Object.keys(attributes).length > 0;
}

/** Numbers from 0 by key; shared by both periods. */
interface Numbers {
  readonly places: Map<number, number>;
  readonly kinds: Map<number, number>;
  readonly bots: Map<number, number>;
}

function sideOf(
  table: SpanTable,
  { asked, numbers }: { readonly asked: number | undefined; readonly numbers: Numbers },
): TraceSide {
  const traceCount = table.traceIds.length;
  const entry = new Int32Array(traceCount).fill(NO_ROW);
  const endpoint = new Uint32Array(traceCount);
  const kind = new Uint32Array(traceCount);
  const kindAndBot = new Uint32Array(traceCount);
  const placeOf = (row: number) =>
    numberOf(pairKey(table.service[row]!, table.operation[row]!), numbers.places);
  for (let trace = 0; trace < traceCount; trace++) {
    const row = entryOf(table, trace, asked);
    entry[trace] = row;
    if (row === NO_ROW) continue;
    endpoint[trace] = placeOf(row);
    const callee = firstCallee(table, trace, row);
    kind[trace] =
      callee === NO_ROW
        ? numberOf(-1 - endpoint[trace]!, numbers.kinds)
        : numberOf(pairKey(endpoint[trace]!, placeOf(callee)), numbers.kinds);
    kindAndBot[trace] = numberOf(pairKey(kind[trace]!, table.bot[row]!), numbers.bots);
  }
  return { table, step: 1, entry, endpoint, kind, kindAndBot, rowsOf: createServiceIndex(table) };
}

/** Rows of a trace stand by start time: the first that qualifies came first. */
function entryOf(table: SpanTable, trace: number, asked: number | undefined): number {
  let root = NO_ROW;
  for (let at = table.traceStart[trace]!; at < table.traceStart[trace + 1]!; at++) {
    const row = table.traceRows[at]!;
    if (table.service[row] === asked) return row;
    if (root === NO_ROW && table.parent[row] === NO_ROW) {
      root = row;
      if (asked === undefined) break;
    }
  }
  return root;
}

/** The first span of another service after the entry, or NO_ROW. */
function firstCallee(table: SpanTable, trace: number, entry: number): number {
  for (let at = table.traceStart[trace]!; at < table.traceStart[trace + 1]!; at++) {
    const row = table.traceRows[at]!;
    const isLater = table.startUs[row]! >= table.startUs[entry]!;
    if (isLater && table.service[row] !== table.service[entry]) return row;
  }
  return NO_ROW;
}

function numberOf(key: number, numbers: Map<number, number>): number {
  const known = numbers.get(key);
  if (known !== undefined) return known;
  numbers.set(key, numbers.size);
  return numbers.size - 1;
}

/** Rows by service, sorted by counting when first asked for: 1 M rows in 8 ms. */
function createServiceIndex(table: SpanTable): (service: number) => Uint32Array {
  let index: { readonly starts: Uint32Array; readonly rows: Uint32Array } | undefined;
  return (service) => {
    index ??= sortByService(table);
    const { starts, rows } = index;
    return rows.subarray(starts[service] ?? rows.length, starts[service + 1] ?? rows.length);
  };
}

function sortByService(table: SpanTable) {
  let last = 0;
  for (let row = 0; row < table.count; row++) last = Math.max(last, table.service[row]!);
  const starts = new Uint32Array(last + 2);
  for (let row = 0; row < table.count; row++) starts[table.service[row]! + 1]!++;
  for (let service = 0; service <= last; service++) starts[service + 1]! += starts[service]!;
  const next = starts.slice();
  const rows = new Uint32Array(table.count);
  for (let row = 0; row < table.count; row++) rows[next[table.service[row]!]!++] = row;
  return { starts, rows };
}

/**
 * The first question that has an answer: which requests were anomalous at the service that was asked about,
 * which at a root, which anywhere.
 */
function markTraces({ clustering }: Clustered, table: SpanTable, asked: number | undefined) {
  const isBad = new Uint8Array(table.traceIds.length);
  const isGood = new Uint8Array(table.traceIds.length).fill(1);
  for (const trace of clustering.anomalousTraces) isGood[trace] = 0;
  const markWhere = (isSymptom: (row: number) => boolean): boolean => {
    let isAny = false;
    for (const row of clustering.anomalousRows) {
      if (!isSymptom(row)) continue;
      isBad[table.trace[row]!] = 1;
      isAny = true;
    }
    return isAny;
  };
  if (asked === undefined || !markWhere((row) => table.service[row] === asked)) {
    if (!markWhere((row) => table.parent[row] === NO_ROW)) markWhere(() => true);
  }
  return { isBad, isGood };
}
