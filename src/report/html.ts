/**
 * The report as one HTML file: no script, no other files, readable at 3 am. The first screen answers what
 * broke, how sure that is, who is hit and what to do; below it stand the three steps with all evidence.
 */
import { html, renderPage, type SafeHtml, safeHref } from '../base/page.ts';
import type { Report } from '../model/report.ts';
import type { Language } from '../model/text.ts';
import { dateTime, duration, durationOfMs, percent, timeOfDay } from './format.ts';
import type { PageContext } from './html-context.ts';
import { hypothesisHtml } from './html-hypothesis.ts';
import { propagationSvg, shareBar } from './html-svg.ts';
import { culpritLabel, rangeLabel, scopeLabel } from './labels.ts';
import { clusterLabel } from './timeline.ts';
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
    title: `${words.verdicts[report.verdict]} · ${report.summary[lang]}`,
    header: html`<strong>Taproot</strong>
${context.linkTo(`/reports?lang=${lang}`, words.allReports)}
${context.linkTo(`${own}?lang=${otherLang}`, words.otherLanguage)}`,
    body: html`<main>
${heroHtml(report, context)}
${timelineHtml(report, context)}
${propagationHtml(report, context)}
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
  const cause = report.hypotheses.find((h) => h.hypothesisId === report.rootCause);
  const incomplete =
    report.status === 'complete'
      ? undefined
      : html`<span class="badge ${report.status}">${words.statuses[report.status]}</span>`;
  return html`<section class="card hero ${report.verdict}" id="verdict">
<div class="verdict-row">
<span class="badge large ${report.verdict}">${words.verdicts[report.verdict]}</span>
<span>${words.confidence} <strong>${percent(report.confidence)}</strong>
<meter min="0" max="1" value="${report.confidence}">${percent(report.confidence)}</meter></span>
<span class="soft">${words.decisions[report.consensus.decision]}</span>
${incomplete}
</div>
<h1 class="cause">${cause?.statement[lang] ?? report.summary[lang]}</h1>
${cause ? html`<p><span class="soft">${labels.culprit}</span> <code>${culpritLabel(cause.culprit)}</code></p>` : undefined}
${report.firstSymptom ? html`<p><span class="soft">${labels.firstSymptom}</span> ${report.firstSymptom.statement[lang]}</p>` : undefined}
${impactHtml(report, context)}
${cause?.fix ? html`<div class="fix"><strong>${labels.fix}</strong><p>${cause.fix[lang]}</p></div>` : undefined}
${nextStepsHtml(report, context)}
</section>
<p class="soft small">${labels.window} ${rangeLabel(report.window)} · ${labels.reference} ${referenceLabel(report, words)} · ${labels.trigger} ${words.triggers[report.trigger.kind]}${scopeLabel(report.scope) ? ` · ${labels.scope} ${scopeLabel(report.scope)}` : ''}</p>`;
}

function referenceLabel(report: Report, words: Words): string {
  const { reference } = report;
  if (!('fromUs' in reference)) return words.references.none;
  return `${rangeLabel(reference)} (${words.references[reference.kind]})`;
}

function impactHtml(report: Report, { words }: PageContext): SafeHtml {
  const { labels } = words;
  const { impact } = report;
  const facts: readonly (readonly [string, string])[] = [
    [labels.requests, String(impact.requests)],
    [labels.failed, percent(impact.errorRatio)],
    [labels.endpoints, String(impact.endpoints.length)],
    [labels.users, String(impact.users)],
    [labels.conversations, String(impact.conversations)],
    [labels.bots, String(impact.bots.length)],
  ];
  const endpoints = impact.endpoints.map(
    (endpoint) =>
      html`<li><code>${endpoint.service} ${endpoint.operation}</code> <span class="soft">${endpoint.requests} · ${labels.failed} ${percent(endpoint.errorRatio)}</span></li>`,
  );
  const bots =
    impact.bots.length > 0 ? html`<li>${labels.bots}: ${impact.bots.join(', ')}</li>` : undefined;
  return html`<dl class="facts" id="impact">${facts.map(([label, value]) => html`<div><dt>${label}</dt><dd>${value}</dd></div>`)}</dl>
${endpoints.length > 0 ? html`<ul class="small">${endpoints}${bots}</ul>` : undefined}`;
}

function nextStepsHtml(report: Report, { lang, words }: PageContext): SafeHtml | undefined {
  if (report.nextSteps.length === 0) return undefined;
  return html`<div class="fix"><strong>${words.labels.nextSteps}</strong>
<ul>${report.nextSteps.map((step) => html`<li>${step[lang]}</li>`)}</ul></div>`;
}

function timelineHtml(report: Report, { lang, words }: PageContext): SafeHtml | undefined {
  if (report.timeline.length === 0) return undefined;
  const items = report.timeline.map(
    (entry) => html`<li class="${entry.kind}"><time>${timeOfDay(entry.timeUs)}</time>
<span class="soft">${words.timelineKinds[entry.kind]}</span><span>${entry.text[lang]}</span></li>`,
  );
  return html`<section id="timeline"><h2>${words.labels.timeline}</h2><ol class="timeline">${items}</ol></section>`;
}

function propagationHtml(report: Report, { words }: PageContext): SafeHtml | undefined {
  if (report.propagation.edges.length === 0) return undefined;
  const cause = report.hypotheses.find((h) => h.hypothesisId === report.rootCause);
  return html`<section id="propagation"><h2>${words.labels.propagation}</h2>
<div class="scroll">${propagationSvg(report.propagation, { title: words.labels.propagation, culprit: cause?.culprit })}</div>
<p class="soft small">${words.labels.propagationNote}</p></section>`;
}

function stepTitle(step: number, title: string, ms: number, words: Words): SafeHtml {
  return html`<h2><span class="took">${words.labels.took} ${durationOfMs(ms)}</span><span class="step">${step}</span>${title}</h2>`;
}

function collectHtml(report: Report, context: PageContext): SafeHtml {
  const { lang, words } = context;
  const { labels } = words;
  const { signals, anomalies, gaps, telemetryQuality } = report.collect;
  const counts = (['traces', 'spans', 'logs', 'metrics', 'profiles', 'changes'] as const).map(
    (signal) => html`<div><dt>${labels[signal]}</dt><dd>${signals[signal]}</dd></div>`,
  );
  const anomalyItems = anomalies.map((anomaly) => html`<li>${anomaly.statement[lang]}</li>`);
  return html`<section id="collect">${stepTitle(1, labels.collect, report.times.collectMs, words)}
<dl class="facts">${counts}</dl>
${anomalies.length > 0 ? html`<h3>${labels.anomalies}</h3><ul>${anomalyItems}</ul>` : undefined}
<h3>${labels.gaps}</h3>
${gaps.length === 0 ? html`<p class="soft">${labels.noGaps}</p>` : gapListHtml(gaps, context)}
${telemetryQuality.length > 0 ? html`<h3>${labels.quality}</h3>${gapListHtml(telemetryQuality, context)}` : undefined}
</section>`;
}

function gapListHtml(gaps: Report['collect']['gaps'], { lang, words }: PageContext): SafeHtml {
  return html`<ul>${gaps.map(
    (gap) => html`<li><strong>${gap.what[lang]}</strong>
<span class="soft">${gap.why[lang]}</span><br>${words.labels.effect}: ${gap.effect[lang]}</li>`,
  )}</ul>`;
}

function clusterHtml(report: Report, context: PageContext): SafeHtml {
  const { words } = context;
  const { labels } = words;
  const rows = report.clusters.map((cluster) => clusterRow(cluster, report, context));
  const table = html`<p class="soft">${labels.coverage} ${percent(report.clusterCoverage)} (${report.anomalousCount})</p>
<div class="scroll"><table class="clusters"><thead><tr><th></th><th>${labels.share}</th><th class="number">${labels.count}</th>
<th>${labels.signature}</th><th>${labels.firstSeen}</th><th>${labels.ownTime}</th></tr></thead><tbody>${rows}</tbody></table></div>`;
  return html`<section id="cluster">${stepTitle(2, labels.cluster, report.times.clusterMs, words)}
${report.clusters.length === 0 ? html`<p class="soft">${labels.noClusters}</p>` : table}
</section>`;
}

function clusterRow(
  cluster: Report['clusters'][number],
  report: Report,
  { words, linkTo }: PageContext,
): SafeHtml {
  const { labels } = words;
  const around = `from=${Math.floor(report.window.fromUs / 1000)}&to=${Math.ceil(report.window.toUs / 1000)}`;
  const contrasts = cluster.contrasts.map(
    (contrast) =>
      html`<li><code>${Object.entries(contrast.attributes)
        .map(([key, value]) => `${key}=${value}`)
        .join(
          ' ',
        )}</code> ×${Number.isFinite(contrast.lift) ? contrast.lift.toFixed(1) : '∞'} · ${percent(contrast.coverage)}</li>`,
  );
  const exemplars = cluster.exemplars.map(
    (traceId) =>
      html` ${linkTo(`/api/v1/traces/${encodeURIComponent(traceId)}?${around}`, html`<code>${traceId.slice(0, 8)}</code>`)}`,
  );
  return html`<tr id="${cluster.clusterId}"><td class="nowrap">${cluster.clusterId}</td><td class="nowrap">${shareBar(cluster.share)} ${percent(cluster.share)}</td>
<td class="number">${cluster.count}</td>
<td class="statement"><span class="badge">${words.clusterKinds[cluster.kind]}</span> <code>${clusterLabel(cluster)}</code>
${contrasts.length > 0 ? html`<h4>${labels.contrast}</h4><ul class="small">${contrasts}</ul>` : undefined}
${exemplars.length > 0 ? html`<p class="small soft">${labels.exemplars}${exemplars}</p>` : undefined}</td>
<td class="nowrap">${timeOfDay(cluster.firstSeenUs)}</td><td class="nowrap">${duration(cluster.selfUsP50)} (${duration(cluster.referenceSelfUsP50)})</td></tr>`;
}

function verifyHtml(report: Report, context: PageContext): SafeHtml {
  const { words } = context;
  const { labels } = words;
  const standing = report.hypotheses.filter((h) => h.verdict !== 'refuted');
  const refuted = report.hypotheses.filter((h) => h.verdict === 'refuted');
  const sources = report.consensus.sources.map((source) => words.sources[source]).join(' + ');
  return html`<section id="verify">${stepTitle(3, labels.verify, report.times.verifyMs, words)}
<p>${labels.consensus}: <strong>${sources || labels.none}</strong> → ${words.decisions[report.consensus.decision]}
<span class="soft small">${labels.consensusRule}</span></p>
${report.hypotheses.length === 0 ? html`<p class="soft">${labels.noHypotheses}</p>` : undefined}
${standing.map((hypothesis) => hypothesisHtml(hypothesis, { ...context, isOpen: hypothesis.hypothesisId === report.rootCause || hypothesis === standing[0] }))}
${refuted.length > 0 ? html`<h3>${labels.refutedOnes}</h3>${refuted.map((hypothesis) => hypothesisHtml(hypothesis, { ...context, isOpen: false }))}` : undefined}
</section>`;
}

function footerHtml(report: Report, { words }: PageContext): SafeHtml {
  const { labels } = words;
  const { times } = report;
  const steps = [
    [labels.collect, times.collectMs],
    [labels.cluster, times.clusterMs],
    [labels.hypothesise, times.hypothesiseMs],
    [labels.verify, times.verifyMs],
    [labels.total, times.totalMs],
  ] as const;
  return html`<footer>
<p>${steps.map(([name, ms]) => `${name} ${durationOfMs(ms)}`).join(' · ')}</p>
<p>${labels.created} ${dateTime(report.createdAtUs)} · ${labels.utc} · Taproot ${report.engine.version} · <code>${report.reportId}</code></p>
<p>${labels.rulesHash} <code>${report.engine.rulesHash}</code><br>${labels.dataHash} <code>${report.dataHash}</code><br>${labels.reportHash} <code>${report.reportHash}</code></p>
<p class="no-print">${labels.verifyAgain}: <code>taproot verify ${report.reportId}</code></p>
</footer>`;
}
