/**
 * One request to an Alertmanager's v2 API (https://github.com/prometheus/alertmanager, api/v2/openapi.yaml): time box,
 * no redirects, bounded answer. Throws nothing that an answer could cause.
 */
import { messageOf } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { formatTime, US_PER_MS } from '../../base/time.ts';
import type { OutgoingAlert } from './outbox.ts';

export type PostOutcome =
  | { readonly kind: 'taken' }
  /** It has read the request and refuses some of the alerts; the others it took. Repeating helps nobody. */
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string };

export interface PostOptions {
  /** Base URL: http://alertmanager:9093, with the path prefix if there is one. */
  readonly url: string;
  readonly authorization: string | undefined;
  readonly nowUs: number;
  /** How long the alerts that fire hold when nothing more is heard of us. */
  readonly validMs: number;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export async function postAlerts(
  alerts: readonly OutgoingAlert[],
  options: PostOptions,
): Promise<PostOutcome> {
  const timeout = AbortSignal.timeout(options.timeoutMs);
  try {
    const response = await fetch(`${options.url.replace(/\/+$/, '')}/api/v2/alerts`, {
      method: 'POST',
      redirect: 'manual',
      headers: {
        'content-type': 'application/json',
        ...(options.authorization === undefined ? {} : { authorization: options.authorization }),
      },
      body: JSON.stringify(alerts.map((alert) => alertBody(alert, options))),
      signal: AbortSignal.any([options.signal, timeout]),
    });
    const answer = await readStart(response);
    if (response.ok) return { kind: 'taken' };
    const reason = `HTTP ${response.status}: ${answer}`;
    return { kind: response.status === 400 ? 'refused' : 'failed', reason };
  } catch (thrown) {
    const reason = timeout.aborted ? `no answer within ${options.timeoutMs} ms` : causeOf(thrown);
    return { kind: 'failed', reason };
  }
}

function alertBody(alert: OutgoingAlert, { nowUs, validMs }: PostOptions) {
  const { labels, annotations, startsAtUs, endedAtUs, generatorUrl } = alert;
  // An end before the start is refused, and one in the future is not yet an end.
  const endsAtUs =
    endedAtUs === undefined
      ? nowUs + validMs * US_PER_MS
      : Math.max(startsAtUs, Math.min(endedAtUs, nowUs));
  return {
    labels,
    annotations,
    startsAt: formatTime(startsAtUs),
    endsAt: formatTime(endsAtUs),
    generatorURL: generatorUrl,
  };
}

/** As much of the answer as a log line shows; the rest is not read. */
async function readStart(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  const reader = response.body?.getReader();
  while (reader && sizeBytes < LIMITS.alertAnswerBytesMax) {
    const { done, value } = await reader.read();
    if (done) break;
    chunks.push(value);
    sizeBytes += value.length;
  }
  await reader?.cancel();
  return Buffer.concat(chunks).subarray(0, LIMITS.alertAnswerBytesMax).toString('utf8');
}

/** fetch wraps what the network said; its code (ECONNREFUSED) says enough. */
function causeOf(thrown: unknown): string {
  const cause = thrown instanceof Error ? thrown.cause : undefined;
  if (typeof cause === 'object' && cause !== null && 'code' in cause) return String(cause.code);
  return messageOf(thrown);
}
