/** Kills a writing process at random moments: what was acknowledged is there, and what is there is whole. */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openTelemetryReader, openTelemetryWriter } from '../../src/store/open.ts';
import { hashOf, Random, traceIdOf } from '../store/generate.ts';
import { KILL_RANGE, KILL_SPANS_PER_REQUEST, killGroup, readTallied } from '../store/kill-group.ts';

const CHILD = path.resolve('dist/test/store/kill-child.js');
const CYCLES = 10;

let dataDir: string;

beforeEach(() => {
  dataDir = fs.mkdtempSync(path.join(os.tmpdir(), 'taproot-kill-'));
});

afterEach(() => {
  fs.rmSync(dataDir, { recursive: true });
});

/** Kills the writer after some acknowledgements and a random further moment; returns the last acknowledged. */
async function writeUntilKilled(first: number, random: Random): Promise<number> {
  const child = spawn(process.execPath, [CHILD, dataDir, String(first)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const acknowledgementsMin = 1 + random.below(40);
  const delayMs = random.next() * 20;
  let output = '';
  let isDoomed = false;
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (text: string) => {
    output += text;
    if (isDoomed || output.split('\n').length <= acknowledgementsMin) return;
    isDoomed = true;
    setTimeout(() => child.kill('SIGKILL'), delayMs);
  });
  const signal = await new Promise((resolve) => child.once('close', (_, name) => resolve(name)));
  expect(signal).toBe('SIGKILL');
  // The last line may be cut; only whole ones are acknowledgements.
  const acknowledged = output.split('\n').slice(0, -1).map(Number);
  expect(acknowledged).toEqual(acknowledged.map((_, index) => first + index));
  return acknowledged.at(-1) ?? first - 1;
}

it('a killed writer loses nothing it acknowledged and leaves nothing in halves', async () => {
  const seed = Number(process.pid);
  const random = new Random(seed);
  let next = 1;
  for (let cycle = 0; cycle < CYCLES; cycle++) {
    const last = await writeUntilKilled(next, random);
    const reader = openTelemetryReader({ dataDir });
    // A reader alone finds the log of the killed process, too.
    const foundCount = reader.stats().spanCount;
    expect(foundCount).toBeGreaterThanOrEqual(KILL_SPANS_PER_REQUEST * last);
    const writer = openTelemetryWriter({ dataDir, durability: 'disk' });
    for (let request = next; request <= last; request++) {
      const answer = writer.findAnswer(hashOf(request));
      expect(answer, `request ${request}, seed ${seed}`).toBeDefined();
    }
    // The request that was under way may be stored or not: a sender sends it again, and an acknowledged one
    // too, when the reply was lost.
    writer.write(killGroup(last + 1));
    writer.write(killGroup(Math.max(1, last)));
    const countByTrace = new Map<string, number>();
    reader.scanSpans({ range: KILL_RANGE, sections: ['attributes'] }, (columns, rows) => {
      for (const row of rows) {
        const bytes = columns.traceId.subarray(16 * row, 16 * row + 16);
        const traceId = Buffer.from(bytes).toString('hex');
        countByTrace.set(traceId, (countByTrace.get(traceId) ?? 0) + 1);
      }
      return undefined;
    });
    const expected = new Map<string, number>();
    for (let request = 1; request <= last + 1; request++) {
      expected.set(traceIdOf(request), KILL_SPANS_PER_REQUEST);
    }
    expect(countByTrace, `cycle ${cycle}, seed ${seed}`).toEqual(expected);
    const trace = reader.readTrace(traceIdOf(last + 1));
    expect(trace.map((span) => span.attributes['text'])).toEqual(
      trace.map((_, index) => `span ${index} of request ${last + 1}`),
    );
    expect(trace).toHaveLength(KILL_SPANS_PER_REQUEST);
    const total = KILL_SPANS_PER_REQUEST * (last + 1);
    expect(readTallied(reader), `cycle ${cycle}, seed ${seed}`).toEqual([total, total]);
    reader.close();
    writer.close();
    next = last + 2;
  }
});
