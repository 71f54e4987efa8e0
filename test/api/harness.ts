/**
 * A running API over real HTTP with real SQLite stores in a temporary folder. Investigations are the one part
 * played by the test: it decides when a run says something, ends or fails.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startApi } from '../../src/api/api.ts';
import type { ApiBackend, ApiOptions } from '../../src/api/contract.ts';
import { tryBytesOfHex } from '../../src/base/bytes.ts';
import { createCounters } from '../../src/base/counters.ts';
import { AppError } from '../../src/base/errors.ts';
import { silentLog } from '../../src/base/log.ts';
import type { EndpointBaseline } from '../../src/model/baseline.ts';
import { LogColumns, PointColumns, SpanColumns, VALUE_TYPE } from '../../src/model/columns.ts';
import { StringDictionary } from '../../src/model/dictionary.ts';
import type { InvestigationEvent } from '../../src/model/events.ts';
import type { InvestigationRequest } from '../../src/model/investigation.ts';
import type { Report } from '../../src/model/report.ts';
import type { Rulebook } from '../../src/model/rule.ts';
import type { Slice } from '../../src/model/slice.ts';
import { type Endpoint, endpointIdOf, type Tally } from '../../src/model/tally.ts';
import { SPAN_KIND } from '../../src/model/vocabulary.ts';
import { createSloWatch } from '../../src/pipeline/slo-watch.ts';
import {
  renderHtml,
  renderIncident,
  renderIncidentList,
  renderJson,
  renderMarkdown,
  renderPicture,
  renderText,
} from '../../src/report/report.ts';
import {
  openAlertingStore,
  openStateStore,
  openTelemetryReader,
  openTelemetryWriter,
} from '../../src/store/open.ts';
import { REPORT, START_US } from '../report/fixture.ts';

/** The clock of the API: 20 minutes after the fixture's window began. */
export const NOW_US = START_US + 20 * 60_000_000;
export const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';
export const ENDPOINT_ID = endpointIdOf('bot-gateway', 'POST /coze/webhook');

const SLO = {
  name: 'webhook answers',
  service: 'bot-gateway',
  operation: 'POST /coze/webhook',
  objective: 0.99,
  windowDays: 30,
};
const SLO_TALLY: Tally = {
  endpoint: {
    endpointId: ENDPOINT_ID,
    service: SLO.service,
    operation: SLO.operation,
    stage: 'receive',
  },
  minuteUs: START_US,
  count: 1000,
  errorCount: 5,
  sketch: { buckets: [], counts: [] },
};

export interface Harness {
  readonly url: string;
  readonly backend: ApiBackend;
  /** What was asked for, by report id. */
  readonly started: Map<string, { request: InvestigationRequest; alertKeys: readonly string[] }>;
  readonly get: (path: string, init?: RequestInit) => Promise<Response>;
  readonly post: (path: string, body: unknown, init?: RequestInit) => Promise<Response>;
  say(reportId: string, event: InvestigationEvent): void;
  /** Saves a report under the id and ends the run. */
  finish(reportId: string, report?: Report): void;
  /** Ends the run without a report. */
  fail(reportId: string): void;
  overload(): void;
  breakRules(): void;
  stop(): Promise<void>;
}

export async function startHarness(config: Partial<ApiOptions['config']> = {}): Promise<Harness> {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'taproot-api-'));
  writeTelemetry(dataDir);
  const telemetry = openTelemetryReader({ dataDir });
  const state = openStateStore({ dataDir });
  const alertingStore = openAlertingStore({ dataDir });
  const slos = createSloWatch([SLO]);
  slos.step({ minuteUs: START_US, tallies: [SLO_TALLY], changes: [] });
  const runs = createRuns((report) => state.saveReport(report, { spans: [], logs: [] }));
  const counters = createCounters();
  counters.add('taproot_test_total', 3);
  let areRulesBroken = false;
  const backend: ApiBackend = {
    telemetry,
    state,
    alertingStore,
    slos: slos.status,
    clock: { nowUs: () => NOW_US },
    startInvestigation: runs.start,
    isRunning: (reportId) => runs.running.has(reportId),
    async waitForReport(reportId) {
      return state.findReport(reportId);
    },
    subscribe: runs.subscribe,
    async verifyAgain(reportId) {
      const report = { ...state.findReport(reportId)!, confidence: 0.5 };
      state.replaceReport(report);
      return report;
    },
    baselines: () => new Map([[ENDPOINT_ID, BASELINE]]),
    rules: () => RULEBOOK,
    reloadRules: () =>
      areRulesBroken
        ? { ok: false, message: 'Cannot read rule "x.yaml": "when" is missing' }
        : { ok: true, message: '1 rule loaded' },
    counterSamples: async () => counters.snapshot(),
    isReady: () => true,
    renderReport,
    renderIncident,
    renderIncidentList,
    renderPicture,
  };
  const api = await startApi({
    host: '127.0.0.1',
    port: 0,
    backend,
    counters,
    log: silentLog,
    config: { language: 'en', windowMinutes: 15, ...config },
  });
  const url = `http://127.0.0.1:${api.port}`;
  return {
    url,
    backend,
    ...runs,
    get: (place, init) => fetch(url + place, init),
    post: (place, body, init) =>
      fetch(url + place, {
        method: 'POST',
        body: typeof body === 'string' ? body : JSON.stringify(body),
        ...init,
        headers: { 'content-type': 'application/json', ...init?.headers },
      }),
    breakRules: () => {
      areRulesBroken = true;
    },
    async stop() {
      await api.stop();
      telemetry.close();
      alertingStore.close();
      state.close();
      rmSync(dataDir, { recursive: true });
    },
  };
}

function createRuns(save: (report: Report) => void) {
  const started: Harness['started'] = new Map();
  const running = new Set<string>();
  const listeners = new Map<string, Set<(event: InvestigationEvent) => void>>();
  let isOverloaded = false;
  const say = (reportId: string, event: InvestigationEvent) => {
    for (const listener of listeners.get(reportId) ?? []) listener(event);
  };
  return {
    started,
    running,
    say,
    start(request: InvestigationRequest, alertKeys: readonly string[]) {
      if (isOverloaded) throw new AppError('analysis.overloaded', 'Cannot investigate: 64 wait');
      const reportId = `r-${started.size + 1}`;
      started.set(reportId, { request, alertKeys });
      running.add(reportId);
      return { reportId };
    },
    subscribe(reportId: string, listener: (event: InvestigationEvent) => void) {
      const own = listeners.get(reportId) ?? new Set();
      listeners.set(reportId, own.add(listener));
      return () => own.delete(listener);
    },
    finish(reportId: string, report: Report = REPORT) {
      save({ ...report, reportId });
      running.delete(reportId);
      say(reportId, { type: 'done', atUs: NOW_US, data: { reportId, status: report.status } });
    },
    fail(reportId: string) {
      running.delete(reportId);
      const data = { code: 'analysis.timeout', message: 'too slow' } as const;
      say(reportId, { type: 'failed', atUs: NOW_US, data });
    },
    overload: () => {
      isOverloaded = true;
    },
  };
}

const renderReport: ApiBackend['renderReport'] = (report, format, lang) => {
  if (format === 'html') {
    return { contentType: 'text/html; charset=utf-8', body: renderHtml(report, lang) };
  }
  if (format === 'md') {
    return { contentType: 'text/markdown; charset=utf-8', body: renderMarkdown(report, lang) };
  }
  return format === 'text'
    ? {
        contentType: 'text/plain; charset=utf-8',
        body: renderText(report, lang, { isColour: false }),
      }
    : {
        contentType: 'application/json; charset=utf-8',
        body: JSON.stringify(renderJson(report, lang)),
      };
};

const BAND = { expected: 1000, low: 500, high: Number.POSITIVE_INFINITY };
const BASELINE: EndpointBaseline = {
  endpoint: {
    endpointId: ENDPOINT_ID,
    service: 'bot-gateway',
    operation: 'POST /coze/webhook',
    stage: 'receive',
  },
  source: 'own',
  minutes: 60,
  requests: 1200,
  latencyUsP50: BAND,
  latencyUsP95: BAND,
  errorRatio: { expected: 0.01, low: 0, high: 0.03 },
  requestsPerMinute: { expected: 20, low: 10, high: 35 },
  reason: { zh: '一小时', en: 'one hour' },
};

const RULEBOOK: Rulebook = {
  rulesHash: 'ab'.repeat(32),
  rules: [
    {
      id: 'db-pool-exhausted',
      title: { zh: '连接池耗尽', en: 'Pool exhausted' },
      cause: 'pool',
      stages: ['plugin'],
      source: [{ title: 'S4', section: '5' }],
      appliesWhen: { infra: 'db' },
      subject: { per: 'service', blame: 'self' },
      evidence: [],
      contradictions: [],
      effectOf: [],
      probes: [],
      thresholds: { min: 3 },
      statement: { zh: '耗尽', en: 'exhausted' },
      fix: { zh: '扩容', en: 'grow' },
      faults: [],
      mustNotFireOn: [],
    },
  ],
};

/** One trace of a gateway, a plugin and its database call, a log line of it, and a gauge with an exemplar. */
function writeTelemetry(dataDir: string): void {
  const writer = openTelemetryWriter({ dataDir, durability: 'process' });
  const strings = new StringDictionary();
  const spans = writeSpans(strings);
  const logs = writeLog(strings);
  const points = writePoint(strings);
  writer.write({
    spans,
    logs,
    points,
    requests: [
      {
        hash: new Uint8Array(16).fill(7),
        spans: [0, spans.count],
        logs: [0, logs.count],
        points: [0, points.count],
      },
    ],
    tallies: [
      {
        endpoint: BASELINE.endpoint,
        minuteUs: START_US,
        count: 10,
        errorCount: 2,
        sketch: { buckets: [100], counts: [10] },
      },
      {
        endpoint: sliceOf(BASELINE.endpoint, { dimension: 'bot', value: '7001' }),
        minuteUs: START_US,
        count: 4,
        errorCount: 1,
        sketch: { buckets: [100], counts: [4] },
      },
    ],
    templateTallies: [
      {
        templateId: '9f86d081884c7d65',
        service: 'order-plugin',
        minuteUs: START_US,
        count: 4,
        severityMax: 17,
      },
    ],
    newTemplates: [
      {
        templateId: '9f86d081884c7d65',
        service: 'order-plugin',
        text: 'timed out after <*>ms',
        firstSeenUs: START_US,
      },
    ],
  });
  writer.close();
}

const bytes = (hex: string) => tryBytesOfHex(hex, hex.length / 2)!;

function writeSpans(strings: StringDictionary): SpanColumns {
  const spans = new SpanColumns(strings);
  spans.resources.push({ attributes: [], droppedAttributesCount: 0, schemaUrl: 0 });
  spans.scopes.push({
    attributes: [],
    droppedAttributesCount: 0,
    schemaUrl: 0,
    name: 0,
    version: 0,
  });
  const calls = [
    { id: '01', parent: '00', service: 'bot-gateway', name: 'POST /coze/webhook', kind: 'server' },
    { id: '02', parent: '01', service: 'order-plugin', name: 'POST /execute', kind: 'server' },
    { id: '03', parent: '02', service: 'order-plugin', name: 'SELECT orders', kind: 'client' },
  ] as const;
  for (const [index, call] of calls.entries()) {
    const row = spans.addRow();
    spans.traceId.set(bytes(TRACE_ID), 16 * row);
    spans.spanId.set(bytes(call.id.padStart(16, '0')), 8 * row);
    spans.parentSpanId.set(bytes(call.parent.padStart(16, '0')), 8 * row);
    spans.startUs[row] = START_US + 60_000_000 + index * 1000;
    spans.durationNs[row] = (8200 - index * 100) * 1_000_000;
    spans.kind[row] = SPAN_KIND[call.kind];
    spans.name[row] = strings.idOfString(call.name);
    spans.service[row] = strings.idOfString(call.service);
    spans.isError[row] = call.kind === 'client' ? 1 : 0;
    if (call.kind === 'client') spans.target[row] = strings.idOfString('db postgresql orders-db');
    spans.attributes.push(
      strings.idOfString('user.note'),
      VALUE_TYPE.string,
      strings.idOfString('<script>alert(1)</script>'),
    );
    spans.derived.push(
      strings.idOfString('coze.bot.id'),
      VALUE_TYPE.string,
      strings.idOfString('73428668'),
    );
    spans.derivedEnd[row] = spans.derived.count;
    spans.endRow(row);
  }
  return spans;
}

function writeLog(strings: StringDictionary): LogColumns {
  const logs = new LogColumns(strings);
  logs.resources.push({ attributes: [], droppedAttributesCount: 0, schemaUrl: 0 });
  logs.scopes.push({
    attributes: [],
    droppedAttributesCount: 0,
    schemaUrl: 0,
    name: 0,
    version: 0,
  });
  const row = logs.addRow();
  logs.timeUs[row] = START_US + 66_000_000;
  logs.observedUs[row] = START_US + 66_000_000;
  logs.severity[row] = 17;
  logs.severityText[row] = strings.idOfString('ERROR');
  logs.bodyType[row] = VALUE_TYPE.string;
  logs.bodyValue[row] = strings.idOfString('timed out after 5000ms');
  logs.traceId.set(bytes(TRACE_ID), 16 * row);
  logs.service[row] = strings.idOfString('order-plugin');
  logs.template[row] = strings.idOfString('9f86d081884c7d65');
  logs.derivedEnd[row] = 0;
  logs.endRow(row);
  return logs;
}

function writePoint(strings: StringDictionary): PointColumns {
  const points = new PointColumns(strings);
  points.resources.push({ attributes: [], droppedAttributesCount: 0, schemaUrl: 0 });
  points.scopes.push({
    attributes: [],
    droppedAttributesCount: 0,
    schemaUrl: 0,
    name: 0,
    version: 0,
  });
  points.seriesEntries.push({
    name: strings.idOfString('db.client.connection.count'),
    unit: strings.idOfString('{connection}'),
    description: 0,
    kind: 'gauge',
    temporality: 0,
    isMonotonic: false,
    attributes: [],
    resource: 0,
    scope: 0,
    service: strings.idOfString('order-plugin'),
  });
  const row = points.addRow();
  points.timeUs[row] = START_US + 67_000_000;
  points.value[row] = 10;
  const exemplar = points.exemplars.addRow();
  points.exemplars.timeUs[exemplar] = START_US + 67_000_000;
  points.exemplars.value[exemplar] = 10;
  points.exemplars.traceId.set(bytes(TRACE_ID), 16 * exemplar);
  points.exemplars.endRow(exemplar);
  points.endRow(row);
  return points;
}

function sliceOf(endpoint: Endpoint, slice: Slice): Endpoint {
  const { service, operation } = endpoint;
  return { ...endpoint, slice, endpointId: endpointIdOf(service, operation, { slice }) };
}
