/** What the demo bot is told: flag before variable before default; a wrong value is named. */
import { describe, expect, test } from 'vitest';
import { parseSettings } from '../../examples/node-bot/src/settings.ts';

describe('parseSettings()', () => {
  test('takes the defaults of the OpenTelemetry SDK', () => {
    const { bot } = parseSettings([], {});
    expect(bot.otlp).toEqual({ protocol: 'http/protobuf', endpoint: 'http://127.0.0.1:4318' });
    expect(bot.serviceName).toBe('coze-demo-bot');
  });

  test('takes the other port for gRPC', () => {
    const { bot } = parseSettings([], { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' });
    expect(bot.otlp.endpoint).toBe('http://127.0.0.1:4317');
  });

  test('a flag wins over a variable', () => {
    const settings = parseSettings(['--port', '9'], { BOT_PORT: '8', BOT_METRICS_PORT: '7' });
    expect(settings.bot.port).toBe(9);
    expect(settings.bot.metricsPort).toBe(7);
  });

  const REFUSED: readonly (readonly [string[], Record<string, string>, RegExp])[] = [
    [['--port', '70000'], {}, /--port is "70000"/],
    [['--rate', 'many'], {}, /--rate is "many"/],
    [['--rate', ''], {}, /--rate is ""/],
    [[], { OTEL_EXPORTER_OTLP_PROTOCOL: 'udp' }, /PROTOCOL is "udp"; known: http\/protobuf/],
    [[], { OTEL_EXPORTER_OTLP_ENDPOINT: 'localhost:4318' }, /ENDPOINT is "localhost:4318"/],
  ];
  test.each(REFUSED)('refuses %j %j', (args, env, message) => {
    expect(() => parseSettings(args, env)).toThrow(message);
  });
});
