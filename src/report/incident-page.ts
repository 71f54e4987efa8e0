/** Pages of what detection found by itself: the list of incidents, and one with its anomalies and their pictures. */
import { html, renderPage, type SafeHtml } from '../base/page.ts';
import { US_PER_MINUTE } from '../base/time.ts';
import type { Anomaly, Incident } from '../model/anomaly.ts';
import type { Language, Text } from '../model/text.ts';
import { dateTime, duration } from './format.ts';
import { anomalyPicture } from './picture-svg.ts';
import { wordsOf } from './words.ts';

const WORDS = {
  zh: {
    title: '事件',
    other: 'English',
    status: '状态',
    onset: '开始（UTC）',
    lasted: '持续',
    what: '发现',
    report: '报告',
    reports: '全部报告',
    noReport: '没有报告',
    openReport: '打开根因报告',
    none: '没有发现事件',
    noneNote: '所有接口、日志模板和指标都在各自学到的范围内，或者学习还没有开始。',
    lastSeen: '最近一次异常',
    services: '服务',
    anomalies: '异常',
    gone: '异常的记录已过保留期。',
    statuses: { open: '进行中', closed: '已结束' },
    severities: { critical: '严重', warning: '警告', info: '提示' },
    silenced: '维护静默中',
    ends: { recovered: '已恢复', accepted: '已接受为新常态', gone: '来源消失' },
    next: '更早的事件',
  },
  en: {
    title: 'Incidents',
    other: '中文',
    status: 'Status',
    onset: 'Onset (UTC)',
    lasted: 'Lasted',
    what: 'What was found',
    report: 'Report',
    reports: 'All reports',
    noReport: 'No report',
    openReport: 'Open the root-cause report',
    none: 'No incidents',
    noneNote:
      'Every endpoint, log template and metric is within the range learned for it, or learning has not begun.',
    lastSeen: 'Last anomalous minute',
    services: 'Services',
    anomalies: 'Anomalies',
    gone: 'The anomalies are past retention.',
    statuses: { open: 'Open', closed: 'Closed' },
    severities: { critical: 'Critical', warning: 'Warning', info: 'Info' },
    silenced: 'Under a silence',
    ends: { recovered: 'Recovered', accepted: 'Accepted as normal', gone: 'Source is gone' },
    next: 'Earlier incidents',
  },
} as const;

/** An incident with the anomalies that are still stored, the most surprising first. */
export interface IncidentView {
  readonly incident: Incident;
  readonly anomalies: readonly Anomaly[];
}

/** Newest first, as given. `earlierHref`: where the next page is. */
export function renderIncidentList(
  items: readonly IncidentView[],
  { lang, earlierHref }: { readonly lang: Language; readonly earlierHref?: string | undefined },
): string {
  const words = WORDS[lang];
  const rows = items.map(({ incident, anomalies }) => {
    const { incidentId, status, onsetUs, lastSeenUs, services, reportId } = incident;
    const href = `/incidents/${encodeURIComponent(incidentId)}?lang=${lang}`;
    return html`<tr><td>${badges(incident, lang)}</td>
<td class="nowrap">${dateTime(onsetUs)}</td>
<td class="nowrap" data-label="${words.lasted}">${status === 'open' ? undefined : duration(lastSeenUs - onsetUs)}</td>
<td class="statement"><a href="${href}">${headline(anomalies, incident)[lang]}</a>
<span class="soft small">${services.join(' · ')}</span></td>
<td class="nowrap">${reportId === undefined ? html`<span class="soft">–</span>` : html`<a href="/reports/${encodeURIComponent(reportId)}?lang=${lang}">${words.report}</a>`}</td></tr>`;
  });
  const empty = html`<section class="quiet"><h2>${words.none}</h2><p>${words.noneNote}</p></section>`;
  const table = html`<div class="scroll"><table class="reports cards"><thead><tr><th>${words.status}</th><th>${words.onset}</th><th>${words.lasted}</th><th>${words.what}</th><th>${words.report}</th></tr></thead><tbody>${rows}</tbody></table></div>`;
  return renderPage({
    lang,
    title: `Taproot · ${words.title}`,
    header: header(lang, '/incidents'),
    body: html`<main><h1>${words.title}</h1>
${items.length === 0 ? empty : table}
${earlierHref === undefined ? undefined : html`<p><a href="${earlierHref}">${words.next}</a></p>`}</main>`,
  });
}

export function renderIncident({ incident, anomalies }: IncidentView, lang: Language): string {
  const words = WORDS[lang];
  const { incidentId, onsetUs, lastSeenUs, services, reportId, note } = incident;
  const title = headline(anomalies, incident)[lang];
  const report =
    reportId === undefined
      ? html`<p class="soft">${words.noReport}</p>`
      : html`<p><a href="/reports/${encodeURIComponent(reportId)}?lang=${lang}">${words.openReport}</a></p>`;
  return renderPage({
    lang,
    title: `${words.statuses[incident.status]} · ${title}`,
    header: header(lang, `/incidents/${encodeURIComponent(incidentId)}`),
    body: html`<main><section class="card hero">
<div class="verdict-row">${badges(incident, lang)}</div>
<h1 class="cause">${title}</h1>
${note === undefined ? undefined : html`<p>${note[lang]}</p>`}
${report}
<dl class="facts">
<div><dt>${words.onset}</dt><dd>${dateTime(onsetUs)}</dd></div>
<div><dt>${words.lastSeen}</dt><dd>${dateTime(lastSeenUs)}</dd></div>
<div><dt>${words.lasted}</dt><dd>${duration(Math.max(US_PER_MINUTE, lastSeenUs - onsetUs))}</dd></div>
<div><dt>${words.services}</dt><dd>${services.join(' · ')}</dd></div>
</dl></section>
<section id="anomalies"><h2>${words.anomalies}</h2>
${anomalies.length === 0 ? html`<p class="soft">${words.gone}</p>` : html`<ul class="pictures">${anomalies.map((anomaly) => anomalyHtml(anomaly, lang))}</ul>`}
</section></main>`,
  });
}

function anomalyHtml(anomaly: Anomaly, lang: Language): SafeHtml {
  const { kind, end, silencedBy, statement, reason } = anomaly;
  const words = WORDS[lang];
  const ended = end === undefined ? undefined : soft(words.ends[end]);
  const silenced = silencedBy === undefined ? undefined : soft(words.silenced);
  return html`<li id="${anomaly.anomalyId}"><span class="badge">${wordsOf(lang).clusterKinds[kind]}</span>${ended}${silenced}
<p>${statement[lang]}</p>${anomalyPicture(anomaly)}
${reason === undefined ? undefined : html`<p class="soft small">${reason[lang]}</p>`}</li>`;
}

function soft(text: string): SafeHtml {
  return html` <span class="soft small">${text}</span>`;
}

function badges({ status, severity }: Incident, lang: Language): SafeHtml {
  const words = WORDS[lang];
  return html`<span class="badge ${status}">${words.statuses[status]}</span>${
    severity === undefined
      ? undefined
      : html` <span class="badge ${severity}">${words.severities[severity]}</span>`
  }`;
}

/** What the most surprising anomaly says; without one, where it was. */
function headline([first]: readonly Anomaly[], { services }: Incident): Text {
  const names = services.join(', ');
  return first?.statement ?? { zh: names, en: names };
}

function header(lang: Language, path: string): SafeHtml {
  const words = WORDS[lang];
  const other = lang === 'zh' ? 'en' : 'zh';
  return html`<strong>Taproot</strong>
<a href="/reports?lang=${lang}">${words.reports}</a>
<a href="/incidents?lang=${lang}">${words.title}</a>
<a href="${path}?lang=${other}">${words.other}</a>`;
}
