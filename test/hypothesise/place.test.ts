/** Places where requests spend time, each compared with the reference in its own contexts. */
import { describe, expect, it } from 'vitest';
import { findPlaces, type Place, type Places } from '../../src/hypothesise/place.ts';
import { timeRequests } from '../../src/hypothesise/request-time.ts';
import { StringDictionary } from '../../src/model/dictionary.ts';
import { createRandom } from '../build/random.ts';
import { buildSpanTable, type SpanLiteral } from '../build/span-table.ts';

interface Traffic {
  readonly requests: number;
  readonly seed: number;
  /** Share of requests by the endpoint whose checks take ten times as long. */
  readonly heavyShare?: number;
  /** Added to the way from web to stock, in ms, for this share of the requests. */
  readonly wayMs?: number;
  readonly wayShare?: number;
  /** Share of the calls whose answer was not recorded. */
  readonly lostShare?: number;
  /** Share of the calls that fail after a second without an answer. */
  readonly refusedShare?: number;
}

/** Two endpoints of web check something and call stock. */
function traffic(options: Traffic): SpanLiteral[] {
  const random = createRandom(options.seed);
  const spans: SpanLiteral[] = [];
  const about = (ms: number): number => Math.round(ms * 1000 * Math.exp(0.1 * random.normal()));
  for (let index = 0; index < options.requests; index++) {
    const trace = `${options.seed} ${index}`;
    const isHeavy = random.next() < (options.heavyShare ?? 0.5);
    const isSlowed = random.next() < (options.wayShare ?? 1);
    const isLost = random.next() < (options.lostShare ?? 0);
    const isRefused = random.next() < (options.refusedShare ?? 0);
    const checkUs = about(isHeavy ? 50 : 5);
    const wayUs = about(2) + (isSlowed ? (options.wayMs ?? 0) * 1000 : 0);
    const stockUs = about(10);
    const callUs = isRefused ? 1_000_000 : wayUs + stockUs;
    const web = { trace, service: 'web' };
    spans.push(
      {
        ...web,
        id: 'root',
        operation: isHeavy ? 'GET /heavy' : 'GET /light',
        kind: 'server',
        startUs: 0,
        durationUs: checkUs + callUs + 100,
      },
      { ...web, id: 'check', parent: 'root', operation: 'check', startUs: 0, durationUs: checkUs },
      {
        ...web,
        id: 'call',
        parent: 'root',
        operation: 'call stock',
        kind: 'client',
        startUs: checkUs,
        durationUs: callUs,
        ...(isRefused ? { error: 'ConnectionRefused' } : {}),
      },
    );
    if (isLost || isRefused) continue;
    spans.push({
      trace,
      id: 'stock',
      parent: 'call',
      service: 'stock',
      operation: 'GET /stock',
      kind: 'server',
      startUs: checkUs + Math.round(wayUs / 2),
      durationUs: stockUs,
    });
  }
  return spans;
}

/** All traces of the window count as bad. */
function placesOf(now: Traffic, before: Traffic | undefined): Places {
  const strings = new StringDictionary();
  const period = (options: Traffic) => {
    const table = buildSpanTable(strings, traffic(options));
    return { table, times: timeRequests(table) };
  };
  const window = period(now);
  const isBadTrace = new Uint8Array(now.requests).fill(1);
  return findPlaces(window, before && period(before), { isBadTrace, isScoped: false });
}

const USUAL: Traffic = { requests: 200, seed: 1 };

function find({ places }: Places, kind: Place['kind'], service: string): readonly Place[] {
  return places.filter((place) => place.kind === kind && place.service === service);
}

describe('findPlaces()', () => {
  it('finds a delay on the way, its size, and that nothing else grew', () => {
    const found = placesOf({ requests: 100, seed: 2, wayMs: 30 }, USUAL);
    const [way] = find(found, 'way', 'web');
    expect(way).toMatchObject({ callee: 'stock', operation: 'call stock', count: 100 });
    expect(way?.growth?.llr).toBeGreaterThan(20);
    expect(way?.excessUs).toBeGreaterThan(100 * 29_000);
    expect(way?.excessUs).toBeLessThan(100 * 31_000);
    const others = found.places.filter((place) => place !== way);
    expect(others.reduce((sum, { excessUs }) => sum + excessUs, 0)).toBeLessThan(100 * 1000);
  });

  it('finds no growth when there are only more of the heavy requests', () => {
    const found = placesOf(
      { requests: 200, seed: 2, heavyShare: 0.9 },
      { ...USUAL, heavyShare: 0.1 },
    );
    for (const { growth } of found.places) expect(growth?.llr ?? 0).toBeLessThan(2);
  });

  it('lets slow calls that were as frequent before cancel out', () => {
    const rare = { wayMs: 500, wayShare: 0.1 };
    const found = placesOf(
      { requests: 400, seed: 2, ...rare },
      { requests: 400, seed: 3, ...rare },
    );
    const [way] = find(found, 'way', 'web');
    expect(way?.growth?.llr ?? 0).toBeLessThan(2);
    expect(way?.excessUs).toBeLessThanOrEqual(way?.excessErrorUs ?? 0);
  });

  it('says nothing about calls whose answers were not recorded, and counts them', () => {
    const found = placesOf({ requests: 100, seed: 2, lostShare: 0.4 }, USUAL);
    expect(found.unansweredCount).toBeGreaterThan(20);
    const [way] = find(found, 'way', 'web');
    expect(way?.count).toBe(100 - found.unansweredCount);
    for (const { growth } of found.places) expect(growth?.llr ?? 0).toBeLessThan(2);
  });

  it('counts a call that failed without an answer as time on the way', () => {
    const found = placesOf({ requests: 100, seed: 2, refusedShare: 0.3 }, USUAL);
    const [way] = find(found, 'way', 'web');
    expect(found.unansweredCount).toBe(0);
    expect(way?.count).toBe(100);
    expect(way?.growth?.llr).toBeGreaterThan(10);
    expect(way?.excessUs).toBeGreaterThan(20 * 900_000);
  });

  it('compares nothing without a reference, and still says where time is', () => {
    const found = placesOf({ requests: 100, seed: 2, wayMs: 30, wayShare: 0.5 }, undefined);
    const [way] = find(found, 'way', 'web');
    expect(way?.growth).toBeUndefined();
    expect(way?.excessUs).toBeGreaterThan(40 * 25_000);
  });
});
