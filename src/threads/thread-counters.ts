/**
 * Counters of all threads together. A thread that waits for a slow disk does not answer in time: then its last ones
 * stand, and a gauge says so, since a scrape that fails tells nothing just when it matters.
 */
import type { CounterSample, Counters } from '../base/counters.ts';
import type { Rpc } from './rpc.ts';

/** Scrapes wait ten seconds by default; an idle thread answers within one. */
const TIMEOUT_MS = 2000;

export function createThreadCounters(
  own: Counters,
  threads: Readonly<Record<string, Pick<Rpc, 'call'>>>,
): () => Promise<readonly CounterSample[]> {
  const last = new Map<string, readonly CounterSample[]>();
  const samplesOf = async (thread: string, rpc: Pick<Rpc, 'call'>) => {
    let isSilent = false;
    try {
      const options = { timeoutMs: TIMEOUT_MS };
      last.set(thread, await rpc.call<readonly CounterSample[]>('counters', undefined, options));
    } catch {
      isSilent = true; // told by the gauge
    }
    own.set('taproot_thread_silent', isSilent ? 1 : 0, { thread });
    return last.get(thread) ?? [];
  };
  return async () => {
    const samples = await Promise.all(
      Object.entries(threads).map(([thread, rpc]) => samplesOf(thread, rpc)),
    );
    return [...own.snapshot(), ...samples.flat()];
  };
}
