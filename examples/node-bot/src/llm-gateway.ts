/**
 * The LLM gateway: answers chat requests with canned text in two streamed parts, counts tokens, and holds its
 * callers to a rate with a token bucket (429, Coze code 4020).
 */
import type { FaultBoard } from './faults.ts';
import {
  type HttpCall,
  type HttpReply,
  type RunningHttpServer,
  startHttpServer,
} from './http-server.ts';
import { createRandom, type Random } from './random.ts';
import type { Telemetry } from './telemetry.ts';
import { wait } from './wait.ts';

export const RATE_LIMIT_CODE = 4020;
/** Requests a minute that the platform's enterprise plan allows. */
const RPM_NORMAL = 12_000;
const SYSTEM_PROMPT_TOKENS = 180;

export function startLlmGateway(options: {
  readonly host: string;
  readonly seed: number;
  readonly faults: FaultBoard;
  readonly telemetry: Telemetry;
}): Promise<RunningHttpServer> {
  const random = createRandom(options.seed);
  const bucket = createTokenBucket(
    () => options.faults.active('llm_rate_limit')?.rpm ?? RPM_NORMAL,
  );
  const handle = async (call: HttpCall): Promise<HttpReply> => {
    if (!bucket.take()) {
      options.telemetry.log.warn(`rate limit: RPM exceeded, code=${RATE_LIMIT_CODE}`);
      return {
        status: 429,
        headers: { 'retry-after': '1' },
        body: { code: RATE_LIMIT_CODE, msg: 'RPM exceeded' },
      };
    }
    return answer(call, random);
  };
  return startHttpServer({
    host: options.host,
    port: 0,
    telemetry: options.telemetry,
    routes: [{ method: 'POST', path: '/v1/chat/completions', isTraced: true, handle }],
  });
}

async function answer(call: HttpCall, random: Random): Promise<HttpReply> {
  const prompt = JSON.stringify((call.body as { messages?: unknown } | undefined)?.messages ?? []);
  const outputTokens = 20 + random.below(60);
  await wait(random.latencyMs(28));
  async function* stream(): AsyncIterable<string> {
    yield `${JSON.stringify({ delta: '好的,' })}\n`;
    // Time per output token of a small model.
    await wait(outputTokens * 0.6);
  }
  return {
    status: 200,
    chunks: stream(),
    body: {
      text: '以下是为您查到的结果。Here is what I found.',
      usage: {
        // About one token for two characters of mixed Chinese and English.
        input_tokens: SYSTEM_PROMPT_TOKENS + Math.ceil(prompt.length / 2),
        output_tokens: outputTokens,
      },
    },
  };
}

/** One second's worth of calls may come at once; the rest trickles in at the rate. */
function createTokenBucket(callsPerMinute: () => number): { take(): boolean } {
  let tokens = callsPerMinute() / 60;
  let filledAtMs = performance.now();
  return {
    take: () => {
      const nowMs = performance.now();
      const perSecond = callsPerMinute() / 60;
      tokens = Math.min(Math.max(1, perSecond), tokens + ((nowMs - filledAtMs) / 1000) * perSecond);
      filledAtMs = nowMs;
      if (tokens < 1) return false;
      tokens -= 1;
      return true;
    },
  };
}
