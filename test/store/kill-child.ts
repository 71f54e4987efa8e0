/**
 * A writer that is killed: writes groups from a number on and prints each request's number once write() has
 * returned. Run by test/e2e/kill.test.ts as `node dist/test/store/kill-child.js DIR FIRST`.
 */
import { writeSync } from 'node:fs';
import { openTelemetryWriter } from '../../src/store/open.ts';
import { killGroup } from './kill-group.ts';

const [dataDir, first] = process.argv.slice(2);
if (dataDir === undefined || first === undefined) throw new Error('usage: kill-child DIR FIRST');

const writer = openTelemetryWriter({ dataDir, durability: 'disk' });
for (let request = Number(first); ; request++) {
  writer.write(killGroup(request));
  writeSync(1, `${request}\n`);
  if (request % 16 === 0) writer.checkpoint();
}
