/**
 * Channel "profiles": which functions a service spends more on than before, and whether it computes, collects
 * garbage, allocates or waits for locks more. It backs what other signals say of the service; alone it is weak,
 * because a profile does not tell whether the bad requests are what it sees.
 */
import { formatPercent, formatQuantity } from '../base/quantity.ts';
import { twoShareLlr, wilsonBounds } from '../base/statistics.ts';
import type { CauseKind } from '../model/hypothesis.ts';
import type { Profile } from '../model/profiles.ts';
import type { Text } from '../model/text.ts';
import type { Facts } from './facts.ts';
import { compareRates, rateOf } from './profile-rate.ts';
import { compareText, type EvidenceDraft, type Suspicion, softCapped, text } from './suspicion.ts';

/** As a change in time (change.ts): something moved at this place, and nothing ties it to the bad requests. */
const WEIGHT_MAX = 3;
/** 95 % of a normal distribution. */
const Z_95 = 1.96;

/** What a profile's samples are of. */
type Use = 'cpu' | 'wall' | 'lock' | 'alloc' | 'heap' | 'threads';

/** First match wins; names as pprof, JFR, async-profiler and the eBPF profiler send them. */
const USES: readonly (readonly [RegExp, Use])[] = [
  [/wall|off.?cpu/, 'wall'],
  [/cpu/, 'cpu'],
  [/mutex|block|lock|delay/, 'lock'],
  [/inuse|live/, 'heap'],
  [/alloc/, 'alloc'],
  [/goroutine|thread/, 'threads'],
];

/** Functions of collectors: Go, V8, JVM, CPython, Ruby and .NET. */
const COLLECTOR =
  /garbage.?collect|(^|[^a-z])gc([^a-z]|$)|(^|[^A-Za-z])gc[A-Z]|scanobject|greyobject|bgsweep|sweepone|mark_?phase|(^|[^A-Za-z])G1[A-Z]/;

/** What more of a use suggests. */
const RATES: Readonly<
  Record<Exclude<Use, 'wall'>, { readonly kind: CauseKind; readonly isSupport: boolean } & Words>
> = {
  // More requests take more of these: they only back what else points there.
  cpu: { kind: 'cpu', isSupport: true, zh: 'CPU 采样', en: 'CPU samples' },
  alloc: { kind: 'memory', isSupport: true, zh: '内存分配', en: 'Allocation' },
  threads: { kind: 'leak', isSupport: false, zh: '协程或线程', en: 'Goroutines or threads' },
  heap: { kind: 'memory', isSupport: false, zh: '占用中的内存', en: 'Memory in use' },
  lock: { kind: 'lock', isSupport: false, zh: '等锁的时间', en: 'Waiting for locks' },
};

interface Words {
  readonly zh: string;
  readonly en: string;
}

/** Profiles of one service and one type, of both periods. */
interface Group {
  readonly service: string;
  readonly use: Use;
  readonly now: readonly Profile[];
  readonly before: readonly Profile[];
}

export function suspectProfiles({ clustered }: Facts): Suspicion[] {
  const now = clustered.window.profiles ?? [];
  const before = clustered.reference?.profiles ?? [];
  if (now.length === 0 || before.length === 0) return [];
  return groupsOf(now, before).flatMap((group) => {
    if (group.use !== 'cpu' && group.use !== 'wall') return suspectRate(group, group.use);
    const tallies = { now: tallyOf(group.now), before: tallyOf(group.before) };
    const functions = suspectFunctions(group, tallies);
    if (group.use === 'wall') return functions;
    return [...functions, ...suspectCollector(group, tallies), ...suspectRate(group, 'cpu')];
  });
}

function groupsOf(now: readonly Profile[], before: readonly Profile[]): Group[] {
  const groups = new Map<
    string,
    { use: Use; service: string; now: Profile[]; before: Profile[] }
  >();
  const add = (profile: Profile, period: 'now' | 'before'): void => {
    const use = useOf(profile);
    if (use === undefined || profile.service === '') return;
    const key = [profile.service, use, profile.type, profile.unit].join('\0');
    const group = groups.get(key) ?? { service: profile.service, use, now: [], before: [] };
    group[period].push(profile);
    groups.set(key, group);
  };
  for (const profile of now) add(profile, 'now');
  for (const profile of before) add(profile, 'before');
  return [...groups]
    .sort(([a], [b]) => compareText(a, b))
    .map(([, group]) => group)
    .filter((group) => group.now.length > 0 && group.before.length > 0);
}

/** The type tells, and where it is a bare count, what was counted. */
function useOf({ type, periodType }: Profile): Use | undefined {
  const name = /^(samples?|count|events?)?$/i.test(type) ? periodType : type;
  const lower = name.toLowerCase();
  // Numbers that come beside sizes and times of the same thing.
  if (/objects|contentions/.test(lower)) return undefined;
  return USES.find(([words]) => words.test(lower))?.[1];
}

/** Samples of a function, or of several, against all of the profiles' samples. */
interface Count {
  hits: number;
  /** Σ hits² / total over the profiles: tells how the share scatters. */
  squares: number;
}

interface FunctionCount extends Count {
  readonly name: string;
  readonly file: string;
  /** Of the first profile that has the function. */
  readonly line: number;
}

/** All profiles of a group and period in one pass. */
interface Tally {
  total: number;
  /** Those with samples. */
  profiles: number;
  /** By name, then file. */
  readonly functions: ReadonlyMap<string, ReadonlyMap<string, FunctionCount>>;
  readonly collector: Count;
}

function tallyOf(profiles: readonly Profile[]): Tally {
  const functions = new Map<string, Map<string, FunctionCount>>();
  const isCollector = new Map<string, boolean>();
  const collector: Count = { hits: 0, squares: 0 };
  let [total, filled] = [0, 0];
  for (const profile of profiles) {
    const all = profile.functions.reduce((sum, { count }) => sum + count, 0);
    if (all <= 0) continue;
    let collected = 0;
    for (const { name, file, line, count } of profile.functions) {
      const files = functions.get(name) ?? new Map<string, FunctionCount>();
      const known = files.get(file) ?? { name, file, line, hits: 0, squares: 0 };
      functions.set(name, files.set(file, known));
      addTo(known, { hits: count, all });
      if (!isCollector.has(name)) isCollector.set(name, COLLECTOR.test(name));
      if (isCollector.get(name)) collected += count;
    }
    addTo(collector, { hits: collected, all });
    total += all;
    filled++;
  }
  return { total, profiles: filled, functions, collector };
}

function addTo(count: Count, { hits, all }: { readonly hits: number; readonly all: number }): void {
  count.hits += hits;
  count.squares += (hits * hits) / all;
}

interface Growth {
  readonly llr: number;
  readonly now: number;
  readonly before: number;
  readonly interval: readonly [low: number, high: number];
  readonly n: number;
}

interface Tallies {
  readonly now: Tally;
  readonly before: Tally;
}

/** Undefined where the share did not grow. */
function shareGrowth(
  { now, before }: Tallies,
  counts: { readonly now: Count; readonly before: Count },
): Growth | undefined {
  const a = { hits: counts.now.hits, total: now.total };
  const b = { hits: counts.before.hits, total: before.total };
  if (a.total <= 0 || b.total <= 0 || a.hits / a.total <= b.hits / b.total) return undefined;
  const dispersion = dispersionOf([
    { ...counts.now, total: a.total, profiles: now.profiles },
    { ...counts.before, total: b.total, profiles: before.profiles },
  ]);
  const independent = { hits: a.hits / dispersion, total: a.total / dispersion };
  const { low, high } = wilsonBounds(independent, Z_95);
  return {
    llr: twoShareLlr(a, b) / dispersion,
    now: a.hits / a.total,
    before: b.hits / b.total,
    interval: [low, high],
    n: Math.round(a.total),
  };
}

/**
 * Samples come in bunches: one long request is many of them. How much more the share scatters from profile to profile
 * than independent samples would, at least 1 (Pearson's X² over its degrees of freedom, both periods together).
 */
function dispersionOf(
  counts: readonly (Count & { readonly total: number; readonly profiles: number })[],
): number {
  let [chi, freedom] = [0, 0];
  for (const { hits, total, squares, profiles } of counts) {
    const ratio = hits / total;
    if (ratio <= 0 || ratio >= 1) continue;
    chi += (squares - hits * ratio) / (ratio * (1 - ratio));
    freedom += profiles - 1;
  }
  return freedom === 0 ? 1 : Math.max(1, chi / freedom);
}

const NEVER: Count = { hits: 0, squares: 0 };

/** Of the functions that take a larger share than before the surest; the number of those looked at is paid for. */
function suspectFunctions({ service, use }: Group, tallies: Tallies): Suspicion[] {
  const functions = [...tallies.now.functions.values()]
    .flatMap((files) => [...files.values()])
    .filter(({ name }) => name !== '' && !COLLECTOR.test(name))
    .sort((a, b) => compareText(a.name, b.name) || compareText(a.file, b.file));
  let best: { readonly growth: Growth; readonly at: FunctionCount } | undefined;
  for (const at of functions) {
    const before = tallies.before.functions.get(at.name)?.get(at.file) ?? NEVER;
    const growth = shareGrowth(tallies, { now: at, before });
    if (growth === undefined || (best !== undefined && growth.llr <= best.growth.llr)) continue;
    best = { growth, at };
  }
  if (best === undefined) return [];
  const { growth, at } = best;
  const weight = weightOf(growth.llr - Math.log(functions.length), growth.now - growth.before);
  if (weight <= 0) return [];
  return [
    {
      culprit: { service },
      kind: 'code',
      isOwn: use === 'cpu',
      // Where a function waits, something else may keep it waiting.
      ...(use === 'cpu' ? {} : { isSupport: true }),
      detail: detailOf(at),
      evidence: [
        shareEvidence(growth, {
          weight,
          statement: functionStatement(growth, { service, use, at }),
        }),
      ],
    },
  ];
}

function detailOf({ name, file, line }: FunctionCount): Readonly<Record<string, string>> {
  return {
    function: name,
    ...(file === '' ? {} : { file }),
    ...(line > 0 ? { line: String(line) } : {}),
  };
}

function functionStatement(
  growth: Growth,
  of: { readonly service: string; readonly use: Use; readonly at: FunctionCount },
): Text {
  const { name, file, line } = of.at;
  const place = file === '' ? name : `${name} (${file}${line > 0 ? `:${line}` : ''})`;
  const time = of.use === 'cpu' ? text('CPU 时间', 'CPU time') : text('时间', 'time');
  const [now, before] = [formatPercent(growth.now), formatPercent(growth.before)];
  return text(
    `${of.service} 的函数 ${place} 占${time.zh}的 ${now}，平时 ${before}`,
    `${place} takes ${now} of the ${time.en} of ${of.service}, usually ${before}`,
  );
}

function suspectCollector(group: Group, tallies: Tallies): Suspicion[] {
  const { now, before } = tallies;
  const growth = shareGrowth(tallies, { now: now.collector, before: before.collector });
  if (growth === undefined) return [];
  const weight = weightOf(growth.llr, growth.now - growth.before);
  if (weight <= 0) return [];
  const statement = text(
    `${group.service} 的垃圾回收占 CPU 时间的 ${formatPercent(growth.now)}，平时 ${formatPercent(growth.before)}`,
    `Garbage collection takes ${formatPercent(growth.now)} of the CPU time of ${group.service}, usually ${formatPercent(growth.before)}`,
  );
  const evidence = [shareEvidence(growth, { weight, statement })];
  return [{ culprit: { service: group.service }, kind: 'gc', isOwn: true, evidence }];
}

function shareEvidence(
  { now, before, interval, n }: Growth,
  { statement, weight }: Pick<EvidenceDraft, 'statement' | 'weight'>,
): EvidenceDraft {
  return {
    source: 'profile',
    direction: 'for',
    aspect: 'resource',
    statement,
    value: now,
    expected: before,
    interval,
    n,
    weight,
  };
}

/** A likelihood ratio × √ of the part that is new: a function that takes 1 % more hardly makes requests slow. */
function weightOf(llr: number, newShare: number): number {
  return softCapped(llr, WEIGHT_MAX) * Math.sqrt(Math.max(0, newShare));
}

/** More a second, or more at a time, than in the profiles before. */
function suspectRate(group: Group, use: keyof typeof RATES): Suspicion[] {
  const [now, before] = [group.now.flatMap(rateOf), group.before.flatMap(rateOf)];
  const growth = compareRates(now, before);
  if (growth === undefined) return [];
  const weight = weightOf(growth.llr, 1 - growth.before / growth.now);
  if (weight <= 0) return [];
  const { kind, isSupport, zh, en } = RATES[use];
  const unit = unitOf(group.now[0]!); // a group has profiles of both periods
  const [value, usual] = [formatQuantity(growth.now, unit), formatQuantity(growth.before, unit)];
  const top = mostGrown(group);
  return [
    {
      culprit: { service: group.service },
      kind,
      // Threads pile up behind a slow answer as well.
      isOwn: use !== 'threads',
      ...(isSupport ? { isSupport } : {}),
      ...(top === undefined ? {} : { detail: { function: top } }),
      evidence: [
        {
          source: 'profile',
          direction: 'for',
          aspect: 'resource',
          statement: text(
            `${group.service} 的${zh}为 ${value}，平时 ${usual}${top === undefined ? '' : `，增加最多的是 ${top}`}`,
            `${en} of ${group.service}: ${value}, usually ${usual}${top === undefined ? '' : `; ${top} grew most`}`,
          ),
          value: growth.now,
          expected: growth.before,
          interval: growth.interval,
          n: now.length,
          weight,
        },
      ],
    },
  ];
}

function unitOf({ unit, durationUs }: Profile): string {
  return durationUs > 0 ? `${unit}/s` : unit;
}

/** The function that added most; undefined where functions are not known. */
function mostGrown({ now, before }: Group): string | undefined {
  const sums = new Map<string, number>();
  for (const [profiles, sign] of [
    [now, 1 / now.length],
    [before, -1 / before.length],
  ] as const) {
    for (const { functions } of profiles) {
      for (const { name, value } of functions) sums.set(name, (sums.get(name) ?? 0) + sign * value);
    }
  }
  sums.delete('');
  const [top] = [...sums].sort(([a, x], [b, y]) => y - x || compareText(a, b));
  return top !== undefined && top[1] > 0 ? top[0] : undefined;
}
