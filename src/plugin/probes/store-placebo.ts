/**
 * Placebo checks: the cohort comparison applied to what is certainly innocent. How often it confirms there is
 * how little its confirmation is worth. Innocent are places that nobody suspects, and the reference period
 * itself, one half of which plays the incident.
 */
import { quantileOfSorted } from '../../base/statistics.ts';
import type { Placebo, SuspectPattern } from '../../model/hypothesis.ts';
import { pairKey } from '../../model/row-groups.ts';
import { NO_ROW, type SpanTable } from '../../model/window.ts';
import { estimateCohorts, outcomeOf, TRACES_MIN } from './store-cohort.ts';
import { countStrata, type Showing } from './store-strata.ts';
import type { StoreTraces, TraceSide } from './store-traces.ts';

/** What is looked for at a place: that a request comes by at all, or is unusually slow there by itself. */
export type PlaceboShape = 'present' | 'slow';

/** Innocent places that are tried for each shape: enough for a rate of 2 %. */
const PLACES_MAX = 24;
/** Traces of a period that are looked at: a settled comparison does not change with more. */
const TRACES_MAX = 2000;
/** Unusually slow: above what this share of a place's spans take in normal times. */
const SLOW_QUANTILE = 0.95;
/** Spans of normal times from which that is known. */
const SPANS_MIN = 20;

interface PlaceTrial {
  readonly service: number;
  readonly operation: number;
  readonly isConfirmed: boolean;
}

export interface Placebos {
  /** Trials for one suspect; `showing` is where it shows. */
  trialsOf(suspect: SuspectPattern, showing: Showing): Placebo;
}

export function createPlacebos(all: StoreTraces, suspects: readonly SuspectPattern[]): Placebos {
  const traces = sampledOf(all);
  const strings = traces.window.table.strings;
  const isSuspected = (trial: PlaceTrial) =>
    suspects.some(
      ({ service, operation }) =>
        strings.find(service) === trial.service &&
        (operation === undefined || strings.find(operation) === trial.operation),
    );
  const places = new Map<PlaceboShape, readonly PlaceTrial[]>();
  let halves: readonly Uint8Array[] | undefined;
  return {
    trialsOf(suspect, showing) {
      const shape = shapeOf(suspect);
      const known =
        places.get(shape) ?? tryPlaces(traces, shape).filter((one) => !isSuspected(one));
      places.set(shape, known);
      // Whatever ails a service may show at its other operations too: these are not innocent.
      const others = known.filter(({ service }) => service !== strings.find(suspect.service));
      halves ??= pretendIncidents(traces);
      const confirmedHalves = halves.map((isBad) => confirmsIn(traces, isBad, showing));
      const trials = [...others.map(({ isConfirmed }) => isConfirmed), ...confirmedHalves];
      return { confirmed: trials.filter(Boolean).length, tried: trials.length };
    },
  };
}

/** Half a confirmation more in one trial more: "never seen in 20" is not "impossible", it is 2.4 %. */
export function placeboRate({ confirmed, tried }: Placebo): number {
  return (confirmed + 0.5) / (tried + 1);
}

function shapeOf({ selfUsMin, durationUsMin }: SuspectPattern): PlaceboShape {
  return selfUsMin === undefined && durationUsMin === undefined ? 'present' : 'slow';
}

interface Place {
  readonly service: number;
  readonly operation: number;
  readonly rows: number[];
  readonly referenceRows: number[];
}

/** The places that most of the looked-at traces pass, each asked the suspect's question. */
function tryPlaces(traces: StoreTraces, shape: PlaceboShape): PlaceTrial[] {
  const { window, reference } = traces;
  const places = new Map<number, Place>();
  collectRows(window, places, 'rows');
  if (reference !== undefined) collectRows(reference, places, 'referenceRows');
  return [...places]
    .filter(([, { rows }]) => rows.length >= TRACES_MIN)
    .sort(([a, { rows: left }], [b, { rows: right }]) => right.length - left.length || a - b)
    .slice(0, PLACES_MAX)
    .flatMap(([, place]) => {
      const showing = showingOf(place, traces, shape);
      if (showing === undefined) return [];
      const { service, operation } = place;
      return [{ service, operation, isConfirmed: isConfirmed(traces, showing) }];
    });
}

/** Every n-th trace of a period, so that at most TRACES_MAX are looked at. */
function strideOf(table: SpanTable): number {
  return Math.max(1, Math.ceil(table.traceIds.length / TRACES_MAX));
}

function collectRows(
  { table }: TraceSide,
  places: Map<number, Place>,
  side: 'rows' | 'referenceRows',
): void {
  const stride = strideOf(table);
  for (let trace = 0; trace < table.traceIds.length; trace += stride) {
    for (let at = table.traceStart[trace]!; at < table.traceStart[trace + 1]!; at++) {
      const row = table.traceRows[at]!;
      const service = table.service[row]!;
      const operation = table.operation[row]!;
      const key = pairKey(service, operation);
      let place = places.get(key);
      if (place === undefined) {
        place = { service, operation, rows: [], referenceRows: [] };
        places.set(key, place);
      }
      place[side].push(row);
    }
  }
}

/** Undefined when nobody knows what is slow here. */
function showingOf(place: Place, traces: StoreTraces, shape: PlaceboShape): Showing | undefined {
  const { window, reference } = traces;
  const boundUs = shape === 'slow' ? slowBoundUs(place, traces) : Number.NEGATIVE_INFINITY;
  if (boundUs === undefined) return undefined;
  const mark = (table: SpanTable, rows: readonly number[]) => {
    const shows = new Uint8Array(table.traceIds.length);
    for (const row of rows) if (table.selfUs[row]! > boundUs) shows[table.trace[row]!] = 1;
    return shows;
  };
  return {
    window: mark(window.table, place.rows),
    reference: reference && mark(reference.table, place.referenceRows),
  };
}

function slowBoundUs(place: Place, { window, reference, isGood }: StoreTraces): number | undefined {
  const usual =
    reference === undefined
      ? place.rows
          .filter((row) => isGood[window.table.trace[row]!] === 1)
          .map((row) => window.table.selfUs[row]!)
      : place.referenceRows.map((row) => reference.table.selfUs[row]!);
  if (usual.length < SPANS_MIN) return undefined;
  return quantileOfSorted(Float64Array.from(usual).sort(), SLOW_QUANTILE);
}

/** The same traces of which only some are looked at: 24 places of 1 M + 1 M spans in a tenth of the time. */
function sampledOf({ window, reference, ...marks }: StoreTraces): StoreTraces {
  const sampled = (side: TraceSide): TraceSide => ({ ...side, step: strideOf(side.table) });
  return { ...marks, window: sampled(window), reference: reference && sampled(reference) };
}

function isConfirmed(traces: StoreTraces, showing: Showing): boolean {
  const { strata } = countStrata(traces, showing, 'all');
  return outcomeOf(estimateCohorts(strata)) === 'confirm';
}

/**
 * Each half of the reference once as the incident: its slowest and failed requests, as large a share as are
 * bad in the window, play the bad ones. Marks by trace of the reference: 1 bad, 0 good.
 */
function pretendIncidents({ window, reference, isBad }: StoreTraces): readonly Uint8Array[] {
  if (reference === undefined || isBad.length === 0) return [];
  const { table, step, entry, endpoint } = reference;
  const order = Array.from(entry.keys())
    .filter((trace) => trace % step === 0 && entry[trace] !== NO_ROW)
    .sort((a, b) => table.startUs[entry[a]!]! - table.startUs[entry[b]!]! || a - b);
  const middle = order.length >> 1;
  const badShare = isBad.reduce((sum, bad) => sum + bad, 0) / window.table.traceIds.length;
  if (middle * Math.min(badShare, 0.5) < TRACES_MIN) return [];
  return [order.slice(0, middle), order.slice(middle)].map((half) => {
    const badness = (trace: number): number => {
      const row = entry[trace]!;
      return table.isError[row] === 1 ? Number.MAX_VALUE : table.durationUs[row]!;
    };
    const marks = new Uint8Array(entry.length);
    for (const members of groupBy(half, (trace) => endpoint[trace]!).values()) {
      members.sort((a, b) => badness(b) - badness(a) || a - b);
      const count = Math.round(members.length * Math.min(badShare, 0.5));
      for (const trace of members.slice(0, count)) marks[trace] = 1;
    }
    return marks;
  });
}

function groupBy(traces: readonly number[], keyOf: (trace: number) => number) {
  const groups = new Map<number, number[]>();
  for (const trace of traces) {
    const group = groups.get(keyOf(trace));
    if (group) group.push(trace);
    else groups.set(keyOf(trace), [trace]);
  }
  return groups;
}

function confirmsIn({ reference }: StoreTraces, isBad: Uint8Array, showing: Showing): boolean {
  if (reference === undefined || showing.reference === undefined) return false;
  const isGood = isBad.map((bad) => 1 - bad);
  return isConfirmed(
    { window: reference, reference: undefined, isBad, isGood },
    { window: showing.reference, reference: undefined },
  );
}
