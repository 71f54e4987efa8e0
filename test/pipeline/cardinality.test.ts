/** Hostile cardinality, the short form: bounds are reached, memory stops growing, nothing acknowledged is missing. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/base/limits.ts';
import { OVERFLOW_OPERATION } from '../../src/model/tally.ts';
import { openTelemetryReader } from '../../src/store/open.ts';
import { flood, judge, KINDS, NOW_US } from './cardinality.ts';

/** More than twice the largest bound on names, so that the second half is all overflow. */
const NAMES = 50_000;
const GROWTH_BYTES_MAX = 24 * 1024 * 1024;

describe('a flood of distinct names', () => {
  let dataDir: string;
  let flooded: Awaited<ReturnType<typeof flood>>;

  beforeAll(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'taproot-flood-'));
    flooded = await flood({ dataDir, namesPerKind: NAMES });
  }, 60_000);

  afterAll(() => rmSync(dataDir, { recursive: true }));

  test('exceeds the bounds', () => {
    expect(NAMES).toBeGreaterThan(2 * LIMITS.endpointsMax);
    expect(NAMES).toBeGreaterThan(2 * LIMITS.templatesPerServiceMax);
  });

  test.each(KINDS)('of %s is stored as far as it was acknowledged', (kind) => {
    const { acknowledged, stored } = flooded.results.find((result) => result.kind === kind)!;
    expect(acknowledged).toBe(kind === 'attributeKeys' ? NAMES / 10 : NAMES);
    expect(stored).toBe(acknowledged);
  });

  test.each(KINDS)('of %s leaves no more memory taken after all names than after half', (kind) => {
    const { halfBytes, fullBytes } = flooded.results.find((result) => result.kind === kind)!;
    expect(fullBytes - halfBytes).toBeLessThan(GROWTH_BYTES_MAX);
  });

  test('is counted, by kind', () => {
    const { counters } = flooded;
    expect(counters.get('taproot_ingest_endpoint_overflow')).toBeGreaterThan(NAMES);
    expect(counters.get('taproot_ingest_template_overflow')).toBeGreaterThan(NAMES / 2);
    expect(counters.get('taproot_ingest_service_overflow')).toBeGreaterThan(NAMES / 2);
  });

  test('stands in the store under (overflow), and the list of services says that it was cut', () => {
    const reader = openTelemetryReader({ dataDir });
    const range = { fromUs: NOW_US - 60_000_000, toUs: NOW_US };
    const endpoints = reader.listEndpoints(range);
    const services = reader.listServices(range);
    reader.close();
    expect(endpoints.some(({ operation }) => operation === OVERFLOW_OPERATION)).toBe(true);
    expect(endpoints.length).toBeLessThanOrEqual(LIMITS.endpointsMax + LIMITS.servicesMax + 1);
    expect(services.wasCut).toBe(true);
    expect(services.items).toHaveLength(LIMITS.servicesListedMax);
  });

  test('is told in the telemetry quality of a report', { timeout: 30_000 }, async () => {
    const lines = (await judge(dataDir)).join('\n');
    expect(lines).toContain('spans have one of too many operation names');
    expect(lines).toContain('log lines have one of too many templates');
    expect(lines).toContain('one of too many services');
    expect(lines).toContain('Too many metric series');
  });
});
