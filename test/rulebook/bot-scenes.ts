/**
 * A chat bot's traffic under each fault, as spans, logs and series of the shapes that real instrumentation
 * makes: what the rules must recognise and tell apart. Deterministic; for tests only.
 */
import type { Clustered } from '../../src/model/investigation.ts';
import { type Call, type Line, type Period, type Series, sceneOf } from './scene.ts';

export type Fault =
  | 'none'
  | 'db_pool_hold'
  | 'db_slow_query'
  | 'plugin_over_limit'
  | 'retry_storm_http_200'
  | 'kb_slow'
  | 'deadline_lost'
  | 'llm_rate_limit'
  | 'canary_slow';

export const BOT = 'shop-bot';
const DB_TARGET = 'db postgresql orders-db';
const TRACES = 120;

/** A window under the fault beside a sound reference. */
export function botScene(
  fault: Fault,
  options: { readonly hasReference?: boolean } = {},
): Clustered {
  const reference = options.hasReference === false ? undefined : periodOf('none', 2 * TRACES);
  return sceneOf({ window: periodOf(fault, TRACES), ...(reference && { reference }) });
}

function periodOf(fault: Fault, traceCount: number): Period {
  const traces = Array.from({ length: traceCount }, (_, index) => traceOf(fault, index));
  return { traces, logs: logsOf(fault), series: seriesOf(fault) };
}

/** Small deterministic spread, so that quantiles have something to do. */
function around(ms: number, index: number): number {
  return ms * (0.8 + 0.05 * ((index * 7) % 9));
}

function traceOf(fault: Fault, index: number): Call {
  const isCanary = index % 5 === 0;
  const fact = factOf(fault, index);
  const chats = chatsOf(fault, index);
  const renderMs =
    around(4, index) + (fault === 'canary_slow' && isCanary ? around(700, index) : 0);
  const isTemplateError = fault === 'canary_slow' && isCanary && index % 3 === 0;
  const isLimited = chats.every(({ error }) => error !== undefined);
  const render: Call = {
    name: 'render.card',
    service: BOT,
    stage: 'render',
    ms: renderMs,
    anomalous: fault === 'canary_slow' && isCanary,
    ...(isTemplateError && { error: 'TemplateError' }),
  };
  const send: Call = {
    name: 'channel.send',
    service: BOT,
    kind: 'client',
    stage: 'channel',
    ms: around(20, index),
  };
  const sequence: Call[] = [
    { name: 'intent.route', service: BOT, stage: 'intent', ms: around(12, index) },
    ...fact.calls,
    // Nothing follows once the request was given up.
    ...(fact.giveUpMs === undefined ? [...chats, render, send] : []),
  ];
  let at = 1;
  const calls = sequence.map((call) => {
    const placed = { ...call, at: call.at ?? at };
    at = placed.at + call.ms + (call.name.startsWith('chat') ? 150 : 1);
    return placed;
  });
  const ms = fact.giveUpMs ?? at;
  const error = fact.giveUpMs
    ? 'DeadlineExceeded'
    : isTemplateError
      ? 'TemplateError'
      : isLimited
        ? 'rate_limit'
        : undefined;
  return {
    name: 'POST /coze/webhook',
    service: BOT,
    kind: 'server',
    stage: 'receive',
    ms,
    anomalous: ms > 400 || error !== undefined,
    ...(error && { error }),
    attributes: {
      'bot.variant': isCanary ? 'v1.2-canary' : 'v1.1-stable',
      'http.response.status_code': fact.giveUpMs ? 504 : 200,
    },
    calls,
  };
}

/** What the bot looks up before it answers; giveUpMs: the request ends then, whatever goes on. */
function factOf(
  fault: Fault,
  index: number,
): { readonly calls: Call[]; readonly giveUpMs?: number } {
  switch (index % 4) {
    case 0: {
      const isCostly = fault === 'deadline_lost' && index % 12 === 0;
      return { calls: [orders(fault, index, isCostly)], ...(isCostly && { giveUpMs: 1200 }) };
    }
    case 1:
      return { calls: [plugin(fault, index)] };
    case 2:
      return { calls: [knowledge(fault, index)] };
    default:
      return { calls: [] };
  }
}

function orders(fault: Fault, index: number, isCostly: boolean): Call {
  const waitMs =
    fault === 'db_pool_hold'
      ? around(1800, index)
      : fault === 'db_slow_query'
        ? around(1900, index)
        : 0.2;
  const execMs =
    fault === 'db_slow_query' ? around(1500, index) : isCostly ? 2500 : around(5, index);
  const isHit = waitMs > 100 || execMs > 100;
  return {
    name: 'SELECT orders',
    service: BOT,
    kind: 'client',
    stage: 'plugin',
    infra: 'db',
    target: DB_TARGET,
    ms: waitMs + execMs,
    anomalous: isHit,
    attributes: { 'db.system.name': 'postgresql', 'server.address': 'orders-db' },
    calls: [
      {
        name: 'pool.acquire',
        service: BOT,
        infra: 'db',
        ms: waitMs,
        anomalous: waitMs > 100,
        attributes: { 'db.client.connection.pool.name': 'orders-pool' },
      },
      {
        name: 'db.query',
        service: BOT,
        kind: 'client',
        infra: 'db',
        target: DB_TARGET,
        at: waitMs,
        ms: execMs,
        anomalous: execMs > 100,
      },
    ],
  };
}

function plugin(fault: Fault, index: number): Call {
  const attempts = pluginAttempts(fault, index);
  const ms = attempts.reduce((sum, call) => sum + call.ms, 1);
  const isFailed = attempts.at(-1)?.error !== undefined;
  return {
    name: 'execute_tool weather_v2',
    service: BOT,
    stage: 'plugin',
    ms,
    anomalous: ms > 400,
    ...(isFailed && { error: 'timeout' }),
    attributes: {
      'coze.plugin.id': '7350011223344556677',
      'gen_ai.tool.name': 'weather_v2',
      'coze.timeout_ms': 5000,
      ...(isFailed && { 'coze.error.code': 720_702_085 }),
    },
    calls: attempts,
  };
}

function pluginAttempts(fault: Fault, index: number): Call[] {
  const base = {
    name: 'POST /execute',
    service: BOT,
    kind: 'client',
    stage: 'plugin',
    target: 'http weather-plugin',
    attributes: { 'server.address': 'weather-plugin' },
  } as const;
  const late = {
    ms: 5000,
    error: 'timeout',
    message: 'No answer in time, timeout=5000ms',
    anomalous: true,
  };
  const server = (ms: number, error?: string): Call => ({
    name: 'POST /execute',
    service: 'weather-plugin',
    kind: 'server',
    stage: 'plugin',
    at: 0.5,
    ms,
    anomalous: ms > 400,
    ...(error && { error }),
  });
  if (fault === 'plugin_over_limit')
    return [{ ...base, ...late, calls: [server(around(6500, index))] }];
  const sound = { ...base, ms: around(45, index), calls: [server(around(44, index))] };
  if (fault !== 'retry_storm_http_200') return [sound];
  return [
    { ...base, ...late },
    { ...base, at: 5000, ms: 3, error: 'PluginError', calls: [server(2, '503')] },
    { ...sound, at: 5003 },
  ];
}

function knowledge(fault: Fault, index: number): Call {
  const ms = around(22, index) + (fault === 'kb_slow' ? around(1500, index) : 0);
  const anomalous = ms > 400;
  return {
    name: 'kb_search',
    service: BOT,
    stage: 'knowledge',
    ms: ms + 3,
    anomalous,
    attributes: { 'gen_ai.data_source.id': 'kb-after-sales', 'coze.kb.hit_count': 3 },
    calls: [
      {
        name: 'POST /search',
        service: BOT,
        kind: 'client',
        stage: 'knowledge',
        target: 'http kb-server',
        ms: ms + 2,
        anomalous,
        calls: [
          {
            name: 'POST /search',
            service: 'kb-server',
            kind: 'server',
            stage: 'knowledge',
            at: 1,
            ms,
            anomalous,
          },
        ],
      },
    ],
  };
}

function chatsOf(fault: Fault, index: number): Call[] {
  const base = {
    name: 'chat doubao-pro',
    service: BOT,
    kind: 'client',
    stage: 'llm',
    target: 'llm doubao-pro',
  } as const;
  const attributes = { 'gen_ai.request.model': 'doubao-pro' };
  const sound: Call = {
    ...base,
    ms: around(60, index),
    attributes: { ...attributes, 'http.response.status_code': 200 },
  };
  if (fault !== 'llm_rate_limit' || index % 3 === 0) return [sound];
  const refused: Call = {
    ...base,
    ms: 2,
    error: 'rate_limit',
    message: 'RPM exceeded',
    anomalous: true,
    attributes: { ...attributes, 'http.response.status_code': 429, 'coze.error.code': 4020 },
  };
  return index % 3 === 1 ? [refused, refused, refused] : [refused, sound];
}

function logsOf(fault: Fault): Line[] {
  const usual = Array.from({ length: 200 }, (_, index) => `收到消息 channel=feishu 长度=${index}`);
  const special: Partial<Record<Fault, readonly string[]>> = {
    db_pool_hold: Array.from(
      { length: 40 },
      (_, index) => `HikariCP - pool-1-thread-${index} waiting for connection`,
    ),
    db_slow_query: Array.from(
      { length: 25 },
      (_, index) => `HikariCP - pool-1-thread-${index} waiting for connection`,
    ),
    plugin_over_limit: Array.from(
      { length: 30 },
      () => '插件调用失败 plugin: weather_v2 No answer in time, timeout=5000ms',
    ),
    retry_storm_http_200: Array.from(
      { length: 60 },
      (_, index) =>
        `plugin: weather_v2 No answer in time, timeout=5000ms, retry attempt #${1 + (index % 2)}`,
    ),
    deadline_lost: Array.from(
      { length: 10 },
      () => 'request failed: DeadlineExceeded context deadline exceeded, timeout=1200ms',
    ),
    llm_rate_limit: Array.from(
      { length: 80 },
      (_, index) => `LLM 限流 code=4020, retry attempt #${1 + (index % 2)} in 150ms`,
    ),
    canary_slow: Array.from(
      { length: 8 },
      () => '卡片渲染失败 template=card-v1.2-canary: unknown field "theme"',
    ),
  };
  return [...usual, ...(special[fault] ?? [])].map((body) => ({ service: BOT, body }));
}

function seriesOf(fault: Fault): Series[] {
  const isFull = fault === 'db_pool_hold' || fault === 'db_slow_query';
  const max = fault === 'db_pool_hold' ? 4 : 16;
  const wait = isFull ? 1.8 : 0.0002;
  const use = fault === 'db_slow_query' ? 1.5 : fault === 'deadline_lost' ? 0.8 : 0.005;
  return [
    {
      name: 'db.client.connection.count',
      attributes: { 'db.client.connection.state': 'used' },
      values: isFull ? [max, max, max] : [1, 2, 1],
    },
    {
      name: 'db.client.connection.count',
      attributes: { 'db.client.connection.state': 'idle' },
      values: isFull ? [0, 0, 0] : [3, 2, 3],
    },
    { name: 'db.client.connection.max', values: [max, max, max] },
    { name: 'db.client.connection.pending_requests', values: isFull ? [9, 14, 12] : [0, 0, 0] },
    { name: 'db.client.connection.wait_time', unit: 's', values: [wait, wait, wait] },
    { name: 'db.client.connection.use_time', unit: 's', values: [use, use, use] },
  ].map((series) => ({ service: BOT, ...series }));
}
