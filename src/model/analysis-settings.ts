/**
 * The few numbers by which evidence becomes belief. There is one setting for all systems; `taproot bench rca
 * --set name=value` tries another, to show how much (or little) the results hang on it.
 */
export interface AnalysisSettings {
  /** "None of these" is as likely as a suspect of this score: e³ ≈ 20 : 1 evidence is still a coin toss. */
  readonly noneScore: number;
  /** Kinds of evidence overlap: this share of their sum becomes belief. */
  readonly beliefPerScore: number;
  /** One kind of signal may not outvote all others by repeating itself: most nats a source may bring. */
  readonly sourceWeightMax: number;
  /** A cause explains others in full from this score (20 : 1); a weaker one in proportion. */
  readonly credibleScore: number;
  /** Most nats that a cause gains by what it explains elsewhere: half of one statement. */
  readonly gainMax: number;
  /** A suspect of which less than this share is explained by another stands for itself. */
  readonly explainedShareMin: number;
  /** Fault-free windows of the reference that are asked about as if they were the incident. */
  readonly placeboRuns: number;
  /** Log-odds that the first hypothesis is right = base + perScore × its score + perLead × its lead. */
  readonly confidenceBase: number;
  readonly confidencePerScore: number;
  /** The lead over the best rival at another place, or over what fault-free windows bring forth. */
  readonly confidencePerLead: number;
  /** Below this confidence no root cause is named. */
  readonly confidenceMin: number;
}

export const ANALYSIS_SETTINGS: AnalysisSettings = {
  noneScore: 3,
  beliefPerScore: 0.5,
  sourceWeightMax: 10,
  credibleScore: 3,
  gainMax: 4,
  explainedShareMin: 0.5,
  placeboRuns: 4,
  confidenceBase: -3.3,
  confidencePerScore: 0.27,
  confidencePerLead: 0.47,
  confidenceMin: 0.5,
};
