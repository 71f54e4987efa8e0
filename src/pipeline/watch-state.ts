/**
 * What a watch has learned, to and from the state store. Saved whole, as of one minute, with the anomalies open then: so
 * that a watch that is given it back goes on as if nothing had happened.
 */
import { messageOf } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { RowSlab } from '../base/row-slab.ts';
import type { Anomaly } from '../model/anomaly.ts';
import type { WatchRecord, WatchStore } from '../store/api/watch.ts';

interface Learned {
  readonly name: string;
  readonly watch: {
    readonly state: RowSlab;
    resume(open: readonly Anomaly[]): void;
  };
}

/**
 * The watch must not be stepped until this has ended. Between chunks others have their turn. A process killed meanwhile
 * leaves what was saved before.
 */
export async function saveWatch(
  { name, watch }: Learned,
  as: {
    readonly untilUs: number;
    readonly openAnomalies: readonly Anomaly[];
    readonly store: WatchStore;
  },
): Promise<void> {
  const { store, untilUs, openAnomalies } = as;
  const { state } = watch;
  const rowBytes = state.width * Float32Array.BYTES_PER_ELEMENT;
  const chunkCount = Math.ceil((state.size * rowBytes) / LIMITS.watchChunkBytes);
  for (let chunk = 0; chunk < chunkCount; chunk++) {
    store.saveChunk({ name, untilUs, chunk, bytes: state.encode(chunk, chunkCount) });
    await nextTurn();
  }
  store.saveRecord({ name, version: state.version, untilUs, chunkCount, openAnomalies });
}

export type Loaded =
  | { readonly kind: 'loaded'; readonly record: WatchRecord }
  | { readonly kind: 'none' }
  /** The watch is as new; what was saved stays until it is saved again. */
  | { readonly kind: 'refused'; readonly why: string };

/** Gives a new watch back what it had learned. Not what it learned in the future: the clock was wrong then. */
export function loadWatch(
  { name, watch }: Learned,
  { store, untilUsMax }: { readonly store: WatchStore; readonly untilUsMax: number },
): Loaded {
  const record = store.findRecord(name);
  if (!record) return { kind: 'none' };
  if (record.untilUs > untilUsMax) return { kind: 'refused', why: 'it was learned in the future' };
  const { version } = watch.state;
  if (record.version !== version) {
    return { kind: 'refused', why: `it is of version ${record.version}, this is ${version}` };
  }
  try {
    for (let chunk = 0; chunk < record.chunkCount; chunk++) {
      const bytes = store.readChunk(record, chunk);
      if (!bytes) throw new Error(`chunk ${chunk} of ${record.chunkCount} is missing`);
      watch.state.decode(bytes);
    }
  } catch (thrown) {
    for (const [row] of [...watch.state.entries()]) watch.state.delete(row);
    return { kind: 'refused', why: messageOf(thrown) };
  }
  watch.resume(record.openAnomalies);
  return { kind: 'loaded', record };
}

/** Lets requests and investigations have their turn. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
