/** `taproot doctor`: what is set up, reachable, missing or damaged, each with what to do about it. */
import { accessSync, constants, existsSync, mkdirSync, statfsSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Command } from 'commander';
import { AppError, messageOf } from '../base/errors.ts';
import { formatTime, systemClock, US_PER_DAY } from '../base/time.ts';
import type { Config } from '../config/config.ts';
import { summariseDeadLetters } from '../pipeline/dead-letter.ts';
import { type DeadLetterExport, exportDeadLetters } from '../pipeline/dead-letter-export.ts';
import { checkRules, loadRulebook } from '../rulebook/rulebook.ts';
import { openTelemetryReader } from '../store/open.ts';
import { addConfigFlags, loadSettings, rulesDirOf } from './settings.ts';

interface Finding {
  readonly check: string;
  readonly state: 'ok' | 'warning' | 'bad';
  readonly message: string;
}

const REACH_TIMEOUT_MS = 2000;
const FREE_BYTES_LOW = 1024 * 1024 * 1024;

export function addDoctor(program: Command): void {
  addConfigFlags(program.command('doctor').description('check the set-up'))
    .option('--dead-letters <dir>', 'write the dead letters into a folder, for import')
    .option('--json', 'print the findings as JSON')
    .action(async (flags: Record<string, unknown> & { json?: boolean; deadLetters?: string }) => {
      const { json, deadLetters: outDir, ...configFlags } = flags;
      if (outDir !== undefined) {
        const { dataDir, bodyBytesMax } = loadSettings(configFlags).config;
        const exported = exportDeadLetters(dataDir, { outDir, bodyBytesMax });
        if (json) process.stdout.write(`${JSON.stringify(exported)}\n`);
        else process.stdout.write(describeExport(exported, outDir));
        return;
      }
      const findings = await examine(configFlags);
      if (json) process.stdout.write(`${JSON.stringify({ findings })}\n`);
      else process.stdout.write(describe(findings));
      if (findings.some(({ state }) => state === 'bad')) process.exitCode = 1;
    });
}

async function examine(flags: Readonly<Record<string, unknown>>): Promise<readonly Finding[]> {
  const { config, file } = loadSettings(flags);
  return [
    { check: 'node', state: 'ok', message: process.version },
    { check: 'configuration', state: 'ok', message: file ?? 'defaults, no file' },
    checkDataDir(config),
    checkStore(config),
    checkDeadLetters(config),
    checkRulesFolder(config),
    ...(await checkPorts(config)),
    ...(await checkProbeTargets(config)),
  ];
}

function checkDataDir({ dataDir }: Config): Finding {
  const check = 'data folder';
  try {
    mkdirSync(dataDir, { recursive: true });
    accessSync(dataDir, constants.W_OK);
    const { bavail, bsize } = statfsSync(dataDir);
    const freeBytes = bavail * bsize;
    const free = `${(freeBytes / 1e9).toFixed(1)} GB free`;
    return freeBytes < FREE_BYTES_LOW
      ? { check, state: 'warning', message: `${dataDir}: only ${free}` }
      : { check, state: 'ok', message: `${dataDir}: ${free}` };
  } catch (thrown) {
    return { check, state: 'bad', message: `${dataDir} cannot be written: ${messageOf(thrown)}` };
  }
}

function checkStore({ dataDir }: Config): Finding {
  const check = 'store';
  try {
    const reader = openTelemetryReader({ dataDir });
    try {
      const { spanCount, logCount, pointCount, sizeBytes, partitions } = reader.stats();
      const nowUs = systemClock.nowUs();
      // Reads the newest day once: a damaged block shows here.
      reader.scanSpans(
        {
          range: { fromUs: nowUs - US_PER_DAY, toUs: nowUs + US_PER_DAY },
          sections: ['attributes', 'events', 'links'],
        },
        () => undefined,
      );
      const fault = reader.listFaults()[0];
      if (fault) return { check, state: 'bad', message: fault.message };
      return {
        check,
        state: 'ok',
        message: `${spanCount} spans, ${logCount} logs, ${pointCount} points in ${partitions.length} days, ${(sizeBytes / 1e6).toFixed(1)} MB`,
      };
    } finally {
      reader.close();
    }
  } catch (thrown) {
    return { check, state: 'bad', message: messageOf(thrown) };
  }
}

function checkDeadLetters({ dataDir }: Config): Finding {
  const check = 'dead letters';
  try {
    const { count, sizeBytes, oldestUs, reasons, damaged } = summariseDeadLetters(dataDir);
    const parts = [`${count}, ${(sizeBytes / 1e6).toFixed(1)} MB`];
    if (oldestUs !== undefined) parts.push(`the oldest of ${formatTime(oldestUs)}`);
    parts.push(...reasons.map((entry) => `${entry.count} × ${entry.code}: ${entry.reason}`));
    parts.push(
      ...damaged.map(
        ({ file, offset, sizeBytes: size }) => `${file}: ${size} bytes at ${offset} are damaged`,
      ),
    );
    const state = damaged.length > 0 ? 'bad' : count > 0 ? 'warning' : 'ok';
    return { check, state, message: parts.join('; ') };
  } catch (thrown) {
    return { check, state: 'bad', message: messageOf(thrown) };
  }
}

function describeExport({ letters, damaged }: DeadLetterExport, outDir: string): string {
  const lines = letters.map(({ file, time, reason }) => `${file}  ${time}  ${reason}`);
  const lost = damaged.map(
    ({ file, offset, sizeBytes }) => `${file}: ${sizeBytes} bytes at ${offset} are damaged`,
  );
  return `${[...lines, ...lost, `${letters.length} dead letters in ${outDir}`].join('\n')}\n`;
}

function checkRulesFolder(config: Config): Finding {
  const folder = rulesDirOf(config);
  if (!existsSync(folder))
    return { check: 'rules', state: 'bad', message: `${folder} does not exist` };
  const errors = checkRules(folder).filter(({ severity }) => severity === 'error');
  const first = errors[0];
  if (first) {
    const message = `${errors.length} problems, the first in ${first.file}: ${first.message}`;
    return { check: 'rules', state: 'bad', message };
  }
  const { rules } = loadRulebook(folder);
  return { check: 'rules', state: 'ok', message: `${rules.length} rules in ${folder}` };
}

async function checkPorts(config: Config): Promise<readonly Finding[]> {
  const ports = [
    ['OTLP/HTTP port', config.otlpHttpPort],
    ['OTLP/gRPC port', config.otlpGrpcPort],
    ['API port', config.apiPort],
  ] as const;
  const api = `http://127.0.0.1:${config.apiPort}/healthz`;
  const isRunning = await reach(api).then(
    () => true,
    () => false,
  );
  return Promise.all(
    ports.map(async ([check, port]): Promise<Finding> => {
      if (isRunning) return { check, state: 'ok', message: `${port}: Taproot is running` };
      const isFree = await canListen(config.listenHost, port);
      return isFree
        ? { check, state: 'ok', message: `${port} is free` }
        : {
            check,
            state: 'bad',
            message: `${config.listenHost}:${port} is taken by another program`,
          };
    }),
  );
}

async function checkProbeTargets({ probes }: Config): Promise<readonly Finding[]> {
  const targets: (readonly [string, string])[] = Object.entries(probes.services).flatMap(
    ([service, { debugUrl }]) => (debugUrl ? [[`probe target ${service}`, debugUrl] as const] : []),
  );
  if (probes.prometheusUrl) {
    targets.push(['Prometheus', new URL('/-/healthy', probes.prometheusUrl).href]);
  }
  if (targets.length === 0) {
    return [
      {
        check: 'probes',
        state: 'warning',
        message:
          'no service is registered: hypotheses are checked on stored data only (probes.services)',
      },
    ];
  }
  return Promise.all(
    targets.map(([check, url]) =>
      reach(url).then(
        (status): Finding => ({ check, state: 'ok', message: `${url} answers ${status}` }),
        (thrown: unknown): Finding => ({
          check,
          state: 'warning',
          message: `${url}: ${messageOf(thrown)}`,
        }),
      ),
    ),
  );
}

async function reach(url: string): Promise<number> {
  const response = await fetch(url, {
    redirect: 'manual',
    signal: AbortSignal.timeout(REACH_TIMEOUT_MS),
  });
  await response.body?.cancel();
  if (response.status >= 500) throw new AppError('probe.failed', `it answers ${response.status}`);
  return response.status;
}

function canListen(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, host, () => server.close(() => resolve(true)));
  });
}

function describe(findings: readonly Finding[]): string {
  const marks = { ok: '  ok', warning: 'warn', bad: ' BAD' } as const;
  return findings
    .map(({ check, state, message }) => `${marks[state]}  ${check}: ${message}\n`)
    .join('');
}
