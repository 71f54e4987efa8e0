import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { AppError, type ErrorCode } from '../../src/base/errors.ts';
import { inflateBody } from '../../src/otlp/otlp.ts';

const TEXT = Buffer.from('spans and more spans, '.repeat(200));
const LIMIT = TEXT.length;

function faultOf(run: () => unknown): { code: ErrorCode; message: string } {
  try {
    run();
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(AppError);
    const { code, message } = thrown as AppError;
    return { code, message };
  }
  throw new Error('expected a refusal');
}

describe('inflateBody()', () => {
  const BODIES: readonly [string, string | undefined, Uint8Array][] = [
    ['no compression', undefined, TEXT],
    ['an empty name', '', TEXT],
    ['identity', 'identity', TEXT],
    ['gzip', 'gzip', gzipSync(TEXT)],
    ['upper case and spaces', ' GZIP ', gzipSync(TEXT)],
    ['the old name of gzip', 'x-gzip', gzipSync(TEXT)],
    [
      'gzip of several members',
      'gzip',
      Buffer.concat([gzipSync(TEXT.subarray(0, 7)), gzipSync(''), gzipSync(TEXT.subarray(7))]),
    ],
    ['gzip padded with zeros', 'gzip', Buffer.concat([gzipSync(TEXT), Buffer.alloc(9)])],
    ['deflate with the zlib header', 'deflate', deflateSync(TEXT)],
    ['deflate without it', 'deflate', deflateRawSync(TEXT)],
  ];
  test.each(BODIES)('restores a body with %s, exactly at the limit', (_, compression, body) => {
    expect(Buffer.from(inflateBody(body, { compression, limitBytes: LIMIT })).equals(TEXT)).toBe(
      true,
    );
  });

  test.each(BODIES)('refuses a body with %s, one byte over the limit', (_, compression, body) => {
    const fault = faultOf(() => inflateBody(body, { compression, limitBytes: LIMIT - 1 }));
    expect(fault.code).toBe('otlp.too_large');
    expect(fault.message).toContain(`the limit is ${LIMIT - 1} bytes`);
  });

  test('an empty body stays empty', () => {
    const body = inflateBody(gzipSync(''), { compression: 'gzip', limitBytes: 10 });
    expect(body.length).toBe(0);
  });

  const whole = gzipSync(TEXT);
  const flipped = Buffer.from(whole);
  flipped[flipped.length - 6] = flipped[flipped.length - 6]! ^ 0xff;
  const BROKEN: readonly [string, string, Uint8Array][] = [
    ['no bytes', 'gzip', new Uint8Array(0)],
    ['plain text', 'gzip', TEXT],
    ['half of a member', 'gzip', whole.subarray(0, whole.length / 2)],
    ['a wrong checksum', 'gzip', flipped],
    ['half of a second member', 'gzip', Buffer.concat([whole, whole.subarray(0, 20)])],
    ['text behind the member', 'gzip', Buffer.concat([whole, Buffer.from('{"more":1}')])],
    ['broken deflate', 'deflate', Buffer.from([0x78, 0x9c, 0xff, 0xff])],
    ['bytes behind deflate', 'deflate', Buffer.concat([deflateSync(TEXT), Buffer.from('x')])],
  ];
  test.each(BROKEN)('refuses %s', (_, compression, body) => {
    const fault = faultOf(() => inflateBody(body, { compression, limitBytes: 1 << 20 }));
    expect(fault.code).toBe('otlp.malformed');
    expect(fault.message).toMatch(new RegExp(`^Cannot decompress the ${compression} body: `));
  });

  test.each(['zstd', 'br', 'gzip, gzip', 'snappy'])('refuses %s', (compression) => {
    const fault = faultOf(() => inflateBody(TEXT, { compression, limitBytes: 1 << 20 }));
    expect(fault.code).toBe('otlp.unsupported_encoding');
    expect(fault.message).toContain(`"${compression}"`);
  });

  const BOMB_BYTES = 256 << 20;
  const member = gzipSync(Buffer.alloc(BOMB_BYTES / 8), { level: 9 });
  const BOMBS: readonly [string, Uint8Array][] = [
    ['in one member', gzipSync(Buffer.alloc(BOMB_BYTES), { level: 9 })],
    ['in many members', Buffer.concat(Array.from({ length: 8 }, () => member))],
  ];
  test.each(BOMBS)('a bomb %s costs no more memory than the limit', (_, bomb) => {
    const limitBytes = 1 << 20;
    const before = process.memoryUsage();
    const fault = faultOf(() => inflateBody(bomb, { compression: 'gzip', limitBytes }));
    const after = process.memoryUsage();
    expect(fault.code).toBe('otlp.too_large');
    const grownBytes = after.arrayBuffers + after.external - before.arrayBuffers - before.external;
    expect(grownBytes).toBeLessThan(16 << 20);
  });
});
