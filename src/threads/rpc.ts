/**
 * Calls between threads over a message port: a method name, a payload, one answer or one AppError.
 * Shared memory is passed on as it is; other buffers are moved when they are named.
 */
import type { MessagePort, TransferListItem, Worker } from 'node:worker_threads';
import { AppError, type ErrorCode, isAppError, messageOf } from '../base/errors.ts';

export type RpcHandlers = Readonly<Record<string, (payload: never) => unknown>>;

/** What a handler returns to move buffers with its answer. */
export class Moved {
  readonly value: unknown;
  readonly transfer: readonly TransferListItem[];

  constructor(value: unknown, transfer: readonly TransferListItem[]) {
    this.value = value;
    this.transfer = transfer;
  }
}

export interface CallOptions {
  readonly transfer?: readonly TransferListItem[];
  /** Gives up after this long; without it the call waits as long as the other side lives. */
  readonly timeoutMs?: number;
}

export interface Rpc {
  /** Rejects with the AppError of the handler, when the other side is gone, and after the time given. */
  call<Result>(method: string, payload: unknown, options?: CallOptions): Promise<Result>;
  /** Fails every call that waits and every later one: the other side is gone. */
  fail(error: Error): void;
}

type Message =
  | {
      readonly kind: 'call';
      readonly id: number;
      readonly method: string;
      readonly payload: unknown;
    }
  | { readonly kind: 'result'; readonly id: number; readonly value: unknown }
  | {
      readonly kind: 'error';
      readonly id: number;
      readonly code: ErrorCode;
      readonly message: string;
    };

interface Waiting {
  readonly resolve: (value: never) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout | undefined;
}

export function createRpc(port: MessagePort | Worker, handlers: RpcHandlers): Rpc {
  const waiting = new Map<number, Waiting>();
  let nextId = 1;
  let failure: Error | undefined;

  function takeWaiting(id: number): Waiting | undefined {
    const found = waiting.get(id);
    waiting.delete(id);
    clearTimeout(found?.timer);
    return found;
  }

  async function answer(message: Extract<Message, { kind: 'call' }>): Promise<void> {
    try {
      const handler = handlers[message.method];
      if (!handler)
        throw new AppError('internal', `Cannot call "${message.method}": no such method`);
      const result = await handler(message.payload as never); // both ends are ours
      const { value, transfer } = result instanceof Moved ? result : new Moved(result, []);
      port.postMessage({ kind: 'result', id: message.id, value } satisfies Message, [...transfer]);
    } catch (thrown) {
      port.postMessage({
        kind: 'error',
        id: message.id,
        code: isAppError(thrown) ? thrown.code : 'internal',
        message: messageOf(thrown),
      } satisfies Message);
    }
  }

  port.on('message', (message: Message) => {
    switch (message.kind) {
      case 'call':
        void answer(message);
        return;
      case 'result':
        takeWaiting(message.id)?.resolve(message.value as never);
        return;
      case 'error':
        takeWaiting(message.id)?.reject(new AppError(message.code, message.message));
        return;
    }
  });

  return {
    call(method, payload, { transfer = [], timeoutMs } = {}) {
      if (failure) return Promise.reject(failure);
      const id = nextId++;
      port.postMessage({ kind: 'call', id, method, payload } satisfies Message, [...transfer]);
      return new Promise((resolve, reject) => {
        const late = () => takeWaiting(id)?.reject(noAnswer(method, timeoutMs));
        const timer = timeoutMs === undefined ? undefined : setTimeout(late, timeoutMs);
        waiting.set(id, { resolve, reject, timer });
      });
    },
    fail(error) {
      failure ??= error; // the first reason is the reason
      for (const id of [...waiting.keys()]) takeWaiting(id)?.reject(error);
    },
  };
}

function noAnswer(method: string, timeoutMs: number | undefined): AppError {
  return new AppError('internal', `Cannot call "${method}": no answer within ${timeoutMs} ms`);
}
