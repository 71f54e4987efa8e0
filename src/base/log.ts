/** Our own log: pino on stderr, JSON for machines and pretty on a terminal. One small file so that it can be swapped. */
import { createRequire } from 'node:module';
import { type Logger, pino } from 'pino';
import type pinoPretty from 'pino-pretty';

export type Log = Logger;

export function createLog(options: { readonly level: string; readonly isPretty: boolean }): Log {
  const settings = { level: options.level, base: null, timestamp: pino.stdTimeFunctions.isoTime };
  return options.isPretty
    ? pino(settings, loadPretty()({ destination: 2, sync: true, ignore: 'pid,hostname' }))
    : pino(settings, pino.destination({ dest: 2, sync: true }));
}

/** Loaded only for a terminal: 20 ms of CPU in each thread. */
function loadPretty(): typeof pinoPretty {
  return createRequire(import.meta.url)('pino-pretty') as typeof pinoPretty; // require() is untyped
}

/** A log that says nothing: for tests and one-shot commands. */
export const silentLog: Log = pino({ level: 'silent' });
