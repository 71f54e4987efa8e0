/** What the analysis could not see, how sound the telemetry is, and what to collect next. */
import type { Clustered } from '../model/investigation.ts';
import type { Gap } from '../model/report.ts';
import type { Text } from '../model/text.ts';
import { STAGES } from '../model/vocabulary.ts';
import { NO_ROW, type SpanTable, type WindowData } from '../model/window.ts';
import { count, duration, percent } from './format.ts';

/** Above these shares a fault of the telemetry is worth a line. */
const ORPHAN_SHARE_MAX = 0.01;
const OTHER_TIME_SHARE_MAX = 0.2;
const NAMELESS_SHARE_MAX = 0;
const SKEW_SHARE_MAX = 0.01;
/** A child may begin this much before its parent before clocks are called skewed. */
const SKEW_TOLERANCE_US = 2000;

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
  },
  noLogs: {
    what: { zh: '没有日志', en: 'No logs' },
    why: { zh: '窗口内没有收到任何日志', en: 'No log record arrived for the window' },
    effect: {
      zh: '少一类独立证据；错误原文看不到',
      en: 'One independent kind of evidence is missing; error texts are not visible',
    },
  },
  unlinkedLogs: {
    what: { zh: '日志与链路未关联', en: 'Logs are not linked to traces' },
    why: { zh: '日志里没有 trace id', en: 'No log record carries a trace id' },
    effect: {
      zh: '日志只能按服务和时间对应，不能对应到具体请求',
      en: 'Logs can be matched by service and time only, not by request',
    },
  },
  noMetrics: {
    what: { zh: '没有指标', en: 'No metrics' },
    why: { zh: '窗口内没有收到任何指标点', en: 'No metric point arrived for the window' },
    effect: {
      zh: '连接池、CPU、内存等资源状态无从判断',
      en: 'The state of resources (pools, CPU, memory) is not visible',
    },
  },
  noProfiles: {
    what: { zh: '没有剖析数据', en: 'No profiles' },
    why: { zh: '窗口内没有收到任何 profile', en: 'No profile arrived for the window' },
    effect: {
      zh: '耗时落在哪个函数看不到，只能定位到服务和操作',
      en: 'Which function the time goes to is not visible, only the service and operation',
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
  },
  tooManySeries: {
    what: { zh: '指标序列过多', en: 'Too many metric series' },
    why: {
      zh: '标签里可能带有 id 或用户输入',
      en: 'Labels probably hold ids or what users typed',
    },
    effect: {
      zh: '只看了其中一部分序列，异常的序列可能没有读到',
      en: 'Only a part of the series was looked at; an anomalous one may be missing',
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

function hasLinkedLog(window: WindowData): boolean {
  for (let row = 0; row < window.logs.count; row++) {
    if (window.logs.traceId[row] !== 0) return true;
  }
  return false;
}

export function buildTelemetryQuality(clustered: Clustered): Gap[] {
  return [
    ...damageGaps(clustered.unreadablePlaces),
    ...spanFaults(clustered.window.spans),
    ...overflowGaps(clustered),
  ];
}

function damageGaps(places: number): Gap[] {
  if (places === 0) return [];
  return [
    {
      what: {
        zh: `窗口内有 ${count(places)} 处数据读不出来`,
        en: `${count(places)} places of the store in this window cannot be read`,
      },
      why: {
        zh: '校验和不符或文件损坏：运行 taproot doctor 查看',
        en: 'Checksums differ or files are damaged: taproot doctor tells which',
      },
      effect: {
        zh: '那里的 span、日志和指标没有参与分析',
        en: 'Spans, logs and metrics stored there took no part in the analysis',
      },
    },
  ];
}

function spanFaults(spans: SpanTable): Gap[] {
  if (spans.count === 0) return [];
  const quality = measureQuality(spans);
  const found: Gap[] = [];
  if (quality.orphanShare > ORPHAN_SHARE_MAX) found.push(orphanGap(quality.orphanShare));
  if (quality.otherTimeShare > OTHER_TIME_SHARE_MAX)
    found.push(otherGap(quality.otherTimeShare, mostOtherTime(spans)));
  if (quality.namelessShare > NAMELESS_SHARE_MAX) found.push(namelessGap(quality.namelessShare));
  if (quality.negativeCount > 0) found.push(negativeGap(quality.negativeCount));
  if (quality.skewShare > SKEW_SHARE_MAX) found.push(skewGap(quality.skewShare));
  return found;
}

/** Names beyond the bounds: what was counted together, and what that costs. */
function overflowGaps({ overflow, window }: Clustered): Gap[] {
  const found: Gap[] = [];
  if (overflow.spans > 0) found.push(overflowGap(OVERFLOW.operations, overflow.spans));
  if (overflow.lines > 0) found.push(overflowGap(OVERFLOW.templates, overflow.lines));
  if (overflow.ofServices > 0) found.push(overflowGap(OVERFLOW.services, overflow.ofServices));
  if (window.isSeriesCut) found.push(GAPS.tooManySeries);
  return found;
}

function overflowGap({ what, why, effect }: Gap, rows: number): Gap {
  return {
    what: { zh: `${count(rows)} ${what.zh}`, en: `${count(rows)} ${what.en}` },
    why,
    effect,
  };
}

const OVERFLOW = {
  operations: {
    what: {
      zh: '个 span 的操作名过多，并入 (overflow)',
      en: 'spans have one of too many operation names and count as (overflow)',
    },
    why: {
      zh: '操作名里可能带有 id、路径参数或用户输入',
      en: 'Operation names probably hold ids, path parameters or what users typed',
    },
    effect: {
      zh: '这些操作没有各自的基线，单个变慢看不出来；把变量移到属性里',
      en: 'These operations have no baseline of their own, one slow one is not seen; move what varies into attributes',
    },
  },
  templates: {
    what: {
      zh: '行日志的模板过多，并入 (overflow)',
      en: 'log lines have one of too many templates and count as (overflow)',
    },
    why: {
      zh: '日志正文几乎每行都不同',
      en: 'The text of the lines differs almost every time',
    },
    effect: {
      zh: '新出现的日志模式可能漏报',
      en: 'A new pattern in the logs may go unnoticed',
    },
  },
  services: {
    what: {
      zh: '个 span 或行日志的服务过多，并入服务 (overflow)',
      en: 'spans or log lines are of one of too many services and count for the service (overflow)',
    },
    why: {
      zh: 'service.name 里可能带有实例 id 或主机名',
      en: 'service.name probably holds an instance id or a host name',
    },
    effect: {
      zh: '这些服务不能分开判断；把实例写到 service.instance.id',
      en: 'These services are not judged apart; instances belong into service.instance.id',
    },
  },
} as const satisfies Record<string, Gap>;

interface Quality {
  readonly orphanShare: number;
  /** Share of all own time that is in spans of no known stage. */
  readonly otherTimeShare: number;
  readonly namelessShare: number;
  readonly negativeCount: number;
  /** Of the calls between services, how many begin before their caller. */
  readonly skewShare: number;
}

function measureQuality(spans: SpanTable): Quality {
  const other = STAGES.indexOf('other');
  let orphans = 0;
  let nameless = 0;
  let negative = 0;
  let selfUs = 0;
  let otherUs = 0;
  let calls = 0;
  let skewed = 0;
  for (let row = 0; row < spans.count; row++) {
    orphans += spans.isOrphan[row]!;
    if (spans.service[row] === 0) nameless += 1;
    if (spans.durationUs[row]! < 0) negative += 1;
    const ownUs = Math.max(0, spans.selfUs[row]!);
    selfUs += ownUs;
    if (spans.stage[row] === other) otherUs += ownUs;
    const parent = spans.parent[row]!;
    if (parent === NO_ROW || spans.service[parent] === spans.service[row]) continue;
    calls += 1;
    if (spans.startUs[row]! < spans.startUs[parent]! - SKEW_TOLERANCE_US) skewed += 1;
  }
  return {
    orphanShare: orphans / spans.count,
    otherTimeShare: selfUs === 0 ? 0 : otherUs / selfUs,
    namelessShare: nameless / spans.count,
    negativeCount: negative,
    skewShare: calls === 0 ? 0 : skewed / calls,
  };
}

function orphanGap(share: number): Gap {
  return {
    what: {
      zh: `${percent(share)} 的 span 缺父节点`,
      en: `${percent(share)} of spans lack their parent`,
    },
    why: {
      zh: '请求还在进行、上游没有上报、被抽样，或上下文没有传下去',
      en: 'The request still runs, or its caller sent nothing, was sampled away, or did not pass the context on',
    },
    effect: {
      zh: '这些请求的调用链是断的，原因可能在看不到的一段',
      en: 'The path of these requests is broken; the cause may lie in the unseen part',
    },
  };
}

/** The operation with most own time in no known stage. */
function mostOtherTime(spans: SpanTable): string {
  const other = STAGES.indexOf('other');
  const timeByName = new Map<string, number>();
  for (let row = 0; row < spans.count; row++) {
    if (spans.stage[row] !== other) continue;
    const name = `${spans.strings.text(spans.service[row]!)} ${spans.strings.text(spans.operation[row]!)}`;
    timeByName.set(name, (timeByName.get(name) ?? 0) + Math.max(0, spans.selfUs[row]!));
  }
  const [most] = [...timeByName].sort(([a, one], [b, two]) => two - one || (a < b ? -1 : 1));
  return most?.[0] ?? '';
}

function otherGap(share: number, most: string): Gap {
  return {
    what: {
      zh: `${percent(share)} 的耗时没有归入任何阶段，最多的是 ${most}`,
      en: `${percent(share)} of the time belongs to no known stage, most of it to ${most}`,
    },
    why: {
      zh: 'span 的名称和属性认不出阶段',
      en: 'Names and attributes of the spans match no stage',
    },
    effect: {
      zh: '按阶段的判断和规则对这部分不起作用；可加属性 coze.stage',
      en: 'Judgement and rules by stage do not apply to it; the attribute coze.stage would help',
    },
  };
}

function namelessGap(share: number): Gap {
  return {
    what: {
      zh: `${percent(share)} 的 span 没有 service.name`,
      en: `${percent(share)} of spans have no service.name`,
    },
    why: { zh: '发送方没有设置资源属性', en: 'The sender did not set the resource attribute' },
    effect: { zh: '不同服务会混在一起', en: 'Different services are taken for one' },
  };
}

function negativeGap(spanCount: number): Gap {
  return {
    what: {
      zh: `${count(spanCount)} 个 span 结束早于开始`,
      en: `${count(spanCount)} spans end before they start`,
    },
    why: { zh: '发送方时钟被调整', en: 'The clock of the sender was moved' },
    effect: { zh: '这些 span 的耗时按 0 计', en: 'Their duration counts as 0' },
  };
}

function skewGap(share: number): Gap {
  return {
    what: {
      zh: `${percent(share)} 的跨服务调用开始早于调用方`,
      en: `${percent(share)} of calls between services begin before their caller`,
    },
    why: { zh: '主机时钟不一致', en: 'The clocks of the hosts differ' },
    effect: {
      zh: '服务之间的先后只能大致判断',
      en: 'The order of events between services is approximate',
    },
  };
}

/** What would make the next investigation decide; only asked for when this one did not. */
export function buildNextSteps(clustered: Clustered, verdict: string): Text[] {
  if (verdict === 'confirmed' || verdict === 'likely') return [];
  const { window } = clustered;
  const steps: Text[] = [];
  if (window.spans.count === 0) steps.push(NEXT.traces);
  if (window.logs.count === 0 || !hasLinkedLog(window)) steps.push(NEXT.logs);
  if (window.series.length === 0) steps.push(NEXT.metrics);
  if (clustered.referenceKind === 'none') steps.push(NEXT.reference);
  // Where nothing is anomalous there is nothing that a change or a probe could explain.
  if (clustered.clustering.anomalousCount === 0) return steps;
  if (clustered.changes.length === 0) steps.push(NEXT.changes);
  steps.push(NEXT.probes);
  return steps;
}

const NEXT = {
  traces: {
    zh: '检查链路是否发到本服务：OTEL_EXPORTER_OTLP_ENDPOINT 指向 4318（HTTP）或 4317（gRPC）',
    en: 'Check that traces arrive: point OTEL_EXPORTER_OTLP_ENDPOINT at port 4318 (HTTP) or 4317 (gRPC)',
  },
  logs: {
    zh: '通过 OTLP 发送带 trace id 的日志，以便把报错对应到请求',
    en: 'Send logs with trace ids over OTLP, so that errors can be matched to requests',
  },
  metrics: {
    zh: '发送运行时与连接池指标（如 db.client.connection.*）',
    en: 'Send runtime and pool metrics (such as db.client.connection.*)',
  },
  reference: {
    zh: '用 --reference FROM/TO 指定一段正常的时间再分析一次',
    en: 'Name a normal period with --reference FROM/TO and diagnose again',
  },
  changes: {
    zh: '发布与配置变更时调用 POST /api/v1/events，变更即成为证据',
    en: 'Post deploys and configuration changes to POST /api/v1/events: changes become evidence',
  },
  probes: {
    zh: '在配置 probes.services 中登记可疑服务的 debugUrl 与 promSelector，使探针能够直接求证',
    en: 'Register debugUrl and promSelector of the suspected services under probes.services, so that probes can ask them',
  },
} as const satisfies Record<string, Text>;
