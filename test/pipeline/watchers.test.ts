import { expect, test } from 'vitest';
import type { Tally } from '../../src/model/tally.ts';
import { createWatchers } from '../../src/pipeline/watchers.ts';

const START_US = Date.UTC(2026, 0, 5) * 1000;
const endpoint = { endpointId: 'e', service: 'bot', operation: 'chat', stage: 'other' } as const;

/** What watches of endpoints say of four times the requests after so many minutes. */
function reasonsAfter(minutes: number, detectionMethod: 'adaptive' | 'ratio'): readonly string[] {
  const { endpoints } = createWatchers({ slos: [], detectionMethod });
  return Array.from({ length: minutes + 5 }, (_, minute) => {
    const count = minute < minutes ? 50 : 200;
    const minuteUs = START_US + minute * 60_000_000;
    const sketch = { buckets: [300], counts: [count] };
    const tally: Tally = { endpoint, minuteUs, count, errorCount: 0, sketch };
    return endpoints.step({ minuteUs, tallies: [tally], changes: [] });
  })
    .flat()
    .map(({ reason }) => reason?.en ?? '');
}

test.each(['adaptive', 'ratio'] as const)('createWatchers() judges by the method %s', (method) => {
  const isRatio = method === 'ratio';
  const [first] = reasonsAfter(180, method);
  expect(first?.includes('3.2 times the mean')).toBe(isRatio);
});

test('createWatchers() keeps what each method has learned apart', () => {
  const namesOf = (detectionMethod: 'adaptive' | 'ratio') =>
    createWatchers({ slos: [], detectionMethod }).list.map(({ name }) => name);
  expect(namesOf('adaptive')).toEqual(['endpoints', 'slos', 'logs', 'metrics']);
  expect(namesOf('ratio')).toEqual(['endpoints-ratio', 'slos', 'logs', 'metrics']);
});

test('createWatchers() lists the watches that it names', () => {
  const { endpoints, slos, list } = createWatchers({ slos: [], detectionMethod: 'adaptive' });
  expect(list.map(({ watch }) => watch)).toEqual(expect.arrayContaining([endpoints, slos]));
});
