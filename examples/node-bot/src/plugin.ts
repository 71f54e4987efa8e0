/**
 * Stage plugin: one tool call. The platform waits coze.timeout_ms and no longer; a call that takes more fails with
 * code 720702085. A naive retry policy, part of a fault, hides failures behind further attempts.
 */
import { SpanKind } from '@opentelemetry/api';
import { BotError, errorMessageOf } from './bot-error.ts';
import type { FaultBoard } from './faults.ts';
import { postJson } from './http-client.ts';
import { type Telemetry, withSpan } from './telemetry.ts';
import { ATTEMPT_HEADER } from './weather-plugin.ts';

export const PLUGIN_TIMEOUT_MS = 5000;
const PLUGIN_ID = '7350011223344556677';
const TOOL = 'weather_v2';
const NODE_TIMEOUT_CODE = 720_702_085;
const RETRIES_OF_THE_NAIVE_POLICY = 2;

export interface PluginDeps {
  readonly telemetry: Telemetry;
  readonly faults: FaultBoard;
  readonly pluginUrl: string;
}

/** Result of the plugin as text; undefined when it failed, which the reply then lacks. */
export async function runPlugin(city: string, deps: PluginDeps): Promise<string | undefined> {
  const { tracer, log } = deps.telemetry;
  const attributes = {
    'plugin.id': PLUGIN_ID,
    'gen_ai.operation.name': 'execute_tool',
    'gen_ai.tool.name': TOOL,
    'gen_ai.tool.type': 'extension',
    'coze.timeout_ms': PLUGIN_TIMEOUT_MS,
  };
  const start = { tracer, name: `execute_tool ${TOOL}`, options: { attributes } };
  try {
    return await withSpan(start, async (span) => {
      try {
        const result = await callWithRetries(city, deps);
        log.info(`plugin: ${TOOL} plugin_result: ${result}`);
        return result;
      } catch (error) {
        const isTimeout = error instanceof BotError && error.type === 'timeout';
        if (isTimeout) span.setAttribute('coze.error.code', NODE_TIMEOUT_CODE);
        log.error(`插件调用失败 plugin: ${TOOL} ${errorMessageOf(error)}`);
        throw error;
      }
    });
  } catch {
    // Logged and on the span; the reply goes out without the plugin's result, as on the platform.
    return undefined;
  }
}

async function callWithRetries(city: string, deps: PluginDeps): Promise<string> {
  const isNaive = deps.faults.active('retry_storm_http_200') !== undefined;
  const attemptsMax = isNaive ? 1 + RETRIES_OF_THE_NAIVE_POLICY : 1;
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await execute(city, { ...deps, attempt });
    } catch (error) {
      if (attempt + 1 >= attemptsMax) throw error;
      deps.telemetry.log.warn(
        `plugin: ${TOOL} ${errorMessageOf(error)}, retry attempt #${attempt + 1}`,
      );
    }
  }
}

function execute(
  city: string,
  { telemetry, pluginUrl, attempt }: PluginDeps & { readonly attempt: number },
): Promise<string> {
  const attributes = {
    'http.request.method': 'POST',
    'url.path': '/execute',
    'server.address': 'weather-plugin',
    ...(attempt > 0 ? { 'http.request.resend_count': attempt } : {}),
  };
  const options = { kind: SpanKind.CLIENT, attributes };
  return withSpan({ tracer: telemetry.tracer, name: 'POST /execute', options }, async (span) => {
    const reply = await postJson({
      url: `${pluginUrl}/execute`,
      body: { tool: TOOL, arguments: { city } },
      timeoutMs: PLUGIN_TIMEOUT_MS,
      headers: { [ATTEMPT_HEADER]: String(attempt), 'x-aiplugin-id': PLUGIN_ID },
    });
    span.setAttribute('http.response.status_code', reply.status);
    if (reply.status !== 200) {
      throw new BotError('PluginError', `The plugin answered ${reply.status}`);
    }
    return JSON.stringify((JSON.parse(reply.text) as { data: unknown }).data);
  });
}
