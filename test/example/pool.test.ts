/** The demo bot's connection pool: its bound, its queue, its time limit, and what a leak does to it. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { ConnectionPool, type PooledConnection } from '../../examples/node-bot/src/pool.ts';

interface FakeConnection extends PooledConnection {
  readonly number: number;
  isUsable: boolean;
}

function createPool(options: { max?: number; waitersMax?: number; failing?: boolean } = {}) {
  const opened: FakeConnection[] = [];
  const connect = async (): Promise<FakeConnection> => {
    if (options.failing === true) throw new Error('refused');
    const connection: FakeConnection = {
      number: opened.length,
      isUsable: true,
      close: () => {
        connection.isUsable = false;
      },
    };
    opened.push(connection);
    return connection;
  };
  const { max = 2, waitersMax = 10 } = options;
  const pool = new ConnectionPool({ max, waitersMax, acquireTimeoutMs: 1000, connect });
  return { pool, opened };
}

afterEach(() => {
  vi.useRealTimers();
});

describe('ConnectionPool', () => {
  test('acquire() opens no more than max and queues the rest', async () => {
    const { pool, opened } = createPool();
    await Promise.all([pool.acquire(), pool.acquire()]);
    const third = pool.acquire();
    expect(pool.counts()).toEqual({ active: 2, idle: 0, pending: 1, max: 2 });
    expect(opened).toHaveLength(2);
    pool.release(opened[1] as FakeConnection);
    expect(await third).toBe(opened[1]);
    expect(pool.counts()).toMatchObject({ active: 2, pending: 0 });
  });

  test('release() serves waiters in the order they came', async () => {
    const { pool, opened } = createPool({ max: 1 });
    await pool.acquire();
    const served: string[] = [];
    const waiters = ['a', 'b', 'c'].map(async (name) => {
      const connection = await pool.acquire();
      served.push(name);
      pool.release(connection);
    });
    pool.release(opened[0] as FakeConnection);
    await Promise.all(waiters);
    expect(served).toEqual(['a', 'b', 'c']);
    expect(opened).toHaveLength(1);
  });

  test('acquire() says so only when somebody else must give a connection back', async () => {
    const { pool } = createPool({ max: 1 });
    const onQueued = vi.fn();
    await pool.acquire(onQueued);
    expect(onQueued).not.toHaveBeenCalled();
    pool.acquire(onQueued).catch(() => {});
    expect(onQueued).toHaveBeenCalledTimes(1);
    pool.close();
  });

  test('acquire() rejects when no connection came free in time', async () => {
    vi.useFakeTimers();
    const { pool } = createPool({ max: 1 });
    await pool.acquire();
    const late = pool.acquire();
    const outcome = expect(late).rejects.toMatchObject({
      type: 'ConnectionTimeout',
      message: expect.stringContaining('timeout exceeded when trying to connect'),
    });
    await vi.advanceTimersByTimeAsync(1000);
    await outcome;
    expect(pool.counts().pending).toBe(0);
  });

  test('acquire() rejects at once when the queue is full', async () => {
    const { pool } = createPool({ max: 1, waitersMax: 1 });
    await pool.acquire();
    pool.acquire().catch(() => {});
    await expect(pool.acquire()).rejects.toMatchObject({ type: 'PoolOverloaded' });
    pool.close();
  });

  test('acquire() passes on what connecting failed with, and keeps no slot', async () => {
    const { pool } = createPool({ failing: true });
    await expect(pool.acquire()).rejects.toThrow('refused');
    expect(pool.counts()).toEqual({ active: 0, idle: 0, pending: 0, max: 2 });
  });

  test('resize() closes idle connections now and borrowed ones on release', async () => {
    const { pool, opened } = createPool({ max: 3 });
    await Promise.all([pool.acquire(), pool.acquire(), pool.acquire()]);
    pool.release(opened[0] as FakeConnection);
    pool.resize(1);
    expect(opened[0]?.isUsable).toBe(false);
    pool.release(opened[1] as FakeConnection);
    expect(opened[1]?.isUsable).toBe(false);
    expect(pool.counts()).toEqual({ active: 1, idle: 0, pending: 0, max: 1 });
  });

  test('a broken connection is replaced, not handed out', async () => {
    const { pool, opened } = createPool({ max: 1 });
    await pool.acquire();
    const first = opened[0] as FakeConnection;
    first.isUsable = false;
    pool.release(first);
    expect(((await pool.acquire()) as FakeConnection).number).toBe(1);
  });

  test('release() of what was never borrowed changes nothing', async () => {
    const { pool, opened } = createPool();
    await pool.acquire();
    const connection = opened[0] as FakeConnection;
    pool.release(connection);
    pool.release(connection);
    expect(pool.counts()).toMatchObject({ active: 0, idle: 1 });
  });

  test('close() rejects those who wait and those who come later', async () => {
    const { pool } = createPool({ max: 1 });
    await pool.acquire();
    const waiting = pool.acquire();
    pool.close();
    await expect(waiting).rejects.toMatchObject({ type: 'PoolClosed' });
    await expect(pool.acquire()).rejects.toMatchObject({ type: 'PoolClosed' });
  });
});
