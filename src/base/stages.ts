/**
 * Marks of the write path's stages, for whoever watches from outside: crash tests end the process at the n-th
 * pass of one. Published on the diagnostics channel `taproot.stage`, of the thread that passes.
 */
import { channel } from 'node:diagnostics_channel';

export const STAGE_CHANNEL = 'taproot.stage';

/** In the order of the path, then what runs beside it. */
export const PATH_STAGES = [
  /** A request is taken in. */
  'accept',
  /** A group is closed and about to be stored. */
  'group',
  /** In a transaction of a day, all rows written, not committed. */
  'commit',
  /** A day of a group is committed; no reply is given yet. */
  'committed',
  /** SQLite's log is about to move into the file. */
  'checkpoint',
  /** In a transaction that replaces segments of the trace index. */
  'index-seal',
  /** In a transaction that replaces small blocks by a large one. */
  'compaction',
  /** A day is about to be removed, and between the steps of it. */
  'retention',
  /** In a transaction that changes a file's format. */
  'migration',
] as const;
export type PathStage = (typeof PATH_STAGES)[number];

const stages = channel(STAGE_CHANNEL);

/** Without a subscriber one comparison: below 1 ns a call (Node 20, a shared core). */
export function markStage(stage: PathStage): void {
  if (stages.hasSubscribers) stages.publish(stage);
}
