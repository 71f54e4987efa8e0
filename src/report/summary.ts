/** The one sentence at the top of a report. */
import type { ClusterClass } from '../model/cluster.ts';
import type { VerifiedHypothesis } from '../model/hypothesis.ts';
import type { Impact, Report } from '../model/report.ts';
import type { Text } from '../model/text.ts';
import { clusterLabel } from './cluster-label.ts';
import { count as formatNumber, percent, timeOfDay } from './format.ts';
import { type Likelihood, likelihoodOf } from './likelihood.ts';

export interface SummaryFacts {
  readonly verdict: Report['verdict'];
  readonly confidence: number;
  readonly cause: VerifiedHypothesis | undefined;
  readonly impact: Impact;
  readonly signals: Report['collect']['signals'];
  readonly anomalousCount: number;
  readonly classes: readonly ClusterClass[];
  readonly onsetUs: number | undefined;
}

export function buildSummary(facts: SummaryFacts): Text {
  if (facts.cause) return causeSummary(facts, facts.cause.statement);
  const { spans, logs, metrics } = facts.signals;
  if (spans + logs + metrics === 0) {
    return {
      zh: '窗口内没有收到遥测数据，无从判断',
      en: 'No telemetry arrived for the window, so nothing can be said about it',
    };
  }
  if (spans === 0) {
    return {
      zh: '没有链路，无从判断单个请求；其余信号不足以判定根因',
      en: 'Without traces no request can be judged, and the other signals do not establish a cause',
    };
  }
  if (facts.anomalousCount === 0) {
    return {
      zh: '窗口内没有发现异常请求，未判定根因',
      en: 'No request in the window was anomalous, so no cause is named',
    };
  }
  const { classes, anomalousCount } = facts;
  return {
    zh: `未能判定根因：${formatNumber(anomalousCount)} 个异常 span 归为 ${classes.length} 类，证据不足以指向其中一个原因`,
    en: `No cause could be established: ${plural(anomalousCount, 'anomalous span')} in ${plural(classes.length, 'class', 'classes')}, and the evidence does not single one out`,
  };
}

function causeSummary(facts: SummaryFacts, statement: Text): Text {
  const lead =
    facts.verdict === 'likely' ? LIKELY[likelihoodOf(facts.confidence)] : LEADS[facts.verdict];
  const { requests, endpoints } = facts.impact;
  const share = percent(facts.confidence);
  const since = facts.onsetUs === undefined ? undefined : timeOfDay(facts.onsetUs).slice(0, 8);
  const reachZh =
    requests === 0
      ? ''
      : `；${since ? `自 ${since} 起` : ''}影响 ${formatNumber(requests)} 个请求、${endpoints.length} 个入口`;
  const reachEn =
    requests === 0
      ? ''
      : `; ${plural(requests, 'request')} on ${plural(endpoints.length, 'endpoint')} affected${since ? ` since ${since} UTC` : ''}`;
  return {
    zh: `${lead.zh}（${share}）：${withoutStop(statement.zh)}${reachZh}`,
    en: `${lead.en} (${share}): ${withoutStop(statement.en)}${reachEn}`,
  };
}

const LEADS: Readonly<Record<Exclude<Report['verdict'], 'likely'>, Text>> = {
  confirmed: { zh: '根因已证实', en: 'Root cause confirmed' },
  unverified: { zh: '未经证实的首要假设', en: 'Unverified leading hypothesis' },
  abstained: { zh: '未判定根因，首要线索', en: 'No cause established; best lead' },
};

const LIKELY: Readonly<Record<Likelihood, Text>> = {
  'almost certain': { zh: '几乎可以肯定的根因', en: 'Almost certain root cause' },
  'very likely': { zh: '极有可能的根因', en: 'Very likely root cause' },
  likely: { zh: '很可能的根因', en: 'Likely root cause' },
  possible: { zh: '有可能的根因', en: 'Possible root cause' },
  unlikely: { zh: '可能性小的线索', en: 'Doubtful lead' },
};

function withoutStop(sentence: string): string {
  return sentence.replace(/[.。\s]+$/u, '');
}

/** "12 473 abnormal spans, 3 classes, 97.3 % one pattern": how the anomalous spans group. */
export function classSentence(report: Report): Text | undefined {
  const [first] = report.clusterClasses ?? [];
  const root = report.clusters.find(({ clusterId }) => clusterId === first?.rootClusterId);
  if (first === undefined || root === undefined) return undefined;
  const classCount = report.clusterClasses?.length ?? 0;
  const spans = formatNumber(report.anomalousCount);
  const label = clusterLabel(root);
  return {
    zh: `${spans} 个异常 span 归为 ${classCount} 类，${percent(first.share)} 是同一模式，源头在 ${label}`,
    en: `${spans} anomalous spans in ${plural(classCount, 'class', 'classes')}; ${percent(first.share)} are one pattern that leads to ${label}`,
  };
}

export function plural(count: number, noun: string, nouns = `${noun}s`): string {
  return `${formatNumber(count)} ${count === 1 ? noun : nouns}`;
}
