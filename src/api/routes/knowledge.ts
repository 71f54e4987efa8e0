/** Routes about what Taproot has learned and found: endpoints, baselines, graph, clusters, rules, changes. */
import { createHash } from 'node:crypto';
import type { z } from 'zod';
import { AppError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { US_PER_HOUR } from '../../base/time.ts';
import type { ChangeEvent } from '../../model/anomaly.ts';
import { changeJson, clusterJson } from '../../model/json.ts';
import { type Endpoint, OVERFLOW_OPERATION } from '../../model/tally.ts';
import { ANSWERS } from '../answers.ts';
import { baselineJson, endpointJson, ruleJson, ruleSummaryJson } from '../present.ts';
import { type BODIES, changesBody, PARAMS, QUERIES } from '../requests.ts';
import {
  type ApiContext,
  answerOf,
  compact,
  defineRoute,
  findingsRange,
  json,
  languageOf,
  pageOf,
  type Route,
  rangeOf,
  readLimitOf,
  timeOf,
} from '../route.ts';
import { readServiceGraph } from '../service-graph.ts';

const TELEMETRY_RANGE_US = US_PER_HOUR;

export const knowledgeRoutes: readonly Route[] = [
  defineRoute('GET /api/v1/services', {
    summary: 'Services that sent telemetry in the range',
    query: QUERIES.page,
    answers: { 200: answerOf('A page of services', ANSWERS.services) },
    run: ({ query }, { backend }) => {
      const services = backend.telemetry.listServices(telemetryRange(query, backend));
      const page = pageOf(
        services.items.map((service) => ({ service })),
        query,
      );
      return json({ ...page, wasCut: services.wasCut });
    },
  }),
  defineRoute('GET /api/v1/endpoints', {
    summary: 'Endpoints with traffic in the range, busiest first; with slices, also parts of them',
    query: QUERIES.endpoints,
    answers: { 200: answerOf('A page of endpoints', ANSWERS.endpoints) },
    run: ({ query }, context) => {
      const endpoints = listEndpoints(query, context);
      const hasOverflow = endpoints.some(({ operation }) => operation === OVERFLOW_OPERATION);
      return json({ ...pageOf(endpoints, query), hasOverflow });
    },
  }),
  defineRoute('GET /api/v1/endpoints/:id/baseline', {
    summary: 'What is normal for an endpoint, and on how much that stands',
    params: PARAMS.endpoint,
    query: QUERIES.lang,
    answers: { 200: answerOf('The baseline', ANSWERS.baseline) },
    run: ({ params, query, http }, context) => {
      const baseline = context.backend.baselines().get(params.id);
      if (!baseline) {
        throw new AppError(
          'request.not_found',
          `Cannot find a baseline of endpoint "${params.id}"`,
          {
            offendingValue: params.id,
          },
        );
      }
      return json(baselineJson(baseline, languageOf(query.lang, http, context)));
    },
  }),
  defineRoute('GET /api/v1/service-graph', {
    summary: 'Who calls whom in the range',
    query: QUERIES.range,
    answers: { 200: answerOf('Nodes and edges', ANSWERS.serviceGraph) },
    run: ({ query }, { backend }) =>
      json(readServiceGraph(backend.telemetry, telemetryRange(query, backend))),
  }),
  defineRoute('GET /api/v1/clusters', {
    summary: 'Clusters of recent reports, newest report first',
    query: QUERIES.page,
    answers: { 200: answerOf('A page of clusters', ANSWERS.clusters) },
    run: ({ query }, { backend }) => {
      const reports = backend.state.listReports({
        range: findingsRange(query, backend),
        limit: LIMITS.clusterReportsMax,
      });
      const clusters = reports.items.flatMap(({ reportId }) =>
        (backend.state.findReport(reportId)?.clusters ?? []).map((cluster) => ({
          reportId,
          ...clusterJson(cluster),
        })),
      );
      return json({ ...pageOf(clusters, query), wasCut: reports.nextCursor !== undefined });
    },
  }),
  defineRoute('GET /api/v1/rules', {
    summary: 'The rules in force',
    answers: { 200: answerOf('Rules and the hash over them', ANSWERS.rules) },
    run: (_input, { backend }) => {
      const { rules, rulesHash } = backend.rules();
      return json({ rulesHash, items: rules.map(ruleSummaryJson) });
    },
  }),
  defineRoute('GET /api/v1/rules/:id', {
    summary: 'One rule',
    params: PARAMS.rule,
    answers: { 200: answerOf('The rule', ANSWERS.rule) },
    run: ({ params }, { backend }) => {
      const rule = backend.rules().rules.find(({ id }) => id === params.id);
      if (!rule) {
        throw new AppError('request.not_found', `Cannot find rule "${params.id}"`, {
          offendingValue: params.id,
        });
      }
      return json(ruleJson(rule));
    },
  }),
  defineRoute('POST /api/v1/rules/reload', {
    summary: 'Read the rules again; on a broken file the old ones stay and the answer is 400',
    answers: { 200: answerOf('The new rules are in force', ANSWERS.reload) },
    run: (_input, { backend }) => {
      const { ok, message } = backend.reloadRules();
      if (!ok) throw new AppError('rule.invalid', message);
      const { rules, rulesHash } = backend.rules();
      return json({ message, rulesHash, rules: rules.length });
    },
  }),
  defineRoute('GET /api/v1/events', {
    summary: 'Change events in the range',
    query: QUERIES.servicePage,
    answers: { 200: answerOf('A page of change events', ANSWERS.changes) },
    run: ({ query }, { backend }) => {
      const changes = backend.state.listChanges({
        range: findingsRange(query, backend),
        limit: readLimitOf(query),
        ...(query.service === undefined ? {} : { service: query.service }),
      });
      return json(pageOf(changes.map(changeJson), query));
    },
  }),
  defineRoute('POST /api/v1/events', {
    summary:
      'Tell of changes: deploy, config, key, certificate, scale, prompt; one or {"events":[…]}',
    body: changesBody,
    answers: { 201: answerOf('Saved; equal events have equal ids', ANSWERS.events) },
    run: ({ body }, { backend }) => {
      const nowUs = backend.clock.nowUs();
      const changes = ('events' in body ? body.events : [body]).map((event) =>
        changeOf(event, nowUs),
      );
      for (const change of changes) backend.state.saveChange(change);
      return json({ events: changes.map(({ changeId }) => ({ id: changeId })) }, 201);
    },
  }),
];

type RangeQuery = Parameters<typeof rangeOf>[0];

function telemetryRange(query: RangeQuery, { clock }: ApiContext['backend']) {
  return rangeOf(query, { nowUs: clock.nowUs(), defaultUs: TELEMETRY_RANGE_US });
}

function listEndpoints(
  query: RangeQuery & {
    readonly service?: string | undefined;
    readonly slices?: boolean | undefined;
  },
  { backend }: ApiContext,
) {
  const range = telemetryRange(query, backend);
  const ofService = query.service === undefined ? {} : { service: query.service };
  const slices = query.slices === true;
  const sums = new Map<string, { requests: number; errors: number }>();
  const sliced = new Map<string, Endpoint>();
  for (const tally of backend.telemetry.readTallies({ range, ...ofService, slices })) {
    const sum = sums.get(tally.endpoint.endpointId) ?? { requests: 0, errors: 0 };
    if (tally.endpoint.slice) sliced.set(tally.endpoint.endpointId, tally.endpoint);
    sum.requests += tally.count;
    sum.errors += tally.errorCount;
    sums.set(tally.endpoint.endpointId, sum);
  }
  const baselines = backend.baselines();
  const endpoints = backend.telemetry
    .listEndpoints(range)
    .filter((endpoint) => query.service === undefined || endpoint.service === query.service);
  return [...endpoints, ...sliced.values()]
    .map((endpoint) => ({
      ...endpointJson(endpoint),
      requests: sums.get(endpoint.endpointId)?.requests ?? 0,
      errors: sums.get(endpoint.endpointId)?.errors ?? 0,
      hasBaseline: baselines.has(endpoint.endpointId),
    }))
    .sort((a, b) => b.requests - a.requests || (a.id < b.id ? -1 : 1));
}

/** The id is a hash of the content, so that a sender may repeat itself. */
function changeOf(event: z.output<typeof BODIES.change>, nowUs: number): ChangeEvent {
  const { time, ...facts } = event;
  const timeUs = time === undefined ? nowUs : timeOf(time, nowUs);
  const attributes = Object.entries(facts.attributes).sort(([a], [b]) => (a < b ? -1 : 1));
  const content = [timeUs, facts.kind, facts.service, facts.version, facts.description, attributes];
  const changeId = createHash('sha256').update(JSON.stringify(content)).digest('hex').slice(0, 16);
  return { changeId, timeUs, ...compact(facts) };
}
