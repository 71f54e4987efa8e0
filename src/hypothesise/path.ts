/**
 * From suspects to the requests that show them: which calls lead from the symptom to the culprit, what its
 * spans fail with and talk to, since when, and which requests alone are hit. It names causes more exactly and
 * weighs nothing.
 */
import { LIMITS } from '../base/limits.ts';
import type { Contrast } from '../model/cluster.ts';
import type { CausePath, Culprit, Hop } from '../model/hypothesis.ts';
import { pairKey } from '../model/row-groups.ts';
import { NO_ROW, type SpanTable } from '../model/window.ts';
import { attributesOf } from './contrast.ts';
import type { Facts } from './facts.ts';
import type { Suspect } from './merge.ts';
import { compareText } from './suspicion.ts';

/** Bad spans of a suspect that are followed up; further ones are skipped evenly. */
const ROWS_MAX = 512;
/** Where this share of a suspect's bad requests is of one segment, the cause is the segment's … */
const CONFINED_SHARE_MIN = 0.9;
/** … if it has so many sound calls besides: who serves nobody else is not confined to the segment. */
const SOUND_CALLS_MIN = 5;
/** Attributes that hold the address of what a span calls, newest convention first. */
const PEER_KEYS = ['server.address', 'net.peer.name', 'peer.service', 'network.peer.address'];
/** In place of an operation: the service as a whole. */
const ANY_OPERATION = 0;

export interface Followed {
  readonly path: CausePath | undefined;
  /** The suspect's culprit, with the attributes of the only requests that meet it. */
  readonly culprit: Culprit;
}

/** By place in `suspects`. */
export function followSuspects(suspects: readonly Suspect[], facts: Facts): Followed[] {
  const rowsOfPlace = badRowsByPlace(suspects, facts);
  return suspects.map(({ culprit }) => {
    const rows = thinned(rowsOfPlace.get(placeOf(culprit, facts.table)) ?? []);
    if (rows.length === 0) return { path: undefined, culprit };
    return { path: pathOf(rows, facts), culprit: narrowed(culprit, { rows, facts }) };
  });
}

function placeOf({ service, operation }: Culprit, { strings }: SpanTable): number {
  const operationId = operation === undefined ? ANY_OPERATION : (strings.find(operation) ?? -1);
  return pairKey(strings.find(service) ?? -1, operationId);
}

/** Anomalous rows of bad traces at the places of suspects. */
function badRowsByPlace(suspects: readonly Suspect[], facts: Facts): Map<number, number[]> {
  const { clustered, table } = facts;
  const rowsOfPlace = new Map(
    suspects.map(({ culprit }): [number, number[]] => [placeOf(culprit, table), []]),
  );
  for (const row of clustered.clustering.anomalousRows) {
    if (facts.isBadTrace[table.trace[row]!] === 0) continue;
    const service = table.service[row]!;
    rowsOfPlace.get(pairKey(service, ANY_OPERATION))?.push(row);
    rowsOfPlace.get(pairKey(service, table.operation[row]!))?.push(row);
  }
  return rowsOfPlace;
}

function thinned(rows: readonly number[]): readonly number[] {
  if (rows.length <= ROWS_MAX) return rows;
  return Array.from(
    { length: ROWS_MAX },
    (_, at) => rows[Math.floor((at * rows.length) / ROWS_MAX)]!,
  );
}

function pathOf(rows: readonly number[], facts: Facts): CausePath {
  const { table } = facts;
  const failed = rows.filter((row) => table.isError[row] === 1);
  const isFailure = failed.length > rows.length / 2;
  const type = isFailure ? commonest(failed, (row) => textOf(table, table.errorType[row]!)) : '';
  const message = isFailure
    ? commonest(failed, (row) => textOf(table, table.errorMessage[row]!))
    : '';
  const peer = commonest(rows, (row) => peerOf(table, row));
  return {
    chain: chainOf(rows, facts),
    ...(type === '' && message === '' ? {} : { error: { type, message } }),
    ...(peer === '' ? {} : { peer }),
    onsetUs: rows.reduce((min, row) => Math.min(min, table.startUs[row]!), Number.MAX_VALUE),
  };
}

/** The commonest text that is not empty, or the empty text; ties by text. */
function commonest(rows: readonly number[], textOfRow: (row: number) => string): string {
  const counts = new Map<string, number>();
  for (const row of rows) {
    const text = textOfRow(row);
    if (text !== '') counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  const [first] = [...counts].sort(([a, n], [b, m]) => m - n || compareText(a, b));
  return first?.[0] ?? '';
}

function textOf(table: SpanTable, id: number): string {
  return table.strings.text(id);
}

/** Of spans that call something; a server's own address is nobody's peer. */
function peerOf(table: SpanTable, row: number): string {
  if (table.target[row] === 0) return '';
  for (const key of PEER_KEYS) {
    const address = table.attributeOf(row, key);
    if (address !== undefined) return address;
  }
  return '';
}

/** The way that most of the rows were reached: the first operation in each service on it. */
function chainOf(rows: readonly number[], { table, clustered }: Facts): Hop[] {
  const { service } = clustered.request.scope;
  const asked = service === undefined ? undefined : table.strings.find(service);
  const ways = new Map<string, readonly number[]>();
  const way = commonest(rows, (row) => {
    const entries = entriesAbove(row, { table, asked });
    const id = entries.map((at) => `${table.service[at]} ${table.operation[at]}`).join('/');
    if (!ways.has(id)) ways.set(id, entries);
    return id;
  });
  const hops = (ways.get(way) ?? []).map(
    (at): Hop => ({
      service: textOf(table, table.service[at]!),
      operation: textOf(table, table.operation[at]!),
    }),
  );
  const max = LIMITS.chainHopsMax;
  return hops.length <= max ? hops : [...hops.slice(0, max / 2), ...hops.slice(-max / 2)];
}

/**
 * Rows above a row at which its request enters a service, topmost first. They begin at the service that was
 * asked about, when the request comes through it: what is above is no part of the way to the cause.
 */
function entriesAbove(
  row: number,
  { table, asked }: { readonly table: SpanTable; readonly asked: number | undefined },
): number[] {
  const entries: number[] = [];
  for (let at = table.parent[row]!; at !== NO_ROW; at = table.parent[at]!) {
    const parent = table.parent[at]!;
    if (parent === NO_ROW || table.service[parent] !== table.service[at]) entries.push(at);
  }
  entries.reverse();
  const begin = entries.findIndex((at) => table.service[at] === asked);
  return begin === -1 ? entries : entries.slice(begin);
}

/** A culprit that only the requests of one segment meet is to blame for these: it takes their attributes. */
function narrowed(
  culprit: Culprit,
  { rows, facts }: { readonly rows: readonly number[]; readonly facts: Facts },
): Culprit {
  const { table, clustered } = facts;
  for (const segment of clustered.clustering.segments ?? []) {
    if (segment.contrast === undefined) continue;
    const traces = new Set(Array.from(segment.rows, (row) => table.trace[row]!));
    const inside = rows.filter((row) => traces.has(table.trace[row]!));
    if (inside.length < CONFINED_SHARE_MIN * rows.length) continue;
    if (hasSoundCalls(rows[0]!, { traces, facts })) {
      return withSegment(culprit, segment.contrast);
    }
  }
  return culprit;
}

/** Whether the operation of a row serves other requests well. */
function hasSoundCalls(
  row: number,
  { traces, facts }: { readonly traces: ReadonlySet<number>; readonly facts: Facts },
): boolean {
  const { table, isAnomalous, operationByKey } = facts;
  const fact = operationByKey.get(pairKey(table.service[row]!, table.operation[row]!));
  let count = 0;
  for (const other of fact?.group.rows ?? []) {
    if (isAnomalous[other] === 1 || traces.has(table.trace[other]!)) continue;
    if (++count === SOUND_CALLS_MIN) return true;
  }
  return false;
}

/** What was known of the culprit itself comes first. */
function withSegment(culprit: Culprit, contrast: Contrast): Culprit {
  const segment = attributesOf(contrast);
  const own = culprit.attributes ?? {};
  const further = (segment.conditions ?? []).filter(({ key }) => !(key in own));
  const conditions = [...(culprit.conditions ?? []), ...further];
  return {
    ...culprit,
    attributes: { ...segment.attributes, ...own },
    ...(conditions.length === 0 ? {} : { conditions }),
  };
}
