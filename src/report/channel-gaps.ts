/**
 * Channels that had data and could not speak all the same: what each lacked, what that cost, what to collect.
 * A channel compares; without both sides of a call, both ends of a link or enough observations it cannot.
 */
import { US_PER_MINUTE } from '../base/time.ts';
import type { Clustered } from '../model/investigation.ts';
import type { Gap } from '../model/report.ts';
import { rowsByOperation } from '../model/row-groups.ts';
import { SPAN_KIND } from '../model/vocabulary.ts';
import { NO_ROW, type SeriesWindow, type SpanTable, type WindowData } from '../model/window.ts';
import { count, duration, percent } from './format.ts';

/** Spans of an operation from which their times tell what is usual, as the channels have it. */
const REFERENCE_SPANS_MIN = 8;
/** A shorter window has one point of most metrics, which are sent once a minute by default. */
const WINDOW_US_MIN = 2 * US_PER_MINUTE;
/** A gap of most series is a gap of the channel. */
const SERIES_SHARE_MIN = 0.5;
export function buildChannelGaps(clustered: Clustered): Gap[] {
  const { window } = clustered;
  const hasSpans = window.spans.count > 0;
  return [
    ...shortWindow(window),
    ...(hasSpans ? logsWithoutSpan(window) : []),
    ...(hasSpans ? oneSidedCalls(window.spans) : []),
    ...(hasSpans ? thinReference(clustered) : []),
    ...(hasSpans ? withoutVersions(clustered) : []),
    ...fewSamples(window.series),
  ];
}

function shortWindow({ range }: WindowData): Gap[] {
  const lengthUs = range.toUs - range.fromUs;
  if (lengthUs >= WINDOW_US_MIN) return [];
  const length = duration(lengthUs);
  return [
    {
      what: { zh: `窗口只有 ${length}`, en: `The window is only ${length} long` },
      why: { zh: '分析的时间段不足 2 分钟', en: 'Less than 2 minutes were asked about' },
      effect: {
        zh: '多数指标只有一个点，先后次序与区间都不精确',
        en: 'Most metrics have one point in it; the order of events and all intervals are coarse',
      },
      remedy: {
        zh: '再等几分钟，用更长的 --window 分析一次',
        en: 'Wait some minutes and diagnose again with a longer --window',
      },
    },
  ];
}

/** Logs that name their trace and not their span. */
function logsWithoutSpan({ logs }: WindowData): Gap[] {
  let linked = 0;
  let placed = 0;
  for (let row = 0; row < logs.count; row++) {
    if (logs.traceId[row] === 0) continue;
    linked++;
    if (logs.spanId[row] !== 0) placed++;
  }
  if (linked === 0 || placed > 0) return [];
  return [
    {
      what: { zh: '日志没有 span id', en: 'Logs do not name their span' },
      why: {
        zh: `${count(linked)} 行日志只带 trace id`,
        en: `${count(linked)} log records carry a trace id alone`,
      },
      effect: {
        zh: 'span 内部的步骤看不到：哪两步之间中断（事件转移）无从判断',
        en: 'The steps inside a span are not seen: no event transitions, so no place between two log lines can be named',
      },
      remedy: {
        zh: '让日志框架写入当前上下文的 trace_id 与 span_id',
        en: 'Let the logger write trace_id and span_id of the active context',
      },
    },
  ];
}

/** Services that call each other, and no call that both sides recorded. */
function oneSidedCalls(spans: SpanTable): Gap[] {
  const services = new Set<number>();
  for (let row = 0; row < spans.count; row++) {
    services.add(spans.service[row]!);
    const parent = spans.parent[row]!;
    if (parent === NO_ROW || spans.service[parent] === spans.service[row]) continue;
    const [caller, callee] = [spans.kind[parent], spans.kind[row]];
    const isCall = caller === SPAN_KIND.client && callee === SPAN_KIND.server;
    if (isCall || (caller === SPAN_KIND.producer && callee === SPAN_KIND.consumer)) return [];
  }
  if (services.size < 2) return [];
  return [
    {
      what: {
        zh: '没有一次服务间调用两端都有 span',
        en: 'No call between services is recorded on both sides',
      },
      why: {
        zh: `${services.size} 个服务之间没有成对的 client 与 server span`,
        en: `Between ${services.size} services there is no pair of a client and a server span`,
      },
      effect: {
        zh: '网络与对端分不开：客户端与服务端的时间差看不到',
        en: 'The network and the other side cannot be told apart: the gap between client and server is not seen',
      },
      remedy: {
        zh: '两端都启用自动埋点，并传递 traceparent',
        en: 'Instrument both sides and pass traceparent on',
      },
    },
  ];
}

/** Anomalous operations whose reference has too few spans to tell what is usual. */
function thinReference({ window, reference, clustering }: Clustered): Gap[] {
  if (reference === undefined || clustering.anomalousCount === 0) return [];
  const { spans } = window;
  // Both periods share one dictionary, so that their keys are the same.
  const usual = rowsByOperation(reference.spans);
  const isAnomalous = new Uint8Array(spans.count);
  for (const row of clustering.anomalousRows) isAnomalous[row] = 1;
  const thin: string[] = [];
  let operationCount = 0;
  for (const { key, service, operation, rows } of rowsByOperation(spans).values()) {
    if (!rows.some((row) => isAnomalous[row] === 1)) continue;
    operationCount++;
    if ((usual.get(key)?.rows.length ?? 0) >= REFERENCE_SPANS_MIN) continue;
    thin.push(`${spans.strings.text(service)} ${spans.strings.text(operation)}`);
  }
  if (thin.length === 0) return [];
  const [example] = thin.sort();
  const [few, all] = [count(thin.length), count(operationCount)];
  return [
    {
      what: {
        zh: `${few} / ${all} 个异常操作在参照期内不足 ${REFERENCE_SPANS_MIN} 个 span`,
        en: `${few} of ${all} anomalous operations have fewer than ${REFERENCE_SPANS_MIN} spans in the reference`,
      },
      why: {
        zh: `少见或新出现的操作，如 ${example}`,
        en: `They are rare or new, such as ${example}`,
      },
      effect: {
        zh: '它们平时多快无从得知，只能与同服务的其他操作比较',
        en: 'What they usually take is not known; only like operations can stand in for them',
      },
      remedy: {
        zh: '用 --reference 指定更长的正常时段',
        en: 'Name a longer normal period with --reference',
      },
    },
  ];
}

/** Where nothing is anomalous there is nothing that a release could explain. */
function withoutVersions({ window, changes, clustering }: Clustered): Gap[] {
  if (clustering.anomalousCount === 0) return [];
  const { version, count: rows } = window.spans;
  if (changes.length > 0 || version.subarray(0, rows).some((id) => id !== 0)) return [];
  return [
    {
      what: { zh: '没有版本信息', en: 'No versions' },
      why: {
        zh: 'span 没有 service.version，也没有收到变更事件',
        en: 'No span has service.version, and no change event arrived',
      },
      effect: {
        zh: '发布与配置变更不会成为嫌疑',
        en: 'A release or a change of configuration cannot be suspected',
      },
      remedy: {
        zh: '设置资源属性 service.version',
        en: 'Set the resource attribute service.version',
      },
    },
  ];
}

function fewSamples(series: readonly SeriesWindow[]): Gap[] {
  if (series.length === 0) return [];
  const single = series.filter(({ values }) => values.length < 2).length;
  if (single < SERIES_SHARE_MIN * series.length) return [];
  const share = percent(single / series.length);
  return [
    {
      what: {
        zh: `${share} 的指标序列在窗口内只有一个点`,
        en: `${share} of the metric series have one sample in the window`,
      },
      why: { zh: '上报间隔比窗口长', en: 'The export interval is longer than the window' },
      effect: {
        zh: '何时跳变看不出来，单个离群点与持续偏离也分不开',
        en: 'When a metric jumped is not seen, and one outlier looks like a lasting change',
      },
      remedy: {
        zh: '缩短上报间隔，如 OTEL_METRIC_EXPORT_INTERVAL=15000',
        en: 'Export more often, such as OTEL_METRIC_EXPORT_INTERVAL=15000',
      },
    },
  ];
}
