/**
 * What a route is: its place, what it accepts, what it answers, and the function behind it. One table of these
 * makes both the Express application and the OpenAPI document.
 */
import type { Request, Response } from 'express';
import { z } from 'zod';
import { AppError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { parseTime, type TimeRange, US_PER_DAY } from '../base/time.ts';
import type { Language } from '../model/text.ts';
import type { ApiBackend, ApiOptions } from './contract.ts';
import type { EventStreams } from './event-stream.ts';
import { parseInput } from './problem.ts';

export interface ApiContext {
  readonly backend: ApiBackend;
  readonly config: ApiOptions['config'];
  readonly streams: EventStreams;
  /** The OpenAPI document, made once. */
  readonly document: () => object;
}

/** What a route answers; `sent` when it has written the response itself. */
export type Answer =
  | { readonly kind: 'json'; readonly status: number; readonly body: unknown }
  | {
      readonly kind: 'text';
      readonly status: number;
      readonly contentType: string;
      readonly body: string;
    }
  | { readonly kind: 'sent' };

export interface AnswerSpec {
  readonly description: string;
  /** Content type → schema of the body; undefined for text of any form. */
  readonly content: Readonly<Record<string, z.ZodType | undefined>>;
}

export interface Route {
  readonly method: 'get' | 'post' | 'delete';
  /** Express syntax: /api/v1/reports/:id. */
  readonly path: string;
  readonly summary: string;
  readonly params: z.ZodObject;
  readonly query: z.ZodObject;
  readonly body: z.ZodType | undefined;
  readonly answers: Readonly<Record<number, AnswerSpec>>;
  handle(http: HttpExchange, context: ApiContext): Answer | Promise<Answer>;
}

export interface HttpExchange {
  readonly request: Request;
  readonly response: Response;
}

interface RouteSpec<Params extends z.ZodObject, Query extends z.ZodObject, Body extends z.ZodType> {
  readonly summary: string;
  readonly params?: Params;
  readonly query?: Query;
  readonly body?: Body;
  readonly answers: Readonly<Record<number, AnswerSpec>>;
  run(
    input: {
      readonly params: z.output<Params>;
      readonly query: z.output<Query>;
      readonly body: z.output<Body>;
      readonly http: HttpExchange;
    },
    context: ApiContext,
  ): Answer | Promise<Answer>;
}

const NOTHING = z.strictObject({});
const METHODS = { GET: 'get', POST: 'post', DELETE: 'delete' } as const;

/** `place` is method and path: `GET /api/v1/reports`. Inputs are validated before `run` sees them. */
export function defineRoute<
  Params extends z.ZodObject = typeof NOTHING,
  Query extends z.ZodObject = typeof NOTHING,
  Body extends z.ZodType = z.ZodUndefined,
>(place: `${'GET' | 'POST' | 'DELETE'} /${string}`, spec: RouteSpec<Params, Query, Body>): Route {
  // By the type of `place`.
  const [method, path] = place.split(' ') as ['GET' | 'POST' | 'DELETE', string];
  return {
    method: METHODS[method],
    path,
    summary: spec.summary,
    params: spec.params ?? NOTHING,
    query: spec.query ?? NOTHING,
    body: spec.body,
    answers: spec.answers,
    handle(http, context) {
      const { request } = http;
      // Without a schema of its own a part is empty, and so is its type.
      const params = parseInput(spec.params ?? NOTHING, { part: 'path', value: request.params });
      const query = parseInput(spec.query ?? NOTHING, { part: 'query', value: request.query });
      const body = spec.body
        ? parseInput(spec.body, { part: 'body', value: readBody(request) })
        : undefined;
      return spec.run(
        {
          params: params as z.output<Params>,
          query: query as z.output<Query>,
          body: body as z.output<Body>,
          http,
        },
        context,
      );
    },
  };
}

function readBody(request: Request): unknown {
  if (request.body === undefined && !request.is('json')) {
    throw new AppError(
      'request.unsupported_media_type',
      'Cannot read request: give a body with Content-Type application/json',
    );
  }
  return request.body;
}

export function json(body: unknown, status = 200): Answer {
  return { kind: 'json', status, body };
}

export function answerOf(description: string, schema: z.ZodType): AnswerSpec {
  return { description, content: { 'application/json': schema } };
}

/** 9999-12-31: what RFC 3339 can write. */
const TIME_US_MAX = 253_402_300_799_000_000;

/** A time as users give it; throws `request.invalid`, also for times that RFC 3339 cannot write. */
export function timeOf(given: string | number, nowUs: number): number {
  const timeUs = parseTime(String(given), nowUs);
  if (timeUs < 0 || timeUs > TIME_US_MAX) {
    const value = String(given).slice(0, 64);
    throw new AppError(
      'request.invalid',
      `Cannot use time "${value}": it lies outside 1970 to 9999`,
      {
        offendingValue: value,
      },
    );
  }
  return timeUs;
}

/** The range of a query: `to` defaults to now, `from` to `defaultUs` before `to`. */
export function rangeOf(
  query: { readonly from?: string | number | undefined; readonly to?: string | number | undefined },
  options: { readonly nowUs: number; readonly defaultUs: number },
): TimeRange {
  const toUs = query.to === undefined ? options.nowUs : timeOf(query.to, options.nowUs);
  const fromUs =
    query.from === undefined
      ? Math.max(0, toUs - options.defaultUs)
      : timeOf(query.from, options.nowUs);
  if (toUs <= fromUs) {
    throw new AppError(
      'request.invalid',
      `Cannot use range from "${query.from ?? ''}" to "${query.to ?? 'now'}": it ends before it begins`,
    );
  }
  return { fromUs, toUs };
}

/** Without the members that are undefined: optional fields are absent, never undefined. */
export function compact<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const kept = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.fromEntries(kept) as { [K in keyof T]: Exclude<T[K], undefined> }; // undefined is out
}

export interface ListPage<T> {
  readonly items: readonly T[];
  readonly nextCursor?: string;
  readonly wasCut: boolean;
}

/** A page of a list that stands in memory; the cursor is where the next page begins. */
export function pageOf<T>(
  items: readonly T[],
  page: { readonly limit: number; readonly cursor?: string | undefined },
): ListPage<T> {
  const start = offsetOf(page.cursor);
  const end = start + page.limit;
  return {
    items: items.slice(start, end),
    ...(end < items.length ? { nextCursor: String(end) } : {}),
    wasCut: false,
  };
}

/** Where findings are looked for when nobody says. */
const FINDINGS_RANGE_US = 7 * US_PER_DAY;

/** The newest findings belong to the range: it ends after now. */
export function findingsRange(
  query: Parameters<typeof rangeOf>[0],
  { clock }: ApiContext['backend'],
): TimeRange {
  return rangeOf(query, { nowUs: clock.nowUs() + 1, defaultUs: FINDINGS_RANGE_US });
}

/** One row more than the page shows tells whether there is another page. */
export function readLimitOf(page: {
  readonly limit: number;
  readonly cursor?: string | undefined;
}): number {
  return Math.min(LIMITS.queryRowsMax, offsetOf(page.cursor) + page.limit + 1);
}

/** Row at which a page begins; throws `request.invalid` for a cursor that pageOf() did not give. */
export function offsetOf(cursor: string | undefined): number {
  if (cursor === undefined) return 0;
  if (!/^\d{1,9}$/.test(cursor)) {
    throw new AppError(
      'request.invalid',
      `Cannot use cursor "${cursor.slice(0, 64)}": it is not ours`,
      {
        offendingValue: cursor.slice(0, 64),
      },
    );
  }
  return Number(cursor);
}

/** Language of an answer: asked for, else what the browser prefers, else configured. */
export function languageOf(
  asked: Language | undefined,
  http: HttpExchange,
  context: ApiContext,
): Language {
  if (asked !== undefined) return asked;
  // `*` accepts the first that is offered.
  const { language } = context.config;
  const best = http.request.acceptsLanguages(language, language === 'zh' ? 'en' : 'zh');
  return best === 'zh' || best === 'en' ? best : language;
}

/** Where a report is shown. */
export function reportUrl(reportId: string, config: ApiOptions['config']): string {
  return `${config.publicUrl?.replace(/\/+$/, '') ?? ''}/reports/${reportId}`;
}
