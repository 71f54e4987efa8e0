/**
 * The plan of the house: every room of src, its floor, and the npm packages it may import. A room imports only from
 * lower floors. Change it on purpose: with an architecture decision record in docs/adr/, never to quiet a test.
 */

export interface Room {
  /** Folder or file below src. A file belongs to the room with the longest matching name. */
  readonly name: string;
  readonly floor: number;
  readonly packages: readonly string[];
}

const TRACING = '@opentelemetry/api';

export const ROOMS: readonly Room[] = [
  { name: 'base', floor: 0, packages: ['pino', 'pino-pretty', 'simple-statistics'] },
  { name: 'model', floor: 1, packages: [] },
  { name: 'otlp', floor: 2, packages: [] },
  { name: 'coze', floor: 2, packages: [] },
  { name: 'tally', floor: 2, packages: [] },
  { name: 'rulebook', floor: 2, packages: ['re2js', 'yaml', 'zod'] },
  { name: 'config', floor: 2, packages: ['yaml', 'zod'] },
  { name: 'store/api', floor: 2, packages: [] },
  { name: 'bench', floor: 2, packages: [] },
  { name: 'receive', floor: 3, packages: ['@grpc/grpc-js'] },
  { name: 'store/sqlite', floor: 3, packages: ['better-sqlite3'] },
  { name: 'plugin/triggers', floor: 3, packages: ['zod'] },
  { name: 'plugin/notifiers', floor: 3, packages: [] },
  { name: 'plugin/probes', floor: 3, packages: ['json-p3', 'zod'] },
  { name: 'baseline', floor: 4, packages: [] },
  { name: 'detect', floor: 4, packages: [] },
  { name: 'cluster', floor: 4, packages: [] },
  { name: 'hypothesise', floor: 4, packages: [] },
  { name: 'verify', floor: 4, packages: [] },
  { name: 'report', floor: 4, packages: [] },
  { name: 'api', floor: 4, packages: ['express', 'zod'] },
  { name: 'store/open.ts', floor: 4, packages: [] },
  { name: 'pipeline', floor: 5, packages: [TRACING, 'zod'] },
  {
    name: 'threads',
    floor: 6,
    packages: [
      TRACING,
      '@opentelemetry/exporter-trace-otlp-proto',
      '@opentelemetry/resources',
      '@opentelemetry/sdk-trace-node',
    ],
  },
  { name: 'cli', floor: 7, packages: [TRACING, 'commander', 'yaml'] },
  { name: 'main.ts', floor: 8, packages: [] },
];

/** Parts of Node that only some rooms may touch. */
export const CONFINED_MODULES: ReadonlyMap<string, readonly string[]> = new Map([
  ['node:worker_threads', ['threads']],
  ['node:child_process', ['cli']],
]);

/** The only room that reads process.env. */
export const ENVIRONMENT_ROOM = 'config';

/** Files that start something of their own and so are imported by nobody. */
export const ENTRIES: readonly string[] = [
  'src/main.ts',
  'src/threads/decode-thread.ts',
  'src/threads/store-thread.ts',
  'src/threads/analysis-thread.ts',
];

/** Rooms that hold only types, which the compiler checks. */
export const ROOMS_OF_TYPES: readonly string[] = ['store/api'];

/** Folders of test that mirror no room of src. */
export const TEST_ONLY_FOLDERS: readonly string[] = [
  'build',
  'conformance',
  'e2e',
  'example',
  'fixture',
  'house',
];
