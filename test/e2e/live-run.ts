/**
 * Three simulated days of the demo bot without a fault, then one fault after the other: recorded from a real bot under
 * real load, stretched into simulated time, stored by a service, and judged by its detection as it catches up.
 */
import { join } from 'node:path';
import type { z } from 'zod';
import { dayShape, type RunningLoad, startLoad } from '../../examples/node-bot/src/load.ts';
import type { ANSWERS } from '../../src/api/answers.ts';
import { temporaryFolder, waitFor } from './child.ts';
import { type RecordedBody, startRecorder } from './live-recorder.ts';
import { stretchBodies } from './live-stretch.ts';
import { type SimulatedMoment, type Stretch, Timeline } from './live-timeline.ts';
import { type Bot, getJson, type Service, startBot, startService } from './service.ts';

export interface LiveOptions {
  /** Real seconds of the three days. */
  readonly daysSeconds: number;
  /** So often each request outside of faults is told, so that few seconds make enough requests a simulated minute. */
  readonly copies: number;
  readonly faults: readonly LiveFault[];
  readonly seed: number;
  readonly say: (line: string) => void;
}

export interface LiveFault {
  readonly name: string;
  readonly params?: Readonly<Record<string, number>>;
}

/** With its anomalies. */
export type LiveIncident = z.infer<(typeof ANSWERS)['incident']>;

export interface InjectedFault extends LiveFault {
  /** Simulated, epoch milliseconds. */
  readonly onMs: number;
  readonly offMs: number;
}

export interface LiveResult {
  readonly startMs: number;
  /** Where the days end and the faults begin. */
  readonly daysEndMs: number;
  readonly faults: readonly InjectedFault[];
  /** By onset. */
  readonly incidents: readonly LiveIncident[];
  readonly requestsPerMinute: number;
}

/** Incidents that begin nearer to a fault than to the ones before and after it. */
export function incidentsOf(
  { faults, incidents, daysEndMs }: LiveResult,
  fault: InjectedFault,
): readonly LiveIncident[] {
  const index = faults.indexOf(fault);
  const [before, after] = [faults[index - 1], faults[index + 1]];
  const fromMs = before === undefined ? daysEndMs : (before.offMs + fault.onMs) / 2;
  const toMs = after === undefined ? Number.POSITIVE_INFINITY : (fault.offMs + after.onMs) / 2;
  return incidents.filter(({ onset }) => {
    const onsetMs = Date.parse(onset);
    return onsetMs >= fromMs && onsetMs < toMs;
  });
}

/** Faults and incidents with their anomalies, a line each. */
export function describeLive({ faults, incidents, daysEndMs }: LiveResult): string {
  const lines = [`faults from ${new Date(daysEndMs).toISOString()} on`];
  for (const { name, onMs, offMs } of faults) {
    lines.push(`${name} ${new Date(onMs).toISOString()} – ${new Date(offMs).toISOString()}`);
  }
  for (const { onset, lastSeen, status, severity, note, anomalies } of incidents) {
    lines.push(`${onset} – ${lastSeen} ${status} ${severity ?? ''} ${note ?? ''}`);
    for (const { kind, range, detectedAt, statement } of anomalies) {
      lines.push(`  ${kind} ${range.from}, detected ${detectedAt ?? '-'}: ${statement}`);
    }
  }
  return lines.join('\n');
}

/** What the bot takes with a quarter of a core, and what the LLM gateway's plan allows in the evening. */
const RATE_PER_SECOND = 120;
const DAYS = 3;
const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
/** The first requests of a cold process are slow: they are not what normal looks like. */
const WARM_UP_MS = 5000;
/** Two minutes a second: faults have dynamics of seconds, such as a pool's queue. */
const FAULT_FACTOR = 120;
const FAULT_MS = 4500;
/** What waits for a timeout under a fault has ended by then. */
const CALM_MS = 2500;
/** From one fault to the next more time passes than that in which trouble counts as the same. */
const BETWEEN_FACTOR_SHARE = 0.25;
const BETWEEN_MS = 2000;
/** Long enough for the last fault's incident to end. */
const AFTER_MS = 4000;
/** Simulated time ends so long before now. */
const END_BEFORE_NOW_MS = 3600 * 1000;
const CATCH_UP_TIMEOUT_MS = 120_000;
const POST_TIMEOUT_MS = 30_000;

export async function runLive(options: LiveOptions): Promise<LiveResult> {
  const folder = temporaryFolder('live');
  try {
    return await runLiveIn(folder.path, options);
  } finally {
    folder.remove();
  }
}

export async function runLiveIn(dir: string, options: LiveOptions): Promise<LiveResult> {
  const { say } = options;
  const recording = await record(options);
  const { bodies, timeline, daysFactor, faults } = recording;
  say(`recorded ${bodies.length} requests of the SDK, ${options.faults.length} faults`);
  const dataDir = join(dir, 'data');
  const { copies } = options;
  const requests = stretchBodies(bodies, {
    timeline,
    keptShareAt: (moment) => keptShareAt(moment, { timeline, daysFactor, copies }),
    isShuffled,
    copies,
  });
  await storeAll(requests, { dataDir, say });
  const incidents = await judge(dataDir);
  say(`${incidents.length} incidents`);
  return {
    startMs: timeline.startMs,
    daysEndMs: recording.daysEndMs,
    faults,
    incidents,
    requestsPerMinute: (copies * RATE_PER_SECOND * 60) / daysFactor,
  };
}

interface Recording {
  readonly bodies: readonly RecordedBody[];
  readonly timeline: Timeline;
  /** Simulated time per real time in the days. */
  readonly daysFactor: number;
  readonly daysEndMs: number;
  readonly faults: readonly InjectedFault[];
}

async function record(options: LiveOptions): Promise<Recording> {
  const recorder = await startRecorder();
  try {
    const bot = await startBot({
      endpoint: recorder.url,
      protocol: 'http/json',
      ratePerSecond: 0,
      seed: options.seed,
    });
    try {
      return { ...(await drive(bot, options)), bodies: recorder.bodies };
    } finally {
      // Sends what is buffered.
      await bot.stop();
    }
  } finally {
    recorder.close();
  }
}

/** The bot's users and faults, in real time. */
async function drive(bot: Bot, options: LiveOptions): Promise<Omit<Recording, 'bodies'>> {
  const { seed, say } = options;
  const daysMs = options.daysSeconds * 1000;
  const daysFactor = (DAYS * DAY_MS) / daysMs;
  const betweenFactor = daysFactor * BETWEEN_FACTOR_SHARE;
  const betweenMs = BETWEEN_MS * betweenFactor;
  const faultMs = (FAULT_MS + CALM_MS) * FAULT_FACTOR + betweenMs;
  const lengthMs = DAYS * DAY_MS + options.faults.length * faultMs + AFTER_MS * betweenFactor;
  const timeline = new Timeline(minuteOf(Date.now() - END_BEFORE_NOW_MS - lengthMs));
  const users = (number: number, dayLengthSeconds: number): RunningLoad =>
    startLoad({
      url: bot.url,
      ratePerSecond: RATE_PER_SECOND,
      seed: seed + number,
      dayLengthSeconds,
    });

  const warmUp = users(1, FLAT_SECONDS);
  await pause(WARM_UP_MS);
  await warmUp.stop();
  const days = users(2, options.daysSeconds / DAYS);
  timeline.add(await stretchOf(daysMs, daysFactor));
  const daysEndMs = timeline.endMs;
  say('three days are over');
  const rest = users(3, FLAT_SECONDS);
  await days.stop();

  const faults: InjectedFault[] = [];
  for (const fault of options.faults) {
    timeline.add(await stretchOf(BETWEEN_MS, betweenFactor));
    const onMs = timeline.endMs;
    await bot.setFault(fault.name, true, fault.params);
    timeline.add(await stretchOf(FAULT_MS, FAULT_FACTOR));
    const offMs = timeline.endMs;
    await bot.setFault(fault.name, false);
    timeline.add(await stretchOf(CALM_MS, FAULT_FACTOR));
    faults.push({ ...fault, onMs, offMs });
    say(`fault ${fault.name} is over`);
  }
  timeline.add(await stretchOf(AFTER_MS, betweenFactor));
  await rest.stop();
  return { timeline, daysFactor, daysEndMs, faults };
}

/** Of a whole minute, so that faults begin with one. */
function minuteOf(ms: number): number {
  return Math.floor(ms / MINUTE_MS) * MINUTE_MS;
}

/** A day so long that the load is the day's mean all the time. */
const FLAT_SECONDS = 1e9;

async function stretchOf(durationMs: number, factor: number) {
  const realFromMs = Date.now();
  await pause(durationMs);
  return { realFromMs, realToMs: realFromMs + durationMs, factor };
}

function isShuffled({ factor }: Stretch): boolean {
  return factor !== FAULT_FACTOR;
}

/** Requests a simulated minute are as many as in the days, in the shape of the day. */
function keptShareAt(
  { simulatedMs, stretch }: SimulatedMoment,
  days: { readonly timeline: Timeline; readonly daysFactor: number; readonly copies: number },
): number {
  const { timeline, daysFactor, copies } = days;
  if (stretch.factor === daysFactor) return 1;
  const shape = dayShape((simulatedMs - timeline.startMs) / DAY_MS);
  return (stretch.factor / daysFactor) * shape * (isShuffled(stretch) ? 1 : copies);
}

async function storeAll(
  requests: Iterable<{ readonly path: string; readonly text: string }>,
  { dataDir, say }: { readonly dataDir: string; readonly say: (line: string) => void },
): Promise<void> {
  const service = await startService({
    config: { dataDir, detection: false, selfTracing: false },
  });
  try {
    let sentBytes = 0;
    for (const { path, text } of requests) {
      await post(`${service.otlpHttpUrl}${path}`, text);
      sentBytes += text.length;
    }
    say(`stored ${(sentBytes / 1e6).toFixed(0)} MB of stretched telemetry`);
  } finally {
    await service.stop();
  }
}

async function post(url: string, text: string): Promise<void> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: text,
    signal: AbortSignal.timeout(POST_TIMEOUT_MS),
  });
  const reply = await answer.text();
  if (answer.status !== 200 || reply.includes('rejected')) {
    throw new Error(`POST ${url} answered ${answer.status}: ${reply}`);
  }
}

/** A service that starts on the stored telemetry tells what happened in it. */
async function judge(dataDir: string): Promise<readonly LiveIncident[]> {
  const service = await startService({ config: { dataDir, selfTracing: false } });
  try {
    await waitFor('detection to catch up', {
      timeoutMs: CATCH_UP_TIMEOUT_MS,
      children: [service.child],
      check: async () => ((await lagMinutes(service)) === 0 ? true : undefined),
    });
    const { items } = await getJson(service, '/incidents?limit=100&from=0', 'incidents');
    const incidents = await Promise.all(
      items.map(({ id }) => getJson(service, `/incidents/${id}`, 'incident')),
    );
    return incidents
      .filter(({ anomalies }) => anomalies.length > 0)
      .sort((a, b) => Date.parse(a.onset) - Date.parse(b.onset));
  } finally {
    await service.stop();
  }
}

/** Undefined before the first tick. */
async function lagMinutes(service: Service): Promise<number | undefined> {
  const text = await (await fetch(`${service.apiUrl}/metrics`)).text();
  const line = /^taproot_detection_lag_minutes (\d+)$/m.exec(text);
  return line ? Number(line[1]) : undefined;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
