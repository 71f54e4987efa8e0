/** What an Alertmanager is due to be told, and when. */
import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../../src/base/limits.ts';
import { US_PER_MS } from '../../../src/base/time.ts';
import { Outbox, type OutgoingAlert } from '../../../src/plugin/notifiers/outbox.ts';

const RESEND_MS = 60_000;
const RESEND_US = RESEND_MS * US_PER_MS;

function alertOf(key: string, change: Partial<OutgoingAlert> = {}): OutgoingAlert {
  return {
    key,
    labels: { alertname: 'TaprootIncident', taproot_incident: key },
    annotations: { summary: 'slow' },
    startsAtUs: 0,
    generatorUrl: 'http://127.0.0.1:4400/reports',
    ...change,
  };
}

function createOutbox() {
  const drops: number[] = [];
  const outbox = new Outbox({ resendMs: RESEND_MS, onDrop: (count) => drops.push(count) });
  const dueKeys = (nowUs: number) => outbox.takeDue(nowUs).map(({ key }) => key);
  return { outbox, drops, dueKeys };
}

describe('Outbox', () => {
  test('an alert is due at once, and again when the time to repeat it has come', () => {
    const { outbox, dueKeys } = createOutbox();
    outbox.put(alertOf('a'), 10);
    expect(outbox.nextDueUs()).toBe(10);
    outbox.confirm(outbox.takeDue(10), 20);
    expect(dueKeys(20 + RESEND_US - 1)).toEqual([]);
    expect(dueKeys(20 + RESEND_US)).toEqual(['a']);
    expect(outbox.nextDueUs()).toBe(20 + RESEND_US);
  });

  test('an alert that was not confirmed stays due', () => {
    const { outbox, dueKeys } = createOutbox();
    outbox.put(alertOf('a'), 10);
    outbox.takeDue(10);
    expect(dueKeys(11)).toEqual(['a']);
  });

  test('put again unchanged it is not due, changed it is', () => {
    const { outbox, dueKeys } = createOutbox();
    outbox.put(alertOf('a'), 10);
    outbox.confirm(outbox.takeDue(10), 10);
    outbox.put(alertOf('a'), 20);
    expect(dueKeys(20)).toEqual([]);
    outbox.put(alertOf('a', { annotations: { summary: 'slow, because …' } }), 30);
    expect(dueKeys(30)).toEqual(['a']);
  });

  test('what changed while its request was under way stays due', () => {
    const { outbox } = createOutbox();
    outbox.put(alertOf('a'), 10);
    const sent = outbox.takeDue(10);
    outbox.put(alertOf('a', { endedAtUs: 15 }), 15);
    outbox.confirm(sent, 20);
    expect(outbox.takeDue(20)).toEqual([alertOf('a', { endedAtUs: 15 })]);
  });

  test('an end is told once', () => {
    const { outbox } = createOutbox();
    outbox.put(alertOf('a', { endedAtUs: 5 }), 10);
    outbox.confirm(outbox.takeDue(10), 10);
    expect(outbox.size).toBe(0);
    expect(outbox.nextDueUs()).toBeUndefined();
  });

  test('an end that nobody takes is dropped and counted when the alert has run out by itself', () => {
    const { outbox, drops, dueKeys } = createOutbox();
    outbox.put(alertOf('a', { endedAtUs: 5 }), 0);
    outbox.put(alertOf('b'), 0);
    const keptUs = LIMITS.alertEndsKeptMs * US_PER_MS;
    expect(dueKeys(keptUs - 1)).toEqual(['a', 'b']);
    expect(dueKeys(keptUs)).toEqual(['b']);
    expect(drops).toEqual([1]);
  });

  test('a full outbox drops and counts new alerts and keeps those it has up to date', () => {
    const { outbox, drops } = createOutbox();
    for (let index = 0; index < LIMITS.alertsOutMax; index++) outbox.put(alertOf(`${index}`), 0);
    outbox.put(alertOf('one more'), 0);
    outbox.put(alertOf('0', { endedAtUs: 1 }), 1);
    expect(outbox.size).toBe(LIMITS.alertsOutMax);
    expect(drops).toEqual([1]);
  });

  test('a request holds a bounded number, those that wait longest first', () => {
    const { outbox, dueKeys } = createOutbox();
    for (let index = 0; index <= LIMITS.alertsPerPostMax; index++) {
      outbox.put(alertOf(`${index}`), 1000 - index);
    }
    const keys = dueKeys(1000);
    expect(keys).toHaveLength(LIMITS.alertsPerPostMax);
    expect(keys[0]).toBe(`${LIMITS.alertsPerPostMax}`);
    expect(keys).not.toContain('0');
  });
});
