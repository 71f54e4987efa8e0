/**
 * Decides from the head of an HTTP request, before any of its body is read, what it is or why it is
 * refused. Pure.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { ErrorCode } from '../base/errors.ts';
import type { Signal } from '../model/vocabulary.ts';

export type Encoding = 'protobuf' | 'json';

export type Route =
  | {
      readonly kind: 'export';
      readonly signal: Signal;
      readonly encoding: Encoding;
      readonly compression: string;
      /** Announced size, or undefined for a chunked body. */
      readonly contentLength: number | undefined;
    }
  | {
      readonly kind: 'refused';
      readonly signal: Signal | 'none';
      /** Encoding of the reply: the request's, JSON when that is unknown. */
      readonly encoding: Encoding;
      readonly code: ErrorCode;
      readonly message: string;
    };

/** The paths of OTLP/HTTP, and the one that Coze Loop's SDKs use for traces. */
const SIGNAL_OF_PATH: ReadonlyMap<string, Signal> = new Map([
  ['/v1/traces', 'traces'],
  ['/v1/logs', 'logs'],
  ['/v1/metrics', 'metrics'],
  ['/v1development/profiles', 'profiles'],
  ['/v1/loop/opentelemetry/v1/traces', 'traces'],
]);

const ENCODING_OF_TYPE: ReadonlyMap<string, Encoding> = new Map([
  ['application/x-protobuf', 'protobuf'],
  ['application/json', 'json'],
]);

const SHOWN_CHARACTERS_MAX = 64;

export function signalOfUrl(url: string): Signal | undefined {
  const path = url.split('?', 1)[0]!;
  return SIGNAL_OF_PATH.get(path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path);
}

export function routeRequest(
  head: { readonly method: string; readonly url: string; readonly headers: IncomingHttpHeaders },
  options: { readonly bodyBytesMax: number },
): Route {
  const { method, url, headers } = head;
  const type = mediaTypeOf(headers['content-type'] ?? '');
  const encoding = ENCODING_OF_TYPE.get(type);
  const signal = signalOfUrl(url);
  const refused = (code: ErrorCode, message: string): Route => ({
    kind: 'refused',
    signal: signal ?? 'none',
    encoding: encoding ?? 'json',
    code,
    message,
  });
  if (signal === undefined) {
    return refused(
      'otlp.not_found',
      `Cannot find "${shown(url)}": OTLP/HTTP takes /v1/traces, /v1/logs, /v1/metrics and /v1development/profiles`,
    );
  }
  if (method !== 'POST') {
    return refused('otlp.method_not_allowed', `Cannot ${shown(method)} ${signal}: only POST works`);
  }
  if (encoding === undefined) {
    return refused(
      'otlp.unsupported_media_type',
      `Cannot read content type "${shown(type)}": give application/x-protobuf or application/json`,
    );
  }
  const contentLength = contentLengthOf(headers);
  if (contentLength !== undefined && contentLength > options.bodyBytesMax) {
    return refused('otlp.too_large', tooLargeMessage(contentLength, options.bodyBytesMax));
  }
  return {
    kind: 'export',
    signal,
    encoding,
    compression: compressionOf(headers['content-encoding'] ?? ''),
    contentLength,
  };
}

export function tooLargeMessage(sizeBytes: number, bodyBytesMax: number): string {
  return `Cannot accept a body of ${sizeBytes} bytes: the limit is ${bodyBytesMax}`;
}

/** Type and subtype in lower case, without parameters such as `; charset=utf-8`. */
function mediaTypeOf(contentType: string): string {
  return contentType.split(';', 1)[0]!.trim().toLowerCase();
}

/** `identity` is no compression; anything else is the ingestor's to know. */
function compressionOf(contentEncoding: string): string {
  const compression = contentEncoding.trim().toLowerCase();
  return compression === 'identity' ? '' : compression;
}

/** The parser of node:http has already refused anything but digits, and a length beside chunks. */
function contentLengthOf(headers: IncomingHttpHeaders): number | undefined {
  const text = headers['content-length'];
  if (text !== undefined) return Number(text);
  return headers['transfer-encoding'] === undefined ? 0 : undefined;
}

function shown(text: string): string {
  const cut = text.slice(0, SHOWN_CHARACTERS_MAX);
  return cut.length < text.length ? `${cut}…` : cut;
}
