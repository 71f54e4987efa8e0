/** What a normaliser remembers of ids and texts changes nothing: a span alone and among others come out equal. */
import { describe, expect, test } from 'vitest';
import { createNormaliser, type NormaliseOptions } from '../../src/coze/coze.ts';
import { type Alias, FIELDS } from '../../src/coze/fields.ts';
import type { SpanKind } from '../../src/model/vocabulary.ts';
import { normaliseOne, readSpans, type SpanSpec, spansOf, type Value } from './columns-of.ts';
import { type Draw, drawOf } from './draw.ts';

const OPTIONS: NormaliseOptions = { userIds: 'hash', userIdKey: 'k' };
const KEYS: readonly string[] = [
  ...FIELDS.flatMap(({ canonical, aliases }): readonly string[] => [
    canonical,
    ...aliases.map((alias: Alias) => (typeof alias === 'string' ? alias : alias.key)),
  ]).map((key) => key.replace(/^h:/, 'http.request.header.').replace(/^(?:log|env|list):/, '')),
  'retrieval.documents.3.document.id',
  'ai.intent.name',
  'ai.kb.hit_count',
  'something.else',
];
const TEXTS = [
  ...['', '""', '[]', 'unknown_service:node', 'x', '7300000000000000001', 'ChatOpenAI', 'Doubao'],
  ...['chat', 'execute_tool', 'invoke_agent', 'embeddings', 'retrieval', 'Prompt', 'tools/call'],
  ...[
    'postgresql',
    'redis',
    'milvus',
    'etcd',
    'kafka',
    'grpc',
    'plugin',
    'IntentDetector',
    'entry',
  ],
  ...['/v3/chat', '/coze/webhook', 'https://open.feishu.cn/open-apis/x?y=1', 'Db.Internal:5432'],
  ...['ark.volces.com', 'success', 'timed_out', 'failed', 'TimeoutError', '超时', '4013', '12.5ms'],
  ...['coze-bot-7', 'bot-v2', 'intent', 'prod', 'true', 'false', 'coze', 'llm'],
];
const NUMBERS = [0, 1, 200, 429, 500, 504, 4013, 720_701_002, -1, 5432, 443];
const KINDS: readonly SpanKind[] = ['internal', 'server', 'client', 'producer', 'consumer'];
const NAMES = [
  'op',
  'intent.detect',
  'chat model',
  'dns lookup',
  '知识库召回',
  'route',
  'SELECT x',
];
const EVENTS = ['exception', 'conversation.chat.failed', 'gen_ai.choice', 'log'];

function drawValue(random: Draw): Value {
  switch (random.below(8)) {
    case 0:
      return random.pick(NUMBERS);
    case 1:
      return { double: random.below(1000) / 8 };
    case 2:
      return random.below(2) === 1;
    case 3:
      return { json: { arrayValue: { values: [{ stringValue: random.pick(TEXTS) }] } } };
    case 4:
      return { wideInt: '73000000000000000011' };
    default:
      return random.pick(TEXTS);
  }
}

function drawAttributes(random: Draw, countMax: number): readonly (readonly [string, Value])[] {
  const byKey = new Map<string, Value>();
  for (let left = random.below(countMax + 1); left > 0; left--) {
    byKey.set(random.pick(KEYS), drawValue(random));
  }
  return [...byKey];
}

/** Spans of traces of their own, so that none depends on another. */
function drawSpan(random: Draw, trace: number, shared: readonly SpanSpec[]): SpanSpec {
  const { resource, scope } = random.pick(shared);
  return {
    trace,
    name: random.pick(NAMES),
    kind: random.pick(KINDS),
    status: random.pick([0, 0, 0, 1, 2] as const),
    message: random.pick(TEXTS),
    attributes: drawAttributes(random, 12),
    events:
      random.below(4) > 0
        ? []
        : [{ name: random.pick(EVENTS), attributes: drawAttributes(random, 3) }],
    ...(resource && { resource }),
    ...(scope && { scope }),
  };
}

describe('SpanNormaliser', () => {
  test.each([1, 2, 3, 4, 5])('a span comes out alone as it does in a group, seed %i', (seed) => {
    const random = drawOf(seed);
    const shared = Array.from({ length: 6 }, () => ({
      resource: drawAttributes(random, 6),
      scope: drawAttributes(random, 1),
    }));
    const specs = Array.from({ length: 400 }, (_, index) => drawSpan(random, index + 1, shared));
    const normaliser = createNormaliser(OPTIONS);
    // the second group finds what the first one left behind
    for (const part of [specs.slice(0, 200), specs.slice(200)]) {
      const columns = spansOf(part);
      normaliser.normaliseSpans(columns, 0, 120);
      normaliser.normaliseSpans(columns, 120, columns.count);
      expect(readSpans(columns)).toEqual(part.map((spec) => normaliseOne(spec, OPTIONS)));
    }
  });
});
