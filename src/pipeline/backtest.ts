/**
 * What would have alarmed: the same detection over stored history, with a state of its own that is gone afterwards. Learns
 * from what is stored before the period, as a first start does.
 */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCounters } from '../base/counters.ts';
import { LIMITS } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import { minuteOf, type TimeRange } from '../base/time.ts';
import type { Anomaly, ChangeEvent, Incident } from '../model/anomaly.ts';
import { openStateStore, openTelemetryReader } from '../store/open.ts';
import { Detection, GRACE_US } from './tick.ts';
import type { Watchers } from './watchers.ts';

export interface BacktestIncident {
  readonly incident: Incident;
  /** When the first of its anomalies had enough evidence. */
  readonly detectedUs: number;
  /** By onset. */
  readonly anomalies: readonly Anomaly[];
}

/** Incidents of the period by onset; those that were open at its beginning, too. */
export async function backtest(options: {
  readonly dataDir: string;
  readonly range: TimeRange;
  readonly createWatchers: () => Watchers;
  readonly log: Log;
}): Promise<readonly BacktestIncident[]> {
  const { dataDir, createWatchers, log } = options;
  const range = { fromUs: minuteOf(options.range.fromUs), toUs: minuteOf(options.range.toUs) };
  const folder = await mkdtemp(join(tmpdir(), 'taproot-backtest-'));
  const telemetry = openTelemetryReader({ dataDir });
  const state = openStateStore({ dataDir: folder });
  try {
    for (const change of listChanges(dataDir, range.toUs)) state.saveChange(change);
    state.saveFindings({ judgedUntilUs: range.fromUs, anomalies: [], incidents: [] });
    const counters = createCounters();
    const startedUs = range.fromUs;
    const detection = new Detection({
      telemetry,
      state,
      createWatchers,
      counters,
      log,
      startedUs,
    });
    await detection.advance(range.toUs + GRACE_US);
    const anomalies = state.listAnomalies({ range: ALL_TIME, limit: LIMITS.queryRowsMax });
    const byId = new Map(anomalies.map((anomaly) => [anomaly.anomalyId, anomaly]));
    return state
      .listIncidents({ range: ALL_TIME, limit: LIMITS.queryRowsMax })
      .filter(({ anomalyIds }) => anomalyIds.length > 0) // the others became part of another one
      .map((incident) => withAnomalies(incident, byId))
      .reverse();
  } finally {
    telemetry.close();
    state.close();
    await rm(folder, { recursive: true, force: true });
  }
}

const ALL_TIME: TimeRange = { fromUs: 0, toUs: Number.MAX_SAFE_INTEGER };

/** Deploys and the like, as they were told to the service. */
function listChanges(dataDir: string, toUs: number): readonly ChangeEvent[] {
  if (!existsSync(join(dataDir, 'state.db'))) return [];
  const live = openStateStore({ dataDir });
  try {
    return live.listChanges({ range: { fromUs: 0, toUs }, limit: LIMITS.queryRowsMax });
  } finally {
    live.close();
  }
}

function withAnomalies(incident: Incident, byId: ReadonlyMap<string, Anomaly>): BacktestIncident {
  const anomalies = incident.anomalyIds
    .flatMap((anomalyId) => byId.get(anomalyId) ?? [])
    .sort((a, b) => a.range.fromUs - b.range.fromUs || (a.anomalyId < b.anomalyId ? -1 : 1));
  const detectedUs = Math.min(
    ...anomalies.map((anomaly) => anomaly.detectedUs ?? anomaly.range.toUs),
  );
  return { incident, detectedUs, anomalies };
}
