/** One data point of each kind from protobuf, straight into its row and draft. */
import type { PointColumns } from '../model/columns.ts';
import { POINT_HAS } from '../model/columns.ts';
import { finishExemplar, type NumberList, type PointDraft, setOptional } from './point-draft.ts';
import type { MessageFields, ProtobufReader } from './protobuf-reader.ts';
import { readAttribute, readId } from './protobuf-value.ts';

const NUMBER_POINT: MessageFields = {
  name: 'number_data_point',
  fields: {
    2: 'start_time_unix_nano',
    3: 'time_unix_nano',
    4: 'as_double',
    5: 'exemplars',
    6: 'as_int',
    7: 'attributes',
    8: 'flags',
  },
};
const HISTOGRAM_POINT: MessageFields = {
  name: 'histogram_data_point',
  fields: {
    2: 'start_time_unix_nano',
    3: 'time_unix_nano',
    4: 'count',
    5: 'sum',
    6: 'bucket_counts',
    7: 'explicit_bounds',
    8: 'exemplars',
    9: 'attributes',
    10: 'flags',
    11: 'min',
    12: 'max',
  },
};
const EXPONENTIAL_POINT: MessageFields = {
  name: 'exponential_histogram_data_point',
  fields: {
    1: 'attributes',
    2: 'start_time_unix_nano',
    3: 'time_unix_nano',
    4: 'count',
    5: 'sum',
    6: 'scale',
    7: 'zero_count',
    8: 'positive',
    9: 'negative',
    10: 'flags',
    11: 'exemplars',
    12: 'min',
    13: 'max',
    14: 'zero_threshold',
  },
};
const BUCKETS: MessageFields = { name: 'buckets', fields: { 1: 'offset', 2: 'bucket_counts' } };
const SUMMARY_POINT: MessageFields = {
  name: 'summary_data_point',
  fields: {
    2: 'start_time_unix_nano',
    3: 'time_unix_nano',
    4: 'count',
    5: 'sum',
    6: 'quantile_values',
    7: 'attributes',
    8: 'flags',
  },
};
const QUANTILE: MessageFields = {
  name: 'value_at_quantile',
  fields: { 1: 'quantile', 2: 'value' },
};
const EXEMPLAR: MessageFields = {
  name: 'exemplar',
  fields: {
    2: 'time_unix_nano',
    3: 'as_double',
    4: 'span_id',
    5: 'trace_id',
    6: 'as_int',
    7: 'filtered_attributes',
  },
};

/** What reading one point needs. */
export interface PointTarget {
  readonly reader: ProtobufReader;
  readonly into: PointColumns;
  readonly draft: PointDraft;
}

export function readNumberPoint({ reader, into, draft }: PointTarget): void {
  const { row } = draft;
  while (reader.position < reader.end) {
    const tag = reader.tag(NUMBER_POINT);
    switch (tag) {
      case 0x21:
        into.value[row] = reader.double();
        into.has[row] = into.has[row]! & ~POINT_HAS.isInt;
        draft.hasValue = true;
        break;
      case 0x31:
        into.value[row] = reader.sfixed64Number();
        into.has[row] = into.has[row]! | POINT_HAS.isInt;
        draft.hasValue = true;
        break;
      case 0x2a:
        readExemplar(reader, into);
        break;
      case 0x3a:
        readAttribute(reader, reader.context.scratch, 0);
        break;
      case 0x40:
        into.flags[row] = reader.uint32();
        break;
      default:
        if (!readPointTime(reader, { tag, into, row })) reader.skipUnknown(tag);
    }
  }
}

export function readHistogramPoint({ reader, into, draft }: PointTarget): void {
  const { row } = draft;
  while (reader.position < reader.end) {
    const tag = reader.tag(HISTOGRAM_POINT);
    switch (tag) {
      case 0x21:
        into.observationCount[row] = reader.fixed64Number();
        break;
      case 0x29:
        setOptional(into, row, { field: 'sum', value: reader.double() });
        break;
      case 0x31:
        draft.counts.push(reader.fixed64Number());
        break;
      case 0x32:
        readPacked(reader, draft.counts, 'fixed64');
        break;
      case 0x39:
        draft.bounds.push(reader.double());
        break;
      case 0x3a:
        readPacked(reader, draft.bounds, 'double');
        break;
      case 0x42:
        readExemplar(reader, into);
        break;
      case 0x4a:
        readAttribute(reader, reader.context.scratch, 0);
        break;
      case 0x50:
        into.flags[row] = reader.uint32();
        break;
      case 0x59:
        setOptional(into, row, { field: 'min', value: reader.double() });
        break;
      case 0x61:
        setOptional(into, row, { field: 'max', value: reader.double() });
        break;
      default:
        if (!readPointTime(reader, { tag, into, row })) reader.skipUnknown(tag);
    }
  }
}

export function readExponentialPoint({ reader, into, draft }: PointTarget): void {
  const { row } = draft;
  while (reader.position < reader.end) {
    const tag = reader.tag(EXPONENTIAL_POINT);
    switch (tag) {
      case 0x0a:
        readAttribute(reader, reader.context.scratch, 0);
        break;
      case 0x21:
        into.observationCount[row] = reader.fixed64Number();
        break;
      case 0x29:
        setOptional(into, row, { field: 'sum', value: reader.double() });
        break;
      case 0x30:
        draft.scale = reader.sint32();
        break;
      case 0x39:
        draft.zeroCount = reader.fixed64Number();
        break;
      case 0x42:
        draft.positiveOffset = readBuckets(reader, draft.counts);
        break;
      case 0x4a:
        draft.negativeOffset = readBuckets(reader, draft.negativeCounts);
        break;
      case 0x50:
        into.flags[row] = reader.uint32();
        break;
      case 0x5a:
        readExemplar(reader, into);
        break;
      case 0x61:
        setOptional(into, row, { field: 'min', value: reader.double() });
        break;
      case 0x69:
        setOptional(into, row, { field: 'max', value: reader.double() });
        break;
      case 0x71:
        draft.zeroThreshold = reader.double();
        break;
      default:
        if (!readPointTime(reader, { tag, into, row })) reader.skipUnknown(tag);
    }
  }
}

/** Fills `counts` and returns the offset. The last buckets message counts whole. */
function readBuckets(reader: ProtobufReader, counts: NumberList): number {
  const outerEnd = reader.enter();
  counts.count = 0;
  let offset = 0;
  while (reader.position < reader.end) {
    const tag = reader.tag(BUCKETS);
    if (tag === 0x08) offset = reader.sint32();
    else if (tag === 0x10) counts.push(reader.uint64());
    else if (tag === 0x12) readPacked(reader, counts, 'uint64');
    else reader.skipUnknown(tag);
  }
  reader.end = outerEnd;
  return offset;
}

export function readSummaryPoint({ reader, into, draft }: PointTarget): void {
  const { row } = draft;
  while (reader.position < reader.end) {
    const tag = reader.tag(SUMMARY_POINT);
    switch (tag) {
      case 0x21:
        into.observationCount[row] = reader.fixed64Number();
        break;
      case 0x29:
        setOptional(into, row, { field: 'sum', value: reader.double() });
        break;
      case 0x32:
        readQuantile(reader, draft.quantiles);
        break;
      case 0x3a:
        readAttribute(reader, reader.context.scratch, 0);
        break;
      case 0x40:
        into.flags[row] = reader.uint32();
        break;
      default:
        if (!readPointTime(reader, { tag, into, row })) reader.skipUnknown(tag);
    }
  }
}

function readQuantile(reader: ProtobufReader, quantiles: NumberList): void {
  const outerEnd = reader.enter();
  let quantile = 0;
  let value = 0;
  while (reader.position < reader.end) {
    const tag = reader.tag(QUANTILE);
    if (tag === 0x09) quantile = reader.double();
    else if (tag === 0x11) value = reader.double();
    else reader.skipUnknown(tag);
  }
  reader.end = outerEnd;
  quantiles.push(quantile);
  quantiles.push(value);
}

function readExemplar(reader: ProtobufReader, into: PointColumns): void {
  const { context } = reader;
  const { exemplars } = into;
  const outerEnd = reader.enter();
  const row = exemplars.addRow();
  const firstIndex = exemplars.attributes.count;
  let traceIdBytes = 0;
  let spanIdBytes = 0;
  while (reader.position < reader.end) {
    const tag = reader.tag(EXEMPLAR);
    if (tag === 0x11) {
      reader.time();
      exemplars.timeUs[row] = reader.timeUs;
      exemplars.timeNs[row] = reader.timeNs;
    } else if (tag === 0x19) {
      exemplars.value[row] = reader.double();
      exemplars.isInt[row] = 0;
    } else if (tag === 0x31) {
      exemplars.value[row] = reader.sfixed64Number();
      exemplars.isInt[row] = 1;
    } else if (tag === 0x22) {
      spanIdBytes = readId(reader, exemplars.spanId, { row, sizeBytes: 8 });
    } else if (tag === 0x2a) {
      traceIdBytes = readId(reader, exemplars.traceId, { row, sizeBytes: 16 });
    } else if (tag === 0x3a) readAttribute(reader, exemplars.attributes, firstIndex);
    else reader.skipUnknown(tag);
  }
  reader.end = outerEnd;
  finishExemplar(into, row, { traceIdBytes, spanIdBytes, context });
}

/** Times of all point kinds stand in the same fields. */
function readPointTime(
  reader: ProtobufReader,
  { tag, into, row }: { tag: number; into: PointColumns; row: number },
): boolean {
  if (tag === 0x11) {
    reader.time();
    into.startUs[row] = reader.timeUs;
    into.startNs[row] = reader.timeNs;
    return true;
  }
  if (tag === 0x19) {
    reader.time();
    into.timeUs[row] = reader.timeUs;
    into.timeNs[row] = reader.timeNs;
    return true;
  }
  return false;
}

/** Numbers of a repeated field that stand behind one length. */
function readPacked(
  reader: ProtobufReader,
  into: NumberList,
  type: 'double' | 'fixed64' | 'uint64',
): void {
  const outerEnd = reader.enter();
  while (reader.position < reader.end) {
    if (type === 'double') into.push(reader.double());
    else into.push(type === 'fixed64' ? reader.fixed64Number() : reader.uint64());
  }
  reader.end = outerEnd;
}
