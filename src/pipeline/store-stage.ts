/**
 * The second half of the write path: normalises a decoded group, names log templates, tallies, stores it in one
 * go, and gives each request its reply. What was stored before is not stored again; a request that can never be
 * stored fails alone.
 */
import { SpanStatusCode, type Tracer } from '@opentelemetry/api';
import type { Counters } from '../base/counters.ts';
import { isAppError, messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Clock } from '../base/time.ts';
import type { Normaliser } from '../coze/coze.ts';
import type { SpanColumns } from '../model/columns.ts';
import type { LogTemplate } from '../model/tally.ts';
import { SELF_SERVICE } from '../model/vocabulary.ts';
import type { IngestReply } from '../receive/receive.ts';
import type { TelemetryWriter } from '../store/api/telemetry.ts';
import { StageTimes } from '../tally/stage-times.ts';
import { TallyBuilder } from '../tally/tally.ts';
import { TemplateMiner } from '../tally/template.ts';
import type { DeadLetters } from './dead-letter.ts';
import type { DecodedGroup, DecodedRequest, GroupColumns } from './group.ts';
import { errorOf, refusalOf } from './refusal.ts';

export interface StoreStageOptions {
  readonly writer: TelemetryWriter;
  readonly normaliser: Normaliser;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly log: Log;
  readonly tracer: Tracer;
  /** See IngestDependencies. */
  readonly deadLetters?: DeadLetters;
}

/** A reply for each request, in order. Never throws. */
export type StoreStage = (group: DecodedGroup) => readonly IngestReply[];

/** A request of a group and the place of its reply. */
interface Item extends DecodedRequest {
  readonly index: number;
}

export function createStoreStage(options: StoreStageOptions): StoreStage {
  const { writer, normaliser, clock, counters, log, tracer, deadLetters } = options;
  const miner = new TemplateMiner(writer.loadTemplates(), { clock });
  const tally = new TallyBuilder({ clock });
  const stageTimes = new StageTimes({ clock });
  /** Templates that no commit has carried yet. */
  const unannounced = new Map<string, LogTemplate>();

  function store({ columns, requests }: DecodedGroup): readonly IngestReply[] {
    const replies: IngestReply[] = new Array(requests.length);
    const items = requests.map((request, index): Item => ({ ...request, index }));
    const fresh = items.filter((item) => !isAnswered(item, replies));
    const sound = tryNormalise(columns) ? fresh : normaliseEach(columns, items, replies);
    if (sound.length > 0) commit(columns, sound, replies);
    return replies;
  }

  function isAnswered({ request, rows, index }: Item, replies: IngestReply[]): boolean {
    const answer = writer.findAnswer(rows.hash);
    if (!answer) return false;
    counters.add('taproot_ingest_resent_total', 1, { signal: request.signal });
    replies[index] = { kind: 'stored', ...answer };
    return true;
  }

  function tryNormalise({ spans, logs, points }: GroupColumns): boolean {
    try {
      normaliser.normaliseSpans(spans, 0, spans.count);
      normaliser.normaliseLogs(logs, 0, logs.count);
      normaliser.normalisePoints(points, 0);
      return true;
    } catch (thrown) {
      log.warn({ error: messageOf(thrown) }, 'group not normalised, trying each request');
      return false;
    }
  }

  /** Gives those that have no reply yet and could be normalised. */
  function normaliseEach(
    columns: GroupColumns,
    items: readonly Item[],
    replies: IngestReply[],
  ): readonly Item[] {
    return items.filter((item) => {
      if (replies[item.index]) {
        leaveUnderived(columns, item);
        return false;
      }
      try {
        normaliseAlone(columns, item, normaliser);
        return true;
      } catch (reason) {
        leaveUnderived(columns, item);
        replies[item.index] = bury(item, reason);
        return false;
      }
    });
  }

  function commit(columns: GroupColumns, items: readonly Item[], replies: IngestReply[]): void {
    const startedMs = performance.now();
    try {
      traceCommit(columns, () => write(columns, items));
    } catch (thrown) {
      tally.take(); // what a part of the group had counted
      const [first, ...others] = items;
      if (isAppError(thrown, 'store.unavailable')) {
        for (const item of items) replies[item.index] = refuse(item, thrown);
      } else if (first && others.length === 0) {
        replies[first.index] = bury(first, thrown);
      } else {
        // One poison request must not fail its neighbours. Halves find it in a few commits, however many there are.
        log.warn(
          { error: messageOf(thrown), requests: items.length },
          'group refused, trying its halves',
        );
        const middle = Math.ceil(items.length / 2);
        commit(columns, items.slice(0, middle), replies);
        commit(columns, items.slice(middle), replies);
      }
      return;
    }
    counters.add('taproot_ingest_commits_total', 1);
    counters.set('taproot_ingest_endpoint_overflow', tally.overflowCount);
    counters.set('taproot_ingest_slice_overflow', tally.sliceOverflowCount);
    counters.set('taproot_ingest_template_overflow', miner.overflowCount);
    counters.set('taproot_ingest_service_overflow', tally.serviceOverflowCount);
    counters.add('taproot_ingest_commit_ms_total', performance.now() - startedMs);
    for (const item of items) replies[item.index] = acknowledge(item, counters);
  }

  function write({ spans, logs, points }: GroupColumns, items: readonly Item[]): void {
    for (const { rows } of items) {
      miner.assign(logs, ...rows.logs);
      tally.addSpans(spans, ...rows.spans);
      tally.addLogs(logs, ...rows.logs);
    }
    for (const template of miner.takeNew()) unannounced.set(template.templateId, template);
    const { tallies, templateTallies } = tally.take();
    writer.write({
      spans,
      logs,
      points,
      requests: items.map(({ rows }) => rows),
      tallies: [...tallies, ...stageTimes.tallies()],
      templateTallies,
      newTemplates: [...unannounced.values()],
    });
    unannounced.clear();
    // only now: a group that is tried again must not come into the sample twice
    stageTimes.clear();
    for (const { rows } of items) stageTimes.addSpans(spans, ...rows.spans);
  }

  function traceCommit({ spans, logs, points }: GroupColumns, work: () => void): void {
    if (isOwnTelemetry(spans)) {
      work();
      return;
    }
    const span = tracer.startSpan('ingest.commit', {
      attributes: {
        'taproot.spans': spans.count,
        'taproot.logs': logs.count,
        'taproot.points': points.count,
      },
    });
    try {
      work();
    } catch (thrown) {
      span.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(thrown) });
      throw thrown;
    } finally {
      span.end();
    }
  }

  function refuse({ request }: Item, thrown: unknown): IngestReply {
    return refusalOf(thrown, { counters, log, signal: request.signal });
  }

  /** It would fail again and again: it is kept for people, and its sender is told not to repeat it. */
  function bury(item: Item, thrown: unknown): IngestReply {
    if (!deadLetters) return refuse(item, thrown);
    const { request } = item;
    const reply = deadLetters.add({ request, reason: errorOf(thrown) });
    if (reply.kind === 'refused') {
      const { signal } = request;
      counters.add('taproot_ingest_refused_total', 1, { signal, code: reply.code });
    }
    return reply;
  }

  return store;
}

function normaliseAlone(
  { spans, logs, points }: GroupColumns,
  { rows }: Item,
  normaliser: Normaliser,
): void {
  normaliser.normaliseSpans(spans, ...rows.spans);
  normaliser.normaliseLogs(logs, ...rows.logs);
  if (rows.points[0] < rows.points[1]) normaliser.normalisePoints(points, 0);
}

/** Rows without derived attributes, so that those behind them can follow: their lists begin where these end. */
function leaveUnderived({ spans, logs }: GroupColumns, { rows }: Item): void {
  endDerived(spans, rows.spans);
  endDerived(logs, rows.logs);
}

function endDerived(
  columns: Pick<SpanColumns, 'derived' | 'derivedEnd'>,
  [from, to]: readonly [number, number],
): void {
  if (from === to) return;
  const end = from === 0 ? 0 : columns.derivedEnd[from - 1]!;
  columns.derivedEnd.fill(end, from, to);
  columns.derived.count = end;
}

/** True when a group holds a span of our own: tracing its commit would make another one, for ever. */
function isOwnTelemetry(spans: SpanColumns): boolean {
  const self = spans.strings.find(SELF_SERVICE);
  if (self === undefined) return false;
  for (let row = 0; row < spans.count; row++) if (spans.service[row] === self) return true;
  return false;
}

function acknowledge({ request, outcome }: Item, counters: Counters): IngestReply {
  const { signal } = request;
  const { acceptedCount, rejectedCount, message } = outcome;
  counters.add('taproot_ingest_rows_total', acceptedCount, { signal });
  if (rejectedCount > 0)
    counters.add('taproot_ingest_rejected_rows_total', rejectedCount, { signal });
  return { kind: 'stored', rejectedCount, message };
}
