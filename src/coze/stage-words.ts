/**
 * Stage and kind of infrastructure from the words of a span name. Words are whole: split where letters end
 * and at camelCase, so that `format` is found in `formatCard` and not in `information`.
 */

import type { InfraKind, Stage } from '../model/vocabulary.ts';
import { INFRA_KINDS, STAGES } from '../model/vocabulary.ts';

interface StageWords {
  readonly stage: Stage;
  /** Say the stage wherever they stand. */
  readonly sure: readonly string[];
  /** Everyday words: say it only in a bot, or when they are the whole name. */
  readonly everyday: readonly string[];
  /** Found anywhere in a name: Chinese has no spaces. */
  readonly chinese: readonly string[];
}

/** In the order of the stages; the first match wins. */
export const STAGE_WORDS: readonly StageWords[] = [
  {
    stage: 'receive',
    sure: ['webhook', 'webhooks'],
    everyday: [
      ...['recv', 'receive', 'receives', 'received', 'receiver', 'receiving'],
      ...['verify', 'verifies', 'verified', 'verifier', 'verification'],
      ...['parse', 'parses', 'parsed', 'parser', 'parsing'],
      ...['auth', 'authenticate', 'authentication', 'authorize', 'authorization'],
    ],
    chinese: ['接收', '收到消息', '验签', '鉴权', '解析'],
  },
  {
    stage: 'intent',
    sure: ['intent', 'intents', 'nlu'],
    everyday: [
      ...['route', 'routes', 'routed', 'router', 'routing'],
      ...['classify', 'classifies', 'classified', 'classifier', 'classification'],
    ],
    chinese: ['意图', '路由'],
  },
  {
    stage: 'knowledge',
    sure: [
      ...['kb search', 'knowledge', 'knowledgebase', 'rag', 'milvus', 'viking', 'vikingdb'],
      ...['rerank', 'reranks', 'reranker', 'reranking'],
    ],
    everyday: [
      ...['retrieve', 'retrieves', 'retrieved', 'retriever', 'retrieval', 'retrieving'],
      ...['embed', 'embeds', 'embedded', 'embedder', 'embedding', 'embeddings'],
    ],
    chinese: ['知识库', '召回', '检索', '向量'],
  },
  {
    stage: 'plugin',
    sure: ['plugin', 'plugins'],
    everyday: ['tool', 'tools', 'function', 'functions', 'action', 'actions', 'execute'],
    chinese: ['插件', '工具'],
  },
  {
    stage: 'llm',
    sure: ['llm', 'llms', 'gpt', 'doubao'],
    everyday: ['model', 'models', 'chat', 'completion', 'completions'],
    chinese: ['大模型', '模型'],
  },
  {
    stage: 'render',
    sure: [],
    everyday: [
      ...['render', 'renders', 'rendered', 'renderer', 'rendering'],
      ...['compose', 'composes', 'composed', 'composer', 'composing'],
      ...['format', 'formats', 'formatted', 'formatter', 'formatting'],
      ...['card', 'cards', 'template', 'templates', 'templating'],
      ...['marshal', 'marshals', 'marshaled', 'marshalled', 'marshaler', 'marshaling'],
    ],
    chinese: ['渲染', '卡片', '模板'],
  },
  {
    stage: 'channel',
    sure: ['feishu', 'lark', 'wechat', 'weixin', 'telegram'],
    everyday: [
      ...['send', 'sends', 'sent', 'sender', 'sending', 'reply', 'replies', 'replied'],
      ...['push', 'pushes', 'pushed', 'pusher', 'pushing', 'channel', 'channels'],
      ...['deliver', 'delivers', 'delivered', 'delivery', 'delivering'],
    ],
    chinese: ['发送', '回复', '推送', '飞书', '微信'],
  },
];

/** Words that tell the kind of infrastructure. */
const INFRA_WORDS: ReadonlyMap<string, InfraKind> = new Map([
  ['dns', 'dns'],
  ['etcd', 'config'],
  ['nacos', 'config'],
  ['apollo', 'config'],
  ['consul', 'config'],
]);

/** Service names with such a word belong to a bot. */
const BOT_WORDS: ReadonlySet<string> = new Set([
  'bot',
  'chatbot',
  'coze',
  'cozeloop',
  'llm',
  'doubao',
  'assistant',
]);

/** What the words of a name say. */
export interface NameStages {
  /** Index into STAGES by the first word that says one; -1 = none. */
  readonly inBot: number;
  /** A word that only bots use, or one word that is the whole name: then inBot holds anywhere. */
  readonly isSure: boolean;
  /** A sure word of the knowledge stage. */
  readonly saysKnowledge: boolean;
  /** Index into INFRA_KINDS. */
  readonly infra: number;
}

/** Names are long only when they carry data; the beginning says what they are. */
const NAME_MAX = 200;
const LOWER_TO_UPPER = /(\p{Ll})(?=\p{Lu})/gu;
const UPPERS_TO_WORD = /(\p{Lu})(?=\p{Lu}\p{Ll})/gu;

export function wordsOf(name: string): readonly string[] {
  return name
    .slice(0, NAME_MAX)
    .replace(LOWER_TO_UPPER, '$1 ')
    .replace(UPPERS_TO_WORD, '$1 ')
    .toLowerCase()
    .split(/[^\p{L}]+/u)
    .filter((word) => word !== '');
}

export function stagesOfName(name: string): NameStages {
  const words = wordsOf(name);
  const isWholeName = words.length === 1;
  let inBot = -1;
  let isSure = false;
  let saysKnowledge = false;
  for (const { stage, sure, everyday, chinese } of STAGE_WORDS) {
    const hasSure = hasWord(words, sure) || chinese.some((word) => name.includes(word));
    const hasEveryday = hasWord(words, everyday);
    if ((hasSure || hasEveryday) && inBot < 0) inBot = STAGES.indexOf(stage);
    isSure ||= hasSure || (hasEveryday && isWholeName);
    saysKnowledge ||= hasSure && stage === 'knowledge';
  }
  return { inBot, isSure, saysKnowledge, infra: infraOfWords(words) };
}

/** True when a service's name says that it is a bot. */
export function saysBot(serviceName: string): boolean {
  return wordsOf(serviceName).some((word) => BOT_WORDS.has(word));
}

function hasWord(words: readonly string[], wanted: readonly string[]): boolean {
  return wanted.some((word) =>
    word.includes(' ') ? ` ${words.join(' ')} `.includes(` ${word} `) : words.includes(word),
  );
}

function infraOfWords(words: readonly string[]): number {
  for (const word of words) {
    const kind = INFRA_WORDS.get(word);
    if (kind !== undefined) return INFRA_KINDS.indexOf(kind);
  }
  return 0;
}
