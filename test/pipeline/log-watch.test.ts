/** The log watch: what opens, what does not, how episodes go on and end, and what survives a restart. */
import { describe, expect, test } from 'vitest';
import { US_PER_MINUTE } from '../../src/base/time.ts';
import type { Anomaly } from '../../src/model/anomaly.ts';
import type { LogTemplate } from '../../src/model/tally.ts';
import type { TemplateMinute, Watch } from '../../src/model/watch.ts';
import { createLogWatch } from '../../src/pipeline/log-watch.ts';
import { OVERFLOW_TEMPLATE } from '../../src/tally/template.ts';
import { MONTH_START_US, makeLogMonth } from '../build/log-month.ts';

const SEVERITY = { info: 9, warn: 13, error: 17 };

/** Errors begin with "e", warnings with "w". */
function severityOf(templateId: string): number {
  if (templateId.startsWith('e')) return SEVERITY.error;
  return templateId.startsWith('w') ? SEVERITY.warn : SEVERITY.info;
}

/** Lines of a minute by template id. */
type Lines = Readonly<Record<string, number>>;

class Scene {
  readonly watch: Watch<TemplateMinute>;
  minute: number;
  readonly #templates = new Map<string, LogTemplate>();

  constructor(options: { readonly watch?: Watch<TemplateMinute>; readonly minute?: number } = {}) {
    this.watch = options.watch ?? createLogWatch();
    this.minute = options.minute ?? 0;
  }

  /** Anomalies of so many minutes. */
  run(minutes: number, linesAt: (minute: number) => Lines): Anomaly[] {
    const found: Anomaly[] = [];
    for (let end = this.minute + minutes; this.minute < end; this.minute++) {
      found.push(...this.watch.step(this.minuteOf(linesAt(this.minute))));
    }
    return found;
  }

  minuteOf(lines: Lines, options: Pick<TemplateMinute, 'changes'> = {}): TemplateMinute {
    const minuteUs = MONTH_START_US + this.minute * US_PER_MINUTE;
    const tallies = Object.entries(lines).filter(([, count]) => count > 0);
    for (const [templateId] of tallies) {
      if (this.#templates.has(templateId)) continue;
      const text = templateId === 'overflow' ? OVERFLOW_TEMPLATE : `line ${templateId}`;
      this.#templates.set(templateId, { templateId, service: 'bot', text, firstSeenUs: minuteUs });
    }
    return {
      minuteUs,
      templates: this.#templates,
      tallies: tallies.map(([templateId, count]) => ({
        ...{ templateId, service: 'bot', minuteUs, count },
        severityMax: severityOf(templateId),
      })),
      ...options,
    };
  }
}

/** Two regular templates, a job every quarter of an hour, an error every two hours. */
const usual = (minute: number): Lines => ({
  a: 40 + ((minute * 7) % 11),
  b: 20 + ((minute * 5) % 7),
  job: minute % 15 === 3 ? 30 : 0,
  e: minute % 120 === 50 ? 1 : 0,
});

const DAY = 1440;

/** Stands on the template's last anomaly. */
function lastOf(found: readonly Anomaly[], templateId: string): Anomaly | undefined {
  return found.filter((anomaly) => anomaly.templateId === templateId).at(-1);
}

describe('createLogWatch()', () => {
  test('keeps no more rows than it may, and says so', () => {
    const watch = createLogWatch({ rowsMax: 3 });
    const scene = new Scene({ watch });
    scene.run(2, () => ({ a: 1, b: 1, c: 1, d: 1 }));
    // one of the rows is the service's
    expect([watch.state.size, watch.leftOutCount]).toEqual([3, 2]);
    scene.run(1, () => ({ a: 1 }));
    expect(watch.leftOutCount).toBe(0);
  });

  test('says nothing of four usual days', () => {
    expect(new Scene().run(4 * DAY, usual)).toEqual([]);
  });

  test('opens a burst within three minutes, from its first minute, and ends it', () => {
    const scene = new Scene();
    scene.run(3 * DAY, usual);
    const start = scene.minute;
    const opened = scene.run(20, (minute) => ({ ...usual(minute), b: 300 }));
    const [first] = opened;
    expect(first).toMatchObject({ templateId: 'b', direction: 'up', status: 'open', value: 300 });
    expect(first!.range.fromUs).toBe(MONTH_START_US + start * US_PER_MINUTE);
    expect(first!.detectedUs! - first!.range.fromUs).toBeLessThanOrEqual(3 * US_PER_MINUTE);
    const picture = first!.picture!;
    expect(picture).toMatchObject({ stepUs: US_PER_MINUTE, unit: 'lines/min' });
    expect(picture.values).toHaveLength(60);
    expect(picture.values.at(-1)).toBe(300);
    expect(picture.fromUs + 60 * US_PER_MINUTE).toBe(first!.detectedUs);
    expect(picture.high.at(-1)).toBeLessThan(100);
    const after = scene.run(30, usual);
    expect(after).toMatchObject([
      { anomalyId: first!.anomalyId, status: 'closed', end: 'recovered' },
    ]);
  });

  test('does not take more traffic for a burst: shares stay', () => {
    const scene = new Scene();
    scene.run(3 * DAY, usual);
    const found = scene.run(60, (minute) => ({ a: 160 + (minute % 9), b: 80 + (minute % 5) }));
    expect(found.filter(({ direction }) => direction === 'up')).toEqual([]);
  });

  test('opens a new error at once when it has many lines', () => {
    const scene = new Scene();
    scene.run(DAY, usual);
    const [first] = scene.run(1, (minute) => ({ ...usual(minute), 'e-new': 25 }));
    expect(first).toMatchObject({ templateId: 'e-new', direction: 'new', n: 25 });
  });

  test('does not open one new error line, nor a new line of a deploy', () => {
    const scene = new Scene();
    scene.run(DAY, usual);
    expect(
      scene.run(60, (minute) => ({ ...usual(minute), 'e-once': minute === DAY ? 1 : 0 })),
    ).toEqual([]);
    const timeUs = MONTH_START_US + scene.minute * US_PER_MINUTE;
    const deploy = {
      changeId: 'c',
      timeUs,
      kind: 'deploy',
      service: 'bot',
      description: '',
      attributes: {},
    } as const;
    scene.watch.step(scene.minuteOf(usual(scene.minute), { changes: [deploy] }));
    scene.minute++;
    expect(scene.run(DAY, (minute) => ({ ...usual(minute), n: 60 }))).toEqual([]);
  });

  test('misses a regular template while the service goes on, and not when all is silent', () => {
    const scene = new Scene();
    scene.run(3 * DAY, usual);
    expect(scene.run(60, () => ({}))).toEqual([]);
    scene.run(60, usual);
    const found = scene.run(60, (minute) => ({ ...usual(minute), b: 0 }));
    expect(found).toMatchObject([{ templateId: 'b', direction: 'down', status: 'open', value: 0 }]);
    expect(scene.run(5, usual)).toMatchObject([{ templateId: 'b', end: 'recovered' }]);
  });

  test('accepts a burst that lasts a day, and judges from there', () => {
    const scene = new Scene();
    scene.run(3 * DAY, usual);
    const found = scene.run(2 * DAY, (minute) => ({ ...usual(minute), b: 300 + (minute % 9) }));
    expect(lastOf(found, 'b')).toMatchObject({ status: 'closed', end: 'accepted' });
    expect(new Set(found.map(({ anomalyId }) => anomalyId)).size).toBe(1);
  });

  test('tells of a nightly job of warnings at most twice, from whatever day it runs', () => {
    const scene = new Scene();
    scene.run(5 * DAY, usual);
    const found = scene.run(6 * DAY, (minute) => ({
      ...usual(minute),
      'w-job': minute % DAY >= 100 && minute % DAY < 120 ? 60 + (minute % 9) : 0,
    }));
    expect(new Set(found.map(({ anomalyId }) => anomalyId)).size).toBeLessThanOrEqual(2);
    const seventhDayUs = MONTH_START_US + 7 * DAY * US_PER_MINUTE;
    expect(found.filter(({ range }) => range.fromUs >= seventhDayUs)).toEqual([]);
  });

  test('leaves the overflow template out', () => {
    const scene = new Scene();
    scene.run(DAY, usual);
    expect(scene.run(30, (minute) => ({ ...usual(minute), overflow: 5000 }))).toEqual([]);
  });

  test('goes on after a restart as if there had been none', () => {
    const one = new Scene();
    one.run(3 * DAY, usual);
    const burst = (minute: number) => ({ ...usual(minute), b: 300 });
    const open = one.run(10, burst);
    const watch = createLogWatch();
    for (let chunk = 0; chunk < 3; chunk++) watch.state.decode(one.watch.state.encode(chunk, 3));
    watch.resume(open.slice(-1));
    const other = new Scene({ watch, minute: one.minute });
    const rest = (scene: Scene) => [...scene.run(10, burst), ...scene.run(30, usual)];
    expect(rest(other)).toEqual(rest(one));
  });

  test('of simulated services with faults in them finds nearly all, and little else', () => {
    const month = makeLogMonth({ seed: 3, services: 4, templates: 30, days: 5, faults: 4 });
    const watch = createLogWatch();
    const found = new Map<string, Anomaly>();
    for (const minute of month.minutes()) {
      for (const anomaly of watch.step(minute)) found.set(anomaly.anomalyId, anomaly);
    }
    const isHit = (anomaly: Anomaly, fault: (typeof month.faults)[number]) => {
      const minute = (anomaly.range.fromUs - MONTH_START_US) / US_PER_MINUTE;
      return (
        anomaly.templateId === fault.templateId && minute >= fault.from - 3 && minute < fault.to
      );
    };
    const anomalies = [...found.values()];
    const hits = month.faults.filter((fault) => anomalies.some((anomaly) => isHit(anomaly, fault)));
    const others = anomalies.filter(
      (anomaly) => !month.faults.some((fault) => isHit(anomaly, fault)),
    );
    expect(hits.length / month.faults.length).toBeGreaterThanOrEqual(0.9);
    expect(others.length).toBeLessThanOrEqual(1);
  }, 60_000);
});
