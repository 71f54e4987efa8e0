/** loadConfig: precedence, refusals with name, value, source and bound, and the printed form. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AppError } from '../../src/base/errors.ts';
import { configSchema } from '../../src/config/config.ts';
import type { Environment } from '../../src/config/environment.ts';
import { formatConfig, hideSecrets, loadConfig } from '../../src/config/load.ts';

let cwd = '';
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'taproot-config-'));
});
afterEach(() => rmSync(cwd, { recursive: true, force: true }));

function load(from: {
  readonly file?: string;
  readonly env?: Environment;
  readonly flags?: Record<string, unknown>;
}) {
  if (from.file !== undefined) writeFileSync(join(cwd, 'taproot.yaml'), from.file);
  return loadConfig({ flags: from.flags ?? {}, env: from.env ?? {}, cwd });
}

function faultOf(from: Parameters<typeof load>[0]): string {
  try {
    load(from);
  } catch (error) {
    expect(error).toBeInstanceOf(AppError);
    expect((error as AppError).code).toBe('config.invalid');
    return (error as AppError).message;
  }
  throw new Error('the configuration was accepted');
}

describe('loadConfig() takes each value from the highest source', () => {
  const file = 'otlpHttpPort: 5000\nprobes:\n  timeoutMs: 700\n';
  const env = { TAPROOT_OTLP_HTTP_PORT: '6000', HOME: '/nowhere' };
  const cases = [
    { name: 'nothing', from: {}, port: 4318, source: 'default' },
    { name: 'file', from: { file }, port: 5000, source: 'file' },
    { name: 'environment over file', from: { file, env }, port: 6000, source: 'environment' },
    {
      name: 'flag over all',
      from: { file, env, flags: { otlpHttpPort: '7000' } },
      port: 7000,
      source: 'flag',
    },
    { name: 'a typed flag', from: { flags: { otlpHttpPort: 7001 } }, port: 7001, source: 'flag' },
    {
      name: 'an empty variable counts as unset',
      from: { file, env: { TAPROOT_OTLP_HTTP_PORT: '' } },
      port: 5000,
      source: 'file',
    },
    {
      name: 'a flag that is undefined is not given',
      from: { file, flags: { otlpHttpPort: undefined } },
      port: 5000,
      source: 'file',
    },
    {
      name: 'flags of other commands are ignored',
      from: { flags: { once: true } },
      port: 4318,
      source: 'default',
    },
    { name: 'an empty file', from: { file: '' }, port: 4318, source: 'default' },
    { name: 'a file of comments', from: { file: '# nothing\n' }, port: 4318, source: 'default' },
  ];
  test.each(cases)('$name', ({ from, port, source }) => {
    const loaded = load(from);
    expect(loaded.config.otlpHttpPort).toBe(port);
    expect(loaded.sources['otlpHttpPort']).toBe(source);
  });

  test('without any source it gives the defaults of the schema, with absolute paths', () => {
    const loaded = load({});
    const defaults = configSchema.parse({});
    expect(loaded.config).toEqual({ ...defaults, dataDir: join(cwd, 'data') });
    expect(new Set(Object.values(loaded.sources))).toEqual(new Set(['default']));
    expect(loaded.file).toBeUndefined();
  });

  test('nested settings merge key by key', () => {
    const loaded = load({ file, env: { TAPROOT_PROBES_PROMETHEUS_URL: 'http://127.0.0.1:9090' } });
    expect(loaded.config.probes.timeoutMs).toBe(700);
    expect(loaded.config.probes.prometheusUrl).toBe('http://127.0.0.1:9090');
    expect(loaded.sources).toMatchObject({
      'probes.timeoutMs': 'file',
      'probes.prometheusUrl': 'environment',
      'probes.services': 'default',
    });
  });
});

describe('loadConfig() understands the text of variables', () => {
  const cases = [
    { env: { TAPROOT_DETECTION: 'off' }, want: { detection: false } },
    { env: { TAPROOT_DETECTION_METHOD: 'ratio' }, want: { detectionMethod: 'ratio' } },
    { env: {}, want: { detectionMethod: 'adaptive' } },
    { env: { TAPROOT_SELF_TRACING: 'YES' }, want: { selfTracing: true } },
    {
      env: { TAPROOT_CORS_ORIGINS: '["https://a.example"]' },
      want: { corsOrigins: ['https://a.example'] },
    },
    { env: { TAPROOT_API_PORT: ' 0 ' }, want: { apiPort: 0 } },
    {
      env: { TAPROOT_PROBES_SERVICES: '{"bot":{"debugUrl":"http://127.0.0.1:8080"}}' },
      want: { probes: { services: { bot: { debugUrl: 'http://127.0.0.1:8080' } } } },
    },
  ];
  test.each(cases)('$env', ({ env, want }) => {
    expect(load({ env }).config).toMatchObject(want);
  });
});

describe('loadConfig() finds its file', () => {
  test('--config names it, from the working directory', () => {
    writeFileSync(join(cwd, 'other.yaml'), 'apiPort: 4500\n');
    const loaded = load({ file: 'apiPort: 1\n', flags: { config: 'other.yaml' } });
    expect(loaded.config.apiPort).toBe(4500);
    expect(loaded.file).toBe(join(cwd, 'other.yaml'));
  });

  test('TAPROOT_CONFIG names it when no flag does', () => {
    writeFileSync(join(cwd, 'other.yaml'), 'apiPort: 4501\n');
    expect(load({ env: { TAPROOT_CONFIG: join(cwd, 'other.yaml') } }).config.apiPort).toBe(4501);
  });

  test('a named file that is absent is an error', () => {
    expect(faultOf({ flags: { config: 'absent.yaml' } })).toMatch(/absent\.yaml.*ENOENT/);
  });
});

describe('loadConfig() refuses', () => {
  const slo = { name: 'a', service: 'bot', operation: 'POST /pay', objective: 0.999 };
  const cases: { name: string; from: Parameters<typeof load>[0]; says: RegExp }[] = [
    {
      name: 'a login in the address of an Alertmanager',
      from: { env: { TAPROOT_ALERTING_ALERTMANAGER_URLS: '["http://li:x@127.0.0.1:9093"]' } },
      says: /alerting\.authorization/,
    },
    {
      name: 'an Alertmanager that is no web address',
      from: { env: { TAPROOT_ALERTING_ALERTMANAGER_URLS: '["file:///etc/passwd"]' } },
      says: /alerting\.alertmanagerUrls/,
    },
    {
      name: 'a label that Taproot sets itself',
      from: { env: { TAPROOT_ALERTING_LABELS: '{"severity":"page"}' } },
      says: /alerting\.labels/,
    },
    {
      name: 'two objectives of one name',
      from: { env: { TAPROOT_SLOS: JSON.stringify([slo, slo]) } },
      says: /slos.*two have the same name/,
    },
    {
      name: 'an objective without a budget',
      from: { env: { TAPROOT_SLOS: JSON.stringify([{ ...slo, objective: 1 }]) } },
      says: /slos\.0\.objective = 1/,
    },
    {
      name: 'a port out of bounds',
      from: { flags: { otlpHttpPort: '70000' } },
      says: /^Cannot use otlpHttpPort = 70000 \(flag --otlp-http-port\): .*65535$/,
    },
    {
      name: 'a word for a number',
      from: { env: { TAPROOT_API_PORT: 'many' } },
      says: /apiPort = "many" \(environment TAPROOT_API_PORT\)/,
    },
    { name: 'a fraction', from: { env: { TAPROOT_API_PORT: '1.5' } }, says: /apiPort = "1.5"/ },
    {
      name: 'a detection method that does not exist',
      from: { env: { TAPROOT_DETECTION_METHOD: 'sigma' } },
      says: /detectionMethod = "sigma" .*"adaptive"\|"ratio"/,
    },
    {
      name: 'a word for a boolean',
      from: { env: { TAPROOT_DETECTION: 'maybe' } },
      says: /detection = "maybe" \(environment TAPROOT_DETECTION\)/,
    },
    {
      name: 'text that is no JSON',
      from: { env: { TAPROOT_PROBES_SERVICES: '{bot' } },
      says: /probes\.services = "\{bot"/,
    },
    {
      name: 'an unknown variable',
      from: { env: { TAPROOT_OTLP_HTP_PORT: '1' } },
      says: /TAPROOT_OTLP_HTP_PORT \(environment\).*nearest is TAPROOT_OTLP_HTTP_PORT/,
    },
    {
      name: 'an unknown variable far from all',
      from: { env: { TAPROOT_ZZZZZZ: '1' } },
      says: /TAPROOT_ZZZZZZ.*docs\/configuration\.md/,
    },
    {
      name: 'an unknown key',
      from: { file: 'otlpHtpPort: 1\n' },
      says: /Cannot use otlpHtpPort \(.*taproot\.yaml\): no such setting; the nearest is otlpHttpPort$/,
    },
    {
      name: 'an unknown nested key',
      from: { file: 'probes:\n  prometheusURL: http://x\n' },
      says: /probes\.prometheusURL .*nearest is prometheusUrl/,
    },
    {
      name: 'an unknown key of a service',
      from: { file: 'probes:\n  services:\n    bot:\n      debugURI: http://x\n' },
      says: /probes\.services\.bot\.debugURI.*nearest is debugUrl/,
    },
    {
      name: 'a prototype key',
      from: { file: '__proto__:\n  apiPort: 1\n' },
      says: /__proto__|Invalid/,
    },
    {
      name: 'a value of the file out of bounds',
      from: { file: 'windowMinutes: 0\n' },
      says: /windowMinutes = 0 \(.*taproot\.yaml\)/,
    },
    { name: 'a key without a value', from: { file: 'apiPort:\n' }, says: /apiPort = null/ },
    { name: 'a section that is no mapping', from: { file: 'probes: 3\n' }, says: /probes = 3/ },
    {
      name: 'the same under a variable',
      from: { file: 'probes: 3\n', env: { TAPROOT_PROBES_TIMEOUT_MS: '500' } },
      says: /probes = 3/,
    },
    { name: 'a list for a file', from: { file: '- 1\n' }, says: /must be a mapping/ },
    {
      name: 'a key twice',
      from: { file: 'apiPort: 1\napiPort: 2\n' },
      says: /Cannot parse configuration .*unique/s,
    },
    { name: 'broken YAML', from: { file: 'a: [1\n' }, says: /Cannot parse configuration/ },
    { name: 'a bomb of aliases', from: { file: aliasBomb() }, says: /Cannot parse configuration/ },
    {
      name: 'a URL of another protocol',
      from: { env: { TAPROOT_PUBLIC_URL: 'file:///etc/passwd' } },
      says: /publicUrl = "file:/,
    },
    {
      name: 'a queue smaller than a body',
      from: { flags: { inflightBytesMax: 2 ** 20, bodyBytesMax: 2 ** 21 } },
      says: /inflightBytesMax = 1048576.*bodyBytesMax = 2097152/,
    },
    {
      name: 'one port for two',
      from: { flags: { apiPort: 4318 } },
      says: /apiPort = 4318.*otlpHttpPort/,
    },
  ];
  test.each(cases)('$name', ({ from, says }) => {
    expect(faultOf(from)).toMatch(says);
  });

  test('all faults at once, a line each', () => {
    const lines = faultOf({ flags: { apiPort: -1, logLevel: 'loud' } }).split('\n');
    expect(lines).toHaveLength(2);
  });

  test('long values are shortened in the message', () => {
    expect(faultOf({ env: { TAPROOT_LOG_LEVEL: 'x'.repeat(5000) } }).length).toBeLessThan(400);
  });

  test('nothing about two ports that are both picked freely', () => {
    expect(load({ flags: { apiPort: 0, otlpHttpPort: 0 } }).config.apiPort).toBe(0);
  });
});

describe('formatConfig()', () => {
  const from = {
    file: 'windowMinutes: 30\nprobes:\n  services:\n    bot: { debugUrl: "http://127.0.0.1:8080" }\n',
    env: { TAPROOT_LOG_LEVEL: 'debug' },
    flags: { data: 'elsewhere' },
  };

  test('says each value and where it came from', () => {
    const text = formatConfig(load(from));
    expect(text).toMatch(/^windowMinutes: 30 +# file .*taproot\.yaml$/m);
    expect(text).toMatch(/^logLevel: debug +# environment$/m);
    expect(text).toMatch(/^dataDir: .*elsewhere +# flag$/m);
    expect(text).toMatch(/^apiPort: 4400 +# default$/m);
    expect(text).toMatch(/^# publicUrl: +# not set$/m);
  });

  test('never shows the login of the Alertmanagers, nor does hideSecrets()', () => {
    const loaded = load({ env: { TAPROOT_ALERTING_AUTHORIZATION: 'Bearer abc' } });
    expect(loaded.config.alerting.authorization).toBe('Bearer abc');
    const text = formatConfig(loaded);
    expect(text).toMatch(/^ {2}# authorization: \(hidden\) +# environment$/m);
    expect(text).not.toContain('abc');
    expect(JSON.stringify(hideSecrets(loaded))).not.toContain('abc');
    expect(() => load({ env: { TAPROOT_ALERTING_AUTHORIZATION: 'Bearer\nabc' } })).toThrow(
      /alerting\.authorization = \(hidden\)/,
    );
  });

  test('prints a file that loads to the same configuration', () => {
    const loaded = load(from);
    const again = load({ file: formatConfig(loaded) });
    expect(again.config).toEqual(loaded.config);
  });
});

function aliasBomb(): string {
  const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]'];
  for (let level = 1; level < 9; level++) {
    const aliases = Array.from({ length: 10 }, () => `*a${level - 1}`).join(', ');
    lines.push(`a${level}: &a${level} [${aliases}]`);
  }
  return `${lines.join('\n')}\n`;
}
