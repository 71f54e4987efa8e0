/** One call for all signals: decodes into columns that keep what came before, and dumps the new rows. */
import { LogColumns, PointColumns, SpanColumns } from '../../src/model/columns.ts';
import { StringDictionary } from '../../src/model/dictionary.ts';
import type { RowSignal } from '../../src/model/vocabulary.ts';
import {
  type DecodeOutcome,
  decodeLogs,
  decodeMetrics,
  decodeTraces,
  type Encoding,
} from '../../src/otlp/otlp.ts';
import { dumpLogs, dumpPoints, dumpSpans } from './dump-columns.ts';
import { NOW_US } from './random-request.ts';

export interface Decoded {
  readonly outcome: DecodeOutcome;
  readonly rows: object[];
}

/** Each call appends to the same columns. */
export function decodeInto(signal: RowSignal) {
  const strings = new StringDictionary();
  const spans = new SpanColumns(strings);
  const logs = new LogColumns(strings);
  const points = new PointColumns(strings);
  return (body: Uint8Array, encoding: Encoding): Decoded => {
    const options = { encoding, nowUs: NOW_US };
    const from = { traces: spans.count, logs: logs.count, metrics: points.count }[signal];
    switch (signal) {
      case 'traces': {
        const outcome = decodeTraces(body, spans, options);
        return { outcome, rows: dumpSpans(spans, from) };
      }
      case 'logs': {
        const outcome = decodeLogs(body, logs, options);
        return { outcome, rows: dumpLogs(logs, from) };
      }
      default: {
        const outcome = decodeMetrics(body, points, options);
        return { outcome, rows: dumpPoints(points, from) };
      }
    }
  };
}
