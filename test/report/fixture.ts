/**
 * A fact graph made by hand: the pool of an order database runs dry after a deploy. Every part that a renderer
 * shows is there once; the golden files are what the renderers make of it.
 */
import type { VerifiedHypothesis } from '../../src/model/hypothesis.ts';
import type { Report } from '../../src/model/report.ts';

const MINUTE_US = 60_000_000;
/** 2025-07-01T10:00:00Z. */
export const START_US = 1_751_364_000_000_000;
const ONSET_US = START_US + 4 * MINUTE_US + 13_450_000;
const TRACE_A = '0af7651916cd43dd8448eb211c80319c';
const TRACE_B = '1bf7651916cd43dd8448eb211c80319d';

const pool: VerifiedHypothesis = {
  hypothesisId: 'h1',
  ruleId: 'db-pool-exhausted',
  culprit: {
    service: 'order-plugin',
    operation: 'SELECT orders',
    resource: 'HikariPool-1',
    dependency: 'db postgresql orders-db:5432',
    version: '2.1.0',
  },
  kind: 'pool',
  detail: { max: '10' },
  statement: {
    zh: 'order-plugin 到 orders-db 的连接池耗尽，请求在等待连接。',
    en: 'The connection pool of order-plugin to orders-db is exhausted; requests wait for a connection.',
  },
  path: {
    chain: [{ service: 'bot-gateway', operation: 'POST /coze/webhook' }],
    onsetUs: ONSET_US + 120_000,
  },
  score: 9.4,
  posterior: 0.94,
  verdict: 'confirmed',
  evidence: [
    {
      evidenceId: 'e1',
      source: 'trace',
      direction: 'for',
      statement: {
        zh: '异常请求中 SELECT orders 的自身耗时中位数为 5003 ms',
        en: 'Own time of SELECT orders has a median of 5003 ms in anomalous requests',
      },
      value: 5003,
      expected: 12.5,
      unit: 'ms',
      interval: [4870, 5140],
      n: 34,
      weight: 4.1,
      link: `/api/v1/traces?service=order-plugin&operation=SELECT%20orders&from=1751364000000&to=1751364900000`,
    },
    {
      evidenceId: 'e2',
      source: 'log',
      direction: 'for',
      statement: {
        zh: '新日志“HikariPool-1 - Connection is not available, request timed out after <*>ms”',
        en: 'New log line "HikariPool-1 - Connection is not available, request timed out after <*>ms"',
      },
      value: 31,
      expected: 0,
      n: 31,
      weight: 3,
      link: '/api/v1/logs?service=order-plugin&template=9f86d081884c7d65&from=1751364000000&to=1751364900000',
    },
    {
      evidenceId: 'e3',
      source: 'metric',
      direction: 'against',
      statement: { zh: '数据库 CPU 正常', en: 'CPU of the database is normal' },
      value: 0.21,
      expected: 0.2,
      n: 15,
      weight: -0.4,
    },
    {
      evidenceId: 'probe:p1',
      source: 'state',
      direction: 'for',
      statement: { zh: '连接池 10/10 全部在用', en: 'All 10 of 10 connections are in use' },
      n: 1,
      weight: 3,
    },
  ],
  predictions: [
    {
      zh: '/debug/health?check=db-pool 显示 activeConnections = maxPoolSize',
      en: '/debug/health?check=db-pool shows activeConnections = maxPoolSize',
    },
  ],
  probePlans: [
    {
      probeId: 'p1',
      kind: 'http',
      target: 'http://127.0.0.1:8080/debug/health?check=db-pool',
      expectation: { zh: 'active 等于 max', en: 'active equals max' },
      spec: {
        kind: 'http',
        service: 'order-plugin',
        path: '/debug/health?check=db-pool',
        confirm: '$[?@.active >= @.max]',
      },
      rerun: "curl -s 'http://127.0.0.1:8080/debug/health?check=db-pool'",
    },
  ],
  probes: [],
  fix: {
    zh: '归还泄漏的连接；连接池上限 10 → 30；调用超时设为 2 s。',
    en: 'Return leaked connections; raise the pool from 10 to 30; set the call timeout to 2 s.',
  },
};

const slowQuery: VerifiedHypothesis = {
  hypothesisId: 'h2',
  ruleId: 'db-slow-query',
  culprit: { service: 'order-plugin', dependency: 'db postgresql orders-db:5432' },
  kind: 'database',
  statement: { zh: 'orders-db 查询变慢', en: 'Queries of orders-db are slow' },
  score: 1.2,
  posterior: 0.03,
  verdict: 'refuted',
  evidence: [
    {
      evidenceId: 'e4',
      source: 'trace',
      direction: 'against',
      statement: {
        zh: '拿到连接后的查询耗时正常',
        en: 'Queries take their usual time once they have a connection',
      },
      value: 11.8,
      expected: 12.5,
      n: 52,
      weight: -2.2,
    },
  ],
  predictions: [],
  probePlans: [],
  probes: [],
};

const impatience: VerifiedHypothesis = {
  hypothesisId: 'h3',
  culprit: { service: 'bot-gateway', operation: 'POST /coze/webhook' },
  kind: 'timeout',
  statement: { zh: 'bot-gateway 调用超时', en: 'bot-gateway times out' },
  score: 0.9,
  posterior: 0.02,
  verdict: 'unverified',
  evidence: [],
  predictions: [],
  probePlans: [],
  probes: [],
  effectOf: 'h1',
};

function withoutEffect({ effectOf: _, ...facts }: VerifiedHypothesis): VerifiedHypothesis {
  return facts;
}

export const REPORT: Report = {
  schemaVersion: 1,
  reportId: 'r-20250701-101500-4f2a',
  createdAtUs: START_US + 15 * MINUTE_US + 2_000_000,
  status: 'complete',
  trigger: {
    kind: 'alertmanager',
    alerts: [
      {
        fingerprint: 'c0ffee1234567890',
        status: 'firing',
        name: 'BotLatencyHigh',
        labels: { alertname: 'BotLatencyHigh', service: 'bot-gateway' },
        annotations: { summary: 'p95 > 2 s' },
        startsAtUs: START_US + 6 * MINUTE_US,
        generatorUrl: 'http://prometheus:9090/graph?g0.expr=x',
      },
    ],
  },
  window: { fromUs: START_US, toUs: START_US + 15 * MINUTE_US },
  reference: {
    fromUs: START_US - 60 * MINUTE_US,
    toUs: START_US,
    kind: 'hour-before',
  },
  scope: { service: 'bot-gateway', attributes: { 'coze.channel': 'feishu' } },
  summary: {
    zh: '根因已证实（94 %）：order-plugin 到 orders-db 的连接池耗尽，请求在等待连接；自 10:04:13 起影响 34 个请求、1 个入口',
    en: 'Root cause confirmed (94 %): The connection pool of order-plugin to orders-db is exhausted; requests wait for a connection; 34 requests on 1 endpoint affected since 10:04:13 UTC',
  },
  verdict: 'confirmed',
  confidence: 0.94,
  rootCause: 'h1',
  firstSymptom: {
    culprit: { service: 'bot-gateway', operation: 'POST /coze/webhook' },
    timeUs: ONSET_US,
    statement: {
      zh: '10:04:13.450 bot-gateway 的 POST /coze/webhook 变慢，耗时 8.2 s',
      en: 'POST /coze/webhook in bot-gateway was slow at 10:04:13.450, taking 8.2 s',
    },
  },
  impact: {
    endpoints: [
      {
        service: 'bot-gateway',
        operation: 'POST /coze/webhook',
        requests: 412,
        errorRatio: 0.0752,
      },
    ],
    requests: 34,
    errorRatio: 0.0752,
    users: 29,
    conversations: 31,
    bots: ['73428668', 'order-helper'],
    by: [
      {
        attribute: 'endpoint',
        requests: 412,
        affected: 34,
        valueCount: 1,
        affectedValueCount: 1,
        values: [{ value: 'bot-gateway POST /coze/webhook', affected: 34, requests: 412 }],
      },
      {
        attribute: 'version',
        service: 'order-plugin',
        requests: 410,
        affected: 34,
        valueCount: 2,
        affectedValueCount: 1,
        values: [{ value: '2.1.0', affected: 34, requests: 60 }],
      },
      {
        attribute: 'bot',
        requests: 412,
        affected: 34,
        valueCount: 3,
        affectedValueCount: 2,
        values: [
          { value: '73428668', affected: 21, requests: 140 },
          { value: 'order-helper', affected: 13, requests: 120 },
        ],
      },
    ],
  },
  collect: {
    signals: { traces: 412, spans: 5061, logs: 2210, metrics: 48, profiles: 0, changes: 1 },
    gaps: [
      {
        what: { zh: '参照时段短', en: 'The reference is short' },
        why: {
          zh: '还没有学到平时的基线，只能与窗口之前的数据相比：60 min 0 s，1,650 个请求',
          en: 'No baseline is learned yet, so the time before the window has to serve: 60 min 0 s with 1,650 requests',
        },
        effect: {
          zh: '每天或每周都有的波动可能被当成异常，流量的变化尤其不可靠',
          en: 'What recurs every day or week may pass for an anomaly, changes of load above all',
        },
        remedy: {
          zh: '用 --reference 指定更长的正常时段',
          en: 'Name a longer normal period with --reference',
        },
      },
    ],
    telemetryQuality: [
      {
        what: { zh: '2.1 % 的 span 缺父节点', en: '2.1 % of spans lack their parent' },
        why: { zh: '上游没有上报', en: 'The caller sent nothing' },
        effect: { zh: '调用链是断的', en: 'The path of these requests is broken' },
      },
    ],
    anomalies: [
      {
        anomalyId: '00000000a1b2c3d4',
        kind: 'latency',
        service: 'bot-gateway',
        endpointId: '0123456789abcdef',
        operation: 'POST /coze/webhook',
        range: { fromUs: START_US + 4 * MINUTE_US, toUs: START_US + 15 * MINUTE_US },
        direction: 'up',
        value: 8_200_000,
        expected: { expected: 320_000, low: 210_000, high: 610_000 },
        n: 230,
        score: 41.5,
        statement: {
          zh: 'POST /coze/webhook 的 p95 升到 8.2 s（预期 210–610 ms）',
          en: 'p95 of POST /coze/webhook rose to 8.2 s (expected 210–610 ms)',
        },
        picture: {
          fromUs: START_US,
          stepUs: MINUTE_US,
          unit: 'us',
          values: [320_000, 298_000, 344_000, 610_000, null, 5_100_000, 8_200_000, 7_900_000],
          expected: new Array<number>(8).fill(320_000),
          low: new Array<number>(8).fill(210_000),
          high: new Array<number>(8).fill(610_000),
        },
      },
    ],
  },
  clusters: [
    {
      clusterId: 'c1',
      signature: {
        stage: 'plugin',
        service: 'order-plugin',
        operation: 'SELECT orders',
        errorType: 'SQLTransientConnectionException',
        target: 'db postgresql orders-db:5432',
      },
      kind: 'error',
      share: 0.973,
      count: 66,
      endpointId: 'fedcba9876543210',
      contrasts: [
        { attributes: { 'service.version': '2.1.0' }, lift: 8.31, pValue: 1.2e-9, coverage: 0.98 },
      ],
      exemplars: [TRACE_A, TRACE_B],
      firstSeenUs: ONSET_US + 120_000,
      selfUsP50: 5_003_000,
      referenceSelfUsP50: 12_500,
    },
    {
      clusterId: 'c2',
      signature: {
        stage: 'receive',
        service: 'bot-gateway',
        operation: 'POST /coze/webhook',
        errorType: '',
        target: '',
      },
      kind: 'latency',
      share: 0.027,
      count: 2,
      endpointId: '0123456789abcdef',
      contrasts: [],
      exemplars: [],
      firstSeenUs: ONSET_US,
      selfUsP50: 900,
      referenceSelfUsP50: Number.NaN,
    },
  ],
  clusterClasses: [
    { classId: 'k1', rootClusterId: 'c1', clusterIds: ['c1', 'c2'], count: 68, share: 1 },
  ],
  clusterCoverage: 1,
  anomalousCount: 68,
  hypotheses: [
    {
      ...pool,
      probes: [
        {
          plan: pool.probePlans[0]!,
          outcome: 'confirm',
          observed: {
            zh: 'activeConnections = 10，maxPoolSize = 10，waiting = 23',
            en: 'activeConnections = 10, maxPoolSize = 10, waiting = 23',
          },
          ranAtUs: START_US + 15 * MINUTE_US + 1_500_000,
          durationMs: 14,
        },
      ],
    },
    impatience,
    slowQuery,
  ],
  consensus: { sources: ['trace', 'log', 'state'], decision: 'automatic' },
  noise: { windows: 4, score: 1.5 },
  timeline: [
    {
      timeUs: START_US + 3 * MINUTE_US,
      kind: 'change',
      text: {
        zh: '发布 · order-plugin 2.1.0 · rollout 2.1.0',
        en: 'Release · order-plugin 2.1.0 · rollout 2.1.0',
      },
    },
    {
      timeUs: ONSET_US,
      kind: 'onset',
      text: { zh: '出现第一个异常请求', en: 'The first anomalous request' },
    },
    {
      timeUs: START_US + 6 * MINUTE_US,
      kind: 'alert',
      text: { zh: 'BotLatencyHigh 触发', en: 'BotLatencyHigh fired' },
    },
  ],
  propagation: {
    nodes: ['bot-gateway', 'db postgresql orders-db:5432', 'llm-gateway', 'order-plugin'],
    edges: [
      {
        from: 'order-plugin',
        to: 'db postgresql orders-db:5432',
        calls: 430,
        anomalousShare: 0.153,
      },
      { from: 'bot-gateway', to: 'order-plugin', calls: 420, anomalousShare: 0.081 },
      { from: 'bot-gateway', to: 'llm-gateway', calls: 412, anomalousShare: 0 },
    ],
  },
  changes: [
    {
      changeId: 'chg0000000000001',
      timeUs: START_US + 3 * MINUTE_US,
      kind: 'deploy',
      service: 'order-plugin',
      version: '2.1.0',
      description: 'rollout 2.1.0',
      attributes: {},
    },
  ],
  nextSteps: [],
  engine: { version: '0.1.0', rulesHash: 'ab'.repeat(32) },
  dataHash: 'cd'.repeat(32),
  reportHash: 'ef'.repeat(32),
  times: { collectMs: 412, clusterMs: 38.5, hypothesiseMs: 55, verifyMs: 121, totalMs: 640.25 },
};

/** The same incident with nothing to stand on: what an honest "I do not know" looks like. */
export const ABSTAINED: Report = {
  ...REPORT,
  status: 'partial',
  reference: { kind: 'none' },
  trigger: { kind: 'manual', alerts: [] },
  scope: {},
  summary: {
    zh: '未能判定根因：68 个异常 span 归为 2 类，证据不足以指向其中一个原因',
    en: 'No cause could be established: 68 anomalous spans in 2 clusters, and the evidence does not single one out',
  },
  verdict: 'abstained',
  confidence: 0.1,
  rootCause: undefined,
  firstSymptom: undefined,
  hypotheses: [{ ...withoutEffect(impatience), posterior: 0.31 }, slowQuery],
  consensus: { sources: [], decision: 'human review' },
  timeline: [],
  propagation: { nodes: [], edges: [] },
  nextSteps: [
    {
      zh: '发送运行时与连接池指标（如 db.client.connection.*）',
      en: 'Send runtime and pool metrics (such as db.client.connection.*)',
    },
  ],
};

/** As reports were stored before there were blast radius, classes, noise, paths, units and remedies. */
export const OLD_REPORT: Report = withoutNews(REPORT);
export const OLD_ABSTAINED: Report = withoutNews(ABSTAINED);

function withoutNews(report: Report): Report {
  const { noise: _, clusterClasses: _classes, ...old } = report;
  const { by: _by, ...impact } = report.impact;
  const gaps = report.collect.gaps.map(({ remedy: _remedy, ...gap }) => gap);
  const hypotheses = report.hypotheses.map(({ path: _path, ...hypothesis }) => ({
    ...hypothesis,
    evidence: hypothesis.evidence.map(({ unit: _unit, interval: _interval, ...item }) => item),
  }));
  return { ...old, impact, hypotheses, collect: { ...report.collect, gaps } };
}

/** Text as an attacker would put it into span names, logs and attributes. */
export const HOSTILE =
  '<img src=x onerror=alert(1)>"\'`|[x](javascript:alert(1))\u001b[31mRED\u001b[0m\u202egnp.exe\r\n# head';

/** Every string of a report that telemetry can fill, filled with HOSTILE. */
export function hostileReport(): Report {
  const text = { zh: HOSTILE, en: HOSTILE };
  const first = REPORT.hypotheses[0]!;
  return {
    ...REPORT,
    summary: text,
    scope: { service: HOSTILE, attributes: { [HOSTILE]: HOSTILE } },
    firstSymptom: { culprit: { service: HOSTILE }, timeUs: START_US, statement: text },
    impact: {
      ...REPORT.impact,
      endpoints: [{ service: HOSTILE, operation: HOSTILE, requests: 1, errorRatio: 0 }],
      bots: [HOSTILE],
      by: [
        {
          attribute: 'version',
          service: HOSTILE,
          requests: 9,
          affected: 1,
          valueCount: 2,
          affectedValueCount: 1,
          values: [{ value: HOSTILE, affected: 1, requests: 1 }],
        },
      ],
    },
    collect: {
      ...REPORT.collect,
      gaps: [{ what: text, why: text, effect: text, remedy: text }],
      anomalies: REPORT.collect.anomalies.map((anomaly) => ({ ...anomaly, statement: text })),
    },
    clusters: REPORT.clusters.map((cluster) => ({
      ...cluster,
      signature: {
        stage: 'other',
        service: HOSTILE,
        operation: HOSTILE,
        errorType: HOSTILE,
        target: HOSTILE,
      },
      contrasts: [{ attributes: { [HOSTILE]: HOSTILE }, lift: 2, pValue: 0.01, coverage: 1 }],
      exemplars: [HOSTILE],
    })),
    hypotheses: [
      {
        ...first,
        ruleId: HOSTILE,
        culprit: {
          service: HOSTILE,
          operation: HOSTILE,
          resource: HOSTILE,
          dependency: HOSTILE,
          attributes: { [HOSTILE]: HOSTILE },
        },
        detail: { [HOSTILE]: HOSTILE },
        statement: text,
        fix: text,
        predictions: [text],
        evidence: [
          ...first.evidence.map((item) => ({
            ...item,
            statement: text,
            link: `javascript:${HOSTILE}`,
          })),
          { ...first.evidence[0]!, statement: text, link: '//evil.example/x' },
          { ...first.evidence[0]!, statement: text, link: 'javascript:alert(1)' },
          { ...first.evidence[0]!, statement: text, link: 'data:text/html,x' },
        ],
        probes: first.probes.map((probe) => ({
          ...probe,
          observed: text,
          plan: { ...probe.plan, target: HOSTILE, expectation: text, rerun: HOSTILE },
        })),
      },
    ],
    timeline: [{ timeUs: START_US, kind: 'change', text }],
    propagation: {
      nodes: [HOSTILE, 'b'],
      edges: [{ from: HOSTILE, to: 'b', calls: 1, anomalousShare: 1 }],
    },
  };
}
