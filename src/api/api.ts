/**
 * The HTTP API and its pages (port 4400): one table of routes on Express, each input validated, each failure a
 * problem document. Reads and asks through ApiBackend; it computes nothing of its own about causes.
 */
import { createServer, type Server } from 'node:http';
import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import { AppError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { ApiOptions } from './contract.ts';
import { createEventStreams } from './event-stream.ts';
import { buildOpenApi } from './openapi.ts';
import { unknownPage } from './pages.ts';
import { createErrorHandler } from './problem.ts';
import { type Answer, type ApiContext, languageOf, type Route } from './route.ts';
import { alertingRoutes } from './routes/alerting.ts';
import { findingRoutes } from './routes/findings.ts';
import { investigateRoutes } from './routes/investigate.ts';
import { knowledgeRoutes } from './routes/knowledge.ts';
import { reportRoutes } from './routes/reports.ts';
import { serviceRoutes } from './routes/service.ts';
import { telemetryRoutes } from './routes/telemetry.ts';
import { createHostGuard, originGuard, securityHeaders } from './security.ts';

export const API_VERSION = '1';

/** Every route there is. `/metrics/query` stands before nothing that could shadow it: paths are exact. */
export const ROUTES: readonly Route[] = [
  ...serviceRoutes,
  ...investigateRoutes,
  ...reportRoutes,
  ...telemetryRoutes,
  ...knowledgeRoutes,
  ...alertingRoutes,
  ...findingRoutes,
];

export interface RunningApi {
  readonly port: number;
  /** Ends event streams, refuses new requests and waits for those that run. */
  stop(): Promise<void>;
}

export async function startApi(options: ApiOptions): Promise<RunningApi> {
  const streams = createEventStreams();
  let document: ReturnType<typeof buildOpenApi> | undefined;
  const context: ApiContext = {
    backend: options.backend,
    config: options.config,
    streams,
    // Made when it is first asked for: 60 ms of CPU, which a start has no use for.
    document: () => {
      document ??= buildOpenApi(ROUTES, API_VERSION);
      return document;
    },
  };
  const server = createServer(
    { requestTimeout: LIMITS.apiReceiveTimeoutMs, headersTimeout: LIMITS.apiReceiveTimeoutMs },
    createApp(context, options),
  );
  const port = await listen(server, options);
  return {
    port,
    stop: () => {
      streams.endAll();
      return close(server);
    },
  };
}

/** The application without a port. */
export function createApp(context: ApiContext, options: ApiOptions): Express {
  const app = express();
  app.disable('x-powered-by');
  app.set('etag', false);
  app.use(
    securityHeaders,
    createHostGuard({ host: options.host, publicUrl: options.config.publicUrl }),
    originGuard,
    express.json({ limit: LIMITS.apiBodyBytesMax }),
  );
  for (const route of ROUTES) {
    app[route.method](route.path, (request, response, next) => {
      response.on('finish', () => count(options, route, response.statusCode));
      void answer(route, context, { request, response, next });
    });
  }
  app.use(createUnknownHandler(context));
  app.use(createErrorHandler(options.log));
  return app;
}

async function answer(
  route: Route,
  context: ApiContext,
  { request, response, next }: { request: Request; response: Response; next: NextFunction },
): Promise<void> {
  try {
    send(response, await route.handle({ request, response }, context));
  } catch (thrown) {
    next(thrown);
  }
}

function send(response: Response, answered: Answer): void {
  switch (answered.kind) {
    case 'sent':
      return;
    case 'json':
      response
        .status(answered.status)
        .type('application/json')
        .send(`${JSON.stringify(answered.body)}\n`);
      return;
    case 'text':
      response
        .status(answered.status)
        .set('Content-Type', answered.contentType)
        .send(answered.body);
      return;
  }
}

function count({ counters }: ApiOptions, route: Route, status: number): void {
  counters.add('taproot_api_requests_total', 1, {
    method: route.method.toUpperCase(),
    route: route.path,
    status: String(status),
  });
}

/** 405 with Allow for a known path and another method, else 404: a page for a browser that wanted one. */
function createUnknownHandler(context: ApiContext) {
  return (request: Request, response: Response, next: NextFunction): void => {
    const isPage = request.method === 'GET' && !request.path.startsWith('/api/');
    if (isPage && request.accepts(['application/json', 'text/html']) === 'text/html') {
      const asked = request.query['lang'];
      const named = asked === 'zh' || asked === 'en' ? asked : undefined;
      const lang = languageOf(named, { request, response }, context);
      const body = unknownPage(request.path.slice(0, 128), lang);
      response.status(404).type('text/html; charset=utf-8').send(body);
      return;
    }
    refuseUnknown(request, response, next);
  };
}

function refuseUnknown(request: Request, response: Response, next: NextFunction): void {
  const methods = ROUTES.filter((route) => matches(route.path, request.path)).map((route) =>
    route.method.toUpperCase(),
  );
  if (methods.length > 0) {
    response.set('Allow', methods.join(', '));
    next(
      new AppError(
        'request.method_not_allowed',
        `Cannot ${request.method} ${request.path.slice(0, 128)}: it takes ${methods.join(', ')}`,
      ),
    );
    return;
  }
  next(
    new AppError(
      'request.not_found',
      `Cannot find ${request.path.slice(0, 128)}: see /api/v1/openapi.json`,
    ),
  );
}

function matches(pattern: string, path: string): boolean {
  const wanted = pattern.split('/');
  const given = path.split('/');
  return (
    wanted.length === given.length &&
    wanted.every((part, index) => part.startsWith(':') || part === given[index])
  );
}

function listen(server: Server, { host, port }: ApiOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.close((error) => (error ? reject(error) : resolve()));
    server.closeIdleConnections();
  });
}
