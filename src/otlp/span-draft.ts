/** A span between its decoding and its acceptance: what the columns cannot say, and the checks of both encodings. */
import type { EventColumns, SpanColumns } from '../model/columns.ts';
import type { DecodeContext } from './decode-context.ts';
import type { Fault } from './decode-report.ts';

export class SpanDraft {
  row = 0;
  /** Sizes as found: an id of the wrong size is not in the columns. */
  traceIdBytes = 0;
  spanIdBytes = 0;
  parentSpanIdBytes = 0;
  /** NaN makes the field one for doubles from the start; begin() sets 0. */
  endUs = Number.NaN;
  endNs = 0;
  /** Events and links before this span. */
  firstEvent = 0;
  firstAttribute = 0;
  droppedAttributesCount = 0;
  /** Links that we drop. */
  droppedLinksCount = 0;

  begin(into: SpanColumns, context: DecodeContext): void {
    context.beginItem();
    this.row = into.addRow();
    into.resource[this.row] = context.resource;
    into.scope[this.row] = context.scope;
    this.traceIdBytes = 0;
    this.spanIdBytes = 0;
    this.parentSpanIdBytes = 0;
    this.endUs = 0;
    this.endNs = 0;
    this.firstEvent = into.events.count;
    this.firstAttribute = into.attributes.count;
    this.droppedAttributesCount = 0;
    this.droppedLinksCount = 0;
  }
}

/** Accepts the span into its row, or refuses it and drops the row. */
export function finishSpan(into: SpanColumns, draft: SpanDraft, context: DecodeContext): void {
  const { row } = draft;
  const fault = faultOf(into, draft, context);
  if (fault === undefined) {
    settleTimes(into, draft, context);
    if (draft.parentSpanIdBytes !== 8 && draft.parentSpanIdBytes !== 0)
      context.warn('parentSpanId');
    into.droppedAttributesCount[row] = draft.droppedAttributesCount;
    if (draft.droppedLinksCount > 0) {
      const count = into.droppedLinksCount[row]! + draft.droppedLinksCount;
      into.droppedLinksCount[row] = Math.min(count, 0xffff_ffff);
    }
    into.endRow(row);
    context.report.acceptedCount++;
  } else {
    context.report.reject(fault, context.itemIndex, foundOf(fault, into, draft));
    into.truncate(row);
  }
  context.itemIndex++;
}

/** True when the link that was read last may stay; otherwise it is dropped. */
export function finishLink(
  into: SpanColumns,
  draft: SpanDraft,
  link: { readonly row: number; readonly isValid: boolean; readonly context: DecodeContext },
): void {
  const { links } = into;
  const isSet =
    link.isValid &&
    !isZero(links.traceId, 16 * link.row, 16) &&
    !isZero(links.spanId, 8 * link.row, 8);
  if (isSet) {
    links.endRow(link.row);
    return;
  }
  links.truncate(link.row);
  draft.droppedLinksCount++;
  link.context.warn('linkId');
}

export function isZero(bytes: Uint8Array, start: number, sizeBytes: number): boolean {
  for (let index = start; index < start + sizeBytes; index++) {
    if (bytes[index] !== 0) return false;
  }
  return true;
}

function faultOf(into: SpanColumns, draft: SpanDraft, context: DecodeContext): Fault | undefined {
  const { row, endUs } = draft;
  if (draft.traceIdBytes !== 16 || isZero(into.traceId, 16 * row, 16)) return 'traceId';
  if (draft.spanIdBytes !== 8 || isZero(into.spanId, 8 * row, 8)) return 'spanId';
  const startUs = into.startUs[row]!;
  if (startUs === 0 && into.startNs[row] === 0) return 'noStartTime';
  if (!context.isTimeInRange(startUs)) return earlyOrLate(startUs, context);
  const hasEnd = endUs !== 0 || draft.endNs !== 0;
  if (hasEnd && !context.isTimeInRange(endUs)) return earlyOrLate(endUs, context);
  return undefined;
}

export function earlyOrLate(timeUs: number, context: DecodeContext): Fault {
  return timeUs > context.nowUs ? 'timeTooLate' : 'timeTooEarly';
}

function foundOf(fault: Fault, into: SpanColumns, draft: SpanDraft): string {
  switch (fault) {
    case 'traceId':
      return idFound(draft.traceIdBytes, 16);
    case 'spanId':
      return idFound(draft.spanIdBytes, 8);
    case 'noStartTime':
      return '';
    default:
      return `${into.startUs[draft.row]} to ${draft.endUs} µs`;
  }
}

/** -1 stands for JSON text that is not hex. */
function idFound(foundBytes: number, sizeBytes: number): string {
  if (foundBytes === sizeBytes) return 'all zero';
  return foundBytes < 0 ? 'not hex' : `${foundBytes} bytes`;
}

function settleTimes(into: SpanColumns, draft: SpanDraft, context: DecodeContext): void {
  const { row, endUs, endNs } = draft;
  const startUs = into.startUs[row]!;
  const startNs = into.startNs[row]!;
  if (endUs === 0 && endNs === 0) {
    context.warn('noEndTime');
  } else {
    // Both parts are whole numbers, so this is exact up to 2^53 ns (104 days).
    const durationNs = (endUs - startUs) * 1000 + (endNs - startNs);
    if (durationNs < 0) context.warn('endBeforeStart');
    into.durationNs[row] = durationNs;
  }
  const { events } = into;
  for (let event = draft.firstEvent; event < events.count; event++) {
    if (!context.isTimeInRange(events.timeUs[event]!)) {
      replaceTime(events, { event, timeUs: startUs, timeNs: startNs });
      context.warn('eventTime');
    }
  }
}

function replaceTime(
  events: EventColumns,
  { event, timeUs, timeNs }: { event: number; timeUs: number; timeNs: number },
): void {
  events.timeUs[event] = timeUs;
  events.timeNs[event] = timeNs;
}
