/**
 * Normalisation: reads the names that senders of Coze bots, GenAI libraries and OpenTelemetry really write
 * and fills the computed columns and the canonical attributes of docs/coze.md. It stands between decoding
 * and tallying, works on columns in place and never on objects per span.
 */
import type { LogColumns, PointColumns, SpanColumns } from '../model/columns.ts';
import type { StringDictionary } from '../model/dictionary.ts';
import { GroupContext, type Learned } from './group-context.ts';
import { LogNormaliser } from './logs.ts';
import { normaliseSeries } from './points.ts';
import { Recent } from './recent.ts';
import { SpanNormaliser } from './spans.ts';
import { stagesOfName } from './stage-words.ts';
import { UserIdHasher } from './user-ids.ts';

export interface NormaliseOptions {
  readonly userIds: 'hash' | 'keep';
  /** Key of the HMAC that hides user ids. */
  readonly userIdKey: string;
}

/**
 * Rows [from, to) of columns that were decoded just before. Rows are normalised in order: a range begins
 * where the one before ended. The same rows may be normalised again (a group that is tried again); user ids
 * are not hashed twice.
 */
export interface Normaliser {
  normaliseSpans(columns: SpanColumns, from: number, to: number): void;
  normaliseLogs(columns: LogColumns, from: number, to: number): void;
  /** Series from fromSeries to the last. */
  normalisePoints(columns: PointColumns, fromSeries: number): void;
}

/** Dictionaries in use at a time: one per signal. */
const DICTIONARIES_MAX = 3;

export function createNormaliser(options: NormaliseOptions): Normaliser {
  const learned: Learned = {
    hasher: options.userIds === 'hash' ? new UserIdHasher(options.userIdKey) : undefined,
    names: new Recent(stagesOfName),
  };
  let contexts: readonly GroupContext[] = [];
  let spans: SpanNormaliser | undefined;
  let logs: LogNormaliser | undefined;

  /** What was learned holds for one dictionary; spans, logs and points may share one or have one each. */
  const contextOf = (strings: StringDictionary): GroupContext => {
    const known = contexts.find((context) => context.strings === strings);
    if (known) return known;
    const context = new GroupContext(strings, learned);
    contexts = [context, ...contexts.slice(0, DICTIONARIES_MAX - 1)];
    return context;
  };
  return {
    normaliseSpans(columns, from, to) {
      const shared = contextOf(columns.strings);
      if (spans?.columns !== columns) spans = new SpanNormaliser(columns, shared);
      spans.normalise(from, to);
    },
    normaliseLogs(columns, from, to) {
      const shared = contextOf(columns.strings);
      if (logs?.columns !== columns) logs = new LogNormaliser(columns, shared);
      logs.normalise(from, to);
    },
    normalisePoints(columns, fromSeries) {
      normaliseSeries(columns, fromSeries, contextOf(columns.strings));
    },
  };
}
