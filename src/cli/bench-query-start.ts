/** How long the service takes until it is ready: on a store that was closed, and on one that it was killed over. */

import { systemClock } from '../base/time.ts';
import { BodyRing, RING_BODIES } from '../bench/bench.ts';
import { runLoad } from './bench-load.ts';
import type { Timings } from './bench-query-reads.ts';
import type { TraceWorkload } from './bench-query-store.ts';
import { createSender } from './bench-sender.ts';
import { startBenchServer } from './bench-server.ts';
import { pause } from './child-process.ts';

const STARTS = 3;
const CRASHES = 3;
const SENDERS = 24;
const BATCH_SPANS = 512;
const LOAD_MS = 4000;

export async function timeStarts(options: {
  readonly root: string;
  readonly dataDir: string;
  readonly workload: TraceWorkload;
  readonly seed: number;
}): Promise<readonly Timings[]> {
  const start = () => startBenchServer(options.root, { dataDir: options.dataDir });
  const afterStop: number[] = [];
  for (let run = 0; run < STARTS; run++) {
    const server = await start();
    afterStop.push(server.startMs);
    await server.remove();
  }
  const afterKill: number[] = [];
  for (let run = 0; run < CRASHES; run++) {
    const server = await start();
    await loadUntilKilled(server, options);
    await server.remove();
    const again = await start();
    afterKill.push(again.startMs);
    await again.remove();
  }
  return [
    { name: 'start of the service', valuesMs: afterStop },
    { name: 'start after a kill under full load', valuesMs: afterKill },
  ];
}

async function loadUntilKilled(
  server: Awaited<ReturnType<typeof startBenchServer>>,
  options: { readonly workload: TraceWorkload; readonly seed: number },
): Promise<void> {
  const ring = new BodyRing({
    workload: options.workload,
    encoding: 'protobuf',
    batchCount: BATCH_SPANS,
    seed: options.seed,
    idSeed: Date.now(),
    bodyCount: RING_BODIES,
    isGzip: false,
    nowUs: () => systemClock.nowUs(),
  });
  const target = {
    url: server.httpUrl,
    signal: 'traces',
    encoding: 'protobuf',
    isGzip: false,
  } as const;
  const senders = Array.from({ length: SENDERS }, () => createSender('http', target));
  const over = new AbortController();
  const load = runLoad({
    ring,
    senders,
    durationMs: Number.POSITIVE_INFINITY,
    itemsMax: Number.POSITIVE_INFINITY,
    ratePerSecond: undefined,
    signal: over.signal,
  });
  // What is under way when the server dies is not answered: that is the point.
  load.catch(() => undefined);
  await pause(LOAD_MS);
  await server.kill();
  over.abort();
  for (const sender of senders) sender.close();
  await load.catch(() => undefined);
}
