/** Incidents: anomalies near in time and in the call graph belong together; open incidents take in new ones. */
import { createHash } from 'node:crypto';
import { US_PER_MINUTE } from '../base/time.ts';
import type { Anomaly, Incident } from '../model/anomaly.ts';

/** Anomalies further apart are different incidents; an incident without news for this long is closed. */
const GAP_US_MAX = 15 * US_PER_MINUTE;

export interface GroupOptions {
  readonly nowUs: number;
  /** Caller → callee by service name. */
  readonly edges: readonly (readonly [string, string])[];
}

/** Open incidents with what is new, those just closed, and new ones; by onset, then id. */
export function groupIncidents(
  anomalies: readonly Anomaly[],
  open: readonly Incident[],
  options: GroupOptions,
): Incident[] {
  const neighbours = neighboursOf(options.edges);
  const areNear = (a: string, b: string): boolean => a === b || neighbours.get(a)?.has(b) === true;
  const incidents = open.map(toDraft);
  const sorted = [...anomalies].sort(
    (a, b) => a.range.fromUs - b.range.fromUs || (a.anomalyId < b.anomalyId ? -1 : 1),
  );
  for (const anomaly of sorted) {
    const near = incidents.filter((incident) => belongs(anomaly, incident, areNear));
    const [oldest, ...others] = near.sort(compareIncidents);
    if (oldest === undefined) {
      incidents.push(startIncident(anomaly));
      continue;
    }
    takeIn(oldest, anomaly);
    // The anomaly is the bridge: what it touches is one incident. A reported one keeps its own name.
    for (const other of others) {
      if (other.reportId !== undefined) continue;
      join(oldest, other);
      incidents.splice(incidents.indexOf(other), 1);
    }
  }
  return incidents.map((incident) => toIncident(incident, options.nowUs)).sort(compareIncidents);
}

interface Draft {
  readonly incidentId: string;
  readonly isOpen: boolean;
  onsetUs: number;
  lastSeenUs: number;
  readonly services: Set<string>;
  readonly anomalyIds: Set<string>;
  readonly reportId: string | undefined;
}

function toDraft(incident: Incident): Draft {
  return {
    incidentId: incident.incidentId,
    isOpen: incident.status === 'open',
    onsetUs: incident.onsetUs,
    lastSeenUs: incident.lastSeenUs,
    services: new Set(incident.services),
    anomalyIds: new Set(incident.anomalyIds),
    reportId: incident.reportId,
  };
}

function startIncident(anomaly: Anomaly): Draft {
  const id = createHash('sha256').update(`incident\0${anomaly.anomalyId}`).digest('hex');
  return {
    incidentId: id.slice(0, 16),
    isOpen: true,
    onsetUs: anomaly.range.fromUs,
    lastSeenUs: anomaly.range.toUs,
    services: new Set([anomaly.service]),
    anomalyIds: new Set([anomaly.anomalyId]),
    reportId: undefined,
  };
}

function neighboursOf(edges: GroupOptions['edges']): Map<string, Set<string>> {
  const neighbours = new Map<string, Set<string>>();
  const add = (from: string, to: string): void => {
    const known = neighbours.get(from);
    if (known) known.add(to);
    else neighbours.set(from, new Set([to]));
  };
  for (const [caller, callee] of edges) {
    add(caller, callee);
    add(callee, caller);
  }
  return neighbours;
}

function belongs(
  anomaly: Anomaly,
  incident: Draft,
  areNear: (a: string, b: string) => boolean,
): boolean {
  if (incident.anomalyIds.has(anomaly.anomalyId)) return true;
  if (!incident.isOpen) return false;
  const isInTime =
    anomaly.range.fromUs - incident.lastSeenUs <= GAP_US_MAX &&
    incident.onsetUs - anomaly.range.toUs <= GAP_US_MAX;
  return isInTime && [...incident.services].some((service) => areNear(service, anomaly.service));
}

function takeIn(incident: Draft, anomaly: Anomaly): void {
  incident.onsetUs = Math.min(incident.onsetUs, anomaly.range.fromUs);
  incident.lastSeenUs = Math.max(incident.lastSeenUs, anomaly.range.toUs);
  incident.services.add(anomaly.service);
  incident.anomalyIds.add(anomaly.anomalyId);
}

function join(incident: Draft, other: Draft): void {
  incident.onsetUs = Math.min(incident.onsetUs, other.onsetUs);
  incident.lastSeenUs = Math.max(incident.lastSeenUs, other.lastSeenUs);
  for (const service of other.services) incident.services.add(service);
  for (const anomalyId of other.anomalyIds) incident.anomalyIds.add(anomalyId);
}

function toIncident(draft: Draft, nowUs: number): Incident {
  const isOpen = draft.isOpen && nowUs - draft.lastSeenUs <= GAP_US_MAX;
  return {
    incidentId: draft.incidentId,
    status: isOpen ? 'open' : 'closed',
    onsetUs: draft.onsetUs,
    lastSeenUs: draft.lastSeenUs,
    services: [...draft.services].sort(),
    anomalyIds: [...draft.anomalyIds].sort(),
    ...(draft.reportId === undefined ? {} : { reportId: draft.reportId }),
  };
}

function compareIncidents(
  a: { readonly onsetUs: number; readonly incidentId: string },
  b: { readonly onsetUs: number; readonly incidentId: string },
): number {
  return a.onsetUs - b.onsetUs || (a.incidentId < b.incidentId ? -1 : 1);
}
