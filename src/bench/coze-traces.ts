/**
 * Workload A: traces of Coze bots as a Collector batches them. Eight spans a trace over four services, eight to twelve
 * attributes a span, about 420 bytes a span as protobuf; half of the names canonical, half in the dialects that
 * senders use, so that normalisation has its work.
 */
import {
  type Attribute,
  attributesOf,
  NS_PER_MS,
  NS_PER_US,
  type RequestDraft,
  type SpanDraft,
} from './draft.ts';
import type { Random } from './random.ts';

export const COZE_SPANS_PER_TRACE = 8;

const SERVICES = ['coze-bot-gateway', 'coze-orchestrator', 'coze-plugin-runtime', 'llm-gateway'];
const BOT_COUNT = 40;
const MODELS = ['doubao-1.5-pro-32k', 'doubao-1.5-lite-32k', 'deepseek-v3', 'qwen-max-latest'];
const PLUGINS = ['weather', 'order-query', 'flight-search', 'express-tracking', 'calendar'];
const INTENTS = ['查询天气', '订单查询', '退款申请', '航班搜索', 'small_talk', 'faq'];
const CHANNELS = ['feishu', 'wechat', 'douyin', 'api'];

export function draftCozeTraces(
  random: Random,
  { spanCount }: { readonly spanCount: number },
): RequestDraft {
  const traceCount = Math.max(1, Math.floor(spanCount / COZE_SPANS_PER_TRACE));
  const spansOfService: SpanDraft[][] = SERVICES.map(() => []);
  for (let traceIndex = 0; traceIndex < traceCount; traceIndex++) {
    for (const { service, span } of draftTrace(random, traceIndex)) {
      spansOfService[service]?.push(span);
    }
  }
  const itemCount = traceCount * COZE_SPANS_PER_TRACE;
  return {
    signal: 'traces',
    itemCount,
    traceCount,
    spanCount: itemCount,
    groups: SERVICES.map((name, service) => ({
      resource: resourceOf(name, random),
      scopeName: '@coze/otel-instrumentation',
      items: spansOfService[service] ?? [],
    })),
  };
}

function resourceOf(service: string, random: Random): readonly Attribute[] {
  const instance = random.below(4);
  return attributesOf({
    'service.name': service,
    'service.version': '2.14.3',
    'service.instance.id': `${service}-7d9f8b6c5-${instance}`,
    'deployment.environment.name': 'production',
    'k8s.pod.name': `${service}-7d9f8b6c5-${instance}`,
    'telemetry.sdk.name': 'opentelemetry',
    'telemetry.sdk.language': 'nodejs',
    'telemetry.sdk.version': '2.2.0',
  });
}

/** One message through the bot; which spans there are never varies, what they say does. */
function draftTrace(
  random: Random,
  traceIndex: number,
): readonly { readonly service: number; readonly span: SpanDraft }[] {
  const bot = `7${String(random.below(BOT_COUNT)).padStart(3, '0')}300000000000001`;
  const fresh = { kind: 'fresh', traceIndex } as const;
  const conversation = `conv-${String(random.below(20_000)).padStart(6, '0')}`;
  const common = { 'coze.bot.id': bot, 'gen_ai.conversation.id': conversation };
  const model = random.pick(MODELS);
  const plugin = random.pick(PLUGINS);
  const channel = random.pick(CHANNELS);
  const isFailing = random.chance(0.01);
  const span = spanMaker(random, traceIndex);
  const inputTokens = random.between(200, 6000);
  const outputTokens = random.between(20, 900);
  return [
    span(0, 0, undefined, 'POST /coze/webhook', 2, isFailing, {
      ...common,
      'http.request.method': 'POST',
      'http.route': '/coze/webhook',
      'http.response.status_code': isFailing ? 500 : 200,
      'url.scheme': 'https',
      'server.address': 'bot.example.com',
      'coze.channel': channel,
      'messaging.message.id': fresh,
      'network.protocol.version': '1.1',
    }),
    span(1, 1, 0, 'workflow.run', 1, isFailing, {
      bot_id: bot,
      conversation_id: conversation,
      'coze.workflow.id': `74${String(random.below(60)).padStart(4, '0')}11122233`,
      'coze.workflow.version': `v0.0.${random.below(9)}`,
      'coze.node.count': random.between(5, 14),
      'coze.is_stream': true,
      'coze.request.id': fresh,
      'thread.name': `worker-${random.below(8)}`,
    }),
    span(1, 2, 1, 'intent.detect', 1, false, {
      ...common,
      'coze.node.type': 'IntentDetector',
      'coze.intent.name': random.pick(INTENTS),
      'coze.intent.score': random.between(500, 999) / 1000,
      'gen_ai.operation.name': 'chat',
      'gen_ai.request.model': 'doubao-1.5-lite-32k',
      'gen_ai.usage.input_tokens': random.between(80, 400),
      'gen_ai.usage.output_tokens': random.between(4, 20),
    }),
    span(1, 3, 1, 'knowledge.retrieve', 1, false, {
      ...common,
      'coze.node.type': 'KnowledgeRetriever',
      'gen_ai.operation.name': 'retrieval',
      'gen_ai.data_source.id': `kb-${random.below(120)}`,
      kb_hits: random.between(0, 10),
      'coze.kb.top_k': 10,
      'coze.kb.min_score': 0.5,
      'coze.kb.strategy': 'hybrid',
      'coze.kb.is_reranked': true,
    }),
    span(1, 4, 3, 'SELECT chunks', 3, false, {
      'db.system.name': 'postgresql',
      'db.namespace': 'knowledge',
      'db.operation.name': 'SELECT',
      'db.collection.name': 'chunks',
      'db.query.text':
        'SELECT id, text FROM chunks WHERE kb = $1 ORDER BY embedding <-> $2 LIMIT $3',
      'server.address': 'kb-db.internal',
      'server.port': 5432,
      'db.response.returned_rows': random.between(0, 10),
    }),
    span(2, 5, 1, `execute_tool ${plugin}`, 1, isFailing, {
      ...common,
      'gen_ai.operation.name': 'execute_tool',
      'gen_ai.tool.name': plugin,
      plugin_id: `73${PLUGINS.indexOf(plugin)}8899001122`,
      'plugin.status': isFailing ? 'timeout' : 'success',
      'coze.timeout_ms': 5000,
      retry: isFailing ? 2 : 0,
      'http.response.body.size': random.between(200, 20_000),
    }),
    span(3, 6, 1, `chat ${model}`, 3, false, {
      ...common,
      'gen_ai.operation.name': 'chat',
      'gen_ai.system': 'volcengine',
      model_name: model,
      'gen_ai.request.temperature': 0.7,
      'gen_ai.request.max_tokens': 4096,
      'gen_ai.usage.prompt_tokens': inputTokens,
      'gen_ai.usage.completion_tokens': outputTokens,
      'gen_ai.response.finish_reasons': 'stop',
      'gen_ai.response.id': fresh,
      'server.address': 'ark.cn-beijing.volces.example',
    }),
    span(0, 7, 0, 'POST /open-apis/im/v1/messages', 3, false, {
      'http.request.method': 'POST',
      'url.full': 'https://open.feishu.example/open-apis/im/v1/messages?receive_id_type=chat_id',
      'http.response.status_code': 200,
      'server.address': 'open.feishu.example',
      'server.port': 443,
      'coze.channel': channel,
      'http.request.resend_count': 0,
      'network.protocol.version': '1.1',
      'user_agent.original': 'coze-bot/2.14.3 node',
    }),
  ];
}

/** Milliseconds after the root's start, and the median of the duration, for each of the eight. */
const START_MS = [0, 2, 4, 40, 43, 95, 300, 900] as const;
const MEDIAN_MS = [950, 890, 30, 50, 12, 190, 560, 40] as const;

function spanMaker(random: Random, traceIndex: number) {
  const rootStartNs = -1500 * NS_PER_MS - random.below(500) * NS_PER_MS - random.below(NS_PER_MS);
  return (
    service: number,
    index: number,
    parent: number | undefined,
    name: string,
    kind: number,
    isError: boolean,
    values: Readonly<Record<string, Attribute['value']>>,
  ): { readonly service: number; readonly span: SpanDraft } => {
    const jitterUs = random.below(2000);
    const startOffsetNs = rootStartNs + (START_MS[index] ?? 0) * NS_PER_MS + jitterUs * NS_PER_US;
    const durationUs = Math.min(1_400_000, random.logNormal(1000 * (MEDIAN_MS[index] ?? 1), 0.3));
    return {
      service,
      span: {
        traceIndex,
        spanIndex: COZE_SPANS_PER_TRACE * traceIndex + index,
        parentIndex: parent === undefined ? undefined : COZE_SPANS_PER_TRACE * traceIndex + parent,
        name,
        kind,
        startOffsetNs,
        endOffsetNs: startOffsetNs + Math.round(durationUs) * NS_PER_US,
        attributes: attributesOf(values),
        isError,
      },
    };
  };
}
