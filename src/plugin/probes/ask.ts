/**
 * One GET to a registered target: time box, no redirects, no credentials, bounded answer. Throws nothing that
 * an answer could cause; says why when there is no answer.
 */
import { messageOf } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { Text } from '../../model/text.ts';

export type Answer =
  | { readonly kind: 'json'; readonly document: unknown; readonly status: number }
  | { readonly kind: 'none'; readonly reason: Text };

export interface AskOptions {
  readonly ask: typeof fetch;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Statuses whose JSON counts as an answer; health endpoints answer 503 with numbers, too. */
  readonly acceptsStatus: (status: number) => boolean;
}

export async function askJson(url: URL, options: AskOptions): Promise<Answer> {
  const timeout = AbortSignal.timeout(options.timeoutMs);
  const signal = AbortSignal.any([options.signal, timeout]);
  try {
    const response = await options.ask(url, {
      method: 'GET',
      redirect: 'manual',
      credentials: 'omit',
      headers: { accept: 'application/json' },
      signal,
    });
    return await readAnswer(response, options);
  } catch (thrown) {
    if (timeout.aborted) {
      return none(`${options.timeoutMs} ms 内没有回答`, `No answer within ${options.timeoutMs} ms`);
    }
    if (options.signal.aborted) return none('分析已被中止', 'The analysis was stopped');
    const reason = causeOf(thrown);
    return none(`无法连接:${reason}`, `Could not connect: ${reason}`);
  }
}

async function readAnswer(response: Response, options: AskOptions): Promise<Answer> {
  const { status } = response;
  const isRedirect = response.type === 'opaqueredirect' || (status >= 300 && status < 400);
  if (isRedirect || !options.acceptsStatus(status)) {
    await response.body?.cancel();
    return isRedirect
      ? none('目标要求重定向,未跟随', 'The target redirects; redirects are not followed')
      : none(`HTTP ${status}`, `HTTP ${status}`);
  }
  const bytes = await readBounded(response);
  if (bytes === undefined) {
    const limit = LIMITS.probeAnswerBytesMax;
    return none(`回答超过 ${limit} 字节`, `The answer is longer than ${limit} bytes`);
  }
  try {
    const document: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return { kind: 'json', document, status };
  } catch {
    // The parser's message quotes the body, which must not be reflected.
    return none('回答不是 JSON', 'The answer is not JSON');
  }
}

/** The whole body, or undefined when it is longer than allowed; the rest is not read. */
async function readBounded(response: Response): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  if (!response.body) return new Uint8Array(0);
  const reader = response.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return Buffer.concat(chunks);
    sizeBytes += value.length;
    if (sizeBytes > LIMITS.probeAnswerBytesMax) {
      await reader.cancel();
      return undefined;
    }
    chunks.push(value);
  }
}

function none(zh: string, en: string): Answer {
  return { kind: 'none', reason: { zh, en } };
}

/** fetch wraps what the network said; its code (ECONNREFUSED) says enough. */
function causeOf(thrown: unknown): string {
  const cause = thrown instanceof Error ? thrown.cause : undefined;
  if (typeof cause === 'object' && cause !== null && 'code' in cause) return String(cause.code);
  return messageOf(thrown);
}
