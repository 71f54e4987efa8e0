/** When it began, and where it showed first: the first symptom, which is seldom the root cause. */
import type { Anomaly } from '../model/anomaly.ts';
import type { Clustered } from '../model/investigation.ts';
import type { Report } from '../model/report.ts';
import { pairKey } from '../model/row-groups.ts';
import { NO_ROW, type SpanTable } from '../model/window.ts';
import type { Affected } from './affected.ts';
import { duration, timeOfDay } from './format.ts';

/** A smaller cluster may be background noise that was there before. */
const ONSET_CLUSTER_SHARE_MIN = 0.1;

/**
 * The first anomalous request (or, where none is anomalous as a whole, span) at or after the earliest anomaly,
 * because anomalies know minutes only; without
 * anomalies the first of a cluster of weight. Undefined when nothing is anomalous.
 */
export function findOnset(clustered: Clustered): number | undefined {
  const { anomalies, clustering, window } = clustered;
  const anomalyUs = smallest(anomalies.filter(isTrouble).map((anomaly) => anomaly.range.fromUs));
  if (anomalyUs !== undefined) {
    const fromUs = Math.max(anomalyUs, window.range.fromUs);
    const { spans } = window;
    const isWeighty = weightyTraces(clustered);
    const starts = { ofRequests: Number.POSITIVE_INFINITY, ofAny: Number.POSITIVE_INFINITY };
    for (const row of clustering.anomalousRows) {
      const startUs = spans.startUs[row]!;
      if (startUs < fromUs || isWeighty[spans.trace[row]!] === 0) continue;
      starts.ofAny = Math.min(starts.ofAny, startUs);
      const isRequest = spans.parent[row] === NO_ROW && spans.isOrphan[row] === 0;
      if (isRequest) starts.ofRequests = Math.min(starts.ofRequests, startUs);
    }
    // A slow call inside a request that is sound as a whole is noise, as long as whole requests suffer.
    const firstUs = Number.isFinite(starts.ofRequests) ? starts.ofRequests : starts.ofAny;
    return Number.isFinite(firstUs) ? firstUs : fromUs;
  }
  const heavy = clustering.clusters.filter((cluster) => cluster.share >= ONSET_CLUSTER_SHARE_MIN);
  return smallest((heavy.length > 0 ? heavy : clustering.clusters).map((c) => c.firstSeenUs));
}

/** By trace: 1 when it shows a cluster of weight; of all traces where none does. */
function weightyTraces({ clustering, window }: Clustered): Uint8Array {
  const { spans } = window;
  const idOf = (text: string) => spans.strings.find(text) ?? 0;
  const errorsByPlace = new Map<number, Set<number>>();
  for (const { share, signature } of clustering.clusters) {
    if (share < ONSET_CLUSTER_SHARE_MIN) continue;
    const place = pairKey(idOf(signature.service), idOf(signature.operation));
    const errors = errorsByPlace.get(place) ?? new Set();
    errorsByPlace.set(place, errors.add(idOf(signature.errorType)));
  }
  const isWeighty = new Uint8Array(spans.traceIds.length);
  for (const row of clustering.anomalousRows) {
    const error = spans.isError[row] === 1 ? spans.errorType[row]! : 0;
    const place = pairKey(spans.service[row]!, spans.operation[row]!);
    if (errorsByPlace.get(place)?.has(error)) isWeighty[spans.trace[row]!] = 1;
  }
  return isWeighty.includes(1) ? isWeighty : isWeighty.fill(1);
}

/** More requests than usual are no trouble as long as nothing else is. */
function isTrouble({ kind, direction }: Anomaly): boolean {
  return kind !== 'traffic' || direction === 'down';
}

function smallest(numbers: readonly number[]): number | undefined {
  let least: number | undefined;
  for (const number of numbers) if (least === undefined || number < least) least = number;
  return least;
}

/** The outermost anomalous span of the first affected request since onset, or else the first anomaly. */
export function findFirstSymptom(clustered: Clustered, affected: Affected): Report['firstSymptom'] {
  const onsetUs = findOnset(clustered);
  if (onsetUs === undefined) return undefined;
  const row = firstAffectedRow(clustered.window.spans, affected, onsetUs);
  if (row !== undefined) return symptomOfSpan(clustered.window.spans, row);
  const first = clustered.anomalies
    .filter(isTrouble)
    .sort(
      (a, b) =>
        a.range.fromUs - b.range.fromUs ||
        b.score - a.score ||
        (a.anomalyId < b.anomalyId ? -1 : 1),
    )[0];
  if (!first) return undefined;
  return {
    culprit: {
      service: first.service,
      ...(first.operation === undefined ? {} : { operation: first.operation }),
    },
    timeUs: first.range.fromUs,
    statement: first.statement,
  };
}

function firstAffectedRow(
  spans: SpanTable,
  affected: Affected,
  onsetUs: number,
): number | undefined {
  let found: number | undefined;
  for (const trace of affected.traces) {
    for (let at = spans.traceStart[trace]!; at < spans.traceStart[trace + 1]!; at++) {
      const row = spans.traceRows[at]!;
      if (affected.isAnomalous[row] === 0) continue;
      // Rows of a trace are in order of start, so that this is the outermost: callers begin first.
      const entryUs = spans.startUs[row]!;
      if (entryUs >= onsetUs && (found === undefined || entryUs < spans.startUs[found]!)) {
        found = row;
      }
      break;
    }
  }
  return found;
}

function symptomOfSpan(spans: SpanTable, row: number): NonNullable<Report['firstSymptom']> {
  const service = spans.strings.text(spans.service[row]!);
  const operation = spans.strings.text(spans.operation[row]!);
  const took = duration(spans.durationUs[row]!);
  const at = timeOfDay(spans.startUs[row]!);
  const error = spans.strings.text(spans.errorType[row]!);
  const failed = spans.isError[row] === 1;
  const how = {
    zh: failed ? `失败${error ? `（${error}）` : ''}` : '变慢',
    en: failed ? `failed${error ? ` (${error})` : ''}` : 'was slow',
  };
  return {
    culprit: { service, operation },
    timeUs: spans.startUs[row]!,
    statement: {
      zh: `${at} ${service} 的 ${operation} ${how.zh}，耗时 ${took}`,
      en: `${operation} in ${service} ${how.en} at ${at}, taking ${took}`,
    },
  };
}
