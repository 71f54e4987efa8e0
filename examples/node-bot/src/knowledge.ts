/** Stage knowledge: asks the knowledge base for passages to answer from. */
import { SpanKind } from '@opentelemetry/api';
import { BotError } from './bot-error.ts';
import { postJson } from './http-client.ts';
import type { KbHit } from './kb-server.ts';
import { type Telemetry, withSpan } from './telemetry.ts';

const DATA_SOURCE = 'kb-after-sales';
const KB_TIMEOUT_MS = 8000;

export function searchKnowledge(
  query: string,
  { telemetry, kbUrl }: { readonly telemetry: Telemetry; readonly kbUrl: string },
): Promise<readonly KbHit[]> {
  const { tracer, log } = telemetry;
  const options = { attributes: { 'gen_ai.data_source.id': DATA_SOURCE } };
  return withSpan({ tracer, name: 'kb_search', options }, async (span) => {
    const hits = await callKb(query, { telemetry, kbUrl });
    span.setAttribute('coze.kb.hit_count', hits.length);
    log.info(`知识库检索完成 data_source=${DATA_SOURCE} 命中 ${hits.length} 条`);
    return hits;
  });
}

function callKb(
  query: string,
  { telemetry, kbUrl }: { readonly telemetry: Telemetry; readonly kbUrl: string },
): Promise<readonly KbHit[]> {
  const attributes = {
    'http.request.method': 'POST',
    'url.path': '/search',
    'server.address': 'kb-server',
  };
  const options = { kind: SpanKind.CLIENT, attributes };
  return withSpan({ tracer: telemetry.tracer, name: 'POST /search', options }, async (span) => {
    const body = { dataset: DATA_SOURCE, query, top_k: 3 };
    const reply = await postJson({ url: `${kbUrl}/search`, body, timeoutMs: KB_TIMEOUT_MS });
    span.setAttribute('http.response.status_code', reply.status);
    if (reply.status !== 200) {
      throw new BotError('KnowledgeError', `The knowledge base answered ${reply.status}`);
    }
    // The knowledge base is ours and answers with hits.
    return (JSON.parse(reply.text) as { hits: KbHit[] }).hits;
  });
}
