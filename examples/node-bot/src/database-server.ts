/**
 * A small database over TCP: one JSON statement a line, one JSON answer a line, in order per connection. It plays
 * the orders database; it emits no telemetry of its own, as databases do not.
 */
import { createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { listenOn } from './listen.ts';
import { createRandom, hashOf } from './random.ts';
import { wait } from './wait.ts';

export interface Order {
  readonly orderId: string;
  readonly status: string;
  readonly etaDays: number;
}

export interface DatabaseServerOptions {
  readonly host: string;
  readonly port: number;
  readonly seed: number;
  /** Added to each statement's execution: what a missing index or a lock would cost. */
  readonly statementDelayMs: () => number;
}

export interface RunningDatabase {
  readonly port: number;
  close(): Promise<void>;
}

const CONNECTIONS_MAX = 200;
const STATUSES = ['paid', 'packed', 'shipped', 'delivered'] as const;

export async function startDatabaseServer(
  options: DatabaseServerOptions,
): Promise<RunningDatabase> {
  const random = createRandom(options.seed);
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    let previous = Promise.resolve();
    createInterface({ input: socket }).on('line', (line) => {
      previous = previous.then(() => answer(line, socket));
    });
  });
  const answer = async (line: string, socket: Socket): Promise<void> => {
    const statement = parseStatement(line);
    const planMs = random.latencyMs(5) + options.statementDelayMs();
    await wait(planMs + (statement?.sleepMs ?? 0));
    if (socket.destroyed) return;
    const reply =
      statement === undefined ? { error: 'syntax error' } : { rows: ordersOf(statement.userId) };
    socket.write(`${JSON.stringify(reply)}\n`);
  };
  server.maxConnections = CONNECTIONS_MAX;
  const port = await listenOn(server, options);
  return {
    port,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

/** Understands the one statement of the bot, with pg_sleep(seconds) as in PostgreSQL. */
function parseStatement(line: string): { userId: string; sleepMs: number } | undefined {
  let message: unknown;
  try {
    message = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof message !== 'object' || message === null) return undefined;
  const { sql, params } = message as { sql?: unknown; params?: unknown };
  if (typeof sql !== 'string' || !/\bFROM orders\b/.test(sql) || !Array.isArray(params)) {
    return undefined;
  }
  const sleepSeconds = Number(/pg_sleep\(([\d.]{1,8})\)/.exec(sql)?.[1] ?? 0);
  return { userId: String(params[0]), sleepMs: sleepSeconds * 1000 };
}

/** The orders of a user follow from the user's id: the same question has the same answer. */
function ordersOf(userId: string): Order[] {
  const random = createRandom(hashOf(userId));
  return Array.from({ length: 1 + random.below(4) }, () => ({
    orderId: `E${100_000 + random.below(900_000)}`,
    status: random.pick(STATUSES),
    etaDays: random.below(5),
  }));
}
