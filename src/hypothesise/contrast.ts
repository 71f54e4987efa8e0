/**
 * Channel "what the bad ones have in common": attribute values and versions that the clusters found to set
 * anomalous spans apart from others of the same operation.
 */
import { formatNumber, formatP, formatPercent } from '../base/quantity.ts';
import {
  type AttributeCondition,
  type Cluster,
  type Contrast,
  isOneValue,
} from '../model/cluster.ts';
import type { Culprit, SuspectPattern } from '../model/hypothesis.ts';
import type { Facts } from './facts.ts';
import { compareText, type Suspicion, softCapped, text, tracesLink } from './suspicion.ts';

const VERSION_KEYS: ReadonlySet<string> = new Set(['service.version', 'deployment.version']);
/** A split that leaves this many of the bad spans out does not describe them. */
const COVERAGE_MIN = 0.5;
const LIFT_MIN = 1.5;
/** A contrast says who is hit, less why: it weighs less than where the time goes. */
const WEIGHT_MAX = 4;

export function suspectContrasts(facts: Facts): Suspicion[] {
  const suspicions: Suspicion[] = [];
  for (const cluster of facts.clustered.clustering.clusters) {
    const version = cluster.contrasts.find((contrast) => versionOf(contrast) !== undefined);
    const attributes = cluster.contrasts.find((contrast) => versionOf(contrast) === undefined);
    for (const contrast of [version, attributes]) {
      if (contrast === undefined) continue;
      if (contrast.coverage < COVERAGE_MIN || contrast.lift < LIFT_MIN) continue;
      suspicions.push(suspicionOf(cluster, contrast, facts));
    }
  }
  return suspicions;
}

function versionOf({ attributes }: Contrast): string | undefined {
  const entries = Object.entries(attributes);
  const [first] = entries;
  return entries.length === 1 && first && VERSION_KEYS.has(first[0]) ? first[1] : undefined;
}

/** Conditions whose text stands for more than one value. */
function wideConditions({ conditions }: Contrast): readonly AttributeCondition[] {
  return (conditions ?? []).filter((condition) => !isOneValue(condition));
}

/** Attributes that are one value: a pattern compares texts. */
function exactAttributes(contrast: Contrast): Record<string, string> {
  const wide = new Set(wideConditions(contrast).map(({ key }) => key));
  return Object.fromEntries(Object.entries(contrast.attributes).filter(([key]) => !wide.has(key)));
}

/** The attributes of a culprit that a contrast names. */
export function attributesOf(contrast: Contrast): Pick<Culprit, 'attributes' | 'conditions'> {
  const conditions = wideConditions(contrast);
  return {
    attributes: contrast.attributes,
    ...(conditions.length === 0 ? {} : { conditions }),
  };
}

const CALLS = {
  error: text('的失败调用', 'failed calls'),
  latency: text('的慢调用', 'slow calls'),
} as const;

function suspicionOf(cluster: Cluster, contrast: Contrast, facts: Facts): Suspicion {
  const { service, operation, errorType } = cluster.signature;
  const version = versionOf(contrast);
  const symptom = cluster.kind === 'error' ? 'error' : 'latency';
  const culprit: Culprit =
    version === undefined
      ? { service, operation, ...attributesOf(contrast) }
      : { service, version };
  const pattern: SuspectPattern = {
    service,
    operation,
    attributes: exactAttributes(contrast),
    ...(errorType === '' ? {} : { errorType }),
  };
  const calls = CALLS[symptom];
  const lift = Number.isFinite(contrast.lift)
    ? text(
        `是正常调用的 ${formatNumber(contrast.lift)} 倍`,
        `${formatNumber(contrast.lift)} times the share among the others`,
      )
    : text('正常调用中一个也没有', 'none of the others do');
  const values = Object.entries(contrast.attributes)
    .map(([key, value]) => `${key}=${value}`)
    .sort(compareText)
    .join(', ');
  return {
    culprit,
    kind: version === undefined ? symptom : 'deploy',
    // Whoever calls the faulty part with these values shows the same contrast.
    isOwn: version !== undefined,
    pattern,
    evidence: [
      {
        source: 'trace',
        direction: 'for',
        statement: text(
          `${service} ${operation} ${calls.zh}中 ${formatPercent(contrast.coverage)} 带有 ${values}，${lift.zh}（${formatP(contrast.pValue)}）`,
          `${formatPercent(contrast.coverage)} of the ${calls.en} of ${service} ${operation} carry ${values}, ${lift.en} (${formatP(contrast.pValue)})`,
        ),
        value: contrast.coverage,
        expected: contrast.coverage / contrast.lift,
        unit: '1',
        n: cluster.count,
        weight: Math.max(
          0,
          softCapped(-Math.log(Math.max(contrast.pValue, 1e-300)) / 2, WEIGHT_MAX) +
            Math.log(contrast.coverage * cluster.share ** 0.5),
        ),
        link: tracesLink({ service, operation }, facts.clustered.window.range),
      },
    ],
  };
}
