/** Decompression of request bodies, never past the limit: a bomb costs no more memory than the limit. */
import { gunzipSync, inflateRawSync, inflateSync, type ZlibOptions } from 'node:zlib';
import { AppError, messageOf } from '../base/errors.ts';

/** Output grows by pieces of this size: large enough for speed, small enough for a tiny request. */
const CHUNK_BYTES_MAX = 512 * 1024;
const CHUNK_BYTES_MIN = 16 * 1024;

/**
 * The body as sent before compression. `compression` is a Content-Encoding or grpc-encoding: gzip (also of
 * several members), deflate, identity or none. Throws otlp.unsupported_encoding, otlp.too_large,
 * otlp.malformed.
 */
export function inflateBody(
  body: Uint8Array,
  options: { readonly compression: string | undefined; readonly limitBytes: number },
): Uint8Array {
  const { limitBytes } = options;
  const compression = (options.compression ?? '').trim().toLowerCase();
  switch (compression) {
    case '':
    case 'identity':
      if (body.length > limitBytes) throw tooLarge(limitBytes, `${body.length} bytes`);
      return body;
    case 'gzip':
    case 'x-gzip': // RFC 9110, 8.4.1.3: the same.
      return inflate(body, { name: 'gzip', run: gunzipSync, limitBytes });
    case 'deflate':
      // RFC 9110 means zlib; some senders omit its header.
      return inflate(body, {
        name: 'deflate',
        run: hasZlibHeader(body) ? inflateSync : inflateRawSync,
        limitBytes,
      });
    default:
      throw new AppError(
        'otlp.unsupported_encoding',
        `Cannot read a body compressed with "${compression.slice(0, 64)}": send gzip, deflate or none`,
        { offendingValue: compression.slice(0, 64) },
      );
  }
}

interface Inflater {
  readonly name: string;
  readonly run: (body: Uint8Array, options: ZlibOptions) => unknown;
  readonly limitBytes: number;
}

function inflate(body: Uint8Array, { name, run, limitBytes }: Inflater): Uint8Array {
  const chunkSize = Math.min(CHUNK_BYTES_MAX, Math.max(CHUNK_BYTES_MIN, 8 * body.length));
  let result: InflateResult;
  try {
    // With `info` Node returns the engine as well, whose types do not say so.
    const options = { maxOutputLength: limitBytes, chunkSize, info: true };
    result = run(body, options) as InflateResult;
  } catch (thrown) {
    if (isTooLarge(thrown)) throw tooLarge(limitBytes, 'more once decompressed');
    throw malformed(name, messageOf(thrown), thrown);
  }
  const readBytes = result.engine.bytesWritten;
  // Zeros may pad the last member; anything else behind it would be dropped in silence.
  for (let index = readBytes; index < body.length; index++) {
    if (body[index] !== 0) {
      throw malformed(name, `${body.length - readBytes} bytes follow the compressed data`);
    }
  }
  return result.buffer;
}

interface InflateResult {
  readonly buffer: Uint8Array;
  /** bytesWritten counts the compressed bytes that were consumed. */
  readonly engine: { readonly bytesWritten: number };
}

/** RFC 1950, 2.2: method 8, and the two bytes as a number divisible by 31. */
function hasZlibHeader(body: Uint8Array): boolean {
  const [method = 0, flags = 0] = body;
  return (method & 0x0f) === 8 && ((method << 8) | flags) % 31 === 0;
}

function isTooLarge(thrown: unknown): boolean {
  return thrown instanceof RangeError && 'code' in thrown && thrown.code === 'ERR_BUFFER_TOO_LARGE';
}

function tooLarge(limitBytes: number, found: string): AppError {
  return new AppError(
    'otlp.too_large',
    `Cannot accept the body: it has ${found}, the limit is ${limitBytes} bytes after decompression`,
  );
}

function malformed(name: string, what: string, cause?: unknown): AppError {
  return new AppError('otlp.malformed', `Cannot decompress the ${name} body: ${what}`, { cause });
}
