/** Channel "what is known": findings of the rulebook, with the probes that the rules bring along. */
import type { Config } from '../config/config.ts';
import type { Rulebook } from '../model/rule.ts';
import { evaluateRules, resolveProbes } from '../rulebook/rulebook.ts';
import type { Facts } from './facts.ts';
import type { Suspicion } from './suspicion.ts';

export function suspectByRules(
  facts: Facts,
  options: { readonly rulebook: Rulebook; readonly probes: Config['probes'] },
): Suspicion[] {
  return evaluateRules(options.rulebook, facts.clustered).map((finding) => ({
    culprit: finding.culprit,
    kind: finding.rule.cause,
    isOwn: true,
    evidence: finding.evidence,
    pattern: finding.suspect,
    rule: finding.rule,
    probePlans: resolveProbes(finding, options.probes),
  }));
}
