/** The tallies that a detection tick learns from, the newest first, up to a bound. */
import { type TimeRange, US_PER_MINUTE } from '../base/time.ts';
import type { Tally, TemplateTally } from '../model/tally.ts';
import type { TelemetryReader } from '../store/api/telemetry.ts';

/** Read at a time; so much may be read beyond the bound. */
const SLICE_US = 10 * US_PER_MINUTE;

export interface TallyHistory {
  /** By minute. */
  readonly tallies: readonly Tally[];
  readonly templateTallies: readonly TemplateTally[];
  /** The bound was reached: the history is shorter than asked for. */
  readonly isCut: boolean;
}

/** Endpoints and templates are cut at the same minute, so that one number of minutes is true of both. */
export function readTallyHistory(
  telemetry: Pick<TelemetryReader, 'readTallies' | 'readTemplateTallies'>,
  { range, talliesMax }: { readonly range: TimeRange; readonly talliesMax: number },
): TallyHistory {
  const tallies: Tally[][] = [];
  const templateTallies: TemplateTally[][] = [];
  let count = 0;
  let toUs = range.toUs;
  while (toUs > range.fromUs && count < talliesMax) {
    const slice = { fromUs: Math.max(range.fromUs, toUs - SLICE_US), toUs };
    tallies.push([...telemetry.readTallies({ range: slice })]);
    templateTallies.push([...telemetry.readTemplateTallies({ range: slice })]);
    count += tallies.at(-1)!.length + templateTallies.at(-1)!.length;
    toUs = slice.fromUs;
  }
  return {
    tallies: tallies.reverse().flat(),
    templateTallies: templateTallies.reverse().flat(),
    isCut: toUs > range.fromUs,
  };
}
