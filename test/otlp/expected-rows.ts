/**
 * What the columns must hold for a request, worked out slowly from protobufjs objects with BigInt: the
 * oracle of the differential tests. It shares no decoding with src/otlp.
 */
import { LIMITS } from '../../src/base/limits.ts';
import type { RowSignal } from '../../src/model/vocabulary.ts';
import { durationText } from './dump-columns.ts';
import { NOW_US } from './random-request.ts';

/** A message as protobufjs toObject gives it: absent fields are absent. */
// biome-ignore lint/suspicious/noExplicitAny: protobufjs objects have no static type
type Message = Record<string, any>;

export interface Expected {
  readonly rows: object[];
  readonly rejectedCount: number;
}

export function expectedRows(signal: RowSignal, request: Message): Expected {
  const [groups, scopeGroups, items] = {
    traces: ['resourceSpans', 'scopeSpans', 'spans'],
    logs: ['resourceLogs', 'scopeLogs', 'logRecords'],
    metrics: ['resourceMetrics', 'scopeMetrics', 'metrics'],
  }[signal] as [string, string, string];
  const rowOf = { traces: spanRows, logs: logRows, metrics: metricRows }[signal];
  const rows: object[] = [];
  let rejectedCount = 0;
  for (const group of request[groups] ?? []) {
    const resource = entry(group['resource'], group['schemaUrl']);
    for (const scopeGroup of group[scopeGroups] ?? []) {
      const { scope: sent } = scopeGroup;
      const scope = {
        name: sent?.name ?? '',
        version: sent?.version ?? '',
        ...entry(sent, scopeGroup.schemaUrl),
      };
      for (const item of scopeGroup[items] ?? []) {
        for (const row of rowOf(item, { resource, scope })) {
          if (row === undefined) rejectedCount++;
          else rows.push(row);
        }
      }
    }
  }
  return { rows, rejectedCount };
}

const MIN_NS = BigInt(LIMITS.timeUsMin) * 1000n;
/** The bound is in whole microseconds. */
const MAX_NS = BigInt(NOW_US + LIMITS.timeAheadUsMax) * 1000n + 999n;

function isInRange(timeNs: bigint): boolean {
  return timeNs >= MIN_NS && timeNs <= MAX_NS;
}

function entry(message: Message | undefined, schemaUrl: string | undefined) {
  return {
    attributes: attributes(message?.['attributes']),
    dropped: message?.['droppedAttributesCount'] ?? 0,
    schemaUrl: schemaUrl ?? '',
  };
}

function attributes(list: Message[] | undefined): string[] {
  return (list ?? []).map(({ key, value }) => `${key ?? ''}=${anyText(value ?? {})}`);
}

function anyText(any: Message): string {
  const [field] = Object.keys(any);
  const value = field === undefined ? undefined : any[field];
  switch (field) {
    case 'stringValue':
      return `{"stringValue":${JSON.stringify(value)}}`;
    case 'boolValue':
      return `{"boolValue":${value}}`;
    case 'intValue':
      return `{"intValue":"${value}"}`;
    case 'doubleValue': {
      const text = Object.is(value, -0) ? '-0' : String(value);
      return `{"doubleValue":${Number.isFinite(value) ? text : `"${text}"`}}`;
    }
    case 'bytesValue':
      return `{"bytesValue":"${Buffer.from(value).toString('base64')}"}`;
    case 'arrayValue':
      return `{"arrayValue":{"values":[${(value.values ?? []).map(anyText).join(',')}]}}`;
    case 'kvlistValue': {
      const pairs = (value.values ?? []).map(
        (pair: Message) =>
          `{"key":${JSON.stringify(pair['key'] ?? '')},"value":${anyText(pair['value'] ?? {})}}`,
      );
      return `{"kvlistValue":{"values":[${pairs.join(',')}]}}`;
    }
    default:
      return '{}';
  }
}

/** Hex of an id of the right size, zeros otherwise. */
function idText(id: Uint8Array | undefined, sizeBytes: number): string {
  return id?.length === sizeBytes ? Buffer.from(id).toString('hex') : '00'.repeat(sizeBytes);
}

function isId(id: Uint8Array | undefined, sizeBytes: number): boolean {
  return id?.length === sizeBytes && id.some((byte) => byte !== 0);
}

function enumIn(value: number | undefined, max: number): number {
  return value !== undefined && value >= 0 && value <= max ? value : 0;
}

interface Owner {
  readonly resource: object;
  readonly scope: object;
}

function spanRows(span: Message, owner: Owner): (object | undefined)[] {
  const startNs = BigInt(span['startTimeUnixNano'] ?? 0);
  const endNs = BigInt(span['endTimeUnixNano'] ?? 0);
  const isGood =
    isId(span['traceId'], 16) &&
    isId(span['spanId'], 8) &&
    isInRange(startNs) &&
    (endNs === 0n || isInRange(endNs));
  if (!isGood) return [undefined];
  const links: Message[] = span['links'] ?? [];
  const goodLinks = links.filter((link) => isId(link['traceId'], 16) && isId(link['spanId'], 8));
  const droppedLinks = (span['droppedLinksCount'] ?? 0) + links.length - goodLinks.length;
  return [
    {
      traceId: idText(span['traceId'], 16),
      spanId: idText(span['spanId'], 8),
      parentSpanId: idText(span['parentSpanId'], 8),
      startNs: String(startNs),
      durationNs: endNs === 0n ? '0' : durationText(Number(endNs - startNs)),
      kind: enumIn(span['kind'], 5),
      statusCode: enumIn(span['status']?.code, 2),
      statusMessage: span['status']?.message ?? '',
      flags: span['flags'] ?? 0,
      name: span['name'] ?? '',
      traceState: span['traceState'] ?? '',
      ...owner,
      dropped: [
        span['droppedAttributesCount'] ?? 0,
        span['droppedEventsCount'] ?? 0,
        Math.min(droppedLinks, 0xffff_ffff),
      ],
      attributes: attributes(span['attributes']),
      events: (span['events'] ?? []).map((event: Message) => ({
        timeNs: timeOr(event['timeUnixNano'], startNs),
        name: event['name'] ?? '',
        attributes: attributes(event['attributes']),
        dropped: event['droppedAttributesCount'] ?? 0,
      })),
      links: goodLinks.map((link) => ({
        traceId: idText(link['traceId'], 16),
        spanId: idText(link['spanId'], 8),
        traceState: link['traceState'] ?? '',
        flags: link['flags'] ?? 0,
        attributes: attributes(link['attributes']),
        dropped: link['droppedAttributesCount'] ?? 0,
      })),
    },
  ];
}

function timeOr(sent: string | undefined, otherwise: bigint): string {
  const timeNs = BigInt(sent ?? 0);
  return String(isInRange(timeNs) ? timeNs : otherwise);
}

function logRows(record: Message, owner: Owner): (object | undefined)[] {
  const observedNs = BigInt(record['observedTimeUnixNano'] ?? 0);
  const timeNs = BigInt(record['timeUnixNano'] ?? 0) || observedNs || BigInt(NOW_US) * 1000n;
  if (!isInRange(timeNs)) return [undefined];
  return [
    {
      timeNs: String(timeNs),
      observedNs: timeOr(record['observedTimeUnixNano'], 0n),
      severity: enumIn(record['severityNumber'], 24),
      severityText: record['severityText'] ?? '',
      body: anyText(record['body'] ?? {}),
      traceId: idText(record['traceId'], 16),
      spanId: idText(record['spanId'], 8),
      flags: record['flags'] ?? 0,
      eventName: record['eventName'] ?? '',
      ...owner,
      dropped: record['droppedAttributesCount'] ?? 0,
      attributes: attributes(record['attributes']),
    },
  ];
}

const KINDS = ['gauge', 'sum', 'histogram', 'exponentialHistogram', 'summary'];

function metricRows(metric: Message, owner: Owner): (object | undefined)[] {
  const kind = KINDS.find((name) => metric[name] !== undefined);
  if (kind === undefined) return [];
  const data = metric[kind];
  return (data.dataPoints ?? []).map((point: Message) => {
    const timeNs = BigInt(point['timeUnixNano'] ?? 0);
    if (!isInRange(timeNs)) return undefined;
    const counts: string[] = point['bucketCounts'] ?? [];
    const bounds: number[] = point['explicitBounds'] ?? [];
    const isMatching = counts.length + bounds.length === 0 || counts.length === bounds.length + 1;
    if (kind === 'histogram' && !isMatching) return undefined;
    return {
      name: metric['name'] ?? '',
      unit: metric['unit'] ?? '',
      kind,
      temporality: enumIn(data.aggregationTemporality, 2),
      isMonotonic: data.isMonotonic ?? false,
      attributes: attributes(point['attributes']),
      ...owner,
      timeNs: String(timeNs),
      startNs: timeOr(point['startTimeUnixNano'], 0n),
      flags: point['flags'] ?? 0,
      ...numbers(kind, point),
      exemplars: (point['exemplars'] ?? []).map((exemplar: Message) => ({
        timeNs: timeOr(exemplar['timeUnixNano'], timeNs),
        value: Number(exemplar['asInt'] ?? exemplar['asDouble'] ?? 0),
        isInt: exemplar['asInt'] === undefined ? 0 : 1,
        traceId: idText(exemplar['traceId'], 16),
        spanId: idText(exemplar['spanId'], 8),
        attributes: attributes(exemplar['filteredAttributes']),
      })),
    };
  });
}

function numbers(kind: string, point: Message): object {
  if (kind === 'gauge' || kind === 'sum') {
    const sent = point['asInt'] ?? point['asDouble'];
    return {
      has: point['asInt'] === undefined ? [] : ['isInt'],
      value: sent === undefined ? Number.NaN : Number(sent),
      observationCount: 0,
      min: 0,
      max: 0,
      buckets: [],
    };
  }
  const optional = ['sum', 'min', 'max'].filter((name) => point[name] !== undefined);
  return {
    has: kind === 'summary' ? ['sum'] : optional,
    value: point['sum'] ?? 0,
    observationCount: Number(point['count'] ?? 0),
    min: point['min'] ?? 0,
    max: point['max'] ?? 0,
    buckets: buckets(kind, point),
  };
}

function buckets(kind: string, point: Message): number[] {
  if (kind === 'histogram') {
    return [...(point['explicitBounds'] ?? []), ...(point['bucketCounts'] ?? []).map(Number)];
  }
  if (kind === 'summary') {
    return (point['quantileValues'] ?? []).flatMap((pair: Message) => [
      pair['quantile'] ?? 0,
      pair['value'] ?? 0,
    ]);
  }
  const side = (sent: Message | undefined) => {
    const counts: string[] = sent?.['bucketCounts'] ?? [];
    return [sent?.['offset'] ?? 0, counts.length, ...counts.map(Number)];
  };
  return [
    point['scale'] ?? 0,
    Number(point['zeroCount'] ?? 0),
    point['zeroThreshold'] ?? 0,
    ...side(point['positive']),
    ...side(point['negative']),
  ];
}
