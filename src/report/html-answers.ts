/**
 * The three answers at the top of the page, which are three different things: what caused it, where it showed
 * first, and who is hit. Without a cause the first says so, and marks the best lead as what it is.
 */
import { html, type SafeHtml } from '../base/page.ts';
import type { ImpactBy, Report } from '../model/report.ts';
import { onlyValueOf } from './blast-radius.ts';
import {
  abstainedText,
  causeOf,
  endpointLine,
  impactFacts,
  LEADS_SHOWN,
  leadsOf,
  shareText,
  spreadText,
} from './digest.ts';
import { percent, timeOfDay } from './format.ts';
import type { PageContext } from './html-context.ts';
import { attributeLabel, culpritLabel } from './labels.ts';
import { shareBar } from './share-bar.ts';

export function answersHtml(report: Report, context: PageContext): SafeHtml {
  const { labels } = context.words;
  return html`<div class="answers">
<section class="answer" id="root-cause"><h2>${causeOf(report) ? labels.rootCause : labels.noCause}</h2>${causeAnswer(report, context)}</section>
<section class="answer" id="first-symptom"><h2>${labels.firstSymptom}</h2>${symptomAnswer(report, context)}</section>
<section class="answer" id="impact"><h2>${labels.impact}</h2>${impactAnswer(report, context)}</section>
</div>`;
}

function causeAnswer(report: Report, context: PageContext): SafeHtml {
  const { lang, words } = context;
  const { labels } = words;
  const cause = causeOf(report);
  if (cause === undefined) return leadsAnswer(report, context);
  const onset = cause.path?.onsetUs;
  return html`<p><a href="#${cause.hypothesisId}"><strong>${culpritLabel(cause.culprit)}</strong></a></p>
<p class="soft small">${words.causeKinds[cause.kind]} · ${words.confidence} ${percent(report.confidence)}${onset === undefined ? undefined : html` · <a href="#timeline">${labels.firstSeen} ${timeOfDay(onset)}</a>`}</p>
${cause.counterfactual ? html`<p class="small">${cause.counterfactual.statement[lang]}</p>` : undefined}`;
}

/** What the first suspects are, as a start for people, and why none of them is called the cause. */
function leadsAnswer(report: Report, { lang, words }: PageContext): SafeHtml {
  const { labels, phrases } = words;
  const leads = leadsOf(report).slice(0, LEADS_SHOWN);
  if (leads.length === 0) return html`<p class="soft">${labels.noHypotheses}</p>`;
  const items = leads.map(
    (lead) =>
      html`<li><a href="#${lead.hypothesisId}">${lead.statement[lang]}</a><span class="soft">${phrases.inBrackets(`${labels.posterior} ${percent(lead.posterior)}`)}</span></li>`,
  );
  const why = abstainedText(report, words);
  return html`<p class="soft small">${labels.bestLead}</p><ol>${items}</ol>
${why === undefined ? undefined : html`<p class="small"><strong>${labels.whyAbstained}</strong>${phrases.colon}${why}</p>`}`;
}

function symptomAnswer({ firstSymptom }: Report, { lang, words, linkTo }: PageContext): SafeHtml {
  if (firstSymptom === undefined) return html`<p class="soft">${words.labels.unknown}</p>`;
  const { service, operation } = firstSymptom.culprit;
  const query = new URLSearchParams({
    service,
    ...(operation === undefined ? {} : { operation }),
    from: String(Math.floor(firstSymptom.timeUs / 1000)),
    to: String(Math.ceil(firstSymptom.timeUs / 1000) + 1),
  });
  return html`<p>${linkTo(`/api/v1/traces?${query}`, html`<strong>${culpritLabel(firstSymptom.culprit)}</strong>`)}</p>
<p class="soft small">${firstSymptom.statement[lang]}</p>`;
}

function impactAnswer(report: Report, { words }: PageContext): SafeHtml {
  const facts = impactFacts(report, words).map(
    ([label, value]) => html`<dt>${label}</dt><dd>${value}</dd>`,
  );
  const only = (report.impact.by ?? []).flatMap((by) => {
    const value = onlyValueOf(by);
    return value === undefined
      ? []
      : [
          html`<p><strong>${words.phrases.onlyValue(attributeLabel(by, words), value)}</strong></p>`,
        ];
  });
  return html`${only}<dl class="pairs">${facts}</dl>`;
}

/** How the affected requests spread; reports without the counts list endpoints and bots alone. */
export function blastRadiusHtml(report: Report, context: PageContext): SafeHtml | undefined {
  const { words } = context;
  const { impact } = report;
  if (impact.by === undefined) {
    const lines = [
      ...impact.endpoints.map(
        (endpoint) =>
          html`<li><code>${endpoint.service} ${endpoint.operation}</code> <span class="soft">${endpointLine(endpoint, words)}</span></li>`,
      ),
      ...(impact.bots.length > 0
        ? [html`<li>Bot${words.phrases.colon}${impact.bots.join(', ')}</li>`]
        : []),
    ];
    return lines.length === 0
      ? undefined
      : html`<section id="blast-radius"><h2>${words.labels.blastRadius}</h2><ul class="small">${lines}</ul></section>`;
  }
  if (impact.by.length === 0) return undefined;
  return html`<section id="blast-radius"><h2>${words.labels.blastRadius}</h2>
<div class="radii">${impact.by.map((by) => radiusHtml(by, context))}</div></section>`;
}

function radiusHtml(by: ImpactBy, { words }: PageContext): SafeHtml {
  const only = onlyValueOf(by);
  const rows = by.values.map(
    (value) =>
      html`<li><code>${value.value}</code> ${shareBar(value.affected / Math.max(1, value.requests))} <span class="soft">${shareText(value, words)}</span></li>`,
  );
  return html`<section><h3>${attributeLabel(by, words)} <span class="soft small">${spreadText(by, words)}</span></h3>
${only === undefined ? undefined : html`<p><strong>${words.phrases.onlyValue(attributeLabel(by, words), only)}</strong></p>`}
${rows.length === 0 ? undefined : html`<ul class="radius small">${rows}</ul>`}</section>`;
}
