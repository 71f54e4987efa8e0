/**
 * Incidents: anomalies near in time and in the call graph belong together. An incident is open while one of its
 * anomalies is; trouble that comes back soon opens the same one again.
 */
import { createHash } from 'node:crypto';
import { LIMITS } from '../base/limits.ts';
import { US_PER_MINUTE } from '../base/time.ts';
import {
  type Anomaly,
  type AnomalyKind,
  INCIDENT_SEVERITIES,
  type Incident,
  type IncidentSeverity,
} from '../model/anomaly.ts';
import type { Text } from '../model/text.ts';
import { severityOfBurn } from './slo.ts';

/** Trouble that comes back within this time is the same trouble. */
export const REOPEN_US_MAX = 15 * US_PER_MINUTE;
/** An open incident that took in nothing for this long takes in nothing more: what comes now has a cause of its own. */
const GROW_US_MAX = 60 * US_PER_MINUTE;
/** Kinds that begin long before they matter: they do not move the onset of what happens suddenly. */
const CREEPING: ReadonlySet<AnomalyKind> = new Set(['drift', 'saturation', 'slo']);

export function isCreeping(kind: AnomalyKind): boolean {
  return CREEPING.has(kind);
}

export interface GroupOptions {
  /** End of the minute that was judged last. */
  readonly nowUs: number;
  /** Caller → callee by service name. */
  readonly edges: readonly (readonly [string, string])[];
  /** Of all anomalies that are open now, those given too. */
  readonly openIds: ReadonlySet<string>;
  /** Of the open ones, those that no request suffers from: logs and metrics. */
  readonly signIds: ReadonlySet<string>;
}

/**
 * Takes anomalies that opened, changed or closed into incidents: those given, open or closed within REOPEN_US_MAX,
 * and new ones. Gives the incidents that changed, by onset, then id.
 */
export function groupIncidents(
  anomalies: readonly Anomaly[],
  current: readonly Incident[],
  options: GroupOptions,
): Incident[] {
  const areNear = nearnessOf(options.edges);
  const drafts = current.map(toDraft);
  const sorted = [...anomalies].sort(
    (a, b) => a.range.fromUs - b.range.fromUs || (a.anomalyId < b.anomalyId ? -1 : 1),
  );
  for (const anomaly of sorted) {
    const own = drafts.find((draft) => draft.anomalyIds.has(anomaly.anomalyId));
    if (own) takeIn(own, anomaly, options);
    else if (options.openIds.has(anomaly.anomalyId)) place(anomaly, drafts, { areNear, options });
  }
  for (const draft of drafts) settle(draft, options.openIds);
  return drafts
    .filter(({ isChanged }) => isChanged)
    .map(toIncident)
    .sort(compareIncidents);
}

interface Draft {
  readonly incidentId: string;
  isOpen: boolean;
  isChanged: boolean;
  /** Began at this moment. */
  readonly isNew: boolean;
  onsetUs: number;
  /** Only a slice has said so far when it began. */
  isOnsetOfSlice: boolean;
  lastSeenUs: number;
  grownUs: number;
  sufferedUs: number | undefined;
  severity: IncidentSeverity;
  readonly services: Set<string>;
  readonly anomalyIds: Set<string>;
  readonly reportId: string | undefined;
  note: Text | undefined;
}

type Openness = Pick<GroupOptions, 'openIds'>;
type AreNear = (a: string, b: string) => boolean;

function toDraft(incident: Incident): Draft {
  return {
    incidentId: incident.incidentId,
    isOpen: incident.status === 'open',
    isChanged: false,
    onsetUs: incident.onsetUs,
    isOnsetOfSlice: incident.isOnsetOfSlice ?? false,
    isNew: false,
    lastSeenUs: incident.lastSeenUs,
    grownUs: incident.grownUs ?? incident.lastSeenUs,
    sufferedUs: incident.sufferedUs,
    severity: incident.severity ?? 'info',
    services: new Set(incident.services),
    anomalyIds: new Set(incident.anomalyIds),
    reportId: incident.reportId,
    note: incident.note,
  };
}

function nearnessOf(edges: GroupOptions['edges']): AreNear {
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
  return (a, b) => a === b || neighbours.get(a)?.has(b) === true;
}

/** A new anomaly joins what is open near it, then what has closed lately near it, then begins an incident. */
function place(
  anomaly: Anomaly,
  drafts: Draft[],
  { areNear, options }: { readonly areNear: AreNear; readonly options: GroupOptions },
): void {
  const { nowUs } = options;
  const near = drafts.filter((draft) =>
    [...draft.services].some((service) => areNear(service, anomaly.service)),
  );
  const open = near.filter((draft) => draft.isOpen && canGrow(draft, anomaly, options));
  const recent = near.filter(
    (draft) =>
      !draft.isOpen &&
      draft.anomalyIds.size > 0 &&
      anomaly.range.fromUs - draft.lastSeenUs <= REOPEN_US_MAX,
  );
  const [oldest, ...others] =
    open.length > 0 ? open.sort(compareIncidents) : recent.sort(compareIncidents).slice(-1);
  if (oldest === undefined) {
    drafts.push(startIncident(anomaly, nowUs));
    return;
  }
  takeIn(oldest, anomaly, options);
  oldest.grownUs = nowUs;
  // The anomaly is the bridge: what it touches is one incident.
  for (const other of others) join(oldest, other, options);
}

/**
 * Whether what comes now may have the cause of an open incident. When its requests have recovered and only logs or
 * metrics are still odd, which take long to settle, it grows no longer than a closed one is opened again.
 */
function canGrow(draft: Draft, anomaly: Anomaly, options: GroupOptions): boolean {
  const { nowUs, openIds, signIds } = options;
  const { sufferedUs } = draft;
  const isSuffering = [...draft.anomalyIds].some((id) => openIds.has(id) && !signIds.has(id));
  return sufferedUs === undefined || isSuffering
    ? nowUs - draft.grownUs <= GROW_US_MAX
    : anomaly.range.fromUs - sufferedUs <= REOPEN_US_MAX;
}

function startIncident(anomaly: Anomaly, nowUs: number): Draft {
  const id = createHash('sha256').update(`incident\0${anomaly.anomalyId}`).digest('hex');
  return {
    incidentId: id.slice(0, 16),
    isOpen: true,
    isChanged: true,
    isNew: true,
    onsetUs: anomaly.range.fromUs,
    isOnsetOfSlice: anomaly.slice !== undefined,
    lastSeenUs: anomaly.range.toUs,
    grownUs: nowUs,
    sufferedUs: isSign(anomaly) ? undefined : anomaly.range.toUs,
    severity: severityOf(anomaly),
    services: new Set([anomaly.service]),
    anomalyIds: new Set([anomaly.anomalyId]),
    reportId: undefined,
    note: undefined,
  };
}

/** Requests that fail, or a source that is silent, are worse than slow ones, those worse than signs of trouble. */
export function severityOf({ kind, slice, expected }: Anomaly): IncidentSeverity {
  switch (kind) {
    case 'slo':
      return severityOfBurn(expected.high);
    case 'error':
    case 'silence':
      return slice === undefined ? 'critical' : 'warning';
    case 'latency':
    case 'traffic':
    case 'saturation':
      return 'warning';
    default:
      return 'info';
  }
}

/** No request suffers from it. */
export function isSign(anomaly: Anomaly): boolean {
  return severityOf(anomaly) === 'info';
}

function takeIn(draft: Draft, anomaly: Anomaly, openness: Openness): void {
  draft.isChanged = true;
  // What takes longer to be sure of may have a chance deviation of before for its first minute, where requests are few.
  const isDating = draft.isNew || (draft.isOnsetOfSlice && anomaly.slice === undefined);
  if (isDating && !isCreeping(anomaly.kind)) dateBy(draft, anomaly);
  draft.lastSeenUs = Math.max(draft.lastSeenUs, anomaly.range.toUs);
  if (!isSign(anomaly)) draft.sufferedUs = Math.max(draft.sufferedUs ?? 0, anomaly.range.toUs);
  draft.severity = worst(draft.severity, severityOf(anomaly));
  draft.services.add(anomaly.service);
  addIds(draft, [anomaly.anomalyId], openness);
  if (anomaly.end === 'accepted') draft.note = acceptedNote(anomaly);
  else if (anomaly.end === 'gone') draft.note ??= goneNote(anomaly);
}

/** The earliest of the whole endpoints; of slices, which have fewer requests and are dated worse, where there is no other. */
function dateBy(draft: Draft, { slice, range }: Anomaly): void {
  if (slice !== undefined && !draft.isOnsetOfSlice) return;
  const isBetterKnown = slice === undefined && draft.isOnsetOfSlice;
  draft.onsetUs = isBetterKnown ? range.fromUs : Math.min(draft.onsetUs, range.fromUs);
  draft.isOnsetOfSlice = slice !== undefined;
}

/** The younger one ends here; a report of it stays where it is. */
function join(draft: Draft, younger: Draft, openness: Openness): void {
  draft.onsetUs = Math.min(draft.onsetUs, younger.onsetUs);
  draft.lastSeenUs = Math.max(draft.lastSeenUs, younger.lastSeenUs);
  if (younger.sufferedUs !== undefined) {
    draft.sufferedUs = Math.max(draft.sufferedUs ?? 0, younger.sufferedUs);
  }
  draft.severity = worst(draft.severity, younger.severity);
  for (const service of younger.services) draft.services.add(service);
  addIds(draft, younger.anomalyIds, openness);
  younger.isChanged = true;
  younger.isOpen = false;
  younger.anomalyIds.clear();
  younger.note = {
    zh: `已并入事件 ${draft.incidentId}`,
    en: `Part of incident ${draft.incidentId}`,
  };
}

/** The first ones, of which the ended make room: an incident lasts as long as one that it lists. */
function addIds(draft: Draft, anomalyIds: Iterable<string>, { openIds }: Openness): void {
  for (const anomalyId of anomalyIds) {
    if (draft.anomalyIds.has(anomalyId)) continue;
    if (draft.anomalyIds.size >= LIMITS.incidentAnomaliesMax) {
      const ended = [...draft.anomalyIds].find((id) => !openIds.has(id));
      if (ended === undefined) return;
      draft.anomalyIds.delete(ended);
    }
    draft.anomalyIds.add(anomalyId);
  }
}

/** Opens or closes by what its anomalies do. */
function settle(draft: Draft, openIds: ReadonlySet<string>): void {
  const isOpen = [...draft.anomalyIds].some((anomalyId) => openIds.has(anomalyId));
  if (isOpen === draft.isOpen) return;
  draft.note = isOpen ? undefined : (draft.note ?? RECOVERED);
  draft.isChanged = true;
  draft.isOpen = isOpen;
}

const RECOVERED: Text = {
  zh: '所有异常均已恢复',
  en: 'All its anomalies have recovered',
};

function acceptedNote({ statement }: Anomaly): Text {
  return {
    zh: `已作为新的常态：${statement.zh}`,
    en: `Accepted as the new normal: ${statement.en}`,
  };
}

function goneNote({ service }: Anomaly): Text {
  return {
    zh: `${service} 已没有可判断的数据`,
    en: `${service} has nothing left to be judged by`,
  };
}

function toIncident(draft: Draft): Incident {
  return {
    incidentId: draft.incidentId,
    status: draft.isOpen ? 'open' : 'closed',
    severity: draft.severity,
    onsetUs: draft.onsetUs,
    ...(draft.isOnsetOfSlice ? { isOnsetOfSlice: true } : {}),
    lastSeenUs: draft.lastSeenUs,
    grownUs: draft.grownUs,
    ...(draft.sufferedUs === undefined ? {} : { sufferedUs: draft.sufferedUs }),
    services: [...draft.services].sort(),
    anomalyIds: [...draft.anomalyIds].sort(),
    ...(draft.reportId === undefined ? {} : { reportId: draft.reportId }),
    ...(draft.note === undefined ? {} : { note: draft.note }),
  };
}

function worst(a: IncidentSeverity, b: IncidentSeverity): IncidentSeverity {
  return INCIDENT_SEVERITIES.indexOf(a) <= INCIDENT_SEVERITIES.indexOf(b) ? a : b;
}

function compareIncidents(
  a: { readonly onsetUs: number; readonly incidentId: string },
  b: { readonly onsetUs: number; readonly incidentId: string },
): number {
  return a.onsetUs - b.onsetUs || (a.incidentId < b.incidentId ? -1 : 1);
}
