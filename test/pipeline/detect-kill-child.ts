/**
 * Detection over a filled data folder, a tick a minute, to be killed: node detect-kill-child.js DATA_DIR FROM_US MINUTES.
 * Prints each minute that was judged, and begins again where its state says.
 */
import { createCounters } from '../../src/base/counters.ts';
import { silentLog } from '../../src/base/log.ts';
import { US_PER_MINUTE } from '../../src/base/time.ts';
import { createSloWatch } from '../../src/pipeline/slo-watch.ts';
import { Detection, GRACE_US } from '../../src/pipeline/tick.ts';
import { openStateStore, openTelemetryReader } from '../../src/store/open.ts';
import { createMeanWatch } from '../build/mean-watch.ts';

const [dataDir = '', from = '', minutes = ''] = process.argv.slice(2);
const telemetry = openTelemetryReader({ dataDir });
const state = openStateStore({ dataDir });
const fromUs = Number(from);
const judgedUs = state.readJudgedUntil() ?? fromUs;
const detection = new Detection({
  telemetry,
  state,
  createWatchers: () => {
    const endpoints = createMeanWatch();
    const list = [{ name: 'mean', feed: 'endpoints', watch: endpoints } as const];
    return { endpoints, list, slos: createSloWatch([]) };
  },
  counters: createCounters(),
  log: silentLog,
  startedUs: judgedUs,
});
const lastUs = fromUs + Number(minutes) * US_PER_MINUTE;
for (let nowUs = judgedUs; nowUs <= lastUs; nowUs += US_PER_MINUTE) {
  await detection.advance(nowUs + GRACE_US);
  process.stdout.write(`${(nowUs - fromUs) / US_PER_MINUTE}\n`);
}
await detection.stop();
telemetry.close();
state.close();
