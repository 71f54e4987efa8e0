/**
 * Calls between threads over a message port: a method name, a payload, one answer or one AppError.
 * Bodies are transferred, not copied.
 */
import type { MessagePort, TransferListItem, Worker } from 'node:worker_threads';
import { AppError, type ErrorCode, isAppError, messageOf } from '../base/errors.ts';

export type RpcHandlers = Readonly<Record<string, (payload: never) => unknown>>;

export interface Rpc {
  call<Result>(
    method: string,
    payload: unknown,
    transfer?: readonly TransferListItem[],
  ): Promise<Result>;
  /** Says something that needs no answer. */
  notify(method: string, payload: unknown): void;
  /** Fails every call that waits: the other side is gone. */
  fail(error: Error): void;
}

type Message =
  | {
      readonly kind: 'call';
      readonly id: number;
      readonly method: string;
      readonly payload: unknown;
    }
  | { readonly kind: 'notify'; readonly method: string; readonly payload: unknown }
  | { readonly kind: 'result'; readonly id: number; readonly value: unknown }
  | {
      readonly kind: 'error';
      readonly id: number;
      readonly code: ErrorCode;
      readonly message: string;
    };

export function createRpc(port: MessagePort | Worker, handlers: RpcHandlers): Rpc {
  const waiting = new Map<
    number,
    { resolve: (value: never) => void; reject: (error: Error) => void }
  >();
  let nextId = 1;

  async function answer(message: Extract<Message, { kind: 'call' }>): Promise<void> {
    try {
      const handler = handlers[message.method];
      if (!handler)
        throw new AppError('internal', `Cannot call "${message.method}": no such method`);
      const value = await handler(message.payload as never); // both ends are ours
      port.postMessage({ kind: 'result', id: message.id, value } satisfies Message);
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
      case 'notify':
        void handlers[message.method]?.(message.payload as never);
        return;
      case 'result':
        waiting.get(message.id)?.resolve(message.value as never);
        waiting.delete(message.id);
        return;
      case 'error':
        waiting.get(message.id)?.reject(new AppError(message.code, message.message));
        waiting.delete(message.id);
        return;
    }
  });

  return {
    call(method, payload, transfer = []) {
      const id = nextId++;
      return new Promise((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        port.postMessage({ kind: 'call', id, method, payload } satisfies Message, [...transfer]);
      });
    },
    notify(method, payload) {
      port.postMessage({ kind: 'notify', method, payload } satisfies Message);
    },
    fail(error) {
      for (const { reject } of waiting.values()) reject(error);
      waiting.clear();
    },
  };
}
