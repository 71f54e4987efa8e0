/**
 * Watches endpoints minute by minute: what each is expected to do, the evidence against it, then learning, in which
 * incidents have no say. Services are watched too, for silence. Everything that lasts is in the rows.
 */

import { LIMITS } from '../base/limits.ts';
import type { RowSlab } from '../base/row-slab.ts';
import {
  endpointBaselineOf,
  errorBand,
  latencyBandOf,
  rateBand,
} from '../baseline/endpoint-bands.ts';
import {
  acceptErrors,
  learnErrors,
  newErrorForecast,
  predictErrors,
} from '../baseline/endpoint-errors.ts';
import {
  forgetLatency,
  judgeLatency,
  learnLatency,
  loosenLatency,
  newLatencyMinute,
  predictLatency,
} from '../baseline/endpoint-latency.ts';
import {
  acceptRate,
  learnRate,
  loosenRate,
  minutesKnown,
  newRateForecast,
  predictRate,
  wakeRate,
} from '../baseline/endpoint-rate.ts';
import { rememberSurge } from '../baseline/endpoint-season.ts';
import { fadeService } from '../baseline/endpoint-shape.ts';
import {
  closeEpisode,
  type EpisodeEvent,
  isOpen,
  isOverWithExplanation,
  isSuspect,
  minutesOpen,
  type Reading,
  stepEpisode,
  surgeOf,
  tellOf,
} from '../detect/endpoint-episode.ts';
import {
  addErrors,
  addLatency,
  addTraffic,
  CHANNELS_OF,
  quantileOfChannel,
  stepEvidence,
  trustOf,
} from '../detect/endpoint-evidence.ts';
import type { Anomaly } from '../model/anomaly.ts';
import type { EndpointBaseline } from '../model/baseline.ts';
import {
  CHANNELS,
  DETECTORS,
  type Detector,
  minuteNumberOf,
  PICTURE_MINUTES,
  ROW,
} from '../model/endpoint-row.ts';
import type { Silence } from '../model/silence.ts';
import type { LatencySketch } from '../model/tally.ts';
import type { EndpointMinute, EndpointWatch } from '../model/watch.ts';
import { emptySketch } from '../tally/sketch.ts';
import { episodeAnomaly, episodeIdOf, type Subject } from './endpoint-anomaly.ts';
import { enterMinute, leaveMinute } from './endpoint-minute.ts';
import {
  type EndpointEntry,
  EndpointRegistry,
  type ServiceEntry,
  type Trouble,
} from './endpoint-registry.ts';
import { isSourceSilenced } from './silences.ts';

/** Traffic is judged once an endpoint is known this long … */
const TRAFFIC_MINUTES_MIN = 15;
/** … its latency once its level is and so many requests are … */
const LATENCY_MINUTES_MIN = 10;
const LATENCY_REQUESTS_MIN = 30;
/** … and its errors early, because the service's ratio is known. */
const ERROR_MINUTES_MIN = 5;
/** After a deploy, or for a new normal, what was known counts as so many requests. */
const LOOSE_REQUESTS = 40;
/** A surge that lasts longer is no job of each hour. */
const JOB_MINUTES_MAX = 60;
const EMPTY = emptySketch();

const TRAFFIC: readonly Detector[] = ['trafficUp', 'trafficDown'];
const ERRORS: readonly Detector[] = ['errorUp'];
const LATENCY: readonly Detector[] = ['latencyUp', 'latencyDown'];

export function createEndpointWatch({
  rowsMax = LIMITS.endpointRowsMax,
}: {
  readonly rowsMax?: number;
} = {}): EndpointWatch {
  return new TallyWatch(new EndpointRegistry({ rowsMax }));
}

/** Guards the rows. */
class TallyWatch implements EndpointWatch {
  readonly #registry: EndpointRegistry;
  readonly #rate = newRateForecast();
  readonly #errors = newErrorForecast();
  readonly #latency = newLatencyMinute();
  readonly #llr = new Float64Array(CHANNELS);
  #resumed: readonly Anomaly[] = [];
  /** Of the minute that is taken in. */
  #silences: readonly Silence[] = [];
  #isPartial = false;

  constructor(registry: EndpointRegistry) {
    this.#registry = registry;
  }

  get state(): RowSlab {
    return this.#registry.rows;
  }

  get leftOutCount(): number {
    return this.#registry.leftOutCount;
  }

  resume(open: readonly Anomaly[]): void {
    this.#resumed = open;
  }

  step(fed: EndpointMinute): readonly Anomaly[] {
    const { minuteUs, tallies, changes, silences = [], isPartial = false } = fed;
    this.#silences = silences;
    this.#isPartial = isPartial;
    const minute = minuteNumberOf(minuteUs);
    const registry = this.#registry;
    registry.sync();
    registry.leftOutCount = 0;
    // A minute in which something threw may have left its own.
    for (const entry of registry.endpoints()) entry.tally = undefined;
    for (const entry of registry.services()) {
      entry.count = 0;
      entry.isChanged = false;
      entry.troubles.length = 0;
    }
    const found = this.#closeLost();
    for (const tally of tallies) {
      const entry = registry.entryOf(tally.endpoint);
      if (entry === undefined) continue;
      entry.tally = tally;
      if (entry.isWhole) entry.service.count += tally.count;
    }
    for (const { service } of changes) {
      const entry = service === undefined ? undefined : registry.findService(service);
      if (entry) entry.isChanged = true;
    }
    for (const entry of registry.services()) this.#stepService(entry, minute, found);
    // Slices last: they are told of only when their whole endpoint does not explain them.
    for (const entry of registry.endpoints()) {
      if (entry.isWhole) this.#stepEndpoint(entry, minute, found);
    }
    for (const entry of registry.endpoints()) {
      if (!entry.isWhole) this.#stepEndpoint(entry, minute, found);
    }
    if (minute % 60 === 0) registry.forgetIdle(minute);
    return found;
  }

  baselines(atUs: number): ReadonlyMap<string, EndpointBaseline> {
    const registry = this.#registry;
    registry.sync();
    const minute = minuteNumberOf(atUs);
    const bands = new Map<string, EndpointBaseline>();
    for (const { endpoint, isWhole, row, service } of registry.endpoints()) {
      if (!isWhole || row[ROW.latencySeen] === 0) continue;
      const context = { endpoint, service: service.row, minute };
      bands.set(endpoint.endpointId, endpointBaselineOf(row, context));
    }
    return bands;
  }

  /** A service that says nothing at all is one anomaly, not one for each endpoint. */
  #stepService(entry: ServiceEntry, minute: number, found: Anomaly[]): void {
    const { row, count } = entry;
    const gapMinutes = enterMinute(row, minute);
    if (gapMinutes <= 0) return;
    if (count > 0) wakeRate(row, minute);
    const rate = this.#rate;
    predictRate(row, minute, rate);
    const isKnown = minute - row[ROW.firstMinute]! >= TRAFFIC_MINUTES_MIN;
    entry.isSilent = isKnown && count === 0;
    const llr = this.#llr.fill(0);
    const isExpected = minutesKnown(row, minute) >= TRAFFIC_MINUTES_MIN;
    if (isExpected && !this.#isPartial) addTraffic(llr, { count, forecast: rate });
    const { at, count: channels } = CHANNELS_OF.trafficDown;
    const silence = at + channels - 1;
    for (let channel = 0; channel < CHANNELS; channel++) if (channel !== silence) llr[channel] = 0;
    // Silence is all or nothing: a single request is the end of it.
    if (count > 0) row[ROW.evidence + silence] = 0;
    stepEvidence(row, { llr, minute, requestsExpected: rate.expected });
    const context = {
      subject: { kind: 'service', service: entry.service } as const,
      service: row,
      minute,
    };
    const event = stepEpisode(row, {
      detector: 'trafficDown',
      minute,
      llr,
      read: () => ({ value: count, ...rateBand(rate), n: count }),
    });
    const isQuiet = isOpen(row, 'trafficDown') || isSourceSilenced(entry, this.#silences);
    const weight = isQuiet || this.#isPartial ? 0 : trustOf(row, TRAFFIC);
    if (event !== undefined) {
      row[ROW.ringCount + (minute % PICTURE_MINUTES)] = count;
      found.push(episodeAnomaly(row, { ...context, detector: 'trafficDown', event }));
      if (isEnd(event)) closeEpisode(row, 'trafficDown');
      if (event === 'accepted') this.#acceptSilence(entry, minute);
    }
    learnRate(row, minute, { count, weight, mayBeJob: !isQuiet, forecast: rate });
    fadeService(row);
    leaveMinute(row, { minute, count, errors: 0 });
  }

  /** Nor is anything of its endpoints missed. */
  #acceptSilence(entry: ServiceEntry, minute: number): void {
    acceptRate(entry.row, minute);
    for (const { service, row } of this.#registry.endpoints()) {
      if (service === entry) acceptRate(row, minute);
    }
  }

  #stepEndpoint(entry: EndpointEntry, minute: number, found: Anomaly[]): void {
    const { row, service, tally } = entry;
    if (row[ROW.lastMinute] === 0 && tally === undefined) return;
    const gapMinutes = enterMinute(row, minute);
    if (gapMinutes <= 0) return;
    if (tally !== undefined) wakeRate(row, minute);
    if (service.isChanged) {
      loosenRate(row, LOOSE_REQUESTS);
      loosenLatency(row);
    }
    const seen: Seen = {
      entry,
      minute,
      count: tally?.count ?? 0,
      errors: tally?.errorCount ?? 0,
      sketch: tally?.sketch ?? EMPTY,
    };
    predictRate(row, minute, this.#rate);
    predictErrors(row, service.row, this.#errors);
    predictLatency(row, { minute, gapMinutes, service: service.row });
    judgeLatency(row, seen.sketch, this.#latency);
    this.#weigh(seen);
    leaveMinute(row, { minute, count: seen.count, errors: seen.errors, latency: this.#latency });
    for (const detector of DETECTORS) this.#tell(seen, detector, found);
    this.#learn(seen);
    if (seen.count > 0) row[ROW.learnedMinutes]! += 1;
  }

  /** Adds the minute's evidence. */
  #weigh({ entry, minute, count, errors }: Seen): void {
    const { row, service, isCounted } = entry;
    const ageMinutes = minute - row[ROW.firstMinute]!;
    const llr = this.#llr.fill(0);
    if (isCounted && !this.#isPartial && minutesKnown(row, minute) >= TRAFFIC_MINUTES_MIN) {
      addTraffic(llr, { count, forecast: this.#rate });
    }
    if (service.isSilent) {
      const { at, count: channels } = CHANNELS_OF.trafficDown;
      llr.fill(0, at, at + channels);
    }
    if (isCounted && count > 0 && ageMinutes >= ERROR_MINUTES_MIN) {
      addErrors(llr, { count, errors, forecast: this.#errors });
    }
    if (
      minute - row[ROW.latencySince]! >= LATENCY_MINUTES_MIN &&
      row[ROW.latencySeen]! >= LATENCY_REQUESTS_MIN
    ) {
      addLatency(llr, { row, minute, latency: this.#latency });
    }
    stepEvidence(row, { llr, minute, requestsExpected: this.#rate.expected });
  }

  #tell(seen: Seen, detector: Detector, found: Anomaly[]): void {
    const { entry, minute } = seen;
    const { row, service } = entry;
    const event = stepEpisode(row, {
      detector,
      minute,
      llr: this.#llr,
      read: (channel) => this.#read(seen, detector, channel),
    });
    if (entry.isWhole && isSuspect(row, detector)) {
      const state = isOpen(row, detector) ? 'open' : 'suspect';
      service.troubles.push({ operation: entry.endpoint.operation, detector, state });
    }
    const explainedBy = findExplanation(entry, detector);
    if (isOverWithExplanation(row, { detector, explainedBy })) {
      closeEpisode(row, detector);
      return;
    }
    const told = tellOf(row, {
      detector,
      event,
      minute,
      isExplained: explainedBy !== undefined,
    });
    if (told !== undefined) {
      const subject: Subject = { kind: 'endpoint', endpoint: entry.endpoint };
      const context = { subject, detector, event: told, service: service.row, minute };
      found.push(episodeAnomaly(row, context));
    }
    if (event === undefined) return;
    if (!isEnd(event)) return;
    if (detector === 'trafficUp' && event === 'recovered') rememberSurge(row, surgeOf(row));
    closeEpisode(row, detector);
    if (event !== 'accepted') return;
    if (TRAFFIC.includes(detector)) acceptRate(row, minute);
    else if (ERRORS.includes(detector)) acceptErrors(row);
    else forgetLatency(row);
  }

  #read({ entry, count, errors }: Seen, detector: Detector, channel: number): Reading {
    switch (detector) {
      case 'trafficUp':
      case 'trafficDown':
        return { value: count, ...rateBand(this.#rate), n: count };
      case 'errorUp':
        return { value: errors / Math.max(count, 1), ...errorBand(this.#errors, count), n: count };
      default: {
        const { p50Us, p95Us, p99Us } = this.#latency;
        const quantile = quantileOfChannel(channel);
        const [q, value] =
          quantile === 'p50' ? [0.5, p50Us] : quantile === 'p95' ? [0.95, p95Us] : [0.99, p99Us];
        const context = { service: entry.service.row, requests: count };
        return { value, ...latencyBandOf(entry.row, q, context), n: count };
      }
    }
  }

  /** Minutes under suspicion teach little, those of an episode or under a silence nothing. */
  #learn({ entry, minute, count, errors, sketch }: Seen): void {
    const { row, service } = entry;
    const isSilenced = isSourceSilenced(entry.endpoint, this.#silences);
    const weightFor = (detectors: readonly Detector[], of = row) =>
      isSilenced ? 0 : weightOf(of, detectors);
    const weight = service.isSilent
      ? Math.min(weightFor(TRAFFIC), weightFor(TRAFFIC, service.row))
      : weightFor(TRAFFIC);
    learnRate(row, minute, {
      count,
      weight: this.#isPartial ? 0 : weight,
      mayBeJob:
        !isSilenced && !this.#isPartial && minutesOpen(row, 'trafficUp', minute) < JOB_MINUTES_MAX,
      forecast: this.#rate,
    });
    learnErrors(row, { count, errors, weight: weightFor(ERRORS), ratio: this.#errors.ratio });
    if (entry.isWhole && !isSilenced && !isOpen(row, 'errorUp')) {
      service.row[ROW.errorHits]! += errors;
      service.row[ROW.errorTotal]! += count;
    }
    learnLatency(row, minute, {
      sketch,
      judged: this.#latency,
      weight: weightFor(LATENCY),
      service: service.row,
    });
  }

  /** Open anomalies whose rows are lost, because a newer Taproot could not read them. */
  #closeLost(): Anomaly[] {
    const lost = this.#resumed;
    this.#resumed = [];
    if (lost.length === 0) return [];
    const openIds = new Set<string>();
    for (const { row, endpoint } of this.#registry.endpoints()) {
      const subject: Subject = { kind: 'endpoint', endpoint };
      for (const detector of DETECTORS) {
        if (isOpen(row, detector)) openIds.add(episodeIdOf(row, { subject, detector }));
      }
    }
    for (const { row, service } of this.#registry.services()) {
      if (isOpen(row, 'trafficDown')) {
        openIds.add(
          episodeIdOf(row, { subject: { kind: 'service', service }, detector: 'trafficDown' }),
        );
      }
    }
    return lost
      .filter(({ anomalyId }) => !openIds.has(anomalyId))
      .map((anomaly) => ({ ...anomaly, status: 'closed', end: 'gone' }));
  }
}

interface Seen {
  readonly entry: EndpointEntry;
  readonly minute: number;
  readonly count: number;
  readonly errors: number;
  readonly sketch: LatencySketch;
}

/** A whole endpoint that deviates in the same way; a slice over all operations is explained by any of them. */
function findExplanation(
  { isWhole, service, endpoint }: EndpointEntry,
  detector: Detector,
): Trouble['state'] | undefined {
  if (isWhole) return undefined;
  const explaining = service.troubles.filter(
    (trouble) =>
      trouble.detector === detector &&
      (endpoint.operation === '' || trouble.operation === endpoint.operation),
  );
  return (explaining.find(({ state }) => state === 'open') ?? explaining[0])?.state;
}

function weightOf(row: Float32Array, detectors: readonly Detector[]): number {
  return detectors.some((detector) => isOpen(row, detector)) ? 0 : trustOf(row, detectors);
}

function isEnd(event: EpisodeEvent): event is 'recovered' | 'accepted' | 'gone' {
  return event !== 'opened' && event !== 'changed';
}
