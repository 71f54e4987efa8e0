/** The group that the killed writer stores for a request number, and its parent looks for. */
import { US_PER_DAY } from '../../src/base/time.ts';
import { endpointIdOf } from '../../src/model/tally.ts';
import type { IngestGroup } from '../../src/store/api/telemetry.ts';
import { DAY_START_US, emptyGroup, type PlainSpan, plainSpans, withRequest } from './generate.ts';

export const KILL_SPANS_PER_REQUEST = 40;
export const KILL_RANGE = { fromUs: DAY_START_US - US_PER_DAY, toUs: DAY_START_US + US_PER_DAY };

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
  const tally = {
    endpoint: { endpointId: endpointIdOf('bot', 'work'), service: 'bot', operation: 'work' },
    minuteUs: DAY_START_US,
    count: 1,
    errorCount: 0,
    sketch: { buckets: [1], counts: [1] },
  };
  return withRequest(
    {
      ...emptyGroup(),
      spans: plainSpans(spans),
      tallies: [{ ...tally, endpoint: { ...tally.endpoint, stage: 'other' } }],
    },
    request,
  );
}
