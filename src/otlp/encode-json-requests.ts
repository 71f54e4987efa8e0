/**
 * Gathers encoded items into OTLP/JSON requests, one a line: items of one resource and scope stand together,
 * wherever they came from. A line is bounded in rows and characters, so memory is, too.
 */
import { LIMITS } from '../base/limits.ts';
import type { RowSignal } from '../model/vocabulary.ts';

const NAMES = {
  traces: { groups: 'resourceSpans', scopeGroups: 'scopeSpans', items: 'spans' },
  logs: { groups: 'resourceLogs', scopeGroups: 'scopeLogs', items: 'logRecords' },
  metrics: { groups: 'resourceMetrics', scopeGroups: 'scopeMetrics', items: 'metrics' },
} as const;

/** Where an item stands: the fields of its resource's and scope's envelope as JSON text. */
export interface ItemPlace {
  readonly resource: string;
  readonly scope: string;
  /** Of a data point: what opens and closes its metric around its points. */
  readonly metric?: { readonly open: string; readonly close: string };
}

interface MetricItems {
  readonly close: string;
  readonly items: string[];
}

/** Items by what opens their metric; spans and log records stand under ''. */
type Metrics = Map<string, MetricItems>;
type Scopes = Map<string, Metrics>;

export class RequestLines {
  rowCount = 0;
  lineCount = 0;
  readonly #signal: RowSignal;
  readonly #emit: (line: string) => void;
  #resources = new Map<string, Scopes>();
  #rowsOfLine = 0;
  #charsOfLine = 0;

  /** `emit` takes a line without its end. */
  constructor(signal: RowSignal, emit: (line: string) => void) {
    this.#signal = signal;
    this.#emit = emit;
  }

  /** `item` is the JSON of a span, a log record or a data point. */
  add(place: ItemPlace, item: string): void {
    const scopes = entryOf(this.#resources, place.resource, (): Scopes => new Map());
    const metrics = entryOf(scopes, place.scope, (): Metrics => new Map());
    const { open, close } = place.metric ?? { open: '', close: '' };
    entryOf(metrics, open, () => ({ close, items: [] })).items.push(item);
    this.rowCount++;
    this.#rowsOfLine++;
    this.#charsOfLine += item.length;
    const isFull =
      this.#rowsOfLine >= LIMITS.exportLineRowsMax ||
      this.#charsOfLine >= LIMITS.exportLineCharsMax;
    if (isFull) this.finish();
  }

  /** Emits what is left. */
  finish(): void {
    if (this.#rowsOfLine === 0) return;
    const line = this.#render();
    this.#resources = new Map();
    this.#rowsOfLine = 0;
    this.#charsOfLine = 0;
    this.lineCount++;
    this.#emit(line);
  }

  #render(): string {
    const { groups, scopeGroups, items } = NAMES[this.#signal];
    const resources = [...this.#resources].map(([resource, scopes]) => {
      const inner = [...scopes].map(([scope, metrics]) => {
        const list = [...metrics].map(
          ([open, { close, items: texts }]) => open + texts.join(',') + close,
        );
        return objectText(scope, `"${items}":[${list.join(',')}]`);
      });
      return objectText(resource, `"${scopeGroups}":[${inner.join(',')}]`);
    });
    return escapeSeparators(`{"${groups}":[${resources.join(',')}]}`);
  }
}

function objectText(head: string, list: string): string {
  return `{${head === '' ? '' : `${head},`}${list}}`;
}

/** Some readers of lines take U+2028 and U+2029 for the end of one; in JSON they stand in strings only. */
function escapeSeparators(line: string): string {
  return line.replace(/\u2028/g, '\\u2028').replace(/\u2029/g, '\\u2029');
}

function entryOf<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}
