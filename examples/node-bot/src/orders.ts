/** The orders database as the bot sees it: a span for the call, one for the wait for a connection, one for the query. */
import { context, SpanKind } from '@opentelemetry/api';
import { BotError } from './bot-error.ts';
import { type DatabaseConnection, openDatabaseConnection } from './database-client.ts';
import type { Order } from './database-server.ts';
import type { FaultBoard } from './faults.ts';
import { type Instruments, POOL_NAME } from './instruments.ts';
import { ConnectionPool } from './pool.ts';
import type { Random } from './random.ts';
import { type Telemetry, withSpan } from './telemetry.ts';

export const POOL_MAX = 16;
const ACQUIRE_TIMEOUT_MS = 3000;
const WAITERS_MAX = 500;
/** Pool threads that the log names. */
const THREADS = 32;

export type OrdersPool = ConnectionPool<DatabaseConnection>;

export interface OrdersDeps {
  readonly telemetry: Telemetry;
  readonly instruments: Instruments;
  readonly faults: FaultBoard;
  readonly pool: OrdersPool;
  readonly random: Random;
}

export function createOrdersPool(options: {
  readonly host: string;
  readonly port: number;
  readonly faults: FaultBoard;
}): OrdersPool {
  const pool = new ConnectionPool<DatabaseConnection>({
    max: POOL_MAX,
    acquireTimeoutMs: ACQUIRE_TIMEOUT_MS,
    waitersMax: WAITERS_MAX,
    connect: () => openDatabaseConnection(options),
  });
  options.faults.onChange(() => {
    pool.resize(options.faults.active('db_pool_hold')?.max ?? POOL_MAX);
  });
  return pool;
}

const DATABASE = {
  'db.system.name': 'postgresql',
  'db.namespace': 'orders',
  'server.address': 'orders-db',
} as const;

/** Orders of a user. `sleepMs` makes the statement itself costly, as a report query would be. */
export function selectOrders(
  query: { readonly userId: string; readonly sleepMs: number },
  deps: OrdersDeps,
): Promise<readonly Order[]> {
  const attributes = {
    ...DATABASE,
    'db.operation.name': 'SELECT',
    'db.collection.name': 'orders',
    'db.query.text': 'SELECT order_id, status, eta_days FROM orders WHERE user_id = $1',
  };
  const options = { kind: SpanKind.CLIENT, attributes };
  const { tracer } = deps.telemetry;
  return withSpan({ tracer, name: 'SELECT orders', options }, async () => {
    const connection = await acquire(deps);
    const borrowedAt = performance.now();
    try {
      return await execute(connection, { ...query, deps });
    } finally {
      giveBack(connection, { deps, borrowedAt });
    }
  });
}

function acquire({
  telemetry,
  instruments,
  pool,
  random,
}: OrdersDeps): Promise<DatabaseConnection> {
  const name = { 'db.client.connection.pool.name': POOL_NAME };
  const { tracer, log } = telemetry;
  return withSpan({ tracer, name: 'pool.acquire', options: { attributes: name } }, async () => {
    const startedAt = performance.now();
    try {
      return await pool.acquire(() => {
        log.warn(`HikariCP - pool-1-thread-${1 + random.below(THREADS)} waiting for connection`);
      });
    } catch (error) {
      if (error instanceof BotError && error.type === 'ConnectionTimeout') {
        instruments.poolTimeouts.add(1, name);
        log.error(`订单库取连接失败: ${error.message}`);
      }
      throw error;
    } finally {
      instruments.poolWait.record((performance.now() - startedAt) / 1000, name);
    }
  });
}

function execute(
  connection: DatabaseConnection,
  call: { readonly userId: string; readonly sleepMs: number; readonly deps: OrdersDeps },
): Promise<readonly Order[]> {
  const { tracer } = call.deps.telemetry;
  const options = { kind: SpanKind.CLIENT, attributes: DATABASE };
  return withSpan({ tracer, name: 'db.query', options }, () => {
    const sleep = call.sleepMs > 0 ? `pg_sleep(${call.sleepMs / 1000}), ` : '';
    const sql = `SELECT ${sleep}order_id, status, eta_days FROM orders WHERE user_id = $1`;
    return connection.query(sql, [call.userId]);
  });
}

/** Gives the connection back at once, or, when the leak is on, only after a while. */
function giveBack(
  connection: DatabaseConnection,
  { deps, borrowedAt }: { readonly deps: OrdersDeps; readonly borrowedAt: number },
): void {
  const measured = context.active();
  const release = (): void => {
    const usedSeconds = (performance.now() - borrowedAt) / 1000;
    const name = { 'db.client.connection.pool.name': POOL_NAME };
    deps.instruments.poolUse.record(usedSeconds, name, measured);
    deps.pool.release(connection);
  };
  const holdMs = deps.faults.active('db_pool_hold')?.hold_ms ?? 0;
  if (holdMs > 0) setTimeout(release, holdMs);
  else release();
}
