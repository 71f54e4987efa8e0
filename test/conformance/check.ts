/**
 * What a check is: one demand on an OTLP receiver, the clause it comes from, what is sent, and a run over one wire
 * and one signal. A run returns when the demand holds and throws a Fault or a Skip when it does not.
 */
import type { Clause } from './clauses.ts';
import type { Probe } from './probe.ts';

export type Signal = 'traces' | 'logs' | 'metrics' | 'profiles';
export const SIGNALS = ['traces', 'logs', 'metrics'] as const;
/** With the one in development: what no message of a signal is needed for is asked of all. */
export const ALL_SIGNALS = [...SIGNALS, 'profiles'] as const;

export type Wire = 'http/protobuf' | 'http/json' | 'grpc';
export const WIRES = ['http/protobuf', 'http/json', 'grpc'] as const;
export const HTTP_WIRES = ['http/protobuf', 'http/json'] as const;

/** A failed must ends the run with exit code 1; a failed should or may is a warning. */
export type Level = 'must' | 'should' | 'may';

export interface Check {
  /** `topic.name`: stable, for --only and for reports. */
  readonly id: string;
  /** What the receiver has to do. */
  readonly title: string;
  readonly level: Level;
  readonly clause: Clause;
  /** What is sent, in words. */
  readonly sends: string;
  readonly wires: readonly Wire[];
  readonly signals: readonly Signal[];
  /** Waits much and works little: runs beside the others. */
  readonly isSlow?: boolean;
  /** The demand holds when this returns. */
  run(probe: Probe): Promise<void>;
}

/** The receiver does not do what the check demands. */
export class Fault extends Error {
  /** Where one check looks at several clauses: the level of the one that is broken. */
  readonly level: Level | undefined;

  constructor(message: string, level?: Level) {
    super(message);
    this.name = 'Fault';
    this.level = level;
  }
}

/** The demand cannot be looked at here: a part of OTLP that may be absent, a case that the receiver never meets. */
export class Skip extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'Skip';
  }
}

/** No complete answer came: the connection was cut, refused, or silent for too long. */
export class NoAnswer extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'NoAnswer';
  }
}
