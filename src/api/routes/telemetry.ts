/** Routes that read stored telemetry: traces, logs, templates, metrics. */
import { AppError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import {
  formatTime,
  type TimeRange,
  US_PER_DAY,
  US_PER_HOUR,
  US_PER_MINUTE,
  US_PER_MS,
} from '../../base/time.ts';
import type { Span } from '../../model/span.ts';
import type { PinnedEvidence } from '../../store/api/state.ts';
import { OVERFLOW_TEMPLATE } from '../../tally/template.ts';
import { ANSWERS } from '../answers.ts';
import { exemplarJson, logJson, seriesPointsJson, spanJson, traceSummaryJson } from '../present.ts';
import { PARAMS, QUERIES } from '../requests.ts';
import {
  type ApiContext,
  answerOf,
  compact,
  defineRoute,
  json,
  offsetOf,
  pageOf,
  type Route,
  rangeOf,
} from '../route.ts';

const RANGE_US = US_PER_HOUR;
/** A trace is looked for this far back when the request names no time. */
const TRACE_RANGE_US = 30 * US_PER_DAY;

export const telemetryRoutes: readonly Route[] = [
  defineRoute('GET /api/v1/traces', {
    summary: 'Search traces',
    query: QUERIES.traces,
    answers: { 200: answerOf('A page of traces', ANSWERS.traces) },
    run: ({ query }, { backend }) => {
      const { from, to, minDurationMs, maxDurationMs, error, limit, ...rest } = query;
      const page = backend.telemetry.searchTraces({
        ...compact(rest),
        range: rangeOf({ from, to }, { nowUs: backend.clock.nowUs(), defaultUs: RANGE_US }),
        limit,
        ...(minDurationMs === undefined ? {} : { durationUsMin: minDurationMs * US_PER_MS }),
        ...(maxDurationMs === undefined ? {} : { durationUsMax: maxDurationMs * US_PER_MS }),
        ...(error === undefined ? {} : { isError: error }),
      });
      return json({ ...page, items: page.items.map(traceSummaryJson) });
    },
  }),
  defineRoute('GET /api/v1/traces/:traceId', {
    summary:
      'All of one trace: spans, logs, exemplars; pinned evidence when retention has removed it',
    params: PARAMS.trace,
    query: QUERIES.trace,
    answers: { 200: answerOf('The trace', ANSWERS.trace) },
    run: ({ params, query }, context) => json(readTrace(params.traceId, query, context)),
  }),
  defineRoute('GET /api/v1/logs', {
    summary: 'Search logs, newest first',
    query: QUERIES.logs,
    answers: { 200: answerOf('A page of log records', ANSWERS.logs) },
    run: ({ query }, { backend }) => {
      const { from, to, template, severity, limit, ...rest } = query;
      const page = backend.telemetry.searchLogs({
        ...compact(rest),
        range: rangeOf({ from, to }, { nowUs: backend.clock.nowUs(), defaultUs: RANGE_US }),
        limit,
        ...(template === undefined ? {} : { templateId: template }),
        ...(severity === undefined ? {} : { severityMin: severity }),
      });
      return json({ ...page, items: page.items.map(logJson) });
    },
  }),
  defineRoute('GET /api/v1/log-templates', {
    summary: 'Log templates with their counts in the range, most frequent first',
    query: QUERIES.servicePage,
    answers: { 200: answerOf('A page of templates', ANSWERS.logTemplates) },
    run: ({ query }, context) => {
      const templates = listTemplates(query, context);
      const hasOverflow = templates.some(({ text }) => text === OVERFLOW_TEMPLATE);
      return json({ ...pageOf(templates, query), hasOverflow });
    },
  }),
  defineRoute('GET /api/v1/metrics', {
    summary: 'Metric series with points in the range',
    query: QUERIES.metrics,
    answers: { 200: answerOf('A page of series', ANSWERS.metrics) },
    run: ({ query }, { backend }) =>
      json(
        pageFromStore(query, (limit) =>
          backend.telemetry.listSeries({ ...seriesQueryOf(query, backend.clock.nowUs()), limit }),
        ),
      ),
  }),
  defineRoute('GET /api/v1/metrics/query', {
    summary: 'Points of the series of one metric',
    query: QUERIES.metricPoints,
    answers: { 200: answerOf('A page of series with points', ANSWERS.metricPoints) },
    run: ({ query }, { backend }) => {
      const page = pageFromStore(query, (limit) =>
        backend.telemetry.readSeries({ ...seriesQueryOf(query, backend.clock.nowUs()), limit }),
      );
      return json({ ...page, items: page.items.map(seriesPointsJson) });
    },
  }),
];

/** A page of a list whose store call has a limit but no cursor: reads up to the page's end and cuts. */
function pageFromStore<T>(
  page: { readonly limit: number; readonly cursor?: string | undefined },
  read: (limit: number) => { readonly items: readonly T[]; readonly wasCut: boolean },
) {
  const wanted = offsetOf(page.cursor) + page.limit + 1;
  const { items, wasCut } = read(Math.min(LIMITS.queryRowsMax, wanted));
  const listed = pageOf(items, page);
  return { ...listed, wasCut: wasCut && listed.nextCursor === undefined };
}

function seriesQueryOf(
  query: {
    readonly from?: string | number | undefined;
    readonly to?: string | number | undefined;
    readonly name?: string | undefined;
    readonly service?: string | undefined;
    readonly attributes?: Readonly<Record<string, string>> | undefined;
  },
  nowUs: number,
) {
  const { name, service, attributes } = query;
  return {
    ...compact({ name, service, attributes }),
    range: rangeOf(query, { nowUs, defaultUs: RANGE_US }),
  };
}

function readTrace(traceId: string, query: Parameters<typeof rangeOf>[0], { backend }: ApiContext) {
  const nowUs = backend.clock.nowUs();
  const isNamed = query.from !== undefined || query.to !== undefined;
  const near = isNamed ? rangeOf(query, { nowUs, defaultUs: TRACE_RANGE_US }) : undefined;
  const spans = backend.telemetry.readTrace(traceId, near);
  // Of a trace over midnight, retention may have removed the first half.
  const pinned = backend.state.findPinnedTrace(traceId);
  const isWholer = pinned !== undefined && pinned.spans.length > spans.length;
  if (spans.length === 0 || isWholer) return pinnedAnswer(traceId, pinned);
  const range = rangeAround(spans);
  const logs = backend.telemetry.searchLogs({ range, traceId, limit: LIMITS.queryRowsMax });
  const series = backend.telemetry.readSeries({ range, limit: LIMITS.traceSeriesMax });
  const exemplars = series.items.flatMap((points) =>
    points.exemplars
      .filter((exemplar) => exemplar.traceId === traceId)
      .map((exemplar) => ({
        ...exemplarJson(exemplar),
        metric: points.series.name,
        seriesId: points.series.seriesId,
      })),
  );
  return {
    traceId,
    source: 'store',
    spans: spans.map(spanJson),
    // The store gives the newest first; a trace is read from its beginning.
    logs: logs.items.map(logJson).reverse(),
    exemplars,
    wasCut: logs.wasCut || logs.nextCursor !== undefined || series.wasCut,
  };
}

function pinnedAnswer(traceId: string, pinned: PinnedEvidence | undefined) {
  if (!pinned || pinned.spans.length + pinned.logs.length === 0) {
    throw new AppError('request.not_found', `Cannot find trace "${traceId}"`, {
      offendingValue: traceId,
    });
  }
  return {
    traceId,
    source: 'pinned',
    spans: pinned.spans.map(spanJson),
    logs: pinned.logs.map(logJson),
    exemplars: [],
    wasCut: false,
  };
}

/** A minute on either side: logs are written a little after their span, points once a minute. */
function rangeAround(spans: readonly Span[]): TimeRange {
  let fromUs = Number.POSITIVE_INFINITY;
  let toUs = 0;
  for (const span of spans) {
    fromUs = Math.min(fromUs, span.startUs);
    toUs = Math.max(toUs, span.startUs + Math.max(0, span.durationUs));
  }
  return { fromUs: Math.max(0, fromUs - US_PER_MINUTE), toUs: toUs + US_PER_MINUTE };
}

function listTemplates(
  query: Parameters<typeof rangeOf>[0] & { readonly service?: string | undefined },
  { backend }: ApiContext,
) {
  const range = rangeOf(query, { nowUs: backend.clock.nowUs(), defaultUs: RANGE_US });
  const ofService = query.service === undefined ? {} : { service: query.service };
  const seen = new Map<string, { count: number; severityMax: number }>();
  for (const tally of backend.telemetry.readTemplateTallies({ range, ...ofService })) {
    const sum = seen.get(tally.templateId) ?? { count: 0, severityMax: 0 };
    sum.count += tally.count;
    sum.severityMax = Math.max(sum.severityMax, tally.severityMax);
    seen.set(tally.templateId, sum);
  }
  return backend.telemetry
    .listTemplates(ofService)
    .filter((template) => seen.has(template.templateId))
    .map(({ templateId, firstSeenUs, ...template }) => ({
      id: templateId,
      ...template,
      firstSeen: formatTime(firstSeenUs),
      count: seen.get(templateId)?.count ?? 0,
      severityMax: seen.get(templateId)?.severityMax ?? 0,
    }))
    .sort((a, b) => b.count - a.count || (a.id < b.id ? -1 : 1));
}
