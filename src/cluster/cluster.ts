/**
 * Second step of an investigation: the window's anomalous spans, grouped by signature, each group with the
 * attribute values that set it apart. It names what is wrong and where, not why.
 */
import { LIMITS } from '../base/limits.ts';
import { medianOf } from '../base/statistics.ts';
import type { Cluster, Clustering, Contrast, Signature } from '../model/cluster.ts';
import type { Collected } from '../model/investigation.ts';
import { pairKey, sortedValues } from '../model/row-groups.ts';
import { endpointIdOf } from '../model/tally.ts';
import { STAGES } from '../model/vocabulary.ts';
import type { SpanTable } from '../model/window.ts';
import { MARK, type Marks, markAnomalousSpans } from './anomalous-spans.ts';
import { classifyClusters } from './classes.ts';
import { ContrastFinder, type Side } from './contrast.ts';
import { findSegments, markSegments } from './segment.ts';

/** Sound spans of the window below which an operation is contrasted with the reference instead. */
const OTHERS_MIN = 5;
/** Rows of each side in which a cluster's contrasts are looked for: a share is then known to ±3 %. */
const CONTRAST_ROWS_MAX = 1024;

export function clusterSpans(collected: Collected): Clustering {
  const table = collected.window.spans;
  const marked = markAnomalousSpans(collected);
  const finder = new ContrastFinder(table.strings);
  const segments = findSegments(collected, { marked, finder });
  markSegments(segments, { table, marks: marked.marks });
  const anomalousRows = rowsMarked(marked.marks);
  const groups = groupBySignature(table, anomalousRows, marked.marks);
  const listed = groups.slice(0, LIMITS.clustersMax);
  const clusters = listed.map((group, index) =>
    buildCluster(group, { index, collected, marked, finder, anomalousCount: anomalousRows.length }),
  );
  const covered = listed.reduce((sum, group) => sum + group.rows.length, 0);
  return {
    clusters,
    classes: classifyClusters({
      table,
      rows: anomalousRows,
      clusters,
      clusterOf: clusterByPlace(anomalousRows, listed),
    }),
    coverage: anomalousRows.length === 0 ? 0 : covered / anomalousRows.length,
    anomalousCount: anomalousRows.length,
    anomalousRows,
    anomalousTraces: tracesOf(table, anomalousRows),
    segments,
  };
}

/** By place in `rows`: index of the listed group that the row is in, or −1. */
function clusterByPlace(rows: Uint32Array, groups: readonly SignatureGroup[]): Int32Array {
  const clusterOfRow = new Int32Array((rows.at(-1) ?? -1) + 1).fill(-1);
  groups.forEach((group, index) => {
    for (const row of group.rows) clusterOfRow[row] = index;
  });
  return Int32Array.from(rows, (row) => clusterOfRow[row]!);
}

interface SignatureGroup {
  readonly signature: Signature;
  readonly isError: boolean;
  readonly rows: number[];
  /** Rows that are slow by their own time or failed: closer to the cause than those that only wait. */
  ownCount: number;
}

function rowsMarked(marks: Uint8Array): Uint32Array {
  const rows: number[] = [];
  for (let row = 0; row < marks.length; row++) if (marks[row] !== 0) rows.push(row);
  return Uint32Array.from(rows);
}

function tracesOf(table: SpanTable, rows: Uint32Array): Uint32Array {
  const traces = new Set<number>();
  for (const row of rows) traces.add(table.trace[row]!);
  return Uint32Array.from(traces).sort();
}

/** Largest first; among equals those with most own time, then by text: the order never depends on rows. */
function groupBySignature(
  table: SpanTable,
  rows: Uint32Array,
  marks: Uint8Array,
): SignatureGroup[] {
  const groups = new Map<string, SignatureGroup>();
  for (const row of rows) {
    const isError = (marks[row]! & MARK.failed) !== 0;
    const errorType = isError ? table.errorType[row]! : 0;
    const id = `${table.stage[row]}|${table.service[row]}|${table.operation[row]}|${errorType}|${table.target[row]}|${isError}`;
    let group = groups.get(id);
    if (group === undefined) {
      group = { signature: signatureOf(table, row, errorType), isError, rows: [], ownCount: 0 };
      groups.set(id, group);
    }
    group.rows.push(row);
    if ((marks[row]! & (MARK.failed | MARK.slowItself)) !== 0) group.ownCount++;
  }
  return [...groups.values()].sort(
    (a, b) =>
      b.rows.length - a.rows.length ||
      b.ownCount - a.ownCount ||
      compareText(signatureText(a), signatureText(b)),
  );
}

function signatureOf(table: SpanTable, row: number, errorType: number): Signature {
  return {
    stage: STAGES[table.stage[row]!] ?? 'other',
    service: table.strings.text(table.service[row]!),
    operation: table.strings.text(table.operation[row]!),
    errorType: table.strings.text(errorType),
    target: table.strings.text(table.target[row]!),
  };
}

function signatureText({ signature, isError }: SignatureGroup): string {
  const { stage, service, operation, errorType, target } = signature;
  return [service, operation, errorType, target, stage, isError].join('\0');
}

function buildCluster(
  group: SignatureGroup,
  context: {
    readonly index: number;
    readonly collected: Collected;
    readonly marked: Marks;
    readonly finder: ContrastFinder;
    readonly anomalousCount: number;
  },
): Cluster {
  const { collected, marked } = context;
  const table = collected.window.spans;
  const rows = Uint32Array.from(group.rows);
  const { service, operation } = group.signature;
  const key = pairKey(table.service[rows[0]!]!, table.operation[rows[0]!]!); // a group has rows
  const referenceRows = marked.referenceGroups.get(key)?.rows;
  const reference =
    collected.reference && referenceRows
      ? { table: collected.reference.spans, rows: referenceRows }
      : undefined;
  const sound = (marked.windowGroups.get(key)?.rows ?? rows).filter(
    (row) => marked.marks[row] === 0,
  );
  return {
    clusterId: `c${context.index + 1}`,
    signature: group.signature,
    kind: group.isError ? 'error' : 'latency',
    share: rows.length / context.anomalousCount,
    count: rows.length,
    endpointId: endpointIdOf(service, operation),
    contrasts: contrastsOf(group, {
      finder: context.finder,
      sound: { table, rows: sound },
      reference,
    }),
    exemplars: exemplarsOf(table, rows, group.isError),
    firstSeenUs: rows.reduce((min, row) => Math.min(min, table.startUs[row]!), Number.MAX_VALUE),
    selfUsP50: medianOf(sortedValues(table.selfUs, rows)),
    referenceSelfUsP50: reference
      ? medianOf(sortedValues(reference.table.selfUs, reference.rows))
      : Number.NaN,
  };
}

function contrastsOf(
  { rows: list, isError }: SignatureGroup,
  sides: {
    readonly finder: ContrastFinder;
    readonly sound: Side;
    readonly reference: Side | undefined;
  },
): Contrast[] {
  const { finder, sound, reference } = sides;
  const bad = { table: sound.table, rows: Uint32Array.from(list) };
  const isReplaced = sound.rows.length < OTHERS_MIN && reference !== undefined;
  const good = isReplaced ? reference : sound;
  const before = reference && !isReplaced ? { before: divided(reference, { bad, isError }) } : {};
  return finder
    .find({ bad, good, ...before }, { hasOperation: false, rowsMax: CONTRAST_ROWS_MAX })
    .map((one) => one.contrast);
}

/** The reference's rows that would count as bad here: failed with the same error, or as slow as the fastest. */
function divided(
  { table, rows }: Side,
  { bad, isError }: { readonly bad: Side; readonly isError: boolean },
): { readonly bad: Side; readonly good: Side } {
  const errorType = bad.table.errorType[bad.rows[0]!]; // a group has rows
  let slowUs = Number.POSITIVE_INFINITY;
  for (const row of bad.rows) slowUs = Math.min(slowUs, bad.table.durationUs[row]!);
  const isBad = (row: number): boolean =>
    isError
      ? table.isError[row] === 1 && table.errorType[row] === errorType
      : table.durationUs[row]! >= slowUs;
  return {
    bad: { table, rows: rows.filter(isBad) },
    good: { table, rows: rows.filter((row) => !isBad(row)) },
  };
}

/** Traces to look at first: the slowest, or the first to fail; one span a trace. */
function exemplarsOf(table: SpanTable, rows: Uint32Array, isError: boolean): string[] {
  const traceIdOf = (row: number): string => table.traceIds[table.trace[row]!] ?? '';
  const sorted = Array.from(rows).sort(
    (a, b) =>
      (isError
        ? table.startUs[a]! - table.startUs[b]!
        : table.durationUs[b]! - table.durationUs[a]!) || compareText(traceIdOf(a), traceIdOf(b)),
  );
  const traceIds = new Set<string>();
  for (const row of sorted) {
    traceIds.add(traceIdOf(row));
    if (traceIds.size === LIMITS.exemplarsPerClusterMax) break;
  }
  return [...traceIds];
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
