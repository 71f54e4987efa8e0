/** CORS for browser SDKs: off unless origins are configured, and only for those. Pure. */
import type { IncomingHttpHeaders } from 'node:http';

/** Longest list of header names that a preflight is granted. */
const HEADER_NAMES_LENGTH_MAX = 1024;
const PREFLIGHT_SECONDS = 7200;

/** Headers of every reply to this sender; empty when its origin is not configured. */
export function corsHeaders(
  origin: string | undefined,
  allowedOrigins: readonly string[],
): Readonly<Record<string, string>> {
  if (origin === undefined || allowedOrigins.length === 0) return {};
  if (allowedOrigins.includes('*')) return { 'access-control-allow-origin': '*' };
  if (!allowedOrigins.includes(origin)) return { vary: 'Origin' };
  return { 'access-control-allow-origin': origin, vary: 'Origin' };
}

/** Headers of the reply to a preflight, or undefined when the request is none or may not pass. */
export function preflightHeaders(
  head: { readonly method: string; readonly headers: IncomingHttpHeaders },
  allowedOrigins: readonly string[],
): Readonly<Record<string, string>> | undefined {
  const { method, headers } = head;
  if (method !== 'OPTIONS' || headers['access-control-request-method'] === undefined) {
    return undefined;
  }
  const granted = corsHeaders(headers.origin, allowedOrigins);
  if (!('access-control-allow-origin' in granted)) return undefined;
  return {
    ...granted,
    'access-control-allow-methods': 'POST',
    'access-control-allow-headers': grantedHeaderNames(headers['access-control-request-headers']),
    'access-control-max-age': String(PREFLIGHT_SECONDS),
  };
}

/** The names asked for, when they are plain header names; else those that OTLP needs. */
function grantedHeaderNames(asked: string | undefined): string {
  const isPlain =
    asked !== undefined &&
    asked.length <= HEADER_NAMES_LENGTH_MAX &&
    /^[\w!#$%&'*+.^`|~-]+(?:, ?[\w!#$%&'*+.^`|~-]+)*$/.test(asked);
  return isPlain ? asked : 'content-type, content-encoding';
}
