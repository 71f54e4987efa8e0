/**
 * The whole demo: the bot and the services it calls (knowledge base, plugin, LLM gateway, database, messengers), each
 * with its own SDK and resource, talking over loopback. One process, so that it stays cheap.
 */
import { randomUUID } from 'node:crypto';
import { startChannelServer } from './channel-server.ts';
import { startDatabaseServer } from './database-server.ts';
import { FaultBoard } from './faults.ts';
import { type HttpRoute, startHttpServer } from './http-server.ts';
import { createInstruments } from './instruments.ts';
import { startKbServer } from './kb-server.ts';
import { startLlmGateway } from './llm-gateway.ts';
import { createOrdersPool, type OrdersPool } from './orders.ts';
import { createRandom } from './random.ts';
import { type OtlpTarget, startTelemetry, type Telemetry } from './telemetry.ts';
import { startWeatherPlugin } from './weather-plugin.ts';
import { handleWebhook } from './webhook.ts';

export interface BotOptions {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly metricsPort: number;
  readonly serviceName: string;
  readonly environment: string;
  readonly workspaceId: string;
  readonly seed: number;
  readonly otlp: OtlpTarget;
  readonly exportIntervalMs: number;
}

export interface RunningBot {
  readonly url: string;
  readonly metricsUrl: string;
  readonly faults: FaultBoard;
  /** Sends what is buffered, then ends. */
  stop(): Promise<void>;
}

const VERSION = '1.1.4';

export async function startBot(options: BotOptions): Promise<RunningBot> {
  const { host, seed } = options;
  const faults = new FaultBoard();
  const telemetryOf = (serviceName: string, withPage: boolean): Promise<Telemetry> =>
    startTelemetry({
      ...options,
      serviceName,
      serviceVersion: VERSION,
      instanceId: randomUUID(),
      ...(withPage ? { prometheus: { host, port: options.metricsPort } } : {}),
    });
  const telemetry = await telemetryOf(options.serviceName, true);
  telemetry.register();
  const prefix = options.serviceName === 'coze-demo-bot' ? '' : `${options.serviceName}-`;
  const kbTelemetry = await telemetryOf(`${prefix}kb-server`, false);
  const pluginTelemetry = await telemetryOf(`${prefix}weather-plugin`, false);
  const llmTelemetry = await telemetryOf(`${prefix}llm-gateway`, false);

  const kb = await startKbServer({ host, seed: seed + 1, faults, telemetry: kbTelemetry });
  const plugin = await startWeatherPlugin({
    host,
    seed: seed + 2,
    faults,
    telemetry: pluginTelemetry,
  });
  const llm = await startLlmGateway({ host, seed: seed + 3, faults, telemetry: llmTelemetry });
  const channel = await startChannelServer({ host, seed: seed + 4 });
  const database = await startDatabaseServer({
    host,
    port: 0,
    seed: seed + 5,
    statementDelayMs: () => faults.active('db_slow_query')?.ms ?? 0,
  });
  const pool = createOrdersPool({ host, port: database.port, faults });
  const instruments = createInstruments(telemetry.meter, () => pool.counts());
  const deps = {
    telemetry,
    instruments,
    faults,
    pool,
    random: createRandom(seed),
    kbUrl: kb.url,
    pluginUrl: plugin.url,
    llmUrl: llm.url,
    channelUrl: channel.url,
  };
  const server = await startHttpServer({
    host,
    port: options.port,
    telemetry,
    routes: [
      {
        method: 'POST',
        path: '/coze/webhook',
        isTraced: true,
        handle: (call) => handleWebhook(call, deps),
      },
      ...controlRoutes(faults, pool),
    ],
  });
  return {
    url: server.url,
    metricsUrl: `http://${host}:${telemetry.prometheusPort}/metrics`,
    faults,
    stop: async () => {
      for (const running of [server, kb, plugin, llm, channel]) await running.close();
      pool.close();
      await database.close();
      instruments.stop();
      const all = [telemetry, kbTelemetry, pluginTelemetry, llmTelemetry];
      await Promise.all(all.map((each) => each.shutdown()));
    },
  };
}

/** Health, the pool's state for probes, and the fault switch. */
function controlRoutes(faults: FaultBoard, pool: OrdersPool): HttpRoute[] {
  return [
    {
      method: 'GET',
      path: '/healthz',
      handle: async () => ({ status: 200, body: { status: 'OK' } }),
    },
    {
      method: 'GET',
      path: '/debug/health',
      handle: async (call) => {
        const check = call.query.get('check');
        if (check !== 'db-pool') {
          return {
            status: 404,
            body: { code: 404, msg: `Unknown check "${check}"; known: db-pool` },
          };
        }
        const { active, max, pending } = pool.counts();
        const status = active >= max ? 'CRITICAL' : 'OK';
        const body = {
          status,
          activeConnections: active,
          maxPoolSize: max,
          pendingRequests: pending,
        };
        return { status: 200, body };
      },
    },
    {
      method: 'GET',
      path: '/__fault',
      handle: async () => ({ status: 200, body: { faults: faults.list() } }),
    },
    {
      method: 'POST',
      path: '/__fault',
      handle: async (call) => {
        try {
          return { status: 200, body: faults.set(call.body) };
        } catch (error) {
          if (!(error instanceof RangeError)) throw error;
          return { status: 400, body: { code: 4000, msg: error.message } };
        }
      },
    },
  ];
}
