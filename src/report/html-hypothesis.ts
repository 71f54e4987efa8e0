/** One hypothesis on the report page: what it says, what speaks for and against it, and what its probes found. */
import { html, type SafeHtml } from '../base/page.ts';
import type { Evidence, ProbeRun, VerifiedHypothesis } from '../model/hypothesis.ts';
import type { Report } from '../model/report.ts';
import {
  EVIDENCE_SHOWN,
  effectsOf,
  errorLine,
  evidenceOf,
  figuresOf,
  fold,
  refutationOf,
  sourceOfProbe,
  strengthOf,
  verdictLabel,
} from './digest.ts';
import { dateTime, durationOfMs, percent } from './format.ts';
import type { PageContext } from './html-context.ts';
import { culpritLabel } from './labels.ts';

export interface HypothesisContext extends PageContext {
  readonly report: Report;
  readonly isOpen: boolean;
  /** The remedy of the cause stands at the top of the page. */
  readonly isCause: boolean;
}

export function hypothesisHtml(
  hypothesis: VerifiedHypothesis,
  context: HypothesisContext,
): SafeHtml {
  const { lang, words } = context;
  const { labels } = words;
  const against = evidenceOf(hypothesis, 'against');
  return html`<details class="card hypothesis" id="${hypothesis.hypothesisId}"${context.isOpen ? html` open` : undefined}>
<summary><span class="rank">${hypothesis.hypothesisId}</span><strong>${hypothesis.statement[lang]}</strong>
<span class="badge ${hypothesis.verdict}">${verdictLabel(hypothesis, context)}</span>${reasonHtml(hypothesis, context)}</summary>
<p class="soft small">${factLine(hypothesis, context)}</p>
<h4>${labels.evidenceFor}</h4>
${evidenceTable(evidenceOf(hypothesis, 'for'), context)}
${against.length > 0 ? html`<h4>${labels.evidenceAgainst}</h4>${evidenceTable(against, context)}` : undefined}
${
  hypothesis.predictions.length > 0
    ? html`<h4>${labels.predictions}</h4><ul>${hypothesis.predictions.map((prediction) => html`<li>${prediction[lang]}</li>`)}</ul>`
    : undefined
}
${counterfactualHtml(hypothesis, context)}${effectsHtml(hypothesis, context)}<h4>${labels.probes}</h4>
${
  hypothesis.probes.length === 0
    ? html`<p class="soft">${labels.noProbes}</p>`
    : hypothesis.probes.map((probe) => probeHtml(probe, { ...context, hypothesis }))
}
${hypothesis.fix && !context.isCause ? html`<div class="fix"><strong>${labels.fix}</strong><p>${hypothesis.fix[lang]}</p></div>` : undefined}
</details>`;
}

/** A refuted hypothesis says why at a glance. */
function reasonHtml(
  hypothesis: VerifiedHypothesis,
  { lang, words }: PageContext,
): SafeHtml | undefined {
  const reason = hypothesis.verdict === 'refuted' ? refutationOf(hypothesis) : undefined;
  if (reason === undefined) return undefined;
  return html`<span class="reason soft small">${words.labels.reason}${words.phrases.colon}${reason[lang]}</span>`;
}

/** Effects are told under their cause, each with its own evidence, folded. */
function effectsHtml(
  hypothesis: VerifiedHypothesis,
  context: HypothesisContext,
): SafeHtml | undefined {
  const effects = effectsOf(hypothesis, context.report);
  if (effects.length === 0) return undefined;
  const pages = effects.map((effect) =>
    hypothesisHtml(effect, { ...context, isOpen: false, isCause: false }),
  );
  return html`<details class="more"><summary>${context.words.phrases.effects(effects.length)}</summary>${pages}</details>
`;
}

function counterfactualHtml(
  { counterfactual }: VerifiedHypothesis,
  { lang, words }: PageContext,
): SafeHtml | undefined {
  if (counterfactual === undefined) return undefined;
  return html`<h4>${words.labels.counterfactual}</h4><p>${counterfactual.statement[lang]}</p>
`;
}

function factLine(hypothesis: VerifiedHypothesis, { words, linkTo }: PageContext): SafeHtml {
  const { labels } = words;
  const rule =
    hypothesis.ruleId === undefined
      ? undefined
      : html` · ${labels.rule} ${linkTo(`/api/v1/rules/${encodeURIComponent(hypothesis.ruleId)}`, hypothesis.ruleId)}`;
  const effect =
    hypothesis.effectOf === undefined
      ? undefined
      : html` · ${labels.effectOf} <a href="#${hypothesis.effectOf}">${hypothesis.effectOf}</a>`;
  const error = errorLine(hypothesis);
  return html`${labels.posterior} <strong>${percent(hypothesis.posterior)}</strong> · ${labels.kind} ${words.causeKinds[hypothesis.kind]} · ${labels.culprit} <code>${culpritLabel(hypothesis.culprit)}</code>${error === undefined ? undefined : html` · ${labels.error} <code>${error}</code>`}${rule}${effect}`;
}

function evidenceTable(evidence: readonly Evidence[], context: PageContext): SafeHtml {
  const { words } = context;
  if (evidence.length === 0) return html`<p class="soft">${words.labels.none}</p>`;
  const { shown, rest } = fold(evidence, EVIDENCE_SHOWN.cause);
  const rowsOf = (items: readonly Evidence[]) =>
    html`<table class="evidence"><tbody>${items.map((item) => evidenceRow(item, context))}</tbody></table>`;
  return html`${rowsOf(shown)}
${rest.length > 0 ? html`<details class="more"><summary>${words.phrases.andMore(rest.length)}</summary>${rowsOf(rest)}</details>` : undefined}`;
}

/** The statement holds the numbers with their units and links to the query that shows them. */
function evidenceRow(item: Evidence, { lang, words, linkTo }: PageContext): SafeHtml {
  const strength = strengthOf(item);
  const figures = figuresOf(item, words);
  return html`<tr><td><span class="badge">${words.sources[item.source]}</span></td>
<td class="statement">${linkTo(item.link, item.statement[lang])}${figures === undefined ? undefined : html` <span class="soft small figures">${figures}</span>`}</td>
<td class="strength ${strength}" title="${words.labels.strength}">${words.strengths[strength]}</td></tr>`;
}

function probeHtml(
  probe: ProbeRun,
  { lang, words, hypothesis }: PageContext & { readonly hypothesis: VerifiedHypothesis },
): SafeHtml {
  const { labels } = words;
  const { plan } = probe;
  const source = sourceOfProbe(hypothesis, plan.probeId);
  return html`<div class="probe"><span class="badge ${probe.outcome}">${words.outcomes[probe.outcome]}</span>
${source === undefined ? undefined : html`<span class="badge">${words.sources[source]}</span>`} <strong>${words.probeKinds[plan.kind]}</strong>
<span class="soft small">${dateTime(probe.ranAtUs)} UTC · ${durationOfMs(probe.durationMs)}</span>
<dl><dt>${labels.expectation}</dt><dd>${plan.expectation[lang]}</dd>
<dt>${labels.observed}</dt><dd>${probe.observed[lang]}</dd>
<dt>${labels.target}</dt><dd><code>${plan.target}</code></dd>
<dt>${labels.rerun}</dt><dd><pre>${plan.rerun}</pre></dd></dl></div>`;
}
