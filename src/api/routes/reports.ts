/** Routes of reports: list, one in any format, verify again, feedback, and the pages that show them. */

import type { CounterSample } from '../../base/counters.ts';
import { AppError } from '../../base/errors.ts';
import { formatTime, US_PER_DAY } from '../../base/time.ts';
import type { Report } from '../../model/report.ts';
import type { Language } from '../../model/text.ts';
import { ANSWERS } from '../answers.ts';
import type { ReportFormat } from '../contract.ts';
import { notFoundPage, reportListPage, waitingPage } from '../pages.ts';
import { BODIES, PARAMS, QUERIES } from '../requests.ts';
import {
  type Answer,
  type AnswerSpec,
  type ApiContext,
  answerOf,
  defineRoute,
  type HttpExchange,
  json,
  languageOf,
  type Route,
  rangeOf,
  reportUrl,
} from '../route.ts';

const RANGE_US = 90 * US_PER_DAY;

const REPORT_ANSWER: AnswerSpec = {
  description: 'The report; the suffix of the id or else Accept chooses the format',
  content: {
    'application/json': ANSWERS.report,
    'text/markdown': undefined,
    'text/html': undefined,
    'text/plain': undefined,
  },
};
const HTML_ANSWER: AnswerSpec = { description: 'A page', content: { 'text/html': undefined } };

export const reportRoutes: readonly Route[] = [
  defineRoute('GET /api/v1/reports', {
    summary: 'Reports, newest first',
    query: QUERIES.pageLang,
    answers: { 200: answerOf('A page of reports', ANSWERS.reportList) },
    run: ({ query, http }, context) => {
      const lang = languageOf(query.lang, http, context);
      const { items, nextCursor } = listReports(query, context);
      return json({
        items: items.map((item) => ({
          id: item.reportId,
          url: reportUrl(item.reportId, context.config),
          createdAt: formatTime(item.createdAtUs),
          status: item.status,
          verdict: item.verdict,
          confidence: item.confidence,
          trigger: item.triggerKind,
          summary: item.summary[lang],
          services: item.services,
        })),
        ...(nextCursor === undefined ? {} : { nextCursor }),
        wasCut: false,
      });
    },
  }),
  defineRoute('GET /api/v1/reports/:id', {
    summary: 'One report: .json, .md, .html or .txt',
    params: PARAMS.report,
    query: QUERIES.lang,
    answers: {
      200: REPORT_ANSWER,
      202: answerOf('Still running', ANSWERS.reportReference),
    },
    run: ({ params, query, http }, context) => {
      const { reportId, suffix } = splitId(params.id);
      const report = context.backend.state.findReport(reportId);
      if (!report) return runningAnswer(reportId, context);
      const format = FORMATS[suffix] ?? acceptedFormat(http);
      const lang = languageOf(query.lang, http, context);
      return rendered(report, { format, lang }, context);
    },
  }),
  defineRoute('POST /api/v1/reports/:id/verify', {
    summary: 'Run the probes of a report again; the answer is the new version',
    params: PARAMS.report,
    query: QUERIES.lang,
    answers: { 200: answerOf('The report with its new verdicts', ANSWERS.report) },
    run: async ({ params, query, http }, context) => {
      findReport(params.id, context);
      const report = await context.backend.verifyAgain(params.id);
      return rendered(
        report,
        { format: 'json', lang: languageOf(query.lang, http, context) },
        context,
      );
    },
  }),
  defineRoute('POST /api/v1/reports/:id/feedback', {
    summary: 'Say whether a hypothesis was right',
    params: PARAMS.report,
    body: BODIES.feedback,
    answers: { 201: answerOf('Saved', ANSWERS.feedback) },
    run: ({ params, body }, context) => {
      const report = findReport(params.id, context);
      const { hypothesisId, isCorrect, comment } = body;
      if (!report.hypotheses.some((hypothesis) => hypothesis.hypothesisId === hypothesisId)) {
        throw new AppError(
          'request.not_found',
          `Cannot save feedback: report "${report.reportId}" has no hypothesis "${hypothesisId}"`,
          { offendingValue: hypothesisId },
        );
      }
      const { state, clock } = context.backend;
      state.saveFeedback({
        reportId: report.reportId,
        hypothesisId,
        isCorrect,
        comment,
        atUs: clock.nowUs(),
      });
      return json({ reportId: report.reportId, hypothesisId, isCorrect }, 201);
    },
  }),
  defineRoute('GET /', {
    summary: 'Page: list of reports',
    query: QUERIES.pageLang,
    answers: { 200: HTML_ANSWER },
    run: ({ query, http }, context) => listPage(query, http, context),
  }),
  defineRoute('GET /reports', {
    summary: 'Page: list of reports',
    query: QUERIES.pageLang,
    answers: { 200: HTML_ANSWER },
    run: ({ query, http }, context) => listPage(query, http, context),
  }),
  defineRoute('GET /reports/:id', {
    summary: 'Page: one report',
    params: PARAMS.report,
    query: QUERIES.lang,
    answers: {
      200: HTML_ANSWER,
      202: { ...HTML_ANSWER, description: 'Still running: a page that reloads itself' },
      404: { ...HTML_ANSWER, description: 'There is no such report' },
    },
    run: ({ params, query, http }, context) => {
      const { reportId, suffix } = splitId(params.id);
      const lang = languageOf(query.lang, http, context);
      const report = context.backend.state.findReport(reportId);
      if (report) return rendered(report, { format: FORMATS[suffix] ?? 'html', lang }, context);
      if (context.backend.isRunning(reportId)) return page(waitingPage(reportId, lang), 202);
      return page(notFoundPage(reportId, lang), 404);
    },
  }),
];

const OVERFLOW_COUNTERS: ReadonlySet<string> = new Set([
  'taproot_ingest_endpoint_overflow',
  'taproot_ingest_template_overflow',
]);

type ReportListQuery = Parameters<typeof rangeOf>[0] & {
  readonly limit: number;
  readonly cursor?: string | undefined;
};

function listReports(query: ReportListQuery, { backend }: ApiContext) {
  const range = rangeOf(query, { nowUs: backend.clock.nowUs() + 1, defaultUs: RANGE_US });
  const { limit, cursor } = query;
  return backend.state.listReports({ range, limit, ...(cursor === undefined ? {} : { cursor }) });
}

async function listPage(
  query: ReportListQuery & { readonly lang?: Language | undefined },
  http: HttpExchange,
  context: ApiContext,
): Promise<Answer> {
  const lang = languageOf(query.lang, http, context);
  const overflowCount = countOverflow(await context.backend.counterSamples());
  const options = { lang, overflowCount, ...addressesOf(http, context) };
  return page(reportListPage(listReports(query, context), options));
}

/** Spans and log lines whose name was one too many; a service's are among its endpoints' and templates'. */
function countOverflow(samples: readonly CounterSample[]): number {
  return samples
    .filter(({ name }) => OVERFLOW_COUNTERS.has(name))
    .reduce((sum, { value }) => sum + value, 0);
}

/** Where this reader reaches us: the name that the browser used is right for the reader's machine. */
function addressesOf({ request }: HttpExchange, { config }: ApiContext) {
  const apiUrl = (config.publicUrl ?? `http://${request.get('host') ?? '127.0.0.1:4400'}`).replace(
    /\/+$/,
    '',
  );
  const { hostname } = URL.canParse(apiUrl) ? new URL(apiUrl) : { hostname: '127.0.0.1' };
  return { apiUrl, otlpUrl: `http://${hostname}:${config.otlpHttpPort ?? 4318}` };
}

function page(body: string, status = 200): Answer {
  return { kind: 'text', status, contentType: 'text/html; charset=utf-8', body };
}

const FORMATS: Readonly<Record<string, ReportFormat>> = {
  json: 'json',
  md: 'md',
  html: 'html',
  txt: 'text',
  text: 'text',
};

function splitId(id: string): { readonly reportId: string; readonly suffix: string } {
  const dot = id.indexOf('.');
  return dot < 0
    ? { reportId: id, suffix: '' }
    : { reportId: id.slice(0, dot), suffix: id.slice(dot + 1) };
}

function acceptedFormat({ request }: HttpExchange): ReportFormat {
  const type = request.accepts(['application/json', 'text/html', 'text/markdown', 'text/plain']);
  if (type === 'text/html') return 'html';
  if (type === 'text/markdown') return 'md';
  return type === 'text/plain' ? 'text' : 'json';
}

function rendered(
  report: Report,
  options: { readonly format: ReportFormat; readonly lang: Language },
  { backend }: ApiContext,
): Answer {
  const { contentType, body } = backend.renderReport(report, options.format, options.lang);
  return { kind: 'text', status: 200, contentType, body };
}

function runningAnswer(reportId: string, context: ApiContext): Answer {
  if (!context.backend.isRunning(reportId)) throw noReport(reportId);
  return json({ id: reportId, url: reportUrl(reportId, context.config), status: 'running' }, 202);
}

function findReport(reportId: string, { backend }: ApiContext): Report {
  const report = backend.state.findReport(reportId);
  if (!report) throw noReport(reportId);
  return report;
}

function noReport(reportId: string): AppError {
  return new AppError('request.not_found', `Cannot find report "${reportId}"`, {
    offendingValue: reportId,
  });
}
