/** How much of a period was counted under `(overflow)`: what a report has to say about its own sight. */
import { type TimeRange, US_PER_MINUTE } from '../base/time.ts';
import { OVERFLOW_OPERATION, type Overflow } from '../model/tally.ts';
import type { TelemetryReader } from '../store/api/telemetry.ts';
import { OVERFLOW_TEMPLATE } from '../tally/template.ts';

/** Tallies are read for this long at a time: with every endpoint that there may be, 200 000 of them. */
const SLICE_US = 10 * US_PER_MINUTE;

export function readOverflow(
  telemetry: Pick<TelemetryReader, 'readTallies' | 'readTemplateTallies' | 'listTemplates'>,
  range: TimeRange,
): Overflow {
  const overflowTemplates = new Set(
    telemetry
      .listTemplates({})
      .filter(({ text }) => text === OVERFLOW_TEMPLATE)
      .map(({ templateId }) => templateId),
  );
  const sum = { spans: 0, lines: 0, ofServices: 0 };
  // tallies lie at the beginning of their minute
  let fromUs = Math.floor(range.fromUs / US_PER_MINUTE) * US_PER_MINUTE;
  for (; fromUs < range.toUs; fromUs += SLICE_US) {
    const slice = { fromUs, toUs: Math.min(fromUs + SLICE_US, range.toUs) };
    for (const { endpoint, count } of telemetry.readTallies({ range: slice })) {
      if (endpoint.operation !== OVERFLOW_OPERATION) continue;
      sum.spans += count;
      if (endpoint.service === OVERFLOW_OPERATION) sum.ofServices += count;
    }
    if (overflowTemplates.size === 0) continue;
    for (const { templateId, service, count } of telemetry.readTemplateTallies({ range: slice })) {
      if (!overflowTemplates.has(templateId)) continue;
      sum.lines += count;
      if (service === OVERFLOW_TEMPLATE) sum.ofServices += count;
    }
  }
  return sum;
}
