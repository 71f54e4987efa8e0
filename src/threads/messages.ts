/** What a worker thread is given when it starts. */
import type { Config } from '../config/config.ts';

export interface WorkerSettings {
  readonly config: Config;
  readonly version: string;
  /** Folder of the rules. */
  readonly rulesDir: string;
  /** Logs for a person at a terminal. */
  readonly isPretty: boolean;
}

export interface AnalysisSettings extends WorkerSettings {
  /** As bound: the configured port may be 0. */
  readonly otlpHttpPort: number;
}
