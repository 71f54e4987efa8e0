/**
 * The log workload: lines of a bot's services in Chinese and English, from templates with changing numbers, ids and
 * addresses; seven in ten belong to a trace.
 */
import {
  type Attribute,
  attributesOf,
  type LogDraft,
  NS_PER_US,
  type RequestDraft,
} from './draft.ts';
import type { Random } from './random.ts';

interface Template {
  readonly severity: number;
  readonly severityText: string;
  readonly line: (random: Random) => string;
}

const info = (line: Template['line']): Template => ({ severity: 9, severityText: 'INFO', line });
const warn = (line: Template['line']): Template => ({ severity: 13, severityText: 'WARN', line });
const error = (line: Template['line']): Template => ({ severity: 17, severityText: 'ERROR', line });

const hex = (random: Random) => random.uint32().toString(16).padStart(8, '0');
const address = (random: Random) =>
  `10.${random.below(16)}.${random.below(256)}.${random.below(256)}`;

/** Ordinary lines stand several times as often as errors: see pickTemplate. */
const ORDINARY: readonly Template[] = [
  info((r) => `收到飞书消息,会话 conv-${r.below(20_000)},长度 ${r.between(2, 400)} 字`),
  info(
    (r) => `意图识别完成,意图=订单查询,置信度 0.${r.between(500, 999)},耗时 ${r.between(9, 80)} ms`,
  ),
  info((r) => `知识库 kb-${r.below(120)} 召回 ${r.below(11)} 条,耗时 ${r.between(10, 120)} ms`),
  info((r) => `插件调用成功: order-query, 订单号 ${r.uint32()}, 耗时 ${r.between(20, 900)} 毫秒`),
  info(
    (r) =>
      `大模型流式输出结束,输入 ${r.between(100, 6000)} tokens,输出 ${r.between(10, 900)} tokens`,
  ),
  info((r) => `消息已发送至渠道 feishu, message_id=om_${hex(r)}${hex(r)}`),
  info((r) => `POST /coze/webhook 200 ${r.between(200, 3000)}ms request_id=${hex(r)}-${hex(r)}`),
  info((r) => `acquired connection ${r.below(64)} from pool orders-db in ${r.between(0, 9)} ms`),
  info((r) => `cache hit for key session:${hex(r)} on ${address(r)}:6379`),
  info(
    (r) => `token usage reported: prompt=${r.between(100, 6000)} completion=${r.between(9, 900)}`,
  ),
  info(
    (r) =>
      `scheduled job refresh-bot-config finished in ${r.between(3, 90)} ms, ${r.below(40)} bots`,
  ),
  info((r) => `consumer group bot-events committed offset ${r.uint32()} partition ${r.below(12)}`),
];
const UNUSUAL: readonly Template[] = [
  warn((r) => `插件 weather 第 ${r.between(1, 3)} 次重试, timeout=${r.between(1, 9)}000ms`),
  warn((r) => `slow query on chunks: ${r.between(500, 4000)} ms, rows ${r.below(1000)}`),
  warn((r) => `数据库连接池等待 ${r.between(100, 3000)} ms,活跃连接 ${r.between(20, 64)}/64`),
  warn((r) => `rate limit near: ${r.between(80, 99)}% of quota for model doubao-1.5-pro-32k`),
  error(
    (r) => `插件调用失败: flight-search, 状态码 ${r.between(500, 504)}, logid=${hex(r)}${hex(r)}`,
  ),
  error((r) => `connect ECONNREFUSED ${address(r)}:${r.between(1024, 65_000)}`),
  error((r) => `Error: socket hang up at TLSSocket.onclose (node:internal/${r.below(900)})`),
  error((r) => `大模型调用超时: 已等待 ${r.between(30, 120)} 秒, 模型 deepseek-v3, 请求 ${hex(r)}`),
];
/** How many templates the workload has. */
export const LOG_TEMPLATES = ORDINARY.length + UNUSUAL.length;

const SERVICES = ['coze-bot-gateway', 'coze-orchestrator', 'coze-plugin-runtime', 'llm-gateway'];
const SOURCES = ['webhook.ts', 'workflow.ts', 'plugin-client.ts', 'pool.ts', 'stream.ts'];
const RECORDS_PER_TRACE = 8;

export function draftLogLines(
  random: Random,
  { recordCount }: { readonly recordCount: number },
): RequestDraft {
  const traceCount = Math.ceil(recordCount / RECORDS_PER_TRACE);
  const perService = Math.ceil(recordCount / SERVICES.length);
  const records = Array.from({ length: recordCount }, (_, index) =>
    draftRecord(random, { traceIndex: Math.floor(index / RECORDS_PER_TRACE), spanIndex: index }),
  );
  return {
    signal: 'logs',
    itemCount: recordCount,
    traceCount,
    spanCount: recordCount,
    groups: SERVICES.map((name, service) => ({
      resource: attributesOf({
        'service.name': name,
        'service.version': '2.14.3',
        'service.instance.id': `${name}-7d9f8b6c5-${random.below(4)}`,
      }),
      scopeName: 'pino',
      items: records.slice(service * perService, (service + 1) * perService),
    })),
  };
}

function draftRecord(
  random: Random,
  ids: { readonly traceIndex: number; readonly spanIndex: number },
): LogDraft {
  const { severity, severityText, line } = random.pick(random.chance(0.95) ? ORDINARY : UNUSUAL);
  const attributes: readonly Attribute[] = attributesOf({
    'code.file.path': random.pick(SOURCES),
    'code.line.number': random.between(10, 400),
    'coze.bot.id': `7${String(random.below(40)).padStart(3, '0')}300000000000001`,
    'thread.id': random.below(16),
  });
  return {
    trace: random.chance(0.7) ? ids : undefined,
    timeOffsetNs: -random.below(1_000_000) * NS_PER_US,
    severity,
    severityText,
    body: line(random),
    attributes,
  };
}
