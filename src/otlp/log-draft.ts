/** A log record between its decoding and its acceptance: the checks of both encodings. */
import type { LogColumns } from '../model/columns.ts';
import type { DecodeContext } from './decode-context.ts';
import { earlyOrLate } from './span-draft.ts';

export class LogDraft {
  row = 0;
  /** Sizes as found; 0 = unset. */
  traceIdBytes = 0;
  spanIdBytes = 0;
  firstAttribute = 0;
  droppedAttributesCount = 0;

  begin(into: LogColumns, context: DecodeContext): void {
    context.beginItem();
    this.row = into.addRow();
    into.resource[this.row] = context.resource;
    into.scope[this.row] = context.scope;
    this.traceIdBytes = 0;
    this.spanIdBytes = 0;
    this.firstAttribute = into.attributes.count;
    this.droppedAttributesCount = 0;
  }
}

/** Accepts the record into its row, or refuses it and drops the row. */
export function finishLog(into: LogColumns, draft: LogDraft, context: DecodeContext): void {
  const { row } = draft;
  settleTime(into, row, context);
  const timeUs = into.timeUs[row]!;
  if (context.isTimeInRange(timeUs)) {
    const hasWrongId =
      (draft.traceIdBytes !== 0 && draft.traceIdBytes !== 16) ||
      (draft.spanIdBytes !== 0 && draft.spanIdBytes !== 8);
    if (hasWrongId) context.warn('logId');
    into.droppedAttributesCount[row] = draft.droppedAttributesCount;
    into.endRow(row);
    context.report.acceptedCount++;
  } else {
    context.report.reject(earlyOrLate(timeUs, context), context.itemIndex, `${timeUs} µs`);
    into.truncate(row);
  }
  context.itemIndex++;
}

/** A record without a time has the time it was observed; without either, the time it reached us. */
function settleTime(into: LogColumns, row: number, context: DecodeContext): void {
  if (into.timeUs[row] === 0 && into.timeNs[row] === 0) {
    into.timeUs[row] = into.observedUs[row]!;
    into.timeNs[row] = into.observedNs[row]!;
    if (into.timeUs[row] === 0 && into.timeNs[row] === 0) into.timeUs[row] = context.nowUs;
  }
  const isObserved = into.observedUs[row] !== 0 || into.observedNs[row] !== 0;
  if (isObserved && !context.isTimeInRange(into.observedUs[row]!)) {
    into.observedUs[row] = 0;
    into.observedNs[row] = 0;
    context.warn('observedTime');
  }
}
