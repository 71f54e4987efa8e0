/** `taproot doctor`: what is set up, reachable, missing or damaged, each with what to do about it. */
import { accessSync, constants, existsSync, mkdirSync, statfsSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Command } from 'commander';
import { AppError, messageOf } from '../base/errors.ts';
import type { Config } from '../config/config.ts';
import type { LoadedConfig } from '../config/load.ts';
import { exportDeadLetters } from '../pipeline/dead-letter-export.ts';
import { checkRules, loadRulebook } from '../rulebook/rulebook.ts';
import type { CheckOptions } from '../store/api/maintenance.ts';
import { repairTelemetry } from '../store/open.ts';
import {
  describeExport,
  describeRepair,
  examineStore,
  type Finding,
  type StoreExamination,
} from './doctor-store.ts';
import { addConfigFlags, loadSettings, rulesDirOf } from './settings.ts';

const REACH_TIMEOUT_MS = 2000;
const FREE_BYTES_LOW = 1024 * 1024 * 1024;

type DoctorFlags = Record<string, unknown> & {
  readonly json?: boolean;
  readonly full?: boolean;
  readonly repair?: boolean;
  readonly deadLetters?: string;
};

export function addDoctor(program: Command): void {
  addConfigFlags(program.command('doctor').description('check the set-up'))
    .option('--full', 'also decode every block and check every page; minutes for a large store')
    .option('--repair', 'rebuild damaged days; the service must be stopped')
    .option('--dead-letters <dir>', 'write the dead letters into a folder, for import')
    .option('--json', 'print one JSON document')
    .action(async ({ json, full, repair, deadLetters, ...configFlags }: DoctorFlags) => {
      const loaded = loadSettings(configFlags);
      const { dataDir, bodyBytesMax } = loaded.config;
      const print = (document: object, text: string) =>
        process.stdout.write(json ? `${JSON.stringify(document)}\n` : text);
      if (deadLetters !== undefined) {
        const exported = exportDeadLetters(dataDir, { outDir: deadLetters, bodyBytesMax });
        print(exported, describeExport(exported, deadLetters));
        if (exported.damaged.length > 0) process.exitCode = 1;
      } else if (repair) {
        const repaired = repairTelemetry({ dataDir });
        print(repaired, describeRepair(repaired));
        if (repaired.skippedDays.length > 0) process.exitCode = 1;
      } else {
        const { findings, ...store } = await examine(loaded, full ? 'full' : 'checksums');
        print({ findings, ...store }, describe(findings));
        if (findings.some(({ state }) => state === 'bad')) process.exitCode = 1;
      }
    });
}

async function examine(
  { config, file }: LoadedConfig,
  depth: CheckOptions['depth'],
): Promise<StoreExamination> {
  const dataFolder = checkDataDir(config);
  const store = examineStore({ dataDir: config.dataDir, depth });
  const findings = [
    { check: 'node', state: 'ok', message: process.version } as const,
    { check: 'configuration', state: 'ok', message: file ?? 'defaults, no file' } as const,
    dataFolder,
    ...store.findings,
    checkRulesFolder(config),
    ...(await checkPorts(config)),
    ...(await checkProbeTargets(config)),
  ];
  return { ...store, findings };
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
