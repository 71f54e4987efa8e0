/** Routes about alarms: silences for maintenance, and how service level objectives stand. */
import { createHash } from 'node:crypto';
import type { z } from 'zod';
import { AppError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { formatTime, US_PER_DAY } from '../../base/time.ts';
import { jsonNumber, rangeJson } from '../../model/json.ts';
import type { Silence } from '../../model/silence.ts';
import type { SloStatus } from '../../model/slo.ts';
import { ANSWERS } from '../answers.ts';
import { BODIES, PARAMS, QUERIES } from '../requests.ts';
import {
  type ApiContext,
  answerOf,
  compact,
  defineRoute,
  json,
  pageOf,
  type Route,
  rangeOf,
} from '../route.ts';

export const alertingRoutes: readonly Route[] = [
  defineRoute('GET /api/v1/silences', {
    summary: 'Silences that hold or will; with ?expired=true also those that have ended',
    query: QUERIES.silences,
    answers: {
      200: answerOf('A page of silences, the one that ends last first', ANSWERS.silences),
    },
    run: ({ query }, { backend }) => {
      const nowUs = backend.clock.nowUs();
      const silences = backend.alertingStore.listSilences({
        endAfterUs: query.expired === true ? 0 : nowUs,
      });
      const items = silences.map((silence) => silenceJson(silence, nowUs));
      return json(pageOf(items, query));
    },
  }),
  defineRoute('POST /api/v1/silences', {
    summary: 'Keep a part of the system quiet: no investigation, no alert, no learning',
    body: BODIES.silence,
    answers: { 201: answerOf('It is kept', ANSWERS.silence) },
    run: ({ body }, context) => {
      const { backend } = context;
      const nowUs = backend.clock.nowUs();
      const silence = silenceOf(body, nowUs);
      const { alertingStore } = backend;
      if (alertingStore.listSilences({ endAfterUs: nowUs }).length >= LIMITS.silencesMax) {
        throw new AppError(
          'request.invalid',
          `Cannot add a silence: ${LIMITS.silencesMax} are kept, which is the limit; remove some`,
        );
      }
      alertingStore.saveSilence(silence);
      return json(silenceJson(silence, nowUs), 201);
    },
  }),
  defineRoute('DELETE /api/v1/silences/:id', {
    summary: 'End a silence now; one that has not begun is removed',
    params: PARAMS.silence,
    answers: { 200: answerOf('As it was until now', ANSWERS.silence) },
    run: ({ params }, context) => json(endSilence(params.id, context)),
  }),
  defineRoute('GET /api/v1/slos', {
    summary: 'Service level objectives: burn rates and the error budget that is left',
    answers: { 200: answerOf('All that are configured', ANSWERS.slos) },
    run: (_input, { backend }) => json({ items: backend.slos().map(sloJson) }),
  }),
];

function silenceOf(body: z.output<typeof BODIES.silence>, nowUs: number): Silence {
  const { service, endpoint } = body;
  const matchers = compact({ service, endpoint, ...body.matchers });
  if (Object.keys(matchers).length === 0) {
    throw new AppError(
      'request.invalid',
      'Cannot add a silence that names nothing: give service, endpoint or matchers; {"service":"*"} is everything',
    );
  }
  const range = rangeOf({ from: body.from ?? 'now', to: body.to }, { nowUs, defaultUs: 0 });
  if (range.toUs <= nowUs) {
    throw new AppError('request.invalid', 'Cannot add a silence that has ended: "to" is past');
  }
  if (range.toUs - range.fromUs > LIMITS.silenceDaysMax * US_PER_DAY) {
    throw new AppError(
      'request.invalid',
      `Cannot add a silence of more than ${LIMITS.silenceDaysMax} days`,
    );
  }
  const facts = { matchers, range, comment: body.comment, createdBy: body.createdBy };
  const content = JSON.stringify([facts, nowUs]);
  const silenceId = createHash('sha256').update(content).digest('hex').slice(0, 16);
  return { silenceId, ...facts, createdAtUs: nowUs };
}

function endSilence(silenceId: string, { backend }: ApiContext) {
  const nowUs = backend.clock.nowUs();
  const silence = backend.alertingStore.findSilence(silenceId);
  if (!silence) {
    throw new AppError('request.not_found', `Cannot find silence "${silenceId}"`, {
      offendingValue: silenceId,
    });
  }
  const { fromUs, toUs } = silence.range;
  const ended = { ...silence, range: { fromUs, toUs: Math.max(fromUs, Math.min(toUs, nowUs)) } };
  if (ended.range.toUs === fromUs) backend.alertingStore.deleteSilence(silenceId);
  else backend.alertingStore.saveSilence(ended);
  return silenceJson(ended, nowUs);
}

function silenceJson(silence: Silence, nowUs: number) {
  const { silenceId, matchers, range, comment, createdBy, createdAtUs } = silence;
  const status = nowUs >= range.toUs ? 'expired' : nowUs < range.fromUs ? 'pending' : 'active';
  return {
    id: silenceId,
    status,
    matchers,
    ...rangeJson(range),
    comment,
    createdBy,
    createdAt: formatTime(createdAtUs),
  };
}

function sloJson({ range, burnRates, ...status }: SloStatus) {
  return {
    ...status,
    range: rangeJson(range),
    burnRates: burnRates.map(({ rate, ...window }) => ({ ...window, rate: jsonNumber(rate) })),
  };
}
