/** What answers hold, as schemas: for the OpenAPI document, and for the tests that hold the API to it. */
import { z } from 'zod';
import { ANOMALY_KINDS, INCIDENT_SEVERITIES } from '../model/anomaly.ts';
import { IMPACT_ATTRIBUTES, NODE_ROLES } from '../model/report.ts';
import { SILENCE_FIELDS } from '../model/silence.ts';
import { SLICE_DIMENSIONS } from '../model/slice.ts';
import { TALLY_MEASURES } from '../model/tally.ts';
import { STAGES } from '../model/vocabulary.ts';

const language = z.enum(['zh', 'en']);
export const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.string(),
  value: z.string().optional(),
});
export type Problem = z.infer<typeof problemSchema>;

const time = z.iso.datetime();
const range = z.object({ from: time, to: time });
const reportStatus = z.enum(['complete', 'partial', 'running', 'failed']);
const verdict = z.enum(['confirmed', 'likely', 'unverified', 'refuted']);
const reportVerdict = z.enum(['confirmed', 'likely', 'unverified', 'abstained']);
const text = z.object({ zh: z.string(), en: z.string() });
const stringMap = z.record(z.string(), z.string());
const ratio = z.number().min(0).max(1);
const orNull = <T extends z.ZodType>(schema: T) => z.union([schema, z.null()]);

const culprit = z.object({
  service: z.string(),
  operation: z.string().optional(),
  resource: z.string().optional(),
  dependency: z.string().optional(),
  version: z.string().optional(),
  attributes: stringMap.optional(),
});
const gap = z.object({
  what: z.string(),
  why: z.string(),
  effect: z.string(),
  remedy: z.string().optional(),
});

const evidence = z.object({
  id: z.string(),
  source: z.enum(['trace', 'log', 'metric', 'profile', 'state', 'change']),
  direction: z.enum(['for', 'against']),
  statement: z.string(),
  value: orNull(z.number()),
  expected: orNull(z.number()),
  unit: z.string().optional(),
  interval: z.array(z.number()).optional(),
  n: z.number(),
  weight: z.number(),
  link: orNull(z.string()),
});
const probe = z.object({
  id: z.string(),
  kind: z.enum(['store', 'http', 'prom']),
  target: z.string(),
  expectation: z.string(),
  outcome: z.enum(['confirm', 'refute', 'inconclusive']),
  observed: z.string(),
  weight: z.number().optional(),
  placebo: z.object({ confirmed: z.int(), tried: z.int() }).optional(),
  ranAt: time,
  durationMs: z.number(),
  rerun: z.string(),
});
const interval = z.tuple([z.number(), z.number()]);
const counterfactual = z.object({
  statement: z.string(),
  measure: z.enum(['latency', 'errors']),
  from: z.number(),
  to: z.number(),
  interval,
  n: z.int(),
  explainedShare: ratio,
  explainedInterval: interval,
});
const hypothesis = z.object({
  id: z.string(),
  rank: z.int(),
  ruleId: z.string().optional(),
  culprit,
  kind: z.string(),
  detail: stringMap.optional(),
  statement: z.string(),
  path: z
    .object({
      chain: z.array(z.object({ service: z.string(), operation: z.string() })),
      error: z.object({ type: z.string(), message: z.string() }).optional(),
      peer: z.string().optional(),
      onset: time,
    })
    .optional(),
  score: z.number(),
  posterior: ratio,
  verdict,
  evidence: z.array(evidence),
  predictions: z.array(z.string()),
  probes: z.array(probe),
  counterfactual: counterfactual.optional(),
  fix: text.optional(),
  effectOf: z.string().optional(),
});
const numbers = z.array(orNull(z.number()));
const anomaly = z.object({
  id: z.string(),
  kind: z.enum(ANOMALY_KINDS),
  status: z.enum(['open', 'closed']).optional(),
  end: z.enum(['recovered', 'accepted', 'gone']).optional(),
  service: z.string(),
  endpointId: z.string().optional(),
  operation: z.string().optional(),
  slice: z.object({ dimension: z.enum(SLICE_DIMENSIONS), value: z.string() }).optional(),
  templateId: z.string().optional(),
  metric: z.string().optional(),
  seriesId: z.string().optional(),
  objective: z.string().optional(),
  range,
  detectedAt: time.optional(),
  direction: z.enum(['up', 'down', 'new']),
  value: orNull(z.number()),
  expected: z.object({
    expected: orNull(z.number()),
    low: orNull(z.number()),
    high: orNull(z.number()),
  }),
  n: z.number(),
  score: orNull(z.number()),
  statement: z.string(),
  reason: z.string().optional(),
  silencedBy: z.string().optional(),
  picture: z
    .object({
      from: time,
      stepMs: z.number(),
      unit: z.string(),
      values: numbers,
      expected: numbers,
      low: numbers,
      high: numbers,
    })
    .optional(),
});
const incident = z.object({
  id: z.string(),
  status: z.enum(['open', 'closed']),
  severity: z.enum(INCIDENT_SEVERITIES).optional(),
  onset: time,
  lastSeen: time,
  services: z.array(z.string()),
  anomalyIds: z.array(z.string()),
  reportId: z.string().optional(),
  note: z.string().optional(),
});
const cluster = z.object({
  id: z.string(),
  signature: z.object({
    stage: z.enum(STAGES),
    service: z.string(),
    operation: z.string(),
    errorType: z.string(),
    target: z.string(),
  }),
  kind: z.enum(['latency', 'error', 'missing', 'traffic', 'log']),
  share: ratio,
  count: z.int(),
  endpoint: z.string(),
  contrast: z.array(
    z.object({
      attributes: stringMap,
      lift: orNull(z.number()),
      pValue: ratio,
      coverage: ratio,
    }),
  ),
  exemplars: z.array(z.string()),
  firstSeen: time,
  selfMsP50: orNull(z.number()),
  referenceSelfMsP50: orNull(z.number()),
});
const change = z.object({
  id: z.string(),
  time,
  kind: z.string(),
  service: z.string().optional(),
  version: z.string().optional(),
  description: z.string(),
  attributes: stringMap,
});

/** The report document, schema version 1: docs/report.md. A test holds src/report to it. */
export const reportDocumentSchema = z.object({
  schemaVersion: z.literal(1),
  id: z.string(),
  createdAt: time,
  status: z.enum(['complete', 'partial', 'running']),
  lang: language,
  trigger: z.object({
    kind: z.enum(['alertmanager', 'anomaly', 'manual', 'schedule']),
    alerts: z.array(
      z.object({
        name: z.string(),
        status: z.enum(['firing', 'resolved']),
        fingerprint: z.string(),
        labels: stringMap,
        annotations: stringMap,
        startsAt: time,
        endsAt: orNull(time),
        generatorUrl: z.string().optional(),
      }),
    ),
  }),
  window: range,
  reference: orNull(
    z.object({ from: time, to: time, kind: z.enum(['given', 'learned', 'hour-before', 'none']) }),
  ),
  scope: z.object({
    service: z.string().optional(),
    endpoint: z.string().optional(),
    bot: z.string().optional(),
    attributes: stringMap.optional(),
  }),
  summary: z.string(),
  verdict: reportVerdict,
  confidence: ratio,
  rootCause: orNull(z.string()),
  firstSymptom: orNull(z.object({ culprit, time, statement: z.string() })),
  impact: z.object({
    endpoints: z.array(
      z.object({
        service: z.string(),
        operation: z.string(),
        requests: z.int(),
        errorRatio: ratio,
      }),
    ),
    requests: z.int(),
    errorRatio: ratio,
    users: z.int(),
    conversations: z.int(),
    bots: z.array(z.string()),
    by: z
      .array(
        z.object({
          attribute: z.enum(IMPACT_ATTRIBUTES),
          service: z.string().optional(),
          requests: z.int(),
          affected: z.int(),
          valueCount: z.int(),
          affectedValueCount: z.int(),
          only: orNull(z.string()),
          values: z.array(
            z.object({
              value: z.string(),
              affected: z.int(),
              requests: z.int(),
              interval: z.array(ratio),
            }),
          ),
        }),
      )
      .optional(),
  }),
  steps: z.object({
    collect: z.object({
      signals: z.object({
        traces: z.int(),
        spans: z.int(),
        logs: z.int(),
        metrics: z.int(),
        profiles: z.int(),
        changes: z.int(),
      }),
      gaps: z.array(gap),
      telemetryQuality: z.array(gap),
      anomalies: z.array(anomaly),
      durationMs: z.number(),
    }),
    cluster: z.object({
      clusters: z.array(cluster),
      classes: z.array(
        z.object({
          id: z.string(),
          root: z.string(),
          clusters: z.array(z.string()),
          count: z.int(),
          share: ratio,
        }),
      ),
      coverage: ratio,
      anomalousCount: z.int(),
      durationMs: z.number(),
    }),
    verify: z.object({
      hypotheses: z.array(hypothesis),
      hypothesiseMs: z.number(),
      durationMs: z.number(),
    }),
    totalMs: z.number(),
  }),
  noise: z.object({ windows: z.int(), score: z.number() }).nullable(),
  consensus: z.object({
    sources: z.array(z.string()),
    rule: z.string(),
    decision: z.enum(['automatic', 'probable', 'human review']),
  }),
  timeline: z.array(z.object({ time, kind: z.string(), text: z.string() })),
  propagation: z.object({
    nodes: z.array(z.string()),
    edges: z.array(
      z.object({ from: z.string(), to: z.string(), calls: z.int(), anomalousShare: ratio }),
    ),
    roles: z.record(z.string(), z.enum(NODE_ROLES)),
    chain: z.array(z.string()),
  }),
  changes: z.array(change),
  nextSteps: z.array(z.string()),
  engine: z.object({ version: z.string(), rulesHash: z.string() }),
  dataHash: z.string(),
  reportHash: z.string(),
});

const listOf = <T extends z.ZodType>(item: T) =>
  z.object({ items: z.array(item), nextCursor: z.string().optional(), wasCut: z.boolean() });
/** A list of names; when there were too many, the others stand together in one named `(overflow)`. */
const namesOf = <T extends z.ZodType>(item: T) => listOf(item).extend({ hasOverflow: z.boolean() });
const reportReference = z.object({ id: z.string(), url: z.string(), status: reportStatus });
const attributeMap = z.record(z.string(), z.unknown());
const endpoint = z.object({
  id: z.string(),
  service: z.string(),
  operation: z.string(),
  stage: z.enum(STAGES),
  slice: z.object({ dimension: z.enum(SLICE_DIMENSIONS), value: z.string() }).optional(),
  measure: z.enum(TALLY_MEASURES).optional(),
});
const band = z.object({
  expected: orNull(z.number()),
  low: orNull(z.number()),
  high: orNull(z.number()),
});
const span = z.object({
  traceId: z.string(),
  spanId: z.string(),
  parentSpanId: z.string().optional(),
  name: z.string(),
  service: z.string(),
  kind: z.string(),
  startTime: time,
  durationMs: z.number(),
  statusCode: z.enum(['unset', 'ok', 'error']),
  statusMessage: z.string(),
  isError: z.boolean(),
  errorType: z.string(),
  stage: z.enum(STAGES),
  infra: z.string(),
  target: z.string(),
  attributes: attributeMap,
  derived: attributeMap,
  resource: attributeMap,
  scope: z.object({ name: z.string(), version: z.string() }),
  events: z.array(z.object({ time, name: z.string(), attributes: attributeMap })),
  links: z.array(z.object({ traceId: z.string(), spanId: z.string(), attributes: attributeMap })),
});
const logRecord = z.object({
  time,
  observedTime: time,
  severity: z.int(),
  severityText: z.string(),
  body: z.unknown(),
  service: z.string(),
  templateId: z.string(),
  traceId: z.string().optional(),
  spanId: z.string().optional(),
  eventName: z.string(),
  attributes: attributeMap,
  derived: attributeMap,
  resource: attributeMap,
});
const metricSeries = z.object({
  seriesId: z.string(),
  name: z.string(),
  unit: z.string(),
  kind: z.string(),
  isMonotonic: z.boolean(),
  temporality: z.string(),
  service: z.string(),
  attributes: attributeMap,
  resource: attributeMap,
});
const exemplar = z.object({
  time,
  value: orNull(z.number()),
  traceId: z.string().optional(),
  spanId: z.string().optional(),
  attributes: attributeMap,
});
const rule = z.object({
  id: z.string(),
  title: text,
  cause: z.string(),
  stages: z.array(z.string()),
  statement: text,
  fix: text,
});
const silence = z.object({
  id: z.string(),
  status: z.enum(['pending', 'active', 'expired']),
  matchers: z.partialRecord(z.enum(SILENCE_FIELDS), z.string()),
  from: time,
  to: time,
  comment: z.string(),
  createdBy: z.string(),
  createdAt: time,
});
const slo = z.object({
  name: z.string(),
  service: z.string(),
  operation: z.string(),
  objective: ratio,
  latencyMs: z.number().optional(),
  range,
  requests: z.number(),
  badRequests: z.number(),
  budgetLeft: z.number(),
  burnRates: z.array(
    z.object({
      minutes: z.int(),
      rate: orNull(z.number()),
      requests: z.number(),
      badRequests: z.number(),
    }),
  ),
  alarm: z.enum(['critical', 'warning']).optional(),
});

export const ANSWERS = {
  health: z.object({ status: z.enum(['ok', 'starting']) }),
  reports: z.object({ reports: z.array(reportReference) }),
  reportReference,
  report: reportDocumentSchema,
  reportList: listOf(
    z.object({
      id: z.string(),
      url: z.string(),
      createdAt: time,
      status: z.enum(['complete', 'partial', 'running']),
      verdict: reportVerdict,
      confidence: ratio,
      trigger: z.string(),
      summary: z.string(),
      services: z.array(z.string()),
    }),
  ),
  feedback: z.object({ reportId: z.string(), hypothesisId: z.string(), isCorrect: z.boolean() }),
  traces: listOf(
    z.object({
      traceId: z.string(),
      rootService: z.string(),
      rootOperation: z.string(),
      startTime: time,
      durationMs: z.number(),
      spanCount: z.int(),
      errorCount: z.int(),
      services: z.array(z.string()),
      bot: z.string().optional(),
      conversation: z.string().optional(),
    }),
  ),
  trace: z.object({
    traceId: z.string(),
    /** `pinned`: retention has removed the rest; only what a report points at is left. */
    source: z.enum(['store', 'pinned']),
    spans: z.array(span),
    logs: z.array(logRecord),
    exemplars: z.array(exemplar.extend({ metric: z.string(), seriesId: z.string() })),
    wasCut: z.boolean(),
  }),
  logs: listOf(logRecord),
  logTemplates: namesOf(
    z.object({
      id: z.string(),
      service: z.string(),
      text: z.string(),
      firstSeen: time,
      count: z.int(),
      severityMax: z.int(),
    }),
  ),
  metrics: listOf(metricSeries),
  metricPoints: listOf(
    z.object({
      series: metricSeries,
      points: z.array(z.object({ time, value: orNull(z.number()), observationCount: z.number() })),
      exemplars: z.array(exemplar),
    }),
  ),
  services: listOf(z.object({ service: z.string() })),
  endpoints: namesOf(
    endpoint.extend({ requests: z.int(), errors: z.int(), hasBaseline: z.boolean() }),
  ),
  baseline: z.object({
    endpoint,
    source: z.enum(['own', 'service', 'given', 'hour-before']),
    minutes: z.int(),
    requests: z.int(),
    latencyMsP50: band,
    latencyMsP95: band,
    latencyMsP99: band.optional(),
    errorRatio: band,
    requestsPerMinute: band,
    reason: z.string(),
  }),
  serviceGraph: z.object({
    nodes: z.array(
      z.object({ name: z.string(), isExternal: z.boolean(), spans: z.int(), errors: z.int() }),
    ),
    edges: z.array(z.object({ from: z.string(), to: z.string(), calls: z.int(), errors: z.int() })),
    wasCut: z.boolean(),
  }),
  anomalies: listOf(anomaly),
  anomaly,
  incidents: listOf(incident),
  incident: incident.extend({ anomalies: z.array(anomaly) }),
  clusters: listOf(cluster.extend({ reportId: z.string() })),
  rules: z.object({ rulesHash: z.string(), items: z.array(rule) }),
  rule: rule.extend({
    source: z.array(z.object({ title: z.string(), section: z.string().optional() })),
    appliesWhen: z.record(z.string(), z.unknown()),
    subject: z.record(z.string(), z.unknown()),
    evidence: z.array(z.unknown()),
    contradictions: z.array(z.unknown()),
    effectOf: z.array(z.string()),
    probes: z.array(z.unknown()),
    thresholds: z.record(z.string(), z.number()),
  }),
  reload: z.object({ message: z.string(), rulesHash: z.string(), rules: z.int() }),
  events: z.object({ events: z.array(z.object({ id: z.string() })) }),
  changes: listOf(change),
  silence,
  silences: listOf(silence),
  slos: z.object({ items: z.array(slo) }),
} as const;
