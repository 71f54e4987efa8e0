/** Silences and service level objectives over real HTTP. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ANSWERS } from '../../src/api/answers.ts';
import { LIMITS } from '../../src/base/limits.ts';
import { formatTime, US_PER_DAY, US_PER_HOUR } from '../../src/base/time.ts';
import { START_US } from '../report/fixture.ts';
import { type Harness, NOW_US, startHarness } from './harness.ts';

let api: Harness;
beforeEach(async () => {
  api = await startHarness();
});
afterEach(() => api.stop());

const LATER = formatTime(NOW_US + US_PER_HOUR);

async function add(body: object) {
  const response = await api.post('/api/v1/silences', body);
  expect(response.status).toBe(201);
  return ANSWERS.silence.parse(await response.json());
}

async function list(query = '') {
  const response = await api.get(`/api/v1/silences${query}`);
  expect(response.status).toBe(200);
  return ANSWERS.silences.parse(await response.json()).items;
}

describe('POST /api/v1/silences', () => {
  test('keeps a silence that begins now, with all that it names', async () => {
    const silence = await add({
      service: 'bot-*',
      endpoint: 'POST /pay',
      matchers: { kind: 'error' },
      to: LATER,
      comment: '升级数据库',
      createdBy: 'li',
    });
    expect(silence).toMatchObject({
      status: 'active',
      matchers: { service: 'bot-*', endpoint: 'POST /pay', kind: 'error' },
      from: formatTime(NOW_US),
      to: LATER,
      comment: '升级数据库',
      createdBy: 'li',
      createdAt: formatTime(NOW_US),
    });
    expect(await list()).toEqual([silence]);
    expect(api.backend.alertingStore.findSilence(silence.id)?.range).toEqual({
      fromUs: NOW_US,
      toUs: NOW_US + US_PER_HOUR,
    });
  });

  test('one of the future is pending', async () => {
    const to = formatTime(NOW_US + 2 * US_PER_HOUR);
    expect(await add({ service: 'bot', from: LATER, to })).toMatchObject({ status: 'pending' });
  });

  test.each<[string, object]>([
    ['that names nothing', { to: LATER }],
    ['that names an unknown field', { matchers: { host: 'a' }, to: LATER }],
    ['with an empty value', { service: '', to: LATER }],
    ['without an end', { service: 'bot' }],
    ['that ends before it begins', { service: 'bot', from: LATER, to: 'now' }],
    ['that has ended', { service: 'bot', from: 'now-2h', to: 'now-1h' }],
    [
      'that is too long',
      { service: 'bot', to: formatTime(NOW_US + (LIMITS.silenceDaysMax + 1) * US_PER_DAY) },
    ],
    ['with an unknown key', { service: 'bot', to: LATER, until: LATER }],
  ])('refuses one %s', async (_, body) => {
    const response = await api.post('/api/v1/silences', body);
    expect(response.status).toBe(400);
    expect(await list('?expired=true')).toEqual([]);
  });
});

describe('DELETE /api/v1/silences/:id', () => {
  const remove = (id: string, init?: RequestInit) =>
    api.get(`/api/v1/silences/${id}`, { method: 'DELETE', ...init });

  test('ends one that holds; it stays to be listed among the expired', async () => {
    const { id } = await add({ service: 'bot', from: 'now-1h', to: LATER });
    const response = await remove(id);
    expect(response.status).toBe(200);
    const ended = ANSWERS.silence.parse(await response.json());
    expect(ended).toMatchObject({ status: 'expired', to: formatTime(NOW_US) });
    expect(await list()).toEqual([]);
    expect(await list('?expired=true')).toEqual([ended]);
    expect(await (await remove(id)).json()).toEqual(ended);
  });

  test('removes one that has not begun', async () => {
    const to = formatTime(NOW_US + 2 * US_PER_HOUR);
    const { id } = await add({ service: 'bot', from: LATER, to });
    expect((await remove(id)).status).toBe(200);
    expect(await list('?expired=true')).toEqual([]);
  });

  test('answers 404 for one that nobody knows and 403 to a page of another site', async () => {
    expect((await remove('0123456789abcdef')).status).toBe(404);
    const { id } = await add({ service: 'bot', to: LATER });
    expect((await remove(id, { headers: { origin: 'http://evil.example' } })).status).toBe(403);
    expect(await list()).toHaveLength(1);
  });
});

test('GET /api/v1/slos shows burn rates and the budget that is left', async () => {
  const response = await api.get('/api/v1/slos');
  const { items } = ANSWERS.slos.parse(await response.json());
  expect(items).toHaveLength(1);
  const [slo] = items;
  expect(slo).toMatchObject({
    name: 'webhook answers',
    service: 'bot-gateway',
    operation: 'POST /coze/webhook',
    objective: 0.99,
    requests: 1000,
    badRequests: 5,
  });
  expect(slo?.budgetLeft).toBeCloseTo(0.5, 6);
  expect(slo?.range.to).toBe(formatTime(START_US + 60_000_000));
  expect(slo?.burnRates.map(({ minutes }) => minutes)).toEqual([5, 30, 60, 360, 4320]);
  expect(slo?.burnRates[0]).toMatchObject({ requests: 1000, badRequests: 5 });
  expect(slo?.burnRates[0]?.rate).toBeCloseTo(0.5, 6);
});
