/** What a request is answered that is not stored, counted and logged the same way on both halves of the path. */
import type { Counters } from '../base/counters.ts';
import { AppError, messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Signal } from '../model/vocabulary.ts';
import type { IngestReply } from '../receive/receive.ts';

export function refusalOf(
  thrown: unknown,
  context: { readonly counters: Counters; readonly log: Log; readonly signal: Signal },
): IngestReply {
  const { code, message } = errorOf(thrown);
  context.counters.add('taproot_ingest_refused_total', 1, { signal: context.signal, code });
  if (code === 'internal' || code.startsWith('store.')) {
    context.log.error({ err: thrown, signal: context.signal }, 'ingest refused');
  }
  return { kind: 'refused', code, message };
}

export function errorOf(thrown: unknown): AppError {
  return thrown instanceof AppError
    ? thrown
    : new AppError('internal', `Cannot ingest: ${messageOf(thrown)}`, { cause: thrown });
}
