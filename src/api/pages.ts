/** Server-rendered pages that are not a report itself: the list, the wait for a running one, not found. */
import { html, renderPage, type SafeHtml } from '../base/page.ts';
import { formatPercent } from '../base/quantity.ts';
import { formatTime } from '../base/time.ts';
import type { Language } from '../model/text.ts';
import type { ReportSummary } from '../store/api/state.ts';

const WORDS = {
  zh: {
    title: '根因报告',
    other: 'English',
    verdict: '结论',
    time: '时间（UTC）',
    summary: '摘要',
    trigger: '触发',
    next: '更早的报告',
    newest: '全部报告',
    incidents: '事件',
    overflow: (count: string) =>
      `名称过多：自启动以来有 ${count} 个 span 或日志行并入 (overflow)，不能分开判断。操作名、service.name 或日志正文里可能带有 id；把变量移到属性里。`,
    emptyTitle: '还没有报告',
    empty:
      '把遥测发到本服务，告警触发或检测到异常之后，报告会出现在这里。应用使用 OpenTelemetry SDK 时只需设置：',
    emptyAlert: 'Alertmanager 的 webhook 地址：',
    emptyManual: '或者手动分析最近 15 分钟：',
    emptyDemo: '想先看看效果？停下本服务，运行：',
    running: '分析进行中',
    runningNote: '本页每 2 秒刷新一次，完成后即显示报告。',
    missing: '没有这份报告',
    unknown: '没有这个页面',
    back: '返回列表',
    verdicts: {
      confirmed: '已证实',
      likely: '很可能',
      unverified: '未证实',
      abstained: '不作判定',
    },
    triggers: { alertmanager: '告警', anomaly: '异常检测', manual: '手动', schedule: '定时' },
    statuses: { complete: '完整', partial: '不完整', running: '分析中' },
  },
  en: {
    title: 'Root-cause reports',
    other: '中文',
    verdict: 'Verdict',
    time: 'Time (UTC)',
    summary: 'Summary',
    trigger: 'Trigger',
    next: 'Earlier reports',
    newest: 'All reports',
    incidents: 'Incidents',
    overflow: (count: string) =>
      `Too many names: since the start ${count} spans or log lines were counted as (overflow) and are not judged apart. Operation names, service.name or log texts probably hold ids; move what varies into attributes.`,
    emptyTitle: 'No reports yet',
    empty:
      'Send telemetry here; a report appears when an alert fires or an anomaly is found. With an OpenTelemetry SDK this is all it takes:',
    emptyAlert: 'The webhook address for Alertmanager:',
    emptyManual: 'Or investigate the last 15 minutes by hand:',
    emptyDemo: 'To see it at work first, stop this service and run:',
    running: 'Analysis in progress',
    runningNote: 'This page reloads every 2 seconds and shows the report when it is done.',
    missing: 'There is no such report',
    unknown: 'There is no such page',
    back: 'Back to the list',
    verdicts: {
      confirmed: 'Confirmed',
      likely: 'Likely',
      unverified: 'Unverified',
      abstained: 'No verdict',
    },
    triggers: {
      alertmanager: 'Alert',
      anomaly: 'Anomaly',
      manual: 'Manual',
      schedule: 'Schedule',
    },
    statuses: { complete: 'Complete', partial: 'Partial', running: 'Running' },
  },
} as const;

export interface ListPageOptions {
  readonly lang: Language;
  /** Addresses for the reader's own machine, without a slash at the end. */
  readonly apiUrl: string;
  readonly otlpUrl: string;
  /** Spans and log lines counted as `(overflow)` since the start. */
  readonly overflowCount: number;
}

export function reportListPage(
  page: { readonly items: readonly ReportSummary[]; readonly nextCursor?: string },
  options: ListPageOptions,
): string {
  const { lang } = options;
  const words = WORDS[lang];
  const next =
    page.nextCursor === undefined
      ? undefined
      : html`<p><a href="/reports?lang=${lang}&amp;cursor=${encodeURIComponent(page.nextCursor)}">${words.next}</a></p>`;
  const overflow =
    options.overflowCount === 0
      ? undefined
      : html`<p class="card" role="alert">${words.overflow(String(options.overflowCount))}</p>`;
  return renderPage({
    lang,
    title: `Taproot · ${words.title}`,
    header: header(lang, '/reports'),
    body: html`<main><h1>${words.title}</h1>
${overflow}
${page.items.length === 0 ? emptyHtml(options) : listHtml(page.items, lang)}
${next}</main>`,
  });
}

export function waitingPage(reportId: string, lang: Language): string {
  const words = WORDS[lang];
  return renderPage({
    lang,
    title: `Taproot · ${words.running}`,
    header: header(lang, `/reports/${reportId}`),
    refreshSeconds: 2,
    body: html`<main><section class="card hero"><h1>${words.running}</h1>
<p>${words.runningNote}</p><p class="soft"><code>${reportId}</code></p></section></main>`,
  });
}

export function notFoundPage(reportId: string, lang: Language): string {
  return missingPage(WORDS[lang].missing, { shown: reportId, lang });
}

export function unknownPage(path: string, lang: Language): string {
  return missingPage(WORDS[lang].unknown, { shown: path, lang });
}

function missingPage(
  title: string,
  { shown, lang }: { readonly shown: string; readonly lang: Language },
): string {
  return renderPage({
    lang,
    title: `Taproot · ${title}`,
    header: header(lang, '/reports'),
    body: html`<main><section class="card hero"><h1>${title}</h1>
<p><code>${shown}</code></p><p><a href="/reports?lang=${lang}">${WORDS[lang].back}</a></p></section></main>`,
  });
}

function header(lang: Language, path: string): SafeHtml {
  const other = lang === 'zh' ? 'en' : 'zh';
  return html`<strong>Taproot</strong>
<a href="/reports?lang=${lang}">${WORDS[lang].newest}</a>
<a href="/incidents?lang=${lang}">${WORDS[lang].incidents}</a>
<a href="${path}?lang=${other}">${WORDS[lang].other}</a>`;
}

function listHtml(items: readonly ReportSummary[], lang: Language): SafeHtml {
  const words = WORDS[lang];
  const rows = items.map(
    (
      item,
    ) => html`<tr><td><span class="badge ${item.verdict}">${words.verdicts[item.verdict]}</span>
<span class="soft small">${item.verdict === 'abstained' ? '' : formatPercent(item.confidence)}</span>${item.status === 'complete' ? undefined : html` <span class="badge ${item.status}">${words.statuses[item.status]}</span>`}</td>
<td class="nowrap">${formatTime(item.createdAtUs).slice(0, 19).replace('T', ' ')}</td>
<td class="statement"><a href="/reports/${encodeURIComponent(item.reportId)}?lang=${lang}">${item.summary[lang]}</a>
<span class="soft small">${item.services.join(' · ')}</span></td>
<td class="nowrap">${words.triggers[item.triggerKind]}</td></tr>`,
  );
  return html`<div class="scroll"><table class="reports cards"><thead><tr><th>${words.verdict}</th><th>${words.time}</th><th>${words.summary}</th><th>${words.trigger}</th></tr></thead><tbody>${rows}</tbody></table></div>`;
}

/** Tells how to send telemetry: the first page that a new user sees. */
function emptyHtml({ lang, apiUrl, otlpUrl }: ListPageOptions): SafeHtml {
  const words = WORDS[lang];
  return html`<section class="quiet"><h2>${words.emptyTitle}</h2>
<p>${words.empty}</p>
<pre>export OTEL_EXPORTER_OTLP_ENDPOINT=${otlpUrl}
export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf
export OTEL_SERVICE_NAME=my-bot</pre>
<p>${words.emptyAlert}</p>
<pre>${apiUrl}/api/v1/webhooks/alertmanager</pre>
<p>${words.emptyManual}</p>
<pre>npx taproot diagnose --window now-15m/now --url ${apiUrl}</pre>
<p>${words.emptyDemo}</p>
<pre>npm run demo</pre></section>`;
}
