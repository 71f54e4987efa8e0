import { describe, expect, it } from 'vitest';
import { createStoreContext, runStoreProbe } from '../../../src/plugin/probes/store-probe.ts';
import { type Call, type Series, sceneOf } from '../../rulebook/scene.ts';

/** 15 stretches of 10 requests; `ms` by stretch. The scene's points lie at the window's begin: moved apart. */
function sceneWith(ms: readonly number[], series: readonly Series[]) {
  const traces = ms.flatMap((duration) =>
    Array.from(
      { length: 10 },
      (_, index): Call => ({ name: 'r', service: 'web', ms: duration + index, anomalous: true }),
    ),
  );
  const scene = sceneOf({ window: { traces, series } });
  const { range } = scene.window;
  for (const { timesUs } of scene.window.series) {
    const stepUs = (range.toUs - range.fromUs) / timesUs.length;
    timesUs.forEach((_, at) => {
      timesUs[at] = range.fromUs + (at + 0.5) * stepUs;
    });
  }
  return {
    ...scene,
    reference: sceneOf({ window: { traces: traces.slice(0, 20) } }).window,
  };
}

const RISING = Array.from({ length: 15 }, (_, at) => 100 + 20 * at);
const cpu = (service: string, values: readonly number[]): Series => ({
  name: 'cpu',
  service,
  values,
});
const ask = (scene: ReturnType<typeof sceneWith>) =>
  runStoreProbe(
    { kind: 'dose', service: 'web', metric: 'cpu' },
    createStoreContext({ ...scene, reference: undefined }, []),
  );

describe('dose and response', () => {
  it('confirms what requests follow, with the placebos that do so as well', () => {
    // Without a reference the usual duration is that of good requests, of which the scene needs some.
    const calm = RISING.map((_, at) => (at % 3 === 0 ? 1 : at % 3));
    const scene = sceneWith(RISING, [cpu('web', RISING), cpu('db', calm), cpu('mail', RISING)]);
    const result = runStoreProbe(
      { kind: 'dose', service: 'web', metric: 'cpu' },
      createStoreContext(withGood(scene), []),
    );
    expect(result.outcome, result.observed.en).toBe('confirm');
    expect(result.observed.en).toMatch(
      /ρ = 1 \[1\.00, 1\.00\], n = 15; of other services' .* 1\/2/,
    );
    expect(result.placebo).toEqual({ confirmed: 1, tried: 2 });
    expect(result.weight).toBeCloseTo(Math.log(1 / 0.5), 1);
  });

  it('refutes what falls while requests get worse', () => {
    const scene = sceneWith(RISING, [cpu('web', [...RISING].reverse())]);
    const result = runStoreProbe(
      { kind: 'dose', service: 'web', metric: 'cpu' },
      createStoreContext(withGood(scene), []),
    );
    expect(result.outcome).toBe('refute');
  });

  it('says why it cannot tell: too few points', () => {
    const result = ask(sceneWith(RISING, [cpu('web', [1, 2, 3])]));
    expect(result.outcome).toBe('inconclusive');
    expect(result.observed.en).toMatch(/^Only \d stretches of time have both cpu and requests/);
  });
});

/** The same scene in which every other request is sound: what is usual is known. */
function withGood(scene: ReturnType<typeof sceneWith>) {
  const { clustering } = scene;
  const half = clustering.anomalousRows.filter((row) => row % 2 === 0);
  return {
    ...scene,
    reference: undefined,
    clustering: { ...clustering, anomalousRows: half, anomalousTraces: half },
  };
}
