/** The rules of OTLP/JSON that differ from the usual mapping of protobuf, and those that senders forget. */
import { type Check, Fault, SIGNALS } from './check.ts';
import { CLAUSES } from './clauses.ts';
import { expectAccepted, expectBadData, expectSuccess } from './expect.ts';
import type { Outcome } from './outcome.ts';
import { goodRequest, nowNs, type StableSignal } from './payload.ts';
import type { Probe } from './probe.ts';

const overJson = { wires: ['http/json'], signals: SIGNALS, clause: CLAUSES.json } as const;

export const JSON_CHECKS: readonly Check[] = [
  {
    id: 'json.hex-ids',
    title: 'reads ids as hex of either case',
    level: 'must',
    sends: 'an item whose ids are hex in capitals, in small letters, in both',
    ...overJson,
    run: async (probe) => {
      for (const ids of [HEX, HEX.toLowerCase(), HEX.slice(0, 9) + HEX.slice(9).toLowerCase()]) {
        expectAccepted(await sendItem(probe, { ids }));
      }
    },
  },
  {
    id: 'json.base64-ids',
    title: 'does not read ids as base64',
    level: 'must',
    sends: 'a span whose trace id is base64 of 16 bytes',
    ...overJson,
    signals: ['traces'],
    run: async (probe) => {
      const text = Buffer.from(HEX, 'hex').toString('base64');
      expectRefused(await sendText(probe, itemText('traces', { ids: HEX }).replace(HEX, text)));
    },
  },
  {
    id: 'json.enum-integers',
    title: 'reads enums as integers',
    level: 'must',
    sends: 'an item with each of its enums as a number',
    ...overJson,
    run: async (probe) => void expectAccepted(await sendItem(probe, { kind: '2' })),
  },
  {
    id: 'json.enum-names',
    title: 'does not take enums by name',
    level: 'must',
    sends: 'an item with an enum as SPAN_KIND_SERVER, SEVERITY_NUMBER_INFO, …_CUMULATIVE',
    ...overJson,
    run: async (probe) => {
      expectRefused(await sendItem(probe, { kind: `"${ENUM_NAMES[probe.signal]}"` }));
    },
  },
  {
    id: 'json.64-bit-strings',
    title: 'reads 64-bit integers as strings',
    level: 'must',
    sends: 'times and an intValue of -2^63 as decimal strings',
    ...overJson,
    run: async (probe) => {
      expectAccepted(
        await sendItem(probe, { time: `"${nowNs()}"`, intValue: '"-9223372036854775808"' }),
      );
    },
  },
  {
    id: 'json.64-bit-numbers',
    title: 'reads 64-bit integers as numbers',
    level: 'must',
    sends: 'times and an intValue as JSON numbers',
    ...overJson,
    run: async (probe) => {
      expectAccepted(await sendItem(probe, { time: nowNs(), intValue: '1234567' }));
    },
  },
  {
    id: 'json.64-bit-range',
    title: 'refuses integers out of the range of 64 bits',
    level: 'should',
    sends: 'an intValue of 2^63',
    ...overJson,
    run: async (probe) => {
      expectRefused(await sendItem(probe, { intValue: '"9223372036854775808"' }));
    },
  },
  {
    id: 'json.special-doubles',
    title: 'reads "NaN", "Infinity" and "-Infinity"',
    level: 'must',
    sends: 'attributes with these doubleValues',
    ...overJson,
    run: async (probe) => {
      for (const text of ['NaN', 'Infinity', '-Infinity']) {
        expectAccepted(await sendItem(probe, { attribute: `{"doubleValue":"${text}"}` }));
      }
    },
  },
  {
    id: 'json.unknown-fields',
    title: 'ignores fields with unknown names, at every level',
    level: 'must',
    sends: 'a good item with unknown members of every JSON type in each of its objects',
    ...overJson,
    run: async (probe) => {
      const unknown = '"futureField":{"a":[1,"b",{"c":null}]},"other_new":true,"x":1e9,"y":"z"';
      const bent = itemText(probe.signal, {}).replaceAll(/\{(?!\})/g, `{${unknown},`);
      expectAccepted(await sendText(probe, bent));
    },
  },
  {
    id: 'json.snake-case',
    title: 'takes lowerCamelCase names only: others are unknown and ignored',
    level: 'should',
    sends: 'a request whose names are those of the .proto files and whose ids are no hex',
    ...overJson,
    run: async (probe) => {
      const snake = itemText(probe.signal, { ids: 'not hex' }).replaceAll(
        /"([a-z]+[A-Z]\w*)":/g,
        (_, name: string) => `"${name.replaceAll(/[A-Z]/g, (c) => `_${c.toLowerCase()}`)}":`,
      );
      const outcome = await sendText(probe, snake);
      const { partial } = expectSuccess(outcome);
      if (partial) throw new Fault(`${outcome.said}: the names were read`);
    },
  },
  {
    id: 'json.null',
    title: 'reads null as the default of a field',
    level: 'must',
    sends: 'a good item with an attribute list, a scope and a value that are null',
    ...overJson,
    run: async (probe) => {
      const bent = itemText(probe.signal, { attribute: 'null' }).replace(
        /"scope":\{[^}]*\}/,
        '"scope":null,"schemaUrl":null',
      );
      expectAccepted(await sendText(probe, bent));
    },
  },
  {
    id: 'json.white-space',
    title: 'reads JSON with white space and escapes',
    level: 'must',
    sends: 'a good request with line feeds and tabs between all tokens and \\u escapes in text',
    ...overJson,
    run: async (probe) => {
      const text = itemText(probe.signal, {})
        .replaceAll(/([{}[\],:])(?=["{}[\],\d])/g, '$1\r\n\t ')
        .replace('conformance', '\\u0063onform\\u0061nce');
      expectAccepted(await sendText(probe, ` \n${text}\n `));
    },
  },
  {
    id: 'json.wrong-types',
    title: 'refuses JSON of the wrong types with 400',
    level: 'must',
    sends: 'a list, a number, text, an object for a list, a number for a name, broken JSON',
    ...overJson,
    clause: CLAUSES.badData,
    run: async (probe) => {
      const group = GROUP_NAMES[probe.signal];
      const bodies = ['[]', '7', '"text"', '{', `{"${group}":{}}`, `{"${group}":[7]}`];
      for (const body of [...bodies, itemText(probe.signal, {}).replace('"conformance"', '7')]) {
        expectBadData(await sendText(probe, body));
      }
    },
  },
  {
    id: 'json.examples',
    title: "takes the examples of the protocol's own repository",
    level: 'must',
    sends: 'the shape of the published example, its times moved to now',
    ...overJson,
    run: async (probe) => {
      expectAccepted(await sendText(probe, JSON.stringify(exampleOf(probe.signal))));
      expectAccepted(await probe.send(goodRequest(probe.signal)));
    },
  },
];

const HEX = '5B8EFFF798038103D269B633813FC60C';
const ENUM_NAMES: Readonly<Record<StableSignal, string>> = {
  traces: 'SPAN_KIND_SERVER',
  logs: 'SEVERITY_NUMBER_INFO',
  metrics: 'AGGREGATION_TEMPORALITY_CUMULATIVE',
};
const GROUP_NAMES: Readonly<Record<StableSignal, string>> = {
  traces: 'resourceSpans',
  logs: 'resourceLogs',
  metrics: 'resourceMetrics',
};

interface Bend {
  /** 32 hex digits; the span id is their half. */
  readonly ids?: string;
  /** JSON of the enum. */
  readonly kind?: string;
  /** JSON of every time. */
  readonly time?: string;
  readonly intValue?: string;
  /** JSON of the AnyValue of an attribute. */
  readonly attribute?: string;
}

/** A request of one item as text, so that every token can be bent. */
function itemText(signal: StableSignal, bend: Bend): string {
  const { ids = HEX, time = `"${nowNs(-10)}"`, intValue = '"7"' } = bend;
  const { attribute = `{"intValue":${intValue}}` } = bend;
  const traceId = `"traceId":"${ids}"`;
  const spanId = `"spanId":"${ids.slice(0, 16)}"`;
  const attributes = `"attributes":[{"key":"k","value":${attribute}}]`;
  const head = '{"resource":{"attributes":[]}';
  const scope = '"scope":{"name":"scope"}';
  switch (signal) {
    case 'traces': {
      const span = `{${traceId},${spanId},"name":"conformance","kind":${bend.kind ?? 3},"startTimeUnixNano":${time},"endTimeUnixNano":${time},${attributes}}`;
      return `{"resourceSpans":[${head},"scopeSpans":[{${scope},"spans":[${span}]}]}]}`;
    }
    case 'logs': {
      const record = `{${traceId},${spanId},"severityText":"conformance","severityNumber":${bend.kind ?? 9},"timeUnixNano":${time},"body":{"stringValue":"text"},${attributes}}`;
      return `{"resourceLogs":[${head},"scopeLogs":[{${scope},"logRecords":[${record}]}]}]}`;
    }
    case 'metrics': {
      const exemplar = `{${traceId},${spanId},"timeUnixNano":${time},"asDouble":1}`;
      const point = `{"timeUnixNano":${time},"asInt":${intValue},"exemplars":[${exemplar}],${attributes}}`;
      const metric = `{"name":"conformance","sum":{"isMonotonic":true,"aggregationTemporality":${bend.kind ?? 2},"dataPoints":[${point}]}}`;
      return `{"resourceMetrics":[${head},"scopeMetrics":[{${scope},"metrics":[${metric}]}]}]}`;
    }
  }
}

function sendItem(probe: Probe, bend: Bend): Promise<Outcome> {
  return sendText(probe, itemText(probe.signal, bend));
}

function sendText(probe: Probe, text: string): Promise<Outcome> {
  return probe.sendBytes(Buffer.from(text));
}

/** The whole request with 400, or the one item of it. */
function expectRefused(outcome: Outcome): void {
  if (outcome.kind === 'failure') {
    expectBadData(outcome);
    return;
  }
  if (outcome.partial?.rejectedCount !== 1) throw new Fault(`${outcome.said}: accepted`);
}

/** The members that the examples of opentelemetry-proto use and other checks do not. */
function exampleOf(signal: StableSignal): object {
  const time = nowNs(-10);
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'my.service' } }] };
  const scope = { name: 'my.library', version: '1.0.0', attributes: [] };
  const ids = { traceId: HEX, spanId: 'EEE19B7EC3C1B174' };
  const attributes = [{ key: 'my.attr', value: { stringValue: 'some value' } }];
  const times = { startTimeUnixNano: time, timeUnixNano: time };
  switch (signal) {
    case 'traces': {
      const span = {
        ...ids,
        parentSpanId: 'EEE19B7EC3C1B173',
        name: 'example',
        kind: 2,
        attributes,
      };
      const timed = { ...span, startTimeUnixNano: time, endTimeUnixNano: time };
      return { resourceSpans: [{ resource, scopeSpans: [{ scope, spans: [timed] }] }] };
    }
    case 'logs': {
      const kvlistValue = {
        values: [{ key: 'k', value: { arrayValue: { values: [{ boolValue: true }] } } }],
      };
      const record = { ...ids, timeUnixNano: time, observedTimeUnixNano: time, severityNumber: 10 };
      const logRecords = [{ ...record, severityText: 'Info', body: { kvlistValue }, attributes }];
      return { resourceLogs: [{ resource, scopeLogs: [{ scope, logRecords }] }] };
    }
    case 'metrics': {
      const distribution = { ...times, count: 2, sum: 2, min: 0, max: 2, attributes };
      const buckets = { bucketCounts: [1, 1], explicitBounds: [1] };
      const exponential = {
        scale: 0,
        zeroCount: 10,
        positive: { offset: 1, bucketCounts: [0, 2] },
      };
      const metrics = [
        {
          name: 'my.counter',
          unit: '1',
          sum: {
            aggregationTemporality: 1,
            isMonotonic: true,
            dataPoints: [{ asDouble: 5, ...times, attributes }],
          },
        },
        {
          name: 'my.gauge',
          unit: '1',
          gauge: { dataPoints: [{ asDouble: 10, timeUnixNano: time, attributes }] },
        },
        {
          name: 'my.histogram',
          histogram: { aggregationTemporality: 1, dataPoints: [{ ...distribution, ...buckets }] },
        },
        {
          name: 'my.exponential',
          exponentialHistogram: {
            aggregationTemporality: 1,
            dataPoints: [{ ...distribution, count: 12, ...exponential }],
          },
        },
      ];
      return { resourceMetrics: [{ resource, scopeMetrics: [{ scope, metrics }] }] };
    }
  }
}
