/** Routes about Taproot itself: health, readiness, counters, the API's own description. */
import { z } from 'zod';
import { formatPrometheus } from '../../base/counters.ts';
import { ANSWERS } from '../answers.ts';
import { answerOf, defineRoute, json, type Route } from '../route.ts';

export const serviceRoutes: readonly Route[] = [
  defineRoute('GET /healthz', {
    summary: 'The process answers',
    answers: { 200: answerOf('It does', ANSWERS.health) },
    run: () => json({ status: 'ok' }),
  }),
  defineRoute('GET /readyz', {
    summary: 'The service accepts telemetry and queries',
    answers: {
      200: answerOf('It does', ANSWERS.health),
      503: answerOf('Not yet, or no longer', ANSWERS.health),
    },
    run: (_input, { backend }) =>
      backend.isReady() ? json({ status: 'ok' }) : json({ status: 'starting' }, 503),
  }),
  defineRoute('GET /metrics', {
    summary: 'Our own counters as Prometheus text',
    answers: { 200: { description: 'Counters', content: { 'text/plain': undefined } } },
    run: async (_input, { backend }) => ({
      kind: 'text',
      status: 200,
      contentType: 'text/plain; version=0.0.4; charset=utf-8',
      body: formatPrometheus(await backend.counterSamples()),
    }),
  }),
  defineRoute('GET /api/v1/openapi.json', {
    summary: 'This document',
    answers: { 200: answerOf('OpenAPI 3.1', z.record(z.string(), z.unknown())) },
    run: (_input, { document }) => json(document()),
  }),
];
