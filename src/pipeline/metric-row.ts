/**
 * The row of a metric series and measure: what is in it, in which bits it is kept, and the one row that is unpacked.
 * So it takes 1 488 bytes instead of 2 492.
 */
import { type PartOptions, RowPacking } from '../base/row-packing.ts';
import {
  ENVELOPE_DAYS_WIDTH,
  ENVELOPE_HOURS_WIDTH,
  ENVELOPE_MINUTE_WIDTH,
  ENVELOPE_SLOTS_WIDTH,
  ENVELOPE_WIDTH,
} from '../baseline/metric-envelope.ts';
import { JUMP_WIDTH } from './metric-jump.ts';
import { LEVEL_WIDTH } from './metric-level.ts';
import { SERIES_WIDTH } from './series-watch.ts';

/** Whole numbers up to 8192 and their halves. */
const COUNTS = { kind: 'int16', step: 1 / 2 } as const;
const float32 = { kind: 'float32' } as const;
const float24 = { kind: 'float24' } as const;

/** Low points and profiles are compared by margins of hundredths; what is learned in small steps needs all its bits. */
const MINUTE: readonly PartOptions[] = [{ width: ENVELOPE_MINUTE_WIDTH, format: float32 }];
const HISTORY: readonly PartOptions[] = [
  { width: ENVELOPE_SLOTS_WIDTH, format: float32 },
  { width: ENVELOPE_HOURS_WIDTH, format: float24 },
  { width: ENVELOPE_DAYS_WIDTH, format: { kind: 'float16' } },
];
/** As baseline/series.ts and detect/series.ts lay it out. */
const SERIES: readonly PartOptions[] = [
  // level, noise, errors, range, octiles
  { width: 27, format: float32 },
  // the profile, and days behind it
  { width: 96, format: float24 },
  { width: 96, format: { kind: 'uint8' } },
  // place in the ring, surprise, extremes
  { width: 3, format: float32 },
  // shifts, at most 30
  { width: 24, format: { kind: 'int16', step: 1 / 1024 } },
  // shares of the octiles
  { width: 8, format: { kind: 'int16', step: 1 / 32_767 } },
  // counts of the octiles, tails
  { width: 8 + 150, format: COUNTS },
];
const OPEN: readonly PartOptions[] = [{ width: LEVEL_WIDTH + JUMP_WIDTH, format: float32 }];

const LEVEL_AT = ENVELOPE_WIDTH;
const JUMP_AT = LEVEL_AT + LEVEL_WIDTH;
const MODEL_AT = JUMP_AT + JUMP_WIDTH;

export class MetricRow {
  readonly packing = new RowPacking([...MINUTE, ...HISTORY, ...OPEN, ...SERIES]);
  /** Parts that only the end of five minutes needs. */
  readonly history = this.packing.parts.slice(MINUTE.length, MINUTE.length + HISTORY.length);
  readonly minute = this.packing.parts.filter((part) => !this.history.includes(part));
  readonly envelope: Float32Array;
  readonly open: Float32Array;
  readonly jump: Float32Array;
  readonly model: Float32Array;

  constructor() {
    const { row } = this.packing;
    if (row.length !== MODEL_AT + SERIES_WIDTH) {
      throw new RangeError(`parts of ${row.length} numbers, expected ${MODEL_AT + SERIES_WIDTH}`);
    }
    this.envelope = row.subarray(0, LEVEL_AT);
    this.open = row.subarray(LEVEL_AT, JUMP_AT);
    this.jump = row.subarray(JUMP_AT, MODEL_AT);
    this.model = row.subarray(MODEL_AT);
  }
}
