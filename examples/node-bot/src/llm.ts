/** Stage llm: one chat completion, with short retries when the gateway says 429. Each attempt is a span. */
import { type Span, SpanKind } from '@opentelemetry/api';
import { BotError } from './bot-error.ts';
import { type PostReply, postJson } from './http-client.ts';
import type { Instruments } from './instruments.ts';
import { RATE_LIMIT_CODE } from './llm-gateway.ts';
import { type Telemetry, withSpan } from './telemetry.ts';
import { wait } from './wait.ts';

const MODEL = 'doubao-pro';
const PROVIDER = 'volcengine.ark';
const LLM_TIMEOUT_MS = 15_000;
const ATTEMPTS_MAX = 3;
const BACKOFF_MS = 150;

export interface LlmDeps {
  readonly telemetry: Telemetry;
  readonly instruments: Instruments;
  readonly llmUrl: string;
}

/** Throws RateLimited when the last attempt was still refused. */
export async function chat(
  messages: readonly { readonly role: string; readonly content: string }[],
  deps: LlmDeps,
): Promise<string> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await chatOnce(messages, { ...deps, attempt });
    } catch (error) {
      const isLimited = error instanceof BotError && error.cozeCode === RATE_LIMIT_CODE;
      if (!isLimited || attempt + 1 >= ATTEMPTS_MAX) throw error;
      deps.telemetry.log.warn(
        `LLM 限流 code=${RATE_LIMIT_CODE}, retry attempt #${attempt + 1} in ${BACKOFF_MS}ms`,
      );
      await wait(BACKOFF_MS * 2 ** attempt);
    }
  }
}

function chatOnce(
  messages: readonly { readonly role: string; readonly content: string }[],
  deps: LlmDeps & { readonly attempt: number },
): Promise<string> {
  const { tracer } = deps.telemetry;
  const attributes = {
    'gen_ai.operation.name': 'chat',
    'gen_ai.provider.name': PROVIDER,
    'gen_ai.request.model': MODEL,
    'server.address': 'llm-gateway',
    ...(deps.attempt > 0 ? { 'http.request.resend_count': deps.attempt } : {}),
  };
  const options = { kind: SpanKind.CLIENT, attributes };
  return withSpan({ tracer, name: `chat ${MODEL}`, options }, async (span) => {
    const startedAt = performance.now();
    const labels = { 'gen_ai.operation.name': 'chat', 'gen_ai.request.model': MODEL };
    try {
      const reply = await postJson({
        url: `${deps.llmUrl}/v1/chat/completions`,
        body: { model: MODEL, messages },
        timeoutMs: LLM_TIMEOUT_MS,
      });
      return readReply(reply, { span, deps });
    } finally {
      deps.instruments.llmDuration.record((performance.now() - startedAt) / 1000, labels);
    }
  });
}

function readReply(
  reply: PostReply,
  { span, deps }: { readonly span: Span; readonly deps: LlmDeps },
): string {
  span.setAttribute('http.response.status_code', reply.status);
  if (reply.status === 429) {
    span.setAttribute('coze.error.code', RATE_LIMIT_CODE);
    throw new BotError('RateLimited', 'RPM exceeded', { cozeCode: RATE_LIMIT_CODE });
  }
  if (reply.status !== 200) throw new BotError('LlmError', `The gateway answered ${reply.status}`);
  // The last line of the stream is the whole answer with its usage; the gateway is ours.
  const last = JSON.parse(reply.text.slice(reply.text.lastIndexOf('\n') + 1)) as {
    text: string;
    usage: { input_tokens: number; output_tokens: number };
  };
  span.setAttributes({
    'gen_ai.usage.input_tokens': last.usage.input_tokens,
    'gen_ai.usage.output_tokens': last.usage.output_tokens,
    'gen_ai.response.time_to_first_chunk': reply.firstByteMs / 1000,
  });
  const { llmTokens } = deps.instruments;
  const label = { 'gen_ai.request.model': MODEL };
  llmTokens.record(last.usage.input_tokens, { ...label, 'gen_ai.token.type': 'input' });
  llmTokens.record(last.usage.output_tokens, { ...label, 'gen_ai.token.type': 'output' });
  deps.telemetry.log.info(
    `LLM 完成 model=${MODEL} tokens_in=${last.usage.input_tokens} tokens_out=${last.usage.output_tokens}`,
  );
  return last.text;
}
