/**
 * Repairs a store and kills itself just before a step of it. Run by test/e2e/repair-kill.test.ts as
 * `node dist/test/store/repair-kill-child.js DIR STEP`; prints what it was about to do.
 */
import fs from 'node:fs';
import { repairTelemetry } from '../../src/store/open.ts';

const [dataDir, step] = process.argv.slice(2);
if (dataDir === undefined || step === undefined)
  throw new Error('usage: repair-kill-child DIR STEP');

let calls = 0;
for (const name of ['renameSync', 'mkdirSync', 'linkSync', 'fsyncSync', 'rmSync'] as const) {
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
repairTelemetry({ dataDir });
fs.writeSync(1, 'done');
