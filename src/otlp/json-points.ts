/** Data points of all five metric kinds from OTLP/JSON into columns. */
import { type MetricKind, POINT_HAS, type PointColumns } from '../model/columns.ts';
import type { Metric } from './entry-index.ts';
import { readJsonAttributes } from './json-common.ts';
import { FIELD } from './json-names.ts';
import type { JsonReader } from './json-reader.ts';
import {
  finishExemplar,
  finishPoint,
  type NumberList,
  type PointDraft,
  setOptional,
} from './point-draft.ts';

export interface PointTarget {
  readonly into: PointColumns;
  readonly draft: PointDraft;
}

/** Reads one member of a point of its kind; a field of another kind is one that it does not know. */
type ReadMember = (reader: JsonReader, member: number, target: PointTarget) => void;

const READ_MEMBER: Readonly<Record<MetricKind, ReadMember>> = {
  gauge: readNumberMember,
  sum: readNumberMember,
  histogram: readHistogramMember,
  exponentialHistogram: readExponentialMember,
  summary: readSummaryMember,
};

/** Hot: once a point. */
export function readJsonPoint(
  reader: JsonReader,
  point: number,
  { target, metric }: { readonly target: PointTarget; readonly metric: Metric },
): void {
  const { into, draft } = target;
  const { context } = reader;
  const end = reader.endOfObject(point);
  draft.begin(into, context);
  const { row } = draft;
  const readMember = READ_MEMBER[metric.kind];
  for (let member = reader.first(point); member < end; member = reader.next(member)) {
    switch (reader.field(member)) {
      case FIELD.timeUnixNano:
        reader.time(member);
        into.timeUs[row] = reader.timeUs;
        into.timeNs[row] = reader.timeNs;
        break;
      case FIELD.startTimeUnixNano:
        reader.time(member);
        into.startUs[row] = reader.timeUs;
        into.startNs[row] = reader.timeNs;
        break;
      case FIELD.attributes:
        readJsonAttributes(reader, member, context.scratch);
        break;
      case FIELD.flags:
        into.flags[row] = reader.uint32(member);
        break;
      default:
        readMember(reader, member, target);
    }
  }
  finishPoint(into, draft, { metric, context });
}

function readNumberMember(reader: JsonReader, member: number, { into, draft }: PointTarget): void {
  const { row } = draft;
  const field = reader.field(member);
  if (field === FIELD.exemplars) {
    readExemplars(reader, member, into);
  } else if (field === FIELD.asInt || field === FIELD.asDouble) {
    if (draft.hasValue) {
      const other = field === FIELD.asInt ? 'asDouble' : 'asInt';
      throw reader.fault(member, `stands beside ${other}; a value has one type`);
    }
    draft.hasValue = true;
    if (field === FIELD.asInt) into.has[row] = POINT_HAS.isInt;
    into.value[row] = field === FIELD.asInt ? reader.int64(member) : reader.double(member);
  }
}

function readHistogramMember(reader: JsonReader, member: number, target: PointTarget): void {
  const { draft } = target;
  switch (reader.field(member)) {
    case FIELD.bucketCounts:
      readCounts(reader, member, draft.counts);
      break;
    case FIELD.explicitBounds:
      readDoubles(reader, member, draft.bounds);
      break;
    default:
      readDistributionMember(reader, member, target);
  }
}

function readExponentialMember(reader: JsonReader, member: number, target: PointTarget): void {
  const { draft } = target;
  switch (reader.field(member)) {
    case FIELD.scale:
      draft.scale = reader.int32(member);
      break;
    case FIELD.zeroCount:
      draft.zeroCount = reader.uint64(member);
      break;
    case FIELD.zeroThreshold:
      draft.zeroThreshold = reader.double(member);
      break;
    case FIELD.positive:
      draft.positiveOffset = readBuckets(reader, member, draft.counts);
      break;
    case FIELD.negative:
      draft.negativeOffset = readBuckets(reader, member, draft.negativeCounts);
      break;
    default:
      readDistributionMember(reader, member, target);
  }
}

/** What both kinds of histogram have. */
function readDistributionMember(
  reader: JsonReader,
  member: number,
  { into, draft }: PointTarget,
): void {
  const { row } = draft;
  switch (reader.field(member)) {
    case FIELD.count:
      into.observationCount[row] = reader.uint64(member);
      break;
    case FIELD.sum:
      setOptional(into, row, { field: 'sum', value: reader.double(member) });
      break;
    case FIELD.min:
      setOptional(into, row, { field: 'min', value: reader.double(member) });
      break;
    case FIELD.max:
      setOptional(into, row, { field: 'max', value: reader.double(member) });
      break;
    case FIELD.exemplars:
      readExemplars(reader, member, into);
      break;
  }
}

function readSummaryMember(reader: JsonReader, member: number, { into, draft }: PointTarget): void {
  const { row } = draft;
  switch (reader.field(member)) {
    case FIELD.count:
      into.observationCount[row] = reader.uint64(member);
      break;
    case FIELD.sum:
      setOptional(into, row, { field: 'sum', value: reader.double(member) });
      break;
    case FIELD.quantileValues:
      readQuantiles(reader, member, draft.quantiles);
      break;
  }
}

function readCounts(reader: JsonReader, list: number, into: NumberList): void {
  const end = reader.endOfList(list);
  for (let item = reader.first(list); item < end; item = reader.next(item)) {
    into.push(reader.uint64(item));
  }
}

function readDoubles(reader: JsonReader, list: number, into: NumberList): void {
  const end = reader.endOfList(list);
  for (let item = reader.first(list); item < end; item = reader.next(item)) {
    into.push(reader.double(item));
  }
}

/** Fills `counts` and returns the offset. */
function readBuckets(reader: JsonReader, buckets: number, counts: NumberList): number {
  let offset = 0;
  const end = reader.endOfObject(buckets);
  for (let member = reader.first(buckets); member < end; member = reader.next(member)) {
    const field = reader.field(member);
    if (field === FIELD.offset) offset = reader.int32(member);
    else if (field === FIELD.bucketCounts) readCounts(reader, member, counts);
  }
  return offset;
}

function readQuantiles(reader: JsonReader, list: number, quantiles: NumberList): void {
  const end = reader.endOfList(list);
  for (let pair = reader.first(list); pair < end; pair = reader.next(pair)) {
    let quantile = 0;
    let value = 0;
    const endOfPair = reader.endOfObject(pair);
    for (let member = reader.first(pair); member < endOfPair; member = reader.next(member)) {
      const field = reader.field(member);
      if (field === FIELD.quantile) quantile = reader.double(member);
      else if (field === FIELD.value) value = reader.double(member);
    }
    quantiles.push(quantile);
    quantiles.push(value);
  }
}

function readExemplars(reader: JsonReader, list: number, into: PointColumns): void {
  const end = reader.endOfList(list);
  for (let exemplar = reader.first(list); exemplar < end; exemplar = reader.next(exemplar)) {
    readExemplar(reader, exemplar, into);
  }
}

function readExemplar(reader: JsonReader, exemplar: number, into: PointColumns): void {
  const { exemplars } = into;
  const end = reader.endOfObject(exemplar);
  const row = exemplars.addRow();
  let traceIdBytes = 0;
  let spanIdBytes = 0;
  for (let member = reader.first(exemplar); member < end; member = reader.next(member)) {
    const field = reader.field(member);
    if (field === FIELD.timeUnixNano) {
      reader.time(member);
      exemplars.timeUs[row] = reader.timeUs;
      exemplars.timeNs[row] = reader.timeNs;
    } else if (field === FIELD.asInt) {
      exemplars.value[row] = reader.int64(member);
      exemplars.isInt[row] = 1;
    } else if (field === FIELD.asDouble) {
      // Beside an integer, that one counts.
      const value = reader.double(member);
      if (exemplars.isInt[row] === 0) exemplars.value[row] = value;
    } else if (field === FIELD.traceId) {
      traceIdBytes = reader.id(member, { into: exemplars.traceId, row, sizeBytes: 16 });
    } else if (field === FIELD.spanId) {
      spanIdBytes = reader.id(member, { into: exemplars.spanId, row, sizeBytes: 8 });
    } else if (field === FIELD.filteredAttributes) {
      readJsonAttributes(reader, member, exemplars.attributes);
    }
  }
  finishExemplar(into, row, { traceIdBytes, spanIdBytes, context: reader.context });
}
