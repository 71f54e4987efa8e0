/** An Alertmanager's alert route as a real HTTP server: keeps what it was sent, answers as the test says. */
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ReceivedAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly startsAt: string;
  readonly endsAt: string;
  readonly generatorURL: string;
}

export interface ReceivedRequest {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly alerts: readonly ReceivedAlert[];
}

export interface Reply {
  readonly status: number;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface AlertReceiver {
  readonly url: string;
  readonly requests: readonly ReceivedRequest[];
  /** From the next request on; `silence` takes requests and never answers. */
  answer(reply: Reply | 'silence'): void;
  /** Resolves as soon as there are so many requests. */
  waitForRequests(count: number): Promise<void>;
  close(): Promise<void>;
}

export async function startReceiver(): Promise<AlertReceiver> {
  const requests: ReceivedRequest[] = [];
  const waiting = new Set<{ readonly count: number; readonly go: () => void }>();
  let reply: Reply | 'silence' = { status: 200 };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const alerts = JSON.parse(Buffer.concat(chunks).toString('utf8')) as ReceivedAlert[]; // ours
      requests.push({ path: request.url ?? '', headers: request.headers, alerts });
      for (const { count, go } of waiting) if (requests.length >= count) go();
      if (reply === 'silence') return;
      response.writeHead(reply.status, reply.headers).end(reply.body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // it listens on a port
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    answer(next) {
      reply = next;
    },
    waitForRequests: (count) =>
      new Promise((resolve) => {
        if (requests.length >= count) resolve();
        else waiting.add({ count, go: resolve });
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
