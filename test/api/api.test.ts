/** The API over real HTTP: every route answers what its schema says, and refuses what it must. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { z } from 'zod';
import { ANSWERS, problemSchema } from '../../src/api/answers.ts';
import { ROUTES } from '../../src/api/api.ts';
import { buildOpenApi, openApiPath } from '../../src/api/openapi.ts';
import { PAGE_POLICY } from '../../src/base/page.ts';
import { hostileReport, REPORT, START_US } from '../report/fixture.ts';
import { ENDPOINT_ID, type Harness, NOW_US, startHarness, TRACE_ID } from './harness.ts';

let api: Harness;
beforeAll(async () => {
  api = await startHarness();
  api.backend.state.saveReport({ ...REPORT, reportId: 'r-kept' }, { spans: [], logs: [] });
  api.backend.state.saveFindings({
    judgedUntilUs: 0,
    anomalies: REPORT.collect.anomalies,
    incidents: [],
  });
  api.backend.state.saveIncident({
    incidentId: '00000000000000b1',
    status: 'open',
    onsetUs: START_US,
    lastSeenUs: NOW_US - 1,
    services: ['bot-gateway'],
    anomalyIds: ['00000000a1b2c3d4'],
  });
});
afterAll(() => api.stop());

/** The answer, held to its schema. */
async function read<Schema extends z.ZodType>(
  schema: Schema,
  response: Promise<Response>,
): Promise<z.output<Schema>> {
  return schema.parse(await (await response).json());
}

const RANGE = `from=${START_US / 1000}&to=${NOW_US / 1000}`;

/** Every GET that answers JSON, with a request that finds something. */
const READS: readonly (readonly [route: string, path: string])[] = [
  ['/healthz', '/healthz'],
  ['/readyz', '/readyz'],
  ['/api/v1/openapi.json', '/api/v1/openapi.json'],
  ['/api/v1/reports', '/api/v1/reports?lang=zh'],
  ['/api/v1/reports/:id', '/api/v1/reports/r-kept'],
  ['/api/v1/traces', `/api/v1/traces?${RANGE}&service=order-plugin&error=true&minDurationMs=100`],
  ['/api/v1/traces/:traceId', `/api/v1/traces/${TRACE_ID}`],
  ['/api/v1/logs', `/api/v1/logs?${RANGE}&severity=error&text=TIMED&traceId=${TRACE_ID}`],
  ['/api/v1/log-templates', `/api/v1/log-templates?${RANGE}&service=order-plugin`],
  ['/api/v1/metrics', `/api/v1/metrics?${RANGE}&service=order-plugin`],
  ['/api/v1/metrics/query', `/api/v1/metrics/query?${RANGE}&name=db.client.connection.count`],
  ['/api/v1/services', `/api/v1/services?${RANGE}`],
  ['/api/v1/endpoints', `/api/v1/endpoints?${RANGE}&slices=true`],
  ['/api/v1/endpoints/:id/baseline', `/api/v1/endpoints/${ENDPOINT_ID}/baseline?lang=zh`],
  ['/api/v1/service-graph', `/api/v1/service-graph?${RANGE}`],
  ['/api/v1/silences', '/api/v1/silences?expired=true'],
  ['/api/v1/slos', '/api/v1/slos'],
  ['/api/v1/anomalies', `/api/v1/anomalies?service=bot-gateway`],
  ['/api/v1/anomalies/:id', '/api/v1/anomalies/00000000a1b2c3d4'],
  ['/api/v1/incidents', '/api/v1/incidents'],
  ['/api/v1/incidents/:id', '/api/v1/incidents/00000000000000b1'],
  ['/api/v1/clusters', '/api/v1/clusters?limit=1'],
  ['/api/v1/rules', '/api/v1/rules'],
  ['/api/v1/rules/:id', '/api/v1/rules/db-pool-exhausted'],
  ['/api/v1/events', '/api/v1/events'],
];

test('GET /api/v1/endpoints lists slices when they are asked for', async () => {
  const items = async (query: string) =>
    ((await (await api.get(`/api/v1/endpoints?${RANGE}${query}`)).json()) as { items: object[] })
      .items; // as its schema says
  expect(await items('')).toHaveLength(1);
  expect(await items('&slices=true')).toEqual([
    expect.objectContaining({ requests: 10 }),
    expect.objectContaining({
      requests: 4,
      errors: 1,
      slice: { dimension: 'bot', value: '7001' },
      operation: 'POST /coze/webhook',
    }),
  ]);
});

describe('reads', () => {
  test.each(READS)('GET %s answers what its schema says', async (path, request) => {
    const response = await api.get(request);
    const text = await response.text();
    expect(response.status, text).toBe(200);
    const route = ROUTES.find((one) => one.method === 'get' && one.path === path);
    const document = JSON.parse(text);
    const schema = route?.answers[200]?.content['application/json'];
    expect(schema?.safeParse(document)).toMatchObject({ success: true });
    const items = document.items ?? document.spans ?? document.nodes;
    if (!['/api/v1/events', '/api/v1/silences'].includes(path) && items !== undefined)
      expect(items).not.toEqual([]);
  });

  test('every JSON read is in the table above', () => {
    const reads = ROUTES.filter(
      (route) => route.method === 'get' && route.answers[200]?.content['application/json'],
    );
    expect(READS.map(([path]) => path).sort()).toEqual(reads.map((route) => route.path).sort());
  });

  test('a trace comes with its logs and exemplars, by a short id too', async () => {
    const full = await read(ANSWERS.trace, api.get(`/api/v1/traces/${TRACE_ID}`));
    expect(full.source).toBe('store');
    expect(full.spans.map((span) => span.name)).toEqual([
      'POST /coze/webhook',
      'POST /execute',
      'SELECT orders',
    ]);
    expect(full.logs[0]?.body).toBe('timed out after 5000ms');
    expect(full.exemplars[0]?.metric).toBe('db.client.connection.count');
    const short = api.get(`/api/v1/traces/${TRACE_ID.replace(/^0/, '').toUpperCase()}`);
    expect((await read(ANSWERS.trace, short)).spans).toHaveLength(3);
  });

  test('a trace that retention has removed comes from pinned evidence', async () => {
    const traceId = 'f'.repeat(32);
    expect((await api.get(`/api/v1/traces/${traceId}`)).status).toBe(404);
    const [span] = api.backend.telemetry.readTrace(TRACE_ID);
    const pinned = { spans: [{ ...span!, traceId }], logs: [] };
    api.backend.state.saveReport({ ...REPORT, reportId: 'r-pin' }, pinned);
    const found = await (await api.get(`/api/v1/traces/${traceId}`)).json();
    expect(found).toMatchObject({ source: 'pinned', spans: [{ traceId }] });
  });

  test('a trace of which retention has removed a part comes whole from pinned evidence', async () => {
    const stored = api.backend.telemetry.readTrace(TRACE_ID);
    const first = { ...stored[0]!, spanId: 'e'.repeat(16) };
    const pinned = { spans: [first, ...stored], logs: [] };
    api.backend.state.saveReport({ ...REPORT, reportId: 'r-whole' }, pinned);
    const found = await read(ANSWERS.trace, api.get(`/api/v1/traces/${TRACE_ID}`));
    expect(found).toMatchObject({ source: 'pinned' });
    expect(found.spans).toHaveLength(stored.length + 1);
  });

  test('the graph joins calls between services and to what sends no spans', async () => {
    const graph = await read(ANSWERS.serviceGraph, api.get(`/api/v1/service-graph?${RANGE}`));
    expect(graph.edges).toEqual([
      { from: 'bot-gateway', to: 'order-plugin', calls: 1, errors: 0 },
      { from: 'order-plugin', to: 'db postgresql orders-db', calls: 1, errors: 1 },
    ]);
    expect(graph.nodes.filter((node) => node.isExternal)).toHaveLength(1);
  });

  test('attributes and bot narrow a search; both must match', async () => {
    const search = async (query: string) =>
      (await read(ANSWERS.traces, api.get(`/api/v1/traces?${RANGE}&${query}`))).items.length;
    const note = encodeURIComponent('user.note=<script>alert(1)</script>');
    expect(await search(`attributes=${note}&bot=73428668`)).toBe(1);
    expect(await search(`attributes=${note}&attributes=user.note%3Dother`)).toBe(0);
    expect(await search('bot=other')).toBe(0);
  });

  test('pages end where they say, and the cursor goes on', async () => {
    const first = await read(ANSWERS.clusters, api.get('/api/v1/clusters?limit=1'));
    expect(first.nextCursor).toBe('1');
    const second = await read(ANSWERS.clusters, api.get('/api/v1/clusters?limit=1&cursor=1'));
    expect(second.items[0]?.id).not.toBe(first.items[0]?.id);
  });

  test('/metrics is Prometheus text', async () => {
    const response = await api.get('/metrics');
    expect(response.headers.get('content-type')).toContain('text/plain; version=0.0.4');
    expect(await response.text()).toContain('taproot_test_total 3');
  });
});

describe('reports', () => {
  test.each([
    ['.json', '', 'application/json'],
    ['.md', '', 'text/markdown'],
    ['.html', '', 'text/html'],
    ['.txt', '', 'text/plain'],
    ['', 'text/markdown', 'text/markdown'],
    ['', 'text/html,application/xhtml+xml', 'text/html'],
    ['', '*/*', 'application/json'],
  ])('format by suffix "%s" and Accept "%s"', async (suffix, accept, contentType) => {
    const headers = accept === '' ? {} : { accept };
    const response = await api.get(`/api/v1/reports/r-kept${suffix}?lang=zh`, { headers });
    expect(response.headers.get('content-type')).toContain(contentType);
    expect(await response.text()).toContain('连接池耗尽');
  });

  test('the browser chooses the language when nobody asks', async () => {
    const headers = { 'accept-language': 'zh-CN,zh;q=0.9,en;q=0.5' };
    const page = await (await api.get('/reports/r-kept', { headers })).text();
    expect(page).toContain('lang="zh-CN"');
    expect(await (await api.get('/reports/r-kept')).text()).toContain('<html lang="en">');
  });

  test('verify answers with the new version', async () => {
    const response = await api.post('/api/v1/reports/r-kept/verify', undefined);
    expect(await response.json()).toMatchObject({ id: 'r-kept', confidence: 0.5 });
    expect((await read(ANSWERS.report, api.get('/api/v1/reports/r-kept'))).confidence).toBe(0.5);
  });

  test('feedback is kept', async () => {
    const response = await api.post('/api/v1/reports/r-kept/feedback', {
      hypothesisId: 'h1',
      isCorrect: true,
      comment: 'yes',
    });
    expect(response.status).toBe(201);
    expect(api.backend.state.listFeedback('r-kept')).toMatchObject([
      { hypothesisId: 'h1', isCorrect: true, comment: 'yes', atUs: NOW_US },
    ]);
  });

  test('a rule reload answers the message, or a problem when a file is broken', async () => {
    const good = await api.post('/api/v1/rules/reload', undefined);
    expect(await good.json()).toMatchObject({ message: '1 rule loaded', rules: 1 });
    const broken = await startHarness();
    broken.breakRules();
    const bad = await broken.post('/api/v1/rules/reload', undefined);
    await broken.stop();
    expect(await bad.json()).toMatchObject({ code: 'rule.invalid', status: 400 });
  });

  test('change events are kept once, however often they are sent', async () => {
    const event = { kind: 'deploy', service: 'order-plugin', version: '2.1.0', time: 'now-5m' };
    const one = await read(ANSWERS.events, api.post('/api/v1/events', event));
    const again = await read(ANSWERS.events, api.post('/api/v1/events', { events: [event] }));
    expect(one).toEqual(again);
    const { items } = await read(ANSWERS.changes, api.get('/api/v1/events?service=order-plugin'));
    expect(items).toMatchObject([{ kind: 'deploy', version: '2.1.0', id: one.events[0]?.id }]);
  });
});

describe('refusals', () => {
  const cases: readonly (readonly [
    caption: string,
    request: () => Promise<Response>,
    number,
    string,
  ])[] = [
    ['limit 0', () => api.get('/api/v1/traces?limit=0'), 400, '"limit"'],
    ['limit beyond the bound', () => api.get('/api/v1/traces?limit=10001'), 400, '10000'],
    ['limit as text', () => api.get('/api/v1/logs?limit=ten'), 400, '"ten"'],
    ['unknown parameter', () => api.get('/api/v1/traces?serivce=x'), 400, 'serivce'],
    ['time that is none', () => api.get('/api/v1/traces?from=yesterday'), 400, 'yesterday'],
    ['range backwards', () => api.get('/api/v1/traces?from=now&to=now-1h'), 400, 'ends before'],
    ['time beyond 9999', () => api.get(`/api/v1/traces?to=${'9'.repeat(17)}`), 400, '9999'],
    ['time before 1970', () => api.get('/api/v1/traces?from=now-99999999d'), 400, '1970'],
    ['duration as text', () => api.get('/api/v1/traces?minDurationMs=1e9'), 400, '"minDurationMs"'],
    ['boolean', () => api.get('/api/v1/traces?error=yes'), 400, '"error"'],
    ['attribute without value', () => api.get('/api/v1/traces?attributes=a'), 400, 'key=value'],
    ['stage', () => api.get('/api/v1/traces?stage=lunch'), 400, '"stage"'],
    ['severity 25', () => api.get('/api/v1/logs?severity=25'), 400, '"severity"'],
    ['cursor of somebody else', () => api.get('/api/v1/clusters?cursor=x'), 400, 'cursor'],
    ['language', () => api.get('/api/v1/reports?lang=fr'), 400, '"lang"'],
    ['long text', () => api.get(`/api/v1/logs?text=${'x'.repeat(1025)}`), 400, '1024'],
    ['no metric name', () => api.get('/api/v1/metrics/query'), 400, '"name"'],
    ['trace id of letters', () => api.get('/api/v1/traces/xyz'), 400, 'hex'],
    ['trace id too long', () => api.get(`/api/v1/traces/${'a'.repeat(33)}`), 400, 'hex'],
    ['percent sign in path', () => api.get('/api/v1/traces/%zz'), 400, 'malformed'],
    ['endpoint id', () => api.get('/api/v1/endpoints/../baseline'), 404, 'Cannot find'],
    [
      'baseline unknown',
      () => api.get(`/api/v1/endpoints/${'0'.repeat(16)}/baseline`),
      404,
      '0000',
    ],
    ['report unknown', () => api.get('/api/v1/reports/nope'), 404, '"nope"'],
    ['report id with a path', () => api.get('/api/v1/reports/..%2f..%2fetc'), 400, '"id"'],
    ['events of an unknown report', () => api.get('/api/v1/diagnoses/nope/events'), 404, '"nope"'],
    ['rule unknown', () => api.get('/api/v1/rules/nope'), 404, '"nope"'],
    ['route unknown', () => api.get('/api/v2/reports'), 404, '/api/v2/reports'],
    ['method', () => api.get('/api/v1/reports/r-kept/verify'), 405, 'POST'],
    ['method of webhook', () => api.get('/api/v1/webhooks/alertmanager'), 405, 'POST'],
    ['no body', () => api.get('/api/v1/diagnoses', { method: 'POST' }), 415, 'application/json'],
    ['JSON cut off', () => api.post('/api/v1/diagnoses', '{"window":'), 400, 'not valid JSON'],
    ['body an array', () => api.post('/api/v1/diagnoses', []), 400, 'object'],
    ['no window', () => api.post('/api/v1/diagnoses', {}), 400, '"window"'],
    [
      'window backwards',
      () => api.post('/api/v1/diagnoses', { window: { from: 'now', to: 'now-5m' } }),
      400,
      'ends before',
    ],
    [
      'wait too long',
      () => api.post('/api/v1/diagnoses?wait=9999s', { window: { from: 'now-5m', to: 'now' } }),
      400,
      '180s',
    ],
    [
      'wait without number',
      () => api.post('/api/v1/diagnoses?wait=soon', { window: { from: 'now-5m', to: 'now' } }),
      400,
      '"wait"',
    ],
    [
      'form body',
      () =>
        api.post('/api/v1/diagnoses', 'a=b', {
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
        }),
      415,
      'application/json',
    ],
    [
      'body beyond the bound',
      () => api.post('/api/v1/events', `{"description":"${'x'.repeat(5 * 1024 * 1024)}"}`),
      413,
      '4194304',
    ],
    [
      'event kind',
      () => api.post('/api/v1/events', { events: [{ kind: 'party' }] }),
      400,
      '"events.0.kind"',
    ],
    [
      'feedback on a hypothesis that is not there',
      () => api.post('/api/v1/reports/r-kept/feedback', { hypothesisId: 'h99', isCorrect: true }),
      404,
      '"h99"',
    ],
    [
      'feedback without a verdict',
      () => api.post('/api/v1/reports/r-kept/feedback', { hypothesisId: 'h1', isCorrect: 'yes' }),
      400,
      '"isCorrect"',
    ],
    [
      'a page of another site',
      () =>
        api.post('/api/v1/rules/reload', undefined, { headers: { origin: 'http://evil.example' } }),
      403,
      'another site',
    ],
  ];

  test.each(cases)('%s', async (_caption, request, status, part) => {
    const response = await request();
    const body: unknown = await response.json();
    const problem = problemSchema.parse(body);
    expect(response.status, problem.detail).toBe(status);
    expect(response.headers.get('content-type')).toContain('application/problem+json');
    expect(body).toEqual(problem);
    expect(problem.status).toBe(status);
    expect(problem.detail).toContain(part);
  });

  test('405 names the methods in Allow', async () => {
    const response = await api.get('/api/v1/rules/reload', { method: 'DELETE' });
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('GET, POST');
  });

  test('an overloaded analysis is 429 with Retry-After', async () => {
    const busy = await startHarness();
    busy.overload();
    const response = await busy.post('/api/v1/diagnoses', {
      window: { from: 'now-5m', to: 'now' },
    });
    await busy.stop();
    expect(response.status).toBe(429);
    expect(response.headers.get('retry-after')).toBe('1');
    expect(await response.json()).toMatchObject({ code: 'analysis.overloaded' });
  });

  test('a key named __proto__ changes no prototype', async () => {
    const body =
      '{"window":{"from":"now-5m","to":"now"},"scope":{"attributes":{"__proto__":{"x":"y"},"a":"b"}}}';
    await api.post('/api/v1/diagnoses', body);
    expect(({} as Record<string, unknown>)['x']).toBeUndefined();
  });
});

describe('browsers', () => {
  test.each(['/healthz', '/reports', '/reports/r-kept', '/api/v1/nope'])(
    '%s has the security headers and no CORS',
    async (path) => {
      const { headers } = await api.get(path, { headers: { origin: 'http://evil.example' } });
      expect(headers.get('content-security-policy')).toBe(`${PAGE_POLICY}; frame-ancestors 'none'`);
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('x-frame-options')).toBe('DENY');
      expect(headers.get('access-control-allow-origin')).toBeNull();
      expect(headers.get('x-powered-by')).toBeNull();
    },
  );

  test('the policy allows no script and no inline style but ours', () => {
    expect(PAGE_POLICY).toContain("default-src 'none'");
    expect(PAGE_POLICY).not.toMatch(/script-src|unsafe-inline|\*/);
  });

  test('a foreign Host on loopback is refused (DNS rebinding); publicUrl allows its own', async () => {
    const proxied = await startHarness({ publicUrl: 'https://taproot.example/base' });
    const statusFor = (url: string, host: string) =>
      import('node:http').then(
        ({ request }) =>
          new Promise<number | undefined>((resolve, reject) => {
            request(`${url}/healthz`, { headers: { host } }, (response) => {
              response.resume();
              resolve(response.statusCode);
            })
              .on('error', reject)
              .end();
          }),
      );
    expect(await statusFor(proxied.url, 'evil.example')).toBe(403);
    expect(await statusFor(proxied.url, 'taproot.example')).toBe(200);
    expect(await statusFor(proxied.url, 'localhost:4400')).toBe(200);
    expect(await statusFor(api.url, 'taproot.example')).toBe(403);
    await proxied.stop();
  });

  test('hostile telemetry in a report stays text on both pages', async () => {
    const hostile = await startHarness();
    hostile.backend.state.saveReport(
      { ...hostileReport(), reportId: 'r-x' },
      { spans: [], logs: [] },
    );
    for (const path of ['/reports', '/reports/r-x', '/api/v1/reports/r-x.html']) {
      const page = await (await hostile.get(path)).text();
      expect(page, path).not.toContain('<img');
      expect(page, path).toContain('&lt;img src=x');
      expect(page, path).not.toMatch(/href="[^"]*javascript:/i);
    }
    await hostile.stop();
  });
});

describe('pages', () => {
  test('an empty list tells how to send telemetry', async () => {
    const empty = await startHarness();
    const en = await (await empty.get('/')).text();
    const zh = await (await empty.get('/reports?lang=zh')).text();
    await empty.stop();
    expect(en).toContain('OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318');
    expect(en).toContain(`${empty.url}/api/v1/webhooks/alertmanager`);
    expect(zh).toContain('还没有报告');
  });

  test('an empty list names the addresses that this service has', async () => {
    const proxied = await startHarness({
      publicUrl: 'https://taproot.example/base/',
      otlpHttpPort: 5318,
    });
    const page = await (await proxied.get('/')).text();
    await proxied.stop();
    expect(page).toContain('OTEL_EXPORTER_OTLP_ENDPOINT=http://taproot.example:5318');
    expect(page).toContain('https://taproot.example/base/api/v1/webhooks/alertmanager');
  });

  test.each([
    ['text/html', 'text/html; charset=utf-8'],
    ['*/*', 'application/problem+json; charset=utf-8'],
  ])('an unknown path is 404 in the form that was asked for: %s', async (accept, type) => {
    const response = await api.get('/no<b>where', { headers: { accept } });
    expect(response.status).toBe(404);
    expect(response.headers.get('content-type')).toBe(type);
    expect(await response.text()).not.toContain('<b>');
  });

  test('the list shows verdict, time, summary and trigger, and links to the report', async () => {
    const page = await (await api.get('/reports?lang=en')).text();
    expect(page).toContain('Confirmed');
    expect(page).toContain('2025-07-01 10:15:02');
    expect(page).toContain('href="/reports/r-kept?lang=en"');
    expect(page).toContain('<td class="nowrap">Alert</td>');
  });

  test('a report that is not there is a page of its own, with the id as text', async () => {
    const response = await api.get('/reports/nope?lang=zh');
    expect(response.status).toBe(404);
    expect(await response.text()).toContain('没有这份报告');
  });
});

describe('OpenAPI', () => {
  const document = buildOpenApi(ROUTES, '1') as {
    paths: Record<
      string,
      Record<string, { responses: Record<string, unknown>; operationId: string }>
    >;
  };

  test('describes every route and nothing else', () => {
    const described = Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method} ${path}`),
    );
    const registered = ROUTES.map((route) => `${route.method} ${openApiPath(route.path)}`);
    expect(described.sort()).toEqual(registered.sort());
    expect(new Set(registered).size).toBe(registered.length);
  });

  test('every route of the document is served', async () => {
    for (const [path, operations] of Object.entries(document.paths)) {
      for (const method of Object.keys(operations)) {
        const place = path.replace('{id}', 'zz').replace('{traceId}', 'zz');
        const response = await fetch(api.url + place, { method: method.toUpperCase() });
        const text = await response.text();
        expect(text, `${method} ${path}`).not.toContain('see /api/v1/openapi.json');
        expect(response.status, `${method} ${path}`).not.toBe(405);
      }
    }
  });

  test('names each parameter and gives each operation its own id', () => {
    const operations = Object.values(document.paths).flatMap((path) => Object.values(path));
    expect(new Set(operations.map((one) => one.operationId)).size).toBe(operations.length);
    for (const operation of operations) expect(operation.responses).toHaveProperty('default');
    const traces = JSON.stringify(document.paths['/api/v1/traces']);
    for (const name of ['minDurationMs', 'attributes', 'conversation', 'cursor', 'from']) {
      expect(traces).toContain(`"name":"${name}"`);
    }
  });

  test('matches the golden document', async () => {
    await expect(`${JSON.stringify(document, null, 2)}\n`).toMatchFileSnapshot(
      'golden/openapi.json',
    );
  });
});
