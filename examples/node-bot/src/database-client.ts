/** One connection to the database server: a TCP socket that carries one statement at a time. */
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { BotError } from './bot-error.ts';
import type { Order } from './database-server.ts';
import type { PooledConnection } from './pool.ts';

const CONNECT_TIMEOUT_MS = 2000;

export interface DatabaseConnection extends PooledConnection {
  query(sql: string, params: readonly string[]): Promise<Order[]>;
}

export async function openDatabaseConnection(address: {
  readonly host: string;
  readonly port: number;
}): Promise<DatabaseConnection> {
  const socket = await openSocket(address);
  let pending: { resolve: (rows: Order[]) => void; reject: (reason: Error) => void } | undefined;
  const fail = (error: Error): void => {
    pending?.reject(error);
    pending = undefined;
  };
  createInterface({ input: socket }).on('line', (line) => {
    // The server is ours and answers with rows or an error, one line each.
    const reply = JSON.parse(line) as { rows?: Order[]; error?: string };
    if (reply.rows === undefined) fail(new BotError('DatabaseError', reply.error ?? 'no rows'));
    else pending?.resolve(reply.rows);
    pending = undefined;
  });
  socket.on('error', (error) => fail(error));
  socket.on('close', () => fail(new BotError('ConnectionClosed', 'The database hung up')));
  return {
    get isUsable() {
      return !socket.destroyed;
    },
    close: () => socket.destroy(),
    query: (sql, params) =>
      new Promise((resolve, reject) => {
        if (pending !== undefined) throw new Error('A connection carries one statement at a time');
        pending = { resolve, reject };
        socket.write(`${JSON.stringify({ sql, params })}\n`);
      }),
  };
}

function openSocket(address: { readonly host: string; readonly port: number }): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(address);
    socket.setNoDelay(true);
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => {
      socket.destroy(new BotError('ConnectTimeout', 'Cannot connect to the database in time'));
    });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.setTimeout(0);
      socket.off('error', reject);
      resolve(socket);
    });
  });
}
