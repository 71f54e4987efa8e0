/** Routes that start investigations and tell how they go: alert webhook, manual diagnosis, event stream. */
import { AppError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { TimeRange } from '../../base/time.ts';
import type { Alert } from '../../model/report.ts';
import {
  type AlertBatch,
  alertKeyOf,
  alertmanagerWebhookSchema,
  incidentOfAlert,
  parseAlertmanagerWebhook,
  scopeOfAlerts,
  windowOfAlerts,
} from '../../plugin/triggers/alertmanager.ts';
import { ANSWERS } from '../answers.ts';
import { BODIES, PARAMS, QUERIES } from '../requests.ts';
import {
  type Answer,
  type ApiContext,
  answerOf,
  compact,
  defineRoute,
  json,
  languageOf,
  type Route,
  rangeOf,
  reportUrl,
} from '../route.ts';

export const investigateRoutes: readonly Route[] = [
  defineRoute('POST /api/v1/webhooks/alertmanager', {
    summary: 'Alertmanager v4 or Grafana payload; answered at once, analysed aside',
    body: alertmanagerWebhookSchema,
    answers: { 202: answerOf('Reports that answer the alerts', ANSWERS.reports) },
    run: ({ http }, context) => {
      const batch = parseAlertmanagerWebhook(http.request.body);
      return json({ reports: acceptAlerts(batch, context) }, 202);
    },
  }),
  defineRoute('POST /api/v1/diagnoses', {
    summary: 'Investigate a window; with ?wait=30s the answer is the report',
    query: QUERIES.diagnose,
    body: BODIES.diagnose,
    answers: {
      200: answerOf('The report, when it was done in time', ANSWERS.report),
      202: answerOf('Started', ANSWERS.reportReference),
    },
    run: async ({ query, body, http }, context) => {
      const { backend } = context;
      const nowUs = backend.clock.nowUs();
      const toRange = (range: { from: string | number; to: string | number }): TimeRange =>
        rangeOf(range, { nowUs, defaultUs: 0 });
      const { reportId } = backend.startInvestigation(
        {
          trigger: { kind: 'manual', alerts: [] },
          window: toRange(body.window),
          ...(body.reference === undefined ? {} : { reference: toRange(body.reference) }),
          scope: compact(body.scope ?? {}),
        },
        [],
      );
      const waitMs = waitMsOf(query.wait);
      const report = waitMs > 0 ? await backend.waitForReport(reportId, waitMs) : undefined;
      if (report === undefined) {
        return json(
          { id: reportId, url: reportUrl(reportId, context.config), status: 'running' },
          202,
        );
      }
      const lang = languageOf(query.lang, http, context);
      return { kind: 'text', status: 200, ...backend.renderReport(report, 'json', lang) };
    },
  }),
  defineRoute('GET /api/v1/diagnoses/:id/events', {
    summary: 'Events of a running investigation (phase, progress, evidence, verdict, done, failed)',
    params: PARAMS.report,
    answers: {
      200: { description: 'Server-sent events', content: { 'text/event-stream': undefined } },
    },
    run: ({ params, http }, context) => streamEvents(params.id, http.response, context),
  }),
];

interface ReportReference {
  readonly id: string;
  readonly url: string;
  readonly status: string;
}

/**
 * Alerts that no report answers yet start one investigation together; repeated ones name the report they have;
 * resolved ones are closed. Nothing here waits, so that two requests cannot come between look-up and claim.
 */
function acceptAlerts(batch: AlertBatch, context: ApiContext): readonly ReportReference[] {
  const { backend, config } = context;
  const nowUs = backend.clock.nowUs();
  const references = new Map<string, ReportReference>();
  const refer = (reportId: string, status: string) => {
    references.set(reportId, { id: reportId, url: reportUrl(reportId, config), status });
  };
  const fresh: { readonly alert: Alert; readonly key: string }[] = [];
  const resolved: string[] = [];
  for (const alert of batch.alerts) {
    // Our own, sent back by Alertmanager: its incident is investigated already, or will be.
    const incident = backend.state.findIncident(incidentOfAlert(alert) ?? '');
    if (incident) {
      const { reportId } = incident;
      if (reportId !== undefined) refer(reportId, statusOf(reportId, context));
      continue;
    }
    const claim = findClaim(alertKeyOf(batch.groupKey, alert), context);
    if (claim.reportId !== undefined) {
      refer(claim.reportId, statusOf(claim.reportId, context));
      if (alert.status === 'resolved') resolved.push(claim.key);
    } else if (alert.status === 'firing') {
      fresh.push({ alert, key: claim.key });
    }
  }
  if (resolved.length > 0) backend.state.resolveAlerts(resolved, nowUs);
  if (fresh.length > 0) {
    const alerts = fresh.map(({ alert }) => alert);
    const keys = fresh.map(({ key }) => key);
    const { reportId } = backend.startInvestigation(
      {
        trigger: { kind: 'alertmanager', alerts },
        ...windowOfAlerts(alerts, { nowUs, windowMinutes: config.windowMinutes }),
        scope: scopeOfAlerts(alerts),
      },
      keys,
    );
    backend.state.claimAlerts(keys, reportId, nowUs);
    refer(reportId, 'running');
  }
  return [...references.values()];
}

/**
 * The claim of an alert, or the key under which to claim it. A claim whose run failed (or died with the process)
 * leaves room for another attempt, so that a repeated alert is not lost; the attempts are bounded.
 */
function findClaim(
  alertKey: string,
  context: ApiContext,
): { readonly key: string; readonly reportId?: string } {
  let key = alertKey;
  for (let attempt = 1; ; attempt++) {
    const known = context.backend.state.findAlert(key);
    if (!known) return { key };
    const isOver = known.isResolved || attempt === LIMITS.alertAttemptsMax;
    if (isOver || statusOf(known.reportId, context) !== 'failed') {
      return { key, reportId: known.reportId };
    }
    key = `${alertKey}.${attempt}`;
  }
}

function statusOf(reportId: string, { backend }: ApiContext): string {
  const status = backend.state.findReport(reportId)?.status;
  if (status !== undefined) return status;
  return backend.isRunning(reportId) ? 'running' : 'failed';
}

function waitMsOf(wait: string | undefined): number {
  if (wait === undefined) return 0;
  const waitMs = Number.parseInt(wait, 10) * (wait.endsWith('ms') ? 1 : 1000);
  if (waitMs > LIMITS.apiWaitMsMax) {
    throw new AppError(
      'request.invalid',
      `Cannot wait "${wait}": the limit is ${LIMITS.apiWaitMsMax / 1000}s`,
      { offendingValue: wait },
    );
  }
  return waitMs;
}

/** A late subscriber of a finished report gets its last events; one of an unknown report a 404. */
function streamEvents(
  reportId: string,
  response: Parameters<ApiContext['streams']['open']>[0],
  { backend, streams }: ApiContext,
): Answer {
  const report = backend.state.findReport(reportId);
  if (!report && !backend.isRunning(reportId)) {
    throw new AppError('request.not_found', `Cannot follow report "${reportId}": there is none`, {
      offendingValue: reportId,
    });
  }
  const stream = streams.open(response);
  if (report) {
    const { verdict, confidence, rootCause, summary, status, createdAtUs } = report;
    stream.send({
      type: 'verdict',
      atUs: createdAtUs,
      data: { verdict, confidence, rootCause, summary },
    });
    stream.send({ type: 'done', atUs: createdAtUs, data: { reportId, status } });
  } else {
    stream.onEnd(backend.subscribe(reportId, (event) => stream.send(event)));
  }
  return { kind: 'sent' };
}
