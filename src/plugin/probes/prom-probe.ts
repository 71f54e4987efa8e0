/**
 * PromQL probe: an instant query of the registered Prometheus; `value` in an expectation is the greatest value
 * over the result's series. An empty result says nothing.
 */
import { z } from 'zod';
import { US_PER_SECOND } from '../../base/time.ts';
import type { ProbeSpec } from '../../model/hypothesis.ts';
import { serviceUrl } from '../../rulebook/probe-target.ts';
import { askJson } from './ask.ts';
import type { AskingContext } from './http-probe.ts';
import { inconclusive, type ProbeResult, settle } from './outcome.ts';

const sample = z.tuple([z.number(), z.string()]);

/** https://prometheus.io/docs/prometheus/latest/querying/api/#instant-queries */
const queryAnswer = z.discriminatedUnion('status', [
  z.object({
    status: z.literal('success'),
    data: z.discriminatedUnion('resultType', [
      z.object({
        resultType: z.literal('vector'),
        result: z.array(z.object({ value: sample.optional() })),
      }),
      z.object({ resultType: z.literal('scalar'), result: sample }),
    ]),
  }),
  z.object({ status: z.literal('error'), errorType: z.string().max(64) }),
]);

export async function runPromProbe(
  spec: Extract<ProbeSpec, { kind: 'prom' }>,
  options: AskingContext & {
    /** Time the query is asked for: the end of the window. */
    readonly atUs: number;
  },
): Promise<ProbeResult> {
  const { config, ask, signal, atUs } = options;
  if (config.prometheusUrl === undefined) {
    return inconclusive({ zh: '配置中没有 prometheusUrl', en: 'No prometheusUrl is configured' });
  }
  const url = serviceUrl(config.prometheusUrl, '/api/v1/query');
  url.searchParams.set('query', spec.query);
  url.searchParams.set('time', String(atUs / US_PER_SECOND));
  const answer = await askJson(url, {
    ask,
    signal,
    timeoutMs: config.timeoutMs,
    // Prometheus says what is wrong with a query under 400, 422 and 503.
    acceptsStatus: (status) => [200, 400, 422, 503].includes(status),
  });
  if (answer.kind === 'none') return inconclusive(answer.reason);
  const parsed = queryAnswer.safeParse(answer.document);
  if (!parsed.success) {
    return inconclusive({
      zh: '回答不符合 Prometheus 协议',
      en: 'The answer does not follow the Prometheus protocol',
    });
  }
  if (parsed.data.status === 'error') {
    const { errorType } = parsed.data;
    return inconclusive({
      zh: `Prometheus 拒绝了查询：${errorType}`,
      en: `Prometheus refused the query: ${errorType}`,
    });
  }
  const values = valuesOf(parsed.data.data);
  if (values.length === 0) {
    return inconclusive({ zh: '查询结果为空', en: 'The query returned no series' });
  }
  const value = values.reduce((most, one) => Math.max(most, one), Number.NEGATIVE_INFINITY);
  return settle(spec, (leaf) => (leaf.kind === 'value' ? value : undefined));
}

type QueryData = Extract<z.infer<typeof queryAnswer>, { status: 'success' }>['data'];

function valuesOf(data: QueryData): readonly number[] {
  const samples =
    data.resultType === 'scalar' ? [data.result] : data.result.map(({ value }) => value);
  return samples
    .map((one) => (one === undefined ? Number.NaN : Number(one[1])))
    .filter((value) => Number.isFinite(value));
}
