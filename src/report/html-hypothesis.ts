/** One hypothesis on the report page: what it says, what speaks for and against it, and what its probes found. */
import { html, type SafeHtml } from '../base/page.ts';
import type { Evidence, ProbeRun, VerifiedHypothesis } from '../model/hypothesis.ts';
import { dateTime, durationOfMs, percent, shortNumber } from './format.ts';
import type { PageContext } from './html-context.ts';
import { culpritLabel } from './labels.ts';

export interface HypothesisContext extends PageContext {
  readonly isOpen: boolean;
}

export function hypothesisHtml(
  hypothesis: VerifiedHypothesis,
  context: HypothesisContext,
): SafeHtml {
  const { lang, words } = context;
  const { labels } = words;
  const against = hypothesis.evidence.filter((item) => item.direction === 'against');
  return html`<details class="card hypothesis" id="${hypothesis.hypothesisId}"${context.isOpen ? html` open` : undefined}>
<summary><span class="rank">${hypothesis.hypothesisId}</span><strong>${hypothesis.statement[lang]}</strong>
<span class="badge ${hypothesis.verdict}">${words.verdicts[hypothesis.verdict]} · ${percent(hypothesis.posterior)}</span></summary>
<p class="soft small">${factLine(hypothesis, context)}</p>
<h4>${labels.evidenceFor}</h4>
${evidenceTable(
  hypothesis.evidence.filter((item) => item.direction === 'for'),
  context,
)}
${against.length > 0 ? html`<h4>${labels.evidenceAgainst}</h4>${evidenceTable(against, context)}` : undefined}
${
  hypothesis.predictions.length > 0
    ? html`<h4>${labels.predictions}</h4><ul>${hypothesis.predictions.map((prediction) => html`<li>${prediction[lang]}</li>`)}</ul>`
    : undefined
}
<h4>${labels.probes}</h4>
${
  hypothesis.probes.length === 0
    ? html`<p class="soft">${labels.noProbes}</p>`
    : hypothesis.probes.map((probe) => probeHtml(probe, context))
}
${hypothesis.fix ? html`<div class="fix"><strong>${labels.fix}</strong><p>${hypothesis.fix[lang]}</p></div>` : undefined}
</details>`;
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
  const detail = Object.entries(hypothesis.detail ?? {})
    .map(([key, value]) => ` · ${key}=${value}`)
    .join('');
  return html`${labels.culprit} <code>${culpritLabel(hypothesis.culprit)}</code> · ${labels.kind} ${hypothesis.kind}${rule}${effect}${detail}`;
}

function evidenceTable(evidence: readonly Evidence[], context: PageContext): SafeHtml {
  const { lang, words, linkTo } = context;
  const { labels } = words;
  if (evidence.length === 0) return html`<p class="soft">${labels.none}</p>`;
  const rows = evidence.map(
    (item) => html`<tr><td><span class="badge">${words.sources[item.source]}</span></td>
<td class="statement">${item.link === undefined || item.value !== undefined ? item.statement[lang] : linkTo(item.link, item.statement[lang])}</td>
<td class="number">${item.value === undefined ? '–' : linkTo(item.link, shortNumber(item.value))}</td>
<td class="number">${shortNumber(item.expected)}</td><td class="number">${item.n}</td></tr>`,
  );
  return html`<div class="scroll"><table class="evidence"><thead><tr><th></th><th></th><th class="number">${labels.observedValue}</th>
<th class="number">${labels.expectedValue}</th><th class="number">${labels.observations}</th></tr></thead><tbody>${rows}</tbody></table></div>`;
}

function probeHtml(probe: ProbeRun, { lang, words }: PageContext): SafeHtml {
  const { labels } = words;
  return html`<div class="probe"><span class="badge ${probe.outcome}">${words.outcomes[probe.outcome]}</span>
<span class="soft small">${probe.plan.probeId} · ${probe.plan.kind} · ${labels.ranAt} ${dateTime(probe.ranAtUs)} · ${durationOfMs(probe.durationMs)}</span>
<dl><dt>${labels.target}</dt><dd><code>${probe.plan.target}</code></dd>
<dt>${labels.expectation}</dt><dd>${probe.plan.expectation[lang]}</dd>
<dt>${labels.observed}</dt><dd>${probe.observed[lang]}</dd>
<dt>${labels.rerun}</dt><dd><pre>${probe.plan.rerun}</pre></dd></dl></div>`;
}
