/**
 * Lines of log templates minute by minute, made at random from a seed: services of all sizes with a daily and weekly
 * shape, templates with heavy tails, jobs by the clock, rare lines, deploys that bring and take templates; and faults
 * put into them, whose kind and onset are known.
 */
import { US_PER_DAY, US_PER_MINUTE } from '../../src/base/time.ts';
import { Random } from '../../src/bench/random.ts';
import type { ChangeEvent } from '../../src/model/anomaly.ts';
import type { LogTemplate, TemplateTally } from '../../src/model/tally.ts';
import type { TemplateMinute } from '../../src/model/watch.ts';

export const MONTH_START_US = Date.UTC(2026, 5, 1) * 1000;
const MINUTES_PER_DAY = 1440;
const SEVERITY = { info: 9, warn: 13, error: 17 };

export interface LogFault {
  readonly kind: 'burst' | 'novel' | 'vanished';
  readonly service: string;
  readonly templateId: string;
  readonly from: number;
  readonly to: number;
}

interface Source {
  readonly template: LogTemplate;
  readonly severity: number;
  /** First and last minute of its life. */
  readonly from: number;
  readonly to: number;
  readonly lines: (minute: number, traffic: number) => number;
  /** Follows the traffic. */
  readonly isRegular: boolean;
  /** Lines of a usual minute, for faults. */
  readonly rate: number;
}

interface Service {
  readonly service: string;
  readonly traffic: (minute: number) => number;
  readonly sources: Source[];
  readonly deploys: readonly number[];
}

export interface LogMonthOptions {
  readonly seed: number;
  readonly services: number;
  readonly templates: number;
  readonly days: number;
  /** Of each kind. */
  readonly faults: number;
}

export interface LogMonth {
  readonly faults: readonly LogFault[];
  readonly minutes: () => Generator<TemplateMinute>;
}

export function makeLogMonth(options: LogMonthOptions): LogMonth {
  const random = new Random(options.seed);
  const services = Array.from({ length: options.services }, (_, index) =>
    makeService(`service-${index}`, random, options),
  );
  const faults = makeFaults(services, random, options);
  return { faults, minutes: () => minutesOf(services, faults, options) };
}

function* minutesOf(
  services: readonly Service[],
  faults: readonly LogFault[],
  { days, seed }: LogMonthOptions,
): Generator<TemplateMinute> {
  const random = new Random(seed + 1);
  const templates = new Map<string, LogTemplate>();
  for (let minute = 0; minute < days * MINUTES_PER_DAY; minute++) {
    const minuteUs = MONTH_START_US + minute * US_PER_MINUTE;
    const tallies: TemplateTally[] = [];
    const changes: ChangeEvent[] = [];
    const active = faults.filter(({ from, to }) => minute >= from && minute < to);
    for (const { service, traffic, sources, deploys } of services) {
      if (deploys.includes(minute)) changes.push(deployOf(service, minuteUs));
      const level = traffic(minute);
      for (const source of sources) {
        const { template, severity } = source;
        const fault = active.find(({ templateId }) => templateId === template.templateId);
        let count = minute >= source.from && minute < source.to ? source.lines(minute, level) : 0;
        if (fault?.kind === 'vanished') count = 0;
        else if (fault) count += poisson(random, faultRate(fault, source));
        if (count === 0) continue;
        if (!templates.has(template.templateId)) {
          templates.set(template.templateId, { ...template, firstSeenUs: minuteUs });
        }
        const { templateId } = template;
        tallies.push({ templateId, service, minuteUs, count, severityMax: severity });
      }
    }
    yield { minuteUs, tallies, templates, changes };
  }
}

/** A burst is 5 to 50 times the usual; of a rare template, and of a new one, 3 to 60 lines a minute. */
function faultRate(fault: LogFault, { rate }: Source): number {
  const size = (fault.from % 10) / 9;
  return fault.kind === 'burst' && rate >= 1 ? rate * (4 + 45 * size) : 3 + 57 * size * size;
}

function deployOf(service: string, timeUs: number): ChangeEvent {
  const changeId = `${service} ${timeUs}`;
  return { changeId, timeUs, kind: 'deploy', service, description: 'deploy', attributes: {} };
}

function makeService(service: string, random: Random, options: LogMonthOptions): Service {
  const peak = 20 * 10 ** (2 * unit(random));
  const phase = unit(random) * 4;
  const weekend = 0.3 + 0.7 * unit(random);
  const noise = Array.from({ length: options.days * 24 }, () => Math.exp(0.15 * normal(random)));
  const traffic = (minute: number): number => {
    const hour = (minute / 60 + phase) % 24;
    const day = Math.floor((MONTH_START_US / US_PER_DAY + minute / MINUTES_PER_DAY + 4) % 7);
    const shape = 0.15 + 0.85 * Math.exp(-(((hour - 14) / 5) ** 2));
    const ofDay = day === 0 || day === 6 ? weekend : 1;
    return peak * shape * ofDay * noise[Math.floor(minute / 60)]!;
  };
  const deploys: number[] = [];
  for (let at = random.below(4 * MINUTES_PER_DAY); at < options.days * MINUTES_PER_DAY; ) {
    deploys.push(at);
    at += MINUTES_PER_DAY + random.below(4 * MINUTES_PER_DAY);
  }
  const context = { random, peak, service, end: options.days * MINUTES_PER_DAY };
  const sources = Array.from({ length: options.templates }, (_, index) =>
    makeSource(index, { ...context, from: 0 }),
  );
  for (const [index, from] of deploys.entries()) {
    sources.push(makeRegular(`new-${index}`, { ...context, from, share: 0.05 }));
    const gone = sources[random.below(4)]!;
    if (index % 3 === 2) sources[sources.indexOf(gone)] = { ...gone, to: Math.min(gone.to, from) };
  }
  return { service, traffic, sources, deploys };
}

interface SourceContext {
  readonly random: Random;
  readonly peak: number;
  readonly service: string;
  readonly from: number;
  readonly end: number;
}

function makeSource(index: number, context: SourceContext): Source {
  const { random } = context;
  if (index < 14) return makeRegular(`t${index}`, { ...context, share: 1 / (1 + index) ** 1.2 });
  const severity =
    index % 3 === 0 ? SEVERITY.error : index % 3 === 1 ? SEVERITY.warn : SEVERITY.info;
  if (index % 4 === 0) {
    const ofJob = index % 20 === 0 ? SEVERITY.warn : SEVERITY.info;
    return makeJob(`t${index}`, { ...context, severity: ofJob });
  }
  const perMinute = 10 ** (-3.5 + 3 * unit(random));
  const tail = 1.3 + unit(random);
  return {
    ...placeOf(`t${index}`, { ...context, severity }),
    rate: perMinute,
    // clumps with a heavy tail
    lines: () =>
      unit(random) < perMinute ? Math.min(60, Math.floor((1 - unit(random)) ** (-1 / tail))) : 0,
  };
}

/** Follows the traffic; its share wanders, and now and then a minute has several times the lines. */
function makeRegular(name: string, context: SourceContext & { readonly share: number }): Source {
  const { random, share, peak } = context;
  const spread = 0.05 + 0.4 * unit(random);
  const shift = random.below(240);
  let wander = 0;
  return {
    ...placeOf(name, { ...context, severity: SEVERITY.info }),
    isRegular: true,
    rate: (share * peak) / 3,
    lines: (minute, traffic) => {
      wander = 0.98 * wander + 0.03 * normal(random);
      const own = 1 + 0.3 * Math.sin((minute + shift) / 229);
      const outlier = unit(random) < 0.0005 ? 2 + 2 * unit(random) : 1;
      return poisson(
        random,
        share * traffic * own * outlier * Math.exp(wander + spread * normal(random)),
      );
    },
  };
}

/** By the clock: every 15 minutes to every day, for one minute or for twenty. */
function makeJob(name: string, context: SourceContext & { readonly severity: number }): Source {
  const { random } = context;
  const period = [15, 60, 360, MINUTES_PER_DAY][random.below(4)]!;
  const length = period >= 360 && random.below(2) === 0 ? 20 : 1;
  const phase = random.below(period);
  const mean = 2 + random.below(80);
  return {
    ...placeOf(name, context),
    rate: (mean * length) / period,
    lines: (minute) => ((minute + phase) % period < length ? poisson(random, mean) : 0),
  };
}

function placeOf(name: string, at: SourceContext & { readonly severity: number }) {
  const { service, severity, from, end } = at;
  const templateId = `${service}-${name}`;
  const template: LogTemplate = {
    templateId,
    service,
    text: `${name} of ${service}`,
    firstSeenUs: 0,
  };
  return { template, severity, from, to: end, isRegular: false };
}

function makeFaults(
  services: readonly Service[],
  random: Random,
  options: LogMonthOptions,
): LogFault[] {
  const { days, faults } = options;
  const found: LogFault[] = [];
  for (let index = 0; index < faults; index++) {
    for (const kind of ['burst', 'novel', 'vanished'] as const) {
      const service = services[random.below(services.length)]!;
      const from = (2 + random.below(days - 3)) * MINUTES_PER_DAY + random.below(MINUTES_PER_DAY);
      const to = from + (kind === 'vanished' ? 180 : 15 + random.below(45));
      const fits = service.sources.filter(
        ({ isRegular, rate, from: first, to: last }) =>
          first === 0 && last > to && (kind === 'burst' || (isRegular && rate >= 4)),
      );
      let source = fits[random.below(fits.length)];
      if (kind === 'novel') {
        const name = `novel-${index}`;
        const place = placeOf(name, {
          random,
          peak: 1,
          service: service.service,
          from: 0,
          end: 0,
          severity: SEVERITY.error,
        });
        source = { ...place, rate: 0, lines: () => 0 };
        service.sources.push(source);
      }
      if (!source) continue;
      const { templateId } = source.template;
      if (found.some((other) => other.templateId === templateId)) continue;
      found.push({ kind, service: service.service, templateId, from, to });
    }
  }
  return found;
}

function unit(random: Random): number {
  return random.uint32() / 2 ** 32;
}

function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - unit(random))) * Math.cos(2 * Math.PI * unit(random));
}

/** Knuth's below 30, else normal. */
function poisson(random: Random, mean: number): number {
  if (mean > 30) return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal(random)));
  const limit = Math.exp(-mean);
  let count = 0;
  for (let product = unit(random); product > limit; product *= unit(random)) count++;
  return count;
}
