/** gRPC by hand over node:http2, so that frames can be bent: flags, lengths, cuts, compression. */
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import { NoAnswer } from './check.ts';

export const GRPC_STATUS_NAMES = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const;

export interface GrpcAnswer {
  readonly status: number;
  /** grpc-message, its percent signs resolved. */
  readonly message: string;
  /** grpc-status-details-bin: a google.rpc.Status. */
  readonly details: Uint8Array | undefined;
  /** The response message; empty when there is none. */
  readonly body: Uint8Array;
  /** False when the status came without any message before it. */
  readonly hasMessage: boolean;
}

export interface GrpcCall {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Bytes of the request stream: frames, or what stands for them. */
  readonly bytes: Uint8Array;
  /** Keeps the request open: the receiver has to end it. */
  readonly isLeftOpen?: boolean;
  readonly timeoutMs: number;
}

/** A length-prefixed message; flag and length may lie. */
export function frameOf(
  message: Uint8Array,
  lies: { readonly flag?: number; readonly length?: number } = {},
): Uint8Array {
  const frame = Buffer.alloc(5 + message.length);
  frame.writeUInt8(lies.flag ?? 0, 0);
  frame.writeUInt32BE(lies.length ?? message.length, 1);
  frame.set(message, 5);
  return frame;
}

/** Bytes that wait to be sent count: a message over the limit must not block the answer to it. */
const SESSION_MEGABYTES_MAX = 2048;

/** One connection, many calls. */
export class GrpcConnection {
  readonly #session: ClientHttp2Session;

  constructor(authority: string) {
    this.#session = connect(authority, { maxSessionMemory: SESSION_MEGABYTES_MAX });
    // Each call sees its own failure; without a listener the process would end.
    this.#session.on('error', () => {});
  }

  close(): void {
    this.#session.destroy();
  }

  call({ path, headers, bytes, isLeftOpen = false, timeoutMs }: GrpcCall): Promise<GrpcAnswer> {
    return new Promise((resolve, reject) => {
      const stream = this.#session.request({
        ':method': 'POST',
        ':path': path,
        'content-type': 'application/grpc',
        te: 'trailers',
        ...headers,
      });
      const reading = new AnswerReading(stream);
      const timer = setTimeout(() => {
        reject(new NoAnswer(`no complete answer within ${timeoutMs / 1000} s`));
        stream.close(constants.NGHTTP2_CANCEL);
      }, timeoutMs);
      let streamError = '';
      stream.on('error', (error) => {
        streamError = error.message;
      });
      stream.on('close', () => {
        clearTimeout(timer);
        const answer = reading.answer();
        const why = streamError || `HTTP ${reading.httpStatus}, stream code ${stream.rstCode}`;
        if (answer) resolve(answer);
        else reject(new NoAnswer(`the call ended without a grpc-status: ${why}`));
      });
      if (isLeftOpen) stream.write(bytes);
      else stream.end(bytes);
    });
  }
}

/** Collects headers, messages and trailers of one call. */
class AnswerReading {
  httpStatus = 0;
  readonly #headers = new Map<string, string>();
  readonly #chunks: Buffer[] = [];

  constructor(stream: ClientHttp2Stream) {
    const note = (headers: Readonly<Record<string, unknown>>) => {
      for (const [name, value] of Object.entries(headers)) this.#headers.set(name, String(value));
    };
    stream.on('response', (headers) => {
      this.httpStatus = headers[':status'] ?? 0;
      note(headers);
      // A call that is answered has nothing more to say.
      if (headers['grpc-status'] !== undefined) stream.end();
    });
    stream.on('trailers', (headers) => {
      note(headers);
      stream.end();
    });
    stream.on('data', (chunk: Buffer) => this.#chunks.push(chunk));
  }

  answer(): GrpcAnswer | undefined {
    const status = this.#headers.get('grpc-status');
    if (status === undefined) return undefined;
    const bytes = Buffer.concat(this.#chunks);
    const details = this.#headers.get('grpc-status-details-bin');
    return {
      status: Number(status),
      message: decodePercents(this.#headers.get('grpc-message') ?? ''),
      details: details === undefined ? undefined : new Uint8Array(Buffer.from(details, 'base64')),
      body: new Uint8Array(bytes.subarray(5)),
      hasMessage: bytes.length >= 5,
    };
  }
}

function decodePercents(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // Some receivers do not encode; the text is only shown.
  }
}
