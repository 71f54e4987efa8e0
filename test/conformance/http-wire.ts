/** HTTP as senders speak it, and as they should not: node:http for good requests, bare sockets for the rest. */
import { Agent, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { Agent as TlsAgent, request as tlsRequest } from 'node:https';
import { connect, type Socket } from 'node:net';
import { connect as tlsConnect } from 'node:tls';
import { NoAnswer } from './check.ts';

/** Bytes of an answer that are kept; OTLP allows 4 MiB. */
const ANSWER_BYTES_MAX = 16 * 1024 * 1024;

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface HttpRequest {
  readonly method?: string;
  readonly headers: Readonly<Record<string, string>>;
  /** A list goes out as chunks, one each. */
  readonly body: Uint8Array | readonly Uint8Array[];
  /** Requests through one keep their connection. */
  readonly agent?: Agent;
  readonly timeoutMs: number;
}

export function keepAliveAgent(base: URL): Agent {
  const options = { keepAlive: true, maxSockets: 1 };
  return base.protocol === 'https:' ? new TlsAgent(options) : new Agent(options);
}

/** One exchange; throws NoAnswer when none is complete in time. */
export function exchange(url: URL, options: HttpRequest): Promise<HttpAnswer> {
  const { method = 'POST', headers, body, agent, timeoutMs } = options;
  const open = url.protocol === 'https:' ? tlsRequest : request;
  return new Promise((resolve, reject) => {
    const isWhole = body instanceof Uint8Array;
    const length: Record<string, string> = isWhole
      ? { 'content-length': String(body.length) }
      : { 'transfer-encoding': 'chunked' };
    const outgoing = open(url, {
      method,
      headers: { ...length, ...headers },
      agent: agent ?? false,
    });
    const timer = setTimeout(() => {
      fail(`no complete answer within ${timeoutMs / 1000} s`);
      outgoing.destroy();
    }, timeoutMs);
    let answering = false;
    const fail = (why: string) => {
      clearTimeout(timer);
      reject(new NoAnswer(why));
    };
    outgoing.on('response', (incoming) => {
      answering = true;
      readAnswer(incoming).then((answer) => {
        clearTimeout(timer);
        resolve(answer);
        // A receiver may answer before it has read everything; what is left need not be sent.
        if (!outgoing.writableFinished) outgoing.destroy();
      }, fail);
    });
    outgoing.on('error', (error) => {
      if (!answering) fail(`the connection ended without an answer: ${error.message}`);
    });
    if (isWhole) outgoing.end(body);
    else {
      for (const chunk of body) outgoing.write(chunk);
      outgoing.end();
    }
  });
}

function readAnswer(incoming: IncomingMessage): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let sizeBytes = 0;
    incoming.on('data', (chunk: Buffer) => {
      sizeBytes += chunk.length;
      if (sizeBytes <= ANSWER_BYTES_MAX) chunks.push(chunk);
      else incoming.destroy();
    });
    incoming.on('end', () => {
      const { statusCode: status = 0, headers } = incoming;
      resolve({ status, headers, body: Buffer.concat(chunks) });
    });
    incoming.on('close', () => {
      if (!incoming.complete) reject(`the answer ended after ${sizeBytes} bytes`);
    });
  });
}

export interface RawTalk {
  /** Everything that came back. */
  readonly text: string;
  readonly isClosed: boolean;
}

/** Sends bytes as they are; reads until the receiver closes, or until nothing came for a while. */
export async function talk(
  base: URL,
  options: {
    readonly send: string | Uint8Array;
    /** Quiet for this long counts as the end. */
    readonly quietMs: number;
    /** True once everything that is awaited has come. */
    readonly isDone?: (text: string) => boolean;
  },
): Promise<RawTalk> {
  const socket = await openSocket(base);
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const finish = (isClosed: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ text: Buffer.concat(chunks).toString('latin1'), isClosed });
    };
    const timer = setTimeout(() => finish(false), options.quietMs);
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      timer.refresh();
      if (options.isDone?.(Buffer.concat(chunks).toString('latin1'))) finish(false);
    });
    socket.on('end', () => finish(true));
    socket.on('close', () => finish(true));
    socket.on('error', () => finish(true));
    socket.write(options.send);
  });
}

/** Status codes of the final answers in a raw talk, in order. */
export function statusesIn(text: string): readonly number[] {
  return [...text.matchAll(/(?:^|[\s\S])HTTP\/1\.[01] (\d{3})/g)]
    .map(([, status]) => Number(status))
    .filter((status) => status >= 200);
}

export function openSocket(base: URL): Promise<Socket> {
  const isTls = base.protocol === 'https:';
  const port = Number(base.port || (isTls ? 443 : 80));
  const host = base.hostname.replace(/^\[|\]$/g, '');
  return new Promise((resolve, reject) => {
    const socket = isTls
      ? tlsConnect({ host, port, servername: host }, () => resolve(socket))
      : connect({ host, port }, () => resolve(socket));
    socket.on('error', (error) => reject(new NoAnswer(`cannot connect: ${error.message}`)));
  });
}
