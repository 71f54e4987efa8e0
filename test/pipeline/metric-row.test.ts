import { expect, it } from 'vitest';
import { US_PER_MINUTE } from '../../src/base/time.ts';
import { addToEnvelope, crestBefore, hourMinima } from '../../src/baseline/metric-envelope.ts';
import { MetricRow } from '../../src/pipeline/metric-row.ts';
import { SERIES_WIDTH, stepSeries } from '../../src/pipeline/series-watch.ts';
import { NORMAL_SHAPES } from '../build/metric-shapes.ts';
import { createRandom } from '../build/random.ts';

const START_MINUTE = 3_000_000 - (3_000_000 % 1440);
const MINUTES = 9 * 1440;

it.each(['dailyCpu', 'disk'])('A packed row of %s says what one of 32 bits says', (kind) => {
  const { next } = NORMAL_SHAPES[kind]!(createRandom(8));
  const row = new MetricRow();
  const words = new Int32Array(row.packing.packedWidth);
  const plain = { model: new Float32Array(SERIES_WIDTH), envelope: row.envelope.slice() };
  let apart = 0;
  let noise = 0;
  let llrApart = 0;
  for (let minute = 0; minute < MINUTES; minute++) {
    const value = next(minute);
    const at = { minute: START_MINUTE + minute, value };
    const point = { timeUs: at.minute * US_PER_MINUTE, value };
    for (const part of row.packing.parts) part.unpack(words, 0);
    addToEnvelope(row.envelope, at);
    addToEnvelope(plain.envelope, at);
    const said = stepSeries(row.model, point);
    const meant = stepSeries(plain.model, point);
    for (const part of row.packing.parts) part.pack(words, 0);
    if (minute < 1440) continue;
    apart += Math.abs(said.expected - meant.expected);
    noise += Math.abs(value - meant.expected);
    llrApart = Math.max(llrApart, Math.abs(said.llr - meant.llr));
  }
  expect(apart / noise).toBeLessThan(0.02);
  expect(llrApart).toBeLessThan(1);
  const crest = crestBefore(plain.envelope, 1);
  expect(Math.abs(crestBefore(row.envelope, 1) - crest) / crest).toBeLessThan(2 ** -8);
  for (const [hour, minimum] of hourMinima(plain.envelope).entries()) {
    expect(Math.abs(hourMinima(row.envelope)[hour]! - minimum)).toBeLessThan(minimum * 2 ** -15);
  }
});
