/** Webhook bodies as Alertmanager 0.27 and Grafana 11 send them. */

interface Options {
  readonly status?: 'firing' | 'resolved';
  readonly startsAt?: string;
}

export function alertmanagerPayload({
  status = 'firing',
  startsAt = '2025-07-01T10:17:30.123456789Z',
}: Options = {}) {
  const endsAt = status === 'firing' ? '0001-01-01T00:00:00Z' : '2025-07-01T10:19:00Z';
  const alert = (alertname: string, fingerprint: string) => ({
    status,
    labels: { alertname, service: 'bot-gateway', route: '/coze/webhook', severity: 'page' },
    annotations: { summary: 'p95 > 2 s' },
    startsAt,
    endsAt,
    generatorURL: 'http://prometheus:9090/graph?g0.expr=histogram_quantile',
    fingerprint,
  });
  return {
    receiver: 'taproot',
    status,
    alerts: [alert('BotLatencyHigh', 'c0ffee1234567890'), alert('BotErrors', 'beef001234567890')],
    groupLabels: { service: 'bot-gateway' },
    commonLabels: { service: 'bot-gateway', severity: 'page' },
    commonAnnotations: { summary: 'p95 > 2 s' },
    externalURL: 'http://alertmanager:9093',
    version: '4',
    groupKey: '{}:{service="bot-gateway"}',
    truncatedAlerts: 0,
  };
}

export function grafanaPayload() {
  return {
    receiver: 'taproot',
    status: 'firing',
    orgId: 1,
    alerts: [
      {
        status: 'firing',
        labels: { alertname: 'Bot p95', service_name: 'bot-gateway', bot_id: '73428668' },
        annotations: { summary: 'p95 is high' },
        startsAt: '2025-07-01T18:16:10+08:00',
        endsAt: '0001-01-01T00:00:00Z',
        generatorURL: 'http://grafana:3000/alerting/grafana/abc/view?orgId=1',
        fingerprint: '57c6d9296de2ad39',
        silenceURL: 'http://grafana:3000/alerting/silence/new',
        dashboardURL: '',
        panelURL: '',
        values: { A: 8.2, C: 1 },
        valueString: "[ var='A' labels={} value=8.2 ]",
      },
    ],
    groupLabels: { alertname: 'Bot p95' },
    commonLabels: { alertname: 'Bot p95' },
    commonAnnotations: {},
    externalURL: 'http://grafana:3000/',
    version: '1',
    groupKey: '{}/{}:{alertname="Bot p95"}',
    truncatedAlerts: 0,
    title: '[FIRING:1] Bot p95',
    state: 'alerting',
    message: '**Firing**',
  };
}
