/**
 * Counts of one endpoint, or a slice of one, in one minute, under construction. Spans of different stages are counted
 * apart, so that stages can be summed up over endpoints without counting each span again.
 */
import { US_PER_HOUR, US_PER_MINUTE } from '../base/time.ts';
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
  /** The cell that the last span fell into: spans of a group come minute by minute, and nearly always in one stage. */
  cell: TallyCell | undefined;
}

export interface TallyCell {
  readonly subject: TallySubject;
  readonly minute: number;
  /** Index into STAGES: the same operation may inherit different ones. */
  readonly stage: number;
  errorCount: number;
  /** Counts the spans, too. */
  readonly sketch: SketchBuilder;
}

/** Minutes since the epoch stay below this until the year 2097. */
const MINUTE_SPAN = 2 ** 26;

/** A span that claims to have taken longer counts where it began: nobody waits for its minute, if it ever comes. */
const COUNTED_AT_END_US_MAX = US_PER_HOUR;

/**
 * The minute in which a span ended, in minutes since the epoch: only then can anybody know of it. By the minute of its
 * start a slow request would come to a minute that was judged long ago, and an incident of slowness would look like
 * missing traffic. Hot: once a span.
 */
export function tallyMinuteOf(startUs: number, durationUs: number): number {
  const isUsual = durationUs > 0 && durationUs <= COUNTED_AT_END_US_MAX;
  return Math.floor((isUsual ? startUs + durationUs : startUs) / US_PER_MINUTE);
}

/** The cells of many subjects. */
export class CellTable {
  readonly #cells = new Map<number, TallyCell>();

  /** Hot: once a span. */
  cellOf(subject: TallySubject, minute: number, stage: number): TallyCell {
    const { cell } = subject;
    const isSame = cell !== undefined && cell.minute === minute && cell.stage === stage;
    return isSame ? cell : this.#find(subject, minute, stage);
  }

  cells(): IterableIterator<TallyCell> {
    return this.#cells.values();
  }

  /** What was counted, stages together; counting goes on. */
  tallies(): Tally[] {
    const cellsByMinute = new Map<number, TallyCell[]>();
    for (const cell of this.#cells.values()) {
      const key = cell.subject.index * MINUTE_SPAN + cell.minute;
      const cells = cellsByMinute.get(key);
      if (cells) cells.push(cell);
      else cellsByMinute.set(key, [cell]);
    }
    return Array.from(cellsByMinute.values(), tallyOf);
  }

  clear(): void {
    for (const { subject } of this.#cells.values()) subject.cell = undefined;
    this.#cells.clear();
  }

  #find(subject: TallySubject, minute: number, stage: number): TallyCell {
    const key = (subject.index * STAGES.length + stage) * MINUTE_SPAN + minute;
    let cell = this.#cells.get(key);
    if (cell === undefined) {
      cell = { subject, minute, stage, errorCount: 0, sketch: new SketchBuilder() };
      this.#cells.set(key, cell);
    }
    subject.cell = cell;
    return cell;
  }
}

/** Of the cells of one subject and minute. */
function tallyOf(cells: readonly TallyCell[]): Tally {
  const first = cells[0]!; // there is no list without a cell
  const { endpointId, service, operation, slice, measure } = first.subject;
  return {
    endpoint: {
      endpointId,
      service,
      operation,
      stage: usualStage(cells),
      ...(slice && { slice }),
      ...(measure && { measure }),
    },
    minuteUs: first.minute * US_PER_MINUTE,
    errorCount: cells.reduce((sum, { errorCount }) => sum + errorCount, 0),
    ...sumOf(cells.map(({ sketch }) => sketch)),
  };
}

/** The stage of most spans; the earlier stage on a tie. */
function usualStage(cells: readonly TallyCell[]): Stage {
  const [best] = [...cells].sort((a, b) => b.sketch.count - a.sketch.count || a.stage - b.stage);
  return STAGES[best?.stage ?? 0] ?? 'other';
}

function sumOf([first, ...others]: readonly SketchBuilder[]): Pick<Tally, 'count' | 'sketch'> {
  const sum = new SketchBuilder();
  if (first === undefined || others.length > 0) {
    for (const sketch of [first, ...others]) if (sketch) sum.addAll(sketch);
    return { count: sum.count, sketch: sum.build() };
  }
  return { count: first.count, sketch: first.build() };
}
