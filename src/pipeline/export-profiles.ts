/** Gives the requests of profiles of a store back as they came, for files that `taproot import` reads. */
import type { TimeRange } from '../base/time.ts';
import type { TelemetryReader } from '../store/api/telemetry.ts';
import { hoursOf } from './export.ts';

export interface ProfileExport {
  /** Of the receipt. */
  readonly range: TimeRange;
  /** Requests that hold at least one of these, whole. */
  readonly services?: readonly string[];
  /** Takes a JSON request on one line, without its end. */
  readonly emitLine: (line: Uint8Array) => void;
  /** Takes a protobuf request, byte for byte. */
  readonly emitProtobuf: (body: Uint8Array) => void;
}

interface Exported {
  profiles: number;
  requests: number;
}

/** An hour at a time, as the other signals. */
export function exportProfiles(
  reader: TelemetryReader,
  options: ProfileExport,
): { readonly json: Readonly<Exported>; readonly protobuf: Readonly<Exported> } {
  const { services, emitLine, emitProtobuf } = options;
  const done = { json: { profiles: 0, requests: 0 }, protobuf: { profiles: 0, requests: 0 } };
  for (const range of hoursOf(reader, options.range)) {
    const scan = services ? { range, services } : { range };
    reader.scanProfiles(scan, ({ encoding, body, count }) => {
      done[encoding].profiles += count;
      done[encoding].requests++;
      if (encoding === 'json') emitLine(onOneLine(body));
      else emitProtobuf(body);
      return true;
    });
  }
  return done;
}

/** In JSON, line ends stand between values only, where a space is as good. */
function onOneLine(body: Uint8Array): Uint8Array {
  return body.map((byte) => (byte === 0x0a || byte === 0x0d ? 0x20 : byte));
}
