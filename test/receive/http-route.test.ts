/** routeRequest: what the head of a request means, or why it is refused. */
import type { IncomingHttpHeaders } from 'node:http';
import { describe, expect, test } from 'vitest';
import { routeRequest } from '../../src/receive/http-route.ts';

const LIMIT = { bodyBytesMax: 1000 };
const PROTOBUF = { 'content-type': 'application/x-protobuf', 'content-length': '10' };

function route(head: { method?: string; url?: string; headers?: IncomingHttpHeaders }) {
  return routeRequest({ method: 'POST', url: '/v1/traces', headers: PROTOBUF, ...head }, LIMIT);
}

describe('routeRequest() admits', () => {
  test.each([
    ['/v1/traces', 'traces'],
    ['/v1/logs', 'logs'],
    ['/v1/metrics', 'metrics'],
    ['/v1development/profiles', 'profiles'],
    ['/v1/traces/', 'traces'],
    ['/v1/traces?x=1', 'traces'],
    ['/v1/loop/opentelemetry/v1/traces', 'traces'],
  ])('%s as %s', (url, signal) => {
    expect(route({ url })).toMatchObject({ kind: 'export', signal, encoding: 'protobuf' });
  });

  test.each([
    ['application/x-protobuf', 'protobuf'],
    ['application/json', 'json'],
    ['Application/JSON; charset=utf-8', 'json'],
    [' application/x-protobuf ;a=b', 'protobuf'],
  ])('content type %j as %s', (type, encoding) => {
    expect(route({ headers: { ...PROTOBUF, 'content-type': type } })).toMatchObject({ encoding });
  });

  test.each([
    [undefined, ''],
    ['', ''],
    ['identity', ''],
    ['gzip', 'gzip'],
    [' GZIP ', 'gzip'],
    ['gzip, gzip', 'gzip, gzip'],
    ['zstd', 'zstd'],
  ])('content encoding %j as %j', (encoding, compression) => {
    const headers =
      encoding === undefined ? PROTOBUF : { ...PROTOBUF, 'content-encoding': encoding };
    expect(route({ headers })).toMatchObject({ compression });
  });

  test.each<[string, IncomingHttpHeaders, number | undefined]>([
    ['a length', { 'content-length': '1000' }, 1000],
    ['no length and no chunks: no body', {}, 0],
    ['chunks', { 'transfer-encoding': 'chunked' }, undefined],
  ])('%s', (_, headers, contentLength) => {
    const all = { 'content-type': 'application/json', ...headers };
    expect(route({ headers: all })).toMatchObject({ kind: 'export', contentLength });
  });
});

describe('routeRequest() refuses', () => {
  test.each<[string, Parameters<typeof route>[0], string, RegExp]>([
    ['an unknown path', { url: '/v1/profiles' }, 'otlp.not_found', /"\/v1\/profiles"/],
    ['the root', { url: '/' }, 'otlp.not_found', /"\/"/],
    ['two slashes at the end', { url: '/v1/traces//' }, 'otlp.not_found', /traces/],
    ['another case', { url: '/V1/Traces' }, 'otlp.not_found', /V1/],
    ['a path that climbs', { url: '/v1/traces/../logs' }, 'otlp.not_found', /\.\./],
    ['GET', { method: 'GET' }, 'otlp.method_not_allowed', /GET.*POST/],
    ['OPTIONS without CORS', { method: 'OPTIONS' }, 'otlp.method_not_allowed', /OPTIONS/],
    ['no type', { headers: { 'content-length': '1' } }, 'otlp.unsupported_media_type', /""/],
    [
      'text',
      { headers: { ...PROTOBUF, 'content-type': 'text/plain' } },
      'otlp.unsupported_media_type',
      /text\/plain/,
    ],
    [
      'a type that only begins well',
      { headers: { ...PROTOBUF, 'content-type': 'application/jsonp' } },
      'otlp.unsupported_media_type',
      /jsonp/,
    ],
    [
      'a length over the limit',
      { headers: { ...PROTOBUF, 'content-length': '1001' } },
      'otlp.too_large',
      /1001 bytes.*1000/,
    ],
    [
      'a length beyond all numbers',
      { headers: { ...PROTOBUF, 'content-length': '9'.repeat(400) } },
      'otlp.too_large',
      /Infinity/,
    ],
  ])('%s', (_, head, code, message) => {
    const refused = route(head);
    expect(refused).toMatchObject({ kind: 'refused', code });
    expect(refused.kind === 'refused' && refused.message).toMatch(message);
  });

  test('in the encoding of the request, JSON when that is unknown', () => {
    expect(route({ url: '/x' })).toMatchObject({ encoding: 'protobuf', signal: 'none' });
    expect(route({ headers: {} })).toMatchObject({ encoding: 'json', signal: 'traces' });
  });

  test('with a shortened path', () => {
    const refused = route({ url: `/${'x'.repeat(10_000)}` });
    expect(refused.kind === 'refused' && refused.message.length).toBeLessThan(300);
  });
});
