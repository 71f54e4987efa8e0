/** Spans and log lines of a simulated case as they come about, before they are encoded. */
import type { Failure } from './case-effect.ts';
import type { CaseService } from './case-world.ts';
import type { Random } from './random.ts';

/** Of OTLP. */
export const SPAN_KIND = { internal: 1, server: 2, client: 3, producer: 4, consumer: 5 } as const;

export type AttributeValue = string | number;

export interface Place {
  readonly service: CaseService;
  readonly pod: string;
  readonly version: string;
}

export interface CaseSpan {
  readonly place: Place;
  readonly traceId: string;
  readonly spanId: string;
  /** Empty: a root. */
  readonly parentId: string;
  readonly name: string;
  readonly kind: number;
  readonly startMs: number;
  endMs: number;
  readonly attributes: Record<string, AttributeValue>;
  failure: Failure | undefined;
}

export interface CaseLog {
  readonly place: Place;
  readonly traceId: string;
  readonly spanId: string;
  readonly timeMs: number;
  readonly severity: 'INFO' | 'WARN' | 'ERROR';
  readonly body: string;
  readonly source: { readonly name: string; readonly line: number } | undefined;
}

/** Times are true ones; clocks that are wrong are the encoder's business. */
export class CaseRecord {
  readonly spans: CaseSpan[] = [];
  readonly logs: CaseLog[] = [];
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  newTraceId(): string {
    return this.#hex() + this.#hex() + this.#hex() + this.#hex();
  }

  addSpan(
    place: Place,
    span: Pick<CaseSpan, 'traceId' | 'parentId' | 'name' | 'kind' | 'startMs'>,
  ): CaseSpan {
    const added: CaseSpan = {
      ...{ ...span, place, spanId: this.#hex() + this.#hex(), endMs: span.startMs },
      ...{ attributes: {}, failure: undefined },
    };
    this.spans.push(added);
    return added;
  }

  /** A line written while a span was at work. */
  addLog(span: CaseSpan, log: Pick<CaseLog, 'timeMs' | 'severity' | 'body' | 'source'>): void {
    const { place, traceId, spanId } = span;
    this.logs.push({ place, traceId, spanId, ...log });
  }

  #hex(): string {
    return this.#random.uint32().toString(16).padStart(8, '0');
  }
}
