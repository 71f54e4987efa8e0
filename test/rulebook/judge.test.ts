import { describe, expect, it } from 'vitest';
import { EvidenceData } from '../../src/rulebook/evidence-data.ts';
import { parseTest } from '../../src/rulebook/expression.ts';
import { type Judgement, judge } from '../../src/rulebook/judge.ts';
import { metricKeyOf, msFactorOf } from '../../src/rulebook/metric-name.ts';
import { type Call, sceneOf } from './scene.ts';

const call = (ms: number, more: Partial<Call> = {}): Call => ({
  name: 'call',
  service: 'bot',
  ms,
  anomalous: true,
  ...more,
});

/** Ten traces of 10 … 100 ms, each with a failed client call that the peer answers. */
const scene = sceneOf({
  window: {
    traces: Array.from({ length: 10 }, (_, index) =>
      call(10 * (index + 1), {
        attributes: { size: index, ...(index < 5 ? { 'user.kind': 'guest' } : {}) },
        calls: [
          {
            name: 'GET',
            service: 'bot',
            kind: 'client',
            at: 1,
            ms: 6,
            target: 'http peer',
            ...(index < 2 ? { error: 'timeout' } : {}),
            calls: [{ name: 'GET /', service: 'peer', kind: 'server', at: 2, ms: 3 }],
          },
          { name: 'late', service: 'bot', at: 5, ms: 10 * (index + 1) + 45 },
        ],
      }),
    ),
    logs: [
      { service: 'bot', body: 'waiting for connection 1', severity: 13, template: 't1' },
      { service: 'bot', body: 'waiting for connection 2', severity: 13, template: 't1' },
      { service: 'bot', body: 'fine', severity: 9 },
      { service: 'peer', body: 'waiting for connection 9', severity: 17 },
    ],
    series: [
      { name: 'pool_wait_seconds', service: 'bot', values: [0.1, 0.3] },
      { name: 'pool.used', service: 'bot', attributes: { state: 'used' }, values: [4, 5] },
      { name: 'pool.used', service: 'bot', attributes: { state: 'idle' }, values: [1, 0] },
      { name: 'pool.used', service: 'peer', values: [99] },
    ],
  },
  reference: {
    traces: Array.from({ length: 4 }, () => call(10)),
    logs: [{ service: 'bot', body: 'fine' }],
  },
  changes: [
    {
      changeId: 'c',
      timeUs: 1,
      kind: 'deploy',
      service: 'bot',
      version: 'v2',
      description: 'x',
      attributes: {},
    },
    { changeId: 'd', timeUs: 1, kind: 'deploy', service: 'peer', description: 'x', attributes: {} },
    { changeId: 'e', timeUs: 1, kind: 'config', description: 'all', attributes: {} },
  ],
});
const bot = new EvidenceData(scene).serviceScope('bot');

function judged(text: string): Judgement {
  return judge(parseTest(text), bot, { limit: 40 });
}

describe('judge()', () => {
  it.each<readonly [test: string, holds: boolean | undefined, value: number | undefined]>([
    ["count(span where name = 'call') = 10", true, 10],
    ['count(trace) = 10', true, 10],
    ["p50(span.duration where name = 'call') = 55", true, 55],
    ["max(span.duration where name = 'call') = 100 ms", true, 100],
    ["min(span.duration where name = 'call' and span.duration > thresholds.limit) = 50", true, 50],
    ['mean(span.size) = 4.5', true, 4.5],
    ["sum(span.size where `user.kind` = 'guest') = 10", true, 10],
    ["share(span where is_error of kind = 'client') = 0.2", true, 0.2],
    ["share(trace where is_timeout of name = 'GET') = 20 %", true, 0.2],
    ['p50(callee.duration) = 3', true, 3],
    ["p50(span.gap where kind = 'client') = 3", true, 3],
    ["min(span.overrun where name = 'late') = 50", true, 50],
    ["count(span where parent.name = 'call' and parent.service = service) = 20", true, 20],
    ["max(root.duration where kind = 'client') = 100", true, 100],
    ['count(log where body ~ /waiting/) = 2', true, 2],
    ['body ~ /WAITING for/i', true, 2],
    ['body ~ /nothing of the kind/', false, 0],
    ['rate(log where severity >= 13) = 0.4', true, 0.4],
    ['p50(pool.wait) = 200 ms', true, 200],
    ["max(pool.used where state = 'used') = 5", true, 5],
    ['count(pool_used) = 4', true, 4],
    ['max(nothing.here | pool.used) = 5', true, 5],
    ["count(change where kind = 'deploy') = 1", true, 1],
    ['count(change) = 2', true, 2],
    [
      "p50(span.duration where name = 'call') > 5 * reference(p50(span.duration where name = 'call'))",
      true,
      55,
    ],
    // what is not there decides nothing
    ['p95(absent.metric) > 0', undefined, undefined],
    ['not p95(absent.metric) > 0', undefined, undefined],
    ['max(pool.used) > reference(max(pool.used))', undefined, 5],
    ['others(count(span)) > 0', undefined, undefined],
    ['fisher(trace where is_error) < 1', undefined, undefined],
    ['first(p95(absent.metric), 7) = 7', true, 7],
    // and, or: the side that decides shows its numbers
    ['count(trace) = 10 and p95(absent.metric) > 0', undefined, 10],
    ['count(trace) = 11 and p95(absent.metric) > 0', false, 10],
    ['p95(absent.metric) > 0 or max(pool.used) = 5', true, 5],
  ])('%s → %s', (test, holds, value) => {
    const judgement = judged(test);
    expect(judgement.holds).toBe(holds);
    if (value === undefined) expect(judgement.value).toBeUndefined();
    else expect(judgement.value).toBeCloseTo(value, 6);
  });

  it.each([
    ["rate(span where name = 'call')", 10 / 5 / 0.1],
    ['rate(trace)', 10 / 5 / 0.1],
    ['rate(log where severity >= 13)', 2 / 5 / 0.2],
    ['rate(change)', 2 / 5],
  ])('of a sample rates are those of the whole: %s', (text, value) => {
    const window = { ...scene.window, isSampled: true, keptShare: 0.1, keptLogShare: 0.2 };
    const sampled = new EvidenceData({ ...scene, window }).serviceScope('bot');
    expect(judge(parseTest(`${text} > 0`), sampled, {}).value).toBeCloseTo(value, 6);
  });

  it('counts the observations behind a value', () => {
    expect(judged("p95(span.duration where name = 'call') > 0").n).toBe(10);
    expect(judged('p95(pool.wait) > 0').n).toBe(2);
  });

  it('finds a metric under the name that another exporter gives it', () => {
    const series = scene.window.series.map((item) =>
      item.name === 'pool.used' ? { ...item, name: 'hikaricp_connections_active' } : item,
    );
    const scope = new EvidenceData({
      ...scene,
      window: { ...scene.window, series },
    }).serviceScope('bot');
    const test = parseTest('max(db.client.connection.count) = 5');
    expect(judge(test, scope, {}).holds).toBe(true);
    expect(judge(test, bot, {}).holds).toBeUndefined();
  });

  it('numbers equal calls of one parent as attempts', () => {
    const attempt = (at: number): Call => ({
      name: 'GET',
      service: 'bot',
      kind: 'client',
      target: 't',
      at,
      ms: 1,
    });
    const data = new EvidenceData(
      sceneOf({
        window: {
          traces: [call(9, { calls: [attempt(0), attempt(2), { ...attempt(4), target: 'u' }] })],
        },
      }),
    );
    const scope = data.serviceScope('bot');
    const holds = (test: string) => judge(parseTest(test), scope, {}).holds;
    expect(holds('count(span where span.attempts = 2) = 2')).toBe(true);
    expect(holds('count(span where span.attempts >= 2 and span.attempt = 2) = 1')).toBe(true);
    expect(holds("count(span where target = 'u' and span.attempts = 1) = 1")).toBe(true);
  });
});

describe('metricKeyOf() and msFactorOf()', () => {
  it.each([
    ['db.client.connection.wait_time', 'db_client_connection_wait_time_seconds'],
    ['coze.plugin.calls', 'coze_plugin_calls_total'],
    ['db.client.connection.count', 'db_client_connection_count'],
  ])('%s is %s', (name, twin) => {
    expect(metricKeyOf(name)).toBe(metricKeyOf(twin));
  });

  it('keeps different metrics apart', () => {
    expect(metricKeyOf('db.client.connection.count')).not.toBe(
      metricKeyOf('db.client.connection.max'),
    );
  });

  it.each<readonly [string, string, number]>([
    ['a', 's', 1000],
    ['a', 'ms', 1],
    ['a_seconds', '', 1000],
    ['a_seconds_total', '', 1000],
    ['a', '{connection}', 1],
    ['a', 'constructor', 1],
  ])('%s in %s: × %d', (name, unit, factor) => {
    expect(msFactorOf({ name, unit })).toBe(factor);
  });
});

describe('judge() of a reference', () => {
  /** As many searches one after the other; those of the first `slow` places take 2 s. */
  const p95Of = (count: number, isSlow: (index: number) => boolean): number | undefined => {
    const spread = (index: number) => 20 + (index % 5);
    const reference = {
      traces: Array.from({ length: count }, (_, index) =>
        call(isSlow(index) ? 2000 : spread(index)),
      ),
    };
    const data = new EvidenceData(sceneOf({ window: { traces: [call(30)] }, reference }));
    const test = parseTest('p95(span.duration) > reference(p95(span.duration))');
    return judge(test, data.serviceScope('bot'), {}).expected;
  };

  it.each<readonly [caption: string, count: number, isSlow: (index: number) => boolean]>([
    ['a sound one', 140, () => false],
    ['a cold start of a fifth', 140, (index) => index < 28],
    ['a stall in the middle', 140, (index) => index >= 60 && index < 80],
    ['two stalls', 140, (index) => (index >= 20 && index < 30) || (index >= 110 && index < 120)],
    ['a cold start of few observations', 48, (index) => index < 8],
  ])('p95 is not moved by %s', (_caption, count, isSlow) => {
    expect(p95Of(count, isSlow)).toBeCloseTo(24, 0);
  });

  it.each<readonly [caption: string, count: number, isSlow: (index: number) => boolean]>([
    ['one request in ten is slow all along', 140, (index) => index % 10 === 0],
    ['most of it is slow', 140, (index) => index < 100],
    ['it is too short to be cut into parts', 40, (index) => index < 4],
  ])('p95 is high where %s', (_caption, count, isSlow) => {
    expect(p95Of(count, isSlow)).toBeGreaterThan(500);
  });
});
