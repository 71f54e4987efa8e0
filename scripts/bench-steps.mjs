#!/usr/bin/env node
// Where the processor time of the write path goes, step by step in one thread without network: groups of 8192 rows
// from the workloads of `taproot bench ingest`, into a temporary store. Prints nanoseconds of CPU an item.
//   node scripts/bench-steps.mjs [--groups 100] [--only "a protobuf"]        needs a build: npm run build
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const built = join(root, 'dist/src');
if (!existsSync(built)) {
  console.error(`Cannot measure: ${built} is missing; run npm run build`);
  process.exit(1);
}
const load = (file) => import(join(built, file));
const { BodyRing } = await load('bench/bench.js');
const { createNormaliser } = await load('coze/coze.js');
const { createFingerprint } = await load('pipeline/fingerprint.js');
const { openColumns, takeGroupMemory } = await load('pipeline/group.js');
const { decodeLogs, decodeMetrics, decodeTraces } = await load('otlp/otlp.js');
const { openTelemetryWriter } = await load('store/open.js');
const { TallyBuilder } = await load('tally/tally.js');
const { TemplateMiner } = await load('tally/template.js');

const { values } = parseArgs({
  options: {
    groups: { type: 'string', default: '100' },
    only: { type: 'string' },
  },
});
const groups = Number(values.groups);
if (!Number.isInteger(groups) || groups < 1 || groups > 10_000) {
  console.error(`--groups is "${values.groups}", not a whole number from 1 to 10000`);
  process.exit(2);
}

const REQUESTS_A_GROUP = 16;
const WARM_UP_GROUPS = 30;
const STEPS = ['fingerprint', 'decode', 'normalise', 'template', 'tally', 'store'];
const CASES = ['a protobuf', 'a json', 'b protobuf', 'logs protobuf', 'metrics protobuf'];
const SIGNAL = { a: 'traces', b: 'traces', logs: 'logs', metrics: 'metrics' };

console.log(
  `| ns of CPU an item | ${STEPS.join(' | ')} | all |\n|${' --- |'.repeat(STEPS.length + 2)}`,
);
for (const name of values.only ? [values.only] : CASES) {
  const [workload, encoding] = name.split(' ');
  if (!SIGNAL[workload]) {
    console.error(`--only is "${values.only}", not one of: ${CASES.join('; ')}`);
    process.exit(2);
  }
  const spent = measure(workload, encoding);
  const cells = STEPS.map((step) => spent[step].toFixed(0));
  const all = STEPS.reduce((sum, step) => sum + spent[step], 0);
  console.log(`| ${name} | ${cells.join(' | ')} | **${all.toFixed(0)}** |`);
}

function measure(workload, encoding) {
  const signal = SIGNAL[workload];
  const dataDir = mkdtempSync(join(tmpdir(), 'taproot-steps-'));
  const writer = openTelemetryWriter({ dataDir, durability: 'disk' });
  const normaliser = createNormaliser({ userIds: 'hash', userIdKey: 'bench' });
  const fingerprint = createFingerprint('00'.repeat(32));
  const miner = new TemplateMiner([]);
  const tally = new TallyBuilder();
  const nowUs = () => Date.now() * 1000;
  const ring = new BodyRing({
    workload,
    encoding,
    batchCount: 512,
    seed: 1,
    idSeed: Date.now(),
    bodyCount: 64,
    isGzip: false,
    nowUs,
  });
  const spentUs = Object.fromEntries(STEPS.map((step) => [step, 0]));
  const timed = (step, work) => {
    const before = process.cpuUsage();
    const result = work();
    const { user, system } = process.cpuUsage(before);
    spentUs[step] += user + system;
    return result;
  };
  let items = 0;
  let memory;
  for (let group = 0; group < WARM_UP_GROUPS + groups; group++) {
    if (group === WARM_UP_GROUPS) {
      for (const step of STEPS) spentUs[step] = 0;
      items = 0;
    }
    const columns = openColumns(memory);
    const { spans, logs, points } = columns;
    const bodies = Array.from({ length: REQUESTS_A_GROUP }, () => ring.take());
    const head = { signal, encoding, compression: '' };
    const hashes = timed('fingerprint', () => bodies.map(({ bytes }) => fingerprint(head, bytes)));
    const requests = timed('decode', () =>
      bodies.map(({ bytes }, index) => {
        const before = [spans.count, logs.count, points.count];
        const options = { encoding, nowUs: nowUs() };
        if (signal === 'traces') decodeTraces(bytes, spans, options);
        else if (signal === 'logs') decodeLogs(bytes, logs, options);
        else decodeMetrics(bytes, points, options);
        return {
          hash: hashes[index],
          spans: [before[0], spans.count],
          logs: [before[1], logs.count],
          points: [before[2], points.count],
        };
      }),
    );
    timed('normalise', () => {
      normaliser.normaliseSpans(spans, 0, spans.count);
      normaliser.normaliseLogs(logs, 0, logs.count);
      normaliser.normalisePoints(points, 0);
    });
    timed('template', () => miner.assign(logs, 0, logs.count));
    const counted = timed('tally', () => {
      tally.addSpans(spans, 0, spans.count);
      tally.addLogs(logs, 0, logs.count);
      return tally.take();
    });
    const newTemplates = miner.takeNew();
    timed('store', () => writer.write({ spans, logs, points, requests, ...counted, newTemplates }));
    items += spans.count + logs.count + points.count;
    for (const body of bodies) ring.giveBack(body);
    memory = takeGroupMemory(columns);
  }
  writer.close();
  rmSync(dataDir, { recursive: true });
  return Object.fromEntries(STEPS.map((step) => [step, (1000 * spentUs[step]) / items]));
}
