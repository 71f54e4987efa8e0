/** What protects a browser's user: headers of every answer, and refusal of requests that other sites make. */
import type { RequestHandler } from 'express';
import { AppError } from '../base/errors.ts';
import { PAGE_POLICY } from '../base/page.ts';
import { sendProblem } from './problem.ts';

export const securityHeaders: RequestHandler = (_request, response, next) => {
  response.set({
    'Content-Security-Policy': `${PAGE_POLICY}; frame-ancestors 'none'`,
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': 'DENY',
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Cache-Control': 'no-store',
  });
  next();
};

const LOOPBACK_NAME = /^(localhost|[\w-]+\.localhost|127(\.\d{1,3}){3}|\[::1\])$/i;

/**
 * While the API listens on loopback only, a foreign name in Host is a page that had its own name resolve to
 * this machine (DNS rebinding). publicUrl allows the name of a proxy in front.
 */
export function createHostGuard(options: {
  readonly host: string;
  readonly publicUrl?: string | undefined;
}): RequestHandler {
  const isLoopback = LOOPBACK_NAME.test(options.host) || options.host === '::1';
  const publicName =
    options.publicUrl === undefined ? undefined : new URL(options.publicUrl).hostname;
  return (request, response, next) => {
    const name = request.headers.host?.replace(/:\d+$/, '') ?? '';
    if (!isLoopback || LOOPBACK_NAME.test(name) || name === publicName) {
      next();
      return;
    }
    sendProblem(
      response,
      new AppError(
        'request.forbidden',
        `Cannot serve host "${name.slice(0, 64)}": the API listens on loopback; set publicUrl for a proxy`,
        { offendingValue: name.slice(0, 64) },
      ),
    );
  };
}

/** A request that changes something must not come from another site's page. Programs send no Origin. */
export const originGuard: RequestHandler = (request, response, next) => {
  const { origin, host } = request.headers;
  const isForeign =
    request.headers['sec-fetch-site'] === 'cross-site' ||
    (origin !== undefined && hostOf(origin) !== host);
  if (request.method === 'GET' || request.method === 'HEAD' || !isForeign) {
    next();
    return;
  }
  sendProblem(
    response,
    new AppError(
      'request.forbidden',
      'Cannot accept request: it comes from a page of another site',
    ),
  );
};

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}
