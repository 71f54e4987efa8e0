/** What composeReport() says about traffic whose truth the test knows. */
import { describe, expect, test } from 'vitest';
import { reportDocumentSchema } from '../../src/api/answers.ts';
import type { Anomaly } from '../../src/model/anomaly.ts';
import type { Clustered } from '../../src/model/investigation.ts';
import type { Report } from '../../src/model/report.ts';
import {
  composeReport,
  recomposeReport,
  renderHtml,
  renderJson,
  renderText,
  type Verified,
} from '../../src/report/report.ts';
import { DATABASE, shopTraffic } from '../build/shop.ts';
import {
  buildCollected,
  type LogLiteral,
  REFERENCE_RANGE,
  type SpanLiteral,
  WINDOW_RANGE,
} from '../build/span-table.ts';
import { REPORT } from './fixture.ts';

const ABSTENTION: Verified = {
  hypotheses: [],
  consensus: { sources: [], decision: 'human review' },
  verdict: 'abstained',
  confidence: 0,
  rootCause: undefined,
};
const CONFIRMATION: Verified = {
  hypotheses: REPORT.hypotheses,
  consensus: REPORT.consensus,
  verdict: 'confirmed',
  confidence: 0.94,
  rootCause: 'h1',
};
const TIMES = { collectMs: 1, clusterMs: 1, hypothesiseMs: 1, verifyMs: 1, totalMs: 4 };

function compose(clustered: Clustered, more: Partial<Parameters<typeof composeReport>[0]> = {}) {
  return composeReport({
    reportId: 'r-1',
    createdAtUs: WINDOW_RANGE.toUs,
    clustered,
    verified: ABSTENTION,
    noise: { windows: 0, score: 0 },
    times: TIMES,
    engine: { version: '0.1.0', rulesHash: 'r' },
    isPartial: false,
    ...more,
  });
}

/** Marks spans as anomalous by a test of their literal, as the cluster room would. */
function clusteredOf(
  spans: readonly SpanLiteral[],
  isAnomalous: (span: SpanLiteral) => boolean,
  more: {
    readonly logs?: readonly LogLiteral[];
    readonly reference?: readonly SpanLiteral[];
    readonly anomalies?: readonly Anomaly[];
  } = {},
): Clustered {
  const collected = buildCollected(
    {
      window: { spans, logs: more.logs ?? [] },
      ...(more.reference ? { reference: { spans: more.reference } } : {}),
    },
    { anomalies: more.anomalies ?? [] },
  );
  const rows = [...spans.keys()].filter((row) => isAnomalous(spans[row]!));
  const traces = new Set(rows.map((row) => collected.window.spans.trace[row]!));
  return {
    ...collected,
    clustering: {
      clusters: rows.length === 0 ? [] : [clusterOf(spans, rows)],
      classes: [],
      coverage: rows.length === 0 ? 0 : 1,
      anomalousCount: rows.length,
      anomalousRows: Uint32Array.from(rows),
      anomalousTraces: Uint32Array.from([...traces].sort((a, b) => a - b)),
    },
  };
}

function clusterOf(spans: readonly SpanLiteral[], rows: readonly number[]) {
  const members = rows.map((row) => spans[row]!).sort((a, b) => a.startUs - b.startUs);
  return {
    ...REPORT.clusters[0]!,
    share: 1,
    count: rows.length,
    exemplars: [members[0]!.trace],
    firstSeenUs: members[0]!.startUs,
  };
}

/** From request 30 of 60 on, the database call of orders is slow. */
const isSlowQuery = (span: SpanLiteral) =>
  span.operation === 'insert order' && span.durationUs > 1_000_000;
const slowShop = (fromUs: number = WINDOW_RANGE.fromUs) =>
  shopTraffic({
    seed: 1,
    requests: 60,
    fromUs,
    dress: (request) => {
      request.attributes['user.id'] = `u${request.index % 20}`;
      request.attributes['gen_ai.conversation.id'] = `c${request.index}`;
      request.attributes['coze.bot.id'] = request.index % 2 === 0 ? 'even' : 'odd';
    },
    fault: (call, request) =>
      call.operation === 'insert order' && request.index >= 30 ? { addUs: 5_000_000 } : undefined,
  });
const isAffectedSpan = (span: SpanLiteral) =>
  isSlowQuery(span) || (span.durationUs > 1_000_000 && span.service === 'gateway');

describe('composeReport()', () => {
  const report = compose(clusteredOf(slowShop(), isAffectedSpan));

  test('counts who was hit, in affected requests only', () => {
    const { by, ...impact } = report.impact;
    expect(by?.map(({ attribute, affected, requests }) => [attribute, affected, requests])).toEqual(
      [
        ['endpoint', 30, 60],
        ['bot', 30, 60],
        ['user', 30, 60],
        ['conversation', 30, 60],
      ],
    );
    expect(impact).toEqual({
      endpoints: [{ service: 'gateway', operation: 'GET /checkout', requests: 60, errorRatio: 0 }],
      requests: 30,
      errorRatio: 0,
      users: 20,
      conversations: 30,
      bots: ['even', 'odd'],
    });
  });

  test('names the outermost span of the first affected request as first symptom', () => {
    const first = Math.min(
      ...slowShop()
        .filter((span) => isAffectedSpan(span))
        .map((span) => span.startUs),
    );
    expect(report.firstSymptom).toMatchObject({
      culprit: { service: 'gateway', operation: 'GET /checkout' },
      timeUs: first,
    });
    expect(report.timeline.find((entry) => entry.kind === 'onset')?.timeUs).toBe(first);
  });

  test('lists the calls with the share that went wrong, to the database too', () => {
    expect(report.propagation.edges).toContainEqual({
      from: 'orders',
      to: DATABASE,
      calls: 60,
      anomalousShare: 0.5,
    });
    expect(report.propagation.edges).toContainEqual({
      from: 'gateway',
      to: 'users',
      calls: 60,
      anomalousShare: 0,
    });
    expect(report.propagation.nodes).toContain(DATABASE);
    expect(report.propagation.edges.some((edge) => edge.from === edge.to)).toBe(false);
  });

  test('says what it could not see and what to collect next', () => {
    expect(report.collect.gaps.map((gap) => gap.what.en)).toEqual([
      'No logs',
      'No metrics',
      'No profiles',
      'No reference period',
      'No versions',
    ]);
    expect(report.nextSteps.length).toBeGreaterThanOrEqual(4);
    expect(report.summary.en).toMatch(/^No cause could be established: 90 anomalous spans/);
  });

  test('a cause makes one sentence with its reach, and no next steps', () => {
    const sure = compose(clusteredOf(slowShop(), isAffectedSpan), { verified: CONFIRMATION });
    expect(sure.summary.en).toMatch(
      /^Root cause confirmed \(94 %\): The connection pool .* for a connection; 30 requests on 1 endpoint affected since \d\d:\d\d:\d\d UTC$/,
    );
    expect(sure.summary.zh).toMatch(/^根因已证实（94 %）：.*影响 30 个请求、1 个入口$/);
    expect(sure.nextSteps).toEqual([]);
  });

  test('the onset is not before the first anomaly: old noise is not the beginning', () => {
    const noise: SpanLiteral = {
      trace: 'f'.repeat(32),
      id: '1'.repeat(16),
      service: 'gateway',
      operation: 'GET /checkout',
      startUs: WINDOW_RANGE.fromUs,
      durationUs: 2_000_000,
    };
    const anomaly: Anomaly = {
      ...REPORT.collect.anomalies[0]!,
      range: { fromUs: WINDOW_RANGE.fromUs + 240_000_000, toUs: WINDOW_RANGE.toUs },
    };
    const noisy = compose(
      clusteredOf([noise, ...slowShop()], isAffectedSpan, { anomalies: [anomaly] }),
    );
    expect(noisy.firstSymptom?.timeUs).toBe(report.firstSymptom?.timeUs);
  });

  test('nor does a small cluster begin it, as long as one of weight is there', () => {
    const noise: SpanLiteral = {
      trace: 'f'.repeat(32),
      id: '1'.repeat(16),
      service: 'gateway',
      operation: 'GET /rare',
      startUs: WINDOW_RANGE.fromUs,
      durationUs: 2_000_000,
    };
    const anomaly: Anomaly = { ...REPORT.collect.anomalies[0]!, range: WINDOW_RANGE };
    const clustered = clusteredOf(
      [noise, ...slowShop()],
      (span) => span === noise || isAffectedSpan(span),
      { anomalies: [anomaly] },
    );
    const place = { stage: 'other', service: 'gateway', errorType: '', target: '' } as const;
    const [cluster] = clustered.clustering.clusters;
    const clusters = [
      { ...cluster!, share: 0.95, signature: { ...place, operation: 'GET /checkout' } },
      { ...cluster!, share: 0.05, signature: { ...place, operation: 'GET /rare' } },
    ];
    const noisy = compose({ ...clustered, clustering: { ...clustered.clustering, clusters } });
    expect(noisy.firstSymptom?.timeUs).toBe(report.firstSymptom?.timeUs);
  });

  test('anomalies of one period are one entry of the timeline', () => {
    const range = { fromUs: WINDOW_RANGE.fromUs, toUs: WINDOW_RANGE.toUs };
    const anomalies = [3, 9, 5, 7].map(
      (score): Anomaly => ({
        ...REPORT.collect.anomalies[0]!,
        anomalyId: `a${score}`,
        range,
        score,
        statement: { zh: `项 ${score}`, en: `item ${score}` },
      }),
    );
    const { timeline } = compose(clusteredOf(slowShop(), isAffectedSpan, { anomalies }));
    const entries = timeline.filter(({ kind }) => kind === 'anomaly');
    expect(entries).toHaveLength(1);
    expect(entries[0]?.text.en).toMatch(
      /^From [\d:]{8} to [\d:]{8} 4 measures left the normal range, most clearly: item 9; item 7; item 5$/,
    );
  });

  test('the inside of a request whose beginning is missing is no endpoint, unless nothing else is', () => {
    const inside: SpanLiteral = {
      trace: 'f'.repeat(32),
      id: '1'.repeat(16),
      parent: 'e'.repeat(16),
      service: 'gateway',
      operation: 'inner step',
      kind: 'internal',
      startUs: WINDOW_RANGE.fromUs,
      durationUs: 2_000_000,
    };
    const operationsOf = (spans: readonly SpanLiteral[]) =>
      compose(clusteredOf(spans, isAffectedSpan)).impact.endpoints.map(
        ({ operation }) => operation,
      );
    expect(operationsOf([inside, ...slowShop()])).toEqual(['GET /checkout']);
    expect(operationsOf([{ ...inside, kind: 'server' }, ...slowShop()])).toContain('inner step');
    expect(operationsOf([inside])).toEqual(['inner step']);
  });

  test('nothing at all makes a report that says so', () => {
    const empty = compose(clusteredOf([], () => false));
    expect(empty.summary.en).toBe(
      'No telemetry arrived for the window, so nothing can be said about it',
    );
    expect(empty.firstSymptom).toBeUndefined();
    expect(empty.impact).toMatchObject({ requests: 0, errorRatio: 0, endpoints: [], bots: [] });
    expect(empty.collect.gaps[0]?.what.en).toBe('No traces');
    expect(renderHtml(empty, 'zh')).toContain('没有异常 span 可以聚类');
  });

  test('sound traffic that only grew is no incident', () => {
    const more: Anomaly = {
      ...REPORT.collect.anomalies[0]!,
      kind: 'traffic',
      direction: 'up',
      range: WINDOW_RANGE,
    };
    const sound = compose(clusteredOf(slowShop(), () => false, { anomalies: [more] }));
    expect(sound.summary.en).toBe('No request in the window was anomalous, so no cause is named');
    expect(sound.firstSymptom).toBeUndefined();
    expect(sound.timeline.map(({ kind }) => kind)).toEqual(['anomaly']);
    expect(sound.nextSteps.some(({ en }) => en.includes('/api/v1/events'))).toBe(false);
    expect(renderText(sound, 'en', { isColour: false })).not.toContain('Confidence');
    const fewer = compose(
      clusteredOf(slowShop(), () => false, { anomalies: [{ ...more, direction: 'down' }] }),
    );
    expect(fewer.firstSymptom?.statement).toEqual(more.statement);
  });

  test('an interrupted analysis is partial and says so', () => {
    const partial = compose(clusteredOf(slowShop(), isAffectedSpan), { isPartial: true });
    expect(partial.status).toBe('partial');
    expect(partial.collect.gaps.at(-1)?.what.en).toBe('The analysis is not complete');
  });

  test('its document holds to the schema of the API', () => {
    const document = JSON.parse(JSON.stringify(renderJson(report, 'en')));
    expect(reportDocumentSchema.parse(document)).toEqual(document);
  });
});

describe('telemetry quality', () => {
  const span = (more: Partial<SpanLiteral>): SpanLiteral => ({
    trace: 'a'.repeat(32),
    id: '1'.repeat(16),
    service: 'a',
    operation: 'x',
    startUs: WINDOW_RANGE.fromUs,
    durationUs: 1000,
    stage: 'llm',
    ...more,
  });
  const child = { id: '2'.repeat(16), parent: '1'.repeat(16), service: 'b' };
  test.each([
    ['sound', [span({})], []],
    ['orphans', [span({ parent: '9'.repeat(16) })], [/lack their parent/]],
    ['no stage', [span({ stage: 'other' })], [/belongs to no known stage/]],
    ['no service', [span({ service: '' })], [/no service.name/]],
    ['end before start', [span({ durationUs: -5 })], [/end before they start/]],
    [
      'clock skew',
      [span({}), span({ ...child, startUs: WINDOW_RANGE.fromUs - 10_000 })],
      [/begin before their caller/],
    ],
    ['a little skew', [span({}), span({ ...child, startUs: WINDOW_RANGE.fromUs - 1000 })], []],
  ])('%s', (_caption, spans, expected) => {
    const { telemetryQuality } = compose(clusteredOf(spans, () => false)).collect;
    expect(telemetryQuality).toHaveLength(expected.length);
    for (const [index, pattern] of expected.entries()) {
      expect(telemetryQuality[index]?.what.en).toMatch(pattern);
    }
  });
});

describe('hashes', () => {
  const base = () => clusteredOf(slowShop(), isAffectedSpan, { logs: LOGS });
  const LOGS: readonly LogLiteral[] = [
    { timeUs: WINDOW_RANGE.fromUs + 5, service: 'orders', template: 't1', trace: 'a' },
    { timeUs: WINDOW_RANGE.fromUs + 5, service: 'cart', template: 't2' },
    { timeUs: WINDOW_RANGE.fromUs + 2, service: 'cart', template: 't2' },
  ];
  const report = compose(base());

  test('equal data give equal hashes, in any order of storage', () => {
    expect(compose(base())).toEqual(report);
    const reversed = clusteredOf(slowShop().reverse(), isAffectedSpan, {
      logs: [...LOGS].reverse(),
    });
    expect(compose(reversed).dataHash).toBe(report.dataHash);
    expect(compose(reversed).reportHash).toBe(report.reportHash);
  });

  const changed = (change: Partial<SpanLiteral>) =>
    slowShop().map((span, index) => (index === 7 ? { ...span, ...change } : span));
  test.each<[string, Clustered]>([
    ['a duration', clusteredOf(changed({ durationUs: 1 }), isAffectedSpan, { logs: LOGS })],
    ['an operation', clusteredOf(changed({ operation: 'z' }), isAffectedSpan, { logs: LOGS })],
    [
      'an attribute',
      clusteredOf(changed({ attributes: { a: 'b' } }), isAffectedSpan, { logs: LOGS }),
    ],
    ['an error', clusteredOf(changed({ error: 'E' }), isAffectedSpan, { logs: LOGS })],
    ['a log', clusteredOf(slowShop(), isAffectedSpan, { logs: LOGS.slice(1) })],
    [
      'a reference',
      clusteredOf(slowShop(), isAffectedSpan, {
        logs: LOGS,
        reference: slowShop(REFERENCE_RANGE.fromUs),
      }),
    ],
  ])('%s changes the data hash', (_caption, clustered) => {
    expect(compose(clustered).dataHash).not.toBe(report.dataHash);
  });

  test('ids, times and what probes answered stand outside the report hash', () => {
    const sure = compose(base(), { verified: CONFIRMATION });
    const probed: Verified = {
      ...CONFIRMATION,
      verdict: 'likely',
      confidence: 0.4,
      rootCause: 'h3',
      consensus: { sources: ['trace'], decision: 'human review' },
      hypotheses: [...CONFIRMATION.hypotheses].reverse().map((hypothesis) => ({
        ...hypothesis,
        posterior: 0.3,
        score: 0,
        verdict: 'unverified',
        probes: [],
        evidence: hypothesis.evidence.filter((item) => !item.evidenceId.startsWith('probe:')),
      })),
    };
    const again = compose(base(), {
      verified: probed,
      reportId: 'r-2',
      createdAtUs: WINDOW_RANGE.toUs + 5,
      times: { ...TIMES, totalMs: 99 },
    });
    expect(again.reportHash).toBe(sure.reportHash);
  });

  test.each<[string, Partial<Report>]>([
    ['another culprit', { hypotheses: [{ ...REPORT.hypotheses[0]!, culprit: { service: 'x' } }] }],
    ['other evidence', { hypotheses: [{ ...REPORT.hypotheses[0]!, evidence: [] }] }],
  ])('%s changes the report hash', (_caption, { hypotheses }) => {
    const sure = compose(base(), { verified: CONFIRMATION });
    const other = compose(base(), {
      verified: { ...CONFIRMATION, hypotheses: hypotheses ?? [] },
    });
    expect(other.reportHash).not.toBe(sure.reportHash);
  });

  test('a report that was stored and read keeps its hash when its probes run again', () => {
    const sure = compose(base(), { verified: CONFIRMATION });
    const stored = JSON.parse(JSON.stringify(sure)) as Report; // as the state store does
    const renewed = recomposeReport(stored, {
      ...CONFIRMATION,
      verdict: 'likely',
      confidence: 0.3,
    });
    expect(renewed.reportHash).toBe(sure.reportHash);
    expect(renewed.summary.en).toMatch(/^Doubtful lead \(30 %\)/);
    expect(renewed.verdict).toBe('likely');
    for (const lang of ['zh', 'en'] as const) expect(renderHtml(stored, lang)).toContain('–');
  });
});
