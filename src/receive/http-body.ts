/**
 * Reads the body of an HTTP request as it is, charging every chunk to the budget and stopping at the limit.
 * It does not inflate.
 */
import type { IncomingMessage } from 'node:http';
import type { Lease } from './budget.ts';

export type BodyRead =
  | { readonly kind: 'complete'; readonly body: Uint8Array }
  /** More than the limit came. */
  | { readonly kind: 'too_large'; readonly sizeBytes: number }
  /** The budget ran out while reading. */
  | { readonly kind: 'no_room' }
  /** The sender went away, or was cut off for being slow. */
  | { readonly kind: 'aborted' };

export function readBody(
  request: IncomingMessage,
  options: { readonly lease: Lease; readonly bodyBytesMax: number },
): Promise<BodyRead> {
  const { lease, bodyBytesMax } = options;
  return new Promise((resolve) => {
    const chunks: Uint8Array[] = [];
    let sizeBytes = 0;
    const settle = (read: BodyRead) => {
      request.off('data', onData).off('end', onEnd).off('close', onAborted).off('error', onAborted);
      resolve(read);
    };
    const onData = (chunk: Uint8Array) => {
      sizeBytes += chunk.length;
      if (sizeBytes > bodyBytesMax) settle({ kind: 'too_large', sizeBytes });
      else if (!lease.tryGrow(chunk.length)) settle({ kind: 'no_room' });
      else chunks.push(chunk);
    };
    const onEnd = () => settle({ kind: 'complete', body: joined(chunks, sizeBytes) });
    const onAborted = () => settle({ kind: 'aborted' });
    request.on('data', onData).on('end', onEnd).on('close', onAborted).on('error', onAborted);
  });
}

/** One copy into an ArrayBuffer of its own, which the ingestor may transfer. */
function joined(chunks: readonly Uint8Array[], sizeBytes: number): Uint8Array {
  const body = new Uint8Array(sizeBytes);
  let at = 0;
  for (const chunk of chunks) {
    body.set(chunk, at);
    at += chunk.length;
  }
  return body;
}
