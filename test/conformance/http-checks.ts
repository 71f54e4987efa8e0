/** HTTP itself: content types, methods, connections, chunks, Expect, CORS, profiles. */
import { ALL_SIGNALS, type Check, Fault, HTTP_WIRES, Skip, WIRES } from './check.ts';
import { CLAUSES } from './clauses.ts';
import { expectAccepted, expectFailure, expectSuccess } from './expect.ts';
import { keepAliveAgent, openSocket, statusesIn } from './http-wire.ts';
import { mediaTypeOf, type Outcome, outcomeOfHttp } from './outcome.ts';
import { encodeFor, goodRequest } from './payload.ts';
import type { Probe } from './probe.ts';

const overHttp = { wires: HTTP_WIRES, signals: ALL_SIGNALS } as const;

export const HTTP_CHECKS: readonly Check[] = [
  ...contentTypeChecks(),
  {
    id: 'http.one-port',
    title: 'takes protobuf and JSON on one port, even on one connection',
    level: 'should',
    clause: CLAUSES.connection,
    sends: 'protobuf, JSON, protobuf, JSON on one connection that is kept alive',
    wires: ['http/protobuf'],
    signals: ALL_SIGNALS,
    run: async (probe) => {
      const agent = keepAliveAgent(probe.target.http);
      try {
        for (const wire of [...HTTP_WIRES, ...HTTP_WIRES]) {
          const body = encodeFor(wire, probe.anySignal, goodRequest(probe.anySignal));
          const headers = { 'content-type': mediaTypeOf(wire) };
          const answer = await probe.post(body, { headers, agent });
          expectAccepted(outcomeOfHttp(answer, { wire, signal: probe.anySignal }));
        }
      } finally {
        agent.destroy();
      }
    },
  },
  {
    id: 'http.keep-alive',
    title: 'keeps the connection between requests',
    level: 'should',
    clause: CLAUSES.persistence,
    sends: 'five good requests on one connection, one behind the other without waiting',
    ...overHttp,
    run: async (probe) => {
      const body = Buffer.from(probe.encode(goodRequest(probe.anySignal)));
      const request = Buffer.concat([Buffer.from(headOf(probe, body.length)), body]);
      const five = Buffer.concat(Array.from({ length: 5 }, () => request));
      const isDone = (text: string) => statusesIn(text).length === 5;
      const { text } = await probe.talk(five, { isDone });
      const statuses = statusesIn(text);
      probe.note(`answers ${statuses.join(', ') || 'none'} on one connection`);
      if (statuses.length !== 5 || statuses.some((status) => status !== 200)) {
        throw new Fault(`${probe.said}; five requests, pipelined, are five times 200`);
      }
    },
  },
  {
    id: 'http.concurrent',
    title: 'takes requests over several connections at once',
    level: 'must',
    clause: CLAUSES.http,
    sends: 'twenty good requests at once',
    ...overHttp,
    run: async (probe) => {
      const requests = Array.from({ length: 20 }, () => probe.send(goodRequest(probe.anySignal)));
      for (const outcome of await Promise.all(requests)) expectAccepted(outcome);
    },
  },
  {
    id: 'http.chunked',
    title: 'takes chunked bodies, wherever the chunks end',
    level: 'must',
    clause: CLAUSES.chunked,
    sends: 'a good request in chunks of one byte, then in one chunk',
    ...overHttp,
    run: async (probe) => {
      const body = probe.encode(goodRequest(probe.anySignal));
      const single = Array.from(body, (_, index) => body.subarray(index, index + 1));
      for (const chunks of [single, [body]]) {
        expectAccepted(probe.outcomeOf(await probe.post(chunks)));
      }
    },
  },
  {
    id: 'http.chunk-extensions',
    title: 'ignores chunk extensions and trailers',
    level: 'must',
    clause: CLAUSES.chunked,
    sends: 'a good request in chunks with an extension and a trailer field',
    ...overHttp,
    run: async (probe) => {
      const body = Buffer.from(probe.encode(goodRequest(probe.anySignal)));
      const head = probe.rawHead({
        'content-type': mediaTypeOf(probe.httpWire),
        'transfer-encoding': 'chunked',
        connection: 'close',
      });
      const { text } = await probe.talk(
        Buffer.concat([
          Buffer.from(`${head}\r\n${body.length.toString(16)};name=value\r\n`),
          body,
          Buffer.from('\r\n0\r\nx-trailer: 1\r\n\r\n'),
        ]),
      );
      if (statusesIn(text)[0] !== 200) throw new Fault(`${probe.said}: not 200`);
    },
  },
  {
    id: 'http.expect-continue',
    title: 'answers Expect: 100-continue before the body is sent',
    level: 'must',
    clause: CLAUSES.expect,
    sends: 'the head of a good request with Expect: 100-continue; its body once told to go on',
    ...overHttp,
    run: expectContinue,
  },
  {
    id: 'http.wrong-method',
    title: 'refuses other methods with 405 and Allow',
    level: 'should',
    clause: CLAUSES.methods,
    sends: 'GET of the path of the signal',
    ...overHttp,
    run: async (probe) => {
      const answer = await probe.post(new Uint8Array(0), { method: 'GET' });
      const { allow = '' } = answer.headers;
      if (answer.status !== 405) throw new Fault(`HTTP ${answer.status}, not 405`);
      if (!allow.includes('POST')) throw new Fault(`HTTP 405 with Allow "${allow}"`);
    },
  },
  {
    id: 'http.http-1.0',
    title: 'answers HTTP/1.0 and closes',
    level: 'should',
    clause: CLAUSES.persistence,
    sends: 'a good request as HTTP/1.0',
    ...overHttp,
    run: async (probe) => {
      const body = Buffer.from(probe.encode(goodRequest(probe.anySignal)));
      const head = headOf(probe, body.length).replace('HTTP/1.1', 'HTTP/1.0');
      const { text, isClosed } = await probe.talk(Buffer.concat([Buffer.from(head), body]));
      if (statusesIn(text)[0] !== 200 || !isClosed)
        throw new Fault(`${probe.said}: not 200, closed`);
    },
  },
  {
    id: 'http.cors-off',
    title: 'grants no origin unless told to',
    level: 'should',
    clause: CLAUSES.cors,
    sends: 'a preflight and a good request of an origin that nobody configured',
    ...overHttp,
    run: async (probe) => {
      const origin = 'https://conformance.invalid';
      const ask = { 'access-control-request-method': 'POST', origin };
      const preflight = await probe.post(new Uint8Array(0), { method: 'OPTIONS', headers: ask });
      const request = probe.encode(goodRequest(probe.anySignal));
      const simple = await probe.post(request, { headers: { origin } });
      for (const { status, headers } of [preflight, simple]) {
        const granted = headers['access-control-allow-origin'];
        if (granted === undefined) continue;
        throw new Fault(`HTTP ${status} with Access-Control-Allow-Origin ${granted}`);
      }
    },
  },
  {
    id: 'profiles.export',
    title: 'takes profiles, a signal in development, or says that it does not',
    level: 'may',
    clause: CLAUSES.httpRequest,
    sends: 'an empty ExportProfilesServiceRequest',
    wires: WIRES,
    signals: ['profiles'],
    run: exportProfiles,
  },
];

function contentTypeChecks(): readonly Check[] {
  return [
    {
      id: 'content-type.same',
      title: "answers in the request's content type",
      level: 'must',
      clause: CLAUSES.response,
      sends: 'a good request; a good request cut in half',
      ...overHttp,
      run: async (probe) => {
        const body = probe.encode(goodRequest(probe.anySignal));
        for (const sent of [body, body.subarray(0, body.length / 2)]) {
          const { headers, status } = await probe.post(sent);
          const type = (headers['content-type'] ?? '').split(';', 1)[0]!.trim().toLowerCase();
          if (type !== mediaTypeOf(probe.httpWire)) {
            throw new Fault(`HTTP ${status} with content type "${headers['content-type']}"`);
          }
        }
      },
    },
    {
      id: 'content-type.parameters',
      title: 'takes a content type with parameters, in any case of letters',
      level: 'must',
      clause: CLAUSES.mediaType,
      sends: 'good requests with "; charset=utf-8", with blanks around it, in capitals',
      ...overHttp,
      run: async (probe) => {
        const type = mediaTypeOf(probe.httpWire);
        for (const sent of [
          `${type}; charset=utf-8`,
          `${type} ;charset="UTF-8"`,
          type.toUpperCase(),
        ]) {
          const headers = { 'content-type': sent };
          expectAccepted(await probe.send(goodRequest(probe.anySignal), { headers }));
        }
      },
    },
    {
      id: 'content-type.unknown',
      title: 'refuses a content type that OTLP does not know',
      level: 'should',
      clause: CLAUSES.response,
      sends: 'a good request as text/plain; one without a content type',
      ...overHttp,
      run: async (probe) => {
        const body = probe.encode(goodRequest(probe.anySignal));
        for (const type of ['text/plain', '']) {
          const { status } = await probe.post(body, { headers: { 'content-type': type } });
          if (status < 400 || status >= 500) throw new Fault(`"${type}" got HTTP ${status}`);
        }
      },
    },
    {
      id: 'content-type.wrong',
      title: 'refuses one encoding under the name of the other',
      level: 'must',
      clause: CLAUSES.badData,
      sends: 'JSON as application/x-protobuf, protobuf as application/json',
      ...overHttp,
      run: async (probe) => {
        const other = probe.httpWire === 'http/json' ? 'http/protobuf' : 'http/json';
        const body = encodeFor(other, probe.anySignal, goodRequest(probe.anySignal));
        const failure = expectFailure(await probe.sendBytes(body));
        if (failure.status !== 400) throw new Fault(`${failure.said}: bad data is answered 400`);
      },
    },
  ];
}

function headOf(probe: Probe, length: number): string {
  const headers = {
    'content-type': mediaTypeOf(probe.httpWire),
    'content-length': String(length),
  };
  return `${probe.rawHead(headers)}\r\n`;
}

async function expectContinue(probe: Probe): Promise<void> {
  const body = Buffer.from(probe.encode(goodRequest(probe.anySignal)));
  const socket = await openSocket(probe.target.http);
  try {
    const received = new Promise<string>((resolve, reject) => {
      let text = '';
      const timer = setTimeout(
        () => reject(new Fault(`${JSON.stringify(text)}, then silence`)),
        probe.target.timeoutMs,
      );
      socket.on('data', (chunk) => {
        text += chunk.toString('latin1');
        if (/^HTTP\/1\.1 100 /.test(text) && !text.includes('HTTP/1.1 200')) socket.write(body);
        if (statusesIn(text).length === 0) return;
        clearTimeout(timer);
        resolve(text);
      });
      socket.on('close', () => {
        clearTimeout(timer);
        reject(new Fault(`${JSON.stringify(text)}, then closed`));
      });
    });
    const headers = {
      'content-type': mediaTypeOf(probe.httpWire),
      'content-length': String(body.length),
      expect: '100-continue',
    };
    socket.write(`${probe.rawHead(headers)}\r\n`);
    const text = await received;
    probe.note(JSON.stringify(text.slice(0, 60)));
    if (!text.startsWith('HTTP/1.1 100 ')) throw new Fault(`${probe.said}: no 100 first`);
    if (statusesIn(text)[0] !== 200) throw new Fault(`${probe.said}: not 200 in the end`);
  } finally {
    socket.destroy();
  }
}

async function exportProfiles(probe: Probe): Promise<void> {
  const body = probe.wire === 'http/json' ? Buffer.from('{}') : new Uint8Array(0);
  let outcome: Outcome;
  if (probe.wire === 'grpc') {
    outcome = await probe.sendBytes(body);
    if (outcome.kind === 'failure' && outcome.status === 12) throw new Skip(NO_PROFILES);
  } else {
    const answer = await probe.post(body);
    if (answer.status === 404) throw new Skip(NO_PROFILES);
    outcome = probe.outcomeOf(answer);
  }
  expectSuccess(outcome);
}

const NO_PROFILES = 'not supported: 404 / UNIMPLEMENTED, which is allowed while in development';
