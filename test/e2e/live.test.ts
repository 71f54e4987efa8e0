/**
 * The demo bot for three simulated days without a fault: no incident; then each of five faults: one incident, from the
 * minute in which the fault began, and over when the fault is.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import { describeLive, incidentsOf, type LiveResult, runLive } from './live-run.ts';

const FAULTS = [
  'db_pool_hold',
  'db_slow_query',
  'llm_rate_limit',
  'plugin_over_limit',
  'retry_storm_http_200',
] as const;
/** Real time of the days, and how often each of their requests is told: about eight a simulated minute. */
const DAYS = { daysSeconds: 48, copies: 6 };
const MINUTE_MS = 60_000;

describe('detection over days of the demo bot', () => {
  let result: LiveResult;
  let story = '';

  beforeAll(async () => {
    const seed = process.pid;
    const faults = FAULTS.map((name) => ({ name }));
    result = await runLive({ ...DAYS, faults, seed, say: () => {} });
    story = `seed ${seed}\n${describeLive(result)}`;
  }, 400_000);

  test('three days without a fault are three days without an incident', () => {
    const early = result.incidents.filter(({ onset }) => Date.parse(onset) < result.daysEndMs);
    expect(early, story).toEqual([]);
  });

  test.each(FAULTS)('%s is one incident from its minute on, which ends', (name) => {
    const fault = result.faults.find((injected) => injected.name === name);
    if (fault === undefined) throw new Error(`${name} was not injected`);
    const incidents = incidentsOf(result, fault);
    expect(incidents.length, story).toBe(1);
    const [incident] = incidents;
    const offsetMinutes = minuteOf(Date.parse(incident?.onset ?? '')) - minuteOf(fault.onMs);
    expect(Math.abs(offsetMinutes), story).toBeLessThanOrEqual(1);
    expect(incident, story).toMatchObject({
      status: 'closed',
      note: 'All its anomalies have recovered',
    });
  });
});

function minuteOf(ms: number): number {
  return Math.floor(ms / MINUTE_MS);
}
