/** What a store says about its own health, and what a repair did. Days are named as in StoreStats. */
import type { Signal } from '../../model/vocabulary.ts';

/** Rows that cannot be read, or are gone. Absent fields are not known: what told of them is damaged, too. */
export interface DamagedRows {
  readonly signal?: Signal;
  readonly rowCount?: number;
  /** Times of the first and the last row, both inclusive. */
  readonly minUs?: number;
  readonly maxUs?: number;
  /** Where it stands and what is wrong with it. */
  readonly message: string;
}

export interface DayCheck {
  readonly day: string;
  /** `unreadable`: the file cannot be opened at all. `other version`: another Taproot wrote it. */
  readonly state: 'ok' | 'damaged' | 'unreadable' | 'other version';
  readonly sizeBytes: number;
  /** Of SQLite's log, not yet in the file. */
  readonly walBytes: number;
  /** As the headers of blocks say. */
  readonly rows: Readonly<Record<Signal, number>>;
  /** Blocks whose rows cannot be read. */
  readonly damagedRows: readonly DamagedRows[];
  /** Other damage: tallies, index, pages. The first hundred. */
  readonly faults: readonly string[];
}

export interface CheckOptions {
  readonly dataDir: string;
  /** checksums: what is stored is what was written. full: it also decodes, and every page is in its place. */
  readonly depth: 'checksums' | 'full';
}

export interface DayRepair {
  readonly day: string;
  /** Rows of the repaired file. */
  readonly keptRows: Readonly<Record<Signal, number>>;
  readonly lostRows: readonly DamagedRows[];
  /** What was lost or mended beside rows: tallies of a minute, texts, headers. */
  readonly notes: readonly string[];
  /** Where the file as it was lies now. */
  readonly asideDir: string;
}

export interface StoreRepair {
  readonly soundDays: readonly string[];
  readonly repairedDays: readonly DayRepair[];
  /** Left as they are: another version of Taproot wrote them. */
  readonly skippedDays: readonly string[];
}
