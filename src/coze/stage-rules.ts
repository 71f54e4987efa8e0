/** Stages by node type, operation, span type, HTTP path and host: the rules as data. */

import type { Stage } from '../model/vocabulary.ts';
import { STAGES } from '../model/vocabulary.ts';

/** Index of a stage. */
export function stageIndex(stage: Stage): number {
  return STAGES.indexOf(stage);
}

/** What senders call a stage in `coze.stage`, lower-cased. */
export const STAGE_BY_NAME: ReadonlyMap<string, Stage> = new Map<string, Stage>([
  ...STAGES.map((stage): [string, Stage] => [stage, stage]),
  ['llm_gateway', 'llm'],
]);

/** Workflow node type, lower-cased → stage. */
export const STAGE_OF_NODE_TYPE: ReadonlyMap<string, Stage> = new Map<string, Stage>([
  ['entry', 'receive'],
  ['exit', 'render'],
  ['outputemitter', 'render'],
  ['intentdetector', 'intent'],
  ['knowledgeretriever', 'knowledge'],
  ['knowledgeindexer', 'knowledge'],
  ['llm', 'llm'],
  ['plugin', 'plugin'],
  ['httprequester', 'plugin'],
  ['coderunner', 'plugin'],
  ['subworkflow', 'plugin'],
  ['selector', 'other'],
  ['loop', 'other'],
  ['batch', 'other'],
  ['variableaggregator', 'other'],
  ['questionanswer', 'receive'],
  ['inputreceiver', 'receive'],
]);

export function stageOfNodeType(nodeType: string): Stage | undefined {
  const lower = nodeType.toLowerCase();
  return STAGE_OF_NODE_TYPE.get(lower) ?? (lower.startsWith('database') ? 'plugin' : undefined);
}

/** `gen_ai.operation.name` → stage. Agents and workflows are containers: they have no stage. */
export const STAGE_OF_OPERATION: ReadonlyMap<string, Stage> = new Map<string, Stage>([
  ['chat', 'llm'],
  ['text_completion', 'llm'],
  ['generate_content', 'llm'],
  ['retrieval', 'knowledge'],
  ['execute_tool', 'plugin'],
]);
export const CONTAINER_OPERATIONS: ReadonlySet<string> = new Set([
  'invoke_agent',
  'create_agent',
  'invoke_workflow',
]);

/** Span type, lower-cased → stage, where it says more than the operation. */
export const STAGE_OF_TYPE: ReadonlyMap<string, Stage> = new Map<string, Stage>([
  ['userinput', 'receive'],
  ['userinputv2', 'receive'],
  ['root', 'receive'],
  ['reranker', 'knowledge'],
  ['vector_store', 'knowledge'],
]);
/** Span types that render the answer when they come after the last model call. */
export const PROMPT_TYPES: ReadonlySet<string> = new Set([
  'prompt',
  'prompt_hub',
  'parser',
  'transformer',
]);

interface PathRule {
  readonly pattern: RegExp;
  readonly stage: Stage;
}

/** Paths that a server serves. Segments are whole. */
export const SERVER_PATHS: readonly PathRule[] = [
  {
    pattern: /(?:^|\/)(?:webhooks?|coze_callback|coze-hook|callback)(?:\/|$)/i,
    stage: 'receive',
  },
  { pattern: /(?:^|\/)execute\/?$|(?:^|\/)plugins?\/[^/]/i, stage: 'plugin' },
];

/** Paths that a client calls. */
export const CLIENT_PATHS: readonly PathRule[] = [
  { pattern: /^\/v1\/bot\/messages(?:\/|$)/, stage: 'channel' },
  {
    pattern: /^\/(?:open_api\/knowledge|v1\/datasets|v1\/knowledge_bases)(?:\/|$)/,
    stage: 'knowledge',
  },
  { pattern: /^\/v1\/plugins\/[^/]+\/tools\/call(?:\/|$)/, stage: 'plugin' },
  { pattern: /^\/(?:v3\/chat|v1\/workflows?)(?:\/|$)/, stage: 'llm' },
  { pattern: /\/chat\/completions$/, stage: 'llm' },
];

/** Hosts that a client calls: the host itself or a domain above it. */
export const CLIENT_HOSTS: readonly { readonly domain: string; readonly stage: Stage }[] = [
  { domain: 'open.feishu.cn', stage: 'channel' },
  { domain: 'open.larksuite.com', stage: 'channel' },
  { domain: 'api.weixin.qq.com', stage: 'channel' },
  { domain: 'qyapi.weixin.qq.com', stage: 'channel' },
  { domain: 'api.telegram.org', stage: 'channel' },
  { domain: 'volces.com', stage: 'llm' },
  { domain: 'openai.com', stage: 'llm' },
  { domain: 'openai.azure.com', stage: 'llm' },
  { domain: 'deepseek.com', stage: 'llm' },
  { domain: 'dashscope.aliyuncs.com', stage: 'llm' },
  { domain: 'anthropic.com', stage: 'llm' },
];

/** Databases that hold knowledge. */
export const VECTOR_DATABASES: ReadonlySet<string> = new Set([
  'milvus',
  'vikingdb',
  'viking',
  'pinecone',
  'qdrant',
  'weaviate',
  'chroma',
]);

export const CACHES: ReadonlySet<string> = new Set([
  'redis',
  'memcached',
  'valkey',
  'hazelcast',
  'keydb',
]);
export const CONFIG_STORES: ReadonlySet<string> = new Set([
  'etcd',
  'consul',
  'nacos',
  'apollo',
  'zookeeper',
]);
