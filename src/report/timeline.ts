/** What happened when: changes, onset, clusters, anomalies, alerts, in one list by time. */
import type { Cluster } from '../model/cluster.ts';
import type { Clustered } from '../model/investigation.ts';
import type { TimelineEntry } from '../model/report.ts';
import type { Text } from '../model/text.ts';
import { percent } from './format.ts';
import { findOnset } from './onset.ts';

const ANOMALIES_MAX = 20;
const CHANGES_MAX = 20;

/** At equal times causes stand before effects. */
const KIND_ORDER: Readonly<Record<TimelineEntry['kind'], number>> = {
  change: 0,
  onset: 1,
  cluster: 2,
  anomaly: 3,
  alert: 4,
};

export function buildTimeline(clustered: Clustered): TimelineEntry[] {
  const { anomalies, changes, clustering, request } = clustered;
  const entries: TimelineEntry[] = [];
  const nearest = [...changes].sort((a, b) => b.timeUs - a.timeUs).slice(0, CHANGES_MAX);
  for (const change of nearest) {
    const subject = [change.service, change.version].filter(Boolean).join(' ');
    entries.push({
      timeUs: change.timeUs,
      kind: 'change',
      text: both([change.kind, subject, change.description].filter(Boolean).join(' · ')),
    });
  }
  const onsetUs = findOnset(clustered);
  if (onsetUs !== undefined) {
    entries.push({
      timeUs: onsetUs,
      kind: 'onset',
      text: { zh: '出现第一个异常请求', en: 'The first anomalous request' },
    });
  }
  for (const cluster of clustering.clusters) entries.push(clusterEntry(cluster));
  const strongest = [...anomalies].sort((a, b) => b.score - a.score).slice(0, ANOMALIES_MAX);
  for (const anomaly of strongest) {
    entries.push({ timeUs: anomaly.range.fromUs, kind: 'anomaly', text: anomaly.statement });
  }
  for (const alert of request.trigger.alerts) {
    const name = alert.name || alert.fingerprint;
    entries.push({
      timeUs: alert.startsAtUs,
      kind: 'alert',
      text: { zh: `告警 ${name} 触发`, en: `Alert ${name} fired` },
    });
  }
  return entries.sort(
    (a, b) =>
      a.timeUs - b.timeUs ||
      KIND_ORDER[a.kind] - KIND_ORDER[b.kind] ||
      (a.text.en < b.text.en ? -1 : 1),
  );
}

function clusterEntry(cluster: Cluster): TimelineEntry {
  const label = clusterLabel(cluster);
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

/** `orders SELECT → db postgresql: timeout`. */
export function clusterLabel(cluster: Cluster): string {
  const { service, operation, target, errorType } = cluster.signature;
  const call = [service, operation].filter(Boolean).join(' ');
  return `${call}${target ? ` → ${target}` : ''}${errorType ? `: ${errorType}` : ''}`;
}

function both(sentence: string): Text {
  return { zh: sentence, en: sentence };
}
