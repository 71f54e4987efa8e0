/** `taproot bench`: measurements that anybody can repeat. */
import type { Command } from 'commander';
import { addBenchAnomaly } from './bench-anomaly.ts';
import { addBenchCases } from './bench-cases.ts';
import { addBenchDetect } from './bench-detect.ts';
import { addBenchDiagnose } from './bench-diagnose.ts';
import { addBenchIngest } from './bench-ingest.ts';
import { addBenchQuery } from './bench-query.ts';
import { addBenchRca } from './bench-rca.ts';
import { addBenchTick } from './bench-tick.ts';

export function addBench(program: Command): void {
  const bench = program.command('bench').description('measure this machine and these methods');
  addBenchIngest(bench);
  addBenchQuery(bench);
  addBenchTick(bench);
  addBenchDetect(bench);
  addBenchDiagnose(bench);
  addBenchAnomaly(bench);
  addBenchRca(bench);
  addBenchCases(bench);
}
