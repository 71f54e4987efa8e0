/**
 * Loaded into the service by `NODE_OPTIONS=--import`, also in its threads: ends the process by SIGKILL at the n-th
 * pass of a stage (KILL_STAGE, KILL_PASS), and makes upkeep come every KILL_UPKEEP_MS.
 */
import { subscribe } from 'node:diagnostics_channel';
import { STAGE_CHANNEL } from '../../src/base/stages.ts';

const {
  KILL_STAGE: wanted,
  KILL_PASS: passText = '1',
  KILL_UPKEEP_MS: upkeepText,
} = process.env as Readonly<Record<string, string>>; // what the kill loop sets

/** Intervals of at least this long are upkeep: checkpoints, compaction, retention. */
const UPKEEP_MS_MIN = 1000;

let passes = 0;
if (wanted !== undefined) {
  subscribe(STAGE_CHANNEL, (stage) => {
    if (stage === wanted && ++passes === Number(passText)) process.kill(process.pid, 'SIGKILL');
  });
}

if (upkeepText !== undefined && /(store|analysis)-thread/.test(process.argv[1] ?? '')) {
  const real = globalThis.setInterval;
  const hurried = (callback: () => void, delayMs = 0) =>
    real(callback, delayMs >= UPKEEP_MS_MIN ? Number(upkeepText) : delayMs);
  globalThis.setInterval = hurried as typeof setInterval; // the service passes a callback and a delay
}
