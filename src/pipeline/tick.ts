/**
 * Detection: feeds the watches each complete minute once and in order, saves what they find and what they have learned,
 * and after a start goes on where it was, from stored telemetry. Costs by endpoints, not by traffic.
 */
import type { Counters } from '../base/counters.ts';
import { isAppError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import {
  formatTime,
  minuteOf,
  type TimeRange,
  US_PER_MINUTE,
  US_PER_MS,
  US_PER_SECOND,
} from '../base/time.ts';
import { groupIncidents, isSign, REOPEN_US_MAX } from '../detect/detect.ts';
import type { Anomaly, Incident } from '../model/anomaly.ts';
import type { EndpointBaseline } from '../model/baseline.ts';
import type { Silence } from '../model/silence.ts';
import type { SloStatus } from '../model/slo.ts';
import type { StateStore } from '../store/api/state.ts';
import type { TelemetryReader } from '../store/api/telemetry.ts';
import { CallGraph } from './call-graph.ts';
import { type Minute, MinuteReader } from './minute.ts';
import { joinPictures } from './pictures.ts';
import { markSilenced } from './silences.ts';
import { loadWatch, nextTurn, saveWatch } from './watch-state.ts';
import type { Watcher, Watchers } from './watchers.ts';

/** Late spans of a minute may still come this long after its end. */
export const GRACE_US = 10 * US_PER_SECOND;

/**
 * How long to wait for the next tick, shortly after the end of a minute. Between 10 s and 70 s whatever the clock says: a
 * clock that jumps neither stops ticks nor makes them come one upon the other.
 */
export function msToNextTick(nowUs: number): number {
  return (minuteOf(nowUs) + US_PER_MINUTE + GRACE_US - nowUs) / US_PER_MS;
}

export interface DetectionOptions {
  readonly telemetry: TelemetryReader;
  readonly state: StateStore;
  /** New ones, that have learned nothing. */
  readonly createWatchers: () => Watchers;
  /** Those that end after a time; left out: none. */
  readonly listSilences?: ((endAfterUs: number) => readonly Silence[]) | undefined;
  readonly counters: Counters;
  readonly log: Log;
  /** A minute before, or one that is judged late, may be empty because Taproot was down. */
  readonly startedUs: number;
}

/** As many minutes behind is no catching up: an empty minute is silence. More are holes, as when the clock jumped. */
const LIVE_MINUTES_MAX = 3;
/** A clock that is set back by less is waited for. */
const BACK_US_MAX = 5 * US_PER_MINUTE;
/** While it catches up, what was learned is saved after as many minutes. */
const SAVE_MINUTES_BEHIND = 24 * 60;

/** A watch, how far it is, and what is open there. */
interface Runner {
  readonly watcher: Watcher;
  /** Beginning of the first minute it has not seen. */
  untilUs: number;
  /** By id. */
  readonly open: Map<string, Anomaly>;
}

export class Detection {
  readonly #options: DetectionOptions;
  #minutes: MinuteReader;
  readonly #calls: CallGraph;
  #watchers: Watchers;
  #runners: readonly Runner[] = [];
  /** All before was judged by an earlier run: seen again only to learn. */
  #judgedUntilUs = Number.NEGATIVE_INFINITY;
  /** From what an earlier run judged last until this one began: Taproot was down, for a part of the first and last minute. */
  #down: TimeRange | undefined;
  /** What is open here and what the state store calls open were compared. */
  #isReconciled = false;
  /** Found and not saved yet, by id. */
  readonly #found = new Map<string, Anomaly>();
  #minutesUnsaved = 0;
  #unreadableUs: number | undefined;
  #baselines: ReadonlyMap<string, EndpointBaseline> | undefined;
  #running: Promise<void> = Promise.resolve();
  #isStopping = false;

  constructor(options: DetectionOptions) {
    this.#options = options;
    this.#minutes = new MinuteReader(options);
    this.#down = downTime(options);
    this.#calls = new CallGraph(options.telemetry);
    this.#watchers = options.createWatchers();
  }

  /** What is normal now, by endpoint id. */
  baselines(): ReadonlyMap<string, EndpointBaseline> {
    if (this.#runners.length === 0) return NO_BASELINES;
    this.#baselines ??= this.#watchers.endpoints.baselines(this.#nextUs());
    return this.#baselines;
  }

  /** As of the last minute, in the order of the configuration. */
  sloStatus(): readonly SloStatus[] {
    return this.#watchers.slos.status();
  }

  /**
   * Judges all minutes that are complete and were not judged. Throws what kept it from a minute, which is tried again
   * by the next call.
   */
  advance(nowUs: number): Promise<void> {
    this.#running = this.#running.catch(ignore).then(() => this.#advance(nowUs));
    return this.#running;
  }

  /** Ends what runs after its minute, and saves what was learned. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#running.catch(ignore);
    if (this.#minutesUnsaved > 0) await this.#save();
  }

  async #advance(nowUs: number): Promise<void> {
    const endUs = minuteOf(nowUs - GRACE_US);
    if (this.#runners.length === 0) this.#load(endUs);
    if (this.#nextUs() > endUs + BACK_US_MAX) this.#startOver(endUs);
    const isBehind = endUs - this.#nextUs() > LIVE_MINUTES_MAX * US_PER_MINUTE;
    const liveFromUs = isBehind ? endUs : minuteOf(this.#options.startedUs);
    for (;;) {
      const minuteUs = this.#nextUs();
      this.#tellLag(endUs);
      if (minuteUs >= endUs || this.#isStopping) break;
      this.#step(minuteUs, { isLive: minuteUs >= liveFromUs });
      if (this.#minutesUnsaved >= SAVE_MINUTES_BEHIND) await this.#save();
      await nextTurn();
    }
    this.#finish();
    if (this.#minutesUnsaved >= LIMITS.watchSaveMinutes) await this.#save();
  }

  /** Beginning of the first minute that a watch has not seen. */
  #nextUs(): number {
    return Math.min(...this.#runners.map(({ untilUs }) => untilUs));
  }

  /** A clock that was set back: what was learned is of a time that is yet to come. */
  #startOver(endUs: number): void {
    const { log, counters } = this.#options;
    log.warn(
      { until: formatTime(this.#nextUs()) },
      'the clock was set back: detection learns anew',
    );
    counters.add('taproot_detection_restarts_total', 1);
    this.#watchers = this.#options.createWatchers();
    this.#down = undefined;
    this.#load(endUs);
  }

  #load(endUs: number): void {
    const { state, log } = this.#options;
    this.#minutes = new MinuteReader(this.#options);
    this.#judgedUntilUs = Math.min(state.readJudgedUntil() ?? Number.NEGATIVE_INFINITY, endUs);
    const earliestUs = this.#earliestUs(endUs);
    const untilUsMax = endUs + BACK_US_MAX;
    this.#runners = this.#watchers.list.map((watcher) => {
      const loaded = loadWatch(watcher, { store: state.watches, untilUsMax });
      if (loaded.kind === 'refused') {
        log.warn(
          { watch: watcher.name, why: loaded.why },
          'what a watch had learned is learned anew',
        );
      }
      const [untilUs, open] =
        loaded.kind === 'loaded' ? [loaded.record.untilUs, loaded.record.openAnomalies] : [0, []];
      return {
        watcher,
        untilUs: Math.max(untilUs, earliestUs),
        open: new Map(open.map((anomaly) => [anomaly.anomalyId, anomaly])),
      };
    });
    this.#isReconciled = false;
    this.#minutesUnsaved = 0;
  }

  /** From where watches that know nothing learn: what is to be judged has a past of its own to stand on. */
  #earliestUs(endUs: number): number {
    const [first] = this.#options.telemetry.stats().partitions;
    const storedUs = first ? startOfDay(first.day) : endUs;
    const judgedUs = Number.isFinite(this.#judgedUntilUs) ? this.#judgedUntilUs : endUs;
    const pastUs = judgedUs - LIMITS.learningMinutesMax * US_PER_MINUTE;
    return Math.min(Math.max(storedUs, pastUs), endUs);
  }

  /** Feeds a minute to those watches that have not seen it. */
  #step(minuteUs: number, { isLive }: { readonly isLive: boolean }): void {
    const minute = this.#tryRead(minuteUs);
    const isJudged = minuteUs >= this.#judgedUntilUs;
    if (isJudged) this.#reconcile();
    for (const runner of this.#runners) {
      if (runner.untilUs > minuteUs) continue;
      const isHole = minute === undefined || (minute.isEmpty && !isLive);
      const anomalies = isHole ? [] : this.#feed(runner.watcher, minute);
      runner.untilUs = minuteUs + US_PER_MINUTE;
      for (const found of anomalies) {
        const before = runner.open.get(found.anomalyId);
        const picture = joinPictures(before?.picture, found.picture);
        const anomaly = picture === undefined ? found : { ...found, picture };
        const isNew = anomaly.status !== 'closed' && before === undefined;
        // A watch knows nothing of silences: what ends under one keeps its mark.
        const mark = before?.silencedBy;
        if (anomaly.status === 'closed') runner.open.delete(anomaly.anomalyId);
        else runner.open.set(anomaly.anomalyId, anomaly);
        if (!isJudged) continue;
        const marked = mark === undefined ? anomaly : { ...anomaly, silencedBy: mark };
        this.#found.set(anomaly.anomalyId, marked);
        if (isNew) this.#options.counters.add('taproot_anomalies_total', 1, { kind: anomaly.kind });
      }
    }
    if (minute && isJudged) this.#markSilenced(minute.endpoints.silences ?? []);
    this.#baselines = undefined;
    this.#minutesUnsaved++;
    if (this.#found.size > 0) this.#saveFindings(minuteUs + US_PER_MINUTE);
  }

  /** A silence may begin and end while an anomaly is open. */
  #markSilenced(silences: readonly Silence[]): void {
    for (const { open } of this.#runners) {
      for (const [anomalyId, anomaly] of open) {
        const [marked] = markSilenced([anomaly], silences);
        if (marked === undefined || marked === anomaly) continue;
        open.set(anomalyId, marked);
        this.#found.set(anomalyId, marked);
      }
    }
  }

  /** Undefined when the minute cannot be read for good: left out then, so that those after it are judged. */
  #tryRead(minuteUs: number): Minute | undefined {
    try {
      return this.#minutes.read(minuteUs);
    } catch (thrown) {
      const isSecond = this.#unreadableUs === minuteUs;
      this.#unreadableUs = minuteUs;
      if (!isSecond || isAppError(thrown, 'store.unavailable')) throw thrown;
      this.#options.counters.add('taproot_detection_unreadable_minutes_total', 1);
      this.#options.log.error(
        { err: thrown, minute: formatTime(minuteUs) },
        'a minute is left out',
      );
      return undefined;
    }
  }

  /** One that throws must not keep the others from their minute. */
  #feed(watcher: Watcher, minute: Minute): readonly Anomaly[] {
    try {
      switch (watcher.feed) {
        case 'endpoints':
          return watcher.watch.step({ ...minute.endpoints, isPartial: this.#isDown(minute) });
        case 'templates':
          return watcher.watch.step(minute.templates);
        case 'metrics':
          return watcher.watch.step(minute.metrics);
      }
    } catch (thrown) {
      const { name } = watcher;
      this.#options.counters.add('taproot_watch_failed_total', 1, { watch: name });
      this.#options.log.error({ err: thrown, watch: name }, 'a watch failed on a minute');
      return [];
    }
  }

  #isDown({ endpoints: { minuteUs } }: Minute): boolean {
    const down = this.#down;
    return down !== undefined && down.fromUs <= minuteUs && minuteUs < down.toUs;
  }

  /**
   * After minutes that were judged before: what is open by the state store and no longer here is gone, and what is open
   * here and not there is new. Both happen only when a watch has learned anew.
   */
  #reconcile(): void {
    if (this.#isReconciled) return;
    this.#isReconciled = true;
    const open = new Map(this.#runners.flatMap((runner) => [...runner.open]));
    for (const anomaly of this.#options.state.listOpenAnomalies()) {
      if (open.delete(anomaly.anomalyId)) continue;
      this.#found.set(anomaly.anomalyId, {
        ...anomaly,
        status: 'closed',
        end: 'gone',
        reason: LEARNED_ANEW,
      });
    }
    for (const [anomalyId, anomaly] of open) this.#found.set(anomalyId, anomaly);
  }

  /** The state store knows how far detection is, also when it has found nothing. */
  #finish(): void {
    const untilUs = this.#nextUs();
    if (this.#isStopping || untilUs <= this.#judgedUntilUs) return;
    this.#reconcile();
    this.#saveFindings(untilUs);
  }

  #saveFindings(judgedUntilUs: number): void {
    const { state } = this.#options;
    const anomalies = [...this.#found.values()];
    const open = this.#runners.flatMap((runner) => [...runner.open.values()]);
    const current = state.listCurrentIncidents(judgedUntilUs - REOPEN_US_MAX - US_PER_MINUTE);
    const incidents = groupIncidents(anomalies, current, {
      nowUs: judgedUntilUs,
      openIds: new Set(open.map(({ anomalyId }) => anomalyId)),
      signIds: new Set(open.filter(isSign).map(({ anomalyId }) => anomalyId)),
      edges: this.#edgesFor(anomalies, { current, atUs: judgedUntilUs }),
    });
    state.saveFindings({ judgedUntilUs, anomalies, incidents });
    this.#judgedUntilUs = judgedUntilUs;
    this.#found.clear();
  }

  /** Calls are looked up only when trouble shows in several services. */
  #edgesFor(
    anomalies: readonly Anomaly[],
    { current, atUs }: { readonly current: readonly Incident[]; readonly atUs: number },
  ) {
    const troubled = new Set(anomalies.map(({ service }) => service));
    if (troubled.size === 0) return [];
    for (const { services } of current) for (const service of services) troubled.add(service);
    return troubled.size < 2 ? [] : this.#calls.edgesAt(atUs);
  }

  /** A save that fails is tried again after the next minutes: nothing is lost but computing time at a start. */
  async #save(): Promise<void> {
    const { state, log, counters } = this.#options;
    this.#minutesUnsaved = 0;
    try {
      for (const { watcher, untilUs, open } of this.#runners) {
        const openAnomalies = [...open.values()];
        await saveWatch(watcher, { untilUs, openAnomalies, store: state.watches });
      }
    } catch (thrown) {
      counters.add('taproot_watch_save_failed_total', 1);
      log.error({ err: thrown }, 'what the watches have learned was not saved');
    }
  }

  #tellLag(endUs: number): void {
    const { counters } = this.#options;
    const lagMinutes = Math.max(0, (endUs - this.#nextUs()) / US_PER_MINUTE);
    counters.set('taproot_detection_lag_minutes', lagMinutes);
    for (const { watcher } of this.#runners) {
      const { name, watch } = watcher;
      counters.set('taproot_watch_rows', watch.state.size, { watch: name });
      counters.set('taproot_watch_bytes', watch.state.memoryBytes, { watch: name });
      counters.set('taproot_watch_left_out', watch.leftOutCount ?? 0, { watch: name });
    }
  }
}

/** Undefined at a first start: what is stored then was not taken in by a run that ended. */
function downTime({ state, startedUs }: DetectionOptions): TimeRange | undefined {
  const fromUs = state.readJudgedUntil();
  return fromUs === undefined ? undefined : { fromUs, toUs: startedUs };
}

/** YYYYMMDD, UTC. */
function startOfDay(day: string): number {
  const [year, month, date] = [day.slice(0, 4), day.slice(4, 6), day.slice(6)].map(Number);
  return Date.UTC(year!, month! - 1, date) * US_PER_MS; // three parts were cut
}

const NO_BASELINES: ReadonlyMap<string, EndpointBaseline> = new Map();

const LEARNED_ANEW = {
  zh: '检测已重新学习，不再视为异常',
  en: 'Detection has learned anew and no longer sees it',
};

function ignore(): void {}
