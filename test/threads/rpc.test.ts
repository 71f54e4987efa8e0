import { MessageChannel } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import { AppError } from '../../src/base/errors.ts';
import { createRpc } from '../../src/threads/rpc.ts';

const channels: MessageChannel[] = [];
afterEach(() => {
  for (const channel of channels.splice(0)) {
    channel.port1.close();
    channel.port2.close();
  }
});

function pair(handlers: Parameters<typeof createRpc>[1]) {
  const channel = new MessageChannel();
  channels.push(channel);
  createRpc(channel.port2, handlers);
  return createRpc(channel.port1, {});
}

describe('createRpc()', () => {
  it('answers a call with the value of its handler, sync or async', async () => {
    const rpc = pair({ twice: (n: number) => 2 * n, later: async (n: number) => n + 1 });
    await expect(rpc.call('twice', 21)).resolves.toBe(42);
    await expect(rpc.call('later', 1)).resolves.toBe(2);
  });

  it('keeps answers apart when calls finish out of order', async () => {
    const waiting: (() => void)[] = [];
    const rpc = pair({
      wait: (n: number) => new Promise((resolve) => waiting.push(() => resolve(n))),
      release: () => {
        for (const go of waiting.splice(0).reverse()) go();
      },
    });
    const first = rpc.call('wait', 1);
    const second = rpc.call('wait', 2);
    await rpc.call('release', undefined);
    await expect(Promise.all([first, second])).resolves.toEqual([1, 2]);
  });

  it('carries the code of an AppError, and says internal for others', async () => {
    const rpc = pair({
      full: () => {
        throw new AppError('store.unavailable', 'Cannot write: disk is full');
      },
      bug: () => {
        throw new TypeError('x is undefined');
      },
    });
    await expect(rpc.call('full', undefined)).rejects.toMatchObject({
      code: 'store.unavailable',
      message: 'Cannot write: disk is full',
    });
    await expect(rpc.call('bug', undefined)).rejects.toMatchObject({ code: 'internal' });
    await expect(rpc.call('nothing', undefined)).rejects.toMatchObject({ code: 'internal' });
  });

  it('shares the memory of a body instead of copying it', async () => {
    const shared = new Uint8Array(new SharedArrayBuffer(1000)).subarray(10, 20);
    const rpc = pair({
      fill: (body: Uint8Array) => {
        body.fill(7);
        return body.length;
      },
    });
    await expect(rpc.call('fill', shared)).resolves.toBe(10);
    expect([...shared]).toEqual(Array.from({ length: 10 }, () => 7));
  });

  it('fails what waits when the other side is gone', async () => {
    const rpc = pair({ never: () => new Promise(() => undefined) });
    const waiting = rpc.call('never', undefined);
    rpc.fail(new AppError('internal', 'thread died'));
    await expect(waiting).rejects.toMatchObject({ message: 'thread died' });
  });

  it('fails what is asked after the other side is gone, instead of waiting for ever', async () => {
    const rpc = pair({ never: () => new Promise(() => undefined) });
    rpc.fail(new AppError('internal', 'thread died'));
    await expect(rpc.call('never', undefined)).rejects.toMatchObject({ message: 'thread died' });
  });

  it('gives up a call after its time', async () => {
    const rpc = pair({ never: () => new Promise(() => undefined) });
    await expect(rpc.call('never', undefined, { timeoutMs: 1 })).rejects.toMatchObject({
      code: 'internal',
      message: 'Cannot call "never": no answer within 1 ms',
    });
  });
});
