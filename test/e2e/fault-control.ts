/** Tells the library of fault-shim.c, in whichever process it is loaded, which calls on files fail or wait, and the time. */
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { constants as system } from 'node:os';

const CALLS = { write: 1, sync: 2, truncate: 4, open: 8 } as const;

export interface Fault {
  readonly calls: readonly (keyof typeof CALLS)[];
  /** Of the whole path; `*` takes `/`, too. */
  readonly pattern: string;
  /** Absent: the call only waits. */
  readonly error?: 'ENOSPC' | 'EIO' | 'EROFS';
  readonly delayMs?: number;
}

export interface FaultControl {
  /** Undefined: no fault. */
  setFault(fault: Fault | undefined): void;
  setClock(offsetSeconds: number): void;
  close(): void;
}

/** As struct control of fault-shim.c. */
const CONTROL_BYTES = 280;
const PATTERN_AT = 20;

/** Without faults, and the clock right. */
export function controlFaults(file: string): FaultControl {
  // Never cut to nothing: processes have it mapped.
  const handle = openSync(file, constants.O_RDWR | constants.O_CREAT, 0o600);
  const control = Buffer.alloc(CONTROL_BYTES);
  const publish = () => writeSync(handle, control, 0, CONTROL_BYTES, 0);
  publish();
  return {
    setFault: (fault) => {
      control.fill(0, 8);
      if (fault) {
        const calls = fault.calls.reduce((sum, call) => sum + CALLS[call], 0);
        control.writeInt32LE(calls, 8);
        control.writeInt32LE(fault.error ? system.errno[fault.error] : 0, 12);
        control.writeInt32LE(fault.delayMs ?? 0, 16);
        control.write(fault.pattern, PATTERN_AT, 'latin1');
      }
      publish();
    },
    setClock: (offsetSeconds) => {
      control.writeBigInt64LE(BigInt(offsetSeconds), 0);
      publish();
    },
    close: () => closeSync(handle),
  };
}
