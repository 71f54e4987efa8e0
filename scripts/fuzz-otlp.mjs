// The long form of test/otlp/fuzz.test.ts and test/receive/fuzz-socket.test.ts, and the decode speed of this machine.
// Needs `npm run build`.
//   node --expose-gc scripts/fuzz-otlp.mjs [--count N] [--socket-share RATIO] [--seed N] [--seconds N]
//     bent bodies of all signals, encodings and compressions (default 1 000 000, 0.02 of them over sockets, the seed
//     from the clock), for at most so many seconds
//   node scripts/fuzz-otlp.mjs --speed     spans a second on one core
import { parseArgs } from 'node:util';

const STEP_COUNT = 20_000;
/** Code and caches are warm after so many steps. */
const WARM_STEPS = 5;
const GROWTH_MIB_MAX = 64;
const MIB = 1024 * 1024;

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '1000000' },
    'socket-share': { type: 'string', default: '0.02' },
    seconds: { type: 'string', default: 'Infinity' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
    speed: { type: 'boolean', default: false },
  },
});

if (values.speed) {
  const { measureDecodeSpeed } = await import('../dist/test/otlp/speed.js');
  console.log(JSON.stringify(measureDecodeSpeed(40), undefined, 2));
} else {
  await fuzz();
}

async function fuzz() {
  const { fuzzDecoders } = await import('../dist/test/otlp/fuzz.js');
  const { fuzzSocket } = await import('../dist/test/receive/fuzz-socket.js');
  if (!globalThis.gc)
    throw new Error('run it with --expose-gc: memory is measured after a collection');
  const seed = Number(values.seed);
  const count = Number(values.count);
  const socketShare = Number(values['socket-share']);
  const startMs = performance.now();
  const total = { inputs: 0, accepted: 0, refused: 0, compared: 0, overSockets: 0, slowestMs: 0 };
  const statuses = {};
  const memory = [];
  console.log(`seed ${seed}`);
  while (total.inputs < count && performance.now() - startMs < 1000 * Number(values.seconds)) {
    // Each step has seeds of its own; a failure names the one that failed.
    const stepCount = Math.min(STEP_COUNT, count - total.inputs);
    const socketCount = Math.round(socketShare * stepCount);
    const step = { seed: seed + total.inputs, count: stepCount - socketCount };
    const decoded = fuzzDecoders(step);
    const sent = await fuzzSocket({ seed: step.seed, count: socketCount });
    for (const [status, times] of Object.entries(sent.statuses)) {
      statuses[status] = (statuses[status] ?? 0) + times;
    }
    total.inputs += decoded.acceptedCount + decoded.refusedCount + socketCount;
    total.accepted += decoded.acceptedCount + (sent.statuses['200'] ?? 0);
    total.refused = total.inputs - total.accepted;
    total.compared += decoded.comparedCount;
    total.overSockets += socketCount;
    total.slowestMs = Math.max(total.slowestMs, decoded.slowestMs, sent.slowestMs);
    globalThis.gc();
    const { heapUsed, rss } = process.memoryUsage();
    memory.push({ heapMib: heapUsed / MIB, rssMib: rss / MIB });
    console.log(`${total.inputs} of ${count}: ${JSON.stringify(rounded(memory.at(-1)))}`);
  }
  const seconds = (performance.now() - startMs) / 1000;
  const warm = memory[Math.min(WARM_STEPS, memory.length) - 1];
  const end = memory.at(-1);
  const report = { seed, seconds, ...total, statuses, warm: rounded(warm), end: rounded(end) };
  console.log(JSON.stringify(report, undefined, 2));
  if (end.heapMib - warm.heapMib > GROWTH_MIB_MAX) {
    console.error(`the heap grew by more than ${GROWTH_MIB_MAX} MiB`);
    process.exitCode = 1;
  }
}

function rounded(sample) {
  return { heapMib: Math.round(sample.heapMib), rssMib: Math.round(sample.rssMib) };
}
