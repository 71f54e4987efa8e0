/**
 * A report as a list of plain blocks, verdict first: what Markdown and terminal text have in common. The
 * strings are raw telemetry and words; each renderer escapes for its own medium.
 */
import type { Evidence, ProbeRun, VerifiedHypothesis } from '../model/hypothesis.ts';
import type { Report } from '../model/report.ts';
import type { Language } from '../model/text.ts';
import { dateTime, durationOfMs, percent, shortNumber, timeOfDay } from './format.ts';
import { culpritLabel, rangeLabel, scopeLabel } from './labels.ts';
import { clusterLabel } from './timeline.ts';
import { type Words, wordsOf } from './words.ts';

/** How a line is meant: colour on a terminal, bold or nothing elsewhere. */
export type Tone = 'good' | 'warn' | 'bad' | 'mute';

export type Block =
  | { readonly kind: 'heading'; readonly level: 1 | 2 | 3 | 4; readonly text: string }
  | { readonly kind: 'verdict'; readonly tone: Tone; readonly text: string; readonly note: string }
  | { readonly kind: 'paragraph'; readonly text: string }
  | { readonly kind: 'facts'; readonly rows: readonly (readonly [string, string])[] }
  | { readonly kind: 'list'; readonly items: readonly ListItem[] }
  | {
      readonly kind: 'table';
      readonly head: readonly string[];
      readonly rows: readonly (readonly string[])[];
    }
  | { readonly kind: 'code'; readonly text: string };

export interface ListItem {
  readonly text: string;
  readonly tone?: Tone;
  /** Path or address that shows it. */
  readonly href?: string;
}

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

interface Context {
  readonly lang: Language;
  readonly words: Words;
}

function headBlocks(report: Report, { lang, words }: Context): Block[] {
  const { labels } = words;
  const cause = report.hypotheses.find((h) => h.hypothesisId === report.rootCause);
  const { impact } = report;
  const blocks: Block[] = [
    { kind: 'heading', level: 1, text: `${words.report} ${report.reportId}` },
    {
      kind: 'verdict',
      tone: toneOf(report.verdict),
      text: words.verdicts[report.verdict],
      note: `${words.confidence} ${percent(report.confidence)} · ${words.decisions[report.consensus.decision]}${report.status === 'complete' ? '' : ` · ${words.statuses[report.status]}`}`,
    },
    { kind: 'paragraph', text: report.summary[lang] },
    {
      kind: 'facts',
      rows: [
        ...(cause ? [[labels.culprit, culpritLabel(cause.culprit)] as const] : []),
        ...(report.firstSymptom
          ? [[labels.firstSymptom, report.firstSymptom.statement[lang]] as const]
          : []),
        [labels.requests, String(impact.requests)],
        [labels.failed, percent(impact.errorRatio)],
        [labels.endpoints, String(impact.endpoints.length)],
        [labels.users, String(impact.users)],
        [labels.conversations, String(impact.conversations)],
        [labels.bots, impact.bots.join(', ') || '–'],
        [labels.window, rangeLabel(report.window)],
        [
          labels.reference,
          'fromUs' in report.reference
            ? `${rangeLabel(report.reference)} (${words.references[report.reference.kind]})`
            : words.references.none,
        ],
        [labels.trigger, words.triggers[report.trigger.kind]],
        ...(scopeLabel(report.scope) ? [[labels.scope, scopeLabel(report.scope)] as const] : []),
        [labels.created, `${dateTime(report.createdAtUs)} UTC`],
      ],
    },
  ];
  if (cause?.fix) {
    blocks.push({ kind: 'heading', level: 3, text: labels.fix });
    blocks.push({ kind: 'paragraph', text: cause.fix[lang] });
  }
  if (report.nextSteps.length > 0) {
    blocks.push({ kind: 'heading', level: 3, text: labels.nextSteps });
    blocks.push({ kind: 'list', items: report.nextSteps.map((step) => ({ text: step[lang] })) });
  }
  return blocks;
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
  if (report.propagation.edges.length > 0) {
    blocks.push({ kind: 'heading', level: 2, text: words.labels.propagation });
    blocks.push({
      kind: 'list',
      items: report.propagation.edges.map((edge) => ({
        text: `${edge.from} → ${edge.to}: ${percent(edge.anomalousShare)} / ${edge.calls}`,
      })),
    });
  }
  return blocks;
}

function collectBlocks(report: Report, { lang, words }: Context): Block[] {
  const { labels } = words;
  const { signals, gaps, telemetryQuality, anomalies } = report.collect;
  const blocks: Block[] = [
    stepHeading(1, labels.collect, report.times.collectMs, words),
    {
      kind: 'paragraph',
      text: (['traces', 'spans', 'logs', 'metrics', 'changes'] as const)
        .map((signal) => `${labels[signal]} ${signals[signal]}`)
        .join(' · '),
    },
  ];
  if (anomalies.length > 0) {
    blocks.push({ kind: 'heading', level: 3, text: labels.anomalies });
    blocks.push({
      kind: 'list',
      items: anomalies.map((anomaly) => ({ text: anomaly.statement[lang] })),
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

function clusterBlocks(report: Report, { words }: Context): Block[] {
  const { labels } = words;
  const heading = stepHeading(2, labels.cluster, report.times.clusterMs, words);
  if (report.clusters.length === 0) {
    return [heading, { kind: 'paragraph', text: labels.noClusters }];
  }
  return [
    heading,
    { kind: 'paragraph', text: `${labels.coverage} ${percent(report.clusterCoverage)}` },
    {
      kind: 'table',
      head: ['', labels.share, labels.count, labels.kind, labels.signature, labels.firstSeen],
      rows: report.clusters.map((cluster) => [
        cluster.clusterId,
        percent(cluster.share),
        String(cluster.count),
        words.clusterKinds[cluster.kind],
        clusterLabel(cluster),
        timeOfDay(cluster.firstSeenUs),
      ]),
    },
  ];
}

function verifyBlocks(report: Report, context: Context): Block[] {
  const { labels } = context.words;
  const standing = report.hypotheses.filter((h) => h.verdict !== 'refuted');
  const refuted = report.hypotheses.filter((h) => h.verdict === 'refuted');
  const blocks: Block[] = [
    stepHeading(3, labels.verify, report.times.verifyMs, context.words),
    {
      kind: 'paragraph',
      text: `${labels.consensus}: ${report.consensus.sources.map((source) => context.words.sources[source]).join(' + ') || labels.none} → ${context.words.decisions[report.consensus.decision]} (${labels.consensusRule})`,
    },
  ];
  if (report.hypotheses.length === 0) {
    blocks.push({ kind: 'paragraph', text: labels.noHypotheses });
  }
  for (const hypothesis of standing) blocks.push(...hypothesisBlocks(hypothesis, context));
  if (refuted.length > 0) {
    blocks.push({ kind: 'heading', level: 3, text: labels.refutedOnes });
    for (const hypothesis of refuted) blocks.push(...hypothesisBlocks(hypothesis, context));
  }
  return blocks;
}

function hypothesisBlocks(hypothesis: VerifiedHypothesis, { lang, words }: Context): Block[] {
  const { labels } = words;
  const facts = [
    words.verdicts[hypothesis.verdict],
    `${labels.posterior} ${percent(hypothesis.posterior)}`,
    `${labels.culprit} ${culpritLabel(hypothesis.culprit)}`,
    `${labels.kind} ${hypothesis.kind}`,
    ...(hypothesis.ruleId ? [`${labels.rule} ${hypothesis.ruleId}`] : []),
    ...(hypothesis.effectOf ? [`${labels.effectOf} ${hypothesis.effectOf}`] : []),
  ];
  const blocks: Block[] = [
    {
      kind: 'heading',
      level: 3,
      text: `${hypothesis.hypothesisId} ${hypothesis.statement[lang]}`,
    },
    { kind: 'paragraph', text: facts.join(' · ') },
  ];
  for (const direction of ['for', 'against'] as const) {
    const evidence = hypothesis.evidence.filter((item) => item.direction === direction);
    if (evidence.length === 0) continue;
    const title = direction === 'for' ? labels.evidenceFor : labels.evidenceAgainst;
    blocks.push({ kind: 'heading', level: 4, text: title });
    blocks.push({
      kind: 'list',
      items: evidence.map((item) => evidenceItem(item, { lang, words })),
    });
  }
  if (hypothesis.predictions.length > 0) {
    blocks.push({ kind: 'heading', level: 4, text: labels.predictions });
    blocks.push({
      kind: 'list',
      items: hypothesis.predictions.map((prediction) => ({ text: prediction[lang] })),
    });
  }
  if (hypothesis.probes.length > 0) blocks.push({ kind: 'heading', level: 4, text: labels.probes });
  for (const probe of hypothesis.probes) blocks.push(...probeBlocks(probe, { lang, words }));
  return blocks;
}

function evidenceItem(evidence: Evidence, { lang, words }: Context): ListItem {
  const { labels } = words;
  const numbers = [
    ...(evidence.value === undefined
      ? []
      : [`${labels.observedValue} ${shortNumber(evidence.value)}`]),
    ...(evidence.expected === undefined
      ? []
      : [`${labels.expectedValue} ${shortNumber(evidence.expected)}`]),
    `n=${evidence.n}`,
  ];
  return {
    text: `[${words.sources[evidence.source]}] ${evidence.statement[lang]} (${numbers.join(', ')})`,
    ...(evidence.direction === 'against' ? { tone: 'bad' as const } : {}),
    ...(evidence.link === undefined ? {} : { href: evidence.link }),
  };
}

const OUTCOME_TONES = { confirm: 'good', refute: 'bad', inconclusive: 'warn' } as const;

function probeBlocks(probe: ProbeRun, { lang, words }: Context): Block[] {
  const { labels } = words;
  return [
    {
      kind: 'list',
      items: [
        {
          text: `${words.outcomes[probe.outcome]} · ${probe.plan.probeId} · ${probe.plan.kind}`,
          tone: OUTCOME_TONES[probe.outcome],
        },
        { text: `${labels.target}: ${probe.plan.target}` },
        { text: `${labels.expectation}: ${probe.plan.expectation[lang]}` },
        { text: `${labels.observed}: ${probe.observed[lang]}` },
        {
          text: `${labels.ranAt} ${dateTime(probe.ranAtUs)} UTC, ${durationOfMs(probe.durationMs)}`,
        },
      ],
    },
    { kind: 'code', text: probe.plan.rerun },
  ];
}

function footBlocks(report: Report, words: Words): Block[] {
  const { labels } = words;
  return [
    { kind: 'heading', level: 2, text: labels.engine },
    {
      kind: 'facts',
      rows: [
        [labels.engine, `Taproot ${report.engine.version}`],
        [labels.rulesHash, report.engine.rulesHash],
        [labels.dataHash, report.dataHash],
        [labels.reportHash, report.reportHash],
        [labels.hypothesise, durationOfMs(report.times.hypothesiseMs)],
        [labels.total, durationOfMs(report.times.totalMs)],
      ],
    },
    { kind: 'paragraph', text: labels.utc },
  ];
}

function stepHeading(step: number, name: string, ms: number, words: Words): Block {
  return {
    kind: 'heading',
    level: 2,
    text: `${step} · ${name} (${words.labels.took} ${durationOfMs(ms)})`,
  };
}
