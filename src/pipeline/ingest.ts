/**
 * The write path on one screen: inflate → decode → normalise → template → tally → store → reply. A reply is given
 * only after the transaction that holds its rows; a request that cannot be stored fails alone.
 *
 * Two halves, so that they can run on two threads (src/threads); here both run inline.
 */
import type { IngestReply, IngestRequest } from '../receive/receive.ts';
import { createDecodeStage, type DecodeStageOptions } from './decode-stage.ts';
import { takeGroupMemory } from './group.ts';
import { createStoreStage, type StoreStageOptions } from './store-stage.ts';

export type IngestDependencies = Omit<DecodeStageOptions, 'store' | 'isTimed'> &
  StoreStageOptions & {
    /**
     * False: a group waits for more until it is full or flush() is called. What is stored then depends on the
     * requests alone, not on how fast they came. Default true: a group waits LIMITS.groupWaitMs at most.
     */
    readonly isTimed?: boolean;
  };

export interface IngestPipeline {
  /** Resolves when the request is durable or refused; never rejects. */
  submit(request: IngestRequest): Promise<IngestReply>;
  /** Commits what is open. */
  flush(): void;
}

export function createIngestPipeline(dependencies: IngestDependencies): IngestPipeline {
  // request in: inflated, decoded into the columns of the open group …
  const storeGroup = createStoreStage(dependencies);
  return createDecodeStage({
    isTimed: true,
    ...dependencies,
    // … group out: normalised, templates named, tallied, one transaction a day, replies
    store: (group) => ({
      replies: storeGroup(group),
      memory: takeGroupMemory(group.columns),
    }),
  });
}
