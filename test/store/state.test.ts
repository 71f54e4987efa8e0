import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Anomaly, ChangeEvent, Incident } from '../../src/model/anomaly.ts';
import type { Report } from '../../src/model/report.ts';
import type { LogRecord, Span } from '../../src/model/span.ts';
import type { StateStore } from '../../src/store/api/state.ts';
import { openStateStore } from '../../src/store/open.ts';

const ALL = { fromUs: 0, toUs: 10_000 };
const TEXT = { zh: '原因', en: 'cause' };

let dataDir: string;
let state: StateStore;

beforeEach(() => {
  dataDir = fs.mkdtempSync(path.join(os.tmpdir(), 'taproot-state-'));
  state = openStateStore({ dataDir });
});

afterEach(() => {
  state.close();
  fs.rmSync(dataDir, { recursive: true });
});

function reopen(): void {
  state.close();
  state = openStateStore({ dataDir });
}

function reportOf(reportId: string, createdAtUs: number): Report {
  return {
    schemaVersion: 1,
    reportId,
    createdAtUs,
    status: 'complete',
    trigger: { kind: 'manual', alerts: [] },
    window: ALL,
    reference: { kind: 'none' },
    scope: {},
    summary: TEXT,
    verdict: 'abstained',
    confidence: 0.5,
    rootCause: undefined,
    firstSymptom: undefined,
    impact: {
      endpoints: [{ service: 'bot', operation: 'chat', requests: 1, errorRatio: 0 }],
      requests: 1,
      errorRatio: 0,
      users: 0,
      conversations: 0,
      bots: [],
    },
    collect: {
      signals: { traces: 1, spans: 1, logs: 0, metrics: 0, profiles: 0, changes: 0 },
      gaps: [],
      telemetryQuality: [],
      anomalies: [],
    },
    clusters: [],
    clusterCoverage: 0,
    anomalousCount: 0,
    hypotheses: [],
    consensus: { sources: [], decision: 'human review' },
    timeline: [],
    propagation: { nodes: [], edges: [] },
    changes: [],
    nextSteps: [TEXT],
    engine: { version: '0', rulesHash: '' },
    dataHash: 'd',
    reportHash: 'r',
    times: { collectMs: 1, clusterMs: 1, hypothesiseMs: 1, verifyMs: 1, totalMs: 4 },
  };
}

const TRACE_ID = 'ab'.repeat(16);

function spanOf(spanId: string): Span {
  return {
    traceId: TRACE_ID,
    spanId,
    name: 'n',
    service: 's',
    kind: 'server',
    startUs: 1,
    durationUs: 2,
    statusCode: 'ok',
    statusMessage: '',
    isError: false,
    errorType: '',
    stage: 'llm',
    infra: 'none',
    target: '',
    attributes: { a: [1, { b: null }] },
    derived: {},
    resource: {},
    scope: { name: '', version: '' },
    events: [],
    links: [],
  };
}

function logOf(traceId?: string): LogRecord {
  return {
    timeUs: 1,
    observedUs: 1,
    severity: 9,
    severityText: '',
    body: '失败',
    service: 's',
    templateId: 't',
    ...(traceId === undefined ? {} : { traceId }),
    eventName: '',
    attributes: {},
    derived: {},
    resource: {},
  };
}

describe('reports', () => {
  it('come back as they were saved, after a restart, with what they pinned', () => {
    const report = reportOf('r1', 5);
    state.saveReport(report, {
      spans: [spanOf('1'), spanOf('2')],
      logs: [logOf(TRACE_ID), logOf()],
    });
    reopen();
    expect(state.findReport('r1')).toEqual(report);
    expect(state.findReport('r2')).toBeUndefined();
    expect(state.findPinnedTrace(TRACE_ID)).toEqual({
      spans: [spanOf('1'), spanOf('2')],
      logs: [logOf(TRACE_ID)],
    });
    expect(state.findPinnedTrace('cd'.repeat(16))).toBeUndefined();
  });

  it('are replaced and keep their pins', () => {
    state.saveReport(reportOf('r1', 5), { spans: [spanOf('1')], logs: [] });
    state.replaceReport({ ...reportOf('r1', 5), verdict: 'confirmed' });
    expect(state.findReport('r1')?.verdict).toBe('confirmed');
    expect(state.findPinnedTrace(TRACE_ID)?.spans).toHaveLength(1);
    const { items } = state.listReports({ range: ALL, limit: 10 });
    expect(items).toHaveLength(1);
    expect(items[0]).toMatchObject({ verdict: 'confirmed', services: ['bot'], summary: TEXT });
  });

  it.each([1, 2, 3, 10])('are listed newest first in pages of %i', (limit) => {
    const times = [5, 7, 7, 7, 9];
    for (const [index, time] of times.entries()) {
      state.saveReport(reportOf(`Report-${index}`, time), { spans: [], logs: [] });
    }
    const found: string[] = [];
    let cursor: string | undefined;
    do {
      const page = state.listReports({
        range: { fromUs: 5, toUs: 9 },
        limit,
        ...(cursor === undefined ? {} : { cursor }),
      });
      found.push(...page.items.map((item) => item.reportId));
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    expect(found).toEqual(['Report-3', 'Report-2', 'Report-1', 'Report-0']);
  });

  it('take feedback', () => {
    const feedback = {
      reportId: 'r1',
      hypothesisId: 'h1',
      isCorrect: true,
      comment: "it's right; DROP TABLE reports",
      atUs: 3,
    };
    state.saveFeedback(feedback);
    state.saveFeedback({ ...feedback, reportId: 'r2' });
    expect(state.listFeedback('r1')).toEqual([feedback]);
  });
});

describe('changes, anomalies and incidents', () => {
  const change: ChangeEvent = {
    changeId: 'c1',
    timeUs: 10,
    kind: 'deploy',
    service: 'bot',
    description: 'v2',
    attributes: {},
  };

  it('list changes of a half-open range, by service', () => {
    state.saveChange(change);
    state.saveChange({ ...change, changeId: 'c2', timeUs: 11, service: 'llm' });
    const idsOf = (changes: readonly ChangeEvent[]) => changes.map((item) => item.changeId);
    expect(idsOf(state.listChanges({ range: ALL, limit: 9 }))).toEqual(['c2', 'c1']);
    expect(idsOf(state.listChanges({ range: ALL, limit: 1 }))).toEqual(['c2']);
    const range = { fromUs: 10, toUs: 11 };
    expect(idsOf(state.listChanges({ range, limit: 9 }))).toEqual(['c1']);
    expect(idsOf(state.listChanges({ range: ALL, service: 'llm', limit: 9 }))).toEqual(['c2']);
    state.saveChange({ ...change, description: 'v3' });
    expect(state.listChanges({ range, limit: 9 })[0]?.description).toBe('v3');
  });

  it('list anomalies that overlap a range', () => {
    const anomaly: Anomaly = {
      anomalyId: 'a1',
      kind: 'latency',
      service: 'bot',
      range: { fromUs: 10, toUs: 20 },
      direction: 'up',
      value: 2,
      expected: { expected: 1, low: 0, high: 1 },
      n: 10,
      score: 3,
      statement: TEXT,
    };
    const other = { ...anomaly, anomalyId: 'a2', range: { fromUs: 30, toUs: 40 } };
    state.saveFindings({ judgedUntilUs: 40, anomalies: [anomaly, other], incidents: [] });
    const range = { fromUs: 19, toUs: 30 };
    expect(state.listAnomalies({ range, limit: 9 })).toEqual([anomaly]);
    expect(state.listAnomalies({ range, service: 'x', limit: 9 })).toEqual([]);
    expect(state.listAnomalies({ range: ALL, limit: 9 })).toHaveLength(2);
  });

  it('update incidents in place', () => {
    const incident: Incident = {
      incidentId: 'i1',
      status: 'open',
      onsetUs: 10,
      lastSeenUs: 20,
      services: ['bot'],
      anomalyIds: ['a1'],
    };
    state.saveIncident(incident);
    state.saveIncident({ ...incident, status: 'closed', lastSeenUs: 50 });
    expect(state.findIncident('i1')?.status).toBe('closed');
    expect(state.findIncident('i2')).toBeUndefined();
    expect(state.listIncidents({ range: { fromUs: 45, toUs: 60 }, limit: 9 })).toHaveLength(1);
    expect(state.listIncidents({ range: { fromUs: 51, toUs: 60 }, limit: 9 })).toEqual([]);
  });
});

describe('alerts', () => {
  it('belong to the report that claimed them first', () => {
    state.claimAlerts(['k'], 'r1', 1);
    state.claimAlerts(['other', 'k'], 'r2', 2);
    expect(state.findAlert('other')).toEqual({ reportId: 'r2', isResolved: false });
    expect(state.findAlert('k')).toEqual({ reportId: 'r1', isResolved: false });
    state.resolveAlerts(['k', 'unknown'], 3);
    reopen();
    expect(state.findAlert('k')).toEqual({ reportId: 'r1', isResolved: true });
    expect(state.findAlert('unknown')).toBeUndefined();
  });
});
