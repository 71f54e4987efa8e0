/**
 * The long form of the overload test: `node scripts/overload.mjs [--seconds 60] [--warm-up 20]`, after a build. Offers twice the
 * load that was stored before, over HTTP and over gRPC, and prints the table that stands in docs/reliability.md. Ends with 1
 * when anything accepted is not stored, or a refusal did not tell to wait.
 */
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    'warm-up': { type: 'string', default: '20' },
  },
});
const { measureOverload } = await import('../dist/test/e2e/overload-load.js');
const thousands = (rate) => `${Math.round(rate / 1000)} k/s`;
const ms = (value) => `${Math.round(value)} ms`;
const mebibytes = (bytes) => `${Math.round(bytes / 1024 ** 2)} MiB`;
let isGood = true;
console.log(
  '| transport | stored before | offered | accepted | refused | accepted, p50 · p99 | refused, p50 | RSS before · most |',
);
console.log('|---|---:|---:|---:|---:|---:|---:|---:|');
for (const transport of ['http', 'grpc']) {
  const result = await measureOverload({
    transport,
    warmUpMs: 1000 * Number(values['warm-up']),
    durationMs: 1000 * Number(values.seconds),
  });
  const rates = [
    result.sustainableRate,
    result.offeredRate,
    result.acceptedRate,
    result.refusedRate,
  ].map(thousands);
  const waits = `${ms(result.acceptedMsP50)} · ${ms(result.acceptedMsP99)}`;
  const memory = `${mebibytes(result.warmMemoryBytes)} · ${mebibytes(result.memoryBytesMax)}`;
  const cells = [transport, ...rates, waits, ms(result.refusedMsP50), memory];
  console.log(`| ${cells.join(' | ')} |`);
  const { acceptedSpans, storedSpans, unsentRequests, failures, oddRefusals } = result;
  console.log(`accepted ${acceptedSpans} spans, stored ${storedSpans}; ${unsentRequests} not sent`);
  for (const line of [...failures, ...oddRefusals].slice(0, 20)) console.log(line);
  isGood &&= acceptedSpans === storedSpans && failures.length + oddRefusals.length === 0;
}
process.exit(isGood ? 0 : 1);
