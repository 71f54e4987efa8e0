/** Calls to the API of a running service. */
import { AppError, messageOf } from '../base/errors.ts';

/** The answer of an HTTP call to a running service, or an AppError that says what it said. */
export async function askService(
  url: URL,
  init: RequestInit & { readonly timeoutMs: number },
): Promise<string> {
  const { timeoutMs, ...request } = init;
  const response = await fetch(url, { ...request, signal: AbortSignal.timeout(timeoutMs) }).catch(
    (cause: unknown) => {
      throw new AppError('store.unavailable', `Cannot reach ${url.origin}: ${messageOf(cause)}`, {
        cause,
      });
    },
  );
  const body = await response.text();
  if (response.ok) return body;
  const code =
    response.status === 404
      ? 'request.not_found'
      : response.status < 500
        ? 'request.invalid'
        : 'internal';
  throw new AppError(code, `Cannot get ${url.pathname}: ${response.status} ${body.slice(0, 500)}`);
}
