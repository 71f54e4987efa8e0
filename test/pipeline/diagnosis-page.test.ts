/**
 * docs/diagnosis.md quotes numbers: the settings, and one case that is walked through. They stand in tables
 * between marks, one number a row; here each is computed anew, and the page must say the same. With `-u`
 * the tables are written again.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { type Share, softmax, twoShareLlr } from '../../src/base/statistics.ts';
import type { TimeRange } from '../../src/base/time.ts';
import { clusterSpans } from '../../src/cluster/cluster.ts';
import { type Facts, gatherFacts } from '../../src/hypothesise/facts.ts';
import { explainedWeight, softCapped } from '../../src/hypothesise/suspicion.ts';
import { ANALYSIS_SETTINGS as SETTINGS } from '../../src/model/analysis-settings.ts';
import { PROBE_EVIDENCE_PREFIX, type VerifiedHypothesis } from '../../src/model/hypothesis.ts';
import type { Report } from '../../src/model/report.ts';
import { loadCase, withCaseStore } from '../../src/pipeline/case-files.ts';
import { collect } from '../../src/pipeline/collect.ts';
import { diagnoseCase } from '../../src/pipeline/offline.ts';
import { loadRulebook } from '../../src/rulebook/rulebook.ts';
import { openTelemetryReader } from '../../src/store/open.ts';

const PAGE = 'docs/diagnosis.md';
const SET = 'test/fixture/cases/simulated';
const CASE = join(SET, 'cases/pool');
/** What the case is about. */
const SERVICE = 'route-svc';
const OPERATION = 'PUT /ledger/permissions8';
const LINE = /^no connection was free within/;

/** Imported once, for the report and for the facts below it. */
let storesDir = '';
beforeAll(async () => {
  storesDir = await mkdtemp(join(tmpdir(), 'taproot-diagnosis-page-'));
});
afterAll(() => rm(storesDir, { recursive: true, force: true }));

test('docs/diagnosis.md quotes the settings and the walked case as they are', async () => {
  const report = await diagnoseCase(CASE, {
    rulebook: loadRulebook('rules'),
    version: 'test',
    storesDir,
  });
  const walk = new Map([
    ...numbersOfWindow(report),
    ...numbersOfTime(await factsOfCase(), report),
    ...numbersOfLog(await countLines(), report),
    ...numbersOfScore(report),
    ...numbersOfVerdict(report),
  ]);
  const settings = new Map(
    Object.entries(SETTINGS).map(([name, value]) => [`\`${name}\``, String(value)]),
  );
  const page = await readFile(PAGE, 'utf8');
  const written = filled(filled(page, 'settings', settings), 'walk', walk);
  await expect(written).toMatchFileSnapshot(join('../..', PAGE));
  // A whole case is imported and explained: 4 s of CPU.
}, 120_000);

/** The page with the second cell of each row between the marks set to the number that the first cell names. */
function filled(page: string, mark: string, numbers: ReadonlyMap<string, string>): string {
  const [before, section, after, ...more] = page.split(
    new RegExp(`(?<=<!-- ${mark}:begin -->\\n)|(?=<!-- ${mark}:end -->)`),
  );
  expect([section, after, more].map((part) => typeof part)).toEqual(['string', 'string', 'object']);
  const used = new Set<string>();
  const rows = section!.replaceAll(/^\| ([^|]+) \| ([^|]*) \|/gm, (row, name: string) => {
    if (name === 'what' || name.startsWith('-')) return row;
    used.add(name);
    return `| ${name} | ${numbers.get(name) ?? 'no such number'} |`;
  });
  expect(
    [...numbers.keys()].filter((name) => !used.has(name)),
    'rows that the page lacks',
  ).toEqual([]);
  expect(
    [...used].filter((name) => !numbers.has(name)),
    'rows without a number',
  ).toEqual([]);
  return [before, rows, after].join('');
}

function numbersOfWindow(report: Report): [string, string][] {
  const { anomalousCount, clusterClasses: classes = [] } = report;
  const { signals } = report.collect;
  return [
    ['spans of the window', String(signals.spans)],
    ['requests of the window', String(signals.traces)],
    ['anomalous spans', String(anomalousCount)],
    ['requests with one', String(report.impact.requests)],
    ['classes, share of the largest', `${classes.length}, ${percent(classes[0]!.share)}`],
    ['verdict of the report', report.verdict],
  ];
}

function numbersOfTime(facts: Facts, report: Report): [string, string][] {
  const place = facts.places.find(
    ({ kind, service, operation }) =>
      kind === 'own' && service === SERVICE && operation === OPERATION,
  )!;
  const growth = place.growth!;
  const share = place.excessUs / facts.excessUs;
  const { hits, total } = growth.reference;
  const shares = twoShareLlr(growth.window, { hits: hits + 0.5, total: total + 1 });
  // Six bounds were tried.
  expect(growth.llr * place.dispersion).toBeCloseTo(shares - Math.log(6), 9);
  const weight = explainedWeight(growth.llr, share);
  expect(weight).toBeCloseTo(evidenceOf(report, 'accounts for', OPERATION).weight, 6);
  return [
    ['slow runs in the window', `${growth.window.hits} of ${growth.window.total}`],
    ['slow runs in the reference', `${round(hits)} of ${round(total)}`],
    ['nats, all runs independent', round(growth.llr * place.dispersion)],
    ['dispersion', round(place.dispersion)],
    ['nats, divided by it', round(growth.llr)],
    ['the same, at most 8 a statement', round(softCapped(growth.llr))],
    ['share of the extra time', percent(share)],
    ['weight of the statement on own time', round(weight)],
  ];
}

function numbersOfLog(counts: LineCounts, report: Report): [string, string][] {
  const { is, was } = counts;
  const llr = twoShareLlr(is, { hits: was.hits + 0.5, total: was.total + 1 });
  const said = evidenceOf(report, 'logs a line', 'no connection was free');
  expect(said.n).toBe(is.total);
  expect(said.value).toBeCloseTo(is.hits / is.total, 9);
  return [
    ['traces with the line in the window', `${is.hits} of ${is.total}`],
    ['traces with the line in the reference', `${was.hits} of ${was.total}`],
    ['nats of the line', round(llr)],
    ['weight of the line', round(said.weight)],
  ];
}

function numbersOfScore(report: Report): [string, string][] {
  const { hypotheses } = report;
  const [first] = hypotheses;
  const { evidence, score, posterior } = first!;
  expect(evidence.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(score, 9);
  const scores = hypotheses.map((one) => scoreBeforeProbes(one));
  const none = Math.max(SETTINGS.noneScore, report.noise?.score ?? 0);
  const [, ...rest] = softmax([...scores, none].map((one) => one * SETTINGS.beliefPerScore));
  expect(posterior).toBeCloseTo(1 - rest.reduce((sum, one) => sum + one, 0), 2);
  const metric = evidenceOf(report, 'pending_requests', SERVICE);
  return [
    ['waiting for a connection, usually', String(metric.expected)],
    ['waiting for a connection, now', String(metric.value)],
    ['weight of the gauge', round(metric.weight)],
    ['weight of the way', round(evidenceOf(report, 'The way from', SERVICE).weight)],
    ['weight of what it explains', round(evidenceOf(report, 'It explains', '').weight)],
    ['first: kind, service', `${first!.kind}, ${first!.culprit.service}`],
    ['first: score', round(score)],
    ['second: kind, score', `${hypotheses[1]!.kind}, ${round(hypotheses[1]!.score)}`],
    ['relative probability of the first', percent(posterior)],
  ];
}

function numbersOfVerdict(report: Report): [string, string][] {
  const [first, ...others] = report.hypotheses;
  const [probe] = first!.probes;
  const rival = others.find((one) => !isSymptomThere(one));
  const noise = report.noise!.score;
  const lead = first!.score - Math.max(rival?.score ?? 0, noise);
  const logOdds =
    SETTINGS.confidenceBase +
    SETTINGS.confidencePerScore * first!.score +
    SETTINGS.confidencePerLead * lead;
  expect(report.confidence).toBeCloseTo(Math.min(0.95, 1 / (1 + Math.exp(-logOdds))), 3);
  const { explainedShare, explainedInterval } = first!.counterfactual!;
  return [
    ['probe of the first', probe!.outcome],
    ['extra time gone without it', percent(explainedShare)],
    ['95 % interval of that', explainedInterval.map(percent).join(' – ')],
    ['verdict of the first', first!.verdict],
    ['rival: kind, score', rival === undefined ? 'none' : `${rival.kind}, ${round(rival.score)}`],
    ['noise of fault-free windows', round(noise)],
    ['lead', round(lead)],
    ['log-odds', round(logOdds)],
    ['confidence', percent(report.confidence)],
  ];
}

/** Only what is seen at the same operation: no rival, see docs/probes.md. */
function isSymptomThere({ culprit, kind }: VerifiedHypothesis): boolean {
  return (
    culprit.service === SERVICE &&
    culprit.operation === OPERATION &&
    ['latency', 'error', 'dependency', 'timeout', 'code'].includes(kind)
  );
}

function scoreBeforeProbes({ score, evidence }: VerifiedHypothesis): number {
  const found = evidence.filter(({ evidenceId }) => evidenceId.startsWith(PROBE_EVIDENCE_PREFIX));
  return score - found.reduce((sum, { weight }) => sum + weight, 0);
}

function evidenceOf(report: Report, ...words: readonly string[]) {
  const { evidence } = report.hypotheses[0]!;
  const said = evidence.find(({ statement }) => words.every((word) => statement.en.includes(word)));
  expect(said, words.join(' … ')).toBeDefined();
  return said!;
}

async function factsOfCase(): Promise<Facts> {
  const one = await loadCase(CASE);
  return withCaseStore(one, { storesDir }, async (dataDir) => {
    const telemetry = openTelemetryReader({ dataDir });
    try {
      const collected = collect(
        {
          trigger: { kind: 'manual', alerts: [] },
          window: one.window,
          reference: one.reference!, // its case.json names one
          scope: one.scope,
        },
        { telemetry, state: undefined, learned: new Map(), topology: one.topology },
      );
      return gatherFacts({ ...collected, clustering: clusterSpans(collected) });
    } finally {
      telemetry.close();
    }
  });
}

interface LineCounts {
  readonly is: Share;
  readonly was: Share;
}

const resource = z.object({
  attributes: z.array(
    z.object({ key: z.string(), value: z.object({ stringValue: z.string().optional() }) }),
  ),
});
const span = z.object({ traceId: z.string(), startTimeUnixNano: z.string() });
const spansLine = z.object({
  resourceSpans: z.array(
    z.object({
      resource,
      scopeSpans: z.array(z.object({ spans: z.array(span) })),
    }),
  ),
});
const logsLine = z.object({
  resourceLogs: z.array(
    z.object({
      resource,
      scopeLogs: z.array(
        z.object({
          logRecords: z.array(
            z.object({
              traceId: z.string().optional(),
              body: z.object({ stringValue: z.string() }),
            }),
          ),
        }),
      ),
    }),
  ),
});

/** Counted in the files themselves, without the engine: traces of the service, and those with the line. */
async function countLines(): Promise<LineCounts> {
  const folders = [CASE, join(SET, 'normal/pool')];
  const resourceSpans = (await readLines(folders, 'traces', spansLine)).flatMap(
    (line) => line.resourceSpans,
  );
  const begins = new Map<string, number>();
  const ofService = new Set<string>();
  for (const one of resourceSpans) {
    for (const { traceId, startTimeUnixNano } of one.scopeSpans.flatMap(({ spans }) => spans)) {
      const startUs = Number(startTimeUnixNano.slice(0, -3));
      begins.set(traceId, Math.min(startUs, begins.get(traceId) ?? startUs));
      if (isOfService(one)) ofService.add(traceId);
    }
  }
  const withLine = new Set(
    (await readLines(folders, 'logs', logsLine))
      .flatMap(({ resourceLogs }) => resourceLogs.filter(isOfService))
      .flatMap(({ scopeLogs }) => scopeLogs.flatMap((scope) => scope.logRecords))
      .filter(({ body }) => LINE.test(body.stringValue))
      .map(({ traceId }) => traceId),
  );
  const { window, reference } = await loadCase(CASE);
  const countIn = ({ fromUs, toUs }: TimeRange): Share => {
    const traces = [...ofService].filter((traceId) => {
      const beginUs = begins.get(traceId)!; // every trace of the service has a span
      return beginUs >= fromUs && beginUs < toUs;
    });
    return { hits: traces.filter((id) => withLine.has(id)).length, total: traces.length };
  };
  return { is: countIn(window), was: countIn(reference!) }; // its case.json names one
}

function isOfService(one: { readonly resource: z.infer<typeof resource> }): boolean {
  return one.resource.attributes.some(
    ({ key, value }) => key === 'service.name' && value.stringValue === SERVICE,
  );
}

async function readLines<Line>(
  folders: readonly string[],
  signal: string,
  schema: z.ZodType<Line>,
): Promise<Line[]> {
  const read = folders.map(async (folder) => {
    const bytes = await readFile(join(folder, `${signal}.jsonl.gz`));
    const lines = gunzipSync(bytes).toString('utf8').trim().split('\n');
    return lines.map((line) => schema.parse(JSON.parse(line)));
  });
  return (await Promise.all(read)).flat();
}

/** Three figures are enough to follow. */
function round(value: number): string {
  return String(Number(value.toPrecision(3)));
}

function percent(share: number): string {
  return `${round(share * 100)} %`;
}
