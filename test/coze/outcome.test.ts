/** Outcome, error type, plugin status and target of a span; the quirks of cozeloop's senders. */
import { describe, expect, test } from 'vitest';
import { classOfCozeCode } from '../../src/coze/error-classes.ts';
import { type Attributes, normaliseOne, type SpanSpec } from './columns-of.ts';

describe('a span failed', () => {
  test.each([
    ['by its status', { status: 2 }],
    ['by the loop status 1 of JavaScript', { attributes: { 'cozeloop.status_code': 1 } }],
    ['by the loop status −1 of Python and Go', { attributes: { 'cozeloop.status_code': -1 } }],
    ['by a loop status as text', { attributes: { 'cozeloop.status_code': '429' } }],
    ['by error = true', { attributes: { error: true } }],
    ['by error = "true"', { attributes: { error: 'true' } }],
    ['by error text', { attributes: { error: 'rate limited' } }],
    ['by error as JSON', { attributes: { error: '{"type":"timeout"}' } }],
    ['by a Coze code', { attributes: { 'coze.error.code': 4009 } }],
    ['by a Coze code under HTTP 200', { attributes: { code: 700012006, 'http.status_code': 200 } }],
    ['by a Coze code under an explicit OK', { status: 1, attributes: { code: 4009 } }],
    ['by the last error', { attributes: { 'last_error.code': '4020' } }],
    [
      'by HTTP 500 of a server',
      { kind: 'server', attributes: { 'http.response.status_code': 500 } },
    ],
    [
      'by HTTP 400 of a client',
      { kind: 'client', attributes: { 'http.response.status_code': 400 } },
    ],
    ['by HTTP 503 without kind', { kind: 'unspecified', attributes: { 'http.status_code': 503 } }],
    ['by the workflow', { attributes: { execute_status: 'Fail' } }],
    ['by an error event of a stream', { events: [{ name: 'error' }] }],
    [
      'by an Error event of a workflow',
      { events: [{ name: 'Error', attributes: { error_code: 720702085 } }] },
    ],
    ['by a failed chat', { events: [{ name: 'conversation.chat.failed' }] }],
  ] as const)('%s', (_, spec) => {
    expect(normaliseOne(spec as SpanSpec).isError).toBe(true);
  });
});

describe('a span did not fail', () => {
  test.each([
    ['without any sign', {}],
    ['by an explicit OK', { status: 1 }],
    [
      'by an explicit OK over HTTP 404',
      { status: 1, kind: 'client', attributes: { 'http.response.status_code': 404 } },
    ],
    ['by loop status 0', { attributes: { 'cozeloop.status_code': 0 } }],
    ['by error = false', { attributes: { error: false } }],
    ['by error = "false"', { attributes: { error: 'false' } }],
    ['by empty error', { attributes: { error: '' } }],
    ['by code 0', { attributes: { 'coze.error.code': 0, code: 0, 'last_error.code': 0 } }],
    ['by a code that is an HTTP status', { attributes: { code: 200 } }],
    [
      'by HTTP 404 of a server',
      { kind: 'server', attributes: { 'http.response.status_code': 404 } },
    ],
    [
      'by HTTP 499 without kind',
      { kind: 'unspecified', attributes: { 'http.response.status_code': 499 } },
    ],
    [
      'by HTTP 399 of a client',
      { kind: 'client', attributes: { 'http.response.status_code': 399 } },
    ],
    ['by a workflow that succeeded', { attributes: { execute_status: 'Success' } }],
    [
      'by an exception that was handled',
      { events: [{ name: 'exception', attributes: { 'exception.type': 'E' } }] },
    ],
  ] as const)('%s', (_, spec) => {
    const span = normaliseOne(spec as SpanSpec);
    expect(span).toMatchObject({ isError: false, errorType: '' });
    expect(span.derived).not.toHaveProperty(['error.type']);
  });
});

describe('error type', () => {
  test.each([
    [
      'what the sender says',
      { status: 2, attributes: { 'error.type': 'timeout', 'exception.type': 'E' } },
      'timeout',
    ],
    [
      'the exception',
      { status: 2, attributes: { 'exception.type': 'java.net.SocketTimeoutException' } },
      'java.net.SocketTimeoutException',
    ],
    [
      'the exception of an event',
      {
        status: 2,
        events: [{ name: 'exception', attributes: { 'exception.type': '*errors.errorString' } }],
      },
      '*errors.errorString',
    ],
    ['the class of a Coze code', { attributes: { code: 4009 } }, 'rate_limit'],
    ['the exception before the code', { attributes: { code: 4009, 'exception.type': 'E' } }, 'E'],
    ['timeout by the message', { status: 2, message: 'context deadline exceeded' }, 'timeout'],
    ['timeout in Chinese', { status: 2, message: '调用超时' }, 'timeout'],
    [
      'the HTTP status',
      { kind: 'server', attributes: { 'http.response.status_code': 503 } },
      '503',
    ],
    [
      'a message in place of a type (Java)',
      { status: 2, attributes: { 'error.type': 'connection refused by peer' } },
      '',
    ],
    ['nothing', { status: 2, message: 'boom' }, ''],
    ['a code nobody knows', { attributes: { 'coze.error.code': 99_999 } }, ''],
  ] as const)('%s', (_, spec, errorType) => {
    expect(normaliseOne(spec as SpanSpec).errorType).toBe(errorType);
  });

  test.each([
    [4000, {}, 'client.bad_request'],
    [4008, {}, 'quota'],
    [4010, {}, 'llm.context_overflow'],
    [4028, {}, 'quota.balance'],
    [4013, { message: 'model error' }, 'llm.error'],
    [4013, { message: 'rate limit reached' }, 'rate_limit'],
    [4013, { message: '请求过于频繁' }, 'rate_limit'],
    [4013, { httpStatus: 429 }, 'rate_limit'],
    [4014, {}, 'llm.refused'],
    [4016, {}, 'concurrency'],
    [4100, {}, 'auth'],
    [700_012_006, {}, 'auth'],
    [4102, {}, 'policy'],
    [4315, {}, 'client.file'],
    [5000, {}, 'platform'],
    [6023, {}, 'workflow'],
    [702_093_018, {}, 'rate_limit.plugin'],
    [720_701_002, {}, 'plugin.timeout'],
    [720_702_085, {}, 'workflow.node.timeout'],
    [720_711_011, {}, 'plugin.offline'],
    [777_777_776, {}, 'workflow.timeout'],
    [777_777_777, {}, 'cancelled'],
    [109_000_013, {}, 'plugin.oauth'],
    [3999, {}, undefined],
    [109_000_022, {}, undefined],
  ] as const)('code %d %j is %s', (code, context, errorClass) => {
    expect(classOfCozeCode(code, { message: '', ...context })).toBe(errorClass);
  });
});

describe('plugin status', () => {
  const tool = { 'gen_ai.operation.name': 'execute_tool' };
  test.each([
    ['success', {}],
    ['timeout', { status: 2, message: 'request timed out' }],
    ['rejected', { status: 2, message: 'circuit breaker is open' }],
    ['fail', { status: 2, message: 'boom' }],
    ['fail', { attributes: { ...tool, code: 720_701_004 } }],
  ] as const)('%s of %j', (status, spec) => {
    const span = normaliseOne({ attributes: tool, ...(spec as SpanSpec) });
    expect(span.derived['coze.plugin.status']).toBe(status);
  });
});

describe('target', () => {
  test.each([
    [
      'database',
      'client',
      { 'db.system.name': 'postgresql', 'server.address': 'orders-db', 'server.port': 5432 },
      'db postgresql orders-db:5432',
    ],
    [
      'database by its name',
      'client',
      { 'db.system': 'mysql', 'db.name': 'orders' },
      'db mysql orders',
    ],
    ['database alone', 'client', { 'db.system': 'mysql' }, 'db mysql'],
    [
      'cache',
      'client',
      { 'db.system': 'redis', 'net.peer.name': 'cache', 'net.peer.port': '6379' },
      'cache redis cache:6379',
    ],
    [
      'queue',
      'producer',
      {
        'messaging.system': 'kafka',
        'messaging.destination.name': 'orders',
        'server.address': 'k1',
      },
      'mq kafka orders',
    ],
    [
      'HTTP host',
      'client',
      { 'http.method': 'GET', 'server.address': 'api.weather.example', 'server.port': 443 },
      'http api.weather.example',
    ],
    [
      'HTTP host with port',
      'client',
      { 'http.method': 'GET', 'server.address': 'plugin', 'server.port': 8080 },
      'http plugin:8080',
    ],
    [
      'HTTP URL',
      'client',
      { 'url.full': 'https://user:secret@API.weather.example:8443/v1?q=1' },
      'http api.weather.example:8443',
    ],
    [
      'HTTP URL, default port',
      'client',
      { 'http.url': 'https://api.weather.example:443/' },
      'http api.weather.example',
    ],
    [
      'URL without kind',
      'unspecified',
      { 'http.method': 'GET', 'net.peer.name': 'h', 'http.url': 'http://h/x' },
      'http h',
    ],
    [
      'RPC peer',
      'client',
      { 'rpc.system': 'grpc', 'rpc.service': 'shop.Cart', 'peer.service': 'cart' },
      'rpc cart',
    ],
    [
      'RPC service',
      'client',
      { 'rpc.system': 'grpc', 'rpc.service': 'shop.Cart', 'server.address': '10.0.0.7' },
      'rpc shop.Cart',
    ],
    ['DNS', 'client', { 'dns.question.name': 'api.coze.cn' }, 'dns api.coze.cn'],
    ['peer only', 'client', { 'peer.service': 'billing' }, 'billing'],
    ['nothing known', 'client', {}, ''],
    [
      'a server calls nothing',
      'server',
      { 'server.address': 'me', 'http.request.method': 'GET' },
      '',
    ],
    ['own work calls nothing', 'internal', { 'server.address': 'me' }, ''],
    ['a URL without host', 'client', { 'url.full': '/relative' }, ''],
  ] as const)('%s', (_, kind, attributes, target) => {
    expect(normaliseOne({ kind, attributes: attributes as Attributes }).target).toBe(target);
  });
});

describe('quirks of cozeloop’s senders', () => {
  test('1: status 2 without any error attribute is an error', () => {
    expect(normaliseOne({ status: 2 }).isError).toBe(true);
  });
  test('2: error.type, error.message and error keep their meaning', () => {
    const span = normaliseOne({
      attributes: { error: true, 'error.type': 'timeout', 'error.message': 'slow', toolbox: 'x' },
    });
    expect(span).toMatchObject({ isError: true, errorType: 'timeout', derived: {} });
  });
  test('3: langchain writes text tokens, elapsed ms and class names', () => {
    const span = normaliseOne({
      attributes: {
        'gen_ai.operation.name': 'chat',
        'gen_ai.request.model': 'ChatOpenAI',
        'gen_ai.system': 'ChatOpenAI',
        'gen_ai.usage.input_tokens': '5',
        'gen_ai.usage.output_tokens': '7',
        'gen_ai.usage.total_tokens': '12',
        'cozeloop.start_time_first_resp': '289',
      },
      resource: { 'service.name': 'unknown_service:/usr/bin/node' },
    });
    expect(span.derived).toEqual({
      'gen_ai.provider.name': 'ChatOpenAI',
      'gen_ai.usage.input_tokens': 5,
      'gen_ai.usage.output_tokens': 7,
      'coze.usage.total_tokens': 12,
      'gen_ai.response.time_to_first_chunk': 0.289,
    });
  });
  test('4: Java writes the message into error.type', () => {
    const span = normaliseOne({
      status: 2,
      attributes: { 'error.type': 'Read timed out after 3000 ms', 'llm.model_name': 'doubao' },
    });
    expect(span.errorType).toBe('timeout');
    expect(span.derived).toMatchObject({
      'error.message': 'Read timed out after 3000 ms',
      'error.type': 'timeout',
      'gen_ai.request.model': 'doubao',
    });
  });
  test('5: VeADK names tool input and output its own way', () => {
    const span = normaliseOne({
      attributes: { 'gen_ai.tool.input': '{"a":1}', 'gen_ai.tool.output': '2' },
    });
    expect(span.derived).toEqual({
      'gen_ai.tool.call.arguments': '{"a":1}',
      'gen_ai.tool.call.result': '2',
    });
  });
  test.each([1, -1, 429])('6: loop status %d is an error', (status) => {
    const span = normaliseOne({ attributes: { 'cozeloop.status_code': status } });
    expect(span.isError).toBe(true);
    expect('coze.error.code' in span.derived).toBe(status === 429);
  });
  test('7: zero is a number, absent is not', () => {
    expect(normaliseOne({ attributes: { input_tokens: 0 } }).derived).toMatchObject({
      'gen_ai.usage.input_tokens': 0,
    });
    expect(normaliseOne({ attributes: {} }).derived).toEqual({});
  });
});
