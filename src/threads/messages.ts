/** What a worker thread is given when it starts. */
import type { MessagePort } from 'node:worker_threads';
import type { Config } from '../config/config.ts';
import type { ColumnParts, DecodedRequest, GroupMemory } from '../pipeline/group.ts';
import type { IngestReply } from '../receive/receive.ts';

export interface WorkerSettings {
  readonly config: Config;
  readonly version: string;
  /** Folder of the rules. */
  readonly rulesDir: string;
  /** Logs for a person at a terminal. */
  readonly isPretty: boolean;
}

/** The decoding thread and the store thread speak to each other over a channel of their own. */
export interface PathSettings extends WorkerSettings {
  readonly groups: MessagePort;
}

/** A decoded group on its way to the store thread … */
export interface GroupMessage {
  readonly columns: ColumnParts;
  readonly requests: readonly DecodedRequest[];
}

/** … and what comes back: memory for another one. */
export interface GroupAnswer {
  readonly replies: readonly IngestReply[];
  readonly memory: GroupMemory | undefined;
}

/** What the analysis thread is told once the receiver listens. */
export interface AnalysisStart {
  /** As bound: the configured port may be 0. */
  readonly otlpHttpPort: number;
}
