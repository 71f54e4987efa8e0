import { expect, test } from 'vitest';
import type { Picture } from '../../src/model/anomaly.ts';
import { pictureSvg } from '../../src/report/picture-svg.ts';

const MINUTE_US = 60_000_000;
const FROM_US = 1_751_364_000_000_000; // 2025-07-01T10:00:00Z
const options = { onsetUs: FROM_US + 3 * MINUTE_US };

function pictureOf(values: readonly (number | null)[], part: Partial<Picture> = {}): Picture {
  const flat = (value: number) => new Array<number>(values.length).fill(value);
  return {
    fromUs: FROM_US,
    stepUs: MINUTE_US,
    unit: 'us',
    values,
    expected: flat(100_000),
    low: flat(80_000),
    high: flat(120_000),
    ...part,
  };
}

const drawn = (picture: Picture) => pictureSvg(picture, options)?.markup ?? '';

test('Values outside the band are marked, and only those', () => {
  const svg = drawn(pictureOf([100_000, 90_000, 119_000, 300_000, 40_000]));
  expect(svg.match(/<circle/g)).toHaveLength(2);
  expect(svg).toContain('class="onset"');
  expect(svg).toContain('>300 ms<');
  expect(svg).toContain('>40 ms<');
  expect(svg).toContain('>10:00<');
  expect(svg).toContain('>10:04<');
});

test('A minute without a value leaves a hole in the line', () => {
  const svg = drawn(pictureOf([1, 2, null, 3, 4], { unit: '{thing}' }));
  expect(svg.match(/<polyline class="value"/g)).toHaveLength(2);
});

test('Higher values are drawn higher, in a linear and in a logarithmic scale', () => {
  for (const top of [300, 300_000]) {
    const svg = drawn(pictureOf([100, 200, top], { low: [], high: [], expected: [] }));
    const points = /class="value" points="([^"]*)"/.exec(svg)?.[1]?.split(' ') ?? [];
    const ys = points.map((point) => Number(point.split(',')[1]));
    expect(ys).toHaveLength(3);
    expect(ys[0]).toBeGreaterThan(ys[1]!);
    expect(ys[1]).toBeGreaterThan(ys[2]!);
  }
});

test('Nothing is drawn of a single value, and a constant divides by nothing', () => {
  expect(pictureSvg(pictureOf([5, null]), options)).toBeUndefined();
  expect(
    drawn(pictureOf([0, 0, 0], { expected: [0, 0, 0], low: [0, 0, 0], high: [0, 0, 0] })),
  ).not.toMatch(/NaN|Infinity/);
});

test('The title is escaped; a file brings its colours, a part of a page does not', () => {
  expect(drawn(pictureOf([1, 2]))).not.toContain('<style>');
  const file = pictureSvg(pictureOf([1, 2]), { ...options, title: 'p95 <rose>' })?.markup ?? '';
  expect(file).toContain('p95 &lt;rose&gt;');
  expect(file).toContain('<style>');
  expect(file).toContain('xmlns="http://www.w3.org/2000/svg"');
});
