/**
 * Blast radius: how the affected requests spread over endpoints, versions, channels, bots, users and
 * conversations, against all requests of the same kind. Whether one value holds them all is judged here too.
 */
import { wilsonBounds } from '../base/statistics.ts';
import type { Clustered } from '../model/investigation.ts';
import type { ImpactAttribute, ImpactBy } from '../model/report.ts';
import { pairKey } from '../model/row-groups.ts';
import { NO_ROW, type SpanTable } from '../model/window.ts';
import { type Affected, compareText, isEntry } from './affected.ts';

const VALUES_MAX = 5;
/** Services with several versions at a time are listed when most affected requests pass them, and so many. */
const VERSIONED_SERVICES_MAX = 3;
const VERSIONED_SHARE_MIN = 0.5;
/** Normal quantile of a 95 % interval. */
const Z_95 = 1.96;

/** One request of one person says nothing about that person. */
const IDENTITIES: ReadonlySet<ImpactAttribute> = new Set(['user', 'conversation']);

export function buildBlastRadius(clustered: Clustered, affected: Affected): ImpactBy[] {
  const { spans } = clustered.window;
  if (affected.traces.length === 0) return [];
  const counters = createCounters(spans);
  const isAffected = new Uint8Array(spans.traceIds.length);
  for (const trace of affected.traces) isAffected[trace] = 1;
  for (let trace = 0; trace < isAffected.length; trace++) {
    const hit = { trace, isAffected: isAffected[trace]! };
    const entry = affected.entryRows[trace]!;
    if (entry !== NO_ROW && isEntry(spans, entry)) {
      counters.endpoint.add(pairKey(spans.service[entry]!, spans.operation[entry]!), hit);
    }
    for (let at = spans.traceStart[trace]!; at < spans.traceStart[trace + 1]!; at++) {
      countRow(spans.traceRows[at]!, hit, { spans, counters });
    }
  }
  const nameOf = (id: number) => spans.strings.text(id);
  return [
    ...counters.endpoint.listed('endpoint', (key) => pairText(spans, key)),
    ...versionsOf(clustered, counters.versions),
    ...counters.channel.listed('channel', nameOf),
    ...counters.bot.listed('bot', nameOf),
    ...counters.user.listed('user', nameOf),
    ...counters.conversation.listed('conversation', nameOf),
  ];
}

/** The value that all affected requests carry while sound requests carry others; undefined for none. */
export function onlyValueOf(by: ImpactBy): string | undefined {
  const [first] = by.values;
  if (first === undefined || first.affected < by.affected) return undefined;
  const otherRequests = by.requests - first.requests;
  if (otherRequests === 0) return undefined;
  // With few requests elsewhere none of them need be affected by chance.
  const elsewhere = wilsonBounds({ hits: 0, total: otherRequests }, Z_95);
  return elsewhere.high < shareInterval(first).low ? first.value : undefined;
}

/** 95 % Wilson interval of the affected share. */
export function shareInterval(value: { readonly affected: number; readonly requests: number }): {
  readonly low: number;
  readonly high: number;
} {
  return wilsonBounds({ hits: value.affected, total: value.requests }, Z_95);
}

type Counters = ReturnType<typeof createCounters>;

function createCounters(spans: SpanTable) {
  const keyOf = (name: string) => spans.strings.find(name) ?? NO_ROW;
  return {
    keys: {
      channel: keyOf('coze.channel'),
      bot: keyOf('coze.bot.id'),
      user: keyOf('user.id'),
      conversation: keyOf('gen_ai.conversation.id'),
    },
    endpoint: new ValueCounter(),
    channel: new ValueCounter(),
    bot: new ValueCounter(),
    user: new ValueCounter(),
    conversation: new ValueCounter(),
    /** By service. */
    versions: new Map<number, ValueCounter>(),
  };
}

interface Hit {
  readonly trace: number;
  readonly isAffected: number;
}

function countRow(
  row: number,
  hit: Hit,
  context: { readonly spans: SpanTable; readonly counters: Counters },
): void {
  const { spans, counters } = context;
  const { keys } = counters;
  if (spans.bot[row] !== 0) counters.bot.add(spans.bot[row]!, hit);
  if (spans.version[row] !== 0) countVersion(row, hit, context);
  for (let at = spans.attributesStart(row); at < spans.attributesEnd[row]!; at++) {
    const text = spans.attributeText[at]!;
    if (text === 0) continue;
    const key = spans.attributeKey[at]!;
    if (key === keys.user) counters.user.add(text, hit);
    else if (key === keys.conversation) counters.conversation.add(text, hit);
    else if (key === keys.channel) counters.channel.add(text, hit);
    else if (key === keys.bot) counters.bot.add(text, hit);
  }
}

function countVersion(
  row: number,
  hit: Hit,
  { spans, counters }: { readonly spans: SpanTable; readonly counters: Counters },
): void {
  const service = spans.service[row]!;
  let counter = counters.versions.get(service);
  if (counter === undefined) {
    counter = new ValueCounter();
    counters.versions.set(service, counter);
  }
  counter.add(spans.version[row]!, hit);
}

/** A version tells something where its service has another one at the same time. */
function versionsOf(
  { window, clustering }: Clustered,
  versions: ReadonlyMap<number, ValueCounter>,
): ImpactBy[] {
  const { strings } = window.spans;
  const affectedMin = VERSIONED_SHARE_MIN * clustering.anomalousTraces.length;
  return [...versions]
    .filter(([, counter]) => counter.size > 1)
    .flatMap(([service, counter]) => {
      const name = strings.text(service);
      return counter
        .listed('version', (id) => strings.text(id))
        .map((by): ImpactBy => ({ ...by, service: name }));
    })
    .filter(({ affected }) => affected >= affectedMin)
    .sort((a, b) => b.affected - a.affected || compareText(a.service ?? '', b.service ?? ''))
    .slice(0, VERSIONED_SERVICES_MAX);
}

function pairText(spans: SpanTable, key: number): string {
  const operation = key % pairKey(1, 0);
  const service = (key - operation) / pairKey(1, 0);
  return `${spans.strings.text(service)} ${spans.strings.text(operation)}`;
}

interface ValueCount {
  requests: number;
  affected: number;
  lastTrace: number;
}

/** Requests by value; a request counts once for each value, however many of its spans carry it. */
class ValueCounter {
  readonly #counts = new Map<number, ValueCount>();
  #requests = 0;
  #affected = 0;
  #lastTrace = NO_ROW;

  get size(): number {
    return this.#counts.size;
  }

  /** Traces come one after the other. */
  add(value: number, { trace, isAffected }: Hit): void {
    if (this.#lastTrace !== trace) {
      this.#lastTrace = trace;
      this.#requests += 1;
      this.#affected += isAffected;
    }
    let count = this.#counts.get(value);
    if (count === undefined) {
      count = { requests: 0, affected: 0, lastTrace: NO_ROW };
      this.#counts.set(value, count);
    }
    if (count.lastTrace === trace) return;
    count.lastTrace = trace;
    count.requests += 1;
    count.affected += isAffected;
  }

  /** Empty when no affected request carries the attribute. */
  listed(attribute: ImpactAttribute, textOf: (value: number) => string): ImpactBy[] {
    if (this.#affected === 0) return [];
    const hit = [...this.#counts].filter(([, { affected }]) => affected > 0);
    const values = hit
      .filter(([, { affected }]) => affected > 1 || !IDENTITIES.has(attribute))
      .map(([id, { affected, requests }]) => ({ value: textOf(id), affected, requests }))
      .sort(
        (a, b) =>
          b.affected - a.affected || a.requests - b.requests || compareText(a.value, b.value),
      );
    return [
      {
        attribute,
        requests: this.#requests,
        affected: this.#affected,
        valueCount: this.#counts.size,
        affectedValueCount: hit.length,
        values: values.slice(0, VALUES_MAX),
      },
    ];
  }
}
