/**
 * Targets of probes: what a rule may write, and how it becomes a URL or PromQL. Only two placeholders exist,
 * both filled from the configuration; no text of telemetry ever enters a target.
 */
import { AppError } from '../base/errors.ts';

const DEBUG_URL = '{{service.debug_url}}';
const PROM_SELECTOR = '{{service.prom_selector}}';

/** `{{service.debug_url}}/path?query`. Throws `rule.invalid`. */
export function assertHttpTarget(target: string): void {
  if (!target.startsWith(`${DEBUG_URL}/`)) {
    throw refused(target, `it must begin with ${DEBUG_URL}/`);
  }
  assertServicePath(target.slice(DEBUG_URL.length));
}

/** PromQL that holds no placeholder but the service's selector. Throws `rule.invalid`. */
export function assertPromTarget(target: string): void {
  if (target.replaceAll(PROM_SELECTOR, '').includes('{{')) {
    throw refused(target, `only ${PROM_SELECTOR} may stand in double braces`);
  }
}

/** Path and query of an http target. */
export function httpPathOf(target: string): string {
  assertHttpTarget(target);
  return target.slice(DEBUG_URL.length);
}

/** PromQL for one service; undefined when it needs a selector and none is registered. */
export function promQueryOf(target: string, promSelector: string | undefined): string | undefined {
  assertPromTarget(target);
  if (!target.includes(PROM_SELECTOR)) return target;
  return promSelector === undefined ? undefined : target.replaceAll(PROM_SELECTOR, promSelector);
}

/**
 * A path that cannot leave its service: absolute, no second host, no climbing, plain characters.
 * Throws `rule.invalid`.
 */
export function assertServicePath(path: string): void {
  if (!/^\/[\w\-.~%!$&'()*+,;=:@/?]*$/.test(path) || path.startsWith('//')) {
    throw refused(path, 'it must be a path of plain URL characters that begins with one slash');
  }
  const [pathname = ''] = path.split('?', 1);
  if (pathname.split('/').some(isClimbing)) throw refused(path, 'it must not climb out with ".."');
}

/** URL of a registered service: its base and a path below it. Throws `probe.target_not_allowed`. */
export function serviceUrl(debugUrl: string, path: string): URL {
  assertServicePath(path);
  const base = new URL(debugUrl);
  const url = new URL(`${base.origin}${base.pathname.replace(/\/$/, '')}${path}`);
  const isBelow = url.pathname.startsWith(base.pathname.replace(/\/$/, '/'));
  if (url.origin !== base.origin || !isBelow || url.username !== '' || url.password !== '') {
    throw new AppError(
      'probe.target_not_allowed',
      `Cannot ask "${path}": it leaves the registered service`,
      {
        offendingValue: path,
      },
    );
  }
  return url;
}

function isClimbing(segment: string): boolean {
  // %2e is a dot, and encoded slashes or backslashes would make segments of their own.
  return /^(?:\.|%2e){1,2}$/i.test(segment) || /%2f|%5c|%00/i.test(segment);
}

function refused(target: string, reason: string): AppError {
  return new AppError(
    'rule.invalid',
    `Cannot use probe target "${target.slice(0, 120)}": ${reason}`,
    {
      offendingValue: target.slice(0, 120),
    },
  );
}

/** One argument of a POSIX shell. */
export function shellQuote(argument: string): string {
  return `'${argument.replaceAll("'", `'\\''`)}'`;
}
