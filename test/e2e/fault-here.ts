/**
 * Loaded into the service by `NODE_OPTIONS=--import`, with fault-shim.c: the first FAULT_COMPACTIONS transactions that merge small
 * blocks find no room in SQLite's log. From the last step of such a transaction to the next commit, writes to it fail.
 */
import { subscribe } from 'node:diagnostics_channel';
import { STAGE_CHANNEL } from '../../src/base/stages.ts';
import { controlFaults } from './fault-control.ts';

const { FAULT_COMPACTIONS: countText = '0', FAULT_CONTROL: file } = process.env;

if (file !== undefined) {
  const control = controlFaults(file);
  let left = Number(countText);
  let isFull = false;
  subscribe(STAGE_CHANNEL, (stage) => {
    if (stage === 'compaction' && left > 0 && !isFull) {
      control.setFault({ calls: ['write'], pattern: '*.db-wal', error: 'ENOSPC' });
      isFull = true;
      left--;
    } else if (isFull && stage !== 'compaction' && stage !== 'index-seal') {
      control.setFault(undefined);
      isFull = false;
    }
  });
}
