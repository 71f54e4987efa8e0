/**
 * The report as one HTML file: no script, no other files, readable at 3 am. The first screen answers what
 * broke, how sure that is, who is hit and what to do; below it stand the three steps with all evidence.
 */
import { html, renderPage, type SafeHtml, safeHref } from '../base/page.ts';
import type { Report } from '../model/report.ts';
import type { Language } from '../model/text.ts';
import { chronicleOf } from './chronicle.ts';
import { clusterLabels } from './cluster-label.ts';
import {
  ANOMALIES_SHOWN,
  anomaliesByScore,
  causeOf,
  decisionLabel,
  fold,
  leadsOf,
  referenceLabel,
  reportLabel,
  timesLine,
  triggerLabel,
} from './digest.ts';
import { count, dateTime, duration, durationOfMs, percent, timeOfDay } from './format.ts';
import { answersHtml, blastRadiusHtml } from './html-answers.ts';
import type { PageContext } from './html-context.ts';
import { hypothesisHtml } from './html-hypothesis.ts';
import { rangeLabel, scopeLabel } from './labels.ts';
import { anomalyPicture } from './picture-svg.ts';
import { chainText, propagationMapOf } from './propagation-map.ts';
import { propagationSvg } from './propagation-svg.ts';
import { shareBar } from './share-bar.ts';
import { classSentence } from './summary.ts';
import { type Words, wordsOf } from './words.ts';

export interface HtmlOptions {
  /** Origin of the API for links out of a saved file: http://127.0.0.1:4400. Default: the page's own. */
  readonly apiBase?: string;
}

export function renderHtml(report: Report, lang: Language, options: HtmlOptions = {}): string {
  const words = wordsOf(lang);
  const base = safeHref(options.apiBase)?.replace(/\/+$/, '') ?? '';
  const context: PageContext = {
    lang,
    words,
    linkTo: (address, text) => {
      const href = safeHref(address?.startsWith('/') ? `${base}${address}` : address);
      return href === undefined ? html`${text}` : html`<a href="${href}">${text}</a>`;
    },
  };
  const own = `/reports/${encodeURIComponent(report.reportId)}`;
  const otherLang = lang === 'zh' ? 'en' : 'zh';
  return renderPage({
    lang,
    title: `${reportLabel(report, words)} · ${report.summary[lang]}`,
    header: html`<strong>Taproot</strong>
${context.linkTo(`/reports?lang=${lang}`, words.allReports)}
${context.linkTo(`/incidents?lang=${lang}`, words.incidents)}
${context.linkTo(`${own}?lang=${otherLang}`, words.otherLanguage)}`,
    body: html`<main>
${heroHtml(report, context)}
${blastRadiusHtml(report, context)}
${propagationHtml(report, context)}
${timelineHtml(report, context)}
${collectHtml(report, context)}
${clusterHtml(report, context)}
${verifyHtml(report, context)}
</main>
${footerHtml(report, context)}`,
  });
}

function heroHtml(report: Report, context: PageContext): SafeHtml {
  const { lang, words } = context;
  const { labels } = words;
  const cause = causeOf(report);
  const incomplete =
    report.status === 'complete'
      ? undefined
      : html`<span class="badge ${report.status}">${words.statuses[report.status]}</span>`;
  const scope = scopeLabel(report.scope);
  const facts = [
    [labels.window, rangeLabel(report.window)],
    [labels.reference, referenceLabel(report, words)],
    [labels.trigger, triggerLabel(report, words)],
    ...(scope === '' ? [] : [[labels.scope, scope]]),
    [labels.took, timesLine(report, words)],
  ];
  return html`<section class="card hero ${report.verdict}" id="verdict">
<div class="verdict-row">
<span class="badge large ${report.verdict}">${reportLabel(report, words)}</span>
${report.hypotheses.length === 0 ? undefined : confidenceHtml(report, words)}
${incomplete}
</div>
<h1 class="cause">${cause?.statement[lang] ?? report.summary[lang]}</h1>
${cause?.fix ? html`<div class="fix"><strong>${labels.fix}</strong><p>${cause.fix[lang]}</p></div>` : undefined}
${answersHtml(report, context)}
${nextStepsHtml(report, context)}
</section>
<dl class="pairs soft small">${facts.map(([label, value]) => html`<dt>${label}</dt><dd>${value}</dd>`)}</dl>`;
}

function confidenceHtml(report: Report, words: Words): SafeHtml {
  return html`<span title="${words.labels.beliefNote}">${words.confidence} <strong>${percent(report.confidence)}</strong>
<meter min="0" max="1" value="${report.confidence}">${percent(report.confidence)}</meter></span>
<span class="soft">${decisionLabel(report, words)}</span>`;
}

function nextStepsHtml(report: Report, { lang, words }: PageContext): SafeHtml | undefined {
  if (report.nextSteps.length === 0) return undefined;
  return html`<div class="fix"><strong>${words.labels.nextSteps}</strong>
<ul>${report.nextSteps.map((step) => html`<li>${step[lang]}</li>`)}</ul></div>`;
}

function timelineHtml(report: Report, { lang, words }: PageContext): SafeHtml | undefined {
  const entries = chronicleOf(report);
  if (entries.length === 0) return undefined;
  const items = entries.map(
    (entry) => html`<li class="${entry.kind}"><time>${timeOfDay(entry.timeUs)}</time>
<span class="soft">${words.timelineKinds[entry.kind]}</span><span>${entry.text[lang]}</span></li>`,
  );
  return html`<section id="timeline"><h2>${words.labels.timeline}</h2><ol class="timeline">${items}</ol></section>`;
}

function propagationHtml(report: Report, { words }: PageContext): SafeHtml | undefined {
  if (report.propagation.edges.length === 0) return undefined;
  const map = propagationMapOf(report);
  const chain = chainText(map, words);
  return html`<section id="propagation"><h2>${words.labels.propagation}</h2>
${chain === undefined ? undefined : html`<p>${chain}</p>`}
${propagationSvg(map, words)}
<p class="soft small">${words.labels.propagationNote}</p></section>`;
}

function stepTitle(step: number, title: string, ms: number): SafeHtml {
  return html`<h2><span class="step">${step}</span>${title}<span class="took">${durationOfMs(ms)}</span></h2>`;
}

function collectHtml(report: Report, context: PageContext): SafeHtml {
  const { lang, words } = context;
  const { labels } = words;
  const { signals, gaps, telemetryQuality } = report.collect;
  const anomalies = fold(anomaliesByScore(report), ANOMALIES_SHOWN);
  const counts = (['traces', 'spans', 'logs', 'metrics', 'profiles', 'changes'] as const).map(
    (signal) => html`<div><dt>${labels[signal]}</dt><dd>${count(signals[signal])}</dd></div>`,
  );
  const itemsOf = (list: Report['collect']['anomalies']) =>
    list.map((anomaly) => html`<li>${anomaly.statement[lang]}${anomalyPicture(anomaly)}</li>`);
  return html`<section id="collect">${stepTitle(1, labels.collect, report.times.collectMs)}
<dl class="facts">${counts}</dl>
${anomalies.shown.length > 0 ? html`<h3>${labels.anomalies}</h3><ul class="pictures">${itemsOf(anomalies.shown)}</ul>` : undefined}
${foldedHtml(anomalies.rest.length, html`<ul>${itemsOf(anomalies.rest)}</ul>`, words)}
<h3>${labels.gaps}</h3>
${gaps.length === 0 ? html`<p class="soft">${labels.noGaps}</p>` : gapListHtml(gaps, context)}
${telemetryQuality.length > 0 ? html`<h3>${labels.quality}</h3>${gapListHtml(telemetryQuality, context)}` : undefined}
</section>`;
}

function foldedHtml(restCount: number, list: SafeHtml, { phrases }: Words): SafeHtml | undefined {
  if (restCount === 0) return undefined;
  return html`<details class="more"><summary>${phrases.andMore(restCount)}</summary>${list}</details>`;
}

function gapListHtml(gaps: Report['collect']['gaps'], { lang, words }: PageContext): SafeHtml {
  return html`<ul>${gaps.map(
    (gap) => html`<li><strong>${gap.what[lang]}</strong>
<span class="soft">${gap.why[lang]}</span><br>${words.labels.effect}${words.phrases.colon}${gap.effect[lang]}${gap.remedy && html`<br>${words.labels.remedy}${words.phrases.colon}${gap.remedy[lang]}`}</li>`,
  )}</ul>`;
}

function clusterHtml(report: Report, context: PageContext): SafeHtml {
  const { words, lang } = context;
  const { labels } = words;
  const names = clusterLabels(report.clusters);
  const rows = report.clusters.map((cluster) =>
    clusterRow(cluster, report, { ...context, name: names.get(cluster.clusterId) ?? '' }),
  );
  const sentence = classSentence(report)?.[lang];
  const table = html`${sentence === undefined ? '' : html`<p>${sentence}</p>`}<p class="soft">${words.phrases.coverage(count(report.anomalousCount), percent(report.clusterCoverage))}</p>
<div class="scroll"><table class="clusters cards"><thead><tr><th></th><th>${labels.share}</th><th class="number">${labels.count}</th>
<th>${labels.signature}</th><th>${labels.firstSeen}</th><th>${labels.ownTime}</th></tr></thead><tbody>${rows}</tbody></table></div>`;
  return html`<section id="cluster">${stepTitle(2, labels.cluster, report.times.clusterMs)}
${report.clusters.length === 0 ? html`<p class="soft">${labels.noClusters}</p>` : table}
</section>`;
}

function clusterRow(
  cluster: Report['clusters'][number],
  report: Report,
  { words, linkTo, name }: PageContext & { readonly name: string },
): SafeHtml {
  const { labels } = words;
  const around = `from=${Math.floor(report.window.fromUs / 1000)}&to=${Math.ceil(report.window.toUs / 1000)}`;
  const contrasts = cluster.contrasts.map(
    (contrast) =>
      html`<li><code>${Object.entries(contrast.attributes)
        .map(([key, value]) => `${key}=${value}`)
        .join(
          ' ',
        )}</code> ×${Number.isFinite(contrast.lift) ? count(contrast.lift) : '∞'} · ${percent(contrast.coverage)}</li>`,
  );
  const exemplars = cluster.exemplars.map(
    (traceId) =>
      html` ${linkTo(`/api/v1/traces/${encodeURIComponent(traceId)}?${around}`, html`<code>${traceId.slice(0, 8)}</code>`)}`,
  );
  return html`<tr id="${cluster.clusterId}"><td class="nowrap">${cluster.clusterId}</td><td class="nowrap">${shareBar(cluster.share)} ${percent(cluster.share)}</td>
<td class="number" data-label="${labels.count}">${count(cluster.count)}</td>
<td class="statement"><span class="badge">${words.clusterKinds[cluster.kind]}</span> <code>${name}</code>
${contrasts.length > 0 ? html`<h4>${labels.contrast}</h4><ul class="small">${contrasts}</ul>` : undefined}
${exemplars.length > 0 ? html`<p class="small soft">${labels.exemplars}${exemplars}</p>` : undefined}</td>
<td class="nowrap" data-label="${labels.firstSeen}">${timeOfDay(cluster.firstSeenUs)}</td><td class="nowrap" data-label="${labels.ownTime}">${duration(cluster.selfUsP50)} (${duration(cluster.referenceSelfUsP50)})</td></tr>`;
}

function verifyHtml(report: Report, context: PageContext): SafeHtml {
  const { words } = context;
  const { labels } = words;
  const standing = leadsOf(report);
  const refuted = report.hypotheses.filter((h) => h.verdict === 'refuted');
  const cause = causeOf(report);
  const sources = report.consensus.sources.map((source) => words.sources[source]).join(' + ');
  return html`<section id="verify">${stepTitle(3, labels.verify, report.times.verifyMs)}
<p>${labels.consensus}${words.phrases.colon}<strong>${sources || labels.none}</strong>
<span class="soft small">${words.phrases.inBrackets(labels.consensusRule)}</span></p>
<p class="soft small">${report.hypotheses.length === 0 ? labels.noHypotheses : labels.beliefNote}</p>
${standing.map((hypothesis) => hypothesisHtml(hypothesis, { ...context, report, isOpen: hypothesis === (cause ?? standing[0]), isCause: hypothesis === cause }))}
${refuted.length > 0 ? html`<h3>${labels.refutedOnes}</h3>${refuted.map((hypothesis) => hypothesisHtml(hypothesis, { ...context, report, isOpen: false, isCause: false }))}` : undefined}
</section>`;
}

function footerHtml(report: Report, { words }: PageContext): SafeHtml {
  const { labels } = words;
  return html`<footer>
<p>${labels.created} ${dateTime(report.createdAtUs)} · ${labels.utc} · Taproot ${report.engine.version} · <code>${report.reportId}</code></p>
<p>${labels.rulesHash} <code>${report.engine.rulesHash}</code><br>${labels.dataHash} <code>${report.dataHash}</code><br>${labels.reportHash} <code>${report.reportHash}</code></p>
<p class="no-print">${labels.verifyAgain}${words.phrases.colon}<code>npx taproot verify ${report.reportId}</code></p>
</footer>`;
}
