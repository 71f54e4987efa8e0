/**
 * Every bound of the product, with unit and reason. Relations between bounds are asserted on load.
 * A bound that a user may set is a default here and a key in the configuration.
 */
import assert from 'node:assert/strict';

const KIB = 1024;
const MIB = 1024 * KIB;

export const LIMITS = {
  /** Body after decompression; OTLP 1.11 recommends 64 MiB as the default. */
  bodyBytesMax: 64 * MIB,
  /** Response body of OTLP; OTLP 1.11 asks for at most 4 MiB. */
  responseBytesMax: 4 * MIB,
  /** Bytes of accepted, not yet stored bodies between the threads; beyond it senders are told to wait. */
  inflightBytesMax: 192 * MIB,
  /** While less than this is under way, nobody is refused because others have waited long: a slow disk is no overload. */
  queueBytesFree: 16 * MIB,
  /** Beyond that, new requests are refused while the oldest has waited this long: usual waits at full speed are 60–100 ms. */
  queueAgeMsMax: 250,
  /** Unused memory for bodies that is kept for the next ones: what 64 usual requests on their way hold. */
  bodyPoolBytesMax: 16 * MIB,
  /** Requests between the threads; tiny bodies must not queue without end. */
  inflightRequestsMax: 4096,
  /** What an overloaded or stopping receiver asks senders to wait. */
  retryAfterSeconds: 1,
  /** Time a receiver waits for the verdict on a body; a commit takes milliseconds, a stuck disk for ever. */
  ingestReplyTimeoutMs: 30_000,
  /** Time for the headers of an HTTP request; against senders that drip. */
  requestHeadersTimeoutMs: 10_000,
  /** Time for a whole HTTP request: the largest body needs about 20 Mbit/s. */
  requestReadTimeoutMs: 30_000,
  /** Time for the message of a gRPC call, and before it for its turn to be read. */
  grpcReadTimeoutMs: 10_000,
  /** An idle HTTP connection is kept this long; senders export every few seconds. */
  keepAliveTimeoutMs: 65_000,
  /** Header bytes of one HTTP request. */
  requestHeaderBytesMax: 16 * KIB,
  /** Open connections on the OTLP/HTTP port; gRPC multiplexes, its calls are bounded by the budget. */
  connectionsMax: 2048,
  /** While no more gRPC calls wait to be read, nobody is refused because they wait long: a slow sender is no overload. */
  grpcWaitingFree: 8,
  /** Concurrent calls of one gRPC connection. */
  grpcStreamsMax: 256,
  /** What a refused sender may still push before its connection is cut, so that it sees the reply. */
  refusedBodyBytesMax: MIB,
  refusedBodyDrainMs: 1000,
  /** Depth of nested AnyValue, array and kvlist; protobuf's own default is 100. */
  valueDepthMax: 32,
  /** Attributes of one span, log record, point, scope or resource; the rest is dropped and counted. */
  attributesPerItemMax: 16_384,
  /** A value's bytes in a column; longer text is cut and counted. */
  attributeValueBytesMax: 2 * MIB,
  /** Spans, log records or data points of one request: a full body of the smallest useful ones. */
  requestRowsMax: 1_000_000,
  /** Embedded messages (JSON: objects, lists, members) of one request: two-byte ones cost most memory. */
  requestElementsMax: 8_000_000,
  /** Rows of a block: 8 192 spans compress to about 40 B each and decode in a few ms. */
  blockRowsMax: 8192,
  /** A group is committed at this many rows … */
  groupRowsMax: 8192,
  /** … or at this many bytes of bodies once inflated: many small ones may inflate to much … */
  groupBytesMax: 32 * MIB,
  /** … or when its rows lie on this many days: each is a file, and a new one takes about 40 ms … */
  groupDaysMax: 32,
  /** … or after this long, so that a lone request waits little. */
  groupWaitMs: 5,
  /** All dead letters together; beyond it the oldest file goes. Room for a few of the largest requests. */
  deadLettersBytesMax: 256 * MIB,
  /** A file of dead letters takes no more once it holds this much: what goes at once when room is needed. */
  deadLetterFileBytesMax: 32 * MIB,
  /** Requests that are known by their hash to lie in the dead letters; about 150 bytes each. */
  deadLettersKnownMax: 10_000,
  /** Groups handed over and not yet stored: one is being stored while the next one waits for it. */
  groupsUnderWayMax: 2,
  /** Memory of a group's columns that the next group uses again: full groups of usual rows need half of it. */
  groupReuseBytesMax: 16 * MIB,
  /** Days one request may touch: a request of all days since timeUsMin would hold up all others for minutes. */
  requestDaysMax: 32,
  /** SQLite's log of a day begins anew, once all of it is in the file, from this many bytes on … */
  logRestartBytes: 64 * MIB,
  /** … when the writer has at most so many left to move, about 20 ms of its time … */
  logRestBytesMax: 8 * MIB,
  /** … or when so many wait because no other thread moves them. */
  logBytesMax: 256 * MIB,
  /** Stored requests remembered, in each of two generations: about 130 bytes each. */
  resentRequestsMax: 500_000,
  /** Characters of distinct replies remembered with them: only faulty senders get other than the plain one. */
  resentMessageCharsMax: 8 * MIB,
  /** Time stamps before this are refused: 2000-01-01. */
  timeUsMin: 946_684_800_000_000,
  /** Time stamps further ahead of our clock than this are refused. */
  timeAheadUsMax: 24 * 3600 * 1_000_000,
  /** Rows that one query may return. */
  queryRowsMax: 10_000,
  /** Rows that a query returns when the caller names no limit. */
  queryRowsDefault: 100,
  /**
   * Spans, and log lines, that one analysis looks at; of more, slices of time are read, and the report says so.
   * Shares do not gain from more: of 12 500 traces with eight spans a share of 1 % is known to within 0.2 %.
   */
  analysisSpansMax: 100_000,
  analysisLogsMax: 100_000,
  /**
   * Spans, and log lines, of a reference that nobody named; of more, slices of time are read. The p99 of an operation
   * that every trace of eight spans has then stands on 75 traces above it.
   */
  referenceRowsMax: 60_000,
  analysisPointsMax: 2_000_000,
  /** Requests of profiles that one analysis reads of each period: four services once in 10 s make 360 in 15 min … */
  analysisProfileRequestsMax: 2000,
  /** … and bytes of them, inflated: 0.2 s of one core (a million samples in 0.7 s), and the reference as much again. */
  analysisProfileBytesMax: 8 * 1024 * 1024,
  /** Distinct endpoints with a tally; more go to `(overflow)` of their service. */
  endpointsMax: 20_000,
  /** Endpoints and services without a span or line for this long make room when there is none: 1 h. */
  endpointIdleUs: 3600 * 1_000_000,
  /** Slices of endpoints (by bot, stage, version, channel) with a tally; more are counted in their endpoint only … */
  slicesMax: 20_000,
  /** … as are more of one service by one dimension: its operations times its bots. */
  slicesPerServiceMax: 2000,
  /** UTF-16 units of a slice's value: longer ones are no ids. */
  sliceValueCharsMax: 256,
  /** Spans of sampled traces held for the self time and gap of stages, 68 bytes each; a power of two. */
  stageTimesSpansMax: 2 ** 18,
  /** Sampling keeps at least so much of them: spans of up to 50 s are measured at any traffic. */
  stageTimesHistoryUs: 70 * 1_000_000,
  /** A parent waits so long for its children: exporters send every 5 s by default. */
  stageTimesSettleUs: 10 * 1_000_000,
  /** A parent with more children is not measured: sorting them would hold up a commit. */
  stageTimesChildrenMax: 1024,
  /** Spans that begin further from our clock are not measured: 1 h. */
  stageTimesLateUsMax: 3600 * 1_000_000,
  /** Endpoints, slices and services with a learned row of 4.5 KiB; more are not watched until idle ones are forgotten. */
  endpointRowsMax: 60_000,
  /** Log templates and services with a learned row of 356 bytes; more are not watched until idle ones are forgotten. */
  templateRowsMax: 200_000,
  /** Services with an overflow endpoint, log tallies or log templates of their own; more go to `(overflow)`. */
  servicesMax: 1000,
  /** Distinct log templates per service; more go to its template `(overflow)`. */
  templatesPerServiceMax: 1000,
  /** Distinct log templates of all services; more go to the overflow templates. */
  templatesMax: 100_000,
  /** Words and signs of all log templates: below 100 B of memory each. */
  templatePiecesMax: 1_000_000,
  /** Log templates without a line for this long make room when there is none: 24 h, for daily jobs. */
  templateIdleUs: 24 * 3600 * 1_000_000,
  /** Masked log lines remembered per service, so that the same line keeps its template at little cost … */
  logLinesPerServiceMax: 10_000,
  /** … and of all services together … */
  logLinesMax: 100_000,
  /** … in so many UTF-16 units: 16 MiB. */
  logLineUnitsMax: 8 * MIB,
  /** Names, keys and user ids of which a step remembers between groups what it found out: 10 MiB at most. */
  recentTextsMax: 20_000,
  /** Longer ones are looked at anew each time. */
  recentTextCharsMax: 256,
  /** Keys of endpoints, and of templates, that the writer of a day remembers: twice the living ones, 40 MiB at most. */
  storeKeysCachedMax: 200_000,
  /** Minutes of stored telemetry that a watch learns from when it begins anew: two weeks, so that it has seen each hour of the week twice. */
  learningMinutesMax: 14 * 24 * 60,
  /** Minutes after which what was learned is saved: so many are learned again after a kill. */
  watchSaveMinutes: 10,
  /** Bytes of learned rows saved at a time: about 10 ms. */
  watchChunkBytes: MIB,
  /** Anomalies that an incident lists. */
  incidentAnomaliesMax: 200,
  /** Services that a list of services holds; beyond it the answer says that it was cut. */
  servicesListedMax: 10_000,
  /** Distinct metric series; points of further series are rejected. */
  seriesMax: 200_000,
  /** Metric series watched minute by minute: what a tick has time and memory for; further ones are counted. */
  watchedSeriesMax: 50_000,
  /** Of one service, so that one with series without end leaves room for others: 100 processes of 100 series. */
  watchedSeriesPerServiceMax: 10_000,
  /** A watched series without a point for this long makes room: twice the slowest usual export. */
  watchedSeriesIdleUs: 2 * 3600 * 1_000_000,
  /** Time that one probe may take. */
  probeTimeoutMs: 5000,
  /** Bytes that a probe reads of an answer. */
  probeAnswerBytesMax: MIB,
  /** Probes of one report. */
  probesPerReportMax: 32,
  /** Orders of log lines of one operation that are told apart; with more, no order is the usual one. */
  flowVariantsMax: 512,
  /** Spans of one request that verification replays: its walk is as deep as the request's calls. */
  requestSpansMax: 2000,
  /** Hypotheses that are verified and listed. */
  hypothesesMax: 12,
  /** Clusters that a report lists. */
  clustersMax: 12,
  /** Exemplar traces of a cluster. */
  exemplarsPerClusterMax: 5,
  /** Hops between the symptom and a cause that a report lists: both ends are kept, nobody reads more. */
  chainHopsMax: 6,
  /** Analyses waiting; more are answered 429. */
  analysesQueuedMax: 64,
  /** Time of one analysis, all steps. */
  analysisTimeoutMs: 180_000,
  /** Alerts of one webhook payload. */
  alertsPerWebhookMax: 1000,
  /** Investigations that one alert may start: a repeated alert tries again when the run before failed. */
  alertAttemptsMax: 3,
  /** Labels or annotations of one alert. */
  alertLabelsMax: 256,
  /** Characters of one label, annotation or URL of an alert. */
  alertTextCharsMax: 16_384,
  /** Characters of a name, a search text or an attribute value in an API query. */
  queryTextCharsMax: 1024,
  /** Attribute conditions of one search. */
  queryAttributesMax: 16,
  /** Spans that the service graph of one request looks at; beyond it the answer says that it was cut. */
  graphSpansMax: 200_000,
  /** Metric series whose exemplars are looked through for one trace. */
  traceSeriesMax: 1000,
  /** Recent reports whose clusters are listed. */
  clusterReportsMax: 200,
  /** Change events of one API request. */
  changesPerRequestMax: 1000,
  /** Open event streams; more are answered 429. */
  eventStreamsMax: 256,
  /** A comment line this often keeps proxies from closing an event stream. */
  eventHeartbeatMs: 15_000,
  /** Longest time that one API request may wait for a report. */
  apiWaitMsMax: 180_000,
  /** Time to receive the headers and the body of an API request. */
  apiReceiveTimeoutMs: 30_000,
  /** Body of an API request. */
  apiBodyBytesMax: 4 * MIB,
  /** A rule file; a rule is a page of text. */
  ruleFileBytesMax: 64 * KIB,
  /** Rules of one folder. */
  rulesMax: 500,
  /** Characters of one test or expectation of a rule. */
  ruleTestCharsMax: 2000,
  /** Nesting of one test or expectation. */
  ruleTestDepthMax: 32,
  /** Services (targets, versions) that one rule is tried on, the most anomalous first. */
  ruleScopesMax: 64,
  /** Spans of one period that one rule test looks at; beyond it every k-th trace is taken. */
  ruleScopeRowsMax: 200_000,
  /** Distinct texts that one regular expression reads; further texts are decided by their template. */
  ruleRegexTextsMax: 50_000,
  /** Characters of a text that a regular expression reads. */
  ruleRegexCharsMax: 4096,
  /** Probes under way at the same time. */
  probesConcurrentMax: 8,
  /** Time that one call of compaction works, so that a commit waits little; the last step may end 25 ms later. */
  compactionMs: 20,
  /** Distinct values that spans are grouped by; about 500 bytes of memory each, further ones are left out. */
  spanGroupsMax: 50_000,
  /** Places of the store that could not be read and are listed; further ones are only counted. */
  storeFaultsMax: 1000,
  /** Rows that one page of a search looks at; beyond it the page says that it was cut. */
  searchRowsMax: 4_000_000,
  /** Spans, log records or data points of one exported line … */
  exportLineRowsMax: 1000,
  /** … or this many characters of them: far below what a receiver takes. */
  exportLineCharsMax: 4 * MIB,
  /** Change events kept. */
  changeEventsMax: 100_000,
  /** Reports kept with their pinned evidence; about 100 KiB each. */
  reportsMax: 10_000,
  /** Earlier documents kept of one report. */
  reportVersionsMax: 20,
  /** Alerts of ours that each Alertmanager is told of; about 2 KiB each. */
  alertsOutMax: 2000,
  /** Alerts of one request to an Alertmanager: about 200 KiB. */
  alertsPerPostMax: 100,
  /** An Alertmanager is told this often of what fires; it forgets it after four times as long. */
  alertResendMs: 60_000,
  /** Wait after the first failure to reach an Alertmanager; doubles up to alertResendMs. */
  alertRetryMs: 1000,
  /** Time that one request to an Alertmanager may take. */
  alertTimeoutMs: 10_000,
  /** The end of an alert is offered this long to an Alertmanager that does not answer. */
  alertEndsKeptMs: 15 * 60_000,
  /** Bytes of an Alertmanager's answer that are read, for the log. */
  alertAnswerBytesMax: 1024,
  /** Alertmanagers: a cluster has two or three. */
  alertmanagersMax: 10,
  /** Anomalies that an alert quotes as evidence. */
  alertEvidenceMax: 5,
  /** Silences kept, the expired ones too; each anomaly of a tick is compared with those in force. */
  silencesMax: 500,
  /** Longest silence: what is quiet for longer should not be watched. */
  silenceDaysMax: 90,
  /** Service level objectives; each costs 2.4 KiB of memory and a look at each tally of its service. */
  slosMax: 500,
  /** Anomalies, incidents, alerts and remarks of users kept, each; a row is below 4 KiB, with its picture. */
  stateRowsMax: 100_000,
} as const;

assert(LIMITS.groupRowsMax >= LIMITS.blockRowsMax, 'a group must fill a block');
assert(
  LIMITS.logRestBytesMax < LIMITS.logRestartBytes && LIMITS.logRestartBytes < LIMITS.logBytesMax,
  'a log is finished when little is left of much',
);
assert(LIMITS.inflightBytesMax >= 2 * LIMITS.bodyBytesMax, 'the largest body must fit the queue');
assert(
  LIMITS.requestHeadersTimeoutMs <= LIMITS.requestReadTimeoutMs,
  'headers are a part of the request',
);
assert(
  LIMITS.deadLetterFileBytesMax + LIMITS.bodyBytesMax < LIMITS.deadLettersBytesMax,
  'the largest body must fit beside a full file of dead letters',
);
assert(
  LIMITS.storeKeysCachedMax >= LIMITS.endpointsMax + LIMITS.servicesMax + LIMITS.slicesMax &&
    LIMITS.storeKeysCachedMax >= LIMITS.templatesMax + LIMITS.servicesMax,
  'the keys in use must be remembered',
);
assert(
  Number.isInteger(Math.log2(LIMITS.stageTimesSpansMax)),
  'a ring finds its slots by the lowest bits',
);
assert(
  2 * LIMITS.stageTimesSettleUs < LIMITS.stageTimesHistoryUs,
  'a parent must be measured before its children are gone',
);
assert(LIMITS.queryRowsDefault <= LIMITS.queryRowsMax, 'the default limit must be allowed');
assert(LIMITS.alertTimeoutMs < LIMITS.alertResendMs, 'an alert is told of before it is due again');
assert(
  LIMITS.alertEndsKeptMs > 4 * LIMITS.alertResendMs,
  'an end is offered until the alert has run out by itself',
);
assert(LIMITS.probeTimeoutMs < LIMITS.analysisTimeoutMs, 'a probe must end before its analysis');
