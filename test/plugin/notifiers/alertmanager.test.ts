/** Alerts reach every Alertmanager over real HTTP, again and again, whatever one of them does. */
import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type CounterSample, createCounters } from '../../../src/base/counters.ts';
import { silentLog } from '../../../src/base/log.ts';
import {
  type AlertmanagerNotifier,
  createAlertmanagerNotifier,
  type NotifierTimes,
} from '../../../src/plugin/notifiers/alertmanager.ts';
import type { OutgoingAlert } from '../../../src/plugin/notifiers/outbox.ts';
import { type AlertReceiver, startReceiver } from './receiver.ts';

const NOW_US = Date.parse('2026-03-01T10:00:00Z') * 1000;
const ALERT: OutgoingAlert = {
  key: 'i1',
  labels: { alertname: 'TaprootIncident', service: '商城', taproot_incident: 'i1' },
  annotations: { summary: '“pay” is slow\n<b>' },
  startsAtUs: NOW_US - 120_000_000,
  generatorUrl: 'http://127.0.0.1:4400/reports/r-1',
};
/** Nothing is repeated within a test, unless the test says so. */
const SLOW: NotifierTimes = { resendMs: 3_600_000, retryMs: 1, timeoutMs: 10_000 };

let receivers: AlertReceiver[];
let notifier: AlertmanagerNotifier | undefined;
let counters = createCounters();

beforeEach(async () => {
  receivers = [await startReceiver(), await startReceiver()];
  counters = createCounters();
});

afterEach(async () => {
  await notifier?.stop(0);
  for (const receiver of receivers) await receiver.close();
});

function start(
  urls: readonly string[],
  options: { readonly times?: NotifierTimes; readonly authorization?: string } = {},
): AlertmanagerNotifier {
  notifier = createAlertmanagerNotifier({
    urls,
    authorization: options.authorization,
    clock: { nowUs: () => NOW_US },
    counters,
    log: silentLog,
    times: options.times ?? SLOW,
  });
  return notifier;
}

function countOf(name: string, url: string): number {
  const { host } = new URL(url);
  const isWanted = (sample: CounterSample) =>
    sample.name === name && sample.labels['target'] === host;
  return counters.snapshot().find(isWanted)?.value ?? Number.NaN;
}

describe('createAlertmanagerNotifier()', () => {
  test('posts to the v2 API of each what fires, valid for four repetitions', async () => {
    const [one, two] = receivers as [AlertReceiver, AlertReceiver];
    start([one.url, `${two.url}/am/`]).put([ALERT]);
    await one.waitForRequests(1);
    await two.waitForRequests(1);
    expect(one.requests[0]?.path).toBe('/api/v2/alerts');
    expect(two.requests[0]?.path).toBe('/am/api/v2/alerts');
    expect(one.requests[0]?.alerts).toEqual([
      {
        labels: ALERT.labels,
        annotations: ALERT.annotations,
        startsAt: '2026-03-01T09:58:00.000Z',
        endsAt: '2026-03-01T14:00:00.000Z',
        generatorURL: ALERT.generatorUrl,
      },
    ]);
    expect(one.requests[0]?.headers.authorization).toBeUndefined();
    expect(two.requests[0]?.alerts).toEqual(one.requests[0]?.alerts);
  });

  test('sends the authorization it is given', async () => {
    const [one] = receivers as [AlertReceiver];
    start([one.url], { authorization: 'Bearer abc' }).put([ALERT]);
    await one.waitForRequests(1);
    expect(one.requests[0]?.headers.authorization).toBe('Bearer abc');
  });

  test('repeats what fires, and tells its end once', async () => {
    const [one] = receivers as [AlertReceiver];
    const sender = start([one.url], { times: { ...SLOW, resendMs: 20 } });
    sender.put([ALERT]);
    await one.waitForRequests(3);
    sender.put([
      { ...ALERT, endedAtUs: NOW_US - 1_000_000 },
      { ...ALERT, key: 'i2' },
    ]);
    await one.waitForRequests(6);
    const ends = one.requests.flatMap(({ alerts }) => alerts.map(({ endsAt }) => endsAt));
    expect(ends.filter((end) => end === '2026-03-01T09:59:59.000Z')).toHaveLength(1);
    expect(ends.length).toBeGreaterThanOrEqual(6);
  });

  test('an end lies neither before the start nor in the future', async () => {
    const [one] = receivers as [AlertReceiver];
    const ends = [ALERT.startsAtUs - 5, NOW_US + 60_000_000];
    start([one.url]).put(
      ends.map((endedAtUs, index) => ({ ...ALERT, key: `i${index}`, endedAtUs })),
    );
    await one.waitForRequests(1);
    expect(one.requests[0]?.alerts.map(({ endsAt }) => endsAt)).toEqual([
      '2026-03-01T09:58:00.000Z',
      '2026-03-01T10:00:00.000Z',
    ]);
  });

  test.each([
    ['answers 503', { status: 503 }],
    ['redirects', { status: 302, headers: { location: 'http://127.0.0.1:1/' } }],
    ['asks for a login', { status: 401 }],
  ])('tries again while one %s, and holds up no other', async (_, reply) => {
    const [broken, sound] = receivers as [AlertReceiver, AlertReceiver];
    broken.answer(reply);
    start([broken.url, sound.url]).put([ALERT]);
    await sound.waitForRequests(1);
    await broken.waitForRequests(3);
    broken.answer({ status: 200 });
    const before = broken.requests.length;
    await broken.waitForRequests(before + 1);
    await notifier?.stop(10_000);
    expect(sound.requests).toHaveLength(1);
    expect(countOf('taproot_alerts_failed_total', broken.url)).toBeGreaterThanOrEqual(3);
    expect(countOf('taproot_alerts_sent_total', broken.url)).toBe(1);
    expect(countOf('taproot_alerts_sent_total', sound.url)).toBe(1);
    expect(countOf('taproot_alerts_failed_total', sound.url)).toBe(0);
  });

  test('gives up on one that does not answer in time, and tries again', async () => {
    const [one] = receivers as [AlertReceiver];
    one.answer('silence');
    start([one.url], { times: { ...SLOW, timeoutMs: 20 } }).put([ALERT]);
    await one.waitForRequests(2);
    expect(countOf('taproot_alerts_failed_total', one.url)).toBeGreaterThanOrEqual(1);
  });

  test('reaches one that starts later', async () => {
    const port = await freePort();
    start([`http://127.0.0.1:${port}`]).put([ALERT]);
    const received = await receiveOnceAt(port);
    expect(received).toContain('POST /api/v2/alerts');
  });

  test('does not repeat what is refused as malformed, and says so in a counter', async () => {
    const [one] = receivers as [AlertReceiver];
    one.answer({ status: 400, body: '"start time must be before end time"'.repeat(1000) });
    const sender = start([one.url]);
    sender.put([ALERT]);
    await one.waitForRequests(1);
    sender.put([{ ...ALERT, key: 'i2' }]);
    await one.waitForRequests(2);
    expect(one.requests.map(({ alerts }) => alerts.length)).toEqual([1, 1]);
    expect(countOf('taproot_alerts_failed_total', one.url)).toBeGreaterThanOrEqual(1);
  });

  test('stop() waits for the request under way, then sends nothing more', async () => {
    const [one] = receivers as [AlertReceiver];
    const sender = start([one.url], { times: { ...SLOW, resendMs: 1 } });
    sender.put([ALERT]);
    await one.waitForRequests(1);
    await sender.stop(10_000);
    const count = one.requests.length;
    sender.put([{ ...ALERT, key: 'i2' }]);
    await sender.stop(10_000);
    expect(one.requests).toHaveLength(count);
  });

  test('stop() ends a request that hangs when its time is over', async () => {
    const [one] = receivers as [AlertReceiver];
    one.answer('silence');
    start([one.url]).put([ALERT]);
    await one.waitForRequests(1);
    await notifier?.stop(1);
    expect(one.requests).toHaveLength(1);
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address ? address.port : 0;
}

/** First bytes of the first connection. */
function receiveOnceAt(port: number): Promise<string> {
  return new Promise((resolve) => {
    const server = createServer((socket) => {
      socket.once('data', (bytes) => {
        socket.end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n');
        server.close();
        resolve(bytes.toString('utf8'));
      });
    });
    server.listen(port, '127.0.0.1');
  });
}
