import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addBenchAnomaly, scoreSet } from '../../src/cli/bench-anomaly.ts';

const SET = join(import.meta.dirname, '../fixture/nab');
/** 2014-04-11 09:00, when the plateau is twice as high as on the ten days before. */
const JUMP_ROW = 2988;

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'taproot-anomaly-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function writeSeries(text: string): void {
  mkdirSync(join(dir, 'data', 'group'), { recursive: true });
  writeFileSync(join(dir, 'data', 'group', 'one.csv'), text);
}

describe('scoreSet()', () => {
  it('finds the day on which a daily plateau is too high', () => {
    const [scored] = scoreSet(SET);
    const scores = scored?.scores ?? [];
    const top = scores.indexOf(Math.max(...scores.slice(750)));
    expect(top).toBeGreaterThanOrEqual(JUMP_ROW);
    expect(top).toBeLessThan(JUMP_ROW + 12);
  });

  it('scores a row from it and those before it only', () => {
    const rows = readFileSync(join(SET, 'data/artificialWithAnomaly/art_daily_jumpsup.csv'), 'utf8')
      .trim()
      .split('\n');
    writeSeries(rows.slice(0, 2001).join('\n'));
    expect(scoreSet(dir)[0]?.scores).toEqual(scoreSet(SET)[0]?.scores.slice(0, 2000));
  });

  it('scores repeated timestamps as rows of their own', () => {
    writeSeries('timestamp,value\n2014-04-01 00:00:00,1\n2014-04-01 00:00:00,2\n');
    expect(scoreSet(dir)[0]?.scores).toHaveLength(2);
  });

  it.each([
    ['another column', 'time,value\n2014-04-01 00:00:00,1\n', 'line 1'],
    ['a value that is no number', 'timestamp,value\n2014-04-01 00:00:00,x\n', 'line 2'],
    ['an empty value', 'timestamp,value\n2014-04-01 00:00:00,\n', 'line 2'],
    ['a time that is none', 'timestamp,value\nyesterday,1\n', 'line 2'],
  ])('rejects %s', (_, text, where) => {
    writeSeries(text);
    expect(() => scoreSet(dir)).toThrow(where);
  });

  it('rejects a folder without series', () => {
    expect(() => scoreSet(dir)).toThrow('there is no folder');
  });
});

describe('taproot bench anomaly', () => {
  it('writes one line a series, with its path and as many scores as rows', async () => {
    const program = new Command();
    addBenchAnomaly(program);
    const out = join(dir, 'deep', 'scores.jsonl');
    await program.parseAsync(['node', 'taproot', 'anomaly', SET, '--out', out]);
    const lines = readFileSync(out, 'utf8').trim().split('\n');
    expect(lines).toHaveLength(1);
    const { series, scores } = JSON.parse(lines[0] ?? '') as { series: string; scores: number[] };
    expect(series).toBe('artificialWithAnomaly/art_daily_jumpsup.csv');
    expect(scores).toHaveLength(3100);
    expect(scores.every((score) => score >= 0 && score <= 1)).toBe(true);
  });
});
