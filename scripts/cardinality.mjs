// The long form of test/pipeline/cardinality.test.ts: a flood of distinct names. Needs `npm run build`.
//   node scripts/cardinality.mjs [--names N]    names of each kind (default 1 000 000)
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { flood, judge } from '../dist/test/pipeline/cardinality.js';

const { values } = parseArgs({ options: { names: { type: 'string', default: '1000000' } } });
const mib = (bytes) => Math.round(bytes / 1024 / 1024);
const dataDir = mkdtempSync(join(tmpdir(), 'taproot-cardinality-'));
try {
  const { counters } = await flood({
    dataDir,
    namesPerKind: Number(values.names),
    report: ({ halfBytes, fullBytes, ...result }) => {
      console.log(
        JSON.stringify({
          ...result,
          aliveMibHalf: mib(halfBytes),
          aliveMibFull: mib(fullBytes),
          rssMib: mib(process.memoryUsage().rss),
        }),
      );
    },
  });
  for (const [name, value] of counters) if (name.includes('overflow')) console.log(name, value);
  const startedMs = performance.now();
  for (const line of await judge(dataDir)) console.log(line);
  console.log(
    `tick and collection ${Math.round(performance.now() - startedMs)} ms, peak RSS ${mib(process.resourceUsage().maxRSS * 1024)} MiB`,
  );
} finally {
  rmSync(dataDir, { recursive: true });
}
