/** Opens a store by its contract. The only file that knows which engine there is. */
import type { AlertingStore } from './api/alerting.ts';
import type { CheckOptions, DayCheck, StoreRepair } from './api/maintenance.ts';
import type { StateStore } from './api/state.ts';
import type { Checkpointer, TelemetryReader, TelemetryWriter } from './api/telemetry.ts';
import { openSqliteAlerting } from './sqlite/alerting.ts';
import { checkSqlite } from './sqlite/check.ts';
import { openSqliteCheckpointer } from './sqlite/checkpoint.ts';
import { openSqliteReader } from './sqlite/reader.ts';
import { repairSqlite } from './sqlite/repair.ts';
import { openSqliteState } from './sqlite/state.ts';
import { openSqliteWriter } from './sqlite/writer.ts';

/** One per data directory: throws `store.unavailable` while another one is open. */
export function openTelemetryWriter(options: {
  readonly dataDir: string;
  /** disk: written data survives power loss. process: it survives the end of the process. */
  readonly durability: 'disk' | 'process';
}): TelemetryWriter {
  return openSqliteWriter(options);
}

/** Sees what is committed, also while a writer in another thread or process goes on. */
export function openTelemetryReader(options: { readonly dataDir: string }): TelemetryReader {
  return openSqliteReader(options);
}

/** Beside a writer, in another thread or process. */
export function openCheckpointer(options: { readonly dataDir: string }): Checkpointer {
  return openSqliteCheckpointer(options);
}

export function openStateStore(options: { readonly dataDir: string }): StateStore {
  return openSqliteState(options);
}

/** Beside the state store: what alerting remembers. */
export function openAlertingStore(options: { readonly dataDir: string }): AlertingStore {
  return openSqliteAlerting(options);
}

/** What each day holds and what of it is damaged; reads only, also beside a running writer. */
export function checkTelemetry(options: CheckOptions): readonly DayCheck[] {
  return checkSqlite(options);
}

/** Puts sound files in the place of damaged ones. Throws `store.unavailable` while a writer is open. */
export function repairTelemetry(options: { readonly dataDir: string }): StoreRepair {
  return repairSqlite(options);
}
