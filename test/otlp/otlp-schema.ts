/**
 * The OTLP messages as a protobufjs descriptor, written from the field tables of the OTLP 1.11 protocol:
 * the independent reader and writer of the differential tests.
 */
import protobuf from 'protobufjs';

type Field = readonly [type: string, id: number, rule?: 'repeated' | 'optional'];
type Message = Readonly<Record<string, Field>>;

const MESSAGES: Readonly<Record<string, { fields: Message; oneof?: Record<string, string[]> }>> = {
  AnyValue: {
    fields: {
      stringValue: ['string', 1],
      boolValue: ['bool', 2],
      intValue: ['int64', 3],
      doubleValue: ['double', 4],
      arrayValue: ['ArrayValue', 5],
      kvlistValue: ['KeyValueList', 6],
      bytesValue: ['bytes', 7],
    },
    oneof: {
      value: [
        'stringValue',
        'boolValue',
        'intValue',
        'doubleValue',
        'arrayValue',
        'kvlistValue',
        'bytesValue',
      ],
    },
  },
  ArrayValue: { fields: { values: ['AnyValue', 1, 'repeated'] } },
  KeyValueList: { fields: { values: ['KeyValue', 1, 'repeated'] } },
  KeyValue: { fields: { key: ['string', 1], value: ['AnyValue', 2] } },
  InstrumentationScope: {
    fields: {
      name: ['string', 1],
      version: ['string', 2],
      attributes: ['KeyValue', 3, 'repeated'],
      droppedAttributesCount: ['uint32', 4],
    },
  },
  Resource: {
    fields: { attributes: ['KeyValue', 1, 'repeated'], droppedAttributesCount: ['uint32', 2] },
  },
  ExportTraceServiceRequest: { fields: { resourceSpans: ['ResourceSpans', 1, 'repeated'] } },
  ResourceSpans: {
    fields: {
      resource: ['Resource', 1],
      scopeSpans: ['ScopeSpans', 2, 'repeated'],
      schemaUrl: ['string', 3],
    },
  },
  ScopeSpans: {
    fields: {
      scope: ['InstrumentationScope', 1],
      spans: ['Span', 2, 'repeated'],
      schemaUrl: ['string', 3],
    },
  },
  Span: {
    fields: {
      traceId: ['bytes', 1],
      spanId: ['bytes', 2],
      traceState: ['string', 3],
      parentSpanId: ['bytes', 4],
      name: ['string', 5],
      kind: ['int32', 6],
      startTimeUnixNano: ['fixed64', 7],
      endTimeUnixNano: ['fixed64', 8],
      attributes: ['KeyValue', 9, 'repeated'],
      droppedAttributesCount: ['uint32', 10],
      events: ['Event', 11, 'repeated'],
      droppedEventsCount: ['uint32', 12],
      links: ['Link', 13, 'repeated'],
      droppedLinksCount: ['uint32', 14],
      status: ['SpanStatus', 15],
      flags: ['fixed32', 16],
    },
  },
  Event: {
    fields: {
      timeUnixNano: ['fixed64', 1],
      name: ['string', 2],
      attributes: ['KeyValue', 3, 'repeated'],
      droppedAttributesCount: ['uint32', 4],
    },
  },
  Link: {
    fields: {
      traceId: ['bytes', 1],
      spanId: ['bytes', 2],
      traceState: ['string', 3],
      attributes: ['KeyValue', 4, 'repeated'],
      droppedAttributesCount: ['uint32', 5],
      flags: ['fixed32', 6],
    },
  },
  SpanStatus: { fields: { message: ['string', 2], code: ['int32', 3] } },
  ExportLogsServiceRequest: { fields: { resourceLogs: ['ResourceLogs', 1, 'repeated'] } },
  ResourceLogs: {
    fields: {
      resource: ['Resource', 1],
      scopeLogs: ['ScopeLogs', 2, 'repeated'],
      schemaUrl: ['string', 3],
    },
  },
  ScopeLogs: {
    fields: {
      scope: ['InstrumentationScope', 1],
      logRecords: ['LogRecord', 2, 'repeated'],
      schemaUrl: ['string', 3],
    },
  },
  LogRecord: {
    fields: {
      timeUnixNano: ['fixed64', 1],
      severityNumber: ['int32', 2],
      severityText: ['string', 3],
      body: ['AnyValue', 5],
      attributes: ['KeyValue', 6, 'repeated'],
      droppedAttributesCount: ['uint32', 7],
      flags: ['fixed32', 8],
      traceId: ['bytes', 9],
      spanId: ['bytes', 10],
      observedTimeUnixNano: ['fixed64', 11],
      eventName: ['string', 12],
    },
  },
  ExportMetricsServiceRequest: { fields: { resourceMetrics: ['ResourceMetrics', 1, 'repeated'] } },
  ResourceMetrics: {
    fields: {
      resource: ['Resource', 1],
      scopeMetrics: ['ScopeMetrics', 2, 'repeated'],
      schemaUrl: ['string', 3],
    },
  },
  ScopeMetrics: {
    fields: {
      scope: ['InstrumentationScope', 1],
      metrics: ['Metric', 2, 'repeated'],
      schemaUrl: ['string', 3],
    },
  },
  Metric: {
    fields: {
      name: ['string', 1],
      description: ['string', 2],
      unit: ['string', 3],
      gauge: ['Gauge', 5],
      sum: ['Sum', 7],
      histogram: ['Histogram', 9],
      exponentialHistogram: ['ExponentialHistogram', 10],
      summary: ['Summary', 11],
    },
    oneof: { data: ['gauge', 'sum', 'histogram', 'exponentialHistogram', 'summary'] },
  },
  Gauge: { fields: { dataPoints: ['NumberDataPoint', 1, 'repeated'] } },
  Sum: {
    fields: {
      dataPoints: ['NumberDataPoint', 1, 'repeated'],
      aggregationTemporality: ['int32', 2],
      isMonotonic: ['bool', 3],
    },
  },
  Histogram: {
    fields: {
      dataPoints: ['HistogramDataPoint', 1, 'repeated'],
      aggregationTemporality: ['int32', 2],
    },
  },
  ExponentialHistogram: {
    fields: {
      dataPoints: ['ExponentialHistogramDataPoint', 1, 'repeated'],
      aggregationTemporality: ['int32', 2],
    },
  },
  Summary: { fields: { dataPoints: ['SummaryDataPoint', 1, 'repeated'] } },
  NumberDataPoint: {
    fields: {
      startTimeUnixNano: ['fixed64', 2],
      timeUnixNano: ['fixed64', 3],
      asDouble: ['double', 4],
      exemplars: ['Exemplar', 5, 'repeated'],
      asInt: ['sfixed64', 6],
      attributes: ['KeyValue', 7, 'repeated'],
      flags: ['uint32', 8],
    },
    oneof: { value: ['asDouble', 'asInt'] },
  },
  HistogramDataPoint: {
    fields: {
      startTimeUnixNano: ['fixed64', 2],
      timeUnixNano: ['fixed64', 3],
      count: ['fixed64', 4],
      sum: ['double', 5, 'optional'],
      bucketCounts: ['fixed64', 6, 'repeated'],
      explicitBounds: ['double', 7, 'repeated'],
      exemplars: ['Exemplar', 8, 'repeated'],
      attributes: ['KeyValue', 9, 'repeated'],
      flags: ['uint32', 10],
      min: ['double', 11, 'optional'],
      max: ['double', 12, 'optional'],
    },
  },
  ExponentialHistogramDataPoint: {
    fields: {
      attributes: ['KeyValue', 1, 'repeated'],
      startTimeUnixNano: ['fixed64', 2],
      timeUnixNano: ['fixed64', 3],
      count: ['fixed64', 4],
      sum: ['double', 5, 'optional'],
      scale: ['sint32', 6],
      zeroCount: ['fixed64', 7],
      positive: ['Buckets', 8],
      negative: ['Buckets', 9],
      flags: ['uint32', 10],
      exemplars: ['Exemplar', 11, 'repeated'],
      min: ['double', 12, 'optional'],
      max: ['double', 13, 'optional'],
      zeroThreshold: ['double', 14],
    },
  },
  Buckets: { fields: { offset: ['sint32', 1], bucketCounts: ['uint64', 2, 'repeated'] } },
  SummaryDataPoint: {
    fields: {
      startTimeUnixNano: ['fixed64', 2],
      timeUnixNano: ['fixed64', 3],
      count: ['fixed64', 4],
      sum: ['double', 5],
      quantileValues: ['ValueAtQuantile', 6, 'repeated'],
      attributes: ['KeyValue', 7, 'repeated'],
      flags: ['uint32', 8],
    },
  },
  ValueAtQuantile: { fields: { quantile: ['double', 1], value: ['double', 2] } },
  Exemplar: {
    fields: {
      timeUnixNano: ['fixed64', 2],
      asDouble: ['double', 3],
      spanId: ['bytes', 4],
      traceId: ['bytes', 5],
      asInt: ['sfixed64', 6],
      filteredAttributes: ['KeyValue', 7, 'repeated'],
    },
    oneof: { value: ['asDouble', 'asInt'] },
  },
  ExportProfilesServiceRequest: {
    fields: {
      resourceProfiles: ['ResourceProfiles', 1, 'repeated'],
      dictionary: ['ProfilesDictionary', 2],
    },
  },
  ResourceProfiles: {
    fields: {
      resource: ['Resource', 1],
      scopeProfiles: ['ScopeProfiles', 2, 'repeated'],
      schemaUrl: ['string', 3],
    },
  },
  ScopeProfiles: {
    fields: {
      scope: ['InstrumentationScope', 1],
      profiles: ['Profile', 2, 'repeated'],
      schemaUrl: ['string', 3],
    },
  },
  Profile: {
    fields: {
      sampleType: ['ValueType', 1],
      samples: ['Sample', 2, 'repeated'],
      timeUnixNano: ['fixed64', 3],
      durationNano: ['uint64', 4],
      periodType: ['ValueType', 5],
      period: ['int64', 6],
      profileId: ['bytes', 7],
    },
  },
  ValueType: { fields: { typeStrindex: ['int32', 1], unitStrindex: ['int32', 2] } },
  Sample: {
    fields: {
      stackIndex: ['int32', 1],
      values: ['int64', 2, 'repeated'],
      linkIndex: ['int32', 4],
    },
  },
  ProfilesDictionary: {
    fields: {
      locationTable: ['Location', 2, 'repeated'],
      functionTable: ['Function', 3, 'repeated'],
      stringTable: ['string', 5, 'repeated'],
      stackTable: ['Stack', 7, 'repeated'],
    },
  },
  Location: { fields: { address: ['uint64', 2], lines: ['Line', 3, 'repeated'] } },
  Line: { fields: { functionIndex: ['int32', 1], line: ['int64', 2] } },
  Function: { fields: { nameStrindex: ['int32', 1], filenameStrindex: ['int32', 3] } },
  Stack: { fields: { locationIndices: ['int32', 1, 'repeated'] } },
  ExportTraceServiceResponse: { fields: { partialSuccess: ['PartialSuccess', 1] } },
  PartialSuccess: { fields: { rejected: ['int64', 1], errorMessage: ['string', 2] } },
  RpcStatus: {
    fields: { code: ['int32', 1], message: ['string', 2], details: ['Any', 3, 'repeated'] },
  },
  Any: { fields: { typeUrl: ['string', 1], value: ['bytes', 2] } },
  RetryInfo: { fields: { retryDelay: ['Duration', 1] } },
  Duration: { fields: { seconds: ['int64', 1], nanos: ['int32', 2] } },
  BadRequest: { fields: { fieldViolations: ['FieldViolation', 1, 'repeated'] } },
  FieldViolation: { fields: { field: ['string', 1], description: ['string', 2] } },
};

const root = buildRoot();

export const REQUEST_TYPES = {
  traces: 'ExportTraceServiceRequest',
  logs: 'ExportLogsServiceRequest',
  metrics: 'ExportMetricsServiceRequest',
  profiles: 'ExportProfilesServiceRequest',
} as const;

export function messageType(name: string): protobuf.Type {
  return root.lookupType(name);
}

/** Bytes of a plain object whose ids are Uint8Array and whose 64-bit numbers are decimal strings. */
export function encodeMessage(name: string, object: object): Uint8Array {
  const type = messageType(name);
  return new Uint8Array(type.encode(type.fromObject(object)).finish());
}

/** A plain object with 64-bit numbers as decimal strings and bytes as they are. */
export function decodeMessage(name: string, bytes: Uint8Array): Record<string, unknown> {
  const type = messageType(name);
  return type.toObject(type.decode(bytes), { longs: String });
}

function buildRoot(): protobuf.Root {
  const built = new protobuf.Root();
  for (const [name, { fields, oneof }] of Object.entries(MESSAGES)) {
    const type = new protobuf.Type(name);
    for (const [field, [fieldType, id, rule]] of Object.entries(fields)) {
      type.add(new protobuf.Field(field, id, fieldType, rule));
    }
    for (const [group, members] of Object.entries(oneof ?? {})) {
      type.add(new protobuf.OneOf(group, members));
    }
    built.add(type);
  }
  return built;
}
