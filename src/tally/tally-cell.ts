/** Counts of one endpoint in one minute, under construction. */
import { US_PER_MINUTE } from '../base/time.ts';
import type { Tally } from '../model/tally.ts';
import { STAGES, type Stage } from '../model/vocabulary.ts';
import type { EndpointRecord } from './endpoint-registry.ts';
import { SketchBuilder } from './sketch.ts';

export interface TallyCell {
  readonly record: EndpointRecord;
  readonly minute: number;
  count: number;
  errorCount: number;
  /** Spans per stage: the same operation may inherit different stages. */
  readonly stageCounts: Uint32Array;
  readonly sketch: SketchBuilder;
}

export function newCell(record: EndpointRecord, minute: number): TallyCell {
  return {
    record,
    minute,
    count: 0,
    errorCount: 0,
    stageCounts: new Uint32Array(STAGES.length),
    sketch: new SketchBuilder(),
  };
}

export function tallyOf(cell: TallyCell): Tally {
  const { endpointId, service, operation } = cell.record;
  return {
    endpoint: { endpointId, service, operation, stage: usualStage(cell.stageCounts) },
    minuteUs: cell.minute * US_PER_MINUTE,
    count: cell.count,
    errorCount: cell.errorCount,
    sketch: cell.sketch.build(),
  };
}

/** The stage of most spans; the earlier stage on a tie. */
function usualStage(stageCounts: Uint32Array): Stage {
  let best = 0;
  for (let stage = 1; stage < stageCounts.length; stage++) {
    if (stageCounts[stage]! > stageCounts[best]!) best = stage;
  }
  return STAGES[best] ?? 'other';
}
