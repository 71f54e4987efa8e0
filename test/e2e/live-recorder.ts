/** Takes OTLP/JSON over HTTP as a receiver does, and keeps the bodies in the order in which they came. */
import { createServer, type IncomingMessage } from 'node:http';

export interface RecordedBody {
  /** /v1/traces, /v1/logs or /v1/metrics. */
  readonly path: string;
  readonly bytes: Buffer;
}

export interface Recorder {
  readonly url: string;
  readonly bodies: readonly RecordedBody[];
  close(): void;
}

export async function startRecorder(): Promise<Recorder> {
  const bodies: RecordedBody[] = [];
  const server = createServer((request, response) => {
    readBody(request).then(
      (bytes) => {
        bodies.push({ path: request.url ?? '', bytes });
        response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
      },
      () => response.destroy(),
    );
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The recorder has no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    bodies,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  // Without setEncoding() a request yields Buffers.
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts);
}
