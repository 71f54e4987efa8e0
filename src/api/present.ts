/** Telemetry as the API shows it: times as RFC 3339, durations in ms, NaN and infinities as null. */
import { formatTime, US_PER_MS } from '../base/time.ts';
import type { EndpointBaseline } from '../model/baseline.ts';
import { bandJson, jsonNumber } from '../model/json.ts';
import type { Rule } from '../model/rule.ts';
import type { Exemplar, LogRecord, Span, TraceSummary } from '../model/span.ts';
import type { Endpoint } from '../model/tally.ts';
import type { Language } from '../model/text.ts';
import type { SeriesPoints } from '../store/api/telemetry.ts';

export function spanJson(span: Span) {
  const { startUs, durationUs, events, ...facts } = span;
  return {
    ...facts,
    startTime: formatTime(startUs),
    durationMs: durationUs / US_PER_MS,
    events: events.map(({ timeUs, ...event }) => ({ time: formatTime(timeUs), ...event })),
  };
}

export function logJson(log: LogRecord) {
  const { timeUs, observedUs, ...facts } = log;
  return { time: formatTime(timeUs), observedTime: formatTime(observedUs), ...facts };
}

export function exemplarJson(exemplar: Exemplar) {
  const { timeUs, value, ...facts } = exemplar;
  return { time: formatTime(timeUs), value: jsonNumber(value), ...facts };
}

export function traceSummaryJson(trace: TraceSummary) {
  const { startUs, durationUs, ...facts } = trace;
  return { ...facts, startTime: formatTime(startUs), durationMs: durationUs / US_PER_MS };
}

export function seriesPointsJson(points: SeriesPoints) {
  const { series, timesUs, values, observationCounts, exemplars } = points;
  return {
    series,
    points: Array.from(timesUs, (timeUs, index) => ({
      time: formatTime(timeUs),
      value: jsonNumber(values[index]),
      observationCount: observationCounts[index] ?? 0,
    })),
    exemplars: exemplars.map(exemplarJson),
  };
}

export function endpointJson(endpoint: Endpoint) {
  const { endpointId, ...facts } = endpoint;
  return { id: endpointId, ...facts };
}

export function baselineJson(baseline: EndpointBaseline, lang: Language) {
  return {
    endpoint: endpointJson(baseline.endpoint),
    source: baseline.source,
    minutes: baseline.minutes,
    requests: baseline.requests,
    latencyMsP50: bandJson(baseline.latencyUsP50, US_PER_MS),
    latencyMsP95: bandJson(baseline.latencyUsP95, US_PER_MS),
    ...(baseline.latencyUsP99 && { latencyMsP99: bandJson(baseline.latencyUsP99, US_PER_MS) }),
    errorRatio: bandJson(baseline.errorRatio),
    requestsPerMinute: bandJson(baseline.requestsPerMinute),
    reason: baseline.reason[lang],
  };
}

export function ruleSummaryJson(rule: Rule) {
  const { id, title, cause, stages, statement, fix } = rule;
  return { id, title, cause, stages, statement, fix };
}

export function ruleJson(rule: Rule) {
  const { source, appliesWhen, subject, evidence, contradictions } = rule;
  const { effectOf, probes, thresholds } = rule;
  return {
    ...ruleSummaryJson(rule),
    source,
    appliesWhen,
    subject,
    evidence,
    contradictions,
    effectOf,
    probes,
    thresholds,
  };
}
