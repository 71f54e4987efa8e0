/** What happened when: changes, metric jumps, onset, clusters, anomalies, alerts, in one list by time. */
import type { Anomaly, ChangeEvent } from '../model/anomaly.ts';
import type { Cluster } from '../model/cluster.ts';
import type { VerifiedHypothesis } from '../model/hypothesis.ts';
import type { Clustered } from '../model/investigation.ts';
import type { TimelineEntry } from '../model/report.ts';
import type { Text } from '../model/text.ts';
import { clusterLabel, clusterLabels } from './cluster-label.ts';
import { percent, secondOfDay } from './format.ts';
import { metricEntries } from './metric-onset.ts';
import { findOnset } from './onset.ts';
import { plural } from './summary.ts';

/** Anomalies of one period are one entry, which names so many of them. */
const ANOMALIES_NAMED = 3;
const CLUSTERS_MAX = 8;
const CHANGES_MAX = 20;

/** At equal times causes stand before effects. */
export const TIMELINE_ORDER: Readonly<Record<TimelineEntry['kind'], number>> = {
  change: 0,
  metric: 1,
  cause: 2,
  symptom: 3,
  onset: 4,
  cluster: 5,
  anomaly: 6,
  alert: 7,
};

export function buildTimeline(
  clustered: Clustered,
  hypotheses: readonly VerifiedHypothesis[],
): TimelineEntry[] {
  const { anomalies, changes, clustering, request } = clustered;
  const entries: TimelineEntry[] = [];
  const nearest = [...changes].sort((a, b) => b.timeUs - a.timeUs).slice(0, CHANGES_MAX);
  for (const change of nearest) {
    entries.push({ timeUs: change.timeUs, kind: 'change', text: changeText(change) });
  }
  const onsetUs = findOnset(clustered);
  if (onsetUs !== undefined) {
    entries.push({
      timeUs: onsetUs,
      kind: 'onset',
      text:
        clustering.anomalousCount > 0
          ? { zh: '出现第一个异常请求', en: 'The first anomalous request' }
          : { zh: '首次偏离平时', en: 'The first deviation' },
    });
  }
  const clusters = clustering.clusters.slice(0, CLUSTERS_MAX);
  const labels = clusterLabels(clusters);
  for (const cluster of clusters) entries.push(clusterEntry(cluster, labels));
  entries.push(...metricEntries(clustered, hypotheses), ...anomalyEntries(anomalies));
  for (const alert of request.trigger.alerts) {
    const name = alert.name || alert.fingerprint;
    entries.push({
      timeUs: alert.startsAtUs,
      kind: 'alert',
      text: { zh: `${name} 触发`, en: `${name} fired` },
    });
  }
  return entries.sort(
    (a, b) =>
      a.timeUs - b.timeUs ||
      TIMELINE_ORDER[a.kind] - TIMELINE_ORDER[b.kind] ||
      (a.text.en < b.text.en ? -1 : 1),
  );
}

/** Anomalies know the period that they were seen in, not their own moment: one entry for each period. */
function anomalyEntries(anomalies: readonly Anomaly[]): TimelineEntry[] {
  const periods = new Map<string, Anomaly[]>();
  for (const anomaly of [...anomalies].sort((a, b) => b.score - a.score)) {
    const key = `${anomaly.range.fromUs} ${anomaly.range.toUs}`;
    const known = periods.get(key);
    if (known) known.push(anomaly);
    else periods.set(key, [anomaly]);
  }
  return [...periods.values()].map(periodEntry);
}

function periodEntry(group: readonly Anomaly[]): TimelineEntry {
  const [first] = group;
  const { range } = first!; // a group has at least one anomaly
  const named = group.slice(0, ANOMALIES_NAMED);
  const [from, to] = [secondOfDay(range.fromUs), secondOfDay(range.toUs)];
  const isAll = named.length === group.length;
  const zh = named.map(({ statement }) => statement.zh).join('；');
  const en = named.map(({ statement }) => statement.en).join('; ');
  return {
    timeUs: range.fromUs,
    kind: 'anomaly',
    text: {
      zh: `${from} 到 ${to} 有 ${group.length} 项偏离平时${isAll ? '' : '，最明显的是'}：${zh}`,
      en: `From ${from} to ${to} ${plural(group.length, 'measure')} left the normal range${isAll ? '' : ', most clearly'}: ${en}`,
    },
  };
}

function clusterEntry(cluster: Cluster, labels: ReadonlyMap<string, string>): TimelineEntry {
  const label = labels.get(cluster.clusterId) ?? clusterLabel(cluster);
  const share = percent(cluster.share);
  return {
    timeUs: cluster.firstSeenUs,
    kind: 'cluster',
    text: {
      zh: `${cluster.clusterId} 首次出现：${label}（占异常的 ${share}）`,
      en: `${cluster.clusterId} first seen: ${label} (${share} of the anomalous spans)`,
    },
  };
}

function changeText({ kind, service, version, description }: ChangeEvent): Text {
  const rest = [[service, version].filter(Boolean).join(' '), description].filter(Boolean);
  const { zh, en } = CHANGE_KINDS[kind];
  return { zh: [zh, ...rest].join(' · '), en: [en, ...rest].join(' · ') };
}

const CHANGE_KINDS: Readonly<Record<ChangeEvent['kind'], Text>> = {
  deploy: { zh: '发布', en: 'Release' },
  config: { zh: '配置', en: 'Configuration' },
  key: { zh: '密钥', en: 'Key' },
  certificate: { zh: '证书', en: 'Certificate' },
  scale: { zh: '扩缩容', en: 'Scaling' },
  prompt: { zh: '提示词', en: 'Prompt' },
  other: { zh: '其他', en: 'Other' },
};
