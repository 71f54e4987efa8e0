/**
 * Channel "what was changed": deploys, configuration, keys and the like shortly before the onset, as somebody
 * reported them or as a version shows that no span carried before. Which version is worse than another at the
 * same time: src/hypothesise/version.ts.
 */
import { formatNumber } from '../base/quantity.ts';
import { US_PER_MINUTE } from '../base/time.ts';
import type { CauseKind, EvidenceSource } from '../model/hypothesis.ts';
import { pairKey } from '../model/row-groups.ts';
import type { Text } from '../model/text.ts';
import type { SpanTable } from '../model/window.ts';
import type { Facts } from './facts.ts';
import { compareText, type Suspicion, text } from './suspicion.ts';

/** A change this long before the onset is as good as none. */
const BEFORE_US_MAX = 60 * US_PER_MINUTE;
/** The onset is known to some seconds only: a change may seem to come after it. */
const AFTER_US_MAX = US_PER_MINUTE;
/** A change at the very onset; it halves every ten minutes. Being in time is not yet being guilty. */
const WEIGHT_MAX = 3;
const HALF_LIFE_US = 10 * US_PER_MINUTE;
/** A service of which no bad request comes by keeps √ of this share of the weight: the path may be unseen. */
const UNSEEN_SHARE = 0.05;
/** Fewer spans of a service in the reference do not show which versions it ran. */
const REFERENCE_SPANS_MIN = 20;

interface Change {
  readonly id: string;
  readonly service: string;
  readonly version: string | undefined;
  readonly kind: CauseKind;
  readonly source: EvidenceSource;
  readonly timeUs: number;
  readonly what: Text;
}

export function suspectChanges(facts: Facts): Suspicion[] {
  const versions = findNewVersions(facts);
  const reported = reportedChanges(facts, versions);
  const isReported = (change: Change) =>
    reported.some(
      ({ service, version }) => service === change.service && version === change.version,
    );
  const changes = [...reported, ...versions.filter((change) => !isReported(change))].filter(
    (change) => isInTime(change, facts),
  );
  const pathShare = pathShares(facts);
  const onPath = changes.filter(({ service }) => pathShare(service) > UNSEEN_SHARE).length;
  return changes
    .sort((a, b) => b.timeUs - a.timeUs || compareText(a.id, b.id))
    .map((change) => {
      const share = pathShare(change.service);
      const count = share > UNSEEN_SHARE ? onPath : changes.length;
      return suspicionOf(change, { onsetUs: facts.onsetUs, share, count });
    });
}

function isInTime({ timeUs }: Change, { onsetUs }: Facts): boolean {
  return timeUs >= onsetUs - BEFORE_US_MAX && timeUs <= onsetUs + AFTER_US_MAX;
}

/** A deploy that does not say its version takes the one that appears next to it. */
function reportedChanges({ clustered }: Facts, versions: readonly Change[]): Change[] {
  return clustered.changes.flatMap((event): Change[] => {
    const { service, changeId, timeUs } = event;
    if (service === undefined) return [];
    const kind = event.kind === 'deploy' ? 'deploy' : 'config';
    const seen = versions.find(
      (one) => one.service === service && Math.abs(one.timeUs - timeUs) <= HALF_LIFE_US,
    );
    const version = event.version ?? (kind === 'deploy' ? seen?.version : undefined);
    const named = `${event.kind}${version === undefined ? '' : ` ${version}`}`;
    const description = event.description.slice(0, 120);
    return [
      {
        id: changeId,
        service,
        version,
        kind,
        source: 'change',
        timeUs,
        what: text(
          `${service} 有变更（${named}）：${description}`,
          `${service} was changed (${named}): ${description}`,
        ),
      },
    ];
  });
}

/** Versions of the window that the reference does not know, at services whose versions it knows. */
function findNewVersions({ clustered, table }: Facts): Change[] {
  const reference = clustered.reference;
  if (reference === undefined) return [];
  const known = firstSeenByVersion(reference.spans);
  const spansBefore = new Map<number, number>();
  for (const { service, spans } of known.values()) {
    spansBefore.set(service, (spansBefore.get(service) ?? 0) + spans);
  }
  const changes: Change[] = [];
  for (const [key, seen] of firstSeenByVersion(table)) {
    if (known.has(key) || (spansBefore.get(seen.service) ?? 0) < REFERENCE_SPANS_MIN) continue;
    const service = table.strings.text(seen.service);
    const version = table.strings.text(seen.version);
    // There from the window's beginning: it came at any time since the reference ended.
    const isOfBegin = seen.fromUs < clustered.window.range.fromUs + US_PER_MINUTE;
    const timeUs = isOfBegin ? Math.min(seen.fromUs, reference.range.toUs) : seen.fromUs;
    changes.push({
      id: `${service} ${version}`,
      service,
      version,
      kind: 'deploy',
      source: 'trace',
      timeUs,
      what: text(
        `${service} 首次出现版本 ${version}`,
        `version ${version} of ${service} shows for the first time`,
      ),
    });
  }
  return changes;
}

interface VersionSeen {
  readonly service: number;
  readonly version: number;
  fromUs: number;
  spans: number;
}

function firstSeenByVersion(table: SpanTable): Map<number, VersionSeen> {
  const seen = new Map<number, VersionSeen>();
  for (let row = 0; row < table.count; row++) {
    const version = table.version[row]!;
    if (version === 0) continue;
    const service = table.service[row]!;
    const key = pairKey(service, version);
    const startUs = table.startUs[row]!;
    const known = seen.get(key);
    if (known === undefined) {
      seen.set(key, { service, version, fromUs: startUs, spans: 1 });
      continue;
    }
    known.spans++;
    if (startUs < known.fromUs) known.fromUs = startUs;
  }
  return seen;
}

/** How far a service is on the path of what was asked about: its share of the bad traces. */
function pathShares({ table, isBadTrace, badTraceCount }: Facts): (service: string) => number {
  // Without spans nobody knows the path.
  if (badTraceCount === 0) return () => 1;
  const counts = new Map<number, { traces: number; last: number }>();
  for (let at = 0; at < table.count; at++) {
    const row = table.traceRows[at]!;
    const trace = table.trace[row]!;
    if (isBadTrace[trace] === 0) continue;
    const known = counts.get(table.service[row]!);
    if (known === undefined) counts.set(table.service[row]!, { traces: 1, last: trace });
    else if (known.last !== trace) {
      known.traces++;
      known.last = trace;
    }
  }
  const shares = new Map(
    [...counts].map(([id, { traces }]) => [table.strings.text(id), traces / badTraceCount]),
  );
  return (service) => Math.max(UNSEEN_SHARE, shares.get(service) ?? 0);
}

function suspicionOf(
  change: Change,
  context: { readonly onsetUs: number; readonly share: number; readonly count: number },
): Suspicion {
  const { service, version, what } = change;
  const beforeUs = Math.max(0, context.onsetUs - change.timeUs);
  const minutes = formatNumber(beforeUs / US_PER_MINUTE);
  // Of many changes one is in time by chance.
  const inTime = WEIGHT_MAX * 0.5 ** (beforeUs / HALF_LIFE_US) - Math.log(context.count);
  return {
    culprit: { service, ...(version === undefined ? {} : { version }) },
    kind: change.kind,
    isOwn: true,
    detail: { change: change.id },
    evidence: [
      {
        source: change.source,
        direction: 'for',
        aspect: 'change',
        statement: text(
          `异常开始前 ${minutes} 分钟，${what.zh}`,
          `${minutes} min before the onset ${what.en}`,
        ),
        n: 1,
        weight: Math.max(0, inTime) * Math.sqrt(context.share),
      },
    ],
  };
}
