/** Suspected causes, what speaks for and against them, and the probes that check them. */
import type { AttributeCondition } from './cluster.ts';
import type { Text } from './text.ts';

export const EVIDENCE_SOURCES = ['trace', 'log', 'metric', 'profile', 'state', 'change'] as const;
export type EvidenceSource = (typeof EVIDENCE_SOURCES)[number];

/** Evidence that is a probe's answer has an id that begins so; the rest of the id is the probe's. */
export const PROBE_EVIDENCE_PREFIX = 'probe:';

/** One statement with numbers, of one kind. */
export interface Evidence {
  readonly evidenceId: string;
  readonly source: EvidenceSource;
  readonly direction: 'for' | 'against';
  readonly statement: Text;
  /** Measured now, and expected without the fault; units in the statement. NaN is not allowed: leave out. */
  readonly value?: number;
  readonly expected?: number;
  /** UCUM unit of the two: 'us'; '1' for a share; the metric's own. */
  readonly unit?: string;
  /** 95 % interval of the value, in its unit. */
  readonly interval?: readonly [low: number, high: number];
  /** Observations behind the value. */
  readonly n: number;
  /** Log-likelihood ratio, natural log: > 0 speaks for the hypothesis. */
  readonly weight: number;
  /** API path of the query that shows it. */
  readonly link?: string;
}

/** The part of the system that is blamed. */
export interface Culprit {
  readonly service: string;
  readonly operation?: string;
  readonly resource?: string;
  readonly dependency?: string;
  readonly version?: string;
  readonly attributes?: Readonly<Record<string, string>>;
  /** Those of the attributes whose text stands for more than one value. */
  readonly conditions?: readonly AttributeCondition[];
}

/** What kind of thing went wrong, from the process outwards. */
export const CAUSE_KINDS = [
  // The process and its machine.
  'cpu',
  'memory',
  'gc',
  'event-loop',
  'lock',
  /** Goroutines, threads, timers, descriptors that are never given back. */
  'leak',
  'disk',
  'network',
  // The code, and how it calls others.
  'code',
  'pool',
  'retry',
  'timeout',
  'deadline',
  // What is called.
  'dependency',
  'database',
  'cache',
  'queue',
  'knowledge',
  /** The platform the service runs on or calls as a customer: a model's provider, a bot platform, a cloud. */
  'platform',
  /** What carries messages to and from users: Feishu, WeChat and the like. */
  'channel',
  // What is permitted.
  'quota',
  'auth',
  'certificate',
  // What somebody changed, or sent more of.
  'deploy',
  'config',
  'traffic',
  // Only what is seen: nothing says yet what does it.
  'latency',
  'error',
  /** The telemetry itself: what looks like trouble is how it was measured. */
  'telemetry',
] as const;
export type CauseKind = (typeof CAUSE_KINDS)[number];

export type Verdict = 'confirmed' | 'likely' | 'unverified' | 'refuted';

export type ProbeKind = 'store' | 'http' | 'prom';
export type ProbeOutcome = 'confirm' | 'refute' | 'inconclusive';

/** A check with an expectation written before it runs. */
export interface ProbePlan {
  readonly probeId: string;
  readonly kind: ProbeKind;
  /** What is asked, resolved and allowed: a URL, a PromQL text, a name of a store query. For people. */
  readonly target: string;
  /** What must hold if the hypothesis is true. */
  readonly expectation: Text;
  readonly spec: ProbeSpec;
  /** A command that asks the same again. */
  readonly rerun: string;
}

export type ProbeSpec =
  | {
      readonly kind: 'http';
      readonly service: string;
      readonly path: string;
      readonly confirm: string;
      readonly refute?: string;
    }
  | {
      readonly kind: 'prom';
      readonly query: string;
      readonly confirm: string;
      readonly refute?: string;
    }
  | { readonly kind: 'store'; readonly query: StoreCheck };

/** Comparisons on stored telemetry. */
export type StoreCheck =
  /** Of the traces that are bad, how many carry the suspect; of those that are good, how many. */
  | {
      readonly kind: 'cohort';
      readonly suspect: SuspectPattern;
    }
  /** Whether requests get worse and better as a metric of a service rises and falls. */
  | {
      readonly kind: 'dose';
      readonly service: string;
      readonly metric: string;
    };

/** Which spans show the suspected cause. All given fields must match. */
export interface SuspectPattern {
  readonly service: string;
  readonly operation?: string;
  readonly target?: string;
  /** Only spans that call this other service. */
  readonly callee?: string;
  readonly errorType?: string;
  /** Only failed spans, of whatever type. */
  readonly isError?: true;
  readonly attributes?: Readonly<Record<string, string>>;
  /** Span counts as showing the cause only when it took at least this long itself. */
  readonly selfUsMin?: number;
  /** … or lasted this long with its children. */
  readonly durationUsMin?: number;
  /** How a trace with such spans differs from what usually goes on in them. */
  readonly flow?: FlowBreak;
}

/** What runs of an operation usually do and the broken ones do not, or the other way round. */
export type FlowBreak =
  | { readonly kind: 'lacks-call'; readonly service: string; readonly operation: string }
  | {
      readonly kind: 'lacks-line' | 'has-line';
      /** Place in the code, or id of the template where no place is known. */
      readonly line: string;
      /** For people. */
      readonly text: string;
    }
  /** Messages that this service has not begun to take so long after they were sent. */
  | { readonly kind: 'late-message'; readonly service: string; readonly waitUsMin: number };

export interface ProbeRun {
  readonly plan: ProbePlan;
  readonly outcome: ProbeOutcome;
  readonly observed: Text;
  /** Log-likelihood ratio of the outcome, where the probe itself can tell; > 0 speaks for the hypothesis. */
  readonly weight?: number;
  readonly placebo?: Placebo;
  readonly ranAtUs: number;
  readonly durationMs: number;
}

/** An operation on the way from the symptom to the cause. */
export interface Hop {
  readonly service: string;
  readonly operation: string;
}

/** What the bad requests show of a cause: how they get there, and what they meet. */
export interface CausePath {
  /** From the symptom down, without the culprit itself; empty when the culprit is the symptom. */
  readonly chain: readonly Hop[];
  /** The commonest error of the culprit's spans, when they fail. */
  readonly error?: { readonly type: string; readonly message: string };
  /** Address of what the culprit's spans call, as sent. */
  readonly peer?: string;
  /** First bad span. */
  readonly onsetUs: number;
}

/** The same check applied to what is certainly innocent: how often it confirmed all the same. */
export interface Placebo {
  readonly confirmed: number;
  readonly tried: number;
}

/** What the asked-about requests would be like without the suspect, from stored traces. */
export interface Counterfactual {
  readonly statement: Text;
  /** What from, to and interval count: microseconds of a latency quantile, or the share of failed requests. */
  readonly measure: 'latency' | 'errors';
  readonly from: number;
  readonly to: number;
  /** 95 % interval of `to`. */
  readonly interval: readonly [low: number, high: number];
  /** Requests that were recomputed. */
  readonly n: number;
  /** Share of the symptom (extra time, or extra failures) that goes away, 0–1, with its 95 % interval. */
  readonly explainedShare: number;
  readonly explainedInterval: readonly [low: number, high: number];
}

export interface Hypothesis {
  /** h1, h2 … by rank. */
  readonly hypothesisId: string;
  readonly ruleId?: string;
  readonly culprit: Culprit;
  readonly kind: CauseKind;
  readonly detail?: Readonly<Record<string, string>>;
  readonly statement: Text;
  /** Absent when no bad request shows the culprit. */
  readonly path?: CausePath;
  /** Sum of the evidence's weights. */
  readonly score: number;
  /** Share of belief among all hypotheses and "none of these", 0–1. */
  readonly posterior: number;
  readonly evidence: readonly Evidence[];
  readonly predictions: readonly Text[];
  readonly probePlans: readonly ProbePlan[];
  readonly fix?: Text;
  /** Id of the hypothesis that explains this one away. */
  readonly effectOf?: string;
  /** Further hypotheses that would explain it, best first, each with what to say then. */
  readonly otherCauses?: readonly { readonly hypothesisId: string; readonly statement: Text }[];
  /** Id of the evidence that says what explains it. */
  readonly explanationId?: string;
}

/** How suspicious fault-free windows of the reference look. */
export interface Noise {
  /** Windows that were asked about. */
  readonly windows: number;
  /** Score that the most suspicious place of such a window reaches, see src/hypothesise/placebo.ts. */
  readonly score: number;
}

export interface VerifiedHypothesis extends Hypothesis {
  readonly verdict: Verdict;
  readonly probes: readonly ProbeRun[];
  /** Absent where stored traces cannot tell: no reference, no spans of the suspect, too few requests. */
  readonly counterfactual?: Counterfactual | undefined;
}

export interface Consensus {
  /** Kinds of evidence that agree on the first hypothesis. */
  readonly sources: readonly EvidenceSource[];
  readonly decision: 'automatic' | 'probable' | 'human review';
}
