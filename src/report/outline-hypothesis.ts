/** Step 3 as plain blocks: each hypothesis with its evidence and what its probes found. */
import type { Evidence, ProbeRun, VerifiedHypothesis } from '../model/hypothesis.ts';
import type { Report } from '../model/report.ts';
import {
  EVIDENCE_SHOWN,
  effectsOf,
  errorLine,
  evidenceOf,
  figuresOf,
  fold,
  leadsOf,
  refutationOf,
  sourceOfProbe,
  strengthOf,
  verdictLabel,
} from './digest.ts';
import { dateTime, durationOfMs, percent } from './format.ts';
import { culpritLabel } from './labels.ts';
import { type Block, type Context, type ListItem, restItem, stepHeading } from './outline-block.ts';

export function verifyBlocks(report: Report, context: Context): Block[] {
  const { labels, phrases } = context.words;
  const standing = leadsOf(report);
  const refuted = report.hypotheses.filter((h) => h.verdict === 'refuted');
  const sources = report.consensus.sources.map((source) => context.words.sources[source]);
  const blocks: Block[] = [
    stepHeading(3, labels.verify, report.times.verifyMs, context.words),
    {
      kind: 'paragraph',
      text: `${labels.consensus}${phrases.colon}${sources.join(' + ') || labels.none}${phrases.inBrackets(labels.consensusRule)}`,
    },
  ];
  if (report.hypotheses.length === 0) {
    blocks.push({ kind: 'paragraph', text: labels.noHypotheses });
  } else {
    blocks.push({ kind: 'paragraph', text: labels.beliefNote });
  }
  const causeId = report.rootCause ?? standing[0]?.hypothesisId;
  for (const hypothesis of standing) {
    const isCause = hypothesis.hypothesisId === causeId;
    blocks.push(...hypothesisBlocks(hypothesis, { ...context, report, isCause }));
    blocks.push(...effectBlocks(hypothesis, { ...context, report, isCause }));
  }
  if (refuted.length > 0) {
    blocks.push({ kind: 'heading', level: 3, text: labels.refutedOnes });
    for (const hypothesis of refuted) {
      blocks.push(...hypothesisBlocks(hypothesis, { ...context, report, isCause: false }));
    }
  }
  return blocks;
}

interface HypothesisContext extends Context {
  readonly report: Report;
  readonly isCause: boolean;
}

/** Effects of a cause, a line each: all about them stands in the page and the JSON form. */
function effectBlocks(
  cause: VerifiedHypothesis,
  { lang, words, report }: HypothesisContext,
): Block[] {
  const effects = effectsOf(cause, report);
  if (effects.length === 0) return [];
  return [
    { kind: 'heading', level: 4, text: words.phrases.effects(effects.length) },
    {
      kind: 'list',
      items: effects.map((effect) => ({
        text: `${effect.hypothesisId} ${effect.statement[lang]}${words.phrases.inBrackets(verdictLabel(effect, { report, words }))}`,
      })),
    },
  ];
}

function hypothesisBlocks(hypothesis: VerifiedHypothesis, context: HypothesisContext): Block[] {
  const { lang, words, isCause } = context;
  const { labels } = words;
  const error = errorLine(hypothesis);
  const facts = [
    verdictLabel(hypothesis, context),
    `${labels.posterior} ${percent(hypothesis.posterior)}`,
    `${labels.kind} ${words.causeKinds[hypothesis.kind]}`,
    `${labels.culprit} ${culpritLabel(hypothesis.culprit)}`,
    ...(error === undefined ? [] : [`${labels.error} ${error}`]),
    ...(hypothesis.ruleId ? [`${labels.rule} ${hypothesis.ruleId}`] : []),
    ...(hypothesis.effectOf ? [`${labels.effectOf} ${hypothesis.effectOf}`] : []),
  ];
  const blocks: Block[] = [
    {
      kind: 'heading',
      level: 3,
      text: `${hypothesis.hypothesisId} ${hypothesis.statement[lang]}`,
    },
    { kind: 'paragraph', text: facts.join(' · ') },
  ];
  const reason = hypothesis.verdict === 'refuted' ? refutationOf(hypothesis) : undefined;
  if (reason !== undefined) {
    const text = `${labels.reason}${words.phrases.colon}${reason[lang]}`;
    blocks.push({ kind: 'list', items: [{ text, tone: 'bad' }] });
  }
  for (const direction of ['for', 'against'] as const) {
    const { shown, rest } = fold(
      evidenceOf(hypothesis, direction),
      isCause ? EVIDENCE_SHOWN.cause : EVIDENCE_SHOWN.other,
    );
    if (shown.length === 0) continue;
    const title = direction === 'for' ? labels.evidenceFor : labels.evidenceAgainst;
    blocks.push({ kind: 'heading', level: 4, text: title });
    blocks.push({
      kind: 'list',
      items: [
        ...shown.map((item) => evidenceItem(item, { lang, words })),
        ...restItem(rest.length, words),
      ],
    });
  }
  if (isCause && hypothesis.predictions.length > 0) {
    blocks.push({ kind: 'heading', level: 4, text: labels.predictions });
    blocks.push({
      kind: 'list',
      items: hypothesis.predictions.map((prediction) => ({ text: prediction[lang] })),
    });
  }
  if (hypothesis.counterfactual !== undefined) {
    blocks.push({ kind: 'heading', level: 4, text: labels.counterfactual });
    blocks.push({
      kind: 'list',
      items: [{ text: hypothesis.counterfactual.statement[lang] }],
    });
  }
  for (const probe of hypothesis.probes) {
    blocks.push(...probeBlocks(probe, { ...context, hypothesis }));
  }
  return blocks;
}

function evidenceItem(evidence: Evidence, { lang, words }: Context): ListItem {
  const kind = `${words.sources[evidence.source]}, ${words.strengths[strengthOf(evidence)]}`;
  const figures = figuresOf(evidence, words);
  const end = figures === undefined ? '' : words.phrases.inBrackets(figures);
  return {
    text: `[${kind}] ${evidence.statement[lang]}${end}`,
    ...(evidence.direction === 'against' ? { tone: 'bad' as const } : {}),
    ...(evidence.link === undefined ? {} : { href: evidence.link }),
  };
}

const OUTCOME_TONES = { confirm: 'good', refute: 'bad', inconclusive: 'warn' } as const;

/** The cause's probes in full; of the others what was expected and found. */
function probeBlocks(
  probe: ProbeRun,
  context: HypothesisContext & { readonly hypothesis: VerifiedHypothesis },
): Block[] {
  const { lang, words, isCause } = context;
  const { labels } = words;
  const { plan } = probe;
  const source = sourceOfProbe(context.hypothesis, plan.probeId);
  const counted = source === undefined ? '' : words.phrases.inBrackets(words.sources[source]);
  const rows: (readonly [string, string])[] = [
    [labels.expectation, plan.expectation[lang]],
    [labels.observed, probe.observed[lang]],
  ];
  if (isCause) {
    rows.unshift([labels.target, plan.target]);
    rows.push([labels.ranAt, `${dateTime(probe.ranAtUs)} UTC, ${durationOfMs(probe.durationMs)}`]);
  }
  return [
    {
      kind: 'heading',
      level: 4,
      text: `${labels.probe}${words.phrases.colon}${words.probeKinds[plan.kind]}`,
    },
    {
      kind: 'list',
      items: [
        {
          text: `${words.outcomes[probe.outcome]}${counted}`,
          tone: OUTCOME_TONES[probe.outcome],
        },
        ...rows.map(([label, value]) => ({ text: `${label}${words.phrases.colon}${value}` })),
      ],
    },
    ...(isCause ? [{ kind: 'code', text: plan.rerun } as const] : []),
  ];
}
