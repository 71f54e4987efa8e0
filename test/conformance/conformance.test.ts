/** The suite finds what is wrong: receivers that break one rule each, and the documents that list the checks. */
import { readFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, createServer as createNetServer } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { decodeMessage } from '../otlp/otlp-schema.ts';
import { type Check, Fault, WIRES } from './check.ts';
import { frameOf } from './grpc-wire.ts';
import { outcomeOfGrpc, outcomeOfHttp } from './outcome.ts';
import { paddedRequest } from './payload.ts';
import type { Target } from './probe.ts';
import { CHECKS, hasFailure, type Result, runSuite } from './suite.ts';
import { renderChecks, renderResults, renderTerminal } from './tables.ts';

let server: Server | undefined;
afterEach(async () => {
  server?.closeAllConnections();
  await new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)));
  server = undefined;
});

/** A receiver that answers everything alike. */
async function receiverThat(answer: RequestListener): Promise<Target> {
  const started = createServer((request, response) => {
    request.resume();
    request.on('end', () => answer(request, response));
  });
  server = started;
  await new Promise<void>((resolve) => started.listen(0, '127.0.0.1', resolve));
  const { port } = started.address() as AddressInfo;
  return {
    http: new URL(`http://127.0.0.1:${port}`),
    grpc: undefined,
    headers: {},
    bodyLimitBytes: 100_000,
    isBodyLimitKnown: true,
    overloadBytes: undefined,
    timeoutMs: 300,
    slowMs: 0,
  };
}

function checksOf(...ids: readonly string[]): readonly Check[] {
  const found = CHECKS.filter(({ id }) => ids.includes(id));
  expect(found.length).toBe(ids.length);
  return found;
}

function verdictsOf(results: readonly Result[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    results
      .filter(({ signal }) => signal === 'traces')
      .map(({ id, wire, verdict }) => [`${id} ${wire}`, verdict]),
  );
}

const answerWith =
  (status: number, type: string, body: string): RequestListener =>
  (_, response) => {
    response.writeHead(status, { 'content-type': type }).end(body);
  };

describe('runSuite() finds', () => {
  test('a receiver that says yes to everything', async () => {
    const target = await receiverThat(answerWith(200, 'application/json', '{}'));
    const checks = checksOf(
      'compression.none',
      'failure.bad-data',
      'limit.inflated-body',
      'content-type.same',
      'json.wrong-types',
      'bomb.broken-gzip',
    );
    expect(verdictsOf(await runSuite({ target, checks }))).toEqual({
      'compression.none http/protobuf': 'fail',
      'compression.none http/json': 'pass',
      'compression.none grpc': 'skipped',
      'failure.bad-data http/protobuf': 'fail',
      'failure.bad-data http/json': 'fail',
      'failure.bad-data grpc': 'skipped',
      'limit.inflated-body http/protobuf': 'fail',
      'limit.inflated-body http/json': 'fail',
      'limit.inflated-body grpc': 'skipped',
      'content-type.same http/protobuf': 'fail',
      'content-type.same http/json': 'pass',
      'json.wrong-types http/json': 'fail',
      'bomb.broken-gzip http/protobuf': 'fail',
      'bomb.broken-gzip http/json': 'fail',
    });
  });

  test('a partial_success that is set and empty', async () => {
    const target = await receiverThat(
      answerWith(200, 'application/json', '{"partialSuccess":{"rejectedSpans":"0"}}'),
    );
    const results = await runSuite({ target, checks: checksOf('success.partial-unset') });
    expect(verdictsOf(results)['success.partial-unset http/json']).toBe('fail');
    expect(results.find(({ wire }) => wire === 'http/json')?.got).toContain('leaves it unset');
  });

  test('a wrong count of rejected items', async () => {
    const body = '{"partialSuccess":{"rejectedSpans":"2","errorMessage":"bad"}}';
    const target = await receiverThat(answerWith(200, 'application/json', body));
    const results = await runSuite({ target, checks: checksOf('partial.count') });
    expect(verdictsOf(results)['partial.count http/json']).toBe('fail');
  });

  test('no fault in a receiver that does not offer profiles', async () => {
    const target = await receiverThat((request, response) => {
      const isOffered = request.url === '/v1/traces';
      const type = request.headers['content-type'] ?? '';
      const body = type === 'application/json' ? '{}' : '';
      response.writeHead(isOffered ? 200 : 404, { 'content-type': type }).end(body);
    });
    const results = await runSuite({ target, checks: checksOf('compression.none') });
    const ofProfiles = results.filter(
      ({ signal, wire }) => signal === 'profiles' && wire !== 'grpc',
    );
    expect(ofProfiles.map(({ verdict, got }) => `${verdict}: ${got}`)).toEqual(
      ofProfiles.map(() => 'skipped: profiles are not offered'),
    );
    expect(ofProfiles).toHaveLength(2);
    expect(verdictsOf(results)['compression.none http/json']).toBe('pass');
  });

  test('failures that are no google.rpc.Status, or are retried for ever', async () => {
    const target = await receiverThat(answerWith(503, 'text/html', '<h1>no</h1>'));
    const checks = checksOf('failure.status-body-404', 'failure.bad-data', 'odd.no-times');
    const results = await runSuite({ target, checks });
    const judged = results.filter(({ verdict }) => verdict !== 'skipped');
    expect(judged.map(({ verdict }) => verdict)).toEqual(judged.map(() => 'fail'));
    expect(judged.length).toBe(22);
  });

  test('an answer over 4 MiB', async () => {
    const errorMessage = 'x'.repeat(4 * 1024 * 1024);
    const body = JSON.stringify({ partialSuccess: { errorMessage } });
    const target = await receiverThat(answerWith(200, 'application/json', body));
    const results = await runSuite({
      target: { ...target, timeoutMs: 5000 },
      checks: checksOf('limit.response').map((check) => ({ ...check, signals: ['traces'] })),
    });
    expect(verdictsOf(results)['limit.response http/json']).toBe('fail');
  });

  test('a receiver that answers the smuggled request as well', async () => {
    const target = await receiverThat(answerWith(200, 'application/x-protobuf', ''));
    const lenient = createNetServer((socket) => {
      const bad = 'HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n';
      socket.on('error', () => {}); // The suite hangs up.
      socket.once('data', () =>
        socket.end(`${bad}HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n`),
      );
    });
    await new Promise<void>((resolve) => lenient.listen(0, '127.0.0.1', resolve));
    const { port } = lenient.address() as AddressInfo;
    const http = new URL(`http://127.0.0.1:${port}`);
    const checks = checksOf('smuggling.two-lengths', 'smuggling.length-and-chunks');
    const results = await runSuite({ target: { ...target, http }, checks });
    lenient.close();
    for (const { verdict, got } of results) {
      expect(verdict).toBe('fail');
      expect(got).toContain('the smuggled request was answered');
    }
  });
});

describe('runSuite() ends', () => {
  test('with a receiver that never answers', async () => {
    const target = await receiverThat(() => {});
    const checks = checksOf('compression.gzip', 'smuggling.bad-length');
    const results = await runSuite({ target, checks });
    expect(results.filter(({ verdict }) => verdict === 'fail').map(({ id }) => id)).toContain(
      'compression.gzip',
    );
    expect(results.find(({ wire }) => wire === 'http/json')?.got).toContain('within 0.3 s');
  });

  test('with a receiver that cuts every connection', async () => {
    const target = await receiverThat((request) => request.socket.destroy());
    const results = await runSuite({ target, checks: checksOf('compression.none') });
    const judged = results.filter(({ verdict }) => verdict !== 'skipped');
    expect(judged.every(({ verdict }) => verdict === 'fail')).toBe(true);
    expect(hasFailure(results)).toBe(true);
  });

  test('with nobody there', async () => {
    const target = await receiverThat(() => {});
    await new Promise((resolve) => server?.close(resolve));
    const gone = { ...target, grpc: target.http.origin };
    const results = await runSuite({ target: gone, checks: checksOf('compression.none') });
    expect(results.map(({ verdict }) => verdict)).toEqual(results.map(() => 'fail'));
  });

  test('by throwing when the suite itself is at fault', async () => {
    const target = await receiverThat(() => {});
    const [check] = checksOf('compression.none');
    const broken: Check = { ...check!, run: () => Promise.reject(new TypeError('our own')) };
    await expect(runSuite({ target, checks: [broken] })).rejects.toThrow('our own');
  });
});

describe('outcomeOfHttp() and outcomeOfGrpc()', () => {
  const asked = { wire: 'http/json', signal: 'logs' } as const;
  const answer = (status: number, body: string, headers = {}) => ({
    status,
    headers: { 'content-type': 'application/json', ...headers },
    body: Buffer.from(body),
  });

  test('read counts under the name of the signal', () => {
    const body = '{"partialSuccess":{"rejectedLogRecords":"7","errorMessage":"why"}}';
    expect(outcomeOfHttp(answer(200, body), asked)).toMatchObject({
      kind: 'success',
      partial: { rejectedCount: 7, message: 'why' },
    });
  });

  test.each([
    ['a redirect', answer(302, '')],
    ['JSON that is none', answer(200, '{')],
    ['a compressed answer', answer(200, '{}', { 'content-encoding': 'gzip' })],
    ['another content type', answer(200, '{}', { 'content-type': 'text/plain' })],
  ])('refuse %s', (_, given) => {
    expect(() => outcomeOfHttp(given, asked)).toThrow(Fault);
  });

  test('name the details of a Status', () => {
    const body =
      '{"code":14,"message":"m","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo"}]}';
    expect(outcomeOfHttp(answer(503, body), asked)).toMatchObject({
      kind: 'failure',
      rpcStatus: { code: 14, message: 'm', details: ['RetryInfo'] },
    });
  });

  test('refuse OK without a message', () => {
    const bare = { status: 0, message: '', details: undefined, body: new Uint8Array(0) };
    expect(() => outcomeOfGrpc({ ...bare, hasMessage: false }, 'traces')).toThrow(Fault);
  });
});

describe('what is sent', () => {
  test.each(
    [7, 100, 128, 16_500, 100_000].flatMap((size) => WIRES.map((wire) => [wire, size] as const)),
  )('paddedRequest(%s, %i) is a valid request of that size', (wire, size) => {
    const bytes = paddedRequest(wire, Math.max(size, 20));
    expect(bytes.length).toBe(Math.max(size, 20));
    if (wire === 'http/json') JSON.parse(Buffer.from(bytes).toString());
    else expect(decodeMessage('ExportTraceServiceRequest', bytes)).toEqual({});
  });

  test('frameOf() can lie about flag and length', () => {
    expect([...frameOf(Uint8Array.of(9), { flag: 1, length: 258 })]).toEqual([1, 0, 0, 1, 2, 9]);
  });
});

describe('the list of checks', () => {
  test('names each once, as topic.name, with somewhere to run', () => {
    const ids = CHECKS.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { id, wires, signals } of CHECKS) {
      expect(id).toMatch(/^[a-z-]+\.[a-z0-9.-]+$/);
      expect(wires.length * signals.length).toBeGreaterThan(0);
    }
  });

  test('stands in docs/conformance.md (node dist/test/conformance/main.js --list)', () => {
    const page = readFileSync(new URL('../../docs/conformance.md', import.meta.url), 'utf8');
    expect(page).toContain(renderChecks(CHECKS));
  });

  test('is rendered for people', () => {
    const base = {
      ...{ id: 'a.b', title: 'does', level: 'must' as const, sent: 's', got: 'g', durationMs: 1 },
      ...{ clause: 'C', clauseUrl: 'https://c.invalid' },
    } as const;
    const results: readonly Result[] = [
      { ...base, wire: 'grpc', signal: 'logs', verdict: 'fail' },
      { ...base, wire: 'grpc', signal: 'traces', verdict: 'pass' },
    ];
    const text = renderTerminal(results);
    expect(text).toContain('the receiver must: does');
    expect(text).toContain('1 passed, 1 failed, 0 warnings, 0 skipped');
    expect(renderResults(results)).toContain('| `a.b` | – | – | FAIL: logs · pass: traces |');
  });
});
