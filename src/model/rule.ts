/** A rule: knowledge of one failure mode as data. docs/rules.md describes each field. */
import type { CauseKind, EvidenceSource } from './hypothesis.ts';
import type { Text } from './text.ts';

export interface RuleEvidence {
  readonly id: string;
  readonly kind: EvidenceSource;
  /** Log-odds the evidence adds when its test holds. */
  readonly weight: number;
  /** Without it the rule is silent. */
  readonly required: boolean;
  /** Expression of src/rulebook/expression.ts. */
  readonly test: string;
  readonly statement?: Text;
}

export interface RuleProbe {
  readonly id: string;
  readonly use: 'http' | 'prom' | 'store';
  /** http: `{{service.debug_url}}/path`; prom: PromQL with {{service.prom_selector}}. */
  readonly target?: string;
  readonly confirm?: string;
  readonly refute?: string;
  readonly expectation?: Text;
}

/** Which part of the system a rule looks at and blames. */
export interface RuleSubject {
  /** One finding per service, per called target of a service, or per version of a service. */
  readonly per: 'service' | 'target' | 'version';
  /** callee: the called service, when its spans are known, else the target as a dependency of the caller. */
  readonly blame: 'self' | 'callee';
  /** Span filter (src/rulebook/expression.ts): the spans that show the cause; absent: those of appliesWhen. */
  readonly spans?: string;
  /** Attribute of those spans that names the resource: a pool, a knowledge base, a model. */
  readonly resource?: string;
}

export interface Rule {
  readonly id: string;
  readonly title: Text;
  readonly cause: CauseKind;
  readonly stages: readonly string[];
  readonly source: readonly { readonly title: string; readonly section?: string }[];
  /** Span filter: the rule looks at services with such spans in anomalous traces. */
  readonly appliesWhen: Readonly<Record<string, string | readonly string[]>>;
  readonly subject: RuleSubject;
  readonly evidence: readonly RuleEvidence[];
  readonly contradictions: readonly (RuleEvidence & { readonly hint?: string })[];
  /** Rule ids whose finding explains this one away. */
  readonly effectOf: readonly string[];
  readonly probes: readonly RuleProbe[];
  readonly thresholds: Readonly<Record<string, number>>;
  readonly statement: Text;
  readonly fix: Text;
  readonly faults: readonly {
    readonly bot: string;
    readonly name: string;
    readonly params?: Readonly<Record<string, number | string>>;
  }[];
  readonly mustNotFireOn: readonly string[];
}

/** All rules of a folder and the hash over their texts. */
export interface Rulebook {
  readonly rules: readonly Rule[];
  /** sha256 over the sorted files, hex. */
  readonly rulesHash: string;
}
