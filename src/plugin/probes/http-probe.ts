/** HTTP probe: GET a path of a registered service, read values of its JSON answer by JSONPath. */
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

type JsonValue = Parameters<typeof jsonpath.query>[1];

export async function runHttpProbe(
  spec: Extract<ProbeSpec, { kind: 'http' }>,
  { config, ask, signal }: AskingContext,
): Promise<ProbeResult> {
  const service = Object.hasOwn(config.services, spec.service)
    ? config.services[spec.service]
    : undefined;
  if (service?.debugUrl === undefined) {
    return inconclusive({
      zh: `配置中没有登记服务 "${spec.service}" 的 debugUrl`,
      en: `No debugUrl is registered for service "${spec.service}"`,
    });
  }
  const answer = await askJson(serviceUrl(service.debugUrl, spec.path), {
    ask,
    signal,
    timeoutMs: config.timeoutMs,
    // Health endpoints that report CRITICAL with 503 still report; other failures say nothing.
    acceptsStatus: (status) => status === 200 || status === 503,
  });
  if (answer.kind === 'none') return inconclusive(answer.reason);
  return settle(spec, (leaf) => readPlace(leaf, answer.document));
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
