/**
 * `taproot bench cases`: writes a set of simulated cases with known answers, in the form of docs/cases.md. The answers
 * go into labels.json beside the cases: nothing that is diagnosed lies in a folder that holds one.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type Command, InvalidArgumentError } from 'commander';
import { type SimulatedCase, simulateCase, type Telemetry } from '../bench/cases.ts';

interface Flags {
  readonly out: string;
  readonly count: number;
  readonly seed: number;
}

export function addBenchCases(bench: Command): void {
  bench
    .command('cases')
    .description('write a set of simulated cases, one fault each or none, with their answers')
    .requiredOption('--out <dir>', 'folder of the set')
    .option('--count <n>', 'cases', parseWhole, 60)
    .option('--seed <n>', 'the same seed writes the same bytes', parseWhole, 1)
    .action(({ out, count, seed }: Flags) => {
      const labels: Record<string, object> = {};
      for (let index = 0; index < count; index++) {
        const simulated = simulateCase(seed, index);
        writeCase(out, simulated);
        labels[simulated.caseId] = simulated.label;
      }
      writeJson(join(out, 'labels.json'), { benchmark: 'simulated', seed, cases: labels });
      process.stdout.write(`${count} cases are in ${out}\n`);
    });
}

function writeCase(
  out: string,
  { caseId, description, normal, window, topology }: SimulatedCase,
): void {
  const folder = join(out, 'cases', caseId);
  const normalFolder = join(out, 'normal', caseId);
  writeTelemetry(folder, window);
  writeTelemetry(normalFolder, normal);
  writeJson(join(folder, 'case.json'), description);
  if (topology) writeJson(join(normalFolder, 'topology.json'), { edges: topology });
}

function writeTelemetry(folder: string, telemetry: Telemetry): void {
  mkdirSync(folder, { recursive: true });
  for (const signal of ['traces', 'logs', 'metrics'] as const) {
    const text = telemetry[signal];
    if (text !== undefined) {
      // Level 1 takes a third of the time of level 6 and a quarter more room.
      writeFileSync(join(folder, `${signal}.jsonl.gz`), gzipSync(text, { level: 1 }));
    }
  }
}

function writeJson(path: string, content: object): void {
  writeFileSync(path, `${JSON.stringify(content, null, 1)}\n`);
}

function parseWhole(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 1_000_000) {
    throw new InvalidArgumentError(`"${text}" is not a whole number from 1 to 1000000`);
  }
  return value;
}
