/**
 * What a channel hands over: a suspected cause with the evidence that one kind of signal holds for it, and
 * the small rules that all channels share: how strong evidence may get, and where it can be looked up.
 */
import type { TimeRange } from '../base/time.ts';
import { US_PER_MS } from '../base/time.ts';
import type {
  CauseKind,
  Culprit,
  Evidence,
  ProbePlan,
  SuspectPattern,
} from '../model/hypothesis.ts';
import type { Rule } from '../model/rule.ts';
import type { Text } from '../model/text.ts';

/**
 * What kind of trouble a statement shows. It decides which causes elsewhere can have passed it on: a slow
 * callee makes its caller slow, but does not change which steps the caller takes.
 */
export type Aspect = 'time' | 'failure' | 'flow' | 'resource' | 'load' | 'change';

/** Evidence before it gets its id. */
export type EvidenceDraft = Omit<Evidence, 'evidenceId'> & {
  /** Absent: what the suspicion's kind of cause shows, see aspectOf(). */
  readonly aspect?: Aspect;
  /** Absent: as the suspicion says. */
  readonly isOwn?: boolean;
};

export interface Suspicion {
  readonly culprit: Culprit;
  readonly kind: CauseKind;
  readonly evidence: readonly EvidenceDraft[];
  /**
   * True when the evidence lies in the culprit itself: own time, processor, deepest failure. False when it
   * may as well be passed on from something the culprit calls: its latency as a whole, its error log.
   */
  readonly isOwn: boolean;
  /** Share of the asked-about trouble that it accounts for, 0–1; absent: not known. */
  readonly share?: number;
  /**
   * True when it only backs what other evidence suspects: a latency gauge where spans tell the latency
   * first-hand. Alone it makes no hypothesis.
   */
  readonly isSupport?: boolean;
  /** Which spans show it; absent: spans of the culprit's service. */
  readonly pattern?: SuspectPattern;
  readonly detail?: Readonly<Record<string, string>>;
  /** Services that meet the cause, when they are more than the culprit's: callers of a shared database. */
  readonly services?: readonly string[];
  readonly rule?: Rule;
  readonly probePlans?: readonly ProbePlan[];
}

/** What the evidence for a kind of cause usually shows. */
export function aspectOf(kind: CauseKind): Aspect {
  return ASPECTS[kind];
}

const ASPECTS: Readonly<Record<CauseKind, Aspect>> = {
  cpu: 'resource',
  memory: 'resource',
  gc: 'resource',
  'event-loop': 'resource',
  lock: 'resource',
  leak: 'resource',
  disk: 'resource',
  network: 'time',
  code: 'flow',
  pool: 'resource',
  retry: 'failure',
  timeout: 'failure',
  deadline: 'failure',
  dependency: 'time',
  database: 'time',
  cache: 'time',
  queue: 'time',
  knowledge: 'flow',
  platform: 'failure',
  channel: 'failure',
  quota: 'failure',
  auth: 'failure',
  certificate: 'failure',
  deploy: 'change',
  config: 'change',
  traffic: 'load',
  latency: 'time',
  error: 'failure',
  telemetry: 'flow',
};

/** No single statement may decide alone: 8 nats are odds of 3000 : 1. */
export const EVIDENCE_WEIGHT_MAX = 8;

/** Near llr while small, never above the cap: 1 → 0.94, 8 → 5.1, 100 → 8. */
export function softCapped(llr: number, cap = EVIDENCE_WEIGHT_MAX): number {
  return llr <= 0 ? 0 : cap * (1 - Math.exp(-llr / cap));
}

/**
 * A likelihood ratio, less what the suspect leaves unexplained: × √share. However sure it is that something
 * changed, with 4 % of the trouble (× 0.2) it is hardly the cause of the trouble.
 */
export function explainedWeight(llr: number, explainedShare: number): number {
  return softCapped(llr) * Math.sqrt(Math.min(1, Math.max(explainedShare, 0)));
}

export function tracesLink(
  filter: {
    readonly service: string;
    readonly operation?: string;
    readonly minDurationMs?: number;
  },
  range: TimeRange,
): string {
  return `/api/v1/traces?${query({ ...filter }, range)}`;
}

export function logsLink(
  filter: { readonly service: string; readonly template: string },
  range: TimeRange,
): string {
  return `/api/v1/logs?${query({ ...filter }, range)}`;
}

export function metricLink(
  filter: { readonly service: string; readonly name: string },
  range: TimeRange,
): string {
  return `/api/v1/metrics/query?${query({ ...filter }, range)}`;
}

function query(
  filter: Readonly<Record<string, string | number | undefined>>,
  range: TimeRange,
): string {
  const parts = Object.entries(filter)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${encodeURIComponent(String(value))}`);
  const from = Math.floor(range.fromUs / US_PER_MS);
  const to = Math.ceil(range.toUs / US_PER_MS);
  return [...parts, `from=${from}`, `to=${to}`].join('&');
}

export function text(zh: string, en: string): Text {
  return { zh, en };
}

export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
