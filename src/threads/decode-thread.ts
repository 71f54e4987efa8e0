/** Worker: inflates and decodes requests into groups, which the store thread stores. It holds no state of its own. */
import { parentPort, workerData } from 'node:worker_threads';
import { createCounters } from '../base/counters.ts';
import { createLog } from '../base/log.ts';
import { systemClock } from '../base/time.ts';
import { loadDataKey } from '../pipeline/data-key.ts';
import { createDecodeStage, type DecodeStage, type StoredGroup } from '../pipeline/decode-stage.ts';
import { createFingerprint } from '../pipeline/fingerprint.ts';
import { buffersOfParts, type DecodedGroup, takeParts } from '../pipeline/group.ts';
import type { IngestRequest } from '../receive/receive.ts';
import type { GroupAnswer, GroupMessage, PathSettings } from './messages.ts';
import { createRpc } from './rpc.ts';
import { collectAfterStart } from './young-garbage.ts';

const { config, isPretty, groups } = workerData as PathSettings; // made by service.ts
const log = createLog({ level: config.logLevel, isPretty }).child({ thread: 'decode' });
const counters = createCounters();
const store = createRpc(groups, {});

collectAfterStart();
let stage: DecodeStage | undefined;

function openStage(): DecodeStage {
  return createDecodeStage({
    fingerprint: createFingerprint(loadDataKey(config.dataDir, 'request')),
    clock: systemClock,
    counters,
    log,
    bodyBytesMax: config.bodyBytesMax,
    isTimed: true,
    store: storeGroup,
  });
}

/** Columns are moved there and their memory back: nothing is copied but the texts. */
function storeGroup({ columns, requests }: DecodedGroup): Promise<StoredGroup> {
  const parts = takeParts(columns);
  const message: GroupMessage = { columns: parts, requests };
  return store.call<GroupAnswer>('store', message, { transfer: buffersOfParts(parts) });
}

if (!parentPort) throw new Error('decode-thread runs as a worker only');
createRpc(parentPort, {
  /** To be called once the store is open, which makes the folder and its keys; nothing is taken before. */
  open: () => {
    stage = openStage();
  },
  ingest: (request: IngestRequest) => {
    if (!stage) throw new Error('ingest before open');
    return stage.submit(request);
  },
  counters: () => counters.snapshot(),
  /** Every request that came before has its reply. */
  stop: () => stage?.drain(),
});
