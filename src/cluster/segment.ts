/**
 * Which requests are bad: those that were asked about (of the alerted service, slow or failing as the alert
 * says), divided by the operation and the attributes that set them apart from sound requests. Two incidents
 * at one service come out as two segments, each with its own requests. A segment may be bad in an operation
 * that as a whole is as usual: the search itself pays for having looked everywhere.
 */

import { quantileOfSorted } from '../base/statistics.ts';
import { ANCESTORS_MAX, isInherited } from '../model/attribute-scope.ts';
import type { AttributeCondition, Segment } from '../model/cluster.ts';
import type { StringDictionary } from '../model/dictionary.ts';
import type { Collected } from '../model/investigation.ts';
import { pairKey, sortedValues } from '../model/row-groups.ts';
import { NO_ROW, type SpanTable } from '../model/window.ts';
import { MARK, type Marks } from './anomalous-spans.ts';
import type { ContrastFinder, FoundContrast, Side } from './contrast.ts';

/** A request is slow above this quantile of its operation in the reference … */
const SLOW_QUANTILE = 0.99;
/** … which fewer requests do not tell. */
const REFERENCE_MIN = 20;
/** Requests of each side that are looked at: more than for a cluster, as all operations share them. */
const ROWS_MAX = 4096;
/** Bad requests below which nothing can be said to set them apart. */
const REQUESTS_MIN = 3;

interface Division {
  readonly bad: Side;
  readonly good: Side;
}

export function findSegments(
  collected: Collected,
  { marked, finder }: { readonly marked: Marks; readonly finder: ContrastFinder },
): Segment[] {
  const { reference, request } = collected;
  const table = collected.window.spans;
  const { symptom } = request.scope;
  const bounds = slowBounds(reference?.spans, marked);
  const isFailing = (side: SpanTable, row: number): boolean =>
    symptom !== 'latency' && side.isError[row] === 1;
  const isSlow = (side: SpanTable, row: number): boolean =>
    symptom !== 'error' && side.durationUs[row]! > boundOf(bounds, { side, row });
  const divide = (side: SpanTable): Division => {
    const rows = entryRows(side, request.scope.service);
    const isBad = (row: number) => isFailing(side, row) || isSlow(side, row);
    return {
      bad: { table: side, rows: rows.filter(isBad) },
      good: { table: side, rows: rows.filter((row) => !isBad(row)) },
    };
  };
  const now = divide(table);
  if (now.bad.rows.length < REQUESTS_MIN) return [];
  const before = reference === undefined ? {} : { before: divide(reference.spans) };
  const isTaken = new Uint8Array(table.count);
  return finder
    .find({ ...now, ...before }, { hasOperation: true, rowsMax: ROWS_MAX })
    .map((found) => toSegment(found, { bad: now.bad, isTaken }));
}

/** Bad requests of the segments are anomalous, also where their operation as a whole is as usual. */
export function markSegments(
  segments: readonly Segment[],
  { table, marks }: { readonly table: SpanTable; readonly marks: Uint8Array },
): void {
  for (const { rows } of segments) {
    for (const row of rows) {
      if (marks[row] === 0) marks[row] = table.isError[row] === 1 ? MARK.failed : MARK.slow;
    }
  }
}

/** Rows that stand for requests: of the named service where it was called, else roots. */
function entryRows(table: SpanTable, service: string | undefined): Uint32Array {
  const serviceId = service === undefined ? undefined : table.strings.find(service);
  const rows: number[] = [];
  for (let row = 0; row < table.count; row++) {
    const parent = table.parent[row]!;
    const isEntry =
      serviceId === undefined
        ? parent === NO_ROW
        : table.service[row] === serviceId &&
          (parent === NO_ROW || table.service[parent] !== serviceId);
    if (isEntry) rows.push(row);
  }
  return Uint32Array.from(rows);
}

/** By operation; without a reference as slow as the slow spans of the window that stand out. */
function slowBounds(reference: SpanTable | undefined, marked: Marks): Map<number, number> {
  const bounds = new Map<number, number>();
  if (reference === undefined) return bounds;
  for (const [key, { rows }] of marked.referenceGroups) {
    if (rows.length < REFERENCE_MIN) continue;
    bounds.set(key, quantileOfSorted(sortedValues(reference.durationUs, rows), SLOW_QUANTILE));
  }
  return bounds;
}

function boundOf(
  bounds: ReadonlyMap<number, number>,
  { side, row }: { readonly side: SpanTable; readonly row: number },
): number {
  const bound = bounds.get(pairKey(side.service[row]!, side.operation[row]!));
  return bound ?? Number.POSITIVE_INFINITY;
}

/** With all bad requests that meet the contrast and that no earlier segment has. */
function toSegment(
  { contrast, operation, share }: FoundContrast,
  { bad, isTaken }: { readonly bad: Side; readonly isTaken: Uint8Array },
): Segment {
  const { table } = bad;
  const operationId = operation === undefined ? undefined : table.strings.find(operation);
  const tests = (contrast.conditions ?? []).map((condition) => rowTest(condition, table));
  const rows = bad.rows.filter(
    (row) =>
      isTaken[row] === 0 &&
      (operationId === undefined || table.operation[row] === operationId) &&
      tests.every((isMet) => isMet(row)),
  );
  for (const row of rows) isTaken[row] = 1;
  return {
    service: table.strings.text(table.service[rows[0]!]!), // it explains at least one row
    ...(operation === undefined ? {} : { operation }),
    contrast: Object.keys(contrast.attributes).length === 0 ? undefined : contrast,
    rows,
    share,
  };
}

/** Whether a row, or the nearest ancestor that has the key, meets a condition. Compares by string id. */
function rowTest(condition: AttributeCondition, table: SpanTable): (row: number) => boolean {
  const { strings } = table;
  const keyId = strings.find(condition.key);
  const depthMax = isInherited(condition.key) ? ANCESTORS_MAX : 1;
  const isMet = valueTest(condition, strings);
  return (row) => {
    let at = row;
    for (let depth = 0; at !== NO_ROW && depth < depthMax; depth++) {
      const place = keyId === undefined ? NO_ROW : table.findAttribute(at, keyId);
      if (place !== NO_ROW) return isMet(table.attributeText[place]!);
      at = table.parent[at]!;
    }
    return false;
  };
}

/** Of the text with an id; a number may have been sent as text. */
function valueTest(
  condition: AttributeCondition,
  strings: StringDictionary,
): (textId: number) => boolean {
  if (condition.kind === 'one-of') {
    const ids = new Set(condition.values.map((value) => strings.find(value)));
    return (textId) => ids.has(textId);
  }
  const { bound, kind } = condition;
  const isAtLeast = kind === 'at-least';
  return (textId) => {
    const value = Number(strings.text(textId));
    return isAtLeast ? value >= bound : value < bound;
  };
}
