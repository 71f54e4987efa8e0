import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Anomaly, Incident } from '../../src/model/anomaly.ts';
import { REPORT } from '../report/fixture.ts';
import { type Harness, NOW_US, startHarness } from './harness.ts';

const MINUTE_US = 60_000_000;
const ONSET_US = NOW_US - 12 * MINUTE_US;
const [fixture] = REPORT.collect.anomalies;
const slow: Anomaly = {
  ...fixture!,
  anomalyId: '00000000000000a1',
  status: 'closed',
  end: 'recovered',
  detectedUs: ONSET_US + 2 * MINUTE_US,
  range: { fromUs: ONSET_US, toUs: ONSET_US + 5 * MINUTE_US },
  score: 20,
  reason: { zh: '基于 <1440> 分钟', en: 'Stands on <1440> minutes' },
};
const { picture: _picture, ...plain } = slow;
const failing: Anomaly = {
  ...plain,
  anomalyId: '00000000000000a2',
  kind: 'error',
  score: 30,
  statement: { zh: '失败变多', en: 'More failures' },
};
const other: Anomaly = { ...failing, anomalyId: '00000000000000a3' };
/** Begins before its incident, as a slow leak may that joined one. */
const early: Anomaly = {
  ...plain,
  anomalyId: '00000000000000a4',
  kind: 'drift',
  score: 5,
  range: { fromUs: ONSET_US - 600 * MINUTE_US, toUs: ONSET_US - 500 * MINUTE_US },
  silencedBy: '00000000000000c1',
};
const incident: Incident = {
  incidentId: '00000000000000b1',
  status: 'closed',
  severity: 'critical',
  onsetUs: ONSET_US,
  lastSeenUs: ONSET_US + 5 * MINUTE_US,
  services: ['bot-gateway'],
  anomalyIds: [slow.anomalyId, failing.anomalyId, early.anomalyId],
  reportId: 'r-1',
  note: { zh: '已恢复', en: 'It has recovered' },
};

/** Its investigation failed: nobody has the report. */
const lost: Incident = { ...incident, incidentId: '00000000000000b2', reportId: 'r-lost' };

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness();
  harness.backend.state.saveFindings({
    judgedUntilUs: 0,
    anomalies: [slow, failing, other, early],
    incidents: [incident, lost],
  });
});
afterAll(() => harness.stop());

interface Listed {
  readonly id: string;
  readonly statement: string;
}

interface Answer {
  readonly items: readonly Listed[];
  readonly anomalies: readonly Listed[];
}

async function jsonOf(path: string): Promise<Answer> {
  const response = await harness.get(path);
  expect(response.status).toBe(200);
  return (await response.json()) as Answer; // the routes' schemas are checked elsewhere
}

test('An anomaly tells its band, its reason and the minutes of its picture', async () => {
  expect(await jsonOf(`/api/v1/anomalies/${slow.anomalyId}`)).toMatchObject({
    id: slow.anomalyId,
    end: 'recovered',
    detectedAt: '2025-07-01T10:10:00.000Z',
    reason: 'Stands on <1440> minutes',
    picture: { stepMs: 60_000, unit: 'us', values: expect.arrayContaining([8_200_000, null]) },
  });
  const { items } = await jsonOf('/api/v1/anomalies?lang=zh');
  expect(items.map(({ statement }) => statement)).toContain('失败变多');
});

test('The picture is a drawing of its own; an anomaly without minutes has none', async () => {
  const response = await harness.get(`/api/v1/anomalies/${slow.anomalyId}/picture.svg`);
  expect(response.headers.get('content-type')).toContain('image/svg+xml');
  expect(await response.text()).toMatch(/^<svg xmlns=/);
  const none = await harness.get(`/api/v1/anomalies/${failing.anomalyId}/picture.svg`);
  expect(none.status).toBe(404);
  expect(await none.json()).toMatchObject({ detail: expect.stringContaining('too few minutes') });
});

test('An incident holds its own anomalies, the most surprising first', async () => {
  const answer = await jsonOf(`/api/v1/incidents/${incident.incidentId}`);
  expect(answer).toMatchObject({ id: incident.incidentId, note: 'It has recovered' });
  const ids = [failing.anomalyId, slow.anomalyId, early.anomalyId];
  expect(answer.anomalies.map(({ id }) => id)).toEqual(ids);
});

test('Unknown and malformed ids are answered as such', async () => {
  expect((await harness.get('/api/v1/incidents/00000000000000ff')).status).toBe(404);
  expect((await harness.get('/api/v1/anomalies/00000000000000ff')).status).toBe(404);
  expect((await harness.get('/api/v1/incidents/zz')).status).toBe(400);
  expect((await harness.get('/incidents/00000000000000ff')).status).toBe(404);
});

test.each(['zh', 'en'] as const)(
  'The pages lead from the list to the incident and its report (%s)',
  async (lang) => {
    const list = await (await harness.get(`/incidents?lang=${lang}`)).text();
    expect(list).toContain(`href="/incidents/${incident.incidentId}?lang=${lang}"`);
    expect(list).toContain(`href="/reports/r-1?lang=${lang}"`);
    const page = await (await harness.get(`/incidents/${incident.incidentId}?lang=${lang}`)).text();
    expect(page).toContain('class="picture"');
    expect(page).toContain(failing.statement[lang]);
    expect(page).toContain(
      lang === 'zh' ? '基于 &lt;1440&gt; 分钟' : 'Stands on &lt;1440&gt; minutes',
    );
    expect(page).not.toContain(other.anomalyId);
    expect(page).toContain(lang === 'zh' ? '严重' : 'Critical');
    expect(page).toContain(lang === 'zh' ? '维护静默中' : 'Under a silence');
  },
);

test('A report that will never be is not pointed at', async () => {
  const page = await (await harness.get(`/incidents/${lost.incidentId}?lang=en`)).text();
  expect(page).toContain('No report');
  expect(page).not.toContain('r-lost');
  expect(await jsonOf(`/api/v1/incidents/${lost.incidentId}`)).not.toHaveProperty('reportId');
});

test('Without incidents the page says so', async () => {
  const text = await (await harness.get('/incidents?lang=en&from=0&to=1')).text();
  expect(text).toContain('No incidents');
});
