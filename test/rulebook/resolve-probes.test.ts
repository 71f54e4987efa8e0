import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { serviceUrl, shellQuote } from '../../src/rulebook/probe-target.ts';
import {
  evaluateRules,
  loadRulebook,
  type RuleFinding,
  resolveProbes,
} from '../../src/rulebook/rulebook.ts';
import { BOT, botScene } from './bot-scenes.ts';

const finding = evaluateRules(loadRulebook('rules'), botScene('db_pool_hold'))[0]!; // rules.test.ts shows that it fires

const PROBES = {
  services: { [BOT]: { debugUrl: 'http://127.0.0.1:8080/bot', promSelector: 'job="bot"' } },
  prometheusUrl: 'http://127.0.0.1:9090',
  timeoutMs: 5000,
};

function blaming(service: string, operation = 'op'): RuleFinding {
  return {
    ...finding,
    culprit: { ...finding.culprit, service, operation },
    suspect: { ...finding.suspect, service, operation },
  };
}

describe('resolveProbes()', () => {
  it('fills targets from the registered service', () => {
    const [health, prom, cohort] = resolveProbes(finding, PROBES);
    expect(health).toMatchObject({
      probeId: 'db-pool-exhausted.health',
      kind: 'http',
      target: 'http://127.0.0.1:8080/bot/debug/health?check=db-pool',
      spec: { service: BOT, path: '/debug/health?check=db-pool' },
      rerun: `curl -sS --max-time 5 'http://127.0.0.1:8080/bot/debug/health?check=db-pool'`,
    });
    expect(prom?.target).toBe(
      'max_over_time(db_client_connection_pending_requests{job="bot"}[5m])',
    );
    expect(cohort?.spec).toEqual({
      kind: 'store',
      query: { kind: 'cohort', suspect: finding.suspect },
    });
  });

  it('plans no live probe for what nobody registered', () => {
    expect(resolveProbes(blaming('other'), PROBES).map(({ kind }) => kind)).toEqual(['store']);
    const { prometheusUrl: _, ...withoutPrometheus } = PROBES;
    expect(resolveProbes(finding, withoutPrometheus).map(({ kind }) => kind)).toEqual([
      'http',
      'store',
    ]);
  });

  it.each([
    `${BOT} `,
    BOT.toUpperCase(),
    `${BOT}@evil.example`,
    'http://evil.example/',
    '{{service.debug_url}}',
    '__proto__',
    'constructor',
    'toString',
    '',
    '"} or vector(1) #',
  ])('a service that calls itself %j reaches nobody', (service) => {
    expect(resolveProbes(blaming(service), PROBES).map(({ kind }) => kind)).toEqual(['store']);
  });

  it('text of telemetry stays one argument in the command to run again', () => {
    const hostile = `x'; touch /tmp/never; echo "$(id)" \`id\` #`;
    const cohort = resolveProbes(blaming(hostile, hostile), PROBES).at(-1);
    const command = cohort?.rerun.replace('curl -sSG', `printf '%s\\n'`) ?? '';
    const printed = execFileSync('sh', ['-c', command], { encoding: 'utf8' });
    expect(printed).toContain(`service=${hostile}\n`);
    expect(printed).toContain(`operation=${hostile}\n`);
  });
});

describe('shellQuote()', () => {
  it.each(["it's", '$(id)', 'a\nb', '', "''", '\\'])('%j survives a shell', (text) => {
    expect(execFileSync('sh', ['-c', `printf %s ${shellQuote(text)}`], { encoding: 'utf8' })).toBe(
      text,
    );
  });
});

describe('serviceUrl()', () => {
  it.each([
    ['http://h:1', '/a?b=c', 'http://h:1/a?b=c'],
    ['http://h:1/base/', '/a', 'http://h:1/base/a'],
    ['http://user:secret@h:1', '/a', 'http://h:1/a'],
    ['http://h:1?x=1#y', '/a', 'http://h:1/a'],
    ['http://h', '/@evil.example', 'http://h/@evil.example'],
  ])('%s and %s make %s', (base, path, url) => {
    expect(serviceUrl(base, path).href).toBe(url);
  });

  it.each([
    '//evil.example/a',
    '/../a',
    '/a/..',
    '/%2E%2e/a',
    '/.%2e/a',
    '/a%2f..%2fb',
    '/a\\..\\b',
    '/a\r\nHost: evil',
    'http://evil.example/',
    'a',
    '',
    '/ä',
    '/a#b',
    '/a b',
  ])('refuses the path %j', (path) => {
    expect(() => serviceUrl('http://h:1/base', path)).toThrow(
      /Cannot use probe target|leaves the registered/,
    );
  });
});
