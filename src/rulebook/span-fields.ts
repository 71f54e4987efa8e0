/**
 * Fields of spans that filters and aggregates name: columns, relations to other spans, attributes. Derived
 * columns (called server span, attempts) are computed once per table, when first asked for.
 */
import { US_PER_MS } from '../base/time.ts';
import { INFRA_KINDS, SPAN_KIND, SPAN_KINDS, STAGES } from '../model/vocabulary.ts';
import { NO_ROW, type SpanTable } from '../model/window.ts';
import type { FieldName, Relation } from './expression.ts';
import type { Value } from './value.ts';

/** A column read by row; `textIds` gives the same as string ids, for texts that are worth remembering. */
export interface SpanField {
  readonly read: (row: number) => Value;
  readonly textIds?: (row: number) => number;
}

/** Words in an error's class or message that say somebody gave up waiting. */
const TIMEOUT_WORDS = /time.?d?.?out|deadline|abort|etimedout|esockettimedout/i;
const TIMEOUT_STATUS: ReadonlySet<number> = new Set([408, 504]);

export class SpanFields {
  readonly table: SpanTable;
  readonly #isAnomalous: Uint8Array | undefined;
  #callees: Int32Array | undefined;
  #attempts: { readonly ordinal: Uint16Array; readonly total: Uint16Array } | undefined;
  #timeoutByText = new Map<number, boolean>();

  /** `anomalousRows`: rows of this table that the clustering calls anomalous; absent for a reference. */
  constructor(table: SpanTable, anomalousRows?: Uint32Array) {
    this.table = table;
    if (anomalousRows) {
      this.#isAnomalous = new Uint8Array(table.count);
      for (const row of anomalousRows) this.#isAnomalous[row] = 1;
    }
  }

  field(field: FieldName): SpanField {
    const own = this.#ownField(field.name);
    if (field.relation === 'self') return own;
    const related = this.#relatedRow(field.relation);
    const { read, textIds } = own;
    return {
      read: (row) => {
        const other = related(row);
        return other === NO_ROW ? undefined : read(other);
      },
      ...(textIds && {
        textIds: (row: number) => {
          const other = related(row);
          return other === NO_ROW ? 0 : textIds(other);
        },
      }),
    };
  }

  /** True for a span that failed because somebody stopped waiting. */
  isTimeout(row: number): boolean {
    const { table } = this;
    if (table.isError[row] !== 1) return false;
    if (TIMEOUT_STATUS.has(table.numberOf(row, 'http.response.status_code'))) return true;
    if (table.attributeOf(row, 'coze.plugin.status') === 'timeout') return true;
    return [table.errorType[row]!, table.errorMessage[row]!].some((id) => this.#saysTimeout(id));
  }

  /** Row of the server (or consumer) span that answers this call, or NO_ROW. */
  calleeOf(row: number): number {
    this.#callees ??= buildCallees(this.table);
    return this.#callees[row] ?? NO_ROW;
  }

  rootOf(row: number): number {
    let at = row;
    for (let up = this.table.parent[at]!; up !== NO_ROW; up = this.table.parent[at]!) at = up;
    return at;
  }

  #relatedRow(relation: Exclude<Relation, 'self'>): (row: number) => number {
    switch (relation) {
      case 'parent':
        return (row) => this.table.parent[row]!;
      case 'root':
        return (row) => this.rootOf(row);
      case 'callee':
        return (row) => this.calleeOf(row);
    }
  }

  #ownField(name: string): SpanField {
    const { table } = this;
    switch (name) {
      case 'duration':
        return { read: (row) => table.durationUs[row]! / US_PER_MS };
      case 'self':
        return { read: (row) => table.selfUs[row]! / US_PER_MS };
      case 'critical':
        return { read: (row) => table.criticalUs[row]! / US_PER_MS };
      case 'gap':
        return { read: (row) => this.#gapMs(row) };
      case 'overrun':
        return { read: (row) => this.#overrunMs(row) };
      case 'attempt':
        return { read: (row) => this.#attempt(row, 'ordinal') };
      case 'attempts':
        return { read: (row) => this.#attempt(row, 'total') };
      case 'is_error':
        return { read: (row) => table.isError[row] === 1 };
      case 'is_timeout':
        return { read: (row) => this.isTimeout(row) };
      case 'is_anomalous':
        return { read: (row) => this.#isAnomalous !== undefined && this.#isAnomalous[row] === 1 };
      case 'kind':
        return { read: (row) => SPAN_KINDS[table.kind[row]!] };
      case 'stage':
      case 'coze.stage':
        return { read: (row) => STAGES[table.stage[row]!] };
      case 'infra':
      case 'coze.infra':
        return { read: (row) => INFRA_KINDS[table.infra[row]!] };
      default:
        return this.#textColumn(name) ?? this.#attribute(name);
    }
  }

  #textColumn(name: string): SpanField | undefined {
    const columns: Readonly<Record<string, Uint32Array>> = {
      name: this.table.operation,
      operation: this.table.operation,
      service: this.table.service,
      target: this.table.target,
      version: this.table.version,
      bot: this.table.bot,
      'error.type': this.table.errorType,
      'error.message': this.table.errorMessage,
    };
    const column = Object.hasOwn(columns, name) ? columns[name] : undefined;
    if (!column) return undefined;
    return {
      // Id 0 is "unknown": no value.
      read: (row) => (column[row] === 0 ? undefined : this.table.strings.text(column[row]!)),
      textIds: (row) => column[row]!,
    };
  }

  #attribute(name: string): SpanField {
    const { table } = this;
    const keyId = table.strings.find(name);
    if (keyId === undefined) return { read: () => undefined, textIds: () => 0 };
    return {
      read: (row) => {
        const at = table.findAttribute(row, keyId);
        if (at === NO_ROW) return undefined;
        const number = table.attributeNumber[at]!;
        return Number.isNaN(number) ? table.strings.text(table.attributeText[at]!) : number;
      },
      textIds: (row) => {
        const at = table.findAttribute(row, keyId);
        return at === NO_ROW ? 0 : table.attributeText[at]!;
      },
    };
  }

  /** Time of a call that the called service did not have the request: network and queues before it. */
  #gapMs(row: number): number | undefined {
    const callee = this.calleeOf(row);
    if (callee === NO_ROW) return undefined;
    return Math.max(0, this.table.durationUs[row]! - this.table.durationUs[callee]!) / US_PER_MS;
  }

  /** How long the span went on after its parent had ended; negative when it ended before. */
  #overrunMs(row: number): number | undefined {
    const { table } = this;
    const parent = table.parent[row]!;
    if (parent === NO_ROW) return undefined;
    const parentEndUs = table.startUs[parent]! + table.durationUs[parent]!;
    return (table.startUs[row]! + table.durationUs[row]! - parentEndUs) / US_PER_MS;
  }

  #attempt(row: number, which: 'ordinal' | 'total'): number | undefined {
    this.#attempts ??= buildAttempts(this.table);
    const count = this.#attempts[which][row]!;
    return count === 0 ? undefined : count;
  }

  #saysTimeout(textId: number): boolean {
    if (textId === 0) return false;
    let verdict = this.#timeoutByText.get(textId);
    if (verdict === undefined) {
      verdict = TIMEOUT_WORDS.test(this.table.strings.text(textId).slice(0, 1000));
      this.#timeoutByText.set(textId, verdict);
    }
    return verdict;
  }
}

function buildCallees(table: SpanTable): Int32Array {
  const callees = new Int32Array(table.count).fill(NO_ROW);
  for (let row = 0; row < table.count; row++) {
    const parent = table.parent[row]!;
    if (parent === NO_ROW) continue;
    if (table.kind[row] !== SPAN_KIND.server && table.kind[row] !== SPAN_KIND.consumer) continue;
    const known = callees[parent]!;
    if (known === NO_ROW || table.durationUs[row]! > table.durationUs[known]!)
      callees[parent] = row;
  }
  return callees;
}

const CALL_STAGES: ReadonlySet<number> = new Set([
  STAGES.indexOf('plugin'),
  STAGES.indexOf('llm'),
  STAGES.indexOf('knowledge'),
]);

/** Numbers the equal calls (operation, target) of one parent by start time. */
function buildAttempts(table: SpanTable): { ordinal: Uint16Array; total: Uint16Array } {
  const ordinal = new Uint16Array(table.count);
  const total = new Uint16Array(table.count);
  for (let trace = 0; trace < table.traceIds.length; trace++) {
    const from = table.traceStart[trace]!;
    const to = table.traceStart[trace + 1]!;
    const calls = new Map<string, number[]>();
    for (let at = from; at < to; at++) {
      const row = table.traceRows[at]!;
      const isCall = table.kind[row] === SPAN_KIND.client || CALL_STAGES.has(table.stage[row]!);
      if (!isCall || table.kind[row] === SPAN_KIND.server || table.parent[row] === NO_ROW) continue;
      const key = `${table.parent[row]} ${table.operation[row]} ${table.target[row]}`;
      const rows = calls.get(key);
      if (rows) rows.push(row);
      else calls.set(key, [row]);
    }
    for (const rows of calls.values()) {
      rows.forEach((row, index) => {
        ordinal[row] = Math.min(index + 1, 65_535);
        total[row] = Math.min(rows.length, 65_535);
      });
    }
  }
  return { ordinal, total };
}
