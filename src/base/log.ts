/** Our own log: pino on stderr, JSON for machines and pretty on a terminal. One small file so that it can be swapped. */
import { type Logger, pino } from 'pino';
import pretty from 'pino-pretty';

export type Log = Logger;

export function createLog(options: { readonly level: string; readonly isPretty: boolean }): Log {
  const settings = { level: options.level, base: null, timestamp: pino.stdTimeFunctions.isoTime };
  return options.isPretty
    ? pino(settings, pretty({ destination: 2, sync: true, ignore: 'pid,hostname' }))
    : pino(settings, pino.destination({ dest: 2, sync: true }));
}

/** A log that says nothing: for tests and one-shot commands. */
export const silentLog: Log = pino({ level: 'silent' });
