/**
 * Which spans are alike, so that their times can be compared between periods: each row of a table gets the
 * number of its context. Part of src/hypothesise/place.ts.
 */
import { NO_ROW, type SpanTable } from '../model/window.ts';
import { PairCache } from '../tally/pair-cache.ts';
import { isCall, type RequestTimes } from './request-time.ts';

export interface Period {
  readonly table: SpanTable;
  readonly times: RequestTimes;
}

/** Spans alike: the same operation, under the same caller or with the same answer. */
export interface Context {
  /** Number of the place it belongs to. */
  readonly place: number;
  readonly kind: 'own' | 'way';
  readonly serviceId: number;
  readonly operationId: number;
  /** Service that answers; 0 for an own time. */
  readonly calleeId: number;
}

const NO_CONTEXT = -1;

/** Numbers operations, contexts and places of both periods alike; one look-up of two small numbers a row. */
export class ContextIndex {
  readonly contexts: Context[] = [];
  readonly #operations = new PairCache<number>(1024);
  #operationCount = 0;
  readonly #contextIds = new PairCache<number>(4096);
  readonly #placeIds = { own: new PairCache<number>(1024), way: new PairCache<number>(256) };
  #placeCount = 0;
  /** By operation: the service that answers most of its calls, and how many. */
  readonly #answering = new Map<number, Map<number, number>>();

  /** Operation number of each row, from 1. */
  numberOperations({ table, times }: Period): Int32Array {
    const operationOf = new Int32Array(table.count);
    for (let row = 0; row < table.count; row++) {
      const first = table.service[row]!;
      const second = table.operation[row]!;
      let operation = this.#operations.find(first, second);
      if (operation === undefined) {
        operation = ++this.#operationCount;
        this.#operations.set({ first, second, item: operation });
      }
      operationOf[row] = operation;
      const answer = times.answer[row]!;
      if (answer !== NO_ROW) this.#countAnswer(operation, table.service[answer]!);
    }
    return operationOf;
  }

  #countAnswer(operation: number, service: number): void {
    let counts = this.#answering.get(operation);
    if (counts === undefined) {
      counts = new Map();
      this.#answering.set(operation, counts);
    }
    counts.set(service, (counts.get(service) ?? 0) + 1);
  }

  numberContexts(
    { table, times }: Period,
    operationOf: Int32Array,
  ): { readonly contextOf: Int32Array; readonly unansweredCount: number } {
    const contextOf = new Int32Array(table.count).fill(NO_CONTEXT);
    let unansweredCount = 0;
    for (let row = 0; row < table.count; row++) {
      const operation = operationOf[row]!;
      const answer = times.answer[row]!;
      if (answer !== NO_ROW) {
        const within = 2 * operationOf[answer]! + 1;
        const calleeId = table.service[answer]!;
        contextOf[row] = this.#contextOf(table, { row, operation, within, calleeId });
        continue;
      }
      const calleeId = isCall(table, row) ? this.#usualAnswer(operation) : 0;
      if (calleeId === 0) {
        const parent = table.parent[row]!;
        const within = parent === NO_ROW ? 0 : 2 * operationOf[parent]!;
        contextOf[row] = this.#contextOf(table, { row, operation, within, calleeId });
      } else if (table.isError[row] === 1) {
        // A call that failed without an answer spent all its time on the way.
        contextOf[row] = this.#contextOf(table, { row, operation, within: 1, calleeId });
      } else unansweredCount++;
    }
    return { contextOf, unansweredCount };
  }

  #usualAnswer(operation: number): number {
    const counts = this.#answering.get(operation);
    if (counts === undefined) return 0;
    let usual = 0;
    let most = 0;
    for (const [service, count] of counts) {
      if (count > most || (count === most && service < usual)) [usual, most] = [service, count];
    }
    return usual;
  }

  #contextOf(
    table: SpanTable,
    key: {
      readonly row: number;
      readonly operation: number;
      readonly within: number;
      readonly calleeId: number;
    },
  ): number {
    const { row, operation, within, calleeId } = key;
    const known = this.#contextIds.find(operation, within);
    if (known !== undefined) return known;
    const id = this.contexts.length;
    this.#contextIds.set({ first: operation, second: within, item: id });
    const kind = calleeId === 0 ? 'own' : 'way';
    const serviceId = table.service[row]!;
    const operationId = table.operation[row]!;
    const place = this.#placeOf(kind, serviceId, kind === 'own' ? operationId : calleeId);
    this.contexts.push({ place, kind, serviceId, operationId, calleeId });
    return id;
  }

  #placeOf(kind: Context['kind'], first: number, second: number): number {
    const known = this.#placeIds[kind].find(first, second);
    if (known !== undefined) return known;
    const place = this.#placeCount++;
    this.#placeIds[kind].set({ first, second, item: place });
    return place;
  }
}
