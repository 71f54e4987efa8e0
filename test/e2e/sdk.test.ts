/** The OpenTelemetry JS SDK over each OTLP protocol: what the bot sends can be asked for by one trace id. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { waitFor } from './child.ts';
import { type Bot, getJson, type Service, startBot, startService } from './service.ts';

const PROTOCOLS = [
  ['http/protobuf', 'bot-protobuf'],
  ['http/json', 'bot-json'],
  ['grpc', 'bot-grpc'],
] as const;

/** The stages of one order request, which crosses a process boundary to the LLM gateway. */
const ORDER_SPANS = [
  'POST /coze/webhook',
  'intent.route',
  'SELECT orders',
  'pool.acquire',
  'db.query',
  'chat doubao-pro',
  'POST /v1/chat/completions',
  'render.card',
  'channel.send',
];

describe('OpenTelemetry SDK', () => {
  let service: Service;
  beforeAll(async () => {
    service = await startService({ config: { detection: false } });
  });
  afterAll(async () => {
    await service?.stop();
  });

  describe.each(PROTOCOLS)('over %s', (protocol, serviceName) => {
    let bot: Bot;
    beforeAll(async () => {
      const endpoint = protocol === 'grpc' ? service.otlpGrpcUrl : service.otlpHttpUrl;
      bot = await startBot({ protocol, serviceName, endpoint, ratePerSecond: 10 });
    });
    afterAll(async () => {
      await bot?.stop();
    });

    test('a trace of all stages arrives with the logs of the same trace id', async () => {
      const trace = await waitFor(`an order's trace of ${serviceName}`, {
        timeoutMs: 30_000,
        children: [service.child, bot.child],
        check: () => findOrderTrace(service, serviceName),
      });
      const spans = new Map(trace.spans.map((span) => [span.name, span]));
      expect([...spans.keys()].sort()).toEqual([...ORDER_SPANS].sort());
      const root = spans.get('POST /coze/webhook');
      expect(root?.parentSpanId).toBeUndefined();
      expect(root?.stage).toBe('receive');
      expect(spans.get('POST /v1/chat/completions')?.parentSpanId).toBe(
        spans.get('chat doubao-pro')?.spanId,
      );
      expect(spans.get('pool.acquire')?.parentSpanId).toBe(spans.get('SELECT orders')?.spanId);
      const services = new Set(trace.spans.map((span) => span.service));
      expect(services).toEqual(new Set([serviceName, `${serviceName}-llm-gateway`]));
      expect(trace.logs.length).toBeGreaterThanOrEqual(4);
      expect(new Set(trace.logs.map((record) => record.traceId))).toEqual(new Set([trace.traceId]));
      expect(trace.logs.some((record) => String(record.body).startsWith('收到消息'))).toBe(true);
      const found = await getJson(service, `/logs?traceId=${trace.traceId}`, 'logs');
      expect(found.items).toHaveLength(trace.logs.length);
    });

    test('metrics arrive: gauges, counters, histograms', async () => {
      const wanted = [
        'http.server.request.duration',
        'gen_ai.client.token.usage',
        'db.client.connection.count',
        'db.client.connection.max',
        'db.client.connection.pending_requests',
        'bot_message_processed_total',
        'nodejs.eventloop.delay.p99',
      ];
      const names = await waitFor('the metrics', {
        timeoutMs: 20_000,
        children: [service.child],
        check: async () => {
          const { items } = await getJson(
            service,
            `/metrics?service=${serviceName}&limit=500`,
            'metrics',
          );
          const names = new Set(items.map((series) => series.name));
          return wanted.every((name) => names.has(name)) ? names : undefined;
        },
      });
      expect([...names]).toEqual(expect.arrayContaining(wanted));
      const path = `/metrics/query?name=db.client.connection.max&service=${serviceName}`;
      const { items } = await getJson(service, path, 'metricPoints');
      expect(items[0]?.points.at(-1)?.value).toBe(16);
    });
  });
});

/** A complete trace of an order request, or undefined while its parts are still on the way. */
async function findOrderTrace(service: Service, serviceName: string) {
  const query = new URLSearchParams({ service: serviceName, operation: 'SELECT orders' });
  const list = await getJson(service, `/traces?${query}`, 'traces');
  for (const { traceId } of list.items) {
    const trace = await getJson(service, `/traces/${traceId}`, 'trace');
    const isWhole = trace.spans.length >= ORDER_SPANS.length && trace.logs.length >= 4;
    if (isWhole) return trace;
  }
  return undefined;
}
