import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RecentTexts } from '../../src/otlp/recent-texts.ts';

test('RecentTexts finds equal texts and nothing else', () => {
  // Few different bytes, so that sizes, heads, middles and tails collide often.
  const letter = fc.constantFrom(97, 97, 97, 97, 97, 98);
  const text = fc.array(letter, { minLength: 4, maxLength: 18, size: 'max' });
  let hitCount = 0;
  fc.assert(
    fc.property(fc.array(text, { minLength: 20, maxLength: 60, size: 'max' }), (texts) => {
      const body = Uint8Array.from(texts.flat());
      const recent = new RecentTexts(new DataView(body.buffer));
      const idByText = new Map<string, number>();
      let start = 0;
      for (const bytes of texts) {
        const end = start + bytes.length;
        const key = bytes.join();
        const found = recent.find(start, end);
        if (found >= 0) {
          hitCount++;
          expect(found).toBe(idByText.get(key));
        } else {
          const id = idByText.get(key) ?? idByText.size + 1;
          idByText.set(key, id);
          recent.remember(start, end, id);
        }
        start = end;
      }
    }),
    { seed: 20_240_602, numRuns: 300 },
  );
  expect(hitCount).toBeGreaterThan(100);
});
