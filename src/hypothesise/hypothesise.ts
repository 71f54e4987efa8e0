/**
 * Third step of an investigation, first half: who may have caused it. Each channel looks at one kind of
 * signal; suspicions about the same cause are merged, effects are explained away along the call graph, and
 * what is left is ranked together with "none of these". Predictions and probes are written here; nothing runs.
 */
import { LIMITS } from '../base/limits.ts';
import { softmax } from '../base/statistics.ts';
import type { Config } from '../config/config.ts';
import { ANALYSIS_SETTINGS, type AnalysisSettings } from '../model/analysis-settings.ts';
import type { Evidence, Hypothesis, Noise } from '../model/hypothesis.ts';
import type { Clustered } from '../model/investigation.ts';
import type { Rulebook } from '../model/rule.ts';
import { suspectChanges } from './change.ts';
import { suspectContrasts } from './contrast.ts';
import { remedyFor, stateCause } from './describe.ts';
import { explainAway, type RankedSuspect } from './explain.ts';
import { type Facts, gatherFacts } from './facts.ts';
import { suspectFailures } from './failure.ts';
import { suspectLogs } from './log.ts';
import { suspectLostCallers } from './lost-caller.ts';
import { mergeSuspicions, type Suspect } from './merge.ts';
import { suspectMetrics } from './metric.ts';
import { suspectMissingCalls } from './missing-call.ts';
import { suspectNetwork } from './network.ts';
import { suspectOwnTime } from './own-time.ts';
import { type Followed, followSuspects } from './path.ts';
import { type PlaceboScores, placeboLevel, placeboScores, withPlacebos } from './placebo.ts';
import { planProbes, predict } from './plan.ts';
import { suspectProfiles } from './profile.ts';
import { suspectQueues } from './queue.ts';
import { suspectByRules } from './rule.ts';
import { type Suspicion, text } from './suspicion.ts';
import { suspectTelemetry } from './telemetry-fault.ts';
import { suspectTraffic } from './traffic.ts';
import { suspectTransitions } from './transition.ts';
import { suspectVersions } from './version.ts';

/** What evidence is worth when nothing shows what is normal. */
const UNCOMPARED_SHARE = 0.5;

interface HypothesiseOptions {
  readonly rulebook: Rulebook;
  readonly probes: Config['probes'];
  readonly settings?: AnalysisSettings;
}

/** What fault-free windows of the reference look like when they are asked about in the same way. */
export interface Placebos {
  readonly scores: readonly PlaceboScores[];
  readonly noise: Noise;
}

export function tryPlacebos(windows: readonly Clustered[], options: HypothesiseOptions): Placebos {
  const settings = options.settings ?? ANALYSIS_SETTINGS;
  const scores = windows.map((window) =>
    placeboScores(suspectsOf(gatherFacts(window), { ...options, settings })),
  );
  return { scores, noise: { windows: windows.length, score: placeboLevel(scores) } };
}

export function hypothesise(
  clustered: Clustered,
  options: HypothesiseOptions & { readonly placebos?: Placebos },
): Hypothesis[] {
  const settings = options.settings ?? ANALYSIS_SETTINGS;
  const facts = gatherFacts(clustered);
  const { placebos } = options;
  const suspects = withPlacebos(
    suspectsOf(facts, { ...options, settings }),
    placebos?.scores ?? [],
  );
  const ranked = explainAway(suspects, { facts, settings }).slice(0, LIMITS.hypothesesMax);
  const noneScore = Math.max(settings.noneScore, placebos?.noise.score ?? 0);
  const beliefs = softmax(
    [...ranked.map((suspect) => suspect.score), noneScore].map(
      (score) => score * settings.beliefPerScore,
    ),
  );
  const idOfKey = new Map(ranked.map((suspect, index) => [suspect.key, `h${index + 1}`]));
  const followed = followSuspects(ranked, facts);
  return ranked.map((suspect, index) =>
    toHypothesis(suspect, {
      index,
      posterior: beliefs[index] ?? 0,
      idOfKey,
      facts,
      ...followed[index]!, // one for each suspect
    }),
  );
}

/** What all channels suspect, put together by cause. */
function suspectsOf(
  facts: Facts,
  options: HypothesiseOptions & { readonly settings: AnalysisSettings },
): Suspect[] {
  const suspicions = [
    ...suspectOwnTime(facts),
    ...suspectNetwork(facts),
    ...suspectFailures(facts),
    ...suspectMissingCalls(facts),
    ...suspectContrasts(facts),
    ...suspectLogs(facts),
    ...suspectTransitions(facts),
    ...suspectMetrics(facts),
    ...suspectChanges(facts),
    ...suspectVersions(facts),
    ...suspectTraffic(facts),
    ...suspectQueues(facts),
    ...suspectProfiles(facts),
    ...suspectTelemetry(facts),
    ...suspectLostCallers(facts),
    ...suspectByRules(facts, options),
  ];
  const weighed = facts.hasReference ? suspicions : suspicions.map(weakened);
  return mergeSuspicions(weighed, options.settings);
}

/** Without a reference period a deviation is a guess: it weighs less and says so. */
function weakened(suspicion: Suspicion): Suspicion {
  const evidence = suspicion.evidence.map((item) => ({
    ...item,
    weight: item.weight * UNCOMPARED_SHARE,
    statement: text(
      `${item.statement.zh}（没有参照期）`,
      `${item.statement.en} (no reference period)`,
    ),
  }));
  return { ...suspicion, evidence };
}

function toHypothesis(
  ranked: RankedSuspect,
  context: Followed & {
    readonly index: number;
    readonly posterior: number;
    readonly idOfKey: ReadonlyMap<string, string>;
    readonly facts: Facts;
  },
): Hypothesis {
  const { idOfKey, facts, path } = context;
  const suspect = { ...ranked, culprit: context.culprit };
  const hypothesisId = `h${context.index + 1}`;
  const otherCauses = (suspect.otherCauses ?? []).flatMap(({ key, statement }) => {
    const otherId = idOfKey.get(key);
    return otherId === undefined ? [] : [{ hypothesisId: otherId, statement }];
  });
  const effectOf = suspect.effectOf === undefined ? undefined : idOfKey.get(suspect.effectOf);
  const evidence = suspect.evidence.map(
    (item, index): Evidence => ({ ...item, evidenceId: `${hypothesisId}.e${index + 1}` }),
  );
  return {
    hypothesisId,
    ...(suspect.rule ? { ruleId: suspect.rule.id } : {}),
    culprit: suspect.culprit,
    kind: suspect.kind,
    ...(Object.keys(suspect.detail).length > 0 ? { detail: suspect.detail } : {}),
    statement: stateCause(suspect),
    ...(path === undefined ? {} : { path }),
    score: suspect.score,
    posterior: context.posterior,
    evidence,
    predictions: predict(suspect),
    probePlans: planProbes(suspect, { hypothesisId, range: facts.clustered.window.range }),
    fix: remedyFor(suspect),
    ...(effectOf === undefined
      ? {}
      : { effectOf, explanationId: `${hypothesisId}.e${suspect.evidence.length}`, otherCauses }),
  };
}
