/** How sound the telemetry itself is: broken traces, clocks, names beyond the bounds, data that cannot be read. */
import type { Clustered } from '../model/investigation.ts';
import type { Gap } from '../model/report.ts';
import { STAGES } from '../model/vocabulary.ts';
import { NO_ROW, type SpanTable } from '../model/window.ts';
import { count, percent } from './format.ts';

/** Above these shares a fault of the telemetry is worth a line. */
const ORPHAN_SHARE_MAX = 0.01;
const OTHER_TIME_SHARE_MAX = 0.2;
const NAMELESS_SHARE_MAX = 0;
const SKEW_SHARE_MAX = 0.01;
/** A child may begin this much before its parent before clocks are called skewed. */
const SKEW_TOLERANCE_US = 2000;

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
  if (window.isSeriesCut) found.push(TOO_MANY_SERIES);
  return found;
}

function overflowGap({ what, why, effect }: Gap, rows: number): Gap {
  return {
    what: { zh: `${count(rows)} ${what.zh}`, en: `${count(rows)} ${what.en}` },
    why,
    effect,
  };
}

const TOO_MANY_SERIES = {
  what: { zh: '指标序列过多', en: 'Too many metric series' },
  why: {
    zh: '标签里可能带有 id 或用户输入',
    en: 'Labels probably hold ids or what users typed',
  },
  effect: {
    zh: '只看了其中一部分序列，异常的序列可能没有读到',
    en: 'Only a part of the series was looked at; an anomalous one may be missing',
  },
} as const satisfies Gap;

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
    remedy: {
      zh: '在每一跳传递 traceparent，并为整条链路统一采样',
      en: 'Pass traceparent on at every hop, and sample whole traces',
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
    remedy: {
      zh: '在所有主机上用 NTP 校时',
      en: 'Keep the clocks of all hosts in step with NTP',
    },
  };
}
