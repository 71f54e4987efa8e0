/**
 * The gate before every gRPC call: admission before the message is read, a bound on what calls being read can
 * hold together, and time limits. grpc-js buffers and inflates a message whole before it shows its size
 * (on zlib's threads, not ours), so only the number of calls being read bounds that memory; flow control lets
 * the others wait with at most one window of bytes.
 */
import {
  Metadata,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
  type ServerListener,
  type StatusObject,
  status,
} from '@grpc/grpc-js';
import { ERROR_CATALOGUE } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Signal } from '../model/vocabulary.ts';
import { buildStatus } from '../otlp/reply.ts';
import type { Lease } from './budget.ts';
import { countBytes, countRequest, type Reception } from './ingestor.ts';
import { detailsOf, OVERLOADED, type Refusal, STOPPING } from './refusal.ts';

/** A message on its way from the gate to the method's handler, with the lease that it holds. */
export interface GrpcMessage {
  readonly body: Uint8Array;
  lease: Lease | undefined;
}

/** Status, text and details (RetryInfo when waiting helps) of a refusal. */
export function buildGrpcStatus(refusal: Refusal): StatusObject {
  const { grpc: code } = ERROR_CATALOGUE[refusal.code];
  const details = buildStatus({
    encoding: 'protobuf',
    grpcCode: code,
    message: refusal.message,
    ...detailsOf(refusal),
  });
  const metadata = new Metadata();
  metadata.set('grpc-status-details-bin', Buffer.from(details));
  return { code, details: refusal.message, metadata };
}

export function createGate(
  reception: Reception,
  options: { readonly signalOfPath: ReadonlyMap<string, Signal>; readonly readsMax: number },
): ServerInterceptor {
  const turns = new ReadTurns(options.readsMax, () => performance.now());
  return (method, call) => {
    const signal = options.signalOfPath.get(method.path) ?? 'none';
    const gate = new CallGate(reception, { turns, call, signal });
    return new ServerInterceptingCall(call, {
      start: (next) => next(gate.listener()),
      sendStatus: (sent, next) => {
        gate.noteAnswer(sent.code ?? status.UNKNOWN);
        next(sent);
      },
    });
  };
}

/** How many calls may be read at once; the rest wait their turn, first come, first served. */
export class ReadTurns {
  #free: number;
  readonly #nowMs: () => number;
  /** Since when each waits, the oldest first. */
  readonly #waiting = new Map<() => void, number>();

  constructor(count: number, nowMs: () => number) {
    this.#free = count;
    this.#nowMs = nowMs;
  }

  /**
   * True when a new call would wait long for its turn: the budget does not see it, since a call that was not read holds no
   * bytes, and every call would be let in to wait here.
   */
  isLineOld(): boolean {
    if (this.#waiting.size <= LIMITS.grpcWaitingFree) return false;
    for (const sinceMs of this.#waiting.values()) {
      return this.#nowMs() - sinceMs > LIMITS.queueAgeMsMax; // the first is the oldest
    }
    return false;
  }

  /** Calls back, perhaps at once, when it is the caller's turn. */
  request(onTurn: () => void): void {
    if (this.#free === 0) {
      this.#waiting.set(onTurn, this.#nowMs());
      return;
    }
    this.#free--;
    onTurn();
  }

  /** Takes back a request that still waits; false when its turn has come. */
  cancel(onTurn: () => void): boolean {
    return this.#waiting.delete(onTurn);
  }

  end(): void {
    this.#free++;
    const [next] = this.#waiting.keys();
    if (next === undefined) return;
    this.#waiting.delete(next);
    this.#free--;
    next();
  }
}

/** What one call holds until its message is complete: a lease, a turn, a timer. */
class CallGate {
  readonly #reception: Reception;
  readonly #turns: ReadTurns;
  readonly #call: ServerInterceptingCallInterface;
  readonly #signal: Signal | 'none';
  #lease: Lease | undefined;
  #timer: NodeJS.Timeout | undefined;
  #turn: 'none' | 'waiting' | 'held' = 'none';
  #onTurn: () => void = () => {};
  #isAnswered = false;
  #isMessageTaken = false;

  constructor(
    reception: Reception,
    options: {
      readonly turns: ReadTurns;
      readonly call: ServerInterceptingCallInterface;
      readonly signal: Signal | 'none';
    },
  ) {
    this.#reception = reception;
    this.#turns = options.turns;
    this.#call = options.call;
    this.#signal = options.signal;
  }

  listener(): ServerListener {
    return {
      onReceiveMetadata: (metadata, next) => this.#admit(() => next(metadata)),
      onReceiveMessage: (message: GrpcMessage, next) => this.#takeMessage(message, next),
      onReceiveHalfClose: (next) => {
        this.#endReading();
        if (!this.#isAnswered) next();
      },
      onCancel: () => this.#cancelled(),
    };
  }

  /** Counts the call once, by the status that it ends with. */
  noteAnswer(code: number): void {
    if (this.#isAnswered) return;
    this.#isAnswered = true;
    this.#giveBack();
    countRequest(this.#reception, { signal: this.#signal, transport: 'grpc', code: String(code) });
  }

  /** Decides before anything of the message is read. */
  #admit(read: () => void): void {
    if (this.#reception.isStopping()) {
      this.#refuse(STOPPING);
      return;
    }
    this.#lease = this.#turns.isLineOld() ? undefined : this.#reception.budget.tryAcquire(0);
    if (!this.#lease) {
      this.#refuse(OVERLOADED);
      return;
    }
    this.#setTimer(() => this.#refuse(OVERLOADED));
    this.#turn = 'waiting';
    this.#onTurn = () => {
      this.#turn = 'held';
      this.#setTimer(() => this.#refuse(tooSlow(this.#reception.timeouts.grpcReadMs)));
      read();
    };
    this.#turns.request(this.#onTurn);
  }

  #takeMessage(message: GrpcMessage, next: (message: GrpcMessage) => void): void {
    if (this.#isAnswered) return;
    if (this.#isMessageTaken) {
      next(message); // grpc-js refuses a second message itself
      return;
    }
    this.#endTurn();
    if (!this.#lease?.tryGrow(message.body.length)) {
      this.#refuse(OVERLOADED);
      return;
    }
    this.#isMessageTaken = true;
    if (this.#signal !== 'none') {
      const bytes = message.body.length;
      countBytes(this.#reception, { signal: this.#signal, transport: 'grpc', bytes });
    }
    message.lease = this.#lease;
    next(message);
  }

  /** The request is complete: from here the handler owns the lease. */
  #endReading(): void {
    clearTimeout(this.#timer);
    if (this.#isMessageTaken) this.#lease = undefined;
  }

  /**
   * Runs after every call. Without an answer of ours the sender went away, or grpc-js answered itself: message
   * over the limit (RESOURCE_EXHAUSTED), unknown compression (UNIMPLEMENTED), broken gzip (INTERNAL).
   */
  #cancelled(): void {
    if (!this.#isAnswered) {
      const aborted = { signal: this.#signal, transport: 'grpc', code: 'aborted' } as const;
      countRequest(this.#reception, aborted);
    }
    this.#isAnswered = true;
    this.#giveBack();
  }

  #refuse(refusal: Refusal): void {
    if (this.#isAnswered) return;
    const answer = buildGrpcStatus(refusal);
    this.noteAnswer(answer.code);
    this.#call.sendStatus(answer);
  }

  #setTimer(onTimeout: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(onTimeout, this.#reception.timeouts.grpcReadMs);
  }

  #giveBack(): void {
    clearTimeout(this.#timer);
    this.#endTurn();
    this.#lease?.release();
    this.#lease = undefined;
  }

  #endTurn(): void {
    if (this.#turn === 'waiting') this.#turns.cancel(this.#onTurn);
    if (this.#turn === 'held') this.#turns.end();
    this.#turn = 'none';
  }
}

function tooSlow(timeoutMs: number): Refusal {
  return {
    code: 'otlp.too_slow',
    message: `Cannot read the message: not complete within ${timeoutMs} ms`,
  };
}
