/**
 * A connection pool: at most `max` connections, a first-come queue of waiters, a time limit on waiting. It owns
 * the connections it opened; it knows nothing of telemetry.
 */
import { BotError } from './bot-error.ts';

export interface PooledConnection {
  readonly isUsable: boolean;
  close(): void;
}

export interface PoolCounts {
  readonly active: number;
  readonly idle: number;
  readonly pending: number;
  readonly max: number;
}

interface Waiter<Connection> {
  readonly resolve: (connection: Connection) => void;
  readonly reject: (reason: unknown) => void;
  readonly timer: NodeJS.Timeout;
}

export interface PoolOptions<Connection> {
  readonly max: number;
  readonly acquireTimeoutMs: number;
  readonly waitersMax: number;
  readonly connect: () => Promise<Connection>;
}

export class ConnectionPool<Connection extends PooledConnection> {
  private readonly options: PoolOptions<Connection>;
  private readonly idle: Connection[] = [];
  private readonly waiters: Waiter<Connection>[] = [];
  private readonly borrowed = new Set<Connection>();
  private openingCount = 0;
  private max: number;
  private isClosed = false;

  constructor(options: PoolOptions<Connection>) {
    this.options = options;
    this.max = options.max;
  }

  counts(): PoolCounts {
    return {
      active: this.borrowed.size + this.openingCount,
      idle: this.idle.length,
      pending: this.waiters.length,
      max: this.max,
    };
  }

  /**
   * Resolves with a connection that release() must get back. Rejects with ConnectionTimeout when none came free in
   * time, PoolOverloaded when the queue is full, PoolClosed after close().
   */
  acquire(onQueued: () => void = () => {}): Promise<Connection> {
    if (this.isClosed) return Promise.reject(new BotError('PoolClosed', 'The pool is closed'));
    if (this.waiters.length >= this.options.waitersMax) {
      const message = `The pool has ${this.waiters.length} waiters already`;
      return Promise.reject(new BotError('PoolOverloaded', message));
    }
    const promise = this.enqueue();
    this.serve();
    // Waiters beyond the connections being opened wait for somebody to give one back.
    if (this.waiters.length > this.openingCount) onQueued();
    return promise;
  }

  release(connection: Connection): void {
    if (!this.borrowed.delete(connection)) return;
    if (connection.isUsable && !this.isClosed && this.sizeCount() < this.max) {
      this.idle.push(connection);
    } else {
      connection.close();
    }
    this.serve();
  }

  /** Takes effect at once for idle connections and on release for borrowed ones. */
  resize(max: number): void {
    this.max = max;
    while (this.sizeCount() > max) {
      const connection = this.idle.pop();
      if (connection === undefined) break;
      connection.close();
    }
    this.serve();
  }

  close(): void {
    this.isClosed = true;
    for (const waiter of this.waiters.splice(0)) {
      clearTimeout(waiter.timer);
      waiter.reject(new BotError('PoolClosed', 'The pool is closed'));
    }
    for (const connection of [...this.idle.splice(0), ...this.borrowed]) connection.close();
    this.borrowed.clear();
  }

  private sizeCount(): number {
    return this.borrowed.size + this.openingCount + this.idle.length;
  }

  private enqueue(): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const timeoutMs = this.options.acquireTimeoutMs;
      const timer = setTimeout(() => {
        this.waiters.splice(this.waiters.indexOf(waiter), 1);
        const message = `timeout exceeded when trying to connect: no connection within ${timeoutMs}ms`;
        reject(new BotError('ConnectionTimeout', message));
      }, timeoutMs);
      const waiter: Waiter<Connection> = { resolve, reject, timer };
      this.waiters.push(waiter);
    });
  }

  /** Gives waiters idle connections, oldest waiter first, and opens new ones while there is room. */
  private serve(): void {
    while (this.waiters.length > 0) {
      const connection = this.idle.pop();
      if (connection !== undefined) {
        if (connection.isUsable) this.hand(connection);
        else connection.close();
      } else if (this.openingCount < this.waiters.length && this.sizeCount() < this.max) {
        this.open();
      } else {
        return;
      }
    }
  }

  private hand(connection: Connection): void {
    const waiter = this.waiters.shift();
    if (waiter === undefined) {
      this.idle.push(connection);
      return;
    }
    clearTimeout(waiter.timer);
    this.borrowed.add(connection);
    waiter.resolve(connection);
  }

  private open(): void {
    this.openingCount += 1;
    this.options.connect().then(
      (connection) => {
        this.openingCount -= 1;
        if (this.isClosed || this.sizeCount() >= this.max) connection.close();
        else this.hand(connection);
        this.serve();
      },
      (error: unknown) => {
        this.openingCount -= 1;
        const waiter = this.waiters.shift();
        if (waiter === undefined) return;
        clearTimeout(waiter.timer);
        waiter.reject(error);
      },
    );
  }
}
