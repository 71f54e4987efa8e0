/**
 * Writes a store's spans, logs and points as OTLP/JSON, one request a line, as `taproot import` and other OTLP tools read it.
 * Reads an hour at a time, so that a writer's log is not held up for long, and keeps one line in memory.
 */
import { unreachable } from '../base/errors.ts';
import type { TimeRange } from '../base/time.ts';
import { US_PER_DAY, US_PER_HOUR } from '../base/time.ts';
import { ROW_SIGNALS, type RowSignal } from '../model/vocabulary.ts';
import { encodeJsonLogs, encodeJsonPoints, encodeJsonSpans, RequestLines } from '../otlp/otlp.ts';
import type { TelemetryReader } from '../store/api/telemetry.ts';

export interface ExportOptions {
  readonly range: TimeRange;
  readonly services?: readonly string[];
  readonly signals?: readonly RowSignal[];
  /** Takes a line without its end. */
  readonly emit: (signal: RowSignal, line: string) => void;
  readonly onProgress?: (progress: { readonly signal: RowSignal; readonly rows: number }) => void;
}

export interface ExportedSignal {
  readonly signal: RowSignal;
  readonly rows: number;
  readonly requests: number;
}

/** Rows in the order of signals, days, hours, then blocks; copies of re-sent rows are not removed. */
export function exportTelemetry(
  reader: TelemetryReader,
  options: ExportOptions,
): readonly ExportedSignal[] {
  const hours = hoursOf(reader, options.range);
  return (options.signals ?? ROW_SIGNALS).map((signal) => {
    const lines = new RequestLines(signal, (line) => options.emit(signal, line));
    let dayUs = 0;
    for (const range of hours) {
      // A line of many days would be refused: see LIMITS.requestDaysMax.
      if (range.fromUs - dayUs >= US_PER_DAY) {
        lines.finish();
        dayUs = range.fromUs - (range.fromUs % US_PER_DAY);
      }
      encodeRange(reader, lines, { ...options, signal, range });
      options.onProgress?.({ signal, rows: lines.rowCount });
    }
    lines.finish();
    return { signal, rows: lines.rowCount, requests: lines.lineCount };
  });
}

/** Hours of days that hold something, cut to the range. */
export function hoursOf(reader: TelemetryReader, range: TimeRange): readonly TimeRange[] {
  const hours: TimeRange[] = [];
  for (const { day } of reader.stats().partitions) {
    const dayUs = startOfDayUs(day);
    for (let hour = 0; hour < 24; hour++) {
      const fromUs = Math.max(dayUs + hour * US_PER_HOUR, range.fromUs);
      const toUs = Math.min(dayUs + (hour + 1) * US_PER_HOUR, range.toUs);
      if (fromUs < toUs) hours.push({ fromUs, toUs });
    }
  }
  return hours;
}

/** `day` is `20260102`. */
function startOfDayUs(day: string): number {
  return Date.parse(`${day.slice(0, 4)}-${day.slice(4, 6)}-${day.slice(6, 8)}T00:00:00Z`) * 1000;
}

const ALL_SECTIONS = ['attributes', 'events', 'links'] as const;

function encodeRange(
  reader: TelemetryReader,
  lines: RequestLines,
  options: {
    readonly signal: RowSignal;
    readonly range: TimeRange;
    readonly services?: readonly string[];
  },
): void {
  const { signal, range, services } = options;
  const scan = services ? { range, services } : { range };
  switch (signal) {
    case 'traces':
      reader.scanSpans({ ...scan, sections: ALL_SECTIONS }, (columns, rows) => {
        encodeJsonSpans(columns, rows, lines);
        return true;
      });
      return;
    case 'logs':
      reader.scanLogs(scan, (columns, rows) => {
        encodeJsonLogs(columns, rows, lines);
        return true;
      });
      return;
    case 'metrics':
      reader.scanPoints(scan, (columns, rows) => {
        encodeJsonPoints(columns, rows, lines);
        return true;
      });
      return;
    default:
      unreachable(signal);
  }
}
