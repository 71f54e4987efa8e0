import { describe, expect, it } from 'vitest';
import { FAULT_KINDS } from '../../src/bench/case-fault.ts';
import { type SimulatedCase, simulateCase } from '../../src/bench/cases.ts';

const SEED = 1;
/** As many as the schedule of kinds is long: one of each, and two more without a fault. */
const ROUND = FAULT_KINDS.length + 2;

interface Span {
  readonly service: string;
  readonly version: string;
  readonly name: string;
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly startMs: number;
  readonly durationMs: number;
  readonly isError: boolean;
  readonly attributes: Readonly<Record<string, string>>;
}

interface Label {
  readonly fault_type: string;
  readonly tier: string;
  readonly service: string | null;
  readonly also?: readonly string[];
  readonly cause?: { readonly kind: string; readonly from?: string; readonly to?: string };
}

interface Attribute {
  readonly key: string;
  readonly value: { readonly stringValue?: string; readonly intValue?: string };
}

interface SpanJson {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly Attribute[];
  readonly status?: object;
}

interface SpanRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] };
    readonly scopeSpans: readonly { readonly spans: readonly SpanJson[] }[];
  }[];
}

function valuesOf(attributes: readonly Attribute[]): Record<string, string> {
  return Object.fromEntries(
    attributes.map(({ key, value }) => [key, value.stringValue ?? value.intValue ?? '']),
  );
}

function spansOf(traces: string | undefined): readonly Span[] {
  const lines = (traces ?? '').split('\n').filter((line) => line !== '');
  return lines.flatMap((line) =>
    (JSON.parse(line) as SpanRequest).resourceSpans.flatMap(({ resource, scopeSpans }) => {
      const { 'service.name': service = '', 'service.version': version = '' } = valuesOf(
        resource.attributes,
      );
      return scopeSpans.flatMap(({ spans }) =>
        spans.map((span) => {
          const startMs = Number(span.startTimeUnixNano) / 1e6;
          return {
            ...{ service, version, name: span.name, kind: span.kind, startMs },
            ...{ traceId: span.traceId, spanId: span.spanId, parentSpanId: span.parentSpanId },
            durationMs: Number(span.endTimeUnixNano) / 1e6 - startMs,
            isError: span.status !== undefined,
            attributes: valuesOf(span.attributes),
          };
        }),
      );
    }),
  );
}

/** The first case of a kind that has traces, in rounds of the schedule. */
function findCase(kind: string, isWanted: (label: Label) => boolean = () => true) {
  const at = (FAULT_KINDS as readonly string[]).indexOf(kind);
  for (let round = 0; round < 10; round++) {
    const simulated = simulateCase(SEED, at + round * ROUND);
    const label = simulated.label as Label; // what cases.ts writes
    if (simulated.window.traces !== undefined && isWanted(label)) return { simulated, label };
  }
  throw new Error(`no case of kind ${kind}`);
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function bothOf({ normal, window }: SimulatedCase, isWanted: (span: Span) => boolean) {
  const [before, during] = [spansOf(normal.traces), spansOf(window.traces)].map((spans) =>
    spans.filter(isWanted),
  );
  return { before: before ?? [], during: during ?? [] };
}

function growthOf(simulated: SimulatedCase, isWanted: (span: Span) => boolean): number {
  const { before, during } = bothOf(simulated, isWanted);
  const [usualMs, nowMs] = [before, during].map((spans) =>
    meanOf(spans.map(({ durationMs }) => durationMs)),
  );
  return (nowMs ?? Number.NaN) / (usualMs ?? Number.NaN);
}

const SERVER = 2;
const CLIENT = 3;

/** Whole cases are made or diagnosed: seconds of a busy machine. */
const TIMEOUT_MS = 60_000;

describe('simulateCase()', { timeout: TIMEOUT_MS }, () => {
  it('makes the same bytes from the same seed, others from another', () => {
    const first = JSON.stringify(simulateCase(SEED, 3));
    expect(JSON.stringify(simulateCase(SEED, 3))).toBe(first);
    expect(JSON.stringify(simulateCase(SEED + 1, 3))).not.toBe(first);
  });

  it('gives each kind of fault its turn, then cases without one', () => {
    const [first, last] = [0, FAULT_KINDS.length - 1].map(
      (at) => simulateCase(SEED, at).label as Label,
    );
    expect(first).toMatchObject({ fault_type: 'cpu', cause: { kind: 'cpu' } });
    expect(first?.service).toEqual(expect.any(String));
    expect(last).toMatchObject({ fault_type: 'none', service: null });
    expect(last).not.toHaveProperty('cause');
  });

  it('says nothing of the fault in what is diagnosed', () => {
    const simulated = simulateCase(SEED, 3);
    expect(JSON.stringify(simulated.description)).not.toMatch(/fault|packet|loss|cause/);
    expect(simulated.caseId).toMatch(/^sim-1-\d+$/);
  });

  it('writes spans whose parents come first and whose traces hang together', () => {
    const spans = spansOf(simulateCase(SEED, ROUND - 1).normal.traces);
    const byId = new Map(spans.map((span) => [span.spanId, span]));
    expect(byId.size).toBe(spans.length);
    const children = spans.filter(({ parentSpanId }) => parentSpanId !== undefined);
    expect(children.length).toBeGreaterThan(spans.length / 3);
    for (const child of children) {
      const parent = byId.get(child.parentSpanId ?? '');
      if (!parent) continue; // it began in the other period
      expect(parent.traceId).toBe(child.traceId);
      // Clocks differ by up to 0.2 s each.
      if (parent.service === child.service)
        expect(child.startMs).toBeGreaterThanOrEqual(parent.startMs);
      else expect(child.startMs).toBeGreaterThan(parent.startMs - 401);
    }
  });

  it('cpu: the service at fault takes longer, others that it does not hold up do not', () => {
    const { simulated, label } = findCase('cpu');
    const isServer = ({ kind }: Span) => kind === SERVER;
    expect(
      growthOf(simulated, (span) => isServer(span) && span.service === label.service),
    ).toBeGreaterThan(1.5);
  });

  it('network-delay: calls of the services on the machine take longer, on the way and not inside', () => {
    const { simulated, label } = findCase('network-delay');
    const names = [label.service, ...(label.also ?? [])];
    const isThere = ({ kind, service, attributes }: Span) =>
      kind === CLIENT &&
      (names.includes(service) || names.includes(attributes['server.address'] ?? ''));
    const { before, during } = bothOf(simulated, isThere);
    const wayMs = (spans: readonly Span[]) => meanOf(spans.map(({ durationMs }) => durationMs));
    expect(wayMs(during)).toBeGreaterThan(wayMs(before) + 15);
  });

  it('database: queries of the store take longer', () => {
    const { simulated, label } = findCase('database');
    const store = label.also?.find((name) => name.endsWith('-db'));
    expect(store).toBeDefined();
    const isQuery = ({ attributes }: Span) => attributes['server.address'] === store;
    expect(growthOf(simulated, isQuery)).toBeGreaterThan(1.5);
  });

  it('return: fewer of the calls that follow the place', () => {
    const { simulated, label } = findCase(
      'return',
      ({ cause, tier }) => tier === 'no-logs' && cause?.to?.endsWith(' start') === true,
    );
    const [, ...words] = label.cause?.to?.replace(/ start$/, '').split(' ') ?? [];
    const next = words.join(' ');
    const { before, during } = bothOf(simulated, ({ service }) => service === label.service);
    const perVisit = (spans: readonly Span[]) =>
      spans.filter(({ name, kind }) => name === next && kind !== SERVER).length /
      spans.filter(({ kind }) => kind === SERVER).length;
    expect(perVisit(during)).toBeLessThan(0.8 * perVisit(before));
  });

  it('deploy: the version at fault is new', () => {
    const { simulated, label } = findCase('deploy');
    const { before, during } = bothOf(simulated, ({ service }) => service === label.service);
    const versions = (spans: readonly Span[]) => new Set(spans.map(({ version }) => version));
    expect(versions(before).size).toBe(1);
    expect([...versions(during)].some((version) => !versions(before).has(version))).toBe(true);
  });

  it('queue: messages wait longer the later they come', () => {
    const { simulated, label } = findCase('queue');
    const topic = label.also?.[0];
    const spans = spansOf(simulated.window.traces);
    const isOfTopic = ({ attributes }: Span) => attributes['messaging.destination.name'] === topic;
    const sent = new Map(
      spans.filter((span) => span.kind === 4 && isOfTopic(span)).map((span) => [span.spanId, span]),
    );
    const waits = spans
      .filter((span) => span.kind === 5 && isOfTopic(span))
      .flatMap(({ parentSpanId, startMs }) => {
        const message = sent.get(parentSpanId ?? '');
        return message ? [{ atMs: message.startMs, waitMs: startMs - message.startMs }] : [];
      })
      .sort((a, b) => a.atMs - b.atMs);
    const half = Math.floor(waits.length / 2);
    const [early, late] = [waits.slice(0, half), waits.slice(half)].map((part) =>
      meanOf(part.map(({ waitMs }) => waitMs)),
    );
    expect(late).toBeGreaterThan((early ?? Number.NaN) + 1000);
  });

  it('telemetry: the service falls silent while its callers still get answers', () => {
    const { simulated, label } = findCase('telemetry');
    const { before, during } = bothOf(simulated, ({ service }) => service === label.service);
    expect(before.length).toBeGreaterThan(20);
    expect(during.length).toBeLessThan(before.length / 2);
  });

  it('quota: the platform answers 429', () => {
    const { simulated } = findCase('quota');
    const isRefused = ({ attributes, kind }: Span) =>
      kind === CLIENT && attributes['http.response.status_code'] === '429';
    const { before, during } = bothOf(simulated, isRefused);
    expect(before).toHaveLength(0);
    expect(during.length).toBeGreaterThan(5);
  });

  it('traffic: more of one entry', () => {
    const { simulated } = findCase('traffic');
    const perSecond = (traces: string | undefined) => {
      const roots = spansOf(traces).filter(({ parentSpanId }) => parentSpanId === undefined);
      const counts = new Map<string, number>();
      for (const { name } of roots) counts.set(name, (counts.get(name) ?? 0) + 1);
      const starts = roots.map(({ startMs }) => startMs);
      const seconds = (Math.max(...starts) - Math.min(...starts)) / 1000;
      return new Map([...counts].map(([name, count]) => [name, count / seconds]));
    };
    const [usual, now] = [perSecond(simulated.normal.traces), perSecond(simulated.window.traces)];
    const growth = [...now].map(([name, rate]) => rate / (usual.get(name) ?? Number.NaN));
    expect(Math.max(...growth)).toBeGreaterThan(1.5);
  });
});
