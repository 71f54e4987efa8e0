import { describe, expect, it } from 'vitest';
import { cutFaultFree } from '../../src/bench/rca-fault-free.ts';

const PERIOD = { fromUs: 1000, toUs: 2000 };

function lengthOf({ fromUs, toUs }: { readonly fromUs: number; readonly toUs: number }): number {
  return toUs - fromUs;
}

describe('cutFaultFree()', () => {
  it('cuts a period into windows that do not overlap, each beside the longer rest', () => {
    const cut = cutFaultFree(PERIOD, { windowUs: 300, countMax: 10 });
    expect(cut).toEqual([
      { window: { fromUs: 1000, toUs: 1300 }, reference: { fromUs: 1300, toUs: 2000 } },
      { window: { fromUs: 1300, toUs: 1600 }, reference: { fromUs: 1600, toUs: 2000 } },
      { window: { fromUs: 1600, toUs: 1900 }, reference: { fromUs: 1000, toUs: 1600 } },
    ]);
  });

  it.each([
    ['shorter than two windows', 501],
    ['as long as one window', 1000],
    ['shorter than one window', 5000],
  ])('cuts a period %s into halves', (_, windowUs) => {
    const cut = cutFaultFree(PERIOD, { windowUs, countMax: 10 });
    expect(cut.map(({ window }) => window)).toEqual([
      { fromUs: 1000, toUs: 1500 },
      { fromUs: 1500, toUs: 2000 },
    ]);
  });

  it('spreads a limited number of windows from the first place to the last', () => {
    const cut = cutFaultFree(PERIOD, { windowUs: 10, countMax: 4 });
    expect(cut.map(({ window }) => window.fromUs)).toEqual([1000, 1330, 1660, 1990]);
  });

  it('never compares a window with itself and never with less than it has', () => {
    for (const windowUs of [7, 50, 333, 499, 500, 800]) {
      for (const { window, reference } of cutFaultFree(PERIOD, { windowUs, countMax: 50 })) {
        expect(window.toUs <= reference.fromUs || reference.toUs <= window.fromUs).toBe(true);
        expect(reference.fromUs).toBeGreaterThanOrEqual(PERIOD.fromUs);
        expect(reference.toUs).toBeLessThanOrEqual(PERIOD.toUs);
        expect(lengthOf(reference)).toBeGreaterThanOrEqual(lengthOf(window));
      }
    }
  });
});
