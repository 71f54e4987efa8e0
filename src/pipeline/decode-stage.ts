/**
 * The first half of the write path: inflates and decodes requests into the columns of a group, hands the group
 * over when it is full or has waited, and answers each request when its group comes back. Stateless between
 * groups, so that it can run on a thread of its own.
 */
import type { Counters } from '../base/counters.ts';
import { unreachable } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import { markStage } from '../base/stages.ts';
import { addDaysOf, type Clock } from '../base/time.ts';
import type { RawProfiles } from '../model/profiles.ts';
import {
  type DecodeOutcome,
  decodeLogs,
  decodeMetrics,
  decodeProfiles,
  decodeTraces,
  inflateBody,
} from '../otlp/otlp.ts';
import type { IngestReply, IngestRequest } from '../receive/receive.ts';
import type { Fingerprint } from './fingerprint.ts';
import {
  type DecodedGroup,
  type DecodedRequest,
  type GroupColumns,
  type GroupMemory,
  openColumns,
} from './group.ts';
import { refusalOf } from './refusal.ts';

/** What becomes of a group: a reply for each request, in order, and memory for a later group. */
export interface StoredGroup {
  readonly replies: readonly IngestReply[];
  readonly memory: GroupMemory | undefined;
}

export interface DecodeStageOptions {
  readonly fingerprint: Fingerprint;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly log: Log;
  readonly bodyBytesMax: number;
  /** See IngestDependencies. */
  readonly isTimed: boolean;
  /** The columns are the store's from then on. A rejection refuses the whole group. */
  readonly store: (group: DecodedGroup) => StoredGroup | Promise<StoredGroup>;
}

export interface DecodeStage {
  /** Resolves when the request is durable or refused; never rejects. */
  submit(request: IngestRequest): Promise<IngestReply>;
  /** Hands over what is open, unless as many groups as may are under way: then as soon as one is back. */
  flush(): void;
  /** Flushes, and resolves when no group is under way. */
  drain(): Promise<void>;
}

type Resolve = (reply: IngestReply) => void;

/** A decoded request that waits for its group, and all who sent it: the same bytes share one fate. */
interface Pending extends DecodedRequest {
  readonly replies: Resolve[];
}

interface OpenGroup {
  readonly columns: GroupColumns;
  readonly pending: Pending[];
  readonly byHash: Map<string, Pending>;
  /** Bytes of its bodies, inflated. */
  bodyBytes: number;
  /** Of its rows, since 1970. */
  readonly days: Set<number>;
}

export function createDecodeStage(options: DecodeStageOptions): DecodeStage {
  const { fingerprint, clock, counters, log, bodyBytesMax, isTimed, store } = options;
  /** Memory of groups that are done. */
  const spare: GroupMemory[] = [];
  /** Requests that came while the open group was full and could not be handed over. */
  const waiting: { readonly request: IngestRequest; readonly resolve: Resolve }[] = [];
  const idleWaiters: (() => void)[] = [];
  let group = openGroup(undefined);
  let timer: NodeJS.Timeout | undefined;
  let underWay = 0;
  let isDue = false;

  function submit(request: IngestRequest): Promise<IngestReply> {
    return new Promise((resolve) => {
      markStage('accept');
      if (isFull(group)) waiting.push({ request, resolve });
      else take(request, resolve);
    });
  }

  function take(request: IngestRequest, resolve: Resolve): void {
    try {
      const body = inflateBody(request.body, {
        compression: request.compression,
        limitBytes: bodyBytesMax,
      });
      const hash = fingerprint(request, body);
      const key = Buffer.from(hash).toString('latin1');
      const twin = group.byHash.get(key);
      if (twin) {
        counters.add('taproot_ingest_resent_total', 1, { signal: request.signal });
        twin.replies.push(resolve);
        return;
      }
      const pending = decodeInto(group, { request, body, hash, nowUs: clock.nowUs() });
      pending.replies.push(resolve);
      group.byHash.set(key, pending);
      if (isFull(group)) flush();
      else if (isTimed) timer ??= setTimeout(flush, LIMITS.groupWaitMs);
    } catch (thrown) {
      resolve(refusalOf(thrown, { counters, log, signal: request.signal }));
    }
  }

  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    if (group.pending.length === 0) return;
    // While the store is busy a group may as well grow: larger blocks are better ones.
    const isBusy = underWay > 0 && !isFull(group);
    if (isBusy || underWay >= LIMITS.groupsUnderWayMax) {
      isDue = true;
      return;
    }
    isDue = false;
    const { columns, pending } = group;
    markStage('group');
    handOver(columns, pending);
    group = openGroup(spare.pop());
  }

  function handOver(columns: GroupColumns, pending: readonly Pending[]): void {
    let stored: StoredGroup | Promise<StoredGroup>;
    try {
      stored = store({ columns, requests: pending.map(({ replies: _, ...request }) => request) });
    } catch (thrown) {
      refuseAll(pending, thrown);
      return;
    }
    if (!(stored instanceof Promise)) {
      settle(pending, stored);
      return;
    }
    underWay++;
    void stored
      .then(
        (result) => settle(pending, result),
        (thrown: unknown) => refuseAll(pending, thrown),
      )
      .then(() => {
        underWay--;
        goOn();
      });
  }

  function settle(pending: readonly Pending[], { replies, memory }: StoredGroup): void {
    if (memory && spare.length < LIMITS.groupsUnderWayMax) spare.push(memory);
    pending.forEach(({ replies: resolves }, index) => {
      for (const resolve of resolves) resolve(replies[index]!);
    });
  }

  function refuseAll(pending: readonly Pending[], thrown: unknown): void {
    for (const { request, replies } of pending) {
      const reply = refusalOf(thrown, { counters, log, signal: request.signal });
      for (const resolve of replies) resolve(reply);
    }
  }

  /** A group is back: what had to wait for it goes on. */
  function goOn(): void {
    if (isDue || isFull(group)) flush();
    while (waiting.length > 0 && !isFull(group)) {
      const next = waiting.shift()!;
      take(next.request, next.resolve);
    }
    if (underWay === 0 && group.pending.length === 0 && waiting.length === 0) {
      for (const resolve of idleWaiters.splice(0)) resolve();
    }
  }

  function drain(): Promise<void> {
    flush();
    if (underWay === 0) return Promise.resolve();
    return new Promise((resolve) => idleWaiters.push(resolve));
  }

  return { submit, flush, drain };
}

function openGroup(memory: GroupMemory | undefined): OpenGroup {
  return {
    columns: openColumns(memory),
    pending: [],
    byHash: new Map(),
    bodyBytes: 0,
    days: new Set(),
  };
}

function isFull({ columns: { spans, logs, points }, bodyBytes, days }: OpenGroup): boolean {
  return (
    spans.count + logs.count + points.count >= LIMITS.groupRowsMax ||
    bodyBytes >= LIMITS.groupBytesMax ||
    days.size >= LIMITS.groupDaysMax
  );
}

function decodeInto(
  group: OpenGroup,
  item: {
    readonly request: IngestRequest;
    readonly body: Uint8Array;
    readonly hash: Uint8Array;
    readonly nowUs: number;
  },
): Pending {
  const { spans, logs, points } = group.columns;
  const before = [spans.count, logs.count, points.count] as const;
  const { outcome, profiles } = decode(group.columns, item);
  const { rejectedCount, message } = outcome;
  const pending: Pending = {
    request: item.request,
    rows: {
      hash: item.hash,
      ...(rejectedCount > 0 || message !== '' ? { answer: { rejectedCount, message } } : {}),
      spans: [before[0], spans.count],
      logs: [before[1], logs.count],
      points: [before[2], points.count],
      ...(profiles ? { profiles } : {}),
    },
    outcome,
    replies: [],
  };
  group.pending.push(pending);
  addDaysOf(spans.startUs, { from: before[0], to: spans.count }, group.days);
  addDaysOf(logs.timeUs, { from: before[1], to: logs.count }, group.days);
  addDaysOf(points.timeUs, { from: before[2], to: points.count }, group.days);
  group.bodyBytes += item.body.length;
  return pending;
}

function decode(
  { spans, logs, points }: GroupColumns,
  item: { readonly request: IngestRequest; readonly body: Uint8Array; readonly nowUs: number },
): { readonly outcome: DecodeOutcome; readonly profiles?: RawProfiles } {
  const options = { encoding: item.request.encoding, nowUs: item.nowUs };
  const { signal } = item.request;
  switch (signal) {
    case 'traces':
      return { outcome: decodeTraces(item.body, spans, options) };
    case 'logs':
      return { outcome: decodeLogs(item.body, logs, options) };
    case 'metrics':
      return { outcome: decodeMetrics(item.body, points, options) };
    case 'profiles': {
      const { outcome, services } = decodeProfiles(item.body, options);
      const count = outcome.acceptedCount;
      if (count === 0) return { outcome };
      // A copy: the request's memory may be another's before the group is stored.
      const body = new Uint8Array(item.body);
      const { encoding } = options;
      return { outcome, profiles: { receivedUs: item.nowUs, count, services, encoding, body } };
    }
    default:
      return unreachable(signal);
  }
}
