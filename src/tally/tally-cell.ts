/** Counts of one endpoint, or a slice of one, in one minute, under construction. */
import { US_PER_MINUTE } from '../base/time.ts';
import type { Slice } from '../model/slice.ts';
import type { Tally, TallyMeasure } from '../model/tally.ts';
import { STAGES, type Stage } from '../model/vocabulary.ts';
import { SketchBuilder } from './sketch.ts';

/** What cells are counted for, as long as it is known. */
export interface TallySubject {
  /** Distinct among the subjects of one table while they hold a cell. */
  index: number;
  readonly endpointId: string;
  readonly service: string;
  readonly operation: string;
  readonly slice: Slice | undefined;
  readonly measure: TallyMeasure | undefined;
  /** When a group last held a span of it, by our clock. */
  seenUs: number;
  /** The cell that the last span fell into, and its minute: spans of a group come minute by minute. */
  cellMinute: number;
  cell: TallyCell | undefined;
}

export interface TallyCell {
  readonly subject: TallySubject;
  readonly minute: number;
  count: number;
  errorCount: number;
  /** Spans per stage: the same operation may inherit different stages. */
  readonly stageCounts: Uint32Array;
  readonly sketch: SketchBuilder;
}

/** Minutes since the epoch stay below this until the year 2097. */
const MINUTE_SPAN = 2 ** 26;

/** The cells of many subjects. */
export class CellTable {
  readonly #cells = new Map<number, TallyCell>();

  /** Hot: once a span; nearly always the cell of the span before. */
  cellOf(subject: TallySubject, minute: number): TallyCell {
    const { cell } = subject;
    return cell !== undefined && subject.cellMinute === minute ? cell : this.#find(subject, minute);
  }

  /** What was counted; counting goes on. */
  tallies(): Tally[] {
    return Array.from(this.#cells.values(), tallyOf);
  }

  clear(): void {
    for (const { subject } of this.#cells.values()) subject.cell = undefined;
    this.#cells.clear();
  }

  #find(subject: TallySubject, minute: number): TallyCell {
    const key = subject.index * MINUTE_SPAN + minute;
    let cell = this.#cells.get(key);
    if (cell === undefined) {
      cell = newCell(subject, minute);
      this.#cells.set(key, cell);
    }
    subject.cell = cell;
    subject.cellMinute = minute;
    return cell;
  }
}

function newCell(subject: TallySubject, minute: number): TallyCell {
  return {
    subject,
    minute,
    count: 0,
    errorCount: 0,
    stageCounts: new Uint32Array(STAGES.length),
    sketch: new SketchBuilder(),
  };
}

function tallyOf(cell: TallyCell): Tally {
  const { endpointId, service, operation, slice, measure } = cell.subject;
  const stage = usualStage(cell.stageCounts);
  return {
    endpoint: {
      endpointId,
      service,
      operation,
      stage,
      ...(slice && { slice }),
      ...(measure && { measure }),
    },
    minuteUs: cell.minute * US_PER_MINUTE,
    count: cell.count,
    errorCount: cell.errorCount,
    sketch: cell.sketch.build(),
  };
}

/** The stage of most spans; the earlier stage on a tie. */
function usualStage(stageCounts: Uint32Array): Stage {
  let best = 0;
  for (let stage = 1; stage < stageCounts.length; stage++) {
    if (stageCounts[stage]! > stageCounts[best]!) best = stage;
  }
  return STAGES[best] ?? 'other';
}
