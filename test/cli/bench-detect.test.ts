import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { PeriodScore } from '../../src/bench/month-score.ts';
import { runCli } from '../../src/cli/cli.ts';

let out: string;

beforeEach(() => {
  out = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation(() => true);
});

afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

const SMALL = ['bench', 'detect', '--days', '2', '--endpoints', '8', '--incidents', '30'];

describe('taproot bench detect', () => {
  it('prints tables of all methods and periods', async () => {
    expect(await runCli(SMALL)).toBe(0);
    for (const method of ['adaptive', 'ratio', 'sigma']) {
      expect(out).toMatch(new RegExp(`^\\| ${method} +\\| day 1 `, 'm'));
      expect(out).toMatch(new RegExp(`^\\| ${method} +\\| days 2–7 `, 'm'));
    }
    expect(out).not.toContain('days 8–28');
    expect(out).not.toContain('NaN');
  });

  it('prints the same numbers for the same seed as one JSON document', async () => {
    const numbers = async () => {
      out = '';
      expect(await runCli([...SMALL, '--method', 'ratio', '--json'])).toBe(0);
      const { methods } = JSON.parse(out) as { methods: { cpuUsPerEndpointMinute: number }[] };
      expect(methods[0]?.cpuUsPerEndpointMinute).toBeGreaterThan(0);
      return methods.map((method) => ({ ...method, cpuUsPerEndpointMinute: 0 }));
    };
    const first = await numbers();
    expect(await numbers()).toEqual(first);
    expect(first).toMatchObject([{ method: 'ratio', periods: [{ period: 'day 1' }, {}] }]);
  });

  it('scores months together', async () => {
    const incidentsOf = async (...flags: string[]) => {
      out = '';
      expect(await runCli([...SMALL, '--method', 'ratio', '--json', ...flags])).toBe(0);
      const { methods } = JSON.parse(out) as {
        methods: { periods: { all: { incidents: number } }[] }[];
      };
      return methods[0]!.periods.map(({ all }) => all.incidents);
    };
    const [first, second] = [await incidentsOf(), await incidentsOf('--seed', '2')];
    expect(await incidentsOf('--months', '2')).toEqual(
      first.map((count, index) => count + second[index]!),
    );
  });

  it('has an adaptive method that finds what is clear, quickly, without crying wolf', async () => {
    const flags = ['--days', '3', '--endpoints', '40', '--incidents', '160', '--seed', '21'];
    const args = ['bench', 'detect', ...flags, '--method', 'adaptive', '--json'];
    expect(await runCli(args)).toBe(0);
    const { methods } = JSON.parse(out) as { methods: { periods: PeriodScore[] }[] };
    const [first, rest] = methods[0]!.periods;
    const totalOf = (count: (period: PeriodScore) => number) => count(first!) + count(rest!);
    const clearFound = totalOf(({ clear }) => clear.found);
    expect(clearFound / totalOf(({ clear }) => clear.incidents)).toBeGreaterThanOrEqual(0.9);
    const allFound = totalOf(({ all }) => all.found);
    expect(allFound / totalOf(({ all }) => all.incidents)).toBeGreaterThanOrEqual(0.75);
    expect(totalOf(({ falseIncidents }) => falseIncidents)).toBeLessThanOrEqual(1);
    expect(first!.clearDelayMinutes.median).toBeLessThanOrEqual(3);
    expect(rest!.clearDelayMinutes.median).toBeLessThanOrEqual(2);
  }, 60_000);

  it('lists mistakes when asked to', async () => {
    expect(await runCli([...SMALL, '--method', 'ratio', '--mistakes'])).toBe(0);
    expect(out).toMatch(/^missed · 2026-01-\d\dT.* · \w+ × [\d.]+ for \d+ min on \d/m);
  });

  it.each([
    ['--days', '29'],
    ['--days', '0'],
    ['--endpoints', '1.5'],
    ['--method', 'magic'],
  ])('refuses %s %s', async (flag, value) => {
    expect(await runCli(['bench', 'detect', flag, value])).toBe(2);
  });
});
