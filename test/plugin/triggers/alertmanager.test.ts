/** What is read from alert webhooks, what is refused, and what an alert says about scope and window. */
import { describe, expect, test } from 'vitest';
import { isAppError } from '../../../src/base/errors.ts';
import { LIMITS } from '../../../src/base/limits.ts';
import type { Alert } from '../../../src/model/report.ts';
import {
  alertKeyOf,
  parseAlertmanagerWebhook,
  scopeOfAlerts,
  windowOfAlerts,
} from '../../../src/plugin/triggers/alertmanager.ts';
import { alertmanagerPayload, grafanaPayload } from './payloads.ts';

describe('parseAlertmanagerWebhook()', () => {
  test('reads Alertmanager version 4', () => {
    const batch = parseAlertmanagerWebhook(alertmanagerPayload());
    expect(batch).toMatchObject({
      groupKey: '{}:{service="bot-gateway"}',
      status: 'firing',
      receiver: 'taproot',
      externalUrl: 'http://alertmanager:9093',
      truncatedAlerts: 0,
    });
    expect(batch.alerts[0]).toEqual({
      fingerprint: 'c0ffee1234567890',
      status: 'firing',
      name: 'BotLatencyHigh',
      labels: {
        alertname: 'BotLatencyHigh',
        service: 'bot-gateway',
        route: '/coze/webhook',
        severity: 'page',
      },
      annotations: { summary: 'p95 > 2 s' },
      startsAtUs: Date.parse('2025-07-01T10:17:30.123Z') * 1000,
      generatorUrl: 'http://prometheus:9090/graph?g0.expr=histogram_quantile',
    });
  });

  test('reads an end only when the alert has ended', () => {
    const [ended] = parseAlertmanagerWebhook(alertmanagerPayload({ status: 'resolved' })).alerts;
    expect(ended?.endsAtUs).toBe(Date.parse('2025-07-01T10:19:00Z') * 1000);
  });

  test("reads Grafana's payload with its extra fields and an offset in the time", () => {
    const { alerts } = parseAlertmanagerWebhook(grafanaPayload());
    expect(alerts[0]?.startsAtUs).toBe(Date.parse('2025-07-01T10:16:10Z') * 1000);
  });

  test('makes up what older senders leave out; the fingerprint does not depend on label order', () => {
    const old = (labels: Record<string, string>) => ({
      groupKey: 'g',
      status: 'firing',
      alerts: [{ status: 'firing', labels, startsAt: '2025-07-01T10:00:00Z' }],
    });
    const one = parseAlertmanagerWebhook(old({ alertname: 'A', x: '1' }));
    const two = parseAlertmanagerWebhook(old({ x: '1', alertname: 'A' }));
    const other = parseAlertmanagerWebhook(old({ alertname: 'A', x: '2' }));
    expect(one).toMatchObject({ receiver: '', externalUrl: '', truncatedAlerts: 0 });
    expect(one.alerts[0]?.fingerprint).toMatch(/^[0-9a-f]{16}$/);
    expect(two.alerts[0]?.fingerprint).toBe(one.alerts[0]?.fingerprint);
    expect(other.alerts[0]?.fingerprint).not.toBe(one.alerts[0]?.fingerprint);
  });

  test('an empty group is a group', () => {
    expect(parseAlertmanagerWebhook({ ...alertmanagerPayload(), alerts: [] }).alerts).toEqual([]);
  });

  const [first] = alertmanagerPayload().alerts;
  const withAlert = (change: object) => ({
    ...alertmanagerPayload(),
    alerts: [{ ...first, ...change }],
  });
  test.each([
    ['text', 'hello', 'body'],
    ['null', null, 'body'],
    ['no group key', { ...alertmanagerPayload(), groupKey: undefined }, 'groupKey'],
    ['alerts as an object', { ...alertmanagerPayload(), alerts: {} }, 'alerts'],
    ['an unknown version', { ...alertmanagerPayload(), version: '5' }, 'version'],
    ['a count below zero', { ...alertmanagerPayload(), truncatedAlerts: -1 }, 'truncatedAlerts'],
    ['a label that is a number', withAlert({ labels: { a: 1 } }), 'alerts.0.labels.a'],
    ['no labels', withAlert({ labels: undefined }), 'alerts.0.labels'],
    ['a time that is none', withAlert({ startsAt: 'soon' }), 'alerts.0.startsAt'],
    ['a date without time', withAlert({ startsAt: '2025-07-01' }), 'alerts.0.startsAt'],
    ['an unknown status', withAlert({ status: 'pending' }), 'alerts.0.status'],
    [
      'too many alerts',
      { ...alertmanagerPayload(), alerts: Array(LIMITS.alertsPerWebhookMax + 1).fill(first) },
      'alerts',
    ],
    [
      'too many labels',
      withAlert({
        labels: Object.fromEntries(
          Array.from({ length: LIMITS.alertLabelsMax + 1 }, (_, index) => [`l${index}`, '']),
        ),
      }),
      'alerts.0.labels',
    ],
    [
      'a label too long',
      withAlert({ labels: { a: 'x'.repeat(LIMITS.alertTextCharsMax + 1) } }),
      'alerts.0.labels.a',
    ],
  ])('refuses %s and names the field', (_caption, body, field) => {
    let thrown: unknown;
    try {
      parseAlertmanagerWebhook(body);
    } catch (error) {
      thrown = error;
    }
    expect(isAppError(thrown, 'request.invalid') && thrown.message).toContain(`"${field}"`);
  });

  test('takes a label named __proto__ for a name like any other', () => {
    const body = JSON.parse(
      JSON.stringify(alertmanagerPayload()).replaceAll('"route"', '"__proto__"'),
    );
    const { alerts } = parseAlertmanagerWebhook(body);
    expect(scopeOfAlerts(alerts)).toEqual({ service: 'bot-gateway' });
    expect(Object.getPrototypeOf(alerts[0]?.labels)).toBe(Object.prototype);
  });
});

const alertOf = (
  labels: Record<string, string>,
  more: Partial<Pick<Alert, 'annotations' | 'startsAtUs' | 'fingerprint'>> = {},
): Alert => ({
  fingerprint: 'f',
  status: 'firing',
  name: 'A',
  labels,
  annotations: {},
  startsAtUs: 1000,
  ...more,
});

describe('alertKeyOf()', () => {
  test('tells group, fingerprint and start apart, also where they touch', () => {
    const keys = [
      alertKeyOf('g', alertOf({})),
      alertKeyOf('gf', alertOf({}, { fingerprint: '' })),
      alertKeyOf('g', alertOf({}, { fingerprint: 'f1', startsAtUs: 0 })),
      alertKeyOf('g', alertOf({}, { fingerprint: 'f', startsAtUs: 10 })),
    ];
    expect(new Set(keys).size).toBe(keys.length);
    expect(alertKeyOf('g', alertOf({ a: 'b' }))).toBe(keys[0]);
  });
});

describe('scopeOfAlerts()', () => {
  test.each([
    ['nothing', [{}], {}],
    ['service', [{ service: 'a' }], { service: 'a' }],
    ['service_name', [{ service_name: 'a' }], { service: 'a' }],
    ['service before job', [{ job: 'scrape', service: 'a' }], { service: 'a' }],
    ['job alone', [{ job: 'bot' }], { service: 'bot' }],
    ['empty values', [{ service: '', job: 'bot' }], { service: 'bot' }],
    ['two services: none', [{ service: 'a' }, { service: 'b' }], {}],
    [
      'two services: not the job either',
      [
        { service: 'a', job: 'j' },
        { service: 'b', job: 'j' },
      ],
      {},
    ],
    ['one of two names it', [{ service: 'a' }, {}], { service: 'a' }],
    ['route and bot', [{ route: '/x', bot_id: '7' }], { endpoint: '/x', bot: '7' }],
    ['operation', [{ operation: 'GET /x' }], { endpoint: 'GET /x' }],
  ] as const)('%s', (_caption, labels, scope) => {
    expect(scopeOfAlerts(labels.map((one) => alertOf(one)))).toEqual(scope);
  });
});

describe('windowOfAlerts()', () => {
  const MINUTE_US = 60_000_000;
  const nowUs = 1_751_365_200_000_000;
  const options = { nowUs, windowMinutes: 10 };

  test.each([
    ['an alert of now', 0, 10, 0],
    ['an alert of a minute ago', 1, 10, 0],
    ['an alert of an hour ago: around its start', 60, 65, 55],
    ['an alert of the future: until now', -5, 10, 0],
  ])('%s', (_caption, agoMinutes, fromMinutes, toMinutes) => {
    const alert = alertOf({}, { startsAtUs: nowUs - agoMinutes * MINUTE_US });
    expect(windowOfAlerts([alert], options)).toEqual({
      window: { fromUs: nowUs - fromMinutes * MINUTE_US, toUs: nowUs - toMinutes * MINUTE_US },
    });
  });

  test('takes what the annotations name', () => {
    const annotations = { taproot_window: 'now-5m/now', taproot_reference: 'now-30m/now-5m' };
    expect(windowOfAlerts([alertOf({}), alertOf({}, { annotations })], options)).toEqual({
      window: { fromUs: nowUs - 5 * MINUTE_US, toUs: nowUs },
      reference: { fromUs: nowUs - 30 * MINUTE_US, toUs: nowUs - 5 * MINUTE_US },
    });
  });

  test('refuses an annotation that is no range', () => {
    const annotations = { taproot_window: 'lately' };
    expect(() => windowOfAlerts([alertOf({}, { annotations })], options)).toThrow(/"lately"/);
  });
});
