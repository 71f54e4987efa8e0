/**
 * A writer that removes its only old day and kills itself just before a step of it. Run by
 * test/e2e/retention-kill.test.ts as `node dist/test/store/retain-kill-child.js DIR STEP`; prints what it did.
 */
import fs from 'node:fs';
import { US_PER_DAY } from '../../src/base/time.ts';
import { openTelemetryReader, openTelemetryWriter } from '../../src/store/open.ts';
import { DAY_START_US, traceIdOf } from './generate.ts';
import { killGroup } from './kill-group.ts';

const [dataDir, step] = process.argv.slice(2);
if (dataDir === undefined || step === undefined)
  throw new Error('usage: retain-kill-child DIR STEP');

const writer = openTelemetryWriter({ dataDir, durability: 'disk' });
writer.write(killGroup(1));
// An open reader keeps the log from being merged into the file and removed when the writer closes it.
const reader = openTelemetryReader({ dataDir });
reader.readTrace(traceIdOf(1));

let calls = 0;
for (const name of ['renameSync', 'openSync', 'fsyncSync', 'rmSync'] as const) {
  const real = fs[name] as (...args: readonly unknown[]) => unknown; // called as it was
  Object.assign(fs, {
    [name]: (...args: readonly unknown[]) => {
      if (calls++ === Number(step)) {
        fs.writeSync(1, name);
        process.kill(process.pid, 'SIGKILL');
      }
      return real(...args);
    },
  });
}
// Both days of the group are old; a far clock makes their files old, too.
writer.retain({ nowUs: DAY_START_US + 100_000 * US_PER_DAY, days: 1, bytesMax: 0 });
fs.writeSync(1, 'done');
