/** Routes of what detection found by itself: anomalies, their pictures, incidents, and the pages that show them. */
import { AppError } from '../../base/errors.ts';
import { formatTime } from '../../base/time.ts';
import type { Anomaly, Incident } from '../../model/anomaly.ts';
import { anomalyJson } from '../../model/json.ts';
import type { Language } from '../../model/text.ts';
import { ANSWERS } from '../answers.ts';
import type { ApiBackend, IncidentView } from '../contract.ts';
import { unknownPage } from '../pages.ts';
import { PARAMS, QUERIES } from '../requests.ts';
import {
  type Answer,
  answerOf,
  defineRoute,
  findingsRange,
  json,
  languageOf,
  pageOf,
  type Route,
  readLimitOf,
} from '../route.ts';

const HTML_ANSWER = { description: 'A page', content: { 'text/html': undefined } };

export const findingRoutes: readonly Route[] = [
  defineRoute('GET /api/v1/anomalies', {
    summary: 'Deviations from the baselines, newest first',
    query: QUERIES.servicePage.extend(QUERIES.lang.shape),
    answers: { 200: answerOf('A page of anomalies', ANSWERS.anomalies) },
    run: ({ query, http }, context) => {
      const lang = languageOf(query.lang, http, context);
      const anomalies = context.backend.state.listAnomalies({
        range: findingsRange(query, context.backend),
        limit: readLimitOf(query),
        ...(query.service === undefined ? {} : { service: query.service }),
      });
      const items = anomalies.map((anomaly) => anomalyJson(anomaly, lang));
      return json(pageOf(items, query));
    },
  }),
  defineRoute('GET /api/v1/anomalies/:id', {
    summary: 'One anomaly, with the minutes of its picture',
    params: PARAMS.finding,
    query: QUERIES.lang,
    answers: { 200: answerOf('The anomaly', ANSWERS.anomaly) },
    run: ({ params, query, http }, context) => {
      const anomaly = findAnomaly(params.id, context.backend);
      return json(anomalyJson(anomaly, languageOf(query.lang, http, context)));
    },
  }),
  defineRoute('GET /api/v1/anomalies/:id/picture.svg', {
    summary: 'The value of an anomaly and its band over time, as a drawing',
    params: PARAMS.finding,
    query: QUERIES.lang,
    answers: { 200: { description: 'A drawing', content: { 'image/svg+xml': undefined } } },
    run: ({ params, query, http }, context) => {
      const anomaly = findAnomaly(params.id, context.backend);
      const lang = languageOf(query.lang, http, context);
      const body = context.backend.renderPicture(anomaly, lang);
      if (body === undefined) {
        throw new AppError(
          'request.not_found',
          `Cannot draw anomaly "${params.id}": it has too few minutes`,
          { offendingValue: params.id },
        );
      }
      return { kind: 'text', status: 200, contentType: 'image/svg+xml; charset=utf-8', body };
    },
  }),
  defineRoute('GET /api/v1/incidents', {
    summary: 'Incidents: anomalies that belong together',
    query: QUERIES.pageLang,
    answers: { 200: answerOf('A page of incidents', ANSWERS.incidents) },
    run: ({ query, http }, context) => {
      const lang = languageOf(query.lang, http, context);
      const incidents = context.backend.state.listIncidents({
        range: findingsRange(query, context.backend),
        limit: readLimitOf(query),
      });
      return json(
        pageOf(
          incidents.map((incident) => incidentJson(incident, lang)),
          query,
        ),
      );
    },
  }),
  defineRoute('GET /api/v1/incidents/:id', {
    summary: 'One incident with its anomalies, the most surprising first',
    params: PARAMS.finding,
    query: QUERIES.lang,
    answers: { 200: answerOf('The incident', ANSWERS.incident) },
    run: ({ params, query, http }, context) => {
      const incident = findIncident(params.id, context.backend);
      if (!incident) throw notFound('incident', params.id);
      const lang = languageOf(query.lang, http, context);
      const { anomalies } = viewOf(incident, context.backend);
      return json({
        ...incidentJson(incident, lang),
        anomalies: anomalies.map((anomaly) => anomalyJson(anomaly, lang)),
      });
    },
  }),
  defineRoute('GET /incidents', {
    summary: 'Page: list of incidents',
    query: QUERIES.pageLang,
    answers: { 200: HTML_ANSWER },
    run: ({ query, http }, context) => {
      const lang = languageOf(query.lang, http, context);
      const { backend } = context;
      const incidents = backend.state.listIncidents({
        range: findingsRange(query, backend),
        limit: readLimitOf(query),
      });
      const { items, nextCursor } = pageOf(incidents, query);
      const body = backend.renderIncidentList(
        items.map((incident) => viewOf(incident, backend)),
        {
          lang,
          earlierHref:
            nextCursor === undefined ? undefined : `/incidents?lang=${lang}&cursor=${nextCursor}`,
        },
      );
      return page(body);
    },
  }),
  defineRoute('GET /incidents/:id', {
    summary: 'Page: one incident',
    params: PARAMS.finding,
    query: QUERIES.lang,
    answers: {
      200: HTML_ANSWER,
      404: { ...HTML_ANSWER, description: 'There is no such incident' },
    },
    run: ({ params, query, http }, context) => {
      const lang = languageOf(query.lang, http, context);
      const incident = findIncident(params.id, context.backend);
      if (!incident) return page(unknownPage(`/incidents/${params.id}`, lang), 404);
      return page(context.backend.renderIncident(viewOf(incident, context.backend), lang));
    },
  }),
];

/** As findIncident() of the state store, but for the id of a report that will never be: its investigation failed. */
function findIncident(incidentId: string, { state, isRunning }: ApiBackend): Incident | undefined {
  const incident = state.findIncident(incidentId);
  if (incident?.reportId === undefined) return incident;
  const { reportId, ...others } = incident;
  return isRunning(reportId) || state.findReport(reportId) !== undefined ? incident : others;
}

function viewOf(incident: Incident, { state }: ApiBackend): IncidentView {
  const anomalies = incident.anomalyIds
    .flatMap((anomalyId) => state.findAnomaly(anomalyId) ?? [])
    .sort((a, b) => b.score - a.score || (a.anomalyId < b.anomalyId ? -1 : 1));
  return { incident, anomalies };
}

function incidentJson(incident: Incident, lang: Language) {
  const { incidentId, onsetUs, lastSeenUs, note, ...rest } = incident;
  const { grownUs: _, sufferedUs: __, isOnsetOfSlice: ___, ...facts } = rest;
  return {
    id: incidentId,
    ...facts,
    ...(note === undefined ? {} : { note: note[lang] }),
    onset: formatTime(onsetUs),
    lastSeen: formatTime(lastSeenUs),
  };
}

function findAnomaly(anomalyId: string, { state }: ApiBackend): Anomaly {
  const anomaly = state.findAnomaly(anomalyId);
  if (!anomaly) throw notFound('anomaly', anomalyId);
  return anomaly;
}

function notFound(what: 'anomaly' | 'incident', id: string): AppError {
  return new AppError('request.not_found', `Cannot find ${what} "${id}"`, { offendingValue: id });
}

function page(body: string, status = 200): Answer {
  return { kind: 'text', status, contentType: 'text/html; charset=utf-8', body };
}
