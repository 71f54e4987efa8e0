/**
 * Cuts a store's log at every byte of its last 64 KiB and opens the store each time: `node scripts/torn-log.mjs
 * [--bytes 65536] [--step 1] [--dir /dev/shm]`, after a build. Ends with 1 when a cut lost or halved anything.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    bytes: { type: 'string', default: '65536' },
    step: { type: 'string', default: '1' },
    /** A folder in memory saves the time of the disk. */
    dir: { type: 'string', default: tmpdir() },
  },
});
const CUTS_PER_STORE = 5000;
const { faultAt, makeOpenStore } = await import('../dist/test/store/torn-log.js');
const folder = mkdtempSync(join(values.dir, 'taproot-torn-'));
let store = makeOpenStore(join(folder, '0'));
const startedMs = performance.now();
let cuts = 0;
let faults = 0;
for (let left = Number(values.bytes); left >= 0; left -= Number(values.step)) {
  const fault = faultAt(store, store.log.length - left, folder);
  cuts++;
  // A store remembers its requests for ten minutes: a younger one takes over in time.
  if (cuts % CUTS_PER_STORE === 0) store = makeOpenStore(join(folder, String(cuts)));
  if (fault !== undefined && ++faults <= 20) console.log(fault);
}
rmSync(folder, { recursive: true });
const seconds = (performance.now() - startedMs) / 1000;
console.log(
  `${cuts} cuts of a log of ${store.log.length} bytes, ${faults} faults, ${seconds.toFixed(0)} s`,
);
process.exit(faults === 0 ? 0 : 1);
