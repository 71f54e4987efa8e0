/**
 * A report as a list of plain blocks, verdict first: what Markdown and terminal text have in common. The
 * strings are raw telemetry and words; each renderer escapes for its own medium.
 */
import type { VerifiedHypothesis } from '../model/hypothesis.ts';
import type { Report } from '../model/report.ts';
import type { Language } from '../model/text.ts';
import { clusterLabels } from './cluster-label.ts';
import {
  ANOMALIES_SHOWN,
  anomaliesByScore,
  causeOf,
  decisionLabel,
  edgesOf,
  endpointLine,
  fold,
  impactFacts,
  LEADS_SHOWN,
  referenceLabel,
  timesLine,
  triggerLabel,
} from './digest.ts';
import { count, dateTime, duration, percent, timeOfDay } from './format.ts';
import { culpritLabel, rangeLabel, scopeLabel } from './labels.ts';
import { type Block, type Context, restItem, stepHeading, type Tone } from './outline-block.ts';
import { verifyBlocks } from './outline-hypothesis.ts';
import { classSentence } from './summary.ts';
import { type Words, wordsOf } from './words.ts';

export type { Block, ListItem, Tone } from './outline-block.ts';

export function toneOf(verdict: Report['verdict'] | VerifiedHypothesis['verdict']): Tone {
  if (verdict === 'confirmed') return 'good';
  if (verdict === 'likely') return 'warn';
  return verdict === 'refuted' ? 'bad' : 'mute';
}

export function outlineOf(report: Report, lang: Language): readonly Block[] {
  const words = wordsOf(lang);
  return [
    ...headBlocks(report, { lang, words }),
    ...timelineBlocks(report, { lang, words }),
    ...collectBlocks(report, { lang, words }),
    ...clusterBlocks(report, { lang, words }),
    ...verifyBlocks(report, { lang, words }),
    ...footBlocks(report, words),
  ];
}

function headBlocks(report: Report, { lang, words }: Context): Block[] {
  const { labels } = words;
  const cause = causeOf(report);
  const notes = [
    ...(report.hypotheses.length === 0
      ? []
      : [`${words.confidence} ${percent(report.confidence)}`, decisionLabel(report, words)]),
    ...(report.status === 'complete' ? [] : [words.statuses[report.status]]),
  ];
  return [
    { kind: 'heading', level: 1, text: `${words.report} ${report.reportId}` },
    {
      kind: 'verdict',
      tone: toneOf(report.verdict),
      text: words.verdicts[report.verdict],
      note: notes.join(' · '),
    },
    { kind: 'paragraph', text: cause ? cause.statement[lang] : report.summary[lang] },
    ...actionBlocks(report, { lang, words }),
    { kind: 'heading', level: 3, text: labels.impact },
    { kind: 'facts', rows: headFacts(report, { lang, words }) },
  ];
}

/** What to do; without a cause: the best leads, and what would decide between them. */
function actionBlocks(report: Report, { lang, words }: Context): Block[] {
  const { labels } = words;
  const cause = causeOf(report);
  const blocks: Block[] = [];
  if (cause?.fix) {
    blocks.push({ kind: 'heading', level: 3, text: labels.fix });
    blocks.push({ kind: 'paragraph', text: cause.fix[lang] });
  }
  const leads = cause ? [] : report.hypotheses.filter(({ verdict }) => verdict !== 'refuted');
  if (leads.length > 0) {
    blocks.push({ kind: 'heading', level: 3, text: labels.leads });
    blocks.push({
      kind: 'list',
      items: leads.slice(0, LEADS_SHOWN).map((lead) => ({ text: leadText(lead, { lang, words }) })),
    });
  }
  if (report.nextSteps.length > 0) {
    blocks.push({ kind: 'heading', level: 3, text: labels.nextSteps });
    blocks.push({ kind: 'list', items: report.nextSteps.map((step) => ({ text: step[lang] })) });
  }
  return blocks;
}

function leadText(lead: VerifiedHypothesis, { lang, words }: Context): string {
  const { labels, phrases } = words;
  return `${lead.statement[lang]}${phrases.inBrackets(`${labels.posterior} ${percent(lead.posterior)}`)}`;
}

function headFacts(
  report: Report,
  { lang, words }: Context,
): readonly (readonly [string, string])[] {
  const { labels } = words;
  const cause = causeOf(report);
  const { impact } = report;
  const bots = impact.bots.length > 0 ? [[labels.bots, impact.bots.join(', ')] as const] : [];
  const scope = scopeLabel(report.scope);
  return [
    ...(cause ? [[labels.culprit, culpritLabel(cause.culprit)] as const] : []),
    ...(report.firstSymptom
      ? [[labels.firstSymptom, report.firstSymptom.statement[lang]] as const]
      : []),
    ...impactFacts(report, words).filter(([label]) => bots.length === 0 || label !== labels.bots),
    ...bots,
    ...impact.endpoints.map(
      (endpoint) =>
        [
          labels.endpoint,
          `${endpoint.service} ${endpoint.operation}${words.phrases.colon}${endpointLine(endpoint, words)}`,
        ] as const,
    ),
    [labels.window, rangeLabel(report.window)],
    [labels.reference, referenceLabel(report, words)],
    [labels.trigger, triggerLabel(report, words)],
    ...(scope ? [[labels.scope, scope] as const] : []),
    [labels.created, `${dateTime(report.createdAtUs)} UTC`],
    [labels.took, timesLine(report, words)],
  ];
}

function timelineBlocks(report: Report, { lang, words }: Context): Block[] {
  const blocks: Block[] = [];
  if (report.timeline.length > 0) {
    blocks.push({ kind: 'heading', level: 2, text: words.labels.timeline });
    blocks.push({
      kind: 'list',
      items: report.timeline.map((entry) => ({
        text: `${timeOfDay(entry.timeUs)}  ${words.timelineKinds[entry.kind]}  ${entry.text[lang]}`,
      })),
    });
  }
  const { hot, soundCount } = edgesOf(report);
  if (hot.length > 0) {
    const { phrases } = words;
    blocks.push({ kind: 'heading', level: 2, text: words.labels.propagation });
    blocks.push({
      kind: 'list',
      items: [
        ...hot.map(({ from, to, anomalousShare, calls }) => ({
          text: `${from} → ${to}${phrases.colon}${phrases.edge(percent(anomalousShare), count(calls))}`,
        })),
        ...(soundCount > 0 ? [{ text: phrases.soundEdges(soundCount) }] : []),
      ],
    });
  }
  return blocks;
}

function collectBlocks(report: Report, { lang, words }: Context): Block[] {
  const { labels } = words;
  const { signals, gaps, telemetryQuality } = report.collect;
  const blocks: Block[] = [
    stepHeading(1, labels.collect, report.times.collectMs, words),
    {
      kind: 'paragraph',
      text: (['traces', 'spans', 'logs', 'metrics', 'changes'] as const)
        .map((signal) => `${labels[signal]} ${count(signals[signal])}`)
        .join(' · '),
    },
  ];
  const anomalies = fold(anomaliesByScore(report), ANOMALIES_SHOWN);
  if (anomalies.shown.length > 0) {
    blocks.push({ kind: 'heading', level: 3, text: labels.anomalies });
    blocks.push({
      kind: 'list',
      items: [
        ...anomalies.shown.map((anomaly) => ({ text: anomaly.statement[lang] })),
        ...restItem(anomalies.rest.length, words),
      ],
    });
  }
  blocks.push({ kind: 'heading', level: 3, text: labels.gaps });
  blocks.push(
    gaps.length === 0
      ? { kind: 'paragraph', text: labels.noGaps }
      : { kind: 'list', items: gaps.map((gap) => ({ text: gapText(gap, lang) })) },
  );
  if (telemetryQuality.length > 0) {
    blocks.push({ kind: 'heading', level: 3, text: labels.quality });
    blocks.push({
      kind: 'list',
      items: telemetryQuality.map((gap) => ({ text: gapText(gap, lang) })),
    });
  }
  return blocks;
}

function gapText(gap: Report['collect']['gaps'][number], lang: Language): string {
  const [separator, stop] = lang === 'zh' ? ['：', '。'] : [': ', '. '];
  return `${gap.what[lang]}${separator}${gap.why[lang]}${stop}${gap.effect[lang]}${stop.trim()}`;
}

function clusterBlocks(report: Report, { words, lang }: Context): Block[] {
  const { labels } = words;
  const heading = stepHeading(2, labels.cluster, report.times.clusterMs, words);
  if (report.clusters.length === 0) {
    return [heading, { kind: 'paragraph', text: labels.noClusters }];
  }
  const names = clusterLabels(report.clusters);
  const sentence = classSentence(report)?.[lang];
  return [
    heading,
    ...(sentence === undefined ? [] : [{ kind: 'paragraph', text: sentence } as const]),
    {
      kind: 'paragraph',
      text: `${words.phrases.coverage(count(report.anomalousCount), percent(report.clusterCoverage))}`,
    },
    {
      kind: 'table',
      head: [
        '',
        labels.share,
        labels.count,
        labels.kind,
        labels.signature,
        labels.firstSeen,
        labels.ownTime,
      ],
      rows: report.clusters.map((cluster) => [
        cluster.clusterId,
        percent(cluster.share),
        count(cluster.count),
        words.clusterKinds[cluster.kind],
        names.get(cluster.clusterId) ?? '',
        timeOfDay(cluster.firstSeenUs),
        `${duration(cluster.selfUsP50)} (${duration(cluster.referenceSelfUsP50)})`,
      ]),
    },
  ];
}

function footBlocks(report: Report, words: Words): Block[] {
  const { labels } = words;
  return [
    { kind: 'heading', level: 2, text: labels.engine },
    {
      kind: 'facts',
      rows: [
        ['Taproot', report.engine.version],
        [labels.rulesHash, report.engine.rulesHash],
        [labels.dataHash, report.dataHash],
        [labels.reportHash, report.reportHash],
      ],
    },
    {
      kind: 'paragraph',
      text: `${labels.utc} · ${labels.verifyAgain}${words.phrases.colon}npx taproot verify ${report.reportId}`,
    },
  ];
}
