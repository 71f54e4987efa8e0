/**
 * The normalisation table: which canonical attribute is filled from which names that senders really write,
 * in order, and how the value is read. Data only; src/coze/aliases.ts compiles it, src/coze/coerce.ts reads values.
 */

import type { Stage } from '../model/vocabulary.ts';

/** How a value is read. A value that cannot be read so leaves the turn to the next alias. */
export const COERCIONS = [
  // text
  'text',
  'lowerText',
  'modelName',
  'errorClass',
  'errorText',
  'longText',
  'environment',
  'pluginStatus',
  'operationOfType',
  'botOfService',
  'botVariant',
  'legacyTraceId',
  'path',
  // numbers and booleans
  'int',
  'double',
  'bool',
  'confidence',
  'httpStatus',
  'cozeCode',
  'cozeCodeGeneric',
  'nonZero',
  'failureFlag',
  'failureStatus',
  'listLength',
  'epochSeconds',
  'ms',
  'seconds',
  'secondsOfMs',
  'secondsOfUs',
  'secondsSinceStart',
  // structures
  'json',
  'texts',
] as const;
export type Coercion = (typeof COERCIONS)[number];

/** An alias counts only on spans of this kind. */
export type Condition = 'tool' | 'retrieval' | 'coze-provider';

/**
 * `key`, or with a prefix: `h:name` a captured header, `env:NAME` an environment variable shipped as a
 * resource attribute, `log:key` a field of log records only, `list:key` numbered keys `key.0.…` (counted).
 */
export type Alias =
  | string
  | { readonly key: string; readonly as?: Coercion; readonly when?: Condition };

/**
 * request: wanted on the span, also when only the resource says it. resource: said by the resource; added
 * only when it stands there under another name. outcome: added to failed spans only. fact: never added,
 * only looked at (stage, outcome, target).
 */
export type FieldLevel = 'request' | 'resource' | 'outcome' | 'fact';

export interface FieldSpec {
  readonly canonical: string;
  readonly level: FieldLevel;
  readonly as: Coercion;
  /** After the canonical name itself, which always comes first (facts have none). */
  readonly aliases: readonly Alias[];
  /** Its presence says that the sender is a bot, so that everyday words in span names may be trusted. */
  readonly isBotSign?: boolean;
}

const SPAN_TYPE_KEYS = [
  'cozeloop.span_type',
  'span_type',
  'gen_ai.span.kind',
  'openinference.span.kind',
  'traceloop.span.kind',
  'gen_ai.request.type',
] as const;

export const FIELDS = [
  // resource and tenant
  { canonical: 'service.name', level: 'resource', as: 'text', aliases: ['service_name', 'psm'] },
  { canonical: 'service.namespace', level: 'resource', as: 'text', aliases: [] },
  {
    canonical: 'service.version',
    level: 'resource',
    as: 'text',
    aliases: ['app.version', 'bot.version'],
  },
  {
    canonical: 'deployment.environment.name',
    level: 'resource',
    as: 'environment',
    aliases: [
      'deployment.environment',
      'coze.environment',
      'env:COZE_ENVIRONMENT',
      'deployment_env',
      'env',
    ],
  },
  {
    canonical: 'coze.workspace.id',
    level: 'request',
    as: 'text',
    isBotSign: true,
    aliases: [
      'cozeloop.workspace_id',
      'h:cozeloop-workspace-id',
      'workspace.id',
      'workspace_id',
      'space_id',
      'env:COZE_WORKSPACE_ID',
    ],
  },
  {
    canonical: 'coze.tenant.id',
    level: 'request',
    as: 'text',
    aliases: ['tenant.id', 'tenant_id'],
  },
  {
    canonical: 'coze.bot.id',
    level: 'request',
    as: 'text',
    isBotSign: true,
    aliases: [
      'coze.bot_id',
      'bot_id',
      'botId',
      'botID',
      'bot.id',
      'h:x-coze-bot-id',
      'h:x-aiplugin-bot-id',
      'env:COZE_BOT_ID',
      { key: 'service.name', as: 'botOfService' },
      { key: 'gen_ai.agent.id', when: 'coze-provider' },
    ],
  },
  {
    canonical: 'coze.connector.id',
    level: 'request',
    as: 'text',
    isBotSign: true,
    aliases: ['coze.connector_id', 'connector_id', 'header.connector_id'],
  },
  {
    canonical: 'coze.channel',
    level: 'request',
    as: 'text',
    aliases: ['channel', 'openclaw.channel_id'],
  },
  // correlation
  {
    canonical: 'gen_ai.conversation.id',
    level: 'request',
    as: 'text',
    aliases: [
      'coze.conversation.id',
      'conversation_id',
      'h:x-coze-conversation-id',
      'h:x-aiplugin-conversation-id',
      'thread_id',
      'session.id',
      'session_id',
    ],
  },
  {
    canonical: 'coze.chat.id',
    level: 'request',
    as: 'text',
    isBotSign: true,
    aliases: ['chat_id', 'coze.chat_id'],
  },
  {
    canonical: 'messaging.message.id',
    level: 'request',
    as: 'text',
    aliases: ['message_id', 'MsgId'],
  },
  {
    canonical: 'user.id',
    level: 'request',
    as: 'text',
    aliases: ['user_id', 'enduser.id', 'h:x-coze-user-id', 'h:x-aiplugin-connector-identifier'],
  },
  {
    canonical: 'coze.log.id',
    level: 'request',
    as: 'text',
    isBotSign: true,
    aliases: [
      'cozeloop.logid',
      'log_id',
      'h:x-tt-logid',
      'x-tt-logid',
      'detail.logid',
      'logid',
      'h:x-log-id',
    ],
  },
  {
    canonical: 'coze.event.id',
    level: 'request',
    as: 'text',
    aliases: ['event_id', 'header.event_id', 'event.id'],
  },
  {
    canonical: 'coze.request.id',
    level: 'request',
    as: 'text',
    aliases: ['request.id', 'request_id', 'h:x-request-id', 'coze.request_id'],
  },
  {
    canonical: 'coze.legacy.trace_id',
    level: 'request',
    as: 'legacyTraceId',
    aliases: ['h:x-trace-id', 'log:traceId', 'log:trace_id', 'log:traceID'],
  },
  {
    canonical: 'coze.workflow.id',
    level: 'request',
    as: 'text',
    isBotSign: true,
    aliases: ['workflow_id'],
  },
  {
    canonical: 'coze.workflow.execute_id',
    level: 'request',
    as: 'text',
    isBotSign: true,
    aliases: ['execute_id', 'coze.execute_id'],
  },
  {
    canonical: 'gen_ai.workflow.name',
    level: 'request',
    as: 'text',
    aliases: ['workflow.name', 'workflow_name'],
  },
  { canonical: 'coze.node.id', level: 'request', as: 'text', aliases: ['node_id'] },
  {
    canonical: 'coze.node.type',
    level: 'request',
    as: 'text',
    isBotSign: true,
    aliases: ['node_type'],
  },
  { canonical: 'coze.node.title', level: 'request', as: 'text', aliases: ['node_title'] },
  // classification
  {
    canonical: 'coze.span.type',
    level: 'request',
    as: 'text',
    isBotSign: true,
    aliases: SPAN_TYPE_KEYS,
  },
  {
    canonical: 'gen_ai.operation.name',
    level: 'request',
    as: 'lowerText',
    isBotSign: true,
    aliases: SPAN_TYPE_KEYS.map((key) => ({ key, as: 'operationOfType' as const })),
  },
  // intent
  {
    canonical: 'coze.intent.name',
    level: 'request',
    as: 'text',
    aliases: ['intent.name', 'intent'],
  },
  {
    canonical: 'coze.intent.confidence',
    level: 'request',
    as: 'confidence',
    aliases: ['intent.confidence', 'intent.score'],
  },
  // plugin and tool
  {
    canonical: 'coze.plugin.id',
    level: 'request',
    as: 'text',
    isBotSign: true,
    aliases: ['plugin.id', 'plugin_id', 'h:x-aiplugin-id'],
  },
  {
    canonical: 'gen_ai.tool.name',
    level: 'request',
    as: 'text',
    aliases: ['tool.name', 'plugin.name', 'plugin_name', 'api_name', 'function.name', 'log:plugin'],
  },
  {
    canonical: 'gen_ai.tool.call.id',
    level: 'request',
    as: 'text',
    aliases: ['tool_call_id', 'tool_call.id'],
  },
  {
    canonical: 'gen_ai.tool.call.arguments',
    level: 'request',
    as: 'json',
    aliases: [
      'spring.ai.tool.call.arguments',
      'gen_ai.tool.input',
      'tool.parameters',
      { key: 'cozeloop.input', when: 'tool' },
      { key: 'input.value', when: 'tool' },
    ],
  },
  {
    canonical: 'gen_ai.tool.call.result',
    level: 'request',
    as: 'json',
    aliases: [
      'spring.ai.tool.call.result',
      'gen_ai.tool.output',
      { key: 'cozeloop.output', when: 'tool' },
      { key: 'output.value', when: 'tool' },
      'log:plugin_result',
    ],
  },
  {
    canonical: 'coze.plugin.status',
    level: 'request',
    as: 'pluginStatus',
    aliases: ['plugin.status'],
  },
  {
    canonical: 'coze.duration_reported',
    level: 'request',
    as: 'ms',
    aliases: ['plugin.duration_ms', 'duration_ms', 'agent.duration_ms'],
  },
  // knowledge
  {
    canonical: 'gen_ai.data_source.id',
    level: 'request',
    as: 'text',
    isBotSign: true,
    aliases: ['kb_id', 'knowledge_base_id', 'dataset_id', 'vikingdb_name', 'es_index'],
  },
  {
    canonical: 'gen_ai.retrieval.query.text',
    level: 'request',
    as: 'text',
    aliases: [{ key: 'db.query.text', when: 'retrieval' }, 'retrieval.query'],
  },
  {
    canonical: 'coze.kb.hit_count',
    level: 'request',
    as: 'int',
    isBotSign: true,
    aliases: [
      'kb_hits',
      { key: 'gen_ai.retrieval.documents', as: 'listLength' },
      'list:retrieval.documents',
      'list:gen_ai.retrieval.documents',
      'hit_count',
    ],
  },
  {
    canonical: 'coze.kb.updated_at',
    level: 'request',
    as: 'epochSeconds',
    aliases: ['kb.updated_at', 'document.updated_at', 'last_sync_time'],
  },
  // llm
  {
    canonical: 'gen_ai.provider.name',
    level: 'request',
    as: 'modelName',
    isBotSign: true,
    aliases: ['gen_ai.system', 'model_provider', 'llm.provider', 'llm.system'],
  },
  {
    canonical: 'gen_ai.request.model',
    level: 'request',
    as: 'modelName',
    isBotSign: true,
    aliases: ['model_name', 'llm.model', 'llm.model_name', 'llm.request.model'],
  },
  { canonical: 'gen_ai.response.model', level: 'request', as: 'text', aliases: [] },
  {
    canonical: 'gen_ai.usage.input_tokens',
    level: 'request',
    as: 'int',
    isBotSign: true,
    aliases: [
      'gen_ai.usage.prompt_tokens',
      'input_tokens',
      'llm.token_count.prompt',
      'llm.usage.prompt_tokens',
      'usage.input_count',
    ],
  },
  {
    canonical: 'gen_ai.usage.output_tokens',
    level: 'request',
    as: 'int',
    isBotSign: true,
    aliases: [
      'gen_ai.usage.completion_tokens',
      'output_tokens',
      'llm.token_count.completion',
      'llm.usage.completion_tokens',
      'usage.output_count',
      'llm_gateway.tokens_out',
      'tokens_out',
    ],
  },
  {
    canonical: 'coze.usage.total_tokens',
    level: 'request',
    as: 'int',
    isBotSign: true,
    aliases: [
      'tokens',
      'llm.token_usage',
      'gen_ai.usage.total_tokens',
      'llm.token_count.total',
      'llm.usage.total_tokens',
      'usage.token_count',
    ],
  },
  {
    canonical: 'gen_ai.usage.cache_read.input_tokens',
    level: 'request',
    as: 'int',
    aliases: ['input_cached_tokens', 'llm.token_count.prompt_details.cache_read'],
  },
  {
    canonical: 'gen_ai.usage.cache_write.input_tokens',
    level: 'request',
    as: 'int',
    aliases: ['gen_ai.usage.cache_creation.input_tokens'],
  },
  {
    canonical: 'gen_ai.usage.reasoning.output_tokens',
    level: 'request',
    as: 'int',
    aliases: ['reasoning_tokens'],
  },
  {
    canonical: 'gen_ai.response.time_to_first_chunk',
    level: 'request',
    as: 'seconds',
    aliases: [
      'gen_ai.server.time_to_first_token',
      { key: 'latency_first_resp', as: 'secondsOfUs' },
      { key: 'start_time_first_resp', as: 'secondsSinceStart' },
      { key: 'cozeloop.time_to_first_token', as: 'secondsSinceStart' },
      { key: 'cozeloop.start_time_first_resp', as: 'secondsOfMs' },
    ],
  },
  {
    canonical: 'gen_ai.request.stream',
    level: 'request',
    as: 'bool',
    aliases: ['cozeloop.stream', 'stream', 'llm.is_streaming'],
  },
  {
    canonical: 'gen_ai.response.finish_reasons',
    level: 'request',
    as: 'texts',
    aliases: ['llm.finish_reason', 'finish_reason'],
  },
  {
    canonical: 'gen_ai.input.messages',
    level: 'request',
    as: 'json',
    aliases: [
      'gen_ai.prompt',
      'gen_ai.input',
      'llm.input_messages',
      { key: 'input.value' },
      'cozeloop.input',
    ],
  },
  {
    canonical: 'gen_ai.output.messages',
    level: 'request',
    as: 'json',
    aliases: [
      'gen_ai.completion',
      'gen_ai.output',
      'llm.output_messages',
      { key: 'output.value' },
      'cozeloop.output',
    ],
  },
  // outcome
  {
    canonical: 'error.type',
    level: 'outcome',
    as: 'errorClass',
    aliases: ['exception.type'],
  },
  {
    canonical: 'error.message',
    level: 'outcome',
    as: 'errorText',
    aliases: [
      'exception.message',
      'error',
      'error.msg',
      'tool.error',
      { key: 'error.type', as: 'longText' },
      'error_message',
      'last_error.msg',
    ],
  },
  {
    canonical: 'coze.error.code',
    level: 'request',
    as: 'cozeCode',
    aliases: [
      'last_error.code',
      'error_code',
      { key: 'code', as: 'cozeCodeGeneric' },
      'cozeloop.status_code',
    ],
  },
  {
    canonical: 'http.response.status_code',
    level: 'request',
    as: 'httpStatus',
    aliases: ['http.status_code', 'log:status'],
  },
  {
    canonical: 'http.request.resend_count',
    level: 'request',
    as: 'int',
    aliases: ['retry.count', 'retry'],
  },
  {
    canonical: 'coze.timeout_ms',
    level: 'request',
    as: 'ms',
    aliases: ['timeout_ms', 'http.timeout', 'h:timeout-ms', 'log:timeout'],
  },
  {
    canonical: 'feature_flag.result.variant',
    level: 'request',
    as: 'text',
    aliases: [
      'canary',
      'release',
      'bot.variant',
      { key: 'service.version', as: 'botVariant' },
      { key: 'bot.version', as: 'botVariant' },
    ],
  },
  // facts: signs of failure
  { canonical: '~error', level: 'fact', as: 'failureFlag', aliases: ['error'] },
  { canonical: '~loopStatus', level: 'fact', as: 'nonZero', aliases: ['cozeloop.status_code'] },
  {
    canonical: '~executeStatus',
    level: 'fact',
    as: 'failureStatus',
    aliases: ['execute_status', 'coze.workflow.execute_status', 'coze.execute_status'],
  },
  // facts: what the span is and what it talks to
  { canonical: '~stage', level: 'fact', as: 'lowerText', aliases: ['coze.stage'] },
  { canonical: '~mcpMethod', level: 'fact', as: 'text', aliases: ['mcp.method.name'] },
  {
    canonical: '~dbSystem',
    level: 'fact',
    as: 'lowerText',
    aliases: ['db.system.name', 'db.system', 'db.type'],
  },
  { canonical: '~dbName', level: 'fact', as: 'text', aliases: ['db.namespace', 'db.name'] },
  {
    canonical: '~mqSystem',
    level: 'fact',
    as: 'lowerText',
    aliases: ['messaging.system'],
  },
  {
    canonical: '~mqDestination',
    level: 'fact',
    as: 'text',
    aliases: [
      'messaging.destination.name',
      'messaging.destination',
      'messaging.kafka.topic',
      'messaging.kafka.destination.topic',
    ],
  },
  {
    canonical: '~rpcSystem',
    level: 'fact',
    as: 'lowerText',
    aliases: ['rpc.system.name', 'rpc.system'],
  },
  { canonical: '~rpcService', level: 'fact', as: 'text', aliases: ['rpc.service'] },
  {
    canonical: '~peerService',
    level: 'fact',
    as: 'text',
    aliases: ['service.peer.name', 'peer.service'],
  },
  {
    canonical: '~host',
    level: 'fact',
    as: 'text',
    aliases: [
      'server.address',
      'net.peer.name',
      'http.host',
      'peer.hostname',
      'network.peer.address',
      'net.sock.peer.addr',
      'net.peer.ip',
      'peer.address',
    ],
  },
  {
    canonical: '~port',
    level: 'fact',
    as: 'int',
    aliases: ['server.port', 'net.peer.port', 'network.peer.port'],
  },
  { canonical: '~url', level: 'fact', as: 'text', aliases: ['url.full', 'http.url'] },
  { canonical: '~path', level: 'fact', as: 'path', aliases: ['url.path', 'http.target'] },
  { canonical: '~route', level: 'fact', as: 'path', aliases: ['http.route'] },
  {
    canonical: '~httpMethod',
    level: 'fact',
    as: 'text',
    aliases: ['http.request.method', 'http.method'],
  },
  { canonical: '~dnsName', level: 'fact', as: 'text', aliases: ['dns.question.name'] },
] as const satisfies readonly FieldSpec[];

export type CanonicalName = (typeof FIELDS)[number]['canonical'];

/** Index of a field in FIELDS, checked by the compiler. */
export function fieldIndex(canonical: CanonicalName): number {
  return FIELDS.findIndex((field) => field.canonical === canonical);
}

/** Span type of any sender, lower-cased → `gen_ai.operation.name`. */
export const OPERATION_OF_TYPE: ReadonlyMap<string, string> = new Map([
  ['model', 'chat'],
  ['llm', 'chat'],
  ['llmcall', 'chat'],
  ['workflowllmcall', 'chat'],
  ['chat', 'chat'],
  ['completion', 'text_completion'],
  ['text_completion', 'text_completion'],
  ['generate_content', 'generate_content'],
  ['tool', 'execute_tool'],
  ['plugin', 'execute_tool'],
  ['function', 'execute_tool'],
  ['plugintool', 'execute_tool'],
  ['workflowplugintool', 'execute_tool'],
  ['execute_tool', 'execute_tool'],
  ['retriever', 'retrieval'],
  ['vector_retriever', 'retrieval'],
  ['retrieval', 'retrieval'],
  ['agent', 'invoke_agent'],
  ['invoke_agent', 'invoke_agent'],
  ['graph', 'invoke_workflow'],
  ['workflow', 'invoke_workflow'],
  ['invoke_workflow', 'invoke_workflow'],
  ['embedding', 'embeddings'],
  ['embeddings', 'embeddings'],
]);

/** What senders call an environment, lower-cased → the canonical word. */
export const ENVIRONMENTS: ReadonlyMap<string, string> = new Map([
  ['production', 'production'],
  ['prod', 'production'],
  ['prd', 'production'],
  ['online', 'production'],
  ['staging', 'staging'],
  ['stage', 'staging'],
  ['stg', 'staging'],
  ['pre', 'staging'],
  ['ppe', 'staging'],
  ['sandbox', 'sandbox'],
  ['dev', 'dev'],
  ['development', 'dev'],
  ['boe', 'dev'],
  ['local', 'local'],
  ['unknown', 'unknown'],
]);

/** What senders call a plugin's outcome, lower-cased → the canonical word. */
export const PLUGIN_STATUSES: ReadonlyMap<string, string> = new Map([
  ['success', 'success'],
  ['succeeded', 'success'],
  ['ok', 'success'],
  ['timeout', 'timeout'],
  ['timed_out', 'timeout'],
  ['fail', 'fail'],
  ['failed', 'fail'],
  ['failure', 'fail'],
  ['error', 'fail'],
  ['rejected', 'rejected'],
  ['circuit_open', 'rejected'],
]);

/** Coze's connector ids → channel. */
export const CHANNEL_OF_CONNECTOR: ReadonlyMap<string, string> = new Map([
  ['1024', 'api'],
  ['999', 'chat_sdk'],
  ['998', 'web_sdk'],
  ['10000011', 'feishu'],
  ['10000128', 'feishu_bitable'],
  ['10000113', 'wechat_customer_service'],
  ['10000120', 'wechat_service_account'],
  ['10000121', 'wechat_subscription'],
  ['10000126', 'douyin_mini_program'],
  ['10000127', 'wechat_mini_program'],
  ['10000122', 'store'],
  ['10000010', 'store'],
  ['10000117', 'juejin'],
]);

/** Stages whose attributes senders prefix with `ai.<stage>.`, and the stage the prefix says. */
export const AI_PREFIX_STAGES: ReadonlyMap<string, Stage> = new Map<string, Stage>([
  ['intent', 'intent'],
  ['plugin', 'plugin'],
  ['llm_gateway', 'llm'],
  ['knowledge', 'knowledge'],
]);

/** Prefixes before the name of a captured header. */
export const HEADER_PREFIXES = [
  'http.request.header.',
  'http.response.header.',
  'rpc.grpc.request.metadata.',
  'rpc.request.metadata.',
] as const;

/** Prefixes before the name of an environment variable in resource attributes. */
export const ENVIRONMENT_PREFIXES = ['', 'env.', 'process.environment_variable.'] as const;
