/** Alerts, manual diagnoses and event streams over real HTTP; investigations end when the test says so. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ANSWERS } from '../../src/api/answers.ts';
import { alertmanagerPayload, grafanaPayload } from '../plugin/triggers/payloads.ts';
import { REPORT } from '../report/fixture.ts';
import { type Harness, NOW_US, startHarness } from './harness.ts';

let api: Harness;
beforeEach(async () => {
  api = await startHarness();
});
afterEach(() => api.stop());

const MINUTE_US = 60_000_000;

async function alert(payload: unknown) {
  const response = await api.post('/api/v1/webhooks/alertmanager', payload);
  expect(response.status).toBe(202);
  return ANSWERS.reports.parse(await response.json()).reports;
}

describe('POST /api/v1/webhooks/alertmanager', () => {
  test('starts one investigation for the alerts of a group and answers at once', async () => {
    expect(await alert(alertmanagerPayload())).toEqual([
      { id: 'r-1', url: '/reports/r-1', status: 'running' },
    ]);
    const { request, alertKeys } = api.started.get('r-1')!;
    expect(request).toMatchObject({
      trigger: { kind: 'alertmanager' },
      scope: { service: 'bot-gateway', endpoint: '/coze/webhook' },
      window: { fromUs: NOW_US - 15 * MINUTE_US, toUs: NOW_US },
    });
    expect(request.trigger.alerts.map((one) => one.name)).toEqual(['BotLatencyHigh', 'BotErrors']);
    expect(alertKeys).toHaveLength(2);
  });

  test('is idempotent: the same alerts name the same report', async () => {
    await alert(alertmanagerPayload());
    expect(await alert(alertmanagerPayload())).toMatchObject([{ id: 'r-1', status: 'running' }]);
    api.finish('r-1');
    expect(await alert(alertmanagerPayload())).toMatchObject([{ id: 'r-1', status: 'complete' }]);
    expect(api.started.size).toBe(1);
  });

  test('investigates what joins a group later, and names both reports', async () => {
    const payload = alertmanagerPayload();
    await alert({ ...payload, alerts: payload.alerts.slice(0, 1) });
    expect(await alert(payload)).toMatchObject([{ id: 'r-1' }, { id: 'r-2' }]);
    expect(api.started.get('r-2')?.request.trigger.alerts).toHaveLength(1);
  });

  test('a new start of the same alert is a new alert', async () => {
    await alert(alertmanagerPayload());
    const later = alertmanagerPayload({ startsAt: '2025-07-01T10:18:00Z' });
    expect(await alert(later)).toMatchObject([{ id: 'r-2' }]);
  });

  test('resolved closes and starts nothing', async () => {
    expect(await alert(alertmanagerPayload({ status: 'resolved' }))).toEqual([]);
    await alert(alertmanagerPayload());
    const [key] = api.started.get('r-1')!.alertKeys;
    expect(api.backend.state.findAlert(key!)).toEqual({ reportId: 'r-1', isResolved: false });
    expect(await alert(alertmanagerPayload({ status: 'resolved' }))).toMatchObject([{ id: 'r-1' }]);
    expect(api.backend.state.findAlert(key!)).toEqual({ reportId: 'r-1', isResolved: true });
    expect(api.started.size).toBe(1);
  });

  test('a repeated alert whose run failed is tried again, at most three times', async () => {
    for (const id of ['r-1', 'r-2', 'r-3']) {
      expect(await alert(alertmanagerPayload())).toMatchObject([{ id, status: 'running' }]);
      api.fail(id);
    }
    expect(await alert(alertmanagerPayload())).toMatchObject([{ id: 'r-3', status: 'failed' }]);
    expect(api.started.size).toBe(3);
  });

  describe('an alert of our own that Alertmanager sends back', () => {
    const own = (incidentId: string, status?: 'resolved') => {
      const payload = alertmanagerPayload(status ? { status } : {});
      const alerts = payload.alerts.map((one) => ({
        ...one,
        labels: { ...one.labels, alertname: 'TaprootIncident', taproot_incident: incidentId },
      }));
      return { ...payload, alerts };
    };
    const saveIncident = (reportId?: string) =>
      api.backend.state.saveIncident({
        incidentId: 'i1',
        status: 'open',
        onsetUs: NOW_US,
        lastSeenUs: NOW_US,
        services: ['bot-gateway'],
        anomalyIds: [],
        ...(reportId === undefined ? {} : { reportId }),
      });

    test('names the report of its incident and starts nothing', async () => {
      saveIncident('r-own');
      api.backend.state.saveReport({ ...REPORT, reportId: 'r-own' }, { spans: [], logs: [] });
      expect(await alert(own('i1'))).toMatchObject([{ id: 'r-own', status: 'complete' }]);
      expect(await alert(own('i1', 'resolved'))).toMatchObject([{ id: 'r-own' }]);
      expect(api.started.size).toBe(0);
    });

    test('starts nothing before the incident has a report', async () => {
      saveIncident();
      expect(await alert(own('i1'))).toEqual([]);
      expect(api.started.size).toBe(0);
    });

    test('beside a foreign alert leaves that one to be investigated alone', async () => {
      saveIncident('r-own');
      const payload = alertmanagerPayload();
      const mixed = { ...payload, alerts: [...own('i1').alerts, payload.alerts[0]] };
      expect(await alert(mixed)).toMatchObject([{ id: 'r-own' }, { id: 'r-1' }]);
      expect(api.started.get('r-1')?.request.trigger.alerts).toHaveLength(1);
    });

    test('of an incident that nobody knows is an alert like any other', async () => {
      expect(await alert(own('i2'))).toMatchObject([{ id: 'r-1' }]);
    });
  });

  test('takes what Grafana sends', async () => {
    expect(await alert(grafanaPayload())).toMatchObject([{ id: 'r-1' }]);
    expect(api.started.get('r-1')?.request.scope).toEqual({
      service: 'bot-gateway',
      bot: '73428668',
    });
  });

  test.each([
    ['no alerts', { ...alertmanagerPayload(), alerts: undefined }, '"alerts"'],
    ['no group key', { ...alertmanagerPayload(), groupKey: '' }, '"groupKey"'],
    ['a list', [], 'body'],
    ['a status of its own', { ...alertmanagerPayload(), status: 'maybe' }, '"status"'],
  ])('refuses %s', async (_caption, payload, part) => {
    const response = await api.post('/api/v1/webhooks/alertmanager', payload);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      code: 'request.invalid',
      detail: expect.stringContaining(part),
    });
    expect(api.started.size).toBe(0);
  });

  test('links go to the public address when there is one', async () => {
    const proxied = await startHarness({ publicUrl: 'https://taproot.example/' });
    const response = await proxied.post('/api/v1/webhooks/alertmanager', alertmanagerPayload());
    await proxied.stop();
    expect(await response.json()).toMatchObject({
      reports: [{ url: 'https://taproot.example/reports/r-1' }],
    });
  });
});

describe('POST /api/v1/diagnoses', () => {
  const body = {
    window: { from: 'now-15m', to: NOW_US / 1000 },
    reference: { from: '2025-07-01T09:00:00Z', to: '2025-07-01T10:00:00+00:00' },
    scope: { service: 'bot-gateway', attributes: { 'coze.channel': 'feishu' } },
  };

  test('starts at once', async () => {
    const response = await api.post('/api/v1/diagnoses', body);
    expect(response.status).toBe(202);
    expect(await response.json()).toEqual({ id: 'r-1', url: '/reports/r-1', status: 'running' });
    expect(api.started.get('r-1')?.request).toEqual({
      trigger: { kind: 'manual', alerts: [] },
      window: { fromUs: NOW_US - 15 * MINUTE_US, toUs: NOW_US },
      reference: { fromUs: REPORT.window.fromUs - 60 * MINUTE_US, toUs: REPORT.window.fromUs },
      scope: body.scope,
    });
  });

  test('?wait answers the report when it is done in time, else 202', async () => {
    const late = await api.post('/api/v1/diagnoses?wait=10ms', body);
    expect(late.status).toBe(202);
    const inTime = await startHarness();
    const start = inTime.backend.startInvestigation;
    Object.assign(inTime.backend, {
      startInvestigation: (...request: Parameters<typeof start>) => {
        const started = start(...request);
        inTime.finish(started.reportId);
        return started;
      },
    });
    const done = await inTime.post('/api/v1/diagnoses?wait=30s&lang=zh', body);
    expect(done.status).toBe(200);
    expect(ANSWERS.report.parse(await done.json())).toMatchObject({ id: 'r-1', lang: 'zh' });
    await inTime.stop();
  });

  test('a running report is 202 in the API and a page that reloads itself', async () => {
    await api.post('/api/v1/diagnoses', body);
    expect((await api.get('/api/v1/reports/r-1')).status).toBe(202);
    const page = await api.get('/reports/r-1');
    expect(page.status).toBe(202);
    expect(await page.text()).toContain('<meta http-equiv="refresh" content="2">');
  });
});

describe('GET /api/v1/diagnoses/:id/events', () => {
  /** Event types and data of a whole stream. */
  function parseEvents(text: string) {
    return text
      .split('\n\n')
      .filter((block) => block.includes('event:'))
      .map((block) => ({
        type: /^event: (.*)$/m.exec(block)?.[1],
        data: JSON.parse(/^data: (.*)$/m.exec(block)?.[1] ?? 'null') as unknown, // our own JSON
      }));
  }

  test('streams what comes and ends with the run', async () => {
    await api.post('/api/v1/diagnoses', { window: { from: 'now-5m', to: 'now' } });
    const response = await api.get('/api/v1/diagnoses/r-1/events');
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    api.say('r-1', { type: 'phase', atUs: NOW_US, data: { step: 'collect' } });
    api.say('r-1', { type: 'phase', atUs: NOW_US, data: { step: 'collect', durationMs: 12 } });
    api.finish('r-1');
    expect(parseEvents(await response.text())).toEqual([
      { type: 'phase', data: { at: '2025-07-01T10:20:00.000Z', step: 'collect' } },
      { type: 'phase', data: { at: '2025-07-01T10:20:00.000Z', step: 'collect', durationMs: 12 } },
      {
        type: 'done',
        data: { at: '2025-07-01T10:20:00.000Z', reportId: 'r-1', status: 'complete' },
      },
    ]);
  });

  test('a failed run ends the stream too', async () => {
    await api.post('/api/v1/diagnoses', { window: { from: 'now-5m', to: 'now' } });
    const response = await api.get('/api/v1/diagnoses/r-1/events');
    api.fail('r-1');
    expect(parseEvents(await response.text())).toMatchObject([
      { type: 'failed', data: { code: 'analysis.timeout' } },
    ]);
  });

  test('a late subscriber gets the last events', async () => {
    await api.post('/api/v1/diagnoses', { window: { from: 'now-5m', to: 'now' } });
    api.finish('r-1');
    const response = await api.get('/api/v1/diagnoses/r-1/events');
    expect(parseEvents(await response.text())).toMatchObject([
      { type: 'verdict', data: { verdict: 'confirmed', rootCause: 'h1' } },
      { type: 'done', data: { reportId: 'r-1' } },
    ]);
  });

  test('telemetry cannot forge an event: a line break stays inside the data', async () => {
    await api.post('/api/v1/diagnoses', { window: { from: 'now-5m', to: 'now' } });
    const response = await api.get('/api/v1/diagnoses/r-1/events');
    const message = 'x\n\nevent: done\ndata: {}\n\n';
    api.say('r-1', {
      type: 'progress',
      atUs: NOW_US,
      data: { step: 'verify', message: { zh: message, en: message } },
    });
    api.fail('r-1');
    const types = parseEvents(await response.text()).map((event) => event.type);
    expect(types).toEqual(['progress', 'failed']);
  });

  test('stopping the API ends open streams', async () => {
    const other = await startHarness();
    await other.post('/api/v1/diagnoses', { window: { from: 'now-5m', to: 'now' } });
    const response = await other.get('/api/v1/diagnoses/r-1/events');
    await other.stop();
    expect(await response.text()).toBe('');
  });
});
