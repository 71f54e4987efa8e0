/** The clauses that checks stand on, with their addresses. */

export interface Clause {
  readonly name: string;
  readonly url: string;
}

const OTLP = 'https://opentelemetry.io/docs/specs/otlp/';
const GRPC = 'https://github.com/grpc/grpc/blob/master/doc/';

function otlp(name: string, anchor: string): Clause {
  return { name: `OTLP: ${name}`, url: `${OTLP}#${anchor}` };
}

export const CLAUSES = {
  compression: otlp('Protocol Details', 'protocol-details'),
  grpcRequest: otlp('OTLP/gRPC Request', 'otlpgrpc-request'),
  grpcConcurrent: otlp('OTLP/gRPC Concurrent Requests', 'otlpgrpc-concurrent-requests'),
  response: otlp('OTLP/HTTP Response', 'otlphttp-response'),
  fullSuccess: otlp('Full Success', 'full-success'),
  partialSuccess: otlp('Partial Success', 'partial-success'),
  failures: otlp('Failures', 'failures-1'),
  retryable: otlp('Retryable Response Codes', 'retryable-response-codes'),
  badData: otlp('Bad Data', 'bad-data'),
  throttling: otlp('OTLP/HTTP Throttling', 'otlphttp-throttling'),
  grpcThrottling: otlp('OTLP/gRPC Throttling', 'otlpgrpc-throttling'),
  httpRequest: otlp('OTLP/HTTP Request', 'otlphttp-request'),
  json: otlp('JSON Protobuf Encoding', 'json-protobuf-encoding'),
  connection: otlp('OTLP/HTTP Connection', 'otlphttp-connection'),
  envelopes: otlp('Empty Telemetry Envelopes', 'empty-telemetry-envelopes'),
  duplicates: otlp('Duplicate Data', 'duplicate-data'),
  http: otlp('OTLP/HTTP', 'otlphttp'),
  anyValue: {
    name: 'OpenTelemetry: AnyValue',
    url: 'https://opentelemetry.io/docs/specs/otel/common/#anyvalue',
  },
  unknownFields: {
    name: 'Protobuf: Unknown Fields',
    url: 'https://protobuf.dev/programming-guides/proto3/#unknowns',
  },
  recursion: {
    name: 'Protobuf: Recursion Limit',
    url: 'https://protobuf.dev/programming-guides/proto-limits/#depth',
  },
  grpcFrames: { name: 'gRPC over HTTP2', url: `${GRPC}PROTOCOL-HTTP2.md` },
  grpcCompression: { name: 'gRPC Compression', url: `${GRPC}compression.md` },
  contentEncoding: {
    name: 'RFC 9110, 8.4',
    url: 'https://www.rfc-editor.org/rfc/rfc9110#section-8.4',
  },
  mediaType: {
    name: 'RFC 9110, 8.3.1',
    url: 'https://www.rfc-editor.org/rfc/rfc9110#section-8.3.1',
  },
  expect: {
    name: 'RFC 9110, 10.1.1',
    url: 'https://www.rfc-editor.org/rfc/rfc9110#section-10.1.1',
  },
  methods: {
    name: 'RFC 9110, 15.5.6',
    url: 'https://www.rfc-editor.org/rfc/rfc9110#section-15.5.6',
  },
  chunked: { name: 'RFC 9112, 7.1', url: 'https://www.rfc-editor.org/rfc/rfc9112#section-7.1' },
  persistence: { name: 'RFC 9112, 9.3', url: 'https://www.rfc-editor.org/rfc/rfc9112#section-9.3' },
  messageLength: {
    name: 'RFC 9112, 6.3',
    url: 'https://www.rfc-editor.org/rfc/rfc9112#section-6.3',
  },
  slowness: { name: 'CWE-400', url: 'https://cwe.mitre.org/data/definitions/400.html' },
  bomb: { name: 'CWE-409', url: 'https://cwe.mitre.org/data/definitions/409.html' },
  pollution: { name: 'CWE-1321', url: 'https://cwe.mitre.org/data/definitions/1321.html' },
  gzip: { name: 'RFC 1952, 2.2', url: 'https://www.rfc-editor.org/rfc/rfc1952#section-2.2' },
  cors: { name: 'Fetch: CORS protocol', url: 'https://fetch.spec.whatwg.org/#http-cors-protocol' },
} as const satisfies Readonly<Record<string, Clause>>;
