/** Which requests are bad: by operation and attributes, for what was asked, and never what always was so. */
import { describe, expect, it } from 'vitest';
import { clusterSpans } from '../../src/cluster/cluster.ts';
import type { Segment } from '../../src/model/cluster.ts';
import type { Collected } from '../../src/model/investigation.ts';
import type { Scope } from '../../src/model/report.ts';
import { createRandom, type Random } from '../build/random.ts';
import {
  buildCollected,
  REFERENCE_RANGE,
  type SpanLiteral,
  WINDOW_RANGE,
} from '../build/span-table.ts';

interface Request {
  readonly operation: string;
  readonly tier: string;
  readonly random: Random;
}

interface Trouble {
  readonly addUs?: number;
  readonly error?: string;
}

const OPERATIONS = ['GET /search', 'GET /items', 'POST /buy', 'GET /orders'];
const TIERS = ['free', 'free', 'free', 'pro', 'pro', 'pro', 'enterprise'];

/** Requests at `api`, each with one query; what a trouble adds is spent in the query. */
function traffic(
  seed: number,
  options: {
    readonly fromUs: number;
    readonly trouble?: (request: Request) => Trouble | undefined;
  },
): SpanLiteral[] {
  const random = createRandom(seed);
  return Array.from({ length: 1500 }, (_, index): SpanLiteral[] => {
    const operation = OPERATIONS[Math.floor(random.next() * OPERATIONS.length)]!;
    const tier = TIERS[Math.floor(random.next() * TIERS.length)]!;
    const trouble = options.trouble?.({ operation, tier, random }) ?? {};
    const trace = (seed * 100_000 + index).toString(16).padStart(32, '0');
    const startUs = options.fromUs + index * 300_000;
    const queryUs = 20_000 * Math.exp(0.5 * random.normal()) + (trouble.addUs ?? 0);
    const error = trouble.error === undefined ? {} : { error: trouble.error };
    const attributes = { 'tenant.tier': tier, 'feature.new': random.next() < 0.4 ? 'on' : 'off' };
    return [
      {
        trace,
        id: 'a',
        service: 'api',
        operation,
        startUs,
        durationUs: queryUs + 5000,
        attributes,
        ...error,
      },
      {
        trace,
        id: 'b',
        parent: 'a',
        service: 'db',
        operation: 'query',
        startUs: startUs + 2000,
        durationUs: queryUs,
        ...error,
      },
    ];
  }).flat();
}

function segmentsOf(
  trouble: (request: Request) => Trouble | undefined,
  more: {
    readonly before?: (request: Request) => Trouble | undefined;
    readonly scope?: Scope;
  } = {},
): readonly Segment[] {
  const before = more.before === undefined ? {} : { trouble: more.before };
  const collected = buildCollected({
    window: { spans: traffic(2, { fromUs: WINDOW_RANGE.fromUs, trouble }) },
    reference: { spans: traffic(1, { fromUs: REFERENCE_RANGE.fromUs, ...before }) },
  });
  const scope = more.scope ?? { service: 'api', symptom: 'latency' };
  const asked: Collected = { ...collected, request: { ...collected.request, scope } };
  return clusterSpans(asked).segments ?? [];
}

function namesOf(segments: readonly Segment[]) {
  return segments.map(({ operation, contrast }) => ({
    operation,
    attributes: contrast?.attributes,
  }));
}

const slowSearch = ({ operation, random }: Request): Trouble | undefined =>
  operation === 'GET /search' && random.next() < 0.5 ? { addUs: 900_000 } : undefined;
const slowEnterprise = ({ operation, tier }: Request): Trouble | undefined =>
  operation === 'GET /orders' && tier === 'enterprise' ? { addUs: 900_000 } : undefined;

describe('segments of bad requests', () => {
  it('name the operation and the tenants of a second, small incident beside a large one', () => {
    const segments = segmentsOf((request) => slowSearch(request) ?? slowEnterprise(request));
    expect(namesOf(segments)).toEqual([
      { operation: 'GET /search', attributes: undefined },
      { operation: 'GET /orders', attributes: { 'tenant.tier': 'enterprise' } },
    ]);
    const first = new Set(segments[0]!.rows);
    expect([...segments[1]!.rows].filter((row) => first.has(row))).toEqual([]);
    expect(segments[0]!.share).toBeGreaterThan(0.5);
    expect(segments[1]!.share).toBeLessThan(0.3);
  });

  it('are anomalous, also where their operation as a whole is as usual', () => {
    const rare = ({ operation, tier, random }: Request): Trouble | undefined =>
      operation === 'GET /orders' && tier === 'enterprise' && random.next() < 0.2
        ? { addUs: 900_000 }
        : undefined;
    const [segment] = segmentsOf(rare);
    expect(segment).toMatchObject({
      operation: 'GET /orders',
      contrast: { attributes: { 'tenant.tier': 'enterprise' } },
    });
  });

  it('leave out what was as bad in the reference', () => {
    const segments = segmentsOf((request) => slowSearch(request) ?? slowEnterprise(request), {
      before: slowSearch,
    });
    expect(namesOf(segments)).toEqual([
      { operation: 'GET /orders', attributes: { 'tenant.tier': 'enterprise' } },
    ]);
  });

  it('hold what was asked about: no failures for a latency alert, and the other way round', () => {
    const both = (request: Request): Trouble | undefined =>
      slowSearch(request) ??
      (request.operation === 'POST /buy' && request.tier === 'pro'
        ? { error: 'Refused' }
        : undefined);
    const bySymptom = (symptom: 'latency' | 'error') =>
      namesOf(segmentsOf(both, { scope: { service: 'api', symptom } }));
    expect(bySymptom('latency')).toEqual([{ operation: 'GET /search', attributes: undefined }]);
    expect(bySymptom('error')).toEqual([
      { operation: 'POST /buy', attributes: { 'tenant.tier': 'pro' } },
    ]);
  });

  it('are none in healthy traffic', () => {
    expect(segmentsOf(() => undefined)).toEqual([]);
    expect(segmentsOf(() => undefined, { scope: {} })).toEqual([]);
  });
});
