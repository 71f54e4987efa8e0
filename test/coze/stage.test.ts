/** Stage of a span: each rule, their order, parents, and systems that are no bots. */
import { describe, expect, test } from 'vitest';
import type { Stage } from '../../src/model/vocabulary.ts';
import { type Attributes, normalise, normaliseOne, type SpanSpec, T0 } from './columns-of.ts';

function stageOf(spec: SpanSpec): Stage {
  return normaliseOne(spec).stage;
}

describe('rule 1: explicit', () => {
  test.each([
    ['coze.stage', { 'coze.stage': 'render' }, 'render'],
    ['coze.stage of the gateway', { 'coze.stage': 'llm_gateway' }, 'llm'],
    ['ai.intent.*', { 'ai.intent.anything': 1 }, 'intent'],
    ['ai.plugin.*', { 'ai.plugin.start_time': 1.7e9 }, 'plugin'],
    ['ai.llm_gateway.*', { 'ai.llm_gateway.tokens_out': 5 }, 'llm'],
    ['ai.knowledge.*', { 'ai.knowledge.x': 1 }, 'knowledge'],
    [
      'before the operation',
      { 'coze.stage': 'channel', 'gen_ai.operation.name': 'chat' },
      'channel',
    ],
    [
      'an unknown word is passed over',
      { 'coze.stage': 'nirvana', 'gen_ai.operation.name': 'chat' },
      'llm',
    ],
  ] as const)('%s', (_, attributes, stage) => {
    expect(stageOf({ attributes })).toBe(stage);
  });
});

describe('rule 2: node type', () => {
  test.each([
    ['Entry', 'receive'],
    ['Exit', 'render'],
    ['OutputEmitter', 'render'],
    ['IntentDetector', 'intent'],
    ['KnowledgeRetriever', 'knowledge'],
    ['KnowledgeIndexer', 'knowledge'],
    ['LLM', 'llm'],
    ['Plugin', 'plugin'],
    ['HTTPRequester', 'plugin'],
    ['CodeRunner', 'plugin'],
    ['SubWorkflow', 'plugin'],
    ['DatabaseQuery', 'plugin'],
    ['Selector', 'other'],
    ['Loop', 'other'],
    ['QuestionAnswer', 'receive'],
    ['InputReceiver', 'receive'],
  ] as const)('%s is %s', (nodeType, stage) => {
    expect(
      stageOf({ attributes: { 'coze.node.type': nodeType, 'gen_ai.request.model': 'm' } }),
    ).toBe(stage);
  });
});

describe('rule 3: operation and span type', () => {
  test.each([
    ['chat', { 'gen_ai.operation.name': 'chat' }, 'llm'],
    ['text_completion', { 'gen_ai.operation.name': 'text_completion' }, 'llm'],
    ['generate_content', { 'gen_ai.operation.name': 'generate_content' }, 'llm'],
    ['embeddings', { 'gen_ai.operation.name': 'embeddings' }, 'llm'],
    ['retrieval', { 'gen_ai.operation.name': 'retrieval' }, 'knowledge'],
    ['execute_tool', { 'gen_ai.operation.name': 'execute_tool' }, 'plugin'],
    ['MCP call', { 'mcp.method.name': 'tools/call' }, 'plugin'],
    ['MCP list', { 'mcp.method.name': 'tools/list' }, 'other'],
    [
      'invoke_agent holds others',
      { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.request.model': 'm' },
      'other',
    ],
    ['UserInput', { 'cozeloop.span_type': 'UserInput' }, 'receive'],
    ['UserInputV2', { 'cozeloop.span_type': 'UserInputV2' }, 'receive'],
    ['root', { 'cozeloop.span_type': 'root' }, 'receive'],
    ['LLMCall', { 'cozeloop.span_type': 'LLMCall' }, 'llm'],
    ['WorkflowPluginTool', { 'cozeloop.span_type': 'WorkflowPluginTool' }, 'plugin'],
    ['OpenInference retriever', { 'openinference.span.kind': 'RETRIEVER' }, 'knowledge'],
    ['OpenInference reranker', { 'openinference.span.kind': 'RERANKER' }, 'knowledge'],
    ['prompt without a model call', { 'cozeloop.span_type': 'prompt' }, 'other'],
  ] as const)('%s', (_, attributes, stage) => {
    expect(stageOf({ attributes })).toBe(stage);
  });

  test('embeddings under a retrieval are knowledge, wherever the parent stands', () => {
    const child = { id: 2, parent: 1, attributes: { 'gen_ai.operation.name': 'embeddings' } };
    const parent = { id: 1, attributes: { 'gen_ai.operation.name': 'retrieval' } };
    expect(normalise([parent, child])[1]?.stage).toBe('knowledge');
    expect(normalise([child, parent])[0]?.stage).toBe('knowledge');
  });

  test.each([
    ['after the last model call', 30, 1, 'render'],
    ['between model calls', 15, 1, 'other'],
    ['before any', 5, 1, 'other'],
    ['in another trace', 30, 2, 'other'],
  ] as const)('a prompt span %s', (_, offsetUs, trace, stage) => {
    const model = { 'gen_ai.operation.name': 'chat' };
    const spans = normalise([
      { startUs: T0 + offsetUs, trace, attributes: { 'cozeloop.span_type': 'parser' } },
      { startUs: T0 + 10, attributes: model },
      { startUs: T0 + 20, attributes: model },
    ]);
    expect(spans[0]?.stage).toBe(stage);
  });
});

describe('rule 4: presence', () => {
  test.each([
    ['intent name', { intent: 'refund' }, 'intent'],
    ['intent confidence', { 'intent.score': 0.9 }, 'intent'],
    ['knowledge hits', { kb_hits: 0 }, 'knowledge'],
    ['data source', { dataset_id: 'd' }, 'knowledge'],
    ['plugin id', { plugin_id: 'p' }, 'plugin'],
    ['model', { 'llm.model': 'doubao' }, 'llm'],
    ['intent before model', { 'llm.model': 'doubao', intent: 'refund' }, 'intent'],
  ] as const)('%s', (_, attributes, stage) => {
    expect(stageOf({ attributes })).toBe(stage);
  });

  test('what the resource says of all spans is no stage', () => {
    expect(stageOf({ resource: { 'gen_ai.request.model': 'doubao' } })).toBe('other');
  });
});

describe('rule 5: path and host', () => {
  test.each([
    ['server', { 'url.path': '/coze/webhook' }, 'receive'],
    ['server', { 'http.target': '/coze_callback?x=1' }, 'receive'],
    ['server', { 'http.route': '/coze-hook' }, 'receive'],
    ['server', { 'url.path': '/api/v1/webhook/feishu' }, 'receive'],
    ['server', { 'http.url': 'http://h/callback' }, 'receive'],
    ['server', { 'url.path': '/execute' }, 'plugin'],
    ['server', { 'url.path': '/plugin/weather' }, 'plugin'],
    ['server', { 'url.path': '/plugin' }, 'other'],
    ['server', { 'url.path': '/webhookies' }, 'other'],
    ['server', { 'url.path': '/api/cart' }, 'other'],
    ['client', { 'url.full': 'https://api.coze.cn/v3/chat?conversation_id=1' }, 'llm'],
    ['client', { 'url.path': '/v1/workflow/stream_run' }, 'llm'],
    ['client', { 'url.path': '/v1/workflows/chat' }, 'llm'],
    ['client', { 'url.path': '/v1/bot/messages' }, 'channel'],
    ['client', { 'url.path': '/open_api/knowledge/document/list' }, 'knowledge'],
    ['client', { 'url.path': '/v1/datasets' }, 'knowledge'],
    ['client', { 'url.path': '/v1/knowledge_bases/7' }, 'knowledge'],
    ['client', { 'url.path': '/v1/plugins/7/tools/call' }, 'plugin'],
    ['client', { 'url.path': '/v1/chat/completions' }, 'llm'],
    ['client', { 'server.address': 'open.feishu.cn' }, 'channel'],
    ['client', { 'net.peer.name': 'api.weixin.qq.com' }, 'channel'],
    ['client', { 'http.url': 'https://qyapi.weixin.qq.com/cgi-bin/send' }, 'channel'],
    ['client', { 'url.full': 'https://api.telegram.org:443/bot/send' }, 'channel'],
    ['client', { 'server.address': 'ark.cn-beijing.volces.com' }, 'llm'],
    ['client', { 'server.address': 'api.openai.com' }, 'llm'],
    ['client', { 'server.address': 'api.deepseek.com' }, 'llm'],
    ['client', { 'server.address': 'notopenai.com' }, 'infra'],
    ['client', { 'server.address': 'api.openai.com.evil.example' }, 'infra'],
    ['unspecified', { 'url.full': 'https://api.openai.com/v1/x' }, 'llm'],
    ['unspecified', { 'http.route': '/webhook', 'http.url': 'http://h/webhook' }, 'receive'],
  ] as const)('%s %j is %s', (kind, attributes, stage) => {
    expect(
      stageOf({ kind, attributes: { ...attributes, 'http.request.method': 'POST' } as Attributes }),
    ).toBe(stage);
  });

  test('Coze called from a plugin is the plugin', () => {
    const call: SpanSpec = {
      id: 2,
      parent: 1,
      kind: 'client',
      attributes: { 'url.path': '/v3/chat' },
    };
    const plugin: SpanSpec = { id: 1, attributes: { 'gen_ai.operation.name': 'execute_tool' } };
    expect(normalise([call, plugin])[0]?.stage).toBe('plugin');
  });
});

describe('rule 6: words of the name, in a bot', () => {
  test.each([
    ['bot.recv', 'receive'],
    ['verifySignature', 'receive'],
    ['parse', 'receive'],
    ['AuthCheck', 'receive'],
    ['classify_message', 'intent'],
    ['nlu', 'intent'],
    ['route', 'intent'],
    ['kb_search', 'knowledge'],
    ['retriever.invoke', 'knowledge'],
    ['RAGPipeline', 'knowledge'],
    ['milvus.query', 'knowledge'],
    ['CallPlugin', 'plugin'],
    ['tool:weather', 'plugin'],
    ['execute', 'plugin'],
    ['ChatCompletion', 'llm'],
    ['gpt4.call', 'llm'],
    ['doubao-pro', 'llm'],
    ['formatCard', 'render'],
    ['json.marshal', 'render'],
    ['sendReply', 'channel'],
    ['push', 'channel'],
    ['larkDeliver', 'channel'],
    ['意图识别', 'intent'],
    ['知识库检索', 'knowledge'],
    ['调用插件', 'plugin'],
    ['大模型推理', 'llm'],
    ['渲染卡片', 'render'],
    ['发送飞书消息', 'channel'],
    // no words of ours
    ['information', 'other'],
    ['toolbar', 'other'],
    ['platform', 'other'],
    ['storage', 'other'],
    ['fragment', 'other'],
    ['chatter', 'other'],
    ['processOrder', 'other'],
    ['', 'other'],
  ] as const)('"%s" is %s', (name, stage) => {
    expect(stageOf({ name, resource: { 'service.name': 'weather-bot' } })).toBe(stage);
  });

  test.each([
    ['a bot attribute on the span', { attributes: { chat_id: 'c' } }],
    ['a bot attribute of the resource', { resource: { 'coze.bot.id': 'b' } }],
    ['the namespace', { resource: { 'service.namespace': 'coze-bot' } }],
    ['the name is the one word', { name: 'parse' }],
    ['a word that only bots use', { name: 'parse webhook' }],
  ] as const)('everyday words count by %s', (_, spec) => {
    expect(stageOf({ name: 'parse body', ...(spec as SpanSpec) })).toBe('receive');
  });

  test('everyday words count below a span of a bot', () => {
    const spans = normalise([
      { id: 3, parent: 2, name: 'parse body' },
      { id: 2, parent: 1, name: 'step' },
      { id: 1, name: 'root', attributes: { chat_id: 'c' } },
    ]);
    expect(spans.map(({ stage }) => stage)).toEqual(['receive', 'other', 'other']);
  });
});

describe('rule 7: stores and calls take their parent’s stage', () => {
  const stores = [
    ['database', { kind: 'client', attributes: { 'db.system.name': 'postgresql' } }, 'db'],
    ['database without kind', { kind: 'unspecified', attributes: { 'db.system': 'mysql' } }, 'db'],
    ['cache', { kind: 'client', attributes: { 'db.system': 'redis' } }, 'cache'],
    ['queue', { kind: 'producer', attributes: { 'messaging.system': 'kafka' } }, 'mq'],
    ['configuration', { kind: 'client', attributes: { 'db.system': 'etcd' } }, 'config'],
    ['configuration by name', { kind: 'client', name: 'nacos.get', attributes: {} }, 'config'],
    [
      'HTTP',
      {
        kind: 'client',
        attributes: { 'http.request.method': 'GET', 'server.address': 'api.weather.example' },
      },
      'http',
    ],
    [
      'HTTP without kind',
      {
        kind: 'unspecified',
        attributes: { 'http.method': 'GET', 'net.peer.name': 'h', 'http.url': 'http://h/x' },
      },
      'http',
    ],
    ['RPC', { kind: 'client', attributes: { 'rpc.system': 'grpc', 'rpc.service': 'Cart' } }, 'rpc'],
    ['DNS', { kind: 'client', attributes: { 'dns.question.name': 'h' } }, 'dns'],
    ['DNS by name', { kind: 'internal', name: 'dns.lookup', attributes: {} }, 'dns'],
  ] as const;

  test.each(stores)('%s', (_, spec, infra) => {
    const child: SpanSpec = { ...spec, id: 2, parent: 1 };
    const plugin: SpanSpec = { id: 1, attributes: { 'gen_ai.operation.name': 'execute_tool' } };
    expect(normalise([child, plugin])[0]).toMatchObject({ stage: 'plugin', infra });
    expect(normalise([child])[0]).toMatchObject({ stage: 'infra', infra });
    expect(normalise([child, { id: 1, name: 'step' }])[0]).toMatchObject({ stage: 'infra', infra });
  });

  test('through stores between', () => {
    const database = { kind: 'client', attributes: { 'db.system': 'mysql' } } as const;
    const spans = normalise([
      { ...database, id: 3, parent: 2 },
      { ...database, id: 2, parent: 1 },
      { id: 1, attributes: { intent: 'refund' } },
    ]);
    expect(spans.map(({ stage }) => stage)).toEqual(['intent', 'intent', 'intent']);
  });

  test.each([
    ['system', { 'db.system': 'milvus' }, 'search'],
    ['name', { 'db.system': 'postgresql' }, 'knowledge.lookup'],
  ] as const)('a database that is the knowledge itself by %s', (_, attributes, name) => {
    expect(normaliseOne({ kind: 'client', name, attributes })).toMatchObject({
      stage: 'knowledge',
      infra: 'db',
    });
  });

  test('a span that takes from a queue works for itself', () => {
    const attributes = { 'messaging.system': 'kafka' };
    expect(normaliseOne({ kind: 'consumer', attributes })).toMatchObject({
      stage: 'other',
      infra: 'none',
    });
  });

  test.each([
    ['its own parent', [{ id: 1, parent: 1 }]],
    [
      'a ring',
      [
        { id: 1, parent: 2 },
        { id: 2, parent: 3 },
        { id: 3, parent: 1 },
      ],
    ],
    [
      'a chain longer than the bound',
      Array.from({ length: 300 }, (_, index) => ({ id: index + 1, parent: index })),
    ],
    ['the same id twice', [{ id: 1, parent: 2 }, { id: 2 }, { id: 2 }]],
  ] as const)('hostile parents: %s', (_, links) => {
    const specs = links.map(
      (link): SpanSpec => ({ ...link, kind: 'client', attributes: { 'db.system': 'mysql' } }),
    );
    for (const span of normalise(specs)) expect(span.stage).toBe('infra');
  });

  test('a span of another trace is no parent', () => {
    const spans = normalise([
      { id: 2, parent: 1, trace: 2, kind: 'client', attributes: { 'db.system': 'mysql' } },
      { id: 1, trace: 1, attributes: { intent: 'x' } },
    ]);
    expect(spans[0]?.stage).toBe('infra');
  });
});

describe('systems that are no bots', () => {
  test.each([
    [
      'POST /oteldemo.CheckoutService/PlaceOrder',
      'server',
      { 'rpc.system': 'grpc', 'rpc.service': 'oteldemo.CheckoutService' },
    ],
    ['Recv.hipstershop.CheckoutService/PlaceOrder', 'unspecified', {}],
    ['Sent.hipstershop.CurrencyService/Convert', 'unspecified', {}],
    ['POST /api/v1/routeservice/routes', 'server', { 'http.route': '/api/v1/routeservice/routes' }],
    ['executing api route (app) /api/cart', 'internal', {}],
    ['render route (app) /', 'internal', {}],
    ['charge card', 'internal', {}],
    ['authenticate user', 'internal', {}],
    ['router - /products', 'internal', {}],
    ['calculate-quote', 'internal', {}],
    ['user_login', 'unspecified', {}],
  ] as const)('%s is other', (name, kind, attributes) => {
    expect(stageOf({ name, kind, attributes, resource: { 'service.name': 'checkout' } })).toBe(
      'other',
    );
  });

  test.each([
    ['POST /card/charge', 'client', { 'http.request.method': 'POST', 'server.address': 'payment' }],
    [
      'oteldemo.CartService/GetCart',
      'client',
      { 'rpc.system': 'grpc', 'rpc.service': 'oteldemo.CartService' },
    ],
    ['SELECT auth.users', 'client', { 'db.system': 'postgresql' }],
    ['orders send', 'producer', { 'messaging.system': 'kafka' }],
  ] as const)('%s is infra', (name, kind, attributes) => {
    expect(stageOf({ name, kind, attributes, resource: { 'service.name': 'checkout' } })).toBe(
      'infra',
    );
  });
});
