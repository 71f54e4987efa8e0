/**
 * Detection, once a minute: learns bands from the tallies of the last hours, compares the last complete
 * minutes with them, groups what deviates into incidents. Costs by endpoints, not by traffic.
 */
import { LIMITS } from '../base/limits.ts';
import { minuteOf, type TimeRange, US_PER_HOUR, US_PER_MINUTE, US_PER_MS } from '../base/time.ts';
import { learnBaselines } from '../baseline/baseline.ts';
import { detectAnomalies, groupIncidents } from '../detect/detect.ts';
import type { Anomaly, Incident } from '../model/anomaly.ts';
import type { EndpointBaseline } from '../model/baseline.ts';
import { StringDictionary } from '../model/dictionary.ts';
import { SELF_SERVICE } from '../model/vocabulary.ts';
import { NO_ROW } from '../model/window.ts';
import type { StateStore } from '../store/api/state.ts';
import type { TelemetryReader } from '../store/api/telemetry.ts';
import { readTallyHistory } from './history.ts';
import { buildSpanTable } from './span-table.ts';

export interface TickResult {
  readonly baselines: ReadonlyMap<string, EndpointBaseline>;
  readonly anomalies: readonly Anomaly[];
  /** Incidents that this tick opened or changed. */
  readonly incidents: readonly Incident[];
  /** There was more history than LIMITS.learningTalliesMax: bands stand on the newest part. */
  readonly isHistoryCut: boolean;
}

/** Minutes that a tick judges: two, so that a late minute is seen once more. */
const JUDGED_US = 2 * US_PER_MINUTE;
/** History that bands stand on. */
const LEARNING_US = 3 * US_PER_HOUR;
/** An endpoint needs this much history before a tick may judge it. */
const LEARNING_MINUTES_MIN = 5;

/** Late spans of a minute may still come this long after its end. */
const GRACE_MS = 10_000;

/**
 * How long to wait for the next tick, shortly after the end of a minute. Between 10 s and 70 s whatever the clock says: a
 * clock that jumps neither stops ticks nor makes them come one upon the other.
 */
export function msToNextTick(nowUs: number): number {
  return (minuteOf(nowUs) + US_PER_MINUTE - nowUs) / US_PER_MS + GRACE_MS;
}

export function runTick(input: {
  readonly nowUs: number;
  readonly telemetry: TelemetryReader;
  readonly state: StateStore;
}): TickResult {
  const { telemetry, state } = input;
  const judged: TimeRange = {
    fromUs: minuteOf(input.nowUs) - JUDGED_US,
    toUs: minuteOf(input.nowUs),
  };
  const history: TimeRange = { fromUs: judged.fromUs - LEARNING_US, toUs: judged.fromUs };
  const earlier = state.listIncidents({
    range: { ...history, toUs: judged.toUs },
    limit: LIMITS.queryRowsMax,
  });

  const isLearnable = outsideOf(earlier);
  const past = readTallyHistory(telemetry, {
    range: history,
    talliesMax: LIMITS.learningTalliesMax,
  });
  const learning = past.tallies.filter(
    (tally) => tally.endpoint.service !== SELF_SERVICE && isLearnable(tally.minuteUs),
  );
  const learnedMinutes = new Set(learning.map(({ minuteUs }) => minuteUs)).size;
  const baselines = learnBaselines(learning, { source: 'own', minutes: learnedMinutes });
  const isHistoryCut = past.isCut;
  if (learnedMinutes < LEARNING_MINUTES_MIN) {
    return { baselines, anomalies: [], incidents: [], isHistoryCut };
  }

  const templates = new Map(
    telemetry.listTemplates({}).map((template) => [template.templateId, template] as const),
  );
  const anomalies = detectAnomalies({
    range: judged,
    tallies: telemetry
      .readTallies({ range: judged })
      .filter(({ endpoint }) => endpoint.service !== SELF_SERVICE),
    baselines,
    templateTallies: telemetry.readTemplateTallies({ range: judged }),
    referenceTemplateTallies: past.templateTallies.filter((tally) => isLearnable(tally.minuteUs)),
    referenceMinutes: learnedMinutes,
    templates,
    series: [],
    referenceSeries: [],
  });
  const incidents = groupIncidents(
    anomalies,
    earlier.filter(({ status }) => status === 'open'),
    { nowUs: input.nowUs, edges: callEdges(telemetry, { range: judged, anomalies }) },
  );
  state.saveAnomalies(anomalies);
  for (const incident of incidents) state.saveIncident(incident);
  return { baselines, anomalies, incidents, isHistoryCut };
}

/** Spans from which calls between services are known well enough. */
const EDGE_SPANS_MAX = 50_000;

/** Who calls whom, read only when trouble shows in several services: one incident, not one for each. */
function callEdges(
  telemetry: TelemetryReader,
  trouble: { readonly range: TimeRange; readonly anomalies: readonly Anomaly[] },
): readonly (readonly [string, string])[] {
  if (new Set(trouble.anomalies.map(({ service }) => service)).size < 2) return [];
  const { table } = buildSpanTable(telemetry, {
    range: trouble.range,
    strings: new StringDictionary(),
    spansMax: EDGE_SPANS_MAX,
    hasAttributes: false,
  });
  const edges = new Map<string, readonly [string, string]>();
  for (let row = 0; row < table.count; row++) {
    const parent = table.parent[row]!;
    if (parent === NO_ROW || table.service[parent] === table.service[row]) continue;
    const key = `${table.service[parent]} ${table.service[row]}`;
    if (edges.has(key)) continue;
    const caller = table.strings.text(table.service[parent]!);
    edges.set(key, [caller, table.strings.text(table.service[row]!)]);
  }
  return [...edges.values()];
}

/** Incidents do not teach: minutes under one are left out of learning. */
function outsideOf(incidents: readonly Incident[]): (minuteUs: number) => boolean {
  return (minuteUs) =>
    incidents.every(
      ({ onsetUs, lastSeenUs }) => minuteUs + US_PER_MINUTE <= onsetUs || minuteUs > lastSeenUs,
    );
}
