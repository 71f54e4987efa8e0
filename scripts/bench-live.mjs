/**
 * Detection over three simulated days of the demo bot and all its faults: `node scripts/bench-live.mjs [--seconds 300]
 * [--copies 1] [--seed 1]`, after a build; the long form of test/e2e/live.test.ts. Prints the table that stands in
 * docs/benchmarks.md. Ends with 1 when an incident came without a fault, or not exactly one with it.
 */
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '300' },
    copies: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
  },
});
const { describeLive, incidentsOf, runLive } = await import('../dist/test/e2e/live-run.js');
const { FAULTS } = await import('../dist/examples/node-bot/src/faults.js');

const result = await runLive({
  daysSeconds: Number(values.seconds),
  copies: Number(values.copies),
  seed: Number(values.seed),
  faults: Object.keys(FAULTS).map((name) => ({ name })),
  say: (line) => console.error(line),
});
console.error(describeLive(result));

const early = result.incidents.filter(({ onset }) => Date.parse(onset) < result.daysEndMs);
const rows = result.faults.map((fault) => {
  const incidents = incidentsOf(result, fault);
  const [first] = incidents;
  const detected = (first?.anomalies ?? []).map(({ detectedAt }) => Date.parse(detectedAt ?? ''));
  return {
    count: incidents.length,
    cells: [
      fault.name,
      incidents.length,
      first ? minutesBetween(fault.onMs, Date.parse(first.onset)) : '–',
      first ? minutesBetween(fault.onMs, Math.min(...detected)) : '–',
      first?.status === 'closed' ? minutesBetween(fault.offMs, Date.parse(first.lastSeen)) : 'open',
    ],
  };
});
console.log(
  `${result.requestsPerMinute.toFixed(1)} requests a simulated minute, seed ${values.seed}`,
);
console.log(`three days without a fault: ${early.length} incidents\n`);
console.log(
  '| fault | incidents | onset, min after it | told, min after it | last seen, min after its end |',
);
console.log('| --- | --- | --- | --- | --- |');
for (const { cells } of rows) console.log(`| ${cells.join(' | ')} |`);
process.exit(early.length === 0 && rows.every(({ count }) => count === 1) ? 0 : 1);

function minutesBetween(fromMs, toMs) {
  return ((toMs - fromMs) / 60_000).toFixed(1);
}
