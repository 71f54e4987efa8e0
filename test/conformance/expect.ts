/** What checks expect of an outcome; each throws a Fault that names what came instead. */
import { Fault } from './check.ts';
import { GRPC_STATUS_NAMES } from './grpc-wire.ts';
import type { Outcome, PartialSuccess } from './outcome.ts';

export type Failure = Extract<Outcome, { kind: 'failure' }>;
export type Success = Extract<Outcome, { kind: 'success' }>;

/** HTTP statuses that senders try again after. */
const RETRYABLE_HTTP: readonly number[] = [429, 502, 503, 504];
const RETRYABLE_GRPC: readonly number[] = [1, 4, 10, 11, 14, 15];
const RESOURCE_EXHAUSTED = 8;

/** Everything was taken; warnings are allowed. */
export function expectAccepted(outcome: Outcome): Success {
  const success = expectSuccess(outcome);
  if ((success.partial?.rejectedCount ?? 0) > 0) {
    throw new Fault(`${success.said}: good data was rejected`);
  }
  return success;
}

export function expectSuccess(outcome: Outcome): Success {
  if (outcome.kind === 'success') return outcome;
  throw new Fault(`${outcome.said}: not accepted`);
}

export function expectUnsetPartial(outcome: Outcome): void {
  const { partial, said } = expectAccepted(outcome);
  if (partial !== undefined) throw new Fault(`${said}: partial_success is set on full success`);
}

export function expectFailure(outcome: Outcome): Failure {
  if (outcome.kind === 'failure') return outcome;
  throw new Fault(`${outcome.said}: accepted`);
}

/** Bad data: HTTP 400, over gRPC a code that is not retried. */
export function expectBadData(outcome: Outcome): Failure {
  const failure = expectFailure(outcome);
  assertNotRetryable(failure);
  if (isHttp(failure) && failure.status !== 400) {
    throw new Fault(`${failure.said}: bad data is answered 400`);
  }
  return failure;
}

/** Bad data in part: the whole is refused, or the bad items are, or the receiver takes it with a warning or without. */
export function expectAnswered(outcome: Outcome): PartialSuccess | undefined {
  if (outcome.kind === 'success') return outcome.partial;
  expectBadDataOrTooLarge(outcome);
  return undefined;
}

export function expectBadDataOrTooLarge(outcome: Outcome): Failure {
  const failure = expectFailure(outcome);
  if (isTooLarge(failure)) return failure;
  return expectBadData(failure);
}

export function expectTooLarge(outcome: Outcome): Failure {
  const failure = expectFailure(outcome);
  if (!isTooLarge(failure)) {
    throw new Fault(`${failure.said}: over the limit is HTTP 413, over gRPC RESOURCE_EXHAUSTED`);
  }
  if (failure.rpcStatus?.details.includes('RetryInfo')) {
    throw new Fault(`${failure.said}: RetryInfo makes senders try again what never fits`);
  }
  return failure;
}

/** The body of a 4xx or 5xx is a Status in the encoding of the request. */
export function expectStatusBody(failure: Failure): void {
  if (!isHttp(failure)) return;
  if (!failure.rpcStatus) throw new Fault(`HTTP ${failure.status}: ${failure.rpcStatusFault}`);
  if (failure.rpcStatus.message === '') {
    throw new Fault(`${failure.said}: Status.message is empty`, 'should');
  }
}

export function assertNotRetryable(failure: Failure): void {
  const retryable = isHttp(failure) ? RETRYABLE_HTTP : RETRYABLE_GRPC;
  const isExhausted = failure.status === RESOURCE_EXHAUSTED;
  const hasRetryInfo = failure.rpcStatus?.details.includes('RetryInfo') ?? false;
  if (retryable.includes(failure.status) || (isExhausted && hasRetryInfo)) {
    throw new Fault(`${failure.said}: senders will send the same again`);
  }
}

export function isHttp(failure: Failure): boolean {
  return failure.status >= 100;
}

export function nameOf(grpcStatus: number): string {
  return GRPC_STATUS_NAMES[grpcStatus] ?? String(grpcStatus);
}

function isTooLarge({ status }: Failure): boolean {
  return status === 413 || status === RESOURCE_EXHAUSTED;
}
