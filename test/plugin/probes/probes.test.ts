import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { LIMITS } from '../../../src/base/limits.ts';
import type { ProbePlan, ProbeRun, ProbeSpec } from '../../../src/model/hypothesis.ts';
import { createProbeRunner } from '../../../src/plugin/probes/probes.ts';
import { sceneOf, WINDOW } from '../../rulebook/scene.ts';

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

/** A real server on a free port; its base URL. */
async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function answering(
  status: number,
  body: string,
  headers: Record<string, string> = {},
): RequestListener {
  return (_request, response) => response.writeHead(status, headers).end(body);
}

const HEALTH = {
  kind: 'http',
  service: 'bot',
  path: '/debug/health?check=db-pool',
  confirm: '$.activeConnections >= $.maxPoolSize',
  refute: '$.activeConnections < 0.8 * $.maxPoolSize',
} as const satisfies ProbeSpec;

async function run(
  spec: ProbeSpec,
  options: {
    readonly debugUrl?: string;
    readonly prometheusUrl?: string;
    readonly timeoutMs?: number;
    readonly nowUs?: number;
    readonly signal?: AbortSignal;
    readonly fetch?: typeof fetch;
  } = {},
): Promise<ProbeRun> {
  const { debugUrl, prometheusUrl } = options;
  const runner = createProbeRunner({
    config: {
      services: debugUrl ? { bot: { debugUrl } } : {},
      timeoutMs: options.timeoutMs ?? 2000,
      ...(prometheusUrl && { prometheusUrl }),
    },
    clock: { nowUs: () => options.nowUs ?? WINDOW.toUs },
    sampling: { count: 3, everyMs: 5 },
    ...(options.fetch && { fetch: options.fetch }),
  });
  const plan: ProbePlan = {
    probeId: 'p',
    kind: spec.kind,
    target: 't',
    expectation: { zh: '', en: '' },
    spec,
    rerun: '',
  };
  const clustered = sceneOf({ window: { traces: [] } });
  return runner.run(plan, { clustered, signal: options.signal ?? new AbortController().signal });
}

describe('HTTP probes', () => {
  it.each<
    readonly [caption: string, status: number, body: string, outcome: string, observed: RegExp]
  >([
    [
      'full pool',
      200,
      '{"activeConnections":128,"maxPoolSize":128}',
      'confirm',
      /\$\.activeConnections = 128, \$\.maxPoolSize = 128/,
    ],
    ['CRITICAL under 503', 503, '{"activeConnections":128,"maxPoolSize":128}', 'confirm', /128/],
    [
      'idle pool',
      200,
      '{"activeConnections":3,"maxPoolSize":128}',
      'refute',
      /\$\.activeConnections = 3/,
    ],
    [
      'between both bounds',
      200,
      '{"activeConnections":120,"maxPoolSize":128}',
      'inconclusive',
      /neither expectation holds/,
    ],
    ['values missing', 200, '{"status":"OK"}', 'inconclusive', /\$\.activeConnections = –/],
    [
      'values of other types',
      200,
      '{"activeConnections":"many","maxPoolSize":null}',
      'inconclusive',
      /neither/,
    ],
    ['not JSON', 200, '<html>secret</html>', 'inconclusive', /^The answer is not JSON$/],
    ['empty answer', 200, '', 'inconclusive', /not JSON/],
    [
      'error of the service',
      500,
      '{"activeConnections":128,"maxPoolSize":128}',
      'inconclusive',
      /^HTTP 500$/,
    ],
    [
      'no such endpoint',
      404,
      '{"activeConnections":1,"maxPoolSize":9}',
      'inconclusive',
      /^HTTP 404$/,
    ],
  ])('%s', async (_caption, status, body, outcome, observed) => {
    const result = await run(HEALTH, { debugUrl: await serve(answering(status, body)) });
    expect(result.outcome).toBe(outcome);
    expect(result.observed.en).toMatch(observed);
    expect(result.observed.zh).not.toBe('');
  });

  it('asks exactly the registered path, by GET, without credentials', async () => {
    const seen: string[] = [];
    const debugUrl = await serve((request, response) => {
      const { authorization, cookie } = request.headers;
      seen.push(`${request.method} ${request.url} ${authorization ?? ''}${cookie ?? ''}`);
      response.end('{}');
    });
    await run(HEALTH, { debugUrl: debugUrl.replace('http://', 'http://user:secret@') });
    expect(new Set(seen)).toEqual(new Set(['GET /debug/health?check=db-pool ']));
  });

  it('follows no redirect', async () => {
    let isReached = false;
    const other = await serve((_request, response) => {
      isReached = true;
      response.end('{"activeConnections":1,"maxPoolSize":1}');
    });
    const debugUrl = await serve(answering(302, '', { location: `${other}/debug/health` }));
    const result = await run(HEALTH, { debugUrl });
    expect(result.outcome).toBe('inconclusive');
    expect(result.observed.en).toMatch(/redirects are not followed/);
    expect(isReached).toBe(false);
  });

  it('waits no longer than the time box, also inside a body', async () => {
    for (const listener of [
      () => {},
      (_request, response) => {
        response.write('{"activeConnections":');
      },
    ] satisfies RequestListener[]) {
      const result = await run(HEALTH, { debugUrl: await serve(listener), timeoutMs: 150 });
      expect(result.outcome).toBe('inconclusive');
      expect(result.observed.en).toBe('No answer within 150 ms');
    }
  });

  it('stops when the analysis does', async () => {
    const result = await run(HEALTH, {
      debugUrl: await serve(() => {}),
      signal: AbortSignal.abort(),
    });
    expect(result.observed.en).toBe('The analysis was stopped');
  });

  it('reads a bounded number of bytes, compressed ones included', async () => {
    const body = `{"activeConnections":1,"maxPoolSize":1,"pad":"${'x'.repeat(LIMITS.probeAnswerBytesMax)}"}`;
    const result = await run(HEALTH, { debugUrl: await serve(answering(200, body)) });
    expect(result.outcome).toBe('inconclusive');
    expect(result.observed.en).toMatch(/longer than 1048576 bytes/);
  });

  it('says that nobody listens', async () => {
    const debugUrl = await serve(() => {});
    const server = servers.pop();
    await new Promise((resolve) => server?.close(resolve));
    const result = await run(HEALTH, { debugUrl });
    expect(result.outcome).toBe('inconclusive');
    expect(result.observed.en).toMatch(/ECONNREFUSED/);
  });

  it('contacts nothing for services that are not registered, or paths that leave them', async () => {
    let calls = 0;
    const counting: typeof fetch = async () => {
      calls++;
      return new Response('{}');
    };
    const specs: ProbeSpec[] = [
      { ...HEALTH, service: 'other' },
      { ...HEALTH, service: 'constructor' },
      { ...HEALTH, path: '//evil.example/' },
      { ...HEALTH, path: '/../../admin' },
      { ...HEALTH, path: 'http://evil.example/' },
    ];
    for (const spec of specs) {
      const result = await run(spec, { debugUrl: 'http://127.0.0.1:1/base', fetch: counting });
      expect(result.outcome).toBe('inconclusive');
    }
    expect(calls).toBe(0);
  });

  it('shows only the values that the expectation names, cut and without control characters', async () => {
    const body = JSON.stringify({
      status: `\u001b[31mDOWN\u202e ${'y'.repeat(500)}`,
      password: 'hunter2',
    });
    const spec = { ...HEALTH, confirm: "$.status = 'OK'", refute: '$.missing exists' };
    const result = await run(spec, { debugUrl: await serve(answering(200, body)) });
    for (const hidden of ['hunter2', '\u001b', '\u202e']) {
      expect(result.observed.en).not.toContain(hidden);
    }
    expect(result.observed.en.length).toBeLessThan(250);
  });

  it.each<readonly [confirm: string, outcome: string]>([
    ["$.pools[0].name = 'orders' and $.pools[0].used / $.pools[0].max > 0.9", 'confirm'],
    ["$['status'] ~ /crit/i", 'confirm'],
    ['$.pools[*].used = 19', 'confirm'],
    ['$.pools[7].used > 0', 'inconclusive'],
    ['$.__proto__ exists', 'inconclusive'],
    ['$.constructor exists', 'inconclusive'],
    ['$.pools exists', 'inconclusive'],
    ['$.ok', 'confirm'],
  ])('%s: %s', async (confirm, outcome) => {
    const body = '{"ok":true,"status":"CRITICAL","pools":[{"name":"orders","used":19,"max":20}]}';
    const spec = { kind: 'http', service: 'bot', path: '/h', confirm } as const;
    expect((await run(spec, { debugUrl: await serve(answering(200, body)) })).outcome).toBe(
      outcome,
    );
  });

  it('looks again: one sample confirms, all of them refute', async () => {
    const runWith = async (active: readonly number[]) => {
      let at = 0;
      const debugUrl = await serve((_request, response) => {
        response.end(JSON.stringify({ activeConnections: active[at++], maxPoolSize: 10 }));
      });
      const { outcome, observed } = await run(HEALTH, { debugUrl });
      return { outcome, observed: observed.en, samples: at };
    };
    expect(await runWith([1, 10, 1])).toMatchObject({ outcome: 'confirm', samples: 2 });
    expect(await runWith([1, 2, 3])).toMatchObject({
      outcome: 'refute',
      observed:
        'Observed $.activeConnections = 3, $.maxPoolSize = 10 (the last of 3 samples, none of which confirms)',
      samples: 3,
    });
    expect(await runWith([1, 9, 1])).toMatchObject({ outcome: 'inconclusive', samples: 3 });
  });

  it('does not refute a window that is long over', async () => {
    const debugUrl = await serve(answering(200, '{"activeConnections":1,"maxPoolSize":16}'));
    const late = await run(HEALTH, { debugUrl, nowUs: WINDOW.toUs + 3600 * 1e6 });
    expect(late.outcome).toBe('inconclusive');
    expect(late.observed.en).toMatch(/ended 60 minutes ago/);
    expect((await run(HEALTH, { debugUrl, nowUs: WINDOW.toUs + 60 * 1e6 })).outcome).toBe('refute');
  });
});

describe('PromQL probes', () => {
  const PENDING = {
    kind: 'prom',
    query: 'max_over_time(pending{job="bot"}[5m])',
    confirm: 'value > 0',
    refute: 'value = 0',
  } as const satisfies ProbeSpec;
  const vector = (...values: readonly string[]) =>
    JSON.stringify({
      status: 'success',
      data: {
        resultType: 'vector',
        result: values.map((value) => ({ metric: {}, value: [1, value] })),
      },
    });

  it.each<
    readonly [caption: string, status: number, body: string, outcome: string, observed: RegExp]
  >([
    ['greatest of the series', 200, vector('0', '7.5', '2'), 'confirm', /value = 7\.5/],
    ['all zero', 200, vector('0', '0'), 'refute', /value = 0/],
    [
      'scalar',
      200,
      '{"status":"success","data":{"resultType":"scalar","result":[1,"3"]}}',
      'confirm',
      /value = 3/,
    ],
    ['no series', 200, vector(), 'inconclusive', /returned no series/],
    ['NaN only', 200, vector('NaN'), 'inconclusive', /returned no series/],
    ['infinite', 200, vector('+Inf'), 'inconclusive', /returned no series/],
    [
      'bad query',
      400,
      '{"status":"error","errorType":"bad_data","error":"secret detail"}',
      'inconclusive',
      /refused the query: bad_data$/,
    ],
    [
      'matrix, which was not asked for',
      200,
      '{"status":"success","data":{"resultType":"matrix","result":[]}}',
      'inconclusive',
      /protocol/,
    ],
    ['other JSON', 200, '{"hello":1}', 'inconclusive', /protocol/],
    ['gateway error', 502, vector('1'), 'inconclusive', /HTTP 502/],
  ])('%s', async (_caption, status, body, outcome, observed) => {
    const result = await run(PENDING, { prometheusUrl: await serve(answering(status, body)) });
    expect(result.outcome).toBe(outcome);
    expect(result.observed.en).toMatch(observed);
  });

  it('asks for the end of the window, with the query as one parameter', async () => {
    const seen: URL[] = [];
    const prometheusUrl = await serve((request, response) => {
      seen.push(new URL(request.url ?? '', 'http://h'));
      response.end(vector('1'));
    });
    await run(
      { ...PENDING, query: 'a{b="c&time=0#"}' },
      { prometheusUrl: `${prometheusUrl}/prefix/`, nowUs: WINDOW.toUs + 1e9 },
    );
    expect(seen[0]?.pathname).toBe('/prefix/api/v1/query');
    expect(seen[0]?.searchParams.get('query')).toBe('a{b="c&time=0#"}');
    expect(Number(seen[0]?.searchParams.get('time'))).toBe(WINDOW.toUs / 1e6);
  });

  it('is inconclusive without a Prometheus', async () => {
    expect((await run(PENDING)).observed.en).toBe('No prometheusUrl is configured');
  });
});
