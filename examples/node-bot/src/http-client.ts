/** POSTs JSON with the active trace context in its headers, a time limit, and the time of the first byte. */
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { context, propagation } from '@opentelemetry/api';
import { BotError } from './bot-error.ts';

export interface PostOptions {
  readonly url: string;
  readonly body: unknown;
  readonly timeoutMs: number;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface PostReply {
  readonly status: number;
  readonly text: string;
  readonly firstByteMs: number;
}

const agent = new Agent({ keepAlive: true, maxSockets: 512 });

/** Rejects with `timeout` after timeoutMs, or with the socket's error. */
export function postJson(options: PostOptions): Promise<PostReply> {
  const payload = JSON.stringify(options.body);
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(payload)),
    ...options.headers,
  };
  propagation.inject(context.active(), headers);
  const startedAt = performance.now();
  return new Promise((resolve, reject) => {
    const request = httpRequest(options.url, { method: 'POST', headers, agent }, (response) => {
      readText(response).then(({ text, firstByteAt }) => {
        clearTimeout(timer);
        const status = response.statusCode ?? 0;
        resolve({ status, text, firstByteMs: firstByteAt - startedAt });
      }, reject);
    });
    const timer = setTimeout(() => {
      const late = new BotError('timeout', `No answer in time, timeout=${options.timeoutMs}ms`);
      reject(late);
      request.destroy(late);
    }, options.timeoutMs);
    request.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    request.end(payload);
  });
}

async function readText(
  response: IncomingMessage,
): Promise<{ readonly text: string; readonly firstByteAt: number }> {
  response.setEncoding('utf8');
  let text = '';
  let firstByteAt: number | undefined;
  for await (const chunk of response) {
    firstByteAt ??= performance.now();
    text += chunk;
  }
  return { text, firstByteAt: firstByteAt ?? performance.now() };
}
