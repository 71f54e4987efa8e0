/** The demo's users: the same seed gives the same messages, in the shares and at the rate that are promised. */
import { describe, expect, test } from 'vitest';
import { classify } from '../../examples/node-bot/src/intent.ts';
import { buildEvent, dayShape } from '../../examples/node-bot/src/load.ts';
import { createRandom } from '../../examples/node-bot/src/random.ts';
import { CANARY, variantOf } from '../../examples/node-bot/src/variant.ts';

function eventsOf(seed: number, count: number) {
  const random = createRandom(seed);
  return Array.from({ length: count }, (_, number) => buildEvent(random, number));
}

describe('load', () => {
  test('buildEvent() repeats itself with the same seed and differs with another', () => {
    expect(eventsOf(7, 50)).toEqual(eventsOf(7, 50));
    expect(eventsOf(7, 50)).not.toEqual(eventsOf(8, 50));
  });

  test('buildEvent() asks for the four skills in their shares', () => {
    const counts = new Map<string, number>();
    const events = eventsOf(1, 4000);
    for (const { event } of events) {
      const { name } = classify(event['text'] ?? '');
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    const share = (name: string) => (counts.get(name) ?? 0) / events.length;
    expect(share('order.status')).toBeCloseTo(0.4, 1);
    expect(share('weather.query')).toBeCloseTo(0.3, 1);
    expect(share('product.faq')).toBeCloseTo(0.2, 1);
    expect(share('small.talk')).toBeCloseTo(0.1, 1);
  });

  test('about a fifth of the conversations see the canary, each always the same version', () => {
    const conversations = [
      ...new Set(eventsOf(1, 4000).map(({ event }) => event['conversation_id'] ?? '')),
    ];
    const canaries = conversations.filter((id) => variantOf(id) === CANARY);
    expect(canaries.length / conversations.length).toBeGreaterThan(0.15);
    expect(canaries.length / conversations.length).toBeLessThan(0.25);
  });

  test('dayShape() has mean 1 over a day and stays positive', () => {
    const samples = Array.from({ length: 1000 }, (_, index) => dayShape(index / 1000));
    const mean = samples.reduce((sum, value) => sum + value, 0) / samples.length;
    expect(mean).toBeCloseTo(1, 6);
    expect(Math.min(...samples)).toBeGreaterThan(0.5);
    expect(Math.max(...samples)).toBeLessThan(1.5);
  });

  test('latencyMs() has the median it was asked for', () => {
    const random = createRandom(3);
    const sorted = Array.from({ length: 4001 }, () => random.latencyMs(20)).sort((a, b) => a - b);
    expect(sorted[2000]).toBeGreaterThan(19);
    expect(sorted[2000]).toBeLessThan(21);
  });
});
