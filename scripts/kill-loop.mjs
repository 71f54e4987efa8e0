/**
 * The long form of the kill loop: `node scripts/kill-loop.mjs --cycles 1000 --seed 1 [--per-store 50]
 * [--minutes 60]`, after a build.
 * Prints each cycle, then the table that stands in docs/reliability.md. Ends with 1 when anything was lost or doubled.
 */
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    cycles: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '1' },
    'per-store': { type: 'string', default: '50' },
    minutes: { type: 'string', default: 'Infinity' },
  },
});
const { formatResult, runKillLoop } = await import('../dist/test/e2e/kill-loop.js');
const result = await runKillLoop({
  cycles: Number(values.cycles),
  seed: Number(values.seed),
  cyclesPerStore: Number(values['per-store']),
  timeMsMax: 60_000 * Number(values.minutes),
  say: (line) => console.log(line),
});
console.log(`\nseed ${values.seed}\n\n${formatResult(result)}`);
for (const fault of result.faults.slice(0, 100)) console.log(`fault: ${fault}`);
const isGood = result.lostRows === 0 && result.doubledRows === 0 && result.faults.length === 0;
process.exit(isGood ? 0 : 1);
