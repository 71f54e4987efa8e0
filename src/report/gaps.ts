/** What the analysis could not see: what was missing, what that cost, and what to collect next time. */
import type { Clustered } from '../model/investigation.ts';
import type { Gap } from '../model/report.ts';
import type { SpanTable, WindowData } from '../model/window.ts';
import { buildChannelGaps } from './channel-gaps.ts';
import { count, duration } from './format.ts';

/** Signals that are absent first, then what single channels could not say. */
export function buildGaps(clustered: Clustered, options: { readonly isPartial: boolean }): Gap[] {
  const { window } = clustered;
  const gaps: Gap[] = [];
  if (window.spans.count === 0) gaps.push(GAPS.noTraces);
  if (window.logs.count === 0) gaps.push(GAPS.noLogs);
  else if (window.spans.count > 0 && !hasLinkedLog(window)) gaps.push(GAPS.unlinkedLogs);
  if (window.series.length === 0) gaps.push(GAPS.noMetrics);
  if (!window.profiles?.length) gaps.push(GAPS.noProfiles);
  if (window.areProfilesCut) gaps.push(GAPS.profilesCut);
  if (clustered.referenceKind === 'none') gaps.push(GAPS.noReference);
  else if (clustered.referenceKind === 'hour-before') gaps.push(hourBeforeGap(clustered));
  if (window.isSampled || clustered.reference?.isSampled) gaps.push(GAPS.sampled);
  gaps.push(...buildChannelGaps(clustered));
  if (options.isPartial) gaps.push(GAPS.partial);
  return gaps;
}

const GAPS = {
  noTraces: {
    what: { zh: '没有链路', en: 'No traces' },
    why: { zh: '窗口内没有收到任何 span', en: 'No span arrived for the window' },
    effect: {
      zh: '无法聚类异常请求，也无法判断调用方向',
      en: 'Requests cannot be clustered and the direction of calls is unknown',
    },
    remedy: {
      zh: '检查链路是否发到本服务：OTEL_EXPORTER_OTLP_ENDPOINT 指向 4318（HTTP）或 4317（gRPC）',
      en: 'Check that traces arrive: point OTEL_EXPORTER_OTLP_ENDPOINT at port 4318 (HTTP) or 4317 (gRPC)',
    },
  },
  noLogs: {
    what: { zh: '没有日志', en: 'No logs' },
    why: { zh: '窗口内没有收到任何日志', en: 'No log record arrived for the window' },
    effect: {
      zh: '少一类独立证据；错误原文看不到',
      en: 'One independent kind of evidence is missing; error texts are not visible',
    },
    remedy: {
      zh: '通过 OTLP 发送带 trace id 的日志，以便把报错对应到请求',
      en: 'Send logs with trace ids over OTLP, so that errors can be matched to requests',
    },
  },
  unlinkedLogs: {
    what: { zh: '日志与链路未关联', en: 'Logs are not linked to traces' },
    why: { zh: '日志里没有 trace id', en: 'No log record carries a trace id' },
    effect: {
      zh: '日志只能按服务和时间对应，不能对应到具体请求',
      en: 'Logs can be matched by service and time only, not by request',
    },
    remedy: {
      zh: '通过 OTLP 发送带 trace id 的日志，以便把报错对应到请求',
      en: 'Send logs with trace ids over OTLP, so that errors can be matched to requests',
    },
  },
  noMetrics: {
    what: { zh: '没有指标', en: 'No metrics' },
    why: { zh: '窗口内没有收到任何指标点', en: 'No metric point arrived for the window' },
    effect: {
      zh: '连接池、CPU、内存等资源状态无从判断',
      en: 'The state of resources (pools, CPU, memory) is not visible',
    },
    remedy: {
      zh: '发送运行时与连接池指标（如 db.client.connection.*）',
      en: 'Send runtime and pool metrics (such as db.client.connection.*)',
    },
  },
  noProfiles: {
    what: { zh: '没有剖析数据', en: 'No profiles' },
    why: { zh: '窗口内没有收到任何 profile', en: 'No profile arrived for the window' },
    effect: {
      zh: '耗时落在哪个函数看不到，只能定位到服务和操作',
      en: 'Which function the time goes to is not visible, only the service and operation',
    },
    remedy: {
      zh: '故障期间对首要嫌疑的服务采一次 CPU 剖析并发送到本服务',
      en: 'Take a CPU profile of the first suspect while the fault lasts, and send it here',
    },
  },
  profilesCut: {
    what: { zh: '剖析数据只读了一部分', en: 'Only a part of the profiles was read' },
    why: {
      zh: '数量超过一次分析能读取的上限，或其中有的读不出来',
      en: 'There are more than one analysis may read, or some cannot be read',
    },
    effect: {
      zh: '函数的占比以读到的部分为准',
      en: 'Shares of functions are those of the part that was read',
    },
  },
  noReference: {
    what: { zh: '没有参照时段', en: 'No reference period' },
    why: {
      zh: '没有指定参照，也还没有学到基线',
      en: 'None was named and no baseline is learned yet',
    },
    effect: {
      zh: '异常只能与同一窗口内的其他请求比较，整个窗口都有的变慢看不出来',
      en: 'Anomalies are judged against other requests of the same window; what is slow throughout is not seen',
    },
    remedy: {
      zh: '用 --reference FROM/TO 指定一段正常的时间再分析一次',
      en: 'Name a normal period with --reference FROM/TO and diagnose again',
    },
  },
  sampled: {
    what: { zh: '链路经过抽样', en: 'Traces were sampled' },
    why: {
      zh: '数据量超过一次分析能读取的上限',
      en: 'The period holds more rows than one analysis may read',
    },
    effect: {
      zh: '请求数是抽样内的数；少见的现象可能没有读到',
      en: 'Request counts are counts of the sample; rare behaviour may be missing',
    },
    remedy: {
      zh: '缩短 --window 或用 --service 限定服务后再分析一次',
      en: 'Diagnose again with a shorter --window, or name the service with --service',
    },
  },
  partial: {
    what: { zh: '分析没有做完', en: 'The analysis is not complete' },
    why: { zh: '到了时间上限', en: 'It reached its time limit' },
    effect: { zh: '有的探针没有运行', en: 'Some probes did not run' },
  },
} as const satisfies Record<string, Gap>;

/** Says what the reference really holds: it may be an hour of which a minute has data. */
function hourBeforeGap({ reference }: Clustered): Gap {
  const spans = reference?.spans;
  const requests = spans?.traceIds.length ?? 0;
  const why = {
    zh: '还没有学到平时的基线，只能与窗口之前的数据相比',
    en: 'No baseline is learned yet, so the time before the window has to serve',
  };
  const held = spans && requests > 0 ? { requests, lengthUs: lengthUsOf(spans) } : undefined;
  return {
    what: { zh: '参照时段短', en: 'The reference is short' },
    why: held
      ? {
          zh: `${why.zh}：${duration(held.lengthUs)}，${count(held.requests)} 个请求`,
          en: `${why.en}: ${duration(held.lengthUs)} with ${count(held.requests)} requests`,
        }
      : why,
    effect: {
      zh: '每天或每周都有的波动可能被当成异常，流量的变化尤其不可靠',
      en: 'What recurs every day or week may pass for an anomaly, changes of load above all',
    },
  };
}

function lengthUsOf(spans: SpanTable): number {
  let [first, last] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let row = 0; row < spans.count; row++) {
    first = Math.min(first, spans.startUs[row]!);
    last = Math.max(last, spans.startUs[row]!);
  }
  return last - first;
}

export function hasLinkedLog(window: WindowData): boolean {
  for (let row = 0; row < window.logs.count; row++) {
    if (window.logs.traceId[row] !== 0) return true;
  }
  return false;
}
