/** Senders that mean harm: bombs, recursion, polluted keys, smuggled requests, slow drips. */
import { gzipSync } from 'node:zlib';
import { field, varint } from '../otlp/wire.ts';
import {
  ALL_SIGNALS,
  type Check,
  Fault,
  HTTP_WIRES,
  NoAnswer,
  SIGNALS,
  Skip,
  WIRES,
} from './check.ts';
import { CLAUSES } from './clauses.ts';
import {
  expectAccepted,
  expectAnswered,
  expectBadData,
  expectBadDataOrTooLarge,
  expectFailure,
  expectTooLarge,
} from './expect.ts';
import { frameOf } from './grpc-wire.ts';
import { openSocket, statusesIn } from './http-wire.ts';
import { mediaTypeOf, type Outcome } from './outcome.ts';
import { encodeFor, goodRequest, itemOf, paddedRequest, requestOf } from './payload.ts';
import type { Probe } from './probe.ts';

const DEEP = 10_000;
const POLLUTING_KEYS = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', ''];

export const HOSTILE_CHECKS: readonly Check[] = [
  {
    id: 'bomb.members',
    title: 'counts the limit over all members of a gzip body',
    level: 'must',
    clause: CLAUSES.bomb,
    sends: 'a request of twice the limit as a row of gzip members, each far below it',
    wires: WIRES,
    signals: ['traces'],
    run: async (probe) => {
      const { bodyLimitBytes, isBodyLimitKnown } = probe.target;
      const body = paddedRequest(probe.wire, 2 * bodyLimitBytes);
      const outcome = await sendGzip(probe, membersOf(body, Math.ceil(body.length / 64)));
      if (outcome.kind === 'success' && !isBodyLimitKnown) {
        throw new Fault(`${outcome.said}: ${body.length} bytes taken`, 'should');
      }
      expectTooLarge(outcome);
      await probe.assertAlive();
    },
  },
  {
    id: 'bomb.good-members',
    title: 'reads a gzip body of several members as one',
    level: 'should',
    clause: CLAUSES.gzip,
    sends: 'a good request as three gzip members',
    wires: WIRES,
    signals: ALL_SIGNALS,
    run: async (probe) => {
      const body = probe.encode(goodRequest(probe.anySignal));
      expectAccepted(await sendGzip(probe, membersOf(body, Math.ceil(body.length / 3))));
    },
  },
  {
    id: 'bomb.nested',
    title: 'inflates once: gzip inside gzip is bad data',
    level: 'must',
    clause: CLAUSES.bomb,
    sends: 'a bomb of twice the limit, compressed with gzip three times over',
    wires: WIRES,
    signals: ['traces'],
    run: async (probe) => {
      const bomb = gzipSync(gzipSync(paddedRequest(probe.wire, 2 * probe.target.bodyLimitBytes)));
      expectBadData(await sendGzip(probe, gzipSync(bomb)));
      await probe.assertAlive();
    },
  },
  {
    id: 'bomb.broken-gzip',
    title: 'refuses gzip that is cut, bent, or no gzip at all',
    level: 'must',
    clause: CLAUSES.badData,
    sends: 'half of a gzip body, one with its checksum bent, plain bytes announced as gzip',
    wires: HTTP_WIRES,
    signals: ALL_SIGNALS,
    run: async (probe) => {
      const plain = probe.encode(goodRequest(probe.anySignal));
      const whole = gzipSync(plain);
      const bent = Buffer.from(whole);
      bent[bent.length - 6]! ^= 0xff;
      for (const body of [whole.subarray(0, whole.length / 2), bent, plain]) {
        expectBadData(await sendGzip(probe, body));
      }
    },
  },
  {
    id: 'recursion.values',
    title: `answers values nested ${DEEP} deep and lives on`,
    level: 'must',
    clause: CLAUSES.recursion,
    sends: `attributes that are lists in lists and maps in maps, ${DEEP} deep`,
    wires: WIRES,
    signals: ALL_SIGNALS,
    run: async (probe) => {
      for (const body of deepValues(probe)) {
        const outcome = await probe.sendBytes(body);
        if (outcome.kind === 'failure') expectBadDataOrTooLarge(outcome);
        expectAnswered(outcome);
      }
      await probe.assertAlive();
    },
  },
  {
    id: 'recursion.groups',
    title: `answers unknown groups nested ${DEEP} deep and lives on`,
    level: 'must',
    clause: CLAUSES.recursion,
    sends: `${DEEP} group starts, then as many ends; then only the starts`,
    wires: ['http/protobuf', 'grpc'],
    signals: ALL_SIGNALS,
    run: async (probe) => {
      const starts = new Uint8Array(DEEP).fill(0x7b); // field 15, start of a group
      const ends = new Uint8Array(DEEP).fill(0x7c);
      const balanced = await probe.sendBytes(Buffer.concat([starts, ends]));
      if (balanced.kind === 'failure') expectBadDataOrTooLarge(balanced);
      expectBadData(await probe.sendBytes(starts));
      await probe.assertAlive();
    },
  },
  {
    id: 'recursion.json',
    title: `answers JSON nested ${10 * DEEP} deep and lives on`,
    level: 'must',
    clause: CLAUSES.recursion,
    sends: `an unknown field that is ${10 * DEEP} lists deep, one of objects, and one that never closes`,
    wires: ['http/json'],
    signals: ALL_SIGNALS,
    run: async (probe) => {
      const depth = 10 * DEEP;
      const lists = `{"x":${'['.repeat(depth)}${']'.repeat(depth)}}`;
      const objects = `{"x":${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}}`;
      for (const text of [lists, objects, `{"x":${'['.repeat(depth)}`]) {
        const outcome = await probe.sendBytes(Buffer.from(text));
        if (outcome.kind === 'failure') expectBadDataOrTooLarge(outcome);
      }
      await probe.assertAlive();
    },
  },
  {
    id: 'pollution.attribute-keys',
    title: 'takes attribute keys that are names of JavaScript prototypes',
    level: 'must',
    clause: CLAUSES.pollution,
    sends:
      'an item with attributes __proto__, constructor, prototype, toString, hasOwnProperty and an empty key, plain and inside a map',
    wires: WIRES,
    signals: SIGNALS,
    run: async (probe) => {
      const values = POLLUTING_KEYS.map((key) => ({ key, value: { stringValue: 'polluted' } }));
      const attributes = [...values, { key: 'map', value: { kvlistValue: { values } } }];
      expectAccepted(
        await probe.send(requestOf(probe.signal, itemOf(probe.signal, { attributes }))),
      );
      await probe.assertAlive();
    },
  },
  {
    id: 'pollution.json-members',
    title: 'ignores JSON members that are names of JavaScript prototypes',
    level: 'must',
    clause: CLAUSES.pollution,
    sends:
      'a good request with "__proto__" and "constructor" members, full of faults, in each object',
    wires: ['http/json'],
    signals: ALL_SIGNALS,
    run: async (probe) => {
      const good = Buffer.from(
        encodeFor('http/json', probe.anySignal, goodRequest(probe.anySignal)),
      );
      const polluted =
        '"__proto__":{"attributes":7,"kind":"x"},"constructor":{"prototype":{"name":7}},';
      const text = good.toString('utf8').replaceAll(/\{(?=")/g, `{${polluted}`);
      expectAccepted(await probe.sendBytes(Buffer.from(text)));
      await probe.assertAlive();
    },
  },
  ...smugglingChecks(),
  {
    id: 'hang-up.in-the-middle',
    title: 'lives on when senders hang up in the middle of a body',
    level: 'must',
    clause: CLAUSES.slowness,
    sends: 'fifty heads of 1 MB requests with 1 000 bytes each, then the connections are cut',
    wires: HTTP_WIRES,
    signals: ['traces'],
    run: async (probe) => {
      const type = mediaTypeOf(probe.httpWire);
      const head = probe.rawHead({ 'content-type': type, 'content-length': '1000000' });
      const hangUp = async () => {
        const socket = await openSocket(probe.target.http);
        await new Promise((resolve) => socket.write(`${head}\r\n${'x'.repeat(1000)}`, resolve));
        socket.destroy();
      };
      await Promise.all(Array.from({ length: 50 }, hangUp));
      await probe.assertAlive();
    },
  },
  ...slowChecks(),
];

function sendGzip(probe: Probe, body: Uint8Array): Promise<Outcome> {
  if (probe.wire === 'grpc') {
    return probe.call(frameOf(body, { flag: 1 }), { headers: { 'grpc-encoding': 'gzip' } });
  }
  return probe.sendBytes(body, { headers: { 'content-encoding': 'gzip' } });
}

/** The body as gzip members of `pieceBytes` each; equal pieces are compressed once. */
function membersOf(body: Uint8Array, pieceBytes: number): Uint8Array {
  const members: Uint8Array[] = [];
  let last: { readonly piece: Uint8Array; readonly member: Uint8Array } | undefined;
  for (let start = 0; start < body.length; start += pieceBytes) {
    const piece = body.subarray(start, start + pieceBytes);
    const isSame = last !== undefined && Buffer.compare(last.piece, piece) === 0;
    last = isSame && last ? last : { piece, member: gzipSync(piece) };
    members.push(last.member);
  }
  return Buffer.concat(members);
}

function deepValues(probe: Probe): readonly Uint8Array[] {
  if (probe.wire === 'http/json') {
    const lists = `${'{"arrayValue":{"values":['.repeat(DEEP)}${']}}'.repeat(DEEP)}`;
    const maps = `${'{"kvlistValue":{"values":[{"key":"k","value":'.repeat(DEEP)}{}${'}]}}'.repeat(DEEP)}`;
    const attributes = [{ key: 'MARK' }];
    // The attributes of profiles stand in the dictionary; those of their resource do not.
    const marked =
      probe.anySignal === 'profiles'
        ? { resourceProfiles: [{ resource: { attributes } }] }
        : requestOf(probe.signal, itemOf(probe.signal, { attributes }));
    const text = Buffer.from(probe.encode(marked)).toString('utf8');
    return [lists, maps].map((deep) =>
      Buffer.from(text.replace('"key":"MARK"', `"key":"k","value":${deep}`)),
    );
  }
  // AnyValue.array_value.values, and .kvlist_value.values.value
  return [nested([5, 1]), nested([6, 1, 2])].map((value) => {
    const attribute = Buffer.concat([
      Uint8Array.from(field(1, 'k')),
      headOf(2, value.length),
      value,
    ]);
    // resource_*[0].resource.attributes[0]
    return [1, 1, 1].reduce<Uint8Array>(
      (inner, number) => Buffer.concat([headOf(number, inner.length), inner]),
      attribute,
    );
  });
}

/** These fields inside each other, DEEP times over; heads are collected from the inside out. */
function nested(numbers: readonly number[]): Uint8Array {
  const heads: Uint8Array[] = [];
  let sizeBytes = 0;
  for (let depth = 0; depth < DEEP; depth++) {
    for (const number of numbers.toReversed()) {
      const head = headOf(number, sizeBytes);
      heads.push(head);
      sizeBytes += head.length;
    }
  }
  return Buffer.concat(heads.reverse());
}

/** Tag and length of a length-delimited field. */
function headOf(number: number, length: number): Uint8Array {
  return Uint8Array.from([...varint(number * 8 + 2), ...varint(length)]);
}

function smugglingChecks(): readonly Check[] {
  const smuggled = 'GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n';
  const cases: readonly {
    readonly name: string;
    readonly title: string;
    readonly sends: string;
    readonly lines: readonly string[];
    readonly body: string;
  }[] = [
    {
      name: 'length-and-chunks',
      title: 'both Content-Length and Transfer-Encoding',
      sends: 'both headers; the length reaches over a second request behind the last chunk',
      lines: [`content-length: ${5 + smuggled.length}`, 'transfer-encoding: chunked'],
      body: `0\r\n\r\n${smuggled}`,
    },
    {
      name: 'two-lengths',
      title: 'two Content-Lengths that differ',
      sends: 'lengths of 0 and of a second request that follows',
      lines: ['content-length: 0', `content-length: ${smuggled.length}`],
      body: smuggled,
    },
    {
      name: 'chunked-twice',
      title: 'a Transfer-Encoding whose last coding is not chunked',
      sends: 'transfer-encoding "chunked, identity"; a second request behind the last chunk',
      lines: ['transfer-encoding: chunked, identity'],
      body: `0\r\n\r\n${smuggled}`,
    },
    {
      name: 'disguised-chunked',
      title: 'a disguised Transfer-Encoding beside a Content-Length',
      sends: 'transfer-encoding "xchunked" and a length; a second request behind',
      lines: ['transfer-encoding: xchunked', 'content-length: 5'],
      body: `0\r\n\r\n${smuggled}`,
    },
    {
      name: 'blank-before-colon',
      title: 'white space between a field name and its colon',
      sends: '"content-length : 0"; a second request behind',
      lines: [`content-length : ${smuggled.length}`],
      body: smuggled,
    },
    {
      name: 'bad-length',
      title: 'a Content-Length that is no number',
      sends: 'content-length "+5"; a second request behind',
      lines: ['content-length: +5'],
      body: `00000${smuggled}`,
    },
    {
      name: 'bad-chunk-size',
      title: 'a chunk size that is no hex number',
      sends: 'a chunk of "0x0" bytes; a second request behind',
      lines: ['transfer-encoding: chunked'],
      body: `0x0\r\n\r\n${smuggled}`,
    },
  ];
  return cases.map(({ name, title, sends, lines, body }) => ({
    id: `smuggling.${name}`,
    title: `refuses ${title} with 400 and closes; reads no second request`,
    level: 'must',
    clause: CLAUSES.messageLength,
    sends,
    wires: ['http/protobuf'],
    signals: ['traces'],
    run: async (probe) => {
      const head = probe.rawHead({ 'content-type': mediaTypeOf(probe.httpWire) });
      const talked = await probe.talk(`${head}${lines.join('\r\n')}\r\n\r\n${body}`);
      const statuses = statusesIn(talked.text);
      if (statuses.length > 1) throw new Fault(`${probe.said}: the smuggled request was answered`);
      const [status] = statuses;
      if (status !== 400 && status !== 501) throw new Fault(`${probe.said}: not 400`);
      if (!talked.isClosed) throw new Fault(`${probe.said}: the connection stays open`);
      await probe.assertAlive();
    },
  }));
}

function slowChecks(): readonly Check[] {
  return [
    {
      id: 'slow.headers',
      title: 'cuts off a sender that drips its headers',
      level: 'should',
      clause: CLAUSES.slowness,
      sends: 'a header line every second, without end',
      wires: ['http/protobuf'],
      signals: ['traces'],
      isSlow: true,
      run: (probe) => drip(probe, { head: probe.rawHead({}), piece: 'x-drip: 1\r\n' }),
    },
    {
      id: 'slow.body',
      title: 'cuts off a sender that drips its body',
      level: 'should',
      clause: CLAUSES.slowness,
      sends: 'a body of 1 MB, one byte a second',
      wires: ['http/protobuf'],
      signals: ['traces'],
      isSlow: true,
      run: (probe) => {
        const headers = {
          'content-type': mediaTypeOf('http/protobuf'),
          'content-length': '1000000',
        };
        return drip(probe, { head: `${probe.rawHead(headers)}\r\n`, piece: '\0' });
      },
    },
    {
      id: 'slow.grpc-message',
      title: 'ends a call whose message never comes',
      level: 'should',
      clause: CLAUSES.slowness,
      sends: 'a length prefix of 1 000 bytes, ten of them, then nothing; the stream stays open',
      wires: ['grpc'],
      signals: ['traces'],
      isSlow: true,
      run: async (probe) => {
        if (probe.target.slowMs === 0) throw new Skip('--slow 0 was given');
        const frame = frameOf(new Uint8Array(10), { length: 1000 });
        const timeoutMs = probe.target.slowMs;
        expectFailure(await probe.call(frame, { isLeftOpen: true, timeoutMs }));
        await probe.assertAlive();
      },
    },
  ];
}

/** Writes a piece a second until the receiver cuts the connection. */
async function drip(
  probe: Probe,
  { head, piece }: { readonly head: string; readonly piece: string },
): Promise<void> {
  const { slowMs } = probe.target;
  if (slowMs === 0) throw new Skip('--slow 0 was given');
  const socket = await openSocket(probe.target.http);
  const startMs = performance.now();
  const dripping = setInterval(() => socket.write(piece), 1000);
  let timer: NodeJS.Timeout | undefined;
  let text = '';
  try {
    await new Promise<void>((resolve, reject) => {
      timer = setTimeout(() => {
        reject(new NoAnswer(`still connected after ${slowMs / 1000} s`));
      }, slowMs);
      socket.on('data', (chunk) => {
        text += chunk.toString('latin1');
      });
      socket.on('error', () => {}); // Writing into a cut connection; 'close' follows.
      socket.on('close', () => resolve());
      socket.write(head);
    });
  } finally {
    clearInterval(dripping);
    clearTimeout(timer);
    socket.destroy();
  }
  const seconds = Math.round((performance.now() - startMs) / 1000);
  probe.note(`${statusesIn(text)[0] ?? 'no answer'}, cut after ${seconds} s`);
  await probe.assertAlive();
}
