/** What an answer says, the same for all wires: success, perhaps in part, or failure with its google.rpc.Status. */
import { decodeMessage } from '../otlp/otlp-schema.ts';
import { Fault, type Signal, type Wire } from './check.ts';
import { GRPC_STATUS_NAMES, type GrpcAnswer } from './grpc-wire.ts';
import type { HttpAnswer } from './http-wire.ts';

export const RESPONSE_BYTES_MAX = 4 * 1024 * 1024;

export interface PartialSuccess {
  readonly rejectedCount: number;
  readonly message: string;
}

export interface RpcStatus {
  readonly code: number;
  readonly message: string;
  /** Names of the detail types: `RetryInfo`, `BadRequest`. */
  readonly details: readonly string[];
}

export type Outcome =
  | {
      readonly kind: 'success';
      readonly partial: PartialSuccess | undefined;
      readonly said: string;
    }
  | {
      readonly kind: 'failure';
      /** HTTP status or grpc-status. */
      readonly status: number;
      /** Absent when the body is none. */
      readonly rpcStatus: RpcStatus | undefined;
      /** Why it is none. */
      readonly rpcStatusFault: string;
      readonly said: string;
    };

const REJECTED_NAMES: Readonly<Record<Signal, string>> = {
  traces: 'rejectedSpans',
  logs: 'rejectedLogRecords',
  metrics: 'rejectedDataPoints',
  profiles: 'rejectedProfiles',
};

const MEDIA_TYPES = { 'http/protobuf': 'application/x-protobuf', 'http/json': 'application/json' };

export function mediaTypeOf(wire: Exclude<Wire, 'grpc'>): string {
  return MEDIA_TYPES[wire];
}

/** Throws a Fault when the answer is no answer of OTLP. */
export function outcomeOfHttp(
  answer: HttpAnswer,
  asked: { readonly wire: Exclude<Wire, 'grpc'>; readonly signal: Signal },
): Outcome {
  const { wire, signal } = asked;
  const { status, headers, body } = answer;
  assertSize(body.length);
  const contentType = headers['content-type'] ?? '';
  const type = contentType.split(';', 1)[0]!.trim().toLowerCase();
  const said = `HTTP ${status} ${contentType || '(no content type)'} ${shown(body)}`;
  if (headers['content-encoding'] !== undefined) {
    throw new Fault(`${said}: encoded as ${headers['content-encoding']}, which nobody asked for`);
  }
  if (status === 200) {
    if (type !== mediaTypeOf(wire)) {
      throw new Fault(`${said}: the content type is not ${mediaTypeOf(wire)}, the request's`);
    }
    return { kind: 'success', partial: partialOf(body, { wire, signal }), said };
  }
  if (status >= 200 && status < 400) throw new Fault(`${said}: neither 200 nor a failure`);
  if (type !== mediaTypeOf(wire)) {
    const rpcStatusFault = `the content type is "${contentType}", not ${mediaTypeOf(wire)}`;
    return { kind: 'failure', status, rpcStatus: undefined, rpcStatusFault, said };
  }
  const read = tryStatus(body, wire);
  return {
    kind: 'failure',
    status,
    rpcStatus: read.rpcStatus,
    rpcStatusFault: read.fault,
    said: `HTTP ${status} ${type} ${read.rpcStatus ? textOf(read.rpcStatus) : shown(body)}`,
  };
}

export function outcomeOfGrpc(answer: GrpcAnswer, signal: Signal): Outcome {
  const { status, message, body, details } = answer;
  assertSize(body.length);
  const name = GRPC_STATUS_NAMES[status] ?? `status ${status}`;
  if (status === 0) {
    if (!answer.hasMessage) throw new Fault('OK without a response message');
    const said = `OK ${shown(body)}`;
    return { kind: 'success', partial: partialOf(body, { wire: 'grpc', signal }), said };
  }
  const read = details ? tryStatus(details, 'grpc') : { rpcStatus: undefined, fault: 'no details' };
  return {
    kind: 'failure',
    status,
    rpcStatus: read.rpcStatus,
    rpcStatusFault: read.fault,
    said: `${name} "${cut(message)}"${read.rpcStatus ? detailsText(read.rpcStatus) : ''}`,
  };
}

function assertSize(sizeBytes: number): void {
  if (sizeBytes <= RESPONSE_BYTES_MAX) return;
  throw new Fault(`the answer has ${sizeBytes} bytes; OTLP allows ${RESPONSE_BYTES_MAX}`);
}

/** partial_success as it stands; a warning without a text breaks a rule of its own. */
function partialOf(
  body: Uint8Array,
  { wire, signal }: { readonly wire: Wire; readonly signal: Signal },
): PartialSuccess | undefined {
  const fields = wire === 'http/json' ? jsonPartial(body, signal) : protobufPartial(body);
  if (fields === undefined) return undefined;
  const partial = { rejectedCount: Number(fields.rejected ?? 0), message: fields.message ?? '' };
  if (partial.rejectedCount === 0 && partial.message === '') {
    throw new Fault(
      `${shown(body)}: partial_success is set, yet says nothing: full success leaves it unset, a warning has a text`,
    );
  }
  return partial;
}

interface PartialFields {
  readonly rejected: unknown;
  readonly message: string | undefined;
}

function protobufPartial(body: Uint8Array): PartialFields | undefined {
  const decoded = orFault('an Export…ServiceResponse in protobuf', body, () =>
    decodeMessage('ExportTraceServiceResponse', body),
  );
  const partial = decoded['partialSuccess'];
  if (!isRecord(partial)) return undefined;
  return { rejected: partial['rejected'], message: textIn(partial, 'errorMessage') };
}

function jsonPartial(body: Uint8Array, signal: Signal): PartialFields | undefined {
  const decoded = orFault('an Export…ServiceResponse in JSON', body, () => jsonObject(body));
  const partial = decoded['partialSuccess'];
  if (partial === undefined || partial === null) return undefined;
  if (!isRecord(partial)) throw new Fault(`${shown(body)}: partialSuccess is no object`);
  return { rejected: partial[REJECTED_NAMES[signal]], message: textIn(partial, 'errorMessage') };
}

function tryStatus(
  body: Uint8Array,
  wire: Wire,
): { readonly rpcStatus: RpcStatus | undefined; readonly fault: string } {
  try {
    return {
      rpcStatus: wire === 'http/json' ? jsonStatus(body) : protobufStatus(body),
      fault: '',
    };
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    return { rpcStatus: undefined, fault: `${shown(body)} is no google.rpc.Status: ${why}` };
  }
}

function protobufStatus(body: Uint8Array): RpcStatus {
  const decoded = decodeMessage('RpcStatus', body);
  const details = Array.isArray(decoded['details']) ? decoded['details'] : [];
  return {
    code: Number(decoded['code'] ?? 0),
    message: textIn(decoded, 'message') ?? '',
    details: details.map((detail) => lastName(isRecord(detail) ? detail['typeUrl'] : '')),
  };
}

function jsonStatus(body: Uint8Array): RpcStatus {
  const decoded = jsonObject(body);
  const { code = 0, message = '', details = [] } = decoded;
  if (typeof code !== 'number') throw new Error('code is no number');
  if (typeof message !== 'string') throw new Error('message is no string');
  if (!Array.isArray(details)) throw new Error('details is no list');
  return {
    code,
    message,
    details: details.map((detail) => lastName(isRecord(detail) ? detail['@type'] : '')),
  };
}

function jsonObject(body: Uint8Array): Readonly<Record<string, unknown>> {
  const parsed: unknown = JSON.parse(Buffer.from(body).toString('utf8'));
  if (!isRecord(parsed)) throw new Error('not an object');
  return parsed;
}

/** `type.googleapis.com/google.rpc.RetryInfo` → `RetryInfo`. */
function lastName(typeUrl: unknown): string {
  return String(typeUrl).split(/[./]/).at(-1) ?? '';
}

function textIn(record: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const text = record[name];
  return typeof text === 'string' ? text : undefined;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function orFault<T>(what: string, body: Uint8Array, read: () => T): T {
  try {
    return read();
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    throw new Fault(`${shown(body)} is not ${what}: ${why}`);
  }
}

function textOf(status: RpcStatus): string {
  return `Status "${cut(status.message)}"${detailsText(status)}`;
}

function detailsText({ details }: RpcStatus): string {
  return details.length === 0 ? '' : ` with ${details.join(', ')}`;
}

const SHOWN_CHARACTERS_MAX = 160;

function cut(text: string): string {
  return text.length > SHOWN_CHARACTERS_MAX ? `${text.slice(0, SHOWN_CHARACTERS_MAX)}…` : text;
}

/** Bytes for people: text where it is text. */
function shown(body: Uint8Array): string {
  if (body.length === 0) return '(empty body)';
  const text = Buffer.from(body.subarray(0, 4 * SHOWN_CHARACTERS_MAX)).toString('utf8');
  return JSON.stringify(cut(text));
}
