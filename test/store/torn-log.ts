/**
 * A store whose log was cut short, as a power cut may leave it: a copy of an open store, its `-wal` truncated at each
 * of many bytes, must open with all that was committed before the cut, and with nothing of later commits or all.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { openTelemetryReader, openTelemetryWriter } from '../../src/store/open.ts';
import {
  DAY_START_US,
  emptyGroup,
  hashOf,
  plainLogs,
  plainSpans,
  withRequest,
} from './generate.ts';

const COMMITS = 8;
const SPANS_PER_COMMIT = 25;
const RANGE = { fromUs: DAY_START_US, toUs: DAY_START_US + 86_400_000_000 };

export interface OpenStore {
  /** Day's file and log, as they lie beside a writer that has them open. */
  readonly file: Uint8Array;
  readonly log: Uint8Array;
  /** Bytes of log after each commit, the first commit's first. */
  readonly ends: readonly number[];
}

/** Writes a store, copies it while it is open, and closes it. */
export function makeOpenStore(folder: string): OpenStore {
  const dataDir = path.join(folder, 'open');
  const writer = openTelemetryWriter({ dataDir, durability: 'disk' });
  const ends: number[] = [];
  for (let commit = 1; commit <= COMMITS; commit++) {
    writer.write(groupOf(commit));
    ends.push(fs.statSync(logOf(dataDir)).size);
  }
  const copy = path.join(folder, 'copy');
  // By another process: closing a database's file in this one would drop SQLite's locks.
  if (spawnSync('cp', ['-r', dataDir, copy]).status !== 0) throw new Error('cp failed');
  writer.close();
  return { file: fs.readFileSync(fileOf(copy)), log: fs.readFileSync(logOf(copy)), ends };
}

/** What is wrong with the store when its log ends there; undefined when nothing is. */
export function faultAt(store: OpenStore, cut: number, folder: string): string | undefined {
  const dataDir = path.join(folder, 'torn');
  fs.rmSync(dataDir, { recursive: true, force: true });
  fs.mkdirSync(path.dirname(fileOf(dataDir)), { recursive: true });
  fs.writeFileSync(fileOf(dataDir), store.file);
  fs.writeFileSync(logOf(dataDir), store.log.subarray(0, cut));
  const wholeCommits = store.ends.filter((end) => end <= cut).length;
  const expected = describeCommits(wholeCommits);
  const writer = openTelemetryWriter({ dataDir, durability: 'process' });
  try {
    const unreadable = writer.unreadableDays();
    if (unreadable.length > 0) return `cut at ${cut}: ${unreadable[0]?.message}`;
    const known = Array.from(
      { length: COMMITS },
      (_, at) => writer.findAnswer(hashOf(at + 1)) !== undefined,
    );
    if (known.filter((isKnown) => isKnown).length !== wholeCommits) {
      return `cut at ${cut}: requests ${known.join()} are known, ${wholeCommits} were committed`;
    }
    const found = readCommits(dataDir);
    return found === expected
      ? undefined
      : `cut at ${cut}: the store holds ${found}, not ${expected}`;
  } finally {
    writer.close();
  }
}

function groupOf(commit: number) {
  const times = Array.from({ length: SPANS_PER_COMMIT }, (_, row) => DAY_START_US + row);
  const spans = times.map((startUs, row) => ({ trace: commit, span: 100 * commit + row, startUs }));
  const logs = times.map((timeUs) => ({ timeUs, body: `line of commit ${commit}` }));
  const tally = {
    endpoint: { endpointId: 'work', service: 'bot', operation: 'work', stage: 'other' } as const,
    minuteUs: DAY_START_US,
    count: SPANS_PER_COMMIT,
    errorCount: 0,
    sketch: { buckets: [1], counts: [SPANS_PER_COMMIT] },
  };
  const group = { ...emptyGroup(), spans: plainSpans(spans), logs: plainLogs(logs) };
  return withRequest({ ...group, tallies: [tally] }, commit);
}

function describeCommits(count: number): string {
  const rows = SPANS_PER_COMMIT * count;
  const traces = Array.from({ length: count }, (_, at) => at + 1);
  return JSON.stringify({ traces, spans: rows, logs: rows, tallied: rows });
}

function readCommits(dataDir: string): string {
  const reader = openTelemetryReader({ dataDir });
  try {
    const traces = new Set<number>();
    let spans = 0;
    let logs = 0;
    reader.scanSpans({ range: RANGE, sections: ['attributes'] }, (columns, rows) => {
      spans += rows.length;
      for (const row of rows) traces.add(traceNumberOf(columns.traceId, row));
      return undefined;
    });
    reader.scanLogs({ range: RANGE }, (_, rows) => {
      logs += rows.length;
      return undefined;
    });
    const tallied = reader.readTallies({ range: RANGE }).reduce((sum, { count }) => sum + count, 0);
    const inOrder = [...traces].sort((a, b) => a - b);
    return JSON.stringify({ traces: inOrder, spans, logs, tallied });
  } finally {
    reader.close();
  }
}

function fileOf(dataDir: string): string {
  return path.join(dataDir, 'telemetry', '20260102.db');
}

function logOf(dataDir: string): string {
  return `${fileOf(dataDir)}-wal`;
}

/** As traceIdOf() of generate.ts made it. */
function traceNumberOf(traceIds: Uint8Array, row: number): number {
  return new DataView(traceIds.buffer, traceIds.byteOffset).getUint32(16 * row + 12);
}
