/**
 * HTTP probe: GET a path of a registered service, read values of its JSON answer by JSONPath. The state of a
 * running system comes and goes, so one look is not enough: see runHttpProbe().
 */
import { setTimeout as wait } from 'node:timers/promises';
import { jsonpath } from 'json-p3';
import type { Config } from '../../config/config.ts';
import type { ProbeSpec } from '../../model/hypothesis.ts';
import type { Expression } from '../../rulebook/expression.ts';
import { serviceUrl } from '../../rulebook/probe-target.ts';
import type { Value } from '../../rulebook/value.ts';
import { askJson } from './ask.ts';
import { inconclusive, type ProbeResult, settle } from './outcome.ts';

export interface AskingContext {
  readonly config: Config['probes'];
  readonly ask: typeof fetch;
  readonly signal: AbortSignal;
}

/** How often a state is looked at before it counts as absent. */
export interface Sampling {
  readonly count: number;
  readonly everyMs: number;
}

/** A look ends at the first confirmation; one that finds nothing costs the report six waits, 0.9 s. */
export const DEFAULT_SAMPLING: Sampling = { count: 7, everyMs: 150 };

type JsonValue = Parameters<typeof jsonpath.query>[1];

/**
 * Confirms as soon as one sample does; refutes only when every sample does. The samples together take no
 * longer than the time box; a target that does not answer is not asked again.
 */
export async function runHttpProbe(
  spec: Extract<ProbeSpec, { kind: 'http' }>,
  context: AskingContext & { readonly sampling: Sampling },
): Promise<ProbeResult> {
  const { config, sampling } = context;
  const service = Object.hasOwn(config.services, spec.service)
    ? config.services[spec.service]
    : undefined;
  if (service?.debugUrl === undefined) {
    return inconclusive({
      zh: `配置中没有登记服务 "${spec.service}" 的 debugUrl`,
      en: `No debugUrl is registered for service "${spec.service}"`,
    });
  }
  const url = serviceUrl(service.debugUrl, spec.path);
  const deadline = AbortSignal.timeout(config.timeoutMs);
  const results: ProbeResult[] = [];
  while (results.length < sampling.count && !context.signal.aborted) {
    if (results.length > 0) await wait(sampling.everyMs);
    if (results.length > 0 && deadline.aborted) break;
    const { result, isAnswered } = await lookOnce(url, { spec, context });
    if (result.outcome === 'confirm' || !isAnswered) return result;
    results.push(result);
  }
  return summarise(results);
}

async function lookOnce(
  url: URL,
  options: {
    readonly spec: Extract<ProbeSpec, { kind: 'http' }>;
    readonly context: AskingContext;
  },
): Promise<{ readonly result: ProbeResult; readonly isAnswered: boolean }> {
  const { spec, context } = options;
  const answer = await askJson(url, {
    ask: context.ask,
    signal: context.signal,
    timeoutMs: context.config.timeoutMs,
    // Health endpoints that report CRITICAL with 503 still report; other failures say nothing.
    acceptsStatus: (status) => status === 200 || status === 503,
  });
  if (answer.kind === 'none') return { result: inconclusive(answer.reason), isAnswered: false };
  const result = settle(spec, (leaf) => readPlace(leaf, answer.document));
  return { result, isAnswered: true };
}

/** None of the samples confirms. */
function summarise(results: readonly ProbeResult[]): ProbeResult {
  const last = results.at(-1);
  if (!last) return inconclusive({ zh: '分析已被中止', en: 'The analysis was stopped' });
  const isRefuted = results.every(({ outcome }) => outcome === 'refute');
  const { zh, en } = last.observed;
  return {
    outcome: isRefuted ? 'refute' : 'inconclusive',
    observed: {
      zh: `${zh}（最后一次，共采样 ${results.length} 次，均未证实）`,
      en: `${en} (the last of ${results.length} samples, none of which confirms)`,
    },
  };
}

/** The first value at a path: a number, text or truth value; anything else is no value. */
function readPlace(leaf: Expression, document: unknown): Value {
  if (leaf.kind !== 'path') return undefined;
  const nodes = jsonpath.query(leaf.path, document as JsonValue); // the document came from JSON.parse
  const [value] = nodes.values();
  return typeof value === 'number' || typeof value === 'string' || typeof value === 'boolean'
    ? value
    : undefined;
}
