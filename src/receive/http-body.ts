/**
 * Reads the body of an HTTP request as it is, charging every chunk to the budget and stopping at the limit.
 * It does not inflate.
 */
import type { IncomingMessage } from 'node:http';
import type { Lease } from './budget.ts';

export type BodyRead =
  | {
      readonly kind: 'complete';
      readonly pieces: readonly Uint8Array[];
      readonly sizeBytes: number;
    }
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
    const chunks = new ChunkList();
    let sizeBytes = 0;
    const settle = (read: BodyRead) => {
      request.off('data', onData).off('end', onEnd).off('close', onAborted).off('error', onAborted);
      resolve(read);
    };
    const onData = (chunk: Uint8Array) => {
      sizeBytes += chunk.length;
      if (sizeBytes > bodyBytesMax) settle({ kind: 'too_large', sizeBytes });
      else if (!lease.tryGrow(chunk.length)) settle({ kind: 'no_room' });
      else chunks.add(chunk);
    };
    const onEnd = () => settle({ kind: 'complete', pieces: chunks.end(), sizeBytes });
    const onAborted = () => settle({ kind: 'aborted' });
    request.on('data', onData).on('end', onEnd).on('close', onAborted).on('error', onAborted);
  });
}

/** Smaller chunks are copied together: the object of a chunk of one byte weighs 200. */
const SMALL_CHUNK_BYTES = 4096;
/** Little, because a body that trickles in holds one. */
const TAIL_BYTES = 4 * SMALL_CHUNK_BYTES;

class ChunkList {
  readonly #chunks: Uint8Array[] = [];
  #tail: Uint8Array | undefined;
  #tailSize = 0;

  add(chunk: Uint8Array): void {
    // Most small bodies are one chunk.
    if (chunk.length >= SMALL_CHUNK_BYTES || (this.#chunks.length === 0 && !this.#tail)) {
      this.#closeTail();
      this.#chunks.push(chunk);
      return;
    }
    if (this.#tailSize + chunk.length > TAIL_BYTES) this.#closeTail();
    this.#tail ??= new Uint8Array(TAIL_BYTES);
    this.#tail.set(chunk, this.#tailSize);
    this.#tailSize += chunk.length;
  }

  end(): readonly Uint8Array[] {
    this.#closeTail();
    return this.#chunks;
  }

  #closeTail(): void {
    if (this.#tail) this.#chunks.push(this.#tail.subarray(0, this.#tailSize));
    this.#tail = undefined;
    this.#tailSize = 0;
  }
}
