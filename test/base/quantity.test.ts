/** Every number that a reader sees passes here: sizes at the edges of units, and what is no number. */
import { describe, expect, test } from 'vitest';
import {
  formatNumber,
  formatP,
  formatPercent,
  formatQuantity,
  formatUs,
} from '../../src/base/quantity.ts';

describe('formatNumber()', () => {
  test.each([
    [0, '0'],
    [0.08123, '0.0812'],
    [96, '96'],
    [999.4, '999'],
    [999.6, '1,000'],
    [1380.4, '1,380'],
    [2_827_000, '2,827,000'],
    [-1234.5, '-1,235'],
    [Number.NaN, '–'],
    [Number.POSITIVE_INFINITY, '–'],
  ])('%d → %s', (value, shown) => {
    expect(formatNumber(value)).toBe(shown);
  });
});

describe('formatPercent()', () => {
  test.each([
    [0, '0 %'],
    [0.0004, '<0.1 %'],
    [0.0021, '0.21 %'],
    [0.0743, '7.4 %'],
    [0.889, '88.9 %'],
    [0.99951, '>99.9 %'],
    [1, '100 %'],
    [12, '1,200 %'],
    [Number.NaN, '–'],
  ])('%d → %s', (ratio, shown) => {
    expect(formatPercent(ratio)).toBe(shown);
  });
});

describe('formatP()', () => {
  test.each([
    [1, 'p = 1'],
    [0.0018, 'p = 0.0018'],
    [0.0001234, 'p = 1e-4'],
    [1e-13, 'p < 1e-12'],
    [0, 'p < 1e-12'],
  ])('%d → %s', (p, shown) => {
    expect(formatP(p)).toBe(shown);
  });
});

describe('formatUs()', () => {
  test.each([
    [0, '0 µs'],
    [51.41, '51.4 µs'],
    [999.6, '1 ms'],
    [12_340, '12.3 ms'],
    [999_600, '1 s'],
    [2_469_000, '2.47 s'],
    [119_600_000, '2 min 0 s'],
    [137_000_000, '2 min 17 s'],
    [-2000, '-2 ms'],
    [Number.NaN, '–'],
  ])('%d → %s', (us, shown) => {
    expect(formatUs(us)).toBe(shown);
  });
});

describe('formatQuantity()', () => {
  test.each([
    [0.0000265, 's', '26.5 µs'],
    [0, 's', '0 s'],
    [2500, 'ms', '2.5 s'],
    [4, '{connection}', '4'],
    [1380, '{request}/s', '1,380/s'],
    [3_145_728, 'By', '3 MiB'],
    [0.25, '1', '0.25'],
    [97, '%', '97 %'],
    [3, '', '3'],
    [Number.NaN, 'ms', '–'],
  ])('%d in "%s" → %s', (value, unit, shown) => {
    expect(formatQuantity(value, unit)).toBe(shown);
  });
});
