/** CORS: off by default, only configured origins, preflights. */
import { describe, expect, test } from 'vitest';
import { corsHeaders, preflightHeaders } from '../../src/receive/cors.ts';

const ALLOWED = ['https://bots.example'];

describe('corsHeaders()', () => {
  test.each([
    { name: 'off by default', origin: ALLOWED[0], allowed: [], want: {} },
    { name: 'no browser', origin: undefined, allowed: ALLOWED, want: {} },
    {
      name: 'another origin',
      origin: 'https://evil.example',
      allowed: ALLOWED,
      want: { vary: 'Origin' },
    },
    {
      name: 'a longer host',
      origin: 'https://bots.example.evil',
      allowed: ALLOWED,
      want: { vary: 'Origin' },
    },
    { name: 'the null origin', origin: 'null', allowed: ALLOWED, want: { vary: 'Origin' } },
    {
      name: 'a configured origin',
      origin: ALLOWED[0],
      allowed: ALLOWED,
      want: { 'access-control-allow-origin': ALLOWED[0], vary: 'Origin' },
    },
    {
      name: 'any origin',
      origin: 'https://x',
      allowed: ['*'],
      want: { 'access-control-allow-origin': '*' },
    },
  ])('$name', ({ origin, allowed, want }) => {
    expect(corsHeaders(origin, allowed)).toEqual(want);
  });
});

describe('preflightHeaders()', () => {
  const headers = { origin: ALLOWED[0]!, 'access-control-request-method': 'POST' };

  test('grants a configured origin the headers it asks for', () => {
    const asked = { ...headers, 'access-control-request-headers': 'content-type, x-key' };
    expect(preflightHeaders({ method: 'OPTIONS', headers: asked }, ALLOWED)).toMatchObject({
      'access-control-allow-origin': ALLOWED[0],
      'access-control-allow-methods': 'POST',
      'access-control-allow-headers': 'content-type, x-key',
    });
  });

  test.each([
    ['nothing asked', undefined],
    ['no header names', 'a b c'],
    ['too many', 'x,'.repeat(2000)],
    ['line breaks', 'x\r\nset-cookie: y'],
  ])('grants only the usual headers: %s', (_, asked) => {
    const all =
      asked === undefined ? headers : { ...headers, 'access-control-request-headers': asked };
    expect(preflightHeaders({ method: 'OPTIONS', headers: all }, ALLOWED)).toMatchObject({
      'access-control-allow-headers': 'content-type, content-encoding',
    });
  });

  test.each([
    ['POST is no preflight', 'POST', headers, ALLOWED],
    ['a plain OPTIONS is none', 'OPTIONS', { origin: ALLOWED[0]! }, ALLOWED],
    ['another origin', 'OPTIONS', { ...headers, origin: 'https://evil.example' }, ALLOWED],
    ['CORS is off', 'OPTIONS', headers, []],
  ])('undefined: %s', (_, method, given, allowed) => {
    expect(preflightHeaders({ method, headers: given }, allowed)).toBeUndefined();
  });
});
