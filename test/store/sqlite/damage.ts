/** A store with rows of every kind, ways to damage its file, and what of it must survive. */
import fs from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { US_PER_MINUTE } from '../../../src/base/time.ts';
import type { RawProfiles } from '../../../src/model/profiles.ts';
import type { Signal } from '../../../src/model/vocabulary.ts';
import { openTelemetryReader, openTelemetryWriter } from '../../../src/store/open.ts';
import {
  DAY_START_US,
  emptyGroup,
  NOON_US,
  Random,
  randomLogs,
  randomPoints,
  randomSpans,
  withRequest,
} from '../generate.ts';
import { describeLog, describePoint, describeSpan } from '../rows.ts';

export const DAY = '20260102';
export const PAGE_BYTES = 8192;
export const ALL = { fromUs: 0, toUs: Number.MAX_SAFE_INTEGER };

export function dayFile(dataDir: string): string {
  return path.join(dataDir, 'telemetry', `${DAY}.db`);
}

/** Each group is a block of spans, one of logs, one of points and one of profiles; with tallies and a template. */
export function fillStore(
  dataDir: string,
  options: {
    readonly groups: number;
    readonly seed: number;
    readonly checkpoints?: number;
    readonly isKilled?: boolean;
  },
): void {
  const writer = openTelemetryWriter({ dataDir, durability: 'process' });
  for (let index = 0; index < options.groups; index++) {
    const random = new Random(options.seed * 1000 + index);
    const minuteUs = NOON_US + index * US_PER_MINUTE;
    const template = { templateId: `t${index}`, service: 'bot', text: `text ${index}` };
    const group = withRequest(
      {
        ...emptyGroup(),
        spans: randomSpans(6 + random.below(16), random),
        logs: randomLogs(6 + random.below(16), random),
        points: randomPoints(6 + random.below(16), random),
        tallies: [
          {
            endpoint: { endpointId: `e${index % 3}`, service: 's', operation: 'o', stage: 'llm' },
            minuteUs,
            count: 3,
            errorCount: 1,
            sketch: { buckets: [1, 5], counts: [2, 1] },
          },
          {
            endpoint: {
              endpointId: `f${index % 3}`,
              service: 's',
              operation: 'o',
              stage: 'llm',
              slice: { dimension: 'bot', value: `b${index % 3}` },
            },
            minuteUs,
            count: 2,
            errorCount: 1,
            sketch: { buckets: [1, 5], counts: [1, 1] },
          },
        ],
        templateTallies: [
          { templateId: template.templateId, service: 'bot', minuteUs, count: 2, severityMax: 9 },
        ],
        newTemplates: [{ ...template, firstSeenUs: DAY_START_US }],
      },
      options.seed * 1000 + index,
    );
    const profiles: RawProfiles = {
      receivedUs: minuteUs,
      count: 1 + random.below(3),
      services: ['bot', `profiled-${index}`],
      encoding: random.below(2) === 0 ? 'json' : 'protobuf',
      body: Uint8Array.from({ length: 20 + random.below(400) }, () => random.below(5)),
    };
    writer.write({ ...group, requests: group.requests.map((sent) => ({ ...sent, profiles })) });
  }
  for (let left = options.checkpoints ?? 0; left > 0; left--) writer.checkpoint();
  const telemetry = path.join(dataDir, 'telemetry');
  const copy = path.join(dataDir, 'copy');
  // What a killed process leaves: the log as it is, not merged into the file.
  if (options.isKilled) fs.cpSync(telemetry, copy, { recursive: true });
  writer.close();
  if (!options.isKilled) return;
  fs.rmSync(telemetry, { recursive: true });
  fs.renameSync(copy, telemetry);
}

export type Rows = Readonly<Record<Signal, readonly string[]>>;

/** Every row as text, sorted. */
export function readRows(dataDir: string): Rows {
  const reader = openTelemetryReader({ dataDir });
  const traces: string[] = [];
  const logs: string[] = [];
  const metrics: string[] = [];
  const profiles: string[] = [];
  const sections = ['attributes', 'events', 'links'] as const;
  reader.scanSpans({ range: ALL, sections }, (columns, rows) => {
    for (const row of rows) traces.push(JSON.stringify(describeSpan(columns, row)));
    return undefined;
  });
  reader.scanLogs({ range: ALL }, (columns, rows) => {
    for (const row of rows) logs.push(JSON.stringify(describeLog(columns, row)));
    return undefined;
  });
  reader.scanPoints({ range: ALL }, (columns, rows) => {
    for (const row of rows) metrics.push(JSON.stringify(describePoint(columns, row)));
    return undefined;
  });
  reader.scanProfiles({ range: ALL }, ({ body, ...rest }) => {
    const hex = Buffer.from(body).toString('hex');
    for (let index = 0; index < rest.count; index++) {
      profiles.push(JSON.stringify({ ...rest, body: hex, index }));
    }
    return undefined;
  });
  reader.close();
  return {
    traces: traces.sort(),
    logs: logs.sort(),
    metrics: metrics.sort(),
    profiles: profiles.sort(),
  };
}

export function countOf(rows: Rows): number {
  return rows.traces.length + rows.logs.length + rows.metrics.length + rows.profiles.length;
}

/** What is in `whole` and not in `part`, copies counted. */
export function missingIn(part: readonly string[], whole: readonly string[]): readonly string[] {
  const left = new Map<string, number>();
  for (const row of part) left.set(row, (left.get(row) ?? 0) + 1);
  return whole.filter((row) => {
    const count = left.get(row) ?? 0;
    left.set(row, count - 1);
    return count <= 0;
  });
}

export interface StoredBlock {
  readonly blockId: number;
  readonly rowCount: number;
  /** Pages that hold some byte of its sections, counted from 0; rather too many than too few. */
  readonly pages: ReadonlySet<number>;
}

/** Where the bytes of each block stand, found by searching the file for them. */
export function locateBlocks(dataDir: string): readonly StoredBlock[] {
  const file = fs.readFileSync(dayFile(dataDir));
  return withDatabase(dataDir, (connection) => {
    const headers = connection
      .prepare('SELECT block_id AS blockId, row_count AS rowCount FROM blocks')
      .all() as { blockId: number; rowCount: number }[];
    const select = connection
      .prepare('SELECT bytes FROM sections WHERE section_id >= ? AND section_id < ?')
      .pluck();
    return headers.map(({ blockId, rowCount }) => {
      const pages = new Set<number>();
      for (const bytes of select.all(16 * blockId, 16 * blockId + 16) as Buffer[]) {
        for (let at = 0; at < bytes.length; at += STEP_BYTES) {
          addPages(pages, file, bytes.subarray(at, at + PIECE_BYTES));
        }
        addPages(pages, file, bytes.subarray(Math.max(0, bytes.length - PIECE_BYTES)));
      }
      return { blockId, rowCount, pages };
    });
  });
}

const PIECE_BYTES = 12;
/** A page with a middle part of a section holds more of it. */
const STEP_BYTES = 256;

function addPages(pages: Set<number>, file: Buffer, piece: Buffer): void {
  for (let at = file.indexOf(piece); at >= 0; at = file.indexOf(piece, at + 1)) {
    pages.add(Math.floor(at / PAGE_BYTES));
    pages.add(Math.floor((at + piece.length - 1) / PAGE_BYTES));
  }
}

/** Runs `body` on the closed store's file. */
export function withDatabase<T>(dataDir: string, body: (connection: Database.Database) => T): T {
  const connection = new Database(dayFile(dataDir));
  try {
    return body(connection);
  } finally {
    connection.close();
  }
}

export function changeFile(dataDir: string, change: (bytes: Buffer) => Buffer | undefined): void {
  const bytes = fs.readFileSync(dayFile(dataDir));
  fs.writeFileSync(dayFile(dataDir), change(bytes) ?? bytes);
}

export function zeroPage(dataDir: string, pageNumber: number): void {
  changeFile(dataDir, (bytes) => {
    bytes.fill(0, (pageNumber - 1) * PAGE_BYTES, pageNumber * PAGE_BYTES);
    return undefined;
  });
}

export function rootPageOf(dataDir: string, table: string): number {
  return withDatabase(
    dataDir,
    (connection) =>
      connection
        .prepare('SELECT rootpage FROM sqlite_schema WHERE name = ?')
        .pluck()
        .get(table) as number,
  );
}
