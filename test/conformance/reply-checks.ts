/** Compression, and the forms of success, success in part, and failure. */
import { gzipSync } from 'node:zlib';
import {
  ALL_SIGNALS,
  type Check,
  Fault,
  HTTP_WIRES,
  type Level,
  SIGNALS,
  Skip,
  WIRES,
} from './check.ts';
import { CLAUSES } from './clauses.ts';
import {
  expectAccepted,
  expectBadData,
  expectFailure,
  expectStatusBody,
  expectUnsetPartial,
  isHttp,
  nameOf,
} from './expect.ts';
import type { Outcome } from './outcome.ts';
import {
  badItem,
  goodRequest,
  itemOf,
  type Message,
  paddedRequest,
  pointOf,
  requestOf,
  type StableSignal,
} from './payload.ts';
import type { Probe } from './probe.ts';

const everywhere = { wires: WIRES, signals: ALL_SIGNALS } as const;
const overHttp = { wires: HTTP_WIRES, signals: ALL_SIGNALS } as const;
const withRejection = { wires: WIRES, signals: SIGNALS } as const;
const MUST: { readonly level: Level } = { level: 'must' };
const SHOULD: { readonly level: Level } = { level: 'should' };

export const REPLY_CHECKS: readonly Check[] = [
  {
    id: 'compression.none',
    title: 'takes requests that are not compressed',
    clause: CLAUSES.compression,
    sends: 'one good item',
    ...MUST,
    ...everywhere,
    run: async (probe) => void expectAccepted(await probe.send(goodRequest(probe.anySignal))),
  },
  {
    id: 'compression.gzip',
    title: 'takes gzip',
    clause: CLAUSES.compression,
    sends: 'one good item, compressed with gzip and announced so',
    ...MUST,
    ...everywhere,
    run: async (probe) => {
      expectAccepted(await probe.send(goodRequest(probe.anySignal), { isGzip: true }));
    },
  },
  {
    id: 'compression.identity',
    title: 'takes "identity" for no compression',
    clause: CLAUSES.contentEncoding,
    sends: 'one good item with content-encoding (grpc-encoding) identity',
    ...SHOULD,
    ...everywhere,
    run: async (probe) => {
      const name = probe.wire === 'grpc' ? 'grpc-encoding' : 'content-encoding';
      const headers = { [name]: 'identity' };
      expectAccepted(await probe.send(goodRequest(probe.anySignal), { headers }));
    },
  },
  {
    id: 'success.empty-request',
    title: 'answers a request without telemetry with success',
    clause: CLAUSES.fullSuccess,
    sends: 'an Export…ServiceRequest without fields',
    ...SHOULD,
    ...everywhere,
    run: async (probe) => expectUnsetPartial(await probe.send({})),
  },
  {
    id: 'success.partial-unset',
    title: 'leaves partial_success unset on full success',
    clause: CLAUSES.fullSuccess,
    sends: 'three good items',
    ...MUST,
    ...everywhere,
    run: async (probe) => {
      const items = [1, 2, 3].map(() => itemOf(probe.anySignal));
      expectUnsetPartial(await probe.send(requestOf(probe.anySignal, ...items)));
    },
  },
  {
    id: 'partial.count',
    title: 'rejects in part with 200 / OK and the true count',
    clause: CLAUSES.partialSuccess,
    sends:
      'two good items and three that OTLP calls invalid: spans of a zero trace id, records beyond the year 2500, histograms whose buckets do not fit their bounds',
    ...MUST,
    ...withRejection,
    run: async (probe) => {
      const partial = partialOf(await probe.send(partlyBad(probe.signal)));
      if (partial === undefined) throw new Skip('the receiver takes such items');
      if (partial.rejectedCount !== 3) {
        throw new Fault(`${probe.said}: rejected is ${partial.rejectedCount}, 3 items are bad`);
      }
    },
  },
  {
    id: 'partial.message',
    title: 'says in words why items were rejected',
    clause: CLAUSES.partialSuccess,
    sends: 'the request of partial.count',
    ...SHOULD,
    ...withRejection,
    run: async (probe) => {
      const partial = partialOf(await probe.send(partlyBad(probe.signal)));
      if (partial === undefined) throw new Skip('the receiver takes such items');
      if (partial.message === '') throw new Fault(`${probe.said}: error_message is empty`);
    },
  },
  {
    id: 'partial.warning',
    title: 'warns with rejected 0 and a text',
    clause: CLAUSES.partialSuccess,
    sends: 'one item that can be taken but is odd: an enum number that OTLP does not define',
    ...MUST,
    ...withRejection,
    run: async (probe) => {
      // A set partial_success with neither count nor text is a fault wherever it is read.
      const { partial } = expectAccepted(await probe.send(oddRequest(probe.signal)));
      if (partial === undefined) throw new Skip('the receiver has no warning for it');
    },
  },
  {
    id: 'failure.bad-data',
    title: 'answers what cannot be decoded with 400, over gRPC with a code that is not retried',
    clause: CLAUSES.badData,
    sends: 'a good request cut in half',
    ...MUST,
    ...everywhere,
    run: async (probe) => void expectBadData(await probe.sendBytes(halfRequest(probe))),
  },
  {
    id: 'failure.bad-request-details',
    title: 'tells what is bad: BadRequest details, over gRPC INVALID_ARGUMENT',
    clause: CLAUSES.badData,
    sends: 'a good request cut in half',
    ...SHOULD,
    ...everywhere,
    run: async (probe) => {
      const failure = expectFailure(await probe.sendBytes(halfRequest(probe)));
      if (isHttp(failure) && !failure.rpcStatus?.details.includes('BadRequest')) {
        throw new Fault(`${failure.said}: Status.details hold no BadRequest`);
      }
      if (!isHttp(failure) && failure.status !== 3) {
        throw new Fault(`${failure.said}: ${nameOf(failure.status)}, not INVALID_ARGUMENT`);
      }
    },
  },
  ...statusBodyChecks(),
  {
    id: 'failure.no-retry-advice',
    title: 'does not ask to send bad data again: no Retry-After on 400',
    clause: CLAUSES.retryable,
    sends: 'a good request cut in half',
    ...SHOULD,
    ...overHttp,
    run: async (probe) => {
      const answer = await probe.post(halfRequest(probe));
      if (answer.headers['retry-after'] === undefined) return;
      throw new Fault(`HTTP ${answer.status} with Retry-After ${answer.headers['retry-after']}`);
    },
  },
];

function statusBodyChecks(): readonly Check[] {
  const check = (
    name: string,
    what: { readonly sends: string; readonly send: (probe: Probe) => Promise<Outcome> },
  ): Check => ({
    id: `failure.status-body-${name}`,
    title: `answers ${name} with a google.rpc.Status in the request's encoding`,
    clause: CLAUSES.failures,
    sends: what.sends,
    ...MUST,
    ...overHttp,
    run: async (probe) => {
      const failure = expectFailure(await what.send(probe));
      expectStatusBody(failure);
    },
  });
  return [
    check('400', {
      sends: 'a good request cut in half',
      send: (probe) => probe.sendBytes(halfRequest(probe)),
    }),
    check('404', {
      sends: 'a good request to a path that does not exist',
      send: async (probe) =>
        probe.outcomeOf(
          await probe.post(probe.encode(goodRequest(probe.anySignal)), { path: '/v1/nowhere' }),
        ),
    }),
    check('405', {
      sends: 'a good request by PUT',
      send: async (probe) =>
        probe.outcomeOf(
          await probe.post(probe.encode(goodRequest(probe.anySignal)), { method: 'PUT' }),
        ),
    }),
    check('413', {
      sends: 'a valid request twice the limit, compressed with gzip',
      send: async (probe) => {
        const body = gzipSync(paddedRequest(probe.wire, 2 * probe.target.bodyLimitBytes));
        const headers = { 'content-encoding': 'gzip' };
        const outcome = probe.outcomeOf(await probe.post(body, { headers }));
        if (outcome.kind === 'success') throw new Skip('not refused: see limit.inflated-body');
        return outcome;
      },
    }),
    check('415', {
      sends: 'a good request with a content-encoding that does not exist',
      send: (probe) =>
        probe.send(goodRequest(probe.anySignal), {
          headers: { 'content-encoding': 'x-none-such' },
        }),
    }),
  ];
}

function halfRequest(probe: Probe): Uint8Array {
  const whole = probe.encode(goodRequest(probe.anySignal));
  return whole.subarray(0, Math.floor(whole.length / 2));
}

function partialOf(outcome: Outcome) {
  if (outcome.kind === 'success') return outcome.partial;
  expectBadData(outcome);
  throw new Skip('the receiver refuses such a request as a whole');
}

function partlyBad(signal: StableSignal): Message {
  const good = () => itemOf(signal);
  const bad = () => badItem(signal);
  return requestOf(signal, good(), bad(), bad(), good(), bad());
}

function oddRequest(signal: StableSignal): Message {
  switch (signal) {
    case 'traces':
      return requestOf(signal, itemOf(signal, { kind: 77 }));
    case 'logs':
      return requestOf(signal, itemOf(signal, { severityNumber: 77 }));
    case 'metrics': {
      const sum = { aggregationTemporality: 77, dataPoints: [pointOf()] };
      return requestOf(signal, { name: 'conformance.sum', sum });
    }
  }
}
