/**
 * The incidents of the simulated month: what is put in, where, when, and how large. Drawn from a stream of random
 * numbers of their own; only the scorer knows them.
 */

import { UPPER_SHARE } from './month-latency.ts';
import {
  type EndpointWorld,
  MINUTES_PER_DAY,
  MINUTES_PER_WEEK,
  usualTraffic,
  type World,
} from './month-world.ts';
import { Random } from './random.ts';
import { Variates } from './variates.ts';

export const INCIDENT_KINDS = [
  /** All requests take 1.5–10 times as long. */
  'latency',
  /** The slowest tenth takes 2–10 times as long. */
  'tail',
  /** 5–60 % of the requests fail, beyond the usual. */
  'error',
  /** 2–6 times the requests. */
  'surge',
  /** 5–50 % of the requests are left. */
  'drop',
  /** The whole service says nothing. */
  'silence',
  /** Latency creeps up to 2–6 times within the first two thirds. */
  'ramp',
] as const;
export type IncidentKind = (typeof INCIDENT_KINDS)[number];

export interface InjectedIncident {
  readonly kind: IncidentKind;
  readonly service: string;
  readonly endpointIds: readonly string[];
  /** Minutes of the month, [from, to). */
  readonly fromMinute: number;
  readonly toMinute: number;
  /** Factor of latency or traffic; added error ratio. */
  readonly size: number;
  /** Of its busiest endpoint, usual at its onset. */
  readonly requestsPerMinute: number;
}

/** Parts of the month that are judged apart; days are counted from 0, [from, to). */
export const PERIODS = [
  { name: 'day 1', fromDay: 0, toDay: 1, incidentShare: 0.1 },
  { name: 'days 2–7', fromDay: 1, toDay: 7, incidentShare: 0.3 },
  { name: 'days 8–28', fromDay: 7, toDay: 28, incidentShare: 0.6 },
] as const;

/** Share of the incidents by kind. */
const KIND_SHARES: Readonly<Record<IncidentKind, number>> = {
  latency: 0.3,
  tail: 0.12,
  error: 0.18,
  surge: 0.1,
  drop: 0.1,
  silence: 0.08,
  ramp: 0.12,
};
/** How often other endpoints of the service have it, too; silence is always of all. */
const SPREAD_SHARE = 0.3;
/** Nothing can be said of an endpoint in its first hour. */
const ONSET_MINUTE_MIN = 60;
/** Between two incidents of a service. */
const APART_MINUTES = 180;
/** An incident that touches fewer requests is none. */
const REQUESTS_MIN = 5;
const DRAWS_MAX = 1000;

export interface IncidentOptions {
  readonly seed: number;
  /** In a whole month; of a shorter one, what falls into it. */
  readonly incidentCount: number;
  readonly dayCount: number;
  /** Minute of the week, from Monday 00:00 UTC, at which the month begins. */
  readonly startWeekMinute: number;
}

/** Ascending by onset. */
export function drawIncidents(world: World, options: IncidentOptions): InjectedIncident[] {
  const variates = new Variates(new Random(options.seed));
  const incidents: InjectedIncident[] = [];
  for (const { fromDay, toDay, incidentShare } of PERIODS) {
    const endDay = Math.min(toDay, options.dayCount);
    const part = Math.max(0, endDay - fromDay) / (toDay - fromDay);
    const count = Math.round(options.incidentCount * incidentShare * part);
    const range = { fromMinute: fromDay * MINUTES_PER_DAY, toMinute: endDay * MINUTES_PER_DAY };
    for (let drawn = 0; drawn < count; drawn++) {
      const incident = tryDraw(variates, { world, incidents, range, options });
      if (incident) incidents.push(incident);
    }
  }
  return incidents.sort((a, b) => a.fromMinute - b.fromMinute);
}

/** Undefined when there is no room left. */
function tryDraw(
  variates: Variates,
  context: {
    readonly world: World;
    readonly incidents: readonly InjectedIncident[];
    readonly range: { readonly fromMinute: number; readonly toMinute: number };
    readonly options: IncidentOptions;
  },
): InjectedIncident | undefined {
  const { world, incidents, range, options } = context;
  const kind = drawKind(variates);
  for (let attempt = 0; attempt < DRAWS_MAX; attempt++) {
    const minutes = variates.random.between(kind === 'ramp' ? 60 : 10, 120);
    const from = Math.max(range.fromMinute, ONSET_MINUTE_MIN);
    const fromMinute = variates.random.between(from, Math.max(from, range.toMinute - minutes));
    const endpoints = drawEndpoints(variates, { world, kind });
    const weekMinute = (options.startWeekMinute + fromMinute) % MINUTES_PER_WEEK;
    const rates = endpoints.map((endpoint) =>
      Math.exp(usualTraffic(endpoint, { minute: fromMinute, weekMinute })),
    );
    const size = drawSize(variates, kind);
    const incident: InjectedIncident = {
      kind,
      service: endpoints[0]!.service.name, // at least one is drawn
      endpointIds: endpoints.map(({ endpoint }) => endpoint.endpointId),
      fromMinute,
      toMinute: fromMinute + minutes,
      size,
      requestsPerMinute: Math.max(...rates),
    };
    const requests = rates.reduce((sum, rate) => sum + rate, 0) * minutes;
    const touched = requests * touchedShare(kind, size);
    if (touched >= REQUESTS_MIN && incidents.every((other) => isApart(other, incident))) {
      return incident;
    }
  }
  return undefined;
}

function drawKind(variates: Variates): IncidentKind {
  let left = variates.unit();
  for (const kind of INCIDENT_KINDS) {
    left -= KIND_SHARES[kind];
    if (left < 0) return kind;
  }
  return 'latency';
}

function drawEndpoints(
  variates: Variates,
  { world, kind }: { readonly world: World; readonly kind: IncidentKind },
): EndpointWorld[] {
  const first = variates.random.pick(world.endpoints);
  const others = world.endpoints.filter(
    (other) => other.service === first.service && other !== first,
  );
  if (kind === 'silence') return [first, ...others];
  if (!variates.random.chance(SPREAD_SHARE)) return [first];
  const share = variates.unit();
  return [first, ...others.filter(() => variates.random.chance(share))];
}

function drawSize(variates: Variates, kind: IncidentKind): number {
  switch (kind) {
    case 'latency':
      return variates.logUniform(1.5, 10);
    case 'tail':
      return variates.logUniform(2, 10);
    case 'error':
      return variates.logUniform(0.05, 0.6);
    case 'surge':
    case 'ramp':
      return variates.logUniform(2, 6);
    case 'drop':
      return variates.logUniform(0.05, 0.5);
    case 'silence':
      return 0;
  }
}

function touchedShare(kind: IncidentKind, size: number): number {
  switch (kind) {
    case 'tail':
      return UPPER_SHARE;
    case 'error':
      return size;
    default:
      return 1;
  }
}

function isApart(a: InjectedIncident, b: InjectedIncident): boolean {
  return (
    a.service !== b.service ||
    a.toMinute + APART_MINUTES <= b.fromMinute ||
    b.toMinute + APART_MINUTES <= a.fromMinute
  );
}
