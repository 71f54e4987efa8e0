/**
 * What a request's decoding has to say: how many items were accepted and rejected, and one English
 * sentence that names every kind of fault and warning with its count and its first place.
 */
import { LIMITS } from '../base/limits.ts';
import type { Signal } from '../model/vocabulary.ts';

export interface DecodeOutcome {
  readonly acceptedCount: number;
  readonly rejectedCount: number;
  /** English; empty when there is nothing to say; non-empty with rejectedCount 0 is a warning. */
  readonly message: string;
}

/** Why a single item is refused. */
const FAULTS = {
  traceId: 'whose trace id is not 16 bytes or is all zero',
  spanId: 'whose span id is not 8 bytes or is all zero',
  noStartTime: 'without a start time',
  noTime: 'without a time',
  timeTooEarly: 'with a time before the year 2000',
  timeTooLate: `with a time more than ${LIMITS.timeAheadUsMax / 3_600_000_000} hours ahead of this clock`,
  buckets: 'whose bucket counts do not number one more than the bounds',
  seriesMax: `beyond ${LIMITS.seriesMax} metric series at once`,
} as const;
export type Fault = keyof typeof FAULTS;

/** What was changed or looks wrong in items that are accepted. */
const WARNINGS = {
  notUtf8: 'text that is not UTF-8, its bad bytes replaced by U+FFFD',
  valueCut: `text longer than ${LIMITS.attributeValueBytesMax} bytes, cut`,
  attributesDropped: `attribute beyond ${LIMITS.attributesPerItemMax} of one item, dropped`,
  unknownEnum: 'enum number that OTLP does not define, read as unspecified',
  endBeforeStart: 'end before the start, kept as negative duration',
  noEndTime: 'missing end time, read as duration 0',
  parentSpanId: 'parent span id that is not 8 bytes, read as root',
  eventTime: 'event time unset or out of range, replaced by the start of its span',
  linkId: 'link with an invalid trace or span id, dropped',
  logId: 'trace or span id of a log record with a wrong length, left empty',
  observedTime: 'observed time out of range, left empty',
  pointStartTime: 'start time of a data point out of range, left empty',
  exemplarTime: 'exemplar time unset or out of range, replaced by the time of its point',
  exemplarId: 'trace or span id of an exemplar with a wrong length, left empty',
  noValue: 'data point without a value, read as NaN',
} as const;
export type Warning = keyof typeof WARNINGS;

const ITEM_NAMES: Readonly<Record<Signal, readonly [one: string, many: string]>> = {
  traces: ['span', 'spans'],
  logs: ['log record', 'log records'],
  metrics: ['data point', 'data points'],
  profiles: ['profile', 'profiles'],
};

interface Occurrence {
  count: number;
  readonly first: string;
}

export class DecodeReport {
  acceptedCount = 0;
  rejectedCount = 0;
  readonly #signal: Signal;
  readonly #faults = new Map<Fault, Occurrence>();
  readonly #warnings = new Map<Warning, Occurrence>();

  constructor(signal: Signal) {
    this.#signal = signal;
  }

  /** Counts a refused item. `found` is the offending value, told for the first of a kind. */
  reject(fault: Fault, itemIndex: number, found = ''): void {
    this.rejectedCount++;
    this.#note(this.#faults, fault, { itemIndex, found, amount: 1 });
  }

  warn(warning: Warning, itemIndex: number, amount = 1): void {
    this.#note(this.#warnings, warning, { itemIndex, found: '', amount });
  }

  outcome(): DecodeOutcome {
    const { acceptedCount, rejectedCount } = this;
    const parts: string[] = [];
    if (rejectedCount > 0) {
      const total = acceptedCount + rejectedCount;
      const noun = ITEM_NAMES[this.#signal][total === 1 ? 0 : 1];
      const kinds = [...this.#faults].map(
        ([fault, { count, first }]) => `${count} ${FAULTS[fault]} (first: ${first})`,
      );
      parts.push(`Rejected ${rejectedCount} of ${total} ${noun}: ${kinds.join('; ')}`);
    }
    // In the order of the catalogue: both encodings tell the same in the same words.
    const warned = (Object.keys(WARNINGS) as Warning[]) // Its keys are no others.
      .flatMap((warning) => {
        const { count, first } = this.#warnings.get(warning) ?? { count: 0, first: '' };
        return count === 0 ? [] : `${count} × ${WARNINGS[warning]} (first: ${first})`;
      });
    if (warned.length > 0) parts.push(`Warning: ${warned.join('; ')}`);
    return { acceptedCount, rejectedCount, message: parts.join('. ') };
  }

  #note<K>(
    occurrences: Map<K, Occurrence>,
    kind: K,
    { itemIndex, found, amount }: { itemIndex: number; found: string; amount: number },
  ): void {
    const known = occurrences.get(kind);
    if (known) {
      known.count += amount;
      return;
    }
    const place = `${ITEM_NAMES[this.#signal][0]} ${itemIndex}`;
    occurrences.set(kind, { count: amount, first: found === '' ? place : `${place}, ${found}` });
  }
}
