/** What a fault changes in a simulated system, as plain data: the physics read it, the choice of faults writes it. */

/** What is not as usual while the fault lasts. */
export type Effect =
  | {
      readonly kind: 'hog';
      readonly service: number;
      readonly pods: number;
      readonly share: number;
    }
  | {
      readonly kind: 'collector';
      readonly service: number;
      readonly pods: number;
      /** Of the time goes into collecting garbage. */
      readonly share: number;
      readonly pauseMs: number;
    }
  | { readonly kind: 'delay'; readonly machine: string; readonly delayMs: number }
  | {
      readonly kind: 'loss';
      readonly caller: number;
      readonly callee: number;
      readonly share: number;
    }
  | CodeEffect
  | { readonly kind: 'pool'; readonly service: number; readonly utilisation: number }
  | { readonly kind: 'store'; readonly store: number; readonly factor: number }
  | { readonly kind: 'cache'; readonly cache: number; readonly timeoutMs: number }
  | { readonly kind: 'backlog'; readonly topic: number; readonly capacityShare: number }
  | {
      readonly kind: 'timeout';
      readonly caller: number;
      readonly target: number;
      readonly timeoutMs: number;
    }
  | { readonly kind: 'surge'; readonly entry: number; readonly factor: number }
  | RefusalEffect
  | { readonly kind: 'platform'; readonly platform: number; readonly factor: number }
  | { readonly kind: 'silence'; readonly service: number };

export interface CodeEffect {
  readonly kind: 'code';
  readonly service: number;
  readonly endpoint: number;
  readonly step: number;
  readonly what: 'throw' | 'return' | 'slow' | 'lock';
  /** Of the requests that get there; the others run as usual. */
  readonly share: number;
  /** Only requests of users on this plan. */
  readonly plan: string | undefined;
  /** Added time; of `slow` it is spent on the processor when `isWork`. */
  readonly addedMs: number;
  readonly isWork: boolean;
  /** It came with a release on so many pods. */
  readonly release: { readonly pods: number; readonly version: string } | undefined;
}

/** Calls of a platform or of a service that are turned away. */
export interface RefusalEffect {
  readonly kind: 'refusal';
  readonly caller: number;
  readonly platform: number | undefined;
  readonly callee: number | undefined;
  readonly failure: Failure;
  readonly share: number;
}

export interface Failure {
  readonly type: string;
  readonly message: string;
  /** HTTP; 0: there was no answer. */
  readonly status: number;
}
