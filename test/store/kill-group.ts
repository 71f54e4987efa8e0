/** The group that the killed writer stores for a request number, and its parent looks for. */
import { US_PER_DAY, US_PER_MINUTE } from '../../src/base/time.ts';
import { endpointIdOf } from '../../src/model/tally.ts';
import type { IngestGroup, TelemetryReader } from '../../src/store/api/telemetry.ts';
import { DAY_START_US, emptyGroup, type PlainSpan, plainSpans, withRequest } from './generate.ts';

export const KILL_SPANS_PER_REQUEST = 40;
export const KILL_RANGE = { fromUs: DAY_START_US - US_PER_DAY, toUs: DAY_START_US + US_PER_DAY };

/** Spans and log lines that the tallies of a store count. */
export function readTallied(reader: TelemetryReader): readonly [spans: number, lines: number] {
  const total = (tallies: readonly { readonly count: number }[]) =>
    tallies.reduce((sum, { count }) => sum + count, 0);
  return [
    total(reader.readTallies({ range: KILL_RANGE })),
    total(reader.readTemplateTallies({ range: KILL_RANGE })),
  ];
}

/** One trace, its number the request's, that lies on both sides of midnight: two files, two commits. */
export function killGroup(request: number): IngestGroup {
  const spans = Array.from(
    { length: KILL_SPANS_PER_REQUEST },
    (_, index): PlainSpan => ({
      trace: request,
      span: request * 1000 + index,
      startUs: DAY_START_US - KILL_SPANS_PER_REQUEST / 2 + index,
      attributes: { request, text: `span ${index} of request ${request}` },
    }),
  );
  const endpointId = endpointIdOf('bot', 'work');
  const half = KILL_SPANS_PER_REQUEST / 2;
  const minutesUs = [DAY_START_US - US_PER_MINUTE, DAY_START_US];
  return withRequest(
    {
      ...emptyGroup(),
      spans: plainSpans(spans),
      tallies: minutesUs.map((minuteUs) => ({
        endpoint: { endpointId, service: 'bot', operation: 'work', stage: 'other' },
        minuteUs,
        count: half,
        errorCount: 0,
        sketch: { buckets: [1], counts: [half] },
      })),
      templateTallies: minutesUs.map((minuteUs) => ({
        templateId: 'line',
        service: 'bot',
        minuteUs,
        count: half,
        severityMax: 9,
      })),
    },
    request,
  );
}
