// The long form of test/otlp/fuzz.test.ts, and the decode speed of this machine. Needs `npm run build`.
//   node scripts/fuzz-otlp.mjs [--count N] [--seed N]    mutated requests (default 1 000 000, seed from the clock)
//   node scripts/fuzz-otlp.mjs --speed                   spans a second on one core
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
    speed: { type: 'boolean', default: false },
  },
});

if (values.speed) {
  const { measureDecodeSpeed } = await import('../dist/test/otlp/speed.js');
  console.log(JSON.stringify(measureDecodeSpeed(40), undefined, 2));
} else {
  const { fuzzDecoders } = await import('../dist/test/otlp/fuzz.js');
  const seed = Number(values.seed);
  const count = Number(values.count);
  const stepCount = 20_000;
  console.log(`seed ${seed}`);
  for (let done = 0; done < count; done += stepCount) {
    // Each step has seeds of its own; a failure names the one that failed.
    const result = fuzzDecoders({ seed: seed + done, count: Math.min(stepCount, count - done) });
    console.log(`${done + stepCount} of ${count}: ${JSON.stringify(result)}`);
  }
}
