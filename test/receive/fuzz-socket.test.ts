import { expect, test } from 'vitest';
import { fuzzSocket } from './fuzz-socket.ts';

test('bent bodies over real sockets are answered as the decoders ask', async () => {
  const { statuses } = await fuzzSocket({ seed: 1, count: 400 });
  expect(statuses['200']).toBeGreaterThan(40);
  expect(statuses['400']).toBeGreaterThan(40);
}, 60_000);
