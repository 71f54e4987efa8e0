/** Tallies, templates and endpoints as they are asked for: merged over commits and days. */
import { type TimeRange, US_PER_MINUTE } from '../../base/time.ts';
import type {
  Endpoint,
  LatencySketch,
  LogTemplate,
  Tally,
  TemplateTally,
} from '../../model/tally.ts';
import type { TallyQuery } from '../api/telemetry.ts';
import { decodeAt } from './block.ts';
import type { DayPool } from './day-pool.ts';
import type { DayReader } from './day-reader.ts';
import { decodeTallies, decodeTemplateTallies, type KeyedTally } from './tally-blob.ts';

interface BlobRow {
  readonly id: number;
  readonly minute_us: number;
  readonly checksum: number;
  readonly bytes: Uint8Array;
}

/** Minutes that begin in the range, by minute, then endpoint id. */
export function readTallies(pool: DayPool, query: TallyQuery): readonly Tally[] {
  const merged = new Map<string, OpenTally>();
  for (const day of pool.days(query.range)) {
    pool.use(day, (reader) => {
      const { tallyKeys } = reader;
      const add = (minuteUs: number, endpoint: Endpoint, tally: KeyedTally) => {
        if (query.service !== undefined && endpoint.service !== query.service) return;
        if (query.endpointId !== undefined && endpoint.endpointId !== query.endpointId) return;
        const key = `${minuteUs}/${endpoint.endpointId}`;
        const known = merged.get(key);
        const { count, errorCount, buckets, counts } = tally;
        const sketch = { buckets, counts };
        if (known) {
          known.count += count;
          known.errorCount += errorCount;
          known.sketches.push(sketch);
        } else {
          merged.set(key, { endpoint, minuteUs, count, errorCount, sketches: [sketch] });
        }
      };
      visitBlobs(reader, { table: 'tallies', range: query.range }, (minuteUs, bytes) => {
        const { whole, slices } = decodeTallies(bytes, { slices: query.slices === true });
        for (const tally of whole) add(minuteUs, tallyKeys.endpoint(tally.endpointKey), tally);
        for (const tally of slices) add(minuteUs, tallyKeys.slice(tally.endpointKey), tally);
      });
    });
  }
  return [...merged.values()]
    .map(({ sketches, ...tally }) => ({ ...tally, sketch: mergeAll(sketches) }))
    .sort(
      (a, b) =>
        a.minuteUs - b.minuteUs || compareTexts(a.endpoint.endpointId, b.endpoint.endpointId),
    );
}

/** A minute whose blobs are not merged yet. */
interface OpenTally extends Pick<Tally, 'endpoint' | 'minuteUs'> {
  count: number;
  errorCount: number;
  readonly sketches: LatencySketch[];
}

/**
 * At once, in one array over all buckets between the lowest and the highest: merged one after the other, 17 blobs of
 * a minute cost ten times as much.
 */
function mergeAll(sketches: readonly LatencySketch[]): LatencySketch {
  const [only] = sketches;
  if (only && sketches.length === 1) return only;
  const lowest = Math.min(...sketches.map(({ buckets }) => buckets[0] ?? 0));
  const highest = Math.max(...sketches.map((sketch) => sketch.buckets.at(-1) ?? 0));
  const totals = new Float64Array(highest - lowest + 1);
  for (const { buckets, counts } of sketches) {
    for (let at = 0; at < buckets.length; at++) totals[buckets[at]! - lowest]! += counts[at]!;
  }
  const merged: { readonly buckets: number[]; readonly counts: number[] } = {
    buckets: [],
    counts: [],
  };
  for (let at = 0; at < totals.length; at++) {
    if (totals[at] === 0) continue;
    merged.buckets.push(lowest + at);
    merged.counts.push(totals[at]!);
  }
  return merged;
}

/** Minutes that begin in the range, by minute, then template id. */
export function readTemplateTallies(
  pool: DayPool,
  query: { readonly range: TimeRange; readonly service?: string },
): readonly TemplateTally[] {
  const merged = new Map<string, TemplateTally>();
  for (const day of pool.days(query.range)) {
    pool.use(day, (reader) => {
      // Within a minute by number: a text as key for each of 100 000 counts takes 0.2 s.
      const ofMinute = new Map<number, { count: number; severityMax: number }>();
      let openUs = Number.NEGATIVE_INFINITY;
      const closeMinute = () => {
        for (const [templateKey, { count, severityMax }] of ofMinute) {
          const template = reader.tallyKeys.template(templateKey);
          if (query.service !== undefined && template.service !== query.service) continue;
          const key = `${openUs}/${template.templateId}/${template.service}`;
          const known = merged.get(key);
          merged.set(key, {
            ...template,
            minuteUs: openUs,
            count: count + (known?.count ?? 0),
            severityMax: Math.max(severityMax, known?.severityMax ?? 0),
          });
        }
        ofMinute.clear();
      };
      visitBlobs(reader, { table: 'template_tallies', range: query.range }, (minuteUs, bytes) => {
        if (minuteUs !== openUs) closeMinute();
        openUs = minuteUs;
        for (const { templateKey, count, severityMax } of decodeTemplateTallies(bytes)) {
          const known = ofMinute.get(templateKey);
          if (known) {
            known.count += count;
            known.severityMax = Math.max(known.severityMax, severityMax);
          } else {
            ofMinute.set(templateKey, { count, severityMax });
          }
        }
      });
      closeMinute();
    });
  }
  return [...merged.values()].sort(
    (a, b) => a.minuteUs - b.minuteUs || compareTexts(a.templateId, b.templateId),
  );
}

/** Endpoints with traffic in minutes that overlap the range, by service, then operation. */
export function listEndpoints(pool: DayPool, range: TimeRange): readonly Endpoint[] {
  const wide = { fromUs: range.fromUs - US_PER_MINUTE + 1, toUs: range.toUs };
  const found = new Map<string, Endpoint>();
  for (const { endpoint } of readTallies(pool, { range: wide })) {
    found.set(endpoint.endpointId, endpoint);
  }
  return [...found.values()].sort(
    (a, b) => compareTexts(a.service, b.service) || compareTexts(a.operation, b.operation),
  );
}

/** By first sight. */
export function listTemplates(
  pool: DayPool,
  query: { readonly service?: string },
): readonly LogTemplate[] {
  const found = new Map<string, LogTemplate>();
  for (const day of pool.days()) {
    pool.use(day, (reader) => {
      const rows = reader.connection
        .prepare(
          `SELECT template_id AS templateId, service, text, first_seen_us AS firstSeenUs
           FROM templates ORDER BY first_seen_us, template_id`,
        )
        .all() as readonly LogTemplate[]; // the columns of the statement
      for (const template of rows) {
        if (query.service !== undefined && template.service !== query.service) continue;
        if (!found.has(template.templateId)) found.set(template.templateId, template);
      }
    });
  }
  return [...found.values()];
}

function visitBlobs(
  reader: DayReader,
  wanted: { readonly table: 'tallies' | 'template_tallies'; readonly range: TimeRange },
  visit: (minuteUs: number, bytes: Uint8Array) => void,
): void {
  const rows = reader.connection
    .prepare(
      `SELECT tally_id AS id, minute_us, checksum, bytes FROM ${wanted.table}
       WHERE minute_us >= ? AND minute_us < ? ORDER BY minute_us, tally_id`,
    )
    .iterate(wanted.range.fromUs, wanted.range.toUs);
  let isFirst = true;
  for (const row of rows as IterableIterator<BlobRow>) {
    if (isFirst && wanted.table === 'tallies') reader.tallyKeys.refreshEndpoints();
    if (isFirst && wanted.table === 'template_tallies') reader.tallyKeys.refreshTemplates();
    isFirst = false;
    const bytes = reader.checkedBytes(row, wanted.table);
    decodeAt(`${wanted.table} ${row.id} of ${reader.file}`, () => visit(row.minute_us, bytes));
  }
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
