/**
 * A report as a list of plain blocks, verdict first: what Markdown and terminal text have in common. The
 * strings are raw telemetry and words; each renderer escapes for its own medium.
 */
import type { VerifiedHypothesis } from '../model/hypothesis.ts';
import type { Gap, ImpactBy, Report } from '../model/report.ts';
import type { Language } from '../model/text.ts';
import { onlyValueOf } from './blast-radius.ts';
import { chronicleOf } from './chronicle.ts';
import { clusterLabels } from './cluster-label.ts';
import {
  ANOMALIES_SHOWN,
  abstainedText,
  anomaliesByScore,
  causeOf,
  decisionLabel,
  edgesOf,
  endpointLine,
  fold,
  impactFacts,
  LEADS_SHOWN,
  leadsOf,
  referenceLabel,
  reportLabel,
  shareText,
  spreadText,
  timesLine,
  triggerLabel,
} from './digest.ts';
import { count, dateTime, duration, percent, timeOfDay } from './format.ts';
import { attributeLabel, culpritLabel, rangeLabel, scopeLabel } from './labels.ts';
import { type Block, type Context, restItem, stepHeading, type Tone } from './outline-block.ts';
import { verifyBlocks } from './outline-hypothesis.ts';
import { chainText, propagationMapOf } from './propagation-map.ts';
import { classSentence } from './summary.ts';
import { type Words, wordsOf } from './words.ts';

export type { Block, ListItem, Tone } from './outline-block.ts';

const RADIUS_VALUES_SHOWN = 2;

export function toneOf(verdict: Report['verdict'] | VerifiedHypothesis['verdict']): Tone {
  if (verdict === 'confirmed') return 'good';
  if (verdict === 'likely') return 'warn';
  return verdict === 'refuted' ? 'bad' : 'mute';
}

export function outlineOf(report: Report, lang: Language): readonly Block[] {
  const words = wordsOf(lang);
  return [
    ...headBlocks(report, { lang, words }),
    ...radiusBlocks(report, { lang, words }),
    ...propagationBlocks(report, words),
    ...timelineBlocks(report, { lang, words }),
    ...collectBlocks(report, { lang, words }),
    ...clusterBlocks(report, { lang, words }),
    ...verifyBlocks(report, { lang, words }),
    ...footBlocks(report, words),
  ];
}

function headBlocks(report: Report, { lang, words }: Context): Block[] {
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
      text: reportLabel(report, words),
      note: notes.join(' · '),
    },
    { kind: 'paragraph', text: cause ? cause.statement[lang] : report.summary[lang] },
    ...actionBlocks(report, { lang, words }),
    ...answerBlocks(report, { lang, words }),
    { kind: 'heading', level: 3, text: words.labels.about },
    { kind: 'facts', rows: headFacts(report, words) },
  ];
}

/** What to do, or what to collect so that next time it is known. */
function actionBlocks(report: Report, { lang, words }: Context): Block[] {
  const { labels } = words;
  const cause = causeOf(report);
  const blocks: Block[] = [];
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

/** The three answers, which are never the same: cause, first symptom, impact. */
function answerBlocks(report: Report, context: Context): Block[] {
  const { lang, words } = context;
  const { labels } = words;
  const { firstSymptom, impact } = report;
  const bots = impact.bots.length > 0 ? [[labels.bots, impact.bots.join(', ')] as const] : [];
  return [
    ...causeBlocks(report, context),
    { kind: 'heading', level: 3, text: labels.firstSymptom },
    { kind: 'paragraph', text: firstSymptom?.statement[lang] ?? labels.unknown },
    { kind: 'heading', level: 3, text: labels.impact },
    {
      kind: 'facts',
      rows: [
        ...impactFacts(report, words).filter(
          ([label]) => bots.length === 0 || label !== labels.bots,
        ),
        ...bots,
        ...impact.endpoints.map(
          (endpoint) =>
            [
              labels.endpoint,
              `${endpoint.service} ${endpoint.operation}${words.phrases.colon}${endpointLine(endpoint, words)}`,
            ] as const,
        ),
      ],
    },
  ];
}

/** Without a cause: the best leads, marked as such, and why none of them is named. */
function causeBlocks(report: Report, { lang, words }: Context): Block[] {
  const { labels, phrases } = words;
  const cause = causeOf(report);
  if (cause) {
    const onsetUs = cause.path?.onsetUs;
    const facts = [
      culpritLabel(cause.culprit),
      words.causeKinds[cause.kind],
      `${words.confidence} ${percent(report.confidence)}`,
      ...(onsetUs === undefined ? [] : [`${labels.firstSeen} ${timeOfDay(onsetUs)}`]),
    ];
    const without = cause.counterfactual?.statement[lang];
    return [
      { kind: 'heading', level: 3, text: labels.rootCause },
      { kind: 'paragraph', text: facts.join(' · ') },
      ...(without === undefined ? [] : [{ kind: 'paragraph', text: without } as const]),
    ];
  }
  const leads = leadsOf(report).slice(0, LEADS_SHOWN);
  const why = abstainedText(report, words);
  return [
    { kind: 'heading', level: 3, text: labels.noCause },
    ...(leads.length === 0
      ? [{ kind: 'paragraph', text: labels.noHypotheses } as const]
      : [
          { kind: 'paragraph', text: labels.bestLead } as const,
          {
            kind: 'list',
            items: leads.map((lead) => ({ text: leadText(lead, { lang, words }) })),
          } as const,
        ]),
    ...(why === undefined
      ? []
      : [{ kind: 'paragraph', text: `${labels.whyAbstained}${phrases.colon}${why}` } as const]),
  ];
}

function leadText(lead: VerifiedHypothesis, { lang, words }: Context): string {
  const { labels, phrases } = words;
  return `${lead.hypothesisId} ${lead.statement[lang]}${phrases.inBrackets(`${labels.posterior} ${percent(lead.posterior)}`)}`;
}

function headFacts(report: Report, words: Words): readonly (readonly [string, string])[] {
  const { labels } = words;
  const scope = scopeLabel(report.scope);
  return [
    [labels.window, rangeLabel(report.window)],
    [labels.reference, referenceLabel(report, words)],
    [labels.trigger, triggerLabel(report, words)],
    ...(scope ? [[labels.scope, scope] as const] : []),
    [labels.created, `${dateTime(report.createdAtUs)} UTC`],
    [labels.took, timesLine(report, words)],
  ];
}

function timelineBlocks(report: Report, { lang, words }: Context): Block[] {
  const entries = chronicleOf(report);
  if (entries.length === 0) return [];
  return [
    { kind: 'heading', level: 2, text: words.labels.timeline },
    {
      kind: 'list',
      items: entries.map((entry) => ({
        text: `${timeOfDay(entry.timeUs)}  ${words.timelineKinds[entry.kind]}  ${entry.text[lang]}`,
      })),
    },
  ];
}

/** A line for each attribute: who is hit only, or else the most affected values. */
function radiusBlocks(report: Report, { words }: Context): Block[] {
  const radii = report.impact.by ?? [];
  if (radii.length === 0) return [];
  return [
    { kind: 'heading', level: 2, text: words.labels.blastRadius },
    { kind: 'list', items: radii.map((by) => ({ text: radiusText(by, words) })) },
  ];
}

function radiusText(by: ImpactBy, words: Words): string {
  const { phrases } = words;
  const label = attributeLabel(by, words);
  const only = onlyValueOf(by);
  const values = by.values
    .slice(0, RADIUS_VALUES_SHOWN)
    .map((value) => `${value.value}${phrases.colon}${shareText(value, words)}`);
  const begin =
    only === undefined
      ? `${label}${phrases.inBrackets(spreadText(by, words))}`
      : phrases.onlyValue(label, only);
  return [begin, values.join('; ')].filter(Boolean).join(phrases.colon);
}

function propagationBlocks(report: Report, words: Words): Block[] {
  const { phrases } = words;
  const map = propagationMapOf(report);
  const chain = chainText(map, words);
  const { hot, soundCount } = edgesOf(report);
  if (hot.length === 0 && chain === undefined) return [];
  const roles = new Map(map.nodes.map(({ name, role }) => [name, words.nodeRoles[role]]));
  return [
    { kind: 'heading', level: 2, text: words.labels.propagation },
    ...(chain === undefined ? [] : [{ kind: 'paragraph', text: chain } as const]),
    {
      kind: 'list',
      items: [
        ...hot.map(({ from, to, anomalousShare, calls }) => ({
          text: `${from} → ${to}${phrases.inBrackets(roles.get(to) ?? '')}${phrases.colon}${phrases.edge(percent(anomalousShare), count(calls))}`,
        })),
        ...(soundCount > 0 ? [{ text: phrases.soundEdges(soundCount) }] : []),
      ],
    },
  ];
}

function collectBlocks(report: Report, { lang, words }: Context): Block[] {
  const { labels } = words;
  const { signals, gaps, telemetryQuality } = report.collect;
  const blocks: Block[] = [
    stepHeading(1, labels.collect, report.times.collectMs, words),
    {
      kind: 'paragraph',
      text: (['traces', 'spans', 'logs', 'metrics', 'profiles', 'changes'] as const)
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
      : { kind: 'list', items: gaps.map((gap) => ({ text: gapText(gap, { lang, words }) })) },
  );
  if (telemetryQuality.length > 0) {
    blocks.push({ kind: 'heading', level: 3, text: labels.quality });
    blocks.push({
      kind: 'list',
      items: telemetryQuality.map((gap) => ({ text: gapText(gap, { lang, words }) })),
    });
  }
  return blocks;
}

function gapText(gap: Gap, { lang, words }: Context): string {
  const [separator, stop] = lang === 'zh' ? ['：', '。'] : [': ', '. '];
  const remedy = gap.remedy && `${stop}${words.labels.remedy}${separator}${gap.remedy[lang]}`;
  return `${gap.what[lang]}${separator}${gap.why[lang]}${stop}${gap.effect[lang]}${remedy ?? ''}${stop.trim()}`;
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
