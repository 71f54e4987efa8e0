/** The contract for what watches have learned: rows in chunks, and a record that says which chunks count. */
import type { Anomaly } from '../../model/anomaly.ts';

/** What a watch has learned, as of one minute. Its rows lie beside it in chunks. */
export interface WatchRecord {
  readonly name: string;
  /** Of the rows; see RowSlab. */
  readonly version: number;
  /** Beginning of the first minute that the watch has not seen. */
  readonly untilUs: number;
  readonly chunkCount: number;
  /** Open as of that minute. */
  readonly openAnomalies: readonly Anomaly[];
}

/** A chunk of the rows that a watch record of the same name and minute will point at. */
export interface WatchChunk {
  readonly name: string;
  readonly untilUs: number;
  readonly chunk: number;
  readonly bytes: Uint8Array;
}

/** A process killed between two chunks leaves what was learned before. */
export interface WatchStore {
  saveChunk(chunk: WatchChunk): void;
  /** Once all chunks are saved: from now on they are what the watch has learned, and those before are gone. */
  saveRecord(record: WatchRecord): void;
  findRecord(name: string): WatchRecord | undefined;
  /** Undefined when there is none. */
  readChunk(record: WatchRecord, chunk: number): Uint8Array | undefined;
}
