/** The normalisation table: each alias of each row, precedence, coercion. */
import { describe, expect, test } from 'vitest';
import { createNormaliser } from '../../src/coze/coze.ts';
import { FIELDS, type FieldSpec } from '../../src/coze/fields.ts';
import {
  type Attributes,
  headerValue,
  logsOf,
  normaliseOne,
  readRow,
  spansOf,
  T0,
  type Value,
} from './columns-of.ts';

type Row = readonly [caption: string, attributes: Attributes, canonical: string, value: unknown];

function derivedOf(attributes: Attributes): Readonly<Record<string, unknown>> {
  return normaliseOne({ attributes }).derived;
}

describe('each alias fills its field', () => {
  const rows: readonly Row[] = [
    // tenant
    ['workspace, loop', { 'cozeloop.workspace_id': '7' }, 'coze.workspace.id', '7'],
    [
      'workspace, header',
      { 'http.request.header.cozeloop-workspace-id': headerValue('7') },
      'coze.workspace.id',
      '7',
    ],
    ['workspace, Java', { 'workspace.id': '7' }, 'coze.workspace.id', '7'],
    ['workspace, snake', { workspace_id: '7' }, 'coze.workspace.id', '7'],
    ['workspace, space', { space_id: 7 }, 'coze.workspace.id', '7'],
    ['tenant, dotted', { 'tenant.id': 't' }, 'coze.tenant.id', 't'],
    ['tenant, snake', { tenant_id: 't' }, 'coze.tenant.id', 't'],
    ['tenant, from workspace', { 'coze.workspace.id': '7' }, 'coze.tenant.id', '7'],
    ['bot, snake with prefix', { 'coze.bot_id': 'b' }, 'coze.bot.id', 'b'],
    ['bot, snake', { bot_id: 'b' }, 'coze.bot.id', 'b'],
    ['bot, camel', { botId: 'b' }, 'coze.bot.id', 'b'],
    ['bot, camel with capital', { botID: 'b' }, 'coze.bot.id', 'b'],
    ['bot, dotted', { 'bot.id': 'b' }, 'coze.bot.id', 'b'],
    [
      'bot, header',
      { 'http.request.header.x-coze-bot-id': headerValue('b', 'c') },
      'coze.bot.id',
      'b',
    ],
    [
      'bot, header of older conventions',
      { 'http.request.header.x_coze_bot_id': 'b' },
      'coze.bot.id',
      'b',
    ],
    [
      'bot, plugin header',
      { 'http.request.header.x-aiplugin-bot-id': headerValue('b') },
      'coze.bot.id',
      'b',
    ],
    [
      'bot, agent of Coze',
      { 'gen_ai.agent.id': 'b', 'gen_ai.provider.name': 'coze' },
      'coze.bot.id',
      'b',
    ],
    ['connector', { connector_id: '1024' }, 'coze.connector.id', '1024'],
    ['channel, from connector', { connector_id: '10000011' }, 'coze.channel', 'feishu'],
    ['channel, plain', { channel: 'wechat' }, 'coze.channel', 'wechat'],
    ['channel, openclaw', { 'openclaw.channel_id': 'c' }, 'coze.channel', 'c'],
    // correlation
    ['conversation, coze', { 'coze.conversation.id': 'c' }, 'gen_ai.conversation.id', 'c'],
    ['conversation, snake', { conversation_id: 'c' }, 'gen_ai.conversation.id', 'c'],
    [
      'conversation, header',
      { 'http.request.header.x-coze-conversation-id': headerValue('c') },
      'gen_ai.conversation.id',
      'c',
    ],
    [
      'conversation, plugin header',
      { 'http.request.header.x-aiplugin-conversation-id': headerValue('c') },
      'gen_ai.conversation.id',
      'c',
    ],
    ['conversation, thread', { thread_id: 'c' }, 'gen_ai.conversation.id', 'c'],
    ['conversation, session', { 'session.id': 'c' }, 'gen_ai.conversation.id', 'c'],
    ['conversation, session snake', { session_id: 'c' }, 'gen_ai.conversation.id', 'c'],
    ['chat', { chat_id: 'c' }, 'coze.chat.id', 'c'],
    ['chat, prefixed', { 'coze.chat_id': 'c' }, 'coze.chat.id', 'c'],
    ['message', { message_id: 'm' }, 'messaging.message.id', 'm'],
    [
      'message, WeChat',
      { MsgId: { wideInt: '7300000000000000001' } },
      'messaging.message.id',
      '7300000000000000001',
    ],
    ['user, snake', { user_id: 'u' }, 'user.id', 'u'],
    ['user, enduser', { 'enduser.id': 'u' }, 'user.id', 'u'],
    ['user, header', { 'http.request.header.x-coze-user-id': headerValue('u') }, 'user.id', 'u'],
    [
      'user, plugin header',
      { 'http.request.header.x-aiplugin-connector-identifier': headerValue('u') },
      'user.id',
      'u',
    ],
    ['log id, loop', { 'cozeloop.logid': 'l' }, 'coze.log.id', 'l'],
    [
      'log id, request header',
      { 'http.request.header.x-tt-logid': headerValue('l') },
      'coze.log.id',
      'l',
    ],
    [
      'log id, response header',
      { 'http.response.header.x-tt-logid': headerValue('l') },
      'coze.log.id',
      'l',
    ],
    ['log id, detail', { 'detail.logid': 'l' }, 'coze.log.id', 'l'],
    ['log id, plain', { logid: 'l' }, 'coze.log.id', 'l'],
    [
      'log id, open source',
      { 'http.response.header.x-log-id': headerValue('l') },
      'coze.log.id',
      'l',
    ],
    ['event', { event_id: 'e' }, 'coze.event.id', 'e'],
    ['event, callback', { 'header.event_id': 'e' }, 'coze.event.id', 'e'],
    ['event, dotted', { 'event.id': 'e' }, 'coze.event.id', 'e'],
    ['request, dotted', { 'request.id': 'r' }, 'coze.request.id', 'r'],
    ['request, snake', { request_id: 'r' }, 'coze.request.id', 'r'],
    [
      'request, header',
      { 'http.request.header.x-request-id': headerValue('r') },
      'coze.request.id',
      'r',
    ],
    [
      'legacy trace',
      { 'http.request.header.x-trace-id': headerValue('trc-1-a') },
      'coze.legacy.trace_id',
      'trc-1-a',
    ],
    ['workflow', { workflow_id: 'w' }, 'coze.workflow.id', 'w'],
    ['workflow run', { execute_id: 'x' }, 'coze.workflow.execute_id', 'x'],
    ['workflow name', { 'workflow.name': 'n' }, 'gen_ai.workflow.name', 'n'],
    ['workflow name, snake', { workflow_name: 'n' }, 'gen_ai.workflow.name', 'n'],
    ['node id', { node_id: 'n' }, 'coze.node.id', 'n'],
    ['node type', { node_type: 'LLM' }, 'coze.node.type', 'LLM'],
    ['node title', { node_title: 'ask' }, 'coze.node.title', 'ask'],
    // classification
    ['span type, loop', { 'cozeloop.span_type': 'model' }, 'coze.span.type', 'model'],
    ['span type, VeADK', { 'gen_ai.span.kind': 'tool' }, 'coze.span.type', 'tool'],
    ['span type, OpenInference', { 'openinference.span.kind': 'LLM' }, 'coze.span.type', 'LLM'],
    ['span type, Traceloop', { 'traceloop.span.kind': 'workflow' }, 'coze.span.type', 'workflow'],
    ['span type, request type', { 'gen_ai.request.type': 'chat' }, 'coze.span.type', 'chat'],
    ...(
      [
        ['model', 'chat'],
        ['LLM', 'chat'],
        ['LLMCall', 'chat'],
        ['WorkflowLLMCall', 'chat'],
        ['tool', 'execute_tool'],
        ['TOOL', 'execute_tool'],
        ['plugin', 'execute_tool'],
        ['function', 'execute_tool'],
        ['PluginTool', 'execute_tool'],
        ['WorkflowPluginTool', 'execute_tool'],
        ['retriever', 'retrieval'],
        ['RETRIEVER', 'retrieval'],
        ['vector_retriever', 'retrieval'],
        ['agent', 'invoke_agent'],
        ['AGENT', 'invoke_agent'],
        ['graph', 'invoke_workflow'],
        ['embedding', 'embeddings'],
      ] as const
    ).map(
      ([type, operation]): Row => [
        `operation of ${type}`,
        { 'cozeloop.span_type': type },
        'gen_ai.operation.name',
        operation,
      ],
    ),
    // intent
    ['intent, with stage prefix', { 'ai.intent.name': 'refund' }, 'coze.intent.name', 'refund'],
    ['intent, dotted', { 'intent.name': 'refund' }, 'coze.intent.name', 'refund'],
    ['intent, plain', { intent: 'refund' }, 'coze.intent.name', 'refund'],
    [
      'confidence, with stage prefix',
      { 'ai.intent.confidence': 0.5 },
      'coze.intent.confidence',
      0.5,
    ],
    ['confidence, percent', { 'intent.score': 87 }, 'coze.intent.confidence', 0.87],
    // plugin
    ['plugin id', { 'plugin.id': 'p' }, 'coze.plugin.id', 'p'],
    ['plugin id, with stage prefix', { 'ai.plugin.id': 'p' }, 'coze.plugin.id', 'p'],
    ['plugin id, snake', { plugin_id: 'p' }, 'coze.plugin.id', 'p'],
    [
      'plugin id, header',
      { 'http.request.header.x-aiplugin-id': headerValue('p') },
      'coze.plugin.id',
      'p',
    ],
    ['tool name, dotted', { 'tool.name': 'w' }, 'gen_ai.tool.name', 'w'],
    ['tool name, plugin', { 'plugin.name': 'w' }, 'gen_ai.tool.name', 'w'],
    ['tool name, plugin snake', { plugin_name: 'w' }, 'gen_ai.tool.name', 'w'],
    ['tool name, api', { api_name: 'w' }, 'gen_ai.tool.name', 'w'],
    ['tool name, function', { 'function.name': 'w' }, 'gen_ai.tool.name', 'w'],
    ['tool call', { tool_call_id: 't' }, 'gen_ai.tool.call.id', 't'],
    ['tool call, dotted', { 'tool_call.id': 't' }, 'gen_ai.tool.call.id', 't'],
    [
      'arguments, Spring',
      { 'spring.ai.tool.call.arguments': '{}' },
      'gen_ai.tool.call.arguments',
      '{}',
    ],
    ['arguments, VeADK', { 'gen_ai.tool.input': '{}' }, 'gen_ai.tool.call.arguments', '{}'],
    ['arguments, OpenInference', { 'tool.parameters': '{}' }, 'gen_ai.tool.call.arguments', '{}'],
    [
      'arguments, input of a tool span',
      { 'cozeloop.span_type': 'tool', 'cozeloop.input': '{"a":1}' },
      'gen_ai.tool.call.arguments',
      '{"a":1}',
    ],
    ['result, Spring', { 'spring.ai.tool.call.result': 'r' }, 'gen_ai.tool.call.result', 'r'],
    ['result, VeADK', { 'gen_ai.tool.output': 'r' }, 'gen_ai.tool.call.result', 'r'],
    [
      'result, output of a tool span',
      { 'openinference.span.kind': 'TOOL', 'output.value': 'r' },
      'gen_ai.tool.call.result',
      'r',
    ],
    ['plugin status', { 'plugin.status': 'TIMEOUT' }, 'coze.plugin.status', 'timeout'],
    [
      'plugin status, with stage prefix',
      { 'ai.plugin.status': 'failed' },
      'coze.plugin.status',
      'fail',
    ],
    ['duration reported', { 'plugin.duration_ms': 12 }, 'coze.duration_reported', 12],
    ['duration reported, plain', { duration_ms: '12.5' }, 'coze.duration_reported', 12.5],
    ['duration reported, agent', { 'agent.duration_ms': 12 }, 'coze.duration_reported', 12],
    // knowledge
    ['data source, kb', { kb_id: 'k' }, 'gen_ai.data_source.id', 'k'],
    ['data source, long', { knowledge_base_id: 'k' }, 'gen_ai.data_source.id', 'k'],
    ['data source, dataset', { dataset_id: 'k' }, 'gen_ai.data_source.id', 'k'],
    ['data source, VikingDB', { vikingdb_name: 'k' }, 'gen_ai.data_source.id', 'k'],
    ['data source, Elasticsearch', { es_index: 'k' }, 'gen_ai.data_source.id', 'k'],
    [
      'query of a retrieval',
      { 'gen_ai.operation.name': 'retrieval', 'db.query.text': 'q' },
      'gen_ai.retrieval.query.text',
      'q',
    ],
    ['query, plain', { 'retrieval.query': 'q' }, 'gen_ai.retrieval.query.text', 'q'],
    ['hits', { kb_hits: 0 }, 'coze.kb.hit_count', 0],
    ['hits, tag', { hit_count: '3' }, 'coze.kb.hit_count', 3],
    [
      'hits, length of the list',
      { 'gen_ai.retrieval.documents': headerValue('a', 'b') },
      'coze.kb.hit_count',
      2,
    ],
    [
      'hits, numbered keys',
      { 'retrieval.documents.1.document.id': 'b', 'retrieval.documents.0.document.id': 'a' },
      'coze.kb.hit_count',
      2,
    ],
    ['updated', { 'kb.updated_at': 1_700_000_000 }, 'coze.kb.updated_at', 1_700_000_000],
    ['updated, ms', { last_sync_time: 1_700_000_000_000 }, 'coze.kb.updated_at', 1_700_000_000],
    [
      'updated, text',
      { 'document.updated_at': '2023-11-14T22:13:20Z' },
      'coze.kb.updated_at',
      1_700_000_000,
    ],
    // model
    ['provider, ≤1.36', { 'gen_ai.system': 'ark' }, 'gen_ai.provider.name', 'ark'],
    ['provider, tag', { model_provider: 'ark' }, 'gen_ai.provider.name', 'ark'],
    ['provider, plain', { 'llm.provider': 'ark' }, 'gen_ai.provider.name', 'ark'],
    [
      'provider, with stage prefix',
      { 'ai.llm_gateway.tokens_out': 5 },
      'gen_ai.usage.output_tokens',
      5,
    ],
    ['model, tag', { model_name: 'doubao' }, 'gen_ai.request.model', 'doubao'],
    ['model, seed', { 'llm.model': 'doubao' }, 'gen_ai.request.model', 'doubao'],
    ['model, Java', { 'llm.model_name': 'doubao' }, 'gen_ai.request.model', 'doubao'],
    ['model, request', { 'llm.request.model': 'doubao' }, 'gen_ai.request.model', 'doubao'],
    ['input tokens, ≤1.26', { 'gen_ai.usage.prompt_tokens': 5 }, 'gen_ai.usage.input_tokens', 5],
    ['input tokens, tag', { input_tokens: 5 }, 'gen_ai.usage.input_tokens', 5],
    [
      'input tokens, OpenInference',
      { 'llm.token_count.prompt': 5 },
      'gen_ai.usage.input_tokens',
      5,
    ],
    ['input tokens, LiteLLM', { 'llm.usage.prompt_tokens': 5 }, 'gen_ai.usage.input_tokens', 5],
    ['input tokens, Coze usage', { 'usage.input_count': 5 }, 'gen_ai.usage.input_tokens', 5],
    [
      'output tokens, ≤1.26',
      { 'gen_ai.usage.completion_tokens': 5 },
      'gen_ai.usage.output_tokens',
      5,
    ],
    ['output tokens, tag', { output_tokens: 5 }, 'gen_ai.usage.output_tokens', 5],
    [
      'output tokens, OpenInference',
      { 'llm.token_count.completion': 5 },
      'gen_ai.usage.output_tokens',
      5,
    ],
    ['output tokens, Coze usage', { 'usage.output_count': 5 }, 'gen_ai.usage.output_tokens', 5],
    ['output tokens, gateway', { 'llm_gateway.tokens_out': 5 }, 'gen_ai.usage.output_tokens', 5],
    ['output tokens, plain', { tokens_out: 5 }, 'gen_ai.usage.output_tokens', 5],
    ['total, tag', { tokens: 12 }, 'coze.usage.total_tokens', 12],
    ['total, seed', { 'llm.token_usage': 12 }, 'coze.usage.total_tokens', 12],
    ['total, langchain', { 'gen_ai.usage.total_tokens': '12' }, 'coze.usage.total_tokens', 12],
    ['total, OpenInference', { 'llm.token_count.total': 12 }, 'coze.usage.total_tokens', 12],
    ['total, Coze usage', { 'usage.token_count': 12 }, 'coze.usage.total_tokens', 12],
    ['total, summed', { input_tokens: 5, output_tokens: 7 }, 'coze.usage.total_tokens', 12],
    ['total, one side only', { input_tokens: 5 }, 'coze.usage.total_tokens', 5],
    ['cached, tag', { input_cached_tokens: 5 }, 'gen_ai.usage.cache_read.input_tokens', 5],
    [
      'cached, OpenInference',
      { 'llm.token_count.prompt_details.cache_read': 5 },
      'gen_ai.usage.cache_read.input_tokens',
      5,
    ],
    ['reasoning, tag', { reasoning_tokens: 5 }, 'gen_ai.usage.reasoning.output_tokens', 5],
    [
      'first chunk, server',
      { 'gen_ai.server.time_to_first_token': 0.25 },
      'gen_ai.response.time_to_first_chunk',
      0.25,
    ],
    [
      'first chunk, µs',
      { latency_first_resp: 250_000 },
      'gen_ai.response.time_to_first_chunk',
      0.25,
    ],
    [
      'first chunk, absolute µs',
      { start_time_first_resp: T0 + 250_000 },
      'gen_ai.response.time_to_first_chunk',
      0.25,
    ],
    [
      'first chunk, loop, absolute µs',
      { 'cozeloop.time_to_first_token': T0 + 250_000 },
      'gen_ai.response.time_to_first_chunk',
      0.25,
    ],
    [
      'first chunk, langchain, elapsed ms',
      { 'cozeloop.start_time_first_resp': '250' },
      'gen_ai.response.time_to_first_chunk',
      0.25,
    ],
    ['stream, loop', { 'cozeloop.stream': 'true' }, 'gen_ai.request.stream', true],
    ['stream, tag', { stream: true }, 'gen_ai.request.stream', true],
    ['stream, OpenInference', { 'llm.is_streaming': '0' }, 'gen_ai.request.stream', false],
    [
      'finish reason',
      { 'llm.finish_reason': 'stop' },
      'gen_ai.response.finish_reasons',
      headerValue('stop'),
    ],
    ['input, ≤1.26', { 'gen_ai.prompt': 'hi' }, 'gen_ai.input.messages', 'hi'],
    ['input, loop', { 'cozeloop.input': 'hi' }, 'gen_ai.input.messages', 'hi'],
    ['input, OpenInference', { 'input.value': 'hi' }, 'gen_ai.input.messages', 'hi'],
    ['output, ≤1.26', { 'gen_ai.completion': 'hello' }, 'gen_ai.output.messages', 'hello'],
    ['output, loop', { 'cozeloop.output': 'hello' }, 'gen_ai.output.messages', 'hello'],
    // outcome
    [
      'error message, exception',
      { 'exception.message': 'boom', error: true },
      'error.message',
      'boom',
    ],
    ['error message, tag', { error: 'rate limited' }, 'error.message', 'rate limited'],
    ['error message, openclaw', { 'error.msg': 'boom', error: true }, 'error.message', 'boom'],
    ['error message, tool', { 'tool.error': 'boom', error: true }, 'error.message', 'boom'],
    ['error code, last error', { 'last_error.code': 4009 }, 'coze.error.code', 4009],
    ['error code, snake', { error_code: '720702085' }, 'coze.error.code', 720_702_085],
    ['error code, plain', { code: 4100 }, 'coze.error.code', 4100],
    ['error code, loop', { 'cozeloop.status_code': 429 }, 'coze.error.code', 429],
    ['HTTP status, ≤1.22', { 'http.status_code': '200' }, 'http.response.status_code', 200],
    ['retries, dotted', { 'retry.count': 2 }, 'http.request.resend_count', 2],
    ['retries, plain', { retry: '2' }, 'http.request.resend_count', 2],
    ['timeout', { timeout_ms: 5000 }, 'coze.timeout_ms', 5000],
    ['timeout, HTTP', { 'http.timeout': '5s' }, 'coze.timeout_ms', 5000],
    [
      'timeout, gRPC metadata',
      { 'rpc.grpc.request.metadata.timeout-ms': headerValue('5000') },
      'coze.timeout_ms',
      5000,
    ],
    ['variant, canary', { canary: 'b' }, 'feature_flag.result.variant', 'b'],
    ['variant, release', { release: 'r2' }, 'feature_flag.result.variant', 'r2'],
    ['variant, bot', { 'bot.variant': 'b' }, 'feature_flag.result.variant', 'b'],
    ['variant, bot version', { 'bot.version': 'bot-v7' }, 'feature_flag.result.variant', 'bot-v7'],
  ];
  test.each(rows)('%s', (_, attributes, canonical, value) => {
    expect(derivedOf(attributes)).toHaveProperty([canonical], value);
  });
});

describe('resource attributes', () => {
  test.each([
    ['service version, app', { 'app.version': '2' }, 'service.version', '2'],
    ['service version, bot', { 'bot.version': '2' }, 'service.version', '2'],
    [
      'environment, older',
      { 'deployment.environment': 'prod' },
      'deployment.environment.name',
      'production',
    ],
    [
      'environment, seed',
      { 'coze.environment': 'sandbox' },
      'deployment.environment.name',
      'sandbox',
    ],
    ['environment, variable', { COZE_ENVIRONMENT: 'dev' }, 'deployment.environment.name', 'dev'],
    ['environment, tag', { deployment_env: 'staging' }, 'deployment.environment.name', 'staging'],
    ['environment, plain', { env: 'PROD' }, 'deployment.environment.name', 'production'],
    ['bot, canonical', { 'coze.bot.id': 'b' }, 'coze.bot.id', 'b'],
    ['bot, variable', { 'process.environment_variable.COZE_BOT_ID': 'b' }, 'coze.bot.id', 'b'],
    ['bot, service name', { 'service.name': 'coze-bot-73a' }, 'coze.bot.id', '73a'],
    ['workspace, variable', { COZE_WORKSPACE_ID: '7' }, 'coze.workspace.id', '7'],
  ] as const)('%s', (_, resource, canonical, value) => {
    expect(normaliseOne({ resource }).derived).toHaveProperty([canonical], value);
  });

  test.each([
    ['a canonical version', { 'service.name': 's', 'service.version': '1' }],
    [
      'a canonical environment',
      { 'service.name': 's', 'deployment.environment.name': 'production' },
    ],
    ['an environment nobody knows', { 'service.name': 's', 'deployment.environment.name': 'eu-7' }],
  ] as const)('adds nothing for %s', (_, resource) => {
    expect(normaliseOne({ resource }).derived).toEqual({});
  });

  test.each([
    ['canonical', { 'service.name': 'shop' }, {}, 'shop'],
    [
      'resource before span',
      { 'service.name': 'shop' },
      { 'service.name': 'other', psm: 'p' },
      'shop',
    ],
    ['psm on the span', {}, { psm: 'a.b.c' }, 'a.b.c'],
    [
      'psm when the name is unknown',
      { 'service.name': 'unknown_service:node' },
      { psm: 'a.b.c' },
      'a.b.c',
    ],
    [
      'unknown with nothing better',
      { 'service.name': 'unknown_service:node' },
      {},
      'unknown_service:node',
    ],
    ['nothing', {}, {}, ''],
  ] as const)('service name: %s', (_, resource, attributes, service) => {
    expect(normaliseOne({ resource, attributes }).service).toBe(service);
  });
});

describe('precedence', () => {
  test.each([
    [
      'left alias before right',
      { conversation_id: 'right', 'coze.conversation.id': 'left' },
      'gen_ai.conversation.id',
      'left',
    ],
    [
      'empty values are passed over',
      { conversation_id: 'c', 'coze.conversation.id': '""' },
      'gen_ai.conversation.id',
      'c',
    ],
    [
      'uncoercible values are passed over',
      { input_tokens: 5, 'gen_ai.usage.prompt_tokens': 'many' },
      'gen_ai.usage.input_tokens',
      5,
    ],
    [
      'an uncoercible canonical value',
      { 'gen_ai.usage.input_tokens': '', 'llm.token_count.prompt': 5 },
      'gen_ai.usage.input_tokens',
      5,
    ],
    [
      'a class name behind a model',
      { 'gen_ai.request.model': 'ChatOpenAI', 'llm.model_name': 'gpt-4o' },
      'gen_ai.request.model',
      'gpt-4o',
    ],
    [
      'a header behind an attribute',
      { 'http.request.header.x-coze-bot-id': headerValue('h'), bot_id: 'a' },
      'coze.bot.id',
      'a',
    ],
  ] as const)('%s', (_, attributes, canonical, value) => {
    expect(derivedOf(attributes as Attributes)).toHaveProperty([canonical], value);
  });

  test('span, then event, then resource, then scope, then header', () => {
    const sources = {
      attributes: { bot_id: 'span' } as Record<string, Value>,
      events: [{ name: 'coze.chat', attributes: { bot_id: 'event' } }],
      resource: { bot_id: 'resource' } as Record<string, Value>,
      scope: { bot_id: 'scope' } as Record<string, Value>,
    };
    const header = { 'http.request.header.x-coze-bot-id': headerValue('header') };
    const botOf = (spec: Parameters<typeof normaliseOne>[0]) =>
      normaliseOne(spec).derived['coze.bot.id'];
    expect(botOf({ ...sources, attributes: { ...sources.attributes, ...header } })).toBe('span');
    expect(botOf({ ...sources, attributes: header })).toBe('event');
    expect(botOf({ ...sources, attributes: header, events: [] })).toBe('resource');
    expect(botOf({ ...sources, attributes: header, events: [], resource: {} })).toBe('scope');
    expect(botOf({ attributes: header })).toBe('header');
  });

  test('a class name alone stays as it is', () => {
    expect(derivedOf({ 'gen_ai.request.model': 'ChatOpenAI' })).toEqual({});
  });
});

describe('coercion', () => {
  test.each([
    ['an int as text', { 'gen_ai.usage.input_tokens': '12' }, 'gen_ai.usage.input_tokens', 12],
    [
      'a whole double',
      { 'gen_ai.usage.input_tokens': { double: 12 } },
      'gen_ai.usage.input_tokens',
      12,
    ],
    ['zero tokens', { 'gen_ai.usage.prompt_tokens': 0 }, 'gen_ai.usage.input_tokens', 0],
    ['an id as number', { conversation_id: 42 }, 'gen_ai.conversation.id', '42'],
    [
      'an id beyond 2^53',
      { conversation_id: { wideInt: '7300000000000000001' } },
      'gen_ai.conversation.id',
      '7300000000000000001',
    ],
    ['a flag as number', { stream: 1 }, 'gen_ai.request.stream', true],
    [
      'an upper-case operation',
      { 'gen_ai.operation.name': 'Chat' },
      'gen_ai.operation.name',
      'chat',
    ],
    ['confidence of exactly 1', { 'intent.confidence': 1 }, 'coze.intent.confidence', 1],
    ['confidence of exactly 100', { 'intent.confidence': '100' }, 'coze.intent.confidence', 1],
  ] as const)('reads %s', (_, attributes, canonical, value) => {
    expect(derivedOf(attributes as Attributes)).toHaveProperty([canonical], value);
  });

  test.each([
    ['NaN', { 'gen_ai.usage.prompt_tokens': { double: Number.NaN } }],
    ['text NaN', { 'gen_ai.usage.prompt_tokens': 'NaN' }],
    ['empty text', { 'gen_ai.usage.prompt_tokens': '' }],
    ['a fraction of a token', { 'gen_ai.usage.prompt_tokens': 1.5 }],
    ['negative tokens', { 'gen_ai.usage.prompt_tokens': -1 }],
    ['a confidence above 100', { 'intent.confidence': 101 }],
    ['a negative confidence', { 'intent.confidence': -0.1 }],
    ['an HTTP status outside 100–599', { 'http.status_code': 600 }],
    ['a first chunk before the start', { start_time_first_resp: T0 - 1 }],
    ['a first chunk days later', { start_time_first_resp: T0 + 90_000 * 1e6 }],
    ['a JavaScript empty input', { 'cozeloop.input': '""', 'cozeloop.output': '[]' }],
    ['a code that is an HTTP status', { code: 200 }],
    ['a code of zero', { error_code: 0, 'cozeloop.status_code': 0 }],
    [
      'a W3C trace id as legacy id',
      { 'http.request.header.x-trace-id': '0af7651916cd43dd8448eb211c80319c' },
    ],
    ['the query of a span that is no retrieval', { 'db.query.text': 'select 1' }],
    ['a boolean that is none', { stream: 'maybe' }],
    ['an agent of another provider', { 'gen_ai.agent.id': 'a', 'gen_ai.provider.name': 'openai' }],
    ['a numbered key without number', { 'retrieval.documents.x': 1 }],
    ['a numbered key beyond the bound', { 'retrieval.documents.99999999': 1 }],
  ] as const)('refuses %s', (_, attributes) => {
    expect(derivedOf(attributes as Attributes)).toEqual({});
  });
});

describe('four generations of GenAI names mean the same', () => {
  const usage = { 'gen_ai.usage.input_tokens': 5, 'gen_ai.usage.output_tokens': 7 };
  test.each([
    [
      '≤1.26',
      {
        'gen_ai.system': 'ark',
        'gen_ai.request.model': 'doubao',
        'gen_ai.usage.prompt_tokens': 5,
        'gen_ai.usage.completion_tokens': 7,
        'gen_ai.operation.name': 'chat',
      },
    ],
    [
      '1.27–1.36',
      {
        'gen_ai.system': 'ark',
        'gen_ai.request.model': 'doubao',
        ...usage,
        'gen_ai.operation.name': 'chat',
      },
    ],
    [
      '1.37–1.41',
      {
        'gen_ai.provider.name': 'ark',
        'gen_ai.request.model': 'doubao',
        ...usage,
        'gen_ai.operation.name': 'chat',
      },
    ],
    [
      'cozeloop tags',
      {
        model_provider: 'ark',
        model_name: 'doubao',
        input_tokens: 5,
        output_tokens: 7,
        span_type: 'model',
      },
    ],
    [
      'OpenInference',
      {
        'llm.system': 'ark',
        'llm.model_name': 'doubao',
        'llm.token_count.prompt': 5,
        'llm.token_count.completion': 7,
        'openinference.span.kind': 'LLM',
      },
    ],
  ] as const)('%s', (_, attributes) => {
    const span = normaliseOne({ attributes });
    expect({ ...span.attributes, ...span.derived }).toMatchObject({
      'gen_ai.provider.name': 'ark',
      'gen_ai.request.model': 'doubao',
      'gen_ai.operation.name': 'chat',
      'coze.usage.total_tokens': 12,
      ...usage,
    });
    expect(span.stage).toBe('llm');
  });
});

describe('canonical data', () => {
  const canonical: Attributes = {
    'coze.workspace.id': '7',
    'coze.tenant.id': '7',
    'coze.bot.id': 'b',
    'coze.connector.id': '1024',
    'coze.channel': 'api',
    'gen_ai.conversation.id': 'c',
    'coze.chat.id': 'c',
    'messaging.message.id': 'm',
    'coze.log.id': 'l',
    'coze.event.id': 'e',
    'coze.request.id': 'r',
    'coze.span.type': 'tool',
    'gen_ai.operation.name': 'execute_tool',
    'gen_ai.tool.name': 'weather',
    'coze.plugin.id': 'p',
    'coze.plugin.status': 'success',
    'gen_ai.usage.input_tokens': 5,
    'gen_ai.usage.output_tokens': 7,
    'coze.usage.total_tokens': 12,
    'gen_ai.response.time_to_first_chunk': 0.5,
    'gen_ai.request.stream': true,
    'http.response.status_code': 200,
    'coze.timeout_ms': 5000,
  };

  test('adds nothing', () => {
    expect(derivedOf(canonical)).toEqual({});
  });

  test('what was derived, sent again under its canonical names, adds nothing', () => {
    const first = normaliseOne({
      attributes: {
        bot_id: 'b',
        'cozeloop.span_type': 'tool',
        input_tokens: '5',
        connector_id: '999',
        error: 'time out',
        code: 4009,
      },
    });
    const again = { ...first.attributes, ...first.derived } as Readonly<Record<string, Value>>;
    expect(derivedOf(again)).toEqual({});
  });

  test('normalising the same rows twice gives the same', () => {
    const columns = spansOf([
      { attributes: { bot_id: 'b', user_id: 'u' } },
      { attributes: { bot_id: 'c' } },
    ]);
    const normaliser = createNormaliser({ userIds: 'hash', userIdKey: 'k' });
    const read = () =>
      [0, 1].map((row) => readRow(columns.derived, columns.strings, columns.derivedEnd, row));
    normaliser.normaliseSpans(columns, 0, 2);
    const first = read();
    normaliser.normaliseSpans(columns, 0, 2);
    expect(read()).toEqual(first);
    expect(columns.derived.count).toBe(columns.derivedEnd[1]);
  });

  test('ranges one after the other give what one range gives', () => {
    const specs = [
      { attributes: { bot_id: 'b' } },
      { attributes: {} },
      { attributes: { chat_id: 'c' } },
    ];
    const columns = spansOf(specs);
    const normaliser = createNormaliser({ userIds: 'keep', userIdKey: '' });
    normaliser.normaliseSpans(columns, 0, 1);
    normaliser.normaliseSpans(columns, 1, 3);
    expect(
      [0, 1, 2].map((row) => readRow(columns.derived, columns.strings, columns.derivedEnd, row)),
    ).toEqual([{ 'coze.bot.id': 'b' }, {}, { 'coze.chat.id': 'c' }]);
  });
});

describe('hostile input', () => {
  test.each([
    ['__proto__'],
    ['constructor'],
    ['toString'],
    ['ai.__proto__.x'],
    ['ai.'],
    ['http.request.header.__proto__'],
    ['http.request.header.'],
    ['retrieval.documents.'],
    [''],
  ])('key "%s" means nothing', (key) => {
    const span = normaliseOne({ attributes: [[key, 'v']], resource: [[key, 'v']] });
    expect(span.derived).toEqual({});
    expect(({} as Record<string, unknown>)['v']).toBeUndefined();
  });

  test('a key that stands twice counts once: the first readable value', () => {
    expect(
      derivedOf([
        ['bot_id', ''],
        ['bot_id', 'a'],
        ['bot_id', 'b'],
      ]),
    ).toEqual({ 'coze.bot.id': 'a' });
  });

  test('values of the wrong kind are no crash', () => {
    const wrong: readonly Value[] = [
      { json: {} },
      { json: [] },
      { json: null },
      { double: Number.POSITIVE_INFINITY },
      true,
      { wideInt: 'x' },
      '\u0000',
      'x'.repeat(100_000),
    ];
    const aliases = (FIELDS as readonly FieldSpec[]).flatMap(({ canonical, aliases: list }) => [
      canonical,
      ...list.map((alias) => (typeof alias === 'string' ? alias : alias.key)),
    ]);
    for (const value of wrong) {
      const attributes = aliases.map((key): readonly [string, Value] => [key, value]);
      expect(() => normaliseOne({ attributes, resource: attributes })).not.toThrow();
    }
  });

  test('thousands of attributes on one span are read', () => {
    const attributes = Array.from({ length: 16_384 }, (_, index): readonly [string, Value] => [
      `k${index}`,
      index,
    ]);
    expect(normaliseOne({ attributes: [...attributes, ['bot_id', 'b']] }).derived).toEqual({
      'coze.bot.id': 'b',
    });
  });
});

describe('user ids', () => {
  const hash = { userIds: 'hash', userIdKey: 'secret' } as const;
  /** `printf u1 | openssl dgst -sha256 -hmac secret`, first 16 digits. */
  const U1 = '8a629605d37d74d6';

  test('are replaced everywhere by the same keyed hash', () => {
    const span = normaliseOne(
      {
        attributes: { user_id: 'u1', 'http.request.header.x-coze-user-id': headerValue('u1') },
        resource: { 'enduser.id': 'u1' },
        events: [{ name: 'any', attributes: { 'user.id': 'u1' } }],
      },
      hash,
    );
    const hashed = span.derived['user.id'];
    expect(hashed).toBe(U1);
    expect(span.attributes).toEqual({
      user_id: hashed,
      'http.request.header.x-coze-user-id': hashed,
    });
    expect(span.resource).toEqual({ 'enduser.id': hashed });
  });

  test('hash differently under another key, and alike under the same', () => {
    const of = (userIdKey: string) =>
      normaliseOne({ attributes: { user_id: 'u1' } }, { userIds: 'hash', userIdKey }).derived[
        'user.id'
      ];
    expect(of('a')).toBe(of('a'));
    expect(of('a')).not.toBe(of('b'));
  });

  test.each([
    ['a number', 42, '42'],
    ['an id beyond 2^53', { wideInt: '7300000000000000001' }, '7300000000000000001'],
  ] as const)('%s hashes as its text', (_, value, text) => {
    const of = (sent: Value) =>
      normaliseOne({ attributes: { user_id: sent } }, hash).derived['user.id'];
    expect(of(value)).toBe(of(text));
  });

  test('stay under keep', () => {
    expect(normaliseOne({ attributes: { user_id: 'u1' } }).attributes).toEqual({ user_id: 'u1' });
  });

  test('of logs are replaced too', () => {
    const columns = logsOf([{ attributes: { 'user.id': 'u1' }, resource: { user_id: 'u1' } }]);
    createNormaliser(hash).normaliseLogs(columns, 0, 1);
    const sent = readRow(columns.attributes, columns.strings, columns.attributesEnd, 0)['user.id'];
    expect(sent).toMatch(/^[0-9a-f]{16}$/);
    expect(columns.strings.text(columns.resources[0]!.attributes[0]!.value)).toBe(sent);
    // it stands under its canonical key already
    expect(readRow(columns.derived, columns.strings, columns.derivedEnd, 0)).toEqual({});
  });
});
