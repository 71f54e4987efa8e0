/**
 * The write path on one screen: inflate → decode → normalise → template → tally → store → reply.
 * Runs on the store thread (or inline). A reply is given only after the transaction that holds its rows;
 * a request that cannot be stored fails alone.
 */
import { SpanStatusCode, type Tracer } from '@opentelemetry/api';
import type { Counters } from '../base/counters.ts';
import { AppError, type ErrorCode, isAppError, messageOf, unreachable } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import { markStage } from '../base/stages.ts';
import type { Clock } from '../base/time.ts';
import type { Normaliser } from '../coze/coze.ts';
import { LogColumns, PointColumns, SpanColumns } from '../model/columns.ts';
import { StringDictionary } from '../model/dictionary.ts';
import { reuseArrays } from '../model/reuse.ts';
import type { LogTemplate } from '../model/tally.ts';
import type { Signal } from '../model/vocabulary.ts';
import {
  type DecodeOutcome,
  decodeLogs,
  decodeMetrics,
  decodeTraces,
  inflateBody,
} from '../otlp/otlp.ts';
import type { IngestReply, IngestRequest } from '../receive/receive.ts';
import type { GroupRequest, TelemetryWriter } from '../store/api/telemetry.ts';
import { TallyBuilder } from '../tally/tally.ts';
import { TemplateMiner } from '../tally/template.ts';
import type { DeadLetters } from './dead-letter.ts';
import type { Fingerprint } from './fingerprint.ts';

export interface IngestDependencies {
  readonly writer: TelemetryWriter;
  readonly normaliser: Normaliser;
  readonly fingerprint: Fingerprint;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly log: Log;
  readonly tracer: Tracer;
  readonly bodyBytesMax: number;
  /** Keeps requests that decode and can never be stored; without it they are only refused. */
  readonly deadLetters?: DeadLetters;
  /**
   * False: a group waits for more until it is full or flush() is called. What is stored then depends on the
   * requests alone, not on how fast they came. Default true: a group waits LIMITS.groupWaitMs at most.
   */
  readonly isTimed?: boolean;
}

export interface IngestPipeline {
  /** Resolves when the request is durable or refused; never rejects. */
  submit(request: IngestRequest): Promise<IngestReply>;
  /** Commits what is open. */
  flush(): void;
}

/** The service name of our own spans: they are stored, but never traced again. */
export const SELF_SERVICE = 'taproot';

/** A decoded request that waits for its group's commit. */
interface Pending {
  /** As it came: should it be tried again, it is inflated again. */
  readonly request: IngestRequest;
  readonly hash: Uint8Array;
  readonly rows: GroupRequest;
  readonly outcome: DecodeOutcome;
  readonly replies: ((reply: IngestReply) => void)[];
}

interface Group {
  readonly spans: SpanColumns;
  readonly logs: LogColumns;
  readonly points: PointColumns;
  readonly pending: Pending[];
  /** Requests of this group by hash: the same bytes sent twice share one fate. */
  readonly byHash: Map<string, Pending>;
  /** Bytes of its bodies, inflated. */
  bodyBytes: number;
}

export function createIngestPipeline(dependencies: IngestDependencies): IngestPipeline {
  const { writer, fingerprint, clock, counters, log, deadLetters, isTimed = true } = dependencies;
  const steps = {
    miner: new TemplateMiner(writer.loadTemplates(), { clock }),
    tally: new TallyBuilder({ clock }),
    /** Templates that no commit has carried yet. */
    unannounced: new Map<string, LogTemplate>(),
  };
  let group = openGroup();
  let timer: NodeJS.Timeout | undefined;

  function submit(request: IngestRequest): Promise<IngestReply> {
    return new Promise((resolve) => {
      try {
        markStage('accept');
        const body = inflate(request);
        const hash = fingerprint(request, body);
        const key = Buffer.from(hash).toString('latin1');
        const twin = group.byHash.get(key);
        if (twin) {
          counters.add('taproot_ingest_resent_total', 1, { signal: request.signal });
          twin.replies.push(resolve);
          return;
        }
        const answer = writer.findAnswer(hash);
        if (answer) {
          counters.add('taproot_ingest_resent_total', 1, { signal: request.signal });
          resolve({ kind: 'stored', ...answer });
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
    });
  }

  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    if (group.pending.length === 0) return;
    const closing = group;
    markStage('group');
    commit(closing);
    group = openGroup(closing);
  }

  function commit(closing: Group): void {
    const startedMs = performance.now();
    try {
      writeGroup(closing, dependencies, steps);
    } catch (thrown) {
      const [first, ...others] = closing.pending;
      if (isAppError(thrown, 'store.unavailable')) {
        for (const pending of closing.pending) refuse(pending, thrown);
      } else if (first && others.length === 0) {
        bury(first, thrown);
      } else {
        // One poison request must not fail its neighbours. Halves find it in a few commits, however many there are.
        log.warn(
          { error: messageOf(thrown), requests: closing.pending.length },
          'group refused, trying its halves',
        );
        const middle = Math.ceil(closing.pending.length / 2);
        commitAgain(closing.pending.slice(0, middle));
        commitAgain(closing.pending.slice(middle));
      }
      return;
    }
    counters.add('taproot_ingest_commits_total', 1);
    counters.set('taproot_ingest_endpoint_overflow', steps.tally.overflowCount);
    counters.set('taproot_ingest_template_overflow', steps.miner.overflowCount);
    counters.set('taproot_ingest_service_overflow', steps.tally.serviceOverflowCount);
    counters.add('taproot_ingest_commit_ms_total', performance.now() - startedMs);
    for (const pending of closing.pending) acknowledge(pending, counters);
  }

  function commitAgain(part: readonly Pending[]): void {
    const again = openGroup();
    for (const pending of part) {
      try {
        const body = inflate(pending.request);
        const { replies } = decodeInto(again, { ...pending, body, nowUs: clock.nowUs() });
        replies.push(...pending.replies);
      } catch (thrown) {
        refuse(pending, thrown);
      }
    }
    if (again.pending.length > 0) commit(again);
  }

  function refuse(pending: Pending, thrown: unknown): void {
    settle(pending, refusalOf(thrown, { counters, log, signal: pending.request.signal }));
  }

  /** It would fail again and again: it is kept for people, and its sender is told not to repeat it. */
  function bury(pending: Pending, thrown: unknown): void {
    const { request } = pending;
    if (!deadLetters) {
      refuse(pending, thrown);
      return;
    }
    const reply = deadLetters.add({ request, reason: errorOf(thrown) });
    if (reply.kind === 'refused') countRefusal(counters, request.signal, reply.code);
    settle(pending, reply);
  }

  function inflate({ body, compression }: IngestRequest): Uint8Array {
    return inflateBody(body, { compression, limitBytes: dependencies.bodyBytesMax });
  }

  return { submit, flush };
}

/** With the memory of a group that is done. */
function openGroup(done?: Group): Group {
  const strings = new StringDictionary();
  const spans = new SpanColumns(strings);
  const logs = new LogColumns(strings);
  const points = new PointColumns(strings);
  if (done) {
    reuseArrays(done.spans, spans, LIMITS.groupReuseBytesMax);
    reuseArrays(done.logs, logs, LIMITS.groupReuseBytesMax);
    reuseArrays(done.points, points, LIMITS.groupReuseBytesMax);
  }
  return {
    spans,
    logs,
    points,
    pending: [],
    byHash: new Map(),
    bodyBytes: 0,
  };
}

function isFull({ spans, logs, points, bodyBytes }: Group): boolean {
  return (
    spans.count + logs.count + points.count >= LIMITS.groupRowsMax ||
    bodyBytes >= LIMITS.groupBytesMax
  );
}

function decodeInto(
  group: Group,
  item: {
    readonly request: IngestRequest;
    readonly body: Uint8Array;
    readonly hash: Uint8Array;
    readonly nowUs: number;
  },
): Pending {
  const before = [group.spans.count, group.logs.count, group.points.count] as const;
  const outcome = decode(group, item);
  const pending: Pending = {
    request: item.request,
    hash: item.hash,
    rows: {
      hash: item.hash,
      spans: [before[0], group.spans.count],
      logs: [before[1], group.logs.count],
      points: [before[2], group.points.count],
      answer: { rejectedCount: outcome.rejectedCount, message: outcome.message },
    },
    outcome,
    replies: [],
  };
  group.pending.push(pending);
  group.bodyBytes += item.body.length;
  return pending;
}

function decode(
  group: Group,
  item: { readonly request: IngestRequest; readonly body: Uint8Array; readonly nowUs: number },
): DecodeOutcome {
  const options = { encoding: item.request.encoding, nowUs: item.nowUs };
  const { signal } = item.request;
  switch (signal) {
    case 'traces':
      return decodeTraces(item.body, group.spans, options);
    case 'logs':
      return decodeLogs(item.body, group.logs, options);
    case 'metrics':
      return decodeMetrics(item.body, group.points, options);
    default:
      return unreachable(signal);
  }
}

/** Normalises, names templates, tallies and stores a whole group; throws what the writer throws. */
function writeGroup(
  group: Group,
  dependencies: IngestDependencies,
  steps: { miner: TemplateMiner; tally: TallyBuilder; unannounced: Map<string, LogTemplate> },
): void {
  const { spans, logs, points } = group;
  dependencies.normaliser.normaliseSpans(spans, 0, spans.count);
  dependencies.normaliser.normaliseLogs(logs, 0, logs.count);
  dependencies.normaliser.normalisePoints(points, 0);
  const write = () => {
    steps.miner.assign(logs, 0, logs.count);
    for (const template of steps.miner.takeNew())
      steps.unannounced.set(template.templateId, template);
    steps.tally.addSpans(spans, 0, spans.count);
    steps.tally.addLogs(logs, 0, logs.count);
    dependencies.writer.write({
      spans,
      logs,
      points,
      requests: group.pending.map((pending) => pending.rows),
      ...steps.tally.take(),
      newTemplates: [...steps.unannounced.values()],
    });
    steps.unannounced.clear();
  };
  if (isOwnTelemetry(spans)) write();
  else
    traceCommit(
      dependencies.tracer,
      { spans: spans.count, logs: logs.count, points: points.count },
      write,
    );
}

function traceCommit(
  tracer: Tracer,
  rows: { readonly spans: number; readonly logs: number; readonly points: number },
  write: () => void,
): void {
  const span = tracer.startSpan('ingest.commit', {
    attributes: {
      'taproot.spans': rows.spans,
      'taproot.logs': rows.logs,
      'taproot.points': rows.points,
    },
  });
  try {
    write();
  } catch (thrown) {
    span.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(thrown) });
    throw thrown;
  } finally {
    span.end();
  }
}

/** True when a group holds a span of our own: tracing its commit would make another one, for ever. */
function isOwnTelemetry(spans: SpanColumns): boolean {
  const self = spans.strings.find(SELF_SERVICE);
  if (self === undefined) return false;
  for (let row = 0; row < spans.count; row++) if (spans.service[row] === self) return true;
  return false;
}

function acknowledge(pending: Pending, counters: Counters): void {
  const { signal } = pending.request;
  const { acceptedCount, rejectedCount, message } = pending.outcome;
  counters.add('taproot_ingest_rows_total', acceptedCount, { signal });
  if (rejectedCount > 0)
    counters.add('taproot_ingest_rejected_rows_total', rejectedCount, { signal });
  settle(pending, { kind: 'stored', rejectedCount, message });
}

function settle(pending: Pending, reply: IngestReply): void {
  for (const resolve of pending.replies) resolve(reply);
}

function refusalOf(
  thrown: unknown,
  context: { readonly counters: Counters; readonly log: Log; readonly signal: Signal },
): IngestReply {
  const error = errorOf(thrown);
  countRefusal(context.counters, context.signal, error.code);
  if (error.code === 'internal' || error.code.startsWith('store.')) {
    context.log.error({ err: thrown, signal: context.signal }, 'ingest refused');
  }
  return { kind: 'refused', code: error.code, message: error.message };
}

function errorOf(thrown: unknown): AppError {
  return thrown instanceof AppError
    ? thrown
    : new AppError('internal', `Cannot ingest: ${messageOf(thrown)}`, { cause: thrown });
}

function countRefusal(counters: Counters, signal: Signal, code: ErrorCode): void {
  counters.add('taproot_ingest_refused_total', 1, { signal, code });
}
