import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { createOtlpSender } from '../../src/cli/send-otlp.ts';
import type { IngestRequest } from '../../src/receive/receive.ts';

interface Answer {
  readonly status: number;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

let server: Server | undefined;
afterEach(() => {
  server?.close();
  server = undefined;
});

/** A receiver that gives these answers in turn; notes what it was sent. */
async function startReceiver(answers: readonly Answer[]) {
  const requests: { path: string; body: string; headers: IncomingMessage['headers'] }[] = [];
  server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = gunzipSync(Buffer.concat(chunks)).toString();
    const answer = answers[requests.length] ?? { status: 500 };
    requests.push({ path: request.url ?? '', body, headers: request.headers });
    response.writeHead(answer.status, answer.headers);
    response.end(answer.body ?? '');
  });
  const listening = server;
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  const { port } = listening.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, requests };
}

const REQUEST: IngestRequest = {
  signal: 'traces',
  encoding: 'json',
  compression: '',
  body: new TextEncoder().encode('{"resourceSpans":[]}'),
};

describe('createOtlpSender()', () => {
  it('appends the path of the signal to the path of the endpoint', async () => {
    const { url, requests } = await startReceiver([{ status: 200, body: '{}' }]);
    const reply = await createOtlpSender(new URL(`${url}/otlp/`))(REQUEST);
    expect(reply).toEqual({ kind: 'stored', rejectedCount: 0, message: '' });
    expect(requests[0]).toMatchObject({ path: '/otlp/v1/traces', body: '{"resourceSpans":[]}' });
    expect(requests[0]!.headers['content-type']).toBe('application/json');
  });

  it('says how many items the receiver left out', async () => {
    const body = '{"partialSuccess":{"rejectedSpans":"3","errorMessage":"zero ids"}}';
    const { url } = await startReceiver([{ status: 200, body }]);
    await expect(createOtlpSender(new URL(url))(REQUEST)).resolves.toMatchObject({
      kind: 'stored',
      rejectedCount: 3,
    });
  });

  it('sends again when the receiver is busy, after as long as it asks', async () => {
    const busy = { status: 503, headers: { 'retry-after': '0' } };
    const past = { status: 429, headers: { 'retry-after': 'Wed, 21 Oct 2015 07:28:00 GMT' } };
    const { url, requests } = await startReceiver([busy, past, { status: 200, body: '{}' }]);
    await expect(createOtlpSender(new URL(url))(REQUEST)).resolves.toMatchObject({
      kind: 'stored',
    });
    expect(requests).toHaveLength(3);
  });

  it('does not send again what is refused for good, and says why', async () => {
    const { url, requests } = await startReceiver([{ status: 400, body: 'bad span' }]);
    await expect(createOtlpSender(new URL(url))(REQUEST)).resolves.toMatchObject({
      kind: 'refused',
      message: '400 bad span',
    });
    expect(requests).toHaveLength(1);
  });

  it('gives up on a receiver that stays busy', async () => {
    const busy = { status: 503, body: 'busy', headers: { 'retry-after': '0' } };
    const { url, requests } = await startReceiver(new Array<Answer>(20).fill(busy));
    await expect(createOtlpSender(new URL(url))(REQUEST)).resolves.toMatchObject({
      kind: 'refused',
      message: '503 busy',
    });
    expect(requests).toHaveLength(8);
  });

  it('names a receiver that is not there', async () => {
    await expect(createOtlpSender(new URL('http://127.0.0.1:1'))(REQUEST)).rejects.toThrow(
      'Cannot reach http://127.0.0.1:1',
    );
  });
});
