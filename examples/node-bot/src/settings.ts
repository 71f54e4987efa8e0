/** What main.ts is told by flags and the environment. The OTEL_* variables are those of the OpenTelemetry SDKs. */
import { parseArgs } from 'node:util';
import type { BotOptions } from './bot.ts';
import { OTLP_PROTOCOLS, type OtlpProtocol, type OtlpTarget } from './telemetry.ts';

export interface Settings {
  readonly bot: BotOptions;
  /** Messages per second that the bot sends itself; 0: none. */
  readonly ratePerSecond: number;
  readonly dayLengthSeconds: number;
}

export const USAGE = `Usage: node dist/examples/node-bot/src/main.js [flags]
  --host H             address to bind (127.0.0.1)
  --port N             webhook, health and fault switch (8080, or BOT_PORT; 0: any free)
  --metrics-port N     Prometheus page (9464, or BOT_METRICS_PORT; 0: any free)
  --rate N             messages a second the bot sends itself (20, or BOT_RATE_PER_SECOND; 0: none)
  --day N              length of the compressed day, seconds (240, or BOT_DAY_SECONDS)
  --seed N             seed of load and latencies (1, or BOT_SEED)
  --service-name S     service.name (coze-demo-bot, or OTEL_SERVICE_NAME)
  --export-interval N  milliseconds between exports (1000)
OTEL_EXPORTER_OTLP_PROTOCOL (http/protobuf, http/json, grpc) and OTEL_EXPORTER_OTLP_ENDPOINT say where to.`;

/** Throws a RangeError that names the flag or variable. */
export function parseSettings(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Settings {
  const { values } = parseArgs({
    args: [...args],
    options: {
      host: { type: 'string', default: '127.0.0.1' },
      port: { type: 'string', default: env['BOT_PORT'] ?? '8080' },
      'metrics-port': { type: 'string', default: env['BOT_METRICS_PORT'] ?? '9464' },
      rate: { type: 'string', default: env['BOT_RATE_PER_SECOND'] ?? '20' },
      day: { type: 'string', default: env['BOT_DAY_SECONDS'] ?? '240' },
      seed: { type: 'string', default: env['BOT_SEED'] ?? '1' },
      'service-name': { type: 'string', default: env['OTEL_SERVICE_NAME'] ?? 'coze-demo-bot' },
      'export-interval': { type: 'string', default: '1000' },
    },
  });
  return {
    bot: {
      host: values.host,
      port: parseNumber(values.port, { name: '--port', max: 65_535 }),
      metricsPort: parseNumber(values['metrics-port'], { name: '--metrics-port', max: 65_535 }),
      serviceName: values['service-name'],
      environment: env['COZE_ENVIRONMENT'] ?? 'sandbox',
      workspaceId: env['COZE_WORKSPACE_ID'] ?? '7345678901234567000',
      seed: parseNumber(values.seed, { name: '--seed', max: 0xffff_ffff }),
      otlp: parseOtlpTarget(env),
      exportIntervalMs: Math.max(
        100,
        parseNumber(values['export-interval'], { name: '--export-interval', max: 60_000 }),
      ),
    },
    ratePerSecond: parseNumber(values.rate, { name: '--rate', max: 1000 }),
    dayLengthSeconds: Math.max(10, parseNumber(values.day, { name: '--day', max: 86_400 })),
  };
}

function parseOtlpTarget(env: Readonly<Record<string, string | undefined>>): OtlpTarget {
  const protocol = env['OTEL_EXPORTER_OTLP_PROTOCOL'] ?? 'http/protobuf';
  if (!isProtocol(protocol)) {
    const known = OTLP_PROTOCOLS.join(', ');
    throw new RangeError(`OTEL_EXPORTER_OTLP_PROTOCOL is "${protocol}"; known: ${known}`);
  }
  const port = protocol === 'grpc' ? 4317 : 4318;
  const endpoint = env['OTEL_EXPORTER_OTLP_ENDPOINT'] ?? `http://127.0.0.1:${port}`;
  if (!/^https?:\/\//.test(endpoint)) {
    throw new RangeError(`OTEL_EXPORTER_OTLP_ENDPOINT is "${endpoint}", not an http(s) URL`);
  }
  return { protocol, endpoint: endpoint.replace(/\/+$/, '') };
}

function isProtocol(text: string): text is OtlpProtocol {
  return (OTLP_PROTOCOLS as readonly string[]).includes(text);
}

function parseNumber(
  text: string,
  { name, max }: { readonly name: string; readonly max: number },
): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value <= max)) {
    throw new RangeError(`${name} is "${text}", not a number from 0 to ${max}`);
  }
  return value;
}
