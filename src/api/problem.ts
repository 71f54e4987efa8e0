/** Failures as problem documents (RFC 9457): every refused request names the value and the bound. */
import type { ErrorRequestHandler, Response } from 'express';
import type { z } from 'zod';
import { AppError, ERROR_CATALOGUE, isAppError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import type { Problem } from './answers.ts';

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad request',
  403: 'Forbidden',
  404: 'Not found',
  405: 'Method not allowed',
  413: 'Content too large',
  415: 'Unsupported media type',
  429: 'Too many requests',
  500: 'Internal error',
  502: 'Bad gateway',
  503: 'Unavailable',
  504: 'Timeout',
};

export function problemOf(error: AppError): Problem {
  const status = ERROR_CATALOGUE[error.code].http;
  return {
    type: `urn:taproot:error:${error.code}`,
    title: TITLES[status] ?? 'Error',
    status,
    detail: error.message,
    code: error.code,
    ...(error.offendingValue === undefined ? {} : { value: error.offendingValue }),
  };
}

export function sendProblem(response: Response, error: AppError): void {
  const problem = problemOf(error);
  if (ERROR_CATALOGUE[error.code].isRetryable) {
    response.set('Retry-After', String(LIMITS.retryAfterSeconds));
  }
  response
    .status(problem.status)
    .type('application/problem+json')
    .send(`${JSON.stringify(problem)}\n`);
}

/** Last in the chain: turns whatever was thrown into a problem; the unexpected is logged and not shown. */
export function createErrorHandler(log: Log): ErrorRequestHandler {
  return (thrown: unknown, request, response, next) => {
    if (response.headersSent) {
      next(thrown);
      return;
    }
    const error = asAppError(thrown);
    if (error.code === 'internal') {
      log.error({ err: thrown, method: request.method, path: request.path }, 'request failed');
    }
    sendProblem(response, error);
  };
}

function asAppError(thrown: unknown): AppError {
  if (isAppError(thrown)) return thrown;
  const { status, type } = httpErrorOf(thrown);
  if (type === 'entity.too.large') {
    return new AppError(
      'request.too_large',
      `Cannot read request: its body is larger than ${LIMITS.apiBodyBytesMax} bytes`,
    );
  }
  if (type === 'entity.parse.failed') {
    return new AppError('request.invalid', 'Cannot read request: its body is not valid JSON');
  }
  if (status === 415) {
    return new AppError(
      'request.unsupported_media_type',
      'Cannot read request: give UTF-8 JSON, plain or gzip, deflate or br',
    );
  }
  if (status !== undefined && status >= 400 && status < 500) {
    return new AppError('request.invalid', 'Cannot read request: it is malformed');
  }
  return new AppError('internal', 'Cannot answer the request: unexpected failure, see the log', {
    cause: thrown,
  });
}

/** What Express and its body parser put on their errors. */
function httpErrorOf(thrown: unknown): { readonly status?: number; readonly type?: string } {
  if (typeof thrown !== 'object' || thrown === null) return {};
  return {
    ...('status' in thrown && typeof thrown.status === 'number' ? { status: thrown.status } : {}),
    ...('type' in thrown && typeof thrown.type === 'string' ? { type: thrown.type } : {}),
  };
}

/** Accepts outside data or throws `request.invalid` that names the field, what is wrong, and the value. */
export function parseInput<Schema extends z.ZodType>(
  schema: Schema,
  input: { readonly part: 'path' | 'query' | 'body'; readonly value: unknown },
): z.output<Schema> {
  const parsed = schema.safeParse(input.value);
  if (parsed.success) return parsed.data;
  const issue = deepestIssue(parsed.error.issues);
  const field = issue.path.map(String).join('.');
  const value = shownValue(input.value, issue.path);
  throw new AppError(
    'request.invalid',
    `Cannot read ${input.part}${field ? ` "${field}"` : ''}: ${issue.message}${value === undefined ? '' : `, got ${value}`}`,
    value === undefined ? {} : { offendingValue: value },
  );
}

interface Issue {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** Of a union's branches the one that came furthest says best what is wrong. */
function deepestIssue(issues: readonly z.core.$ZodIssue[]): Issue {
  let deepest: Issue = { path: [], message: 'invalid' };
  for (const issue of issues) {
    const candidates: Issue[] =
      issue.code === 'invalid_union' && issue.errors.length > 0
        ? issue.errors
            .filter((branch) => branch.length > 0)
            .map((branch) => {
              const inner = deepestIssue(branch);
              return { path: [...issue.path, ...inner.path], message: inner.message };
            })
        : [issue];
    for (const candidate of candidates) {
      if (deepest.message === 'invalid' || candidate.path.length > deepest.path.length) {
        deepest = candidate;
      }
    }
  }
  return deepest;
}

const SHOWN_CHARS_MAX = 80;

function shownValue(root: unknown, path: readonly PropertyKey[]): string | undefined {
  let value = root;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key]; // an own property, checked above
  }
  if (typeof value === 'object' || value === undefined) return undefined;
  return JSON.stringify(value)?.slice(0, SHOWN_CHARS_MAX);
}
