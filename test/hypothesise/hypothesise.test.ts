/** Scenarios with known truth and known distractors, from the shop and from metrics alone. */
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { clusterSpans } from '../../src/cluster/cluster.ts';
import { hypothesise } from '../../src/hypothesise/hypothesise.ts';
import type { ChangeEvent } from '../../src/model/anomaly.ts';
import type { Hypothesis } from '../../src/model/hypothesis.ts';
import type { Collected } from '../../src/model/investigation.ts';
import { loadRulebook } from '../../src/rulebook/rulebook.ts';
import { createRandom, shuffled } from '../build/random.ts';
import { DATABASE, type Fault, type Request, shopTraffic } from '../build/shop.ts';
import {
  buildCollected,
  buildSeries,
  REFERENCE_RANGE,
  type SpanLiteral,
  WINDOW_RANGE,
} from '../build/span-table.ts';

const NO_RULES = {
  rulebook: { rules: [], rulesHash: '' },
  probes: { services: {}, timeoutMs: 5000 },
};

function hypothesesOf(collected: Collected): Hypothesis[] {
  return hypothesise({ ...collected, clustering: clusterSpans(collected) }, NO_RULES);
}

function reference(dress?: (request: Request) => void): SpanLiteral[] {
  const common = { seed: 1, requests: 200, fromUs: REFERENCE_RANGE.fromUs };
  return shopTraffic(dress ? { ...common, dress } : common);
}

function windowWith(fault: Fault, dress?: (request: Request) => void): SpanLiteral[] {
  const common = { seed: 2, requests: 200, fromUs: WINDOW_RANGE.fromUs, fault };
  return shopTraffic(dress ? { ...common, dress } : common);
}

function investigate(fault: Fault, dress?: (request: Request) => void): Hypothesis[] {
  return hypothesesOf(
    buildCollected({
      window: { spans: windowWith(fault, dress) },
      reference: { spans: reference(dress) },
    }),
  );
}

/** Requests that call an LLM; every second one is refused so many times before it is answered. */
function retriedTraffic(options: {
  readonly fromUs: number;
  readonly retries: number;
  readonly error?: string;
  readonly backOffUs?: number;
}): SpanLiteral[] {
  const callUs = 5000;
  return Array.from({ length: 60 }, (_, index): SpanLiteral[] => {
    const trace = (options.fromUs + index).toString(16).padStart(32, '0');
    const retries = index % 2 === 0 ? options.retries : 0;
    const startUs = options.fromUs + index * 5_000_000;
    const backOffUs = options.backOffUs ?? 0;
    const answer: SpanLiteral = {
      trace,
      id: 'answer',
      service: 'bot',
      operation: 'answer',
      kind: 'server',
      startUs,
      durationUs: 20_000 + index * 10 + retries * (callUs + backOffUs),
    };
    const chats = Array.from({ length: retries + 1 }, (_, attempt): SpanLiteral => {
      const isRefused = attempt < retries;
      return {
        trace,
        id: `chat ${attempt}`,
        parent: 'answer',
        service: 'bot',
        operation: 'chat',
        kind: 'client',
        startUs: startUs + 2000 + attempt * (callUs + backOffUs),
        durationUs: callUs,
        ...(isRefused && options.error ? { error: options.error } : {}),
      };
    });
    return [answer, ...chats];
  }).flat();
}

describe('hypothesise() from traces', () => {
  it('blames a slow database under three services, not the services or the gateway', () => {
    const [first] = investigate((call) =>
      call.target === DATABASE ? { addUs: 40_000 } : undefined,
    );
    expect(first?.culprit.dependency).toBe(DATABASE);
    expect(first?.kind).toBe('database');
    expect(first?.culprit.operation).toBeUndefined();
    expect(first?.detail?.['callers']).toBe('cart, orders, users');
    expect(first?.posterior).toBeGreaterThan(0.5);
  });

  it('blames one query when only one service sees the database slow', () => {
    const [first] = investigate((call) =>
      call.operation === 'insert order' ? { addUs: 60_000 } : undefined,
    );
    expect(first?.culprit).toEqual({
      service: 'orders',
      operation: 'insert order',
      dependency: DATABASE,
    });
  });

  it('blames own time two calls deep, not its callers', () => {
    const hypotheses = investigate((call, { random }) =>
      call.service === 'payment' && random.next() < 0.3 ? { addUs: 300_000 } : undefined,
    );
    expect(hypotheses[0]?.culprit).toEqual({ service: 'payment', operation: 'charge' });
    expect(hypotheses.map(({ culprit }) => culprit.service)).not.toContain('gateway');
  });

  it('blames the deepest failure, not the callers that fail with it', () => {
    const [first, ...others] = investigate((call, { random }) =>
      call.service === 'payment' && random.next() < 0.2 ? { error: 'CardDeclined' } : undefined,
    );
    expect(first?.culprit.service).toBe('payment');
    expect(first?.kind).toBe('error');
    expect(first?.detail?.['errorType']).toBe('CardDeclined');
    expect(others.filter(({ culprit }) => culprit.service === 'gateway')).toEqual([]);
  });

  it('blames the refusals, not the caller that waits between its attempts', () => {
    const refused = { error: 'TooManyRequests', retries: 2, backOffUs: 150_000 };
    const hypotheses = hypothesesOf(
      buildCollected({
        window: { spans: retriedTraffic({ fromUs: WINDOW_RANGE.fromUs, ...refused }) },
        reference: { spans: retriedTraffic({ fromUs: REFERENCE_RANGE.fromUs, retries: 0 }) },
      }),
    );
    expect(hypotheses[0]?.culprit).toMatchObject({ service: 'bot', operation: 'chat' });
    expect(hypotheses[0]?.detail?.['errorType']).toBe('TooManyRequests');
    expect(hypotheses[0]?.evidence.map(({ statement }) => statement.en).join('\n')).toMatch(
      /(100|9\d(\.\d)?) % of the extra time of bad requests is waiting to try again after bot chat/,
    );
    expect(hypotheses.filter(({ kind }) => kind === 'latency')).toEqual([]);
  });

  it.each([
    ['still blames the call that a request gave up', 3000, 'query'],
    ['blames the request when its call had ended', 100, 'answer'],
  ])('%s', (_caption, queryMs, operation) => {
    const traffic = (fromUs: number, isBad: boolean): SpanLiteral[] =>
      Array.from({ length: 40 }, (_, index): SpanLiteral[] => {
        const trace = (fromUs + index).toString(16).padStart(32, '0');
        const startUs = fromUs + index * 10_000_000;
        const common = { trace, startUs, service: 'bot' };
        const isLate = isBad && index % 2 === 0;
        return [
          {
            ...common,
            id: 'a',
            operation: 'answer',
            kind: 'server',
            durationUs: isLate ? 1_000_000 : 110_000 + index,
            ...(isLate ? { error: 'DeadlineExceeded' } : {}),
          },
          {
            ...common,
            id: 'b',
            parent: 'a',
            operation: 'query',
            durationUs: (isLate ? queryMs : 100) * 1000 + index,
          },
        ];
      }).flat();
    const [first] = hypothesesOf(
      buildCollected({
        window: { spans: traffic(WINDOW_RANGE.fromUs, true) },
        reference: { spans: traffic(REFERENCE_RANGE.fromUs, false) },
      }),
    );
    expect(first?.culprit.operation).toBe(operation);
  });

  it('blames the way between two services when only the gap grew', () => {
    const [first] = investigate((call) =>
      call.operation === 'call payment' ? { addUs: 80_000 } : undefined,
    );
    expect(first?.kind).toBe('network');
    expect(first?.culprit.service).toBe('payment');
    expect(first?.detail).toMatchObject({ from: 'orders', to: 'payment' });
  });

  it('names the version that alone is bad', () => {
    const dress = (request: Request) => {
      request.versions['payment'] = request.index % 4 === 0 ? 'v2' : 'v1';
    };
    const [first] = investigate(
      (call, { versions }) =>
        call.service === 'payment' && versions['payment'] === 'v2' ? { addUs: 200_000 } : undefined,
      dress,
    );
    expect(first?.culprit.service).toBe('payment');
    expect(first?.kind).toBe('deploy');
    expect(first?.culprit.version).toBe('v2');
  });

  it('names the attributes that only the root carries, as a conjunction', () => {
    const dress = (request: Request) => {
      request.attributes['tenant.tier'] = request.random.next() < 0.4 ? 'enterprise' : 'free';
      request.attributes['cache.hit'] = request.random.next() < 0.5 ? 'true' : 'false';
      request.attributes['request.id'] = `r-${request.index}`;
    };
    const [first] = investigate(
      (call, { attributes }) =>
        call.operation === 'charge' &&
        attributes['tenant.tier'] === 'enterprise' &&
        attributes['cache.hit'] === 'false'
          ? { addUs: 200_000 }
          : undefined,
      dress,
    );
    expect(first?.culprit).toEqual({
      service: 'payment',
      operation: 'charge',
      attributes: { 'tenant.tier': 'enterprise', 'cache.hit': 'false' },
    });
  });

  it('suspects the operation that stopped making its calls', () => {
    const [first] = investigate((call) =>
      call.operation === 'POST /order' ? { skipCalls: true } : undefined,
    );
    expect(first?.culprit).toEqual({ service: 'orders', operation: 'POST /order' });
  });

  it('believes little or nothing in a healthy window', () => {
    for (const seed of [11, 12, 13, 14, 15]) {
      const spans = shopTraffic({ seed, requests: 200, fromUs: WINDOW_RANGE.fromUs });
      const hypotheses = hypothesesOf(
        buildCollected({ window: { spans }, reference: { spans: reference() } }),
      );
      const belief = hypotheses.reduce((sum, { posterior }) => sum + posterior, 0);
      expect(belief, `seed ${seed}`).toBeLessThan(0.5);
    }
  });

  it('works without a reference, believes less, and says so', () => {
    const fault: Fault = (call, { random }) =>
      call.service === 'payment' && random.next() < 0.3 ? { addUs: 300_000 } : undefined;
    const [compared] = investigate(fault);
    const [alone] = hypothesesOf(buildCollected({ window: { spans: windowWith(fault) } }));
    expect(alone?.culprit.service).toBe('payment');
    expect(alone?.evidence[0]?.statement.en).toContain('no reference period');
    expect(alone?.score).toBeLessThan(compared?.score ?? 0);
  });

  it('looks only at requests of the service that was asked about', () => {
    const fault: Fault = (call, { index }) => {
      if (call.service === 'payment' && index % 3 === 0) return { addUs: 300_000 };
      return call.service === 'users' && call.kind === 'server' && index % 3 === 1
        ? { addUs: 900_000 }
        : undefined;
    };
    const collected = buildCollected(
      { window: { spans: windowWith(fault) }, reference: { spans: reference() } },
      { service: 'orders' },
    );
    expect(hypothesesOf(collected)[0]?.culprit.service).toBe('payment');
  });

  it('gives the same answer for rows in another order', () => {
    const fault: Fault = (call) => (call.target === DATABASE ? { addUs: 40_000 } : undefined);
    const answer = (window: SpanLiteral[], before: SpanLiteral[]) =>
      JSON.stringify(
        hypothesesOf(buildCollected({ window: { spans: window }, reference: { spans: before } })),
      );
    const random = createRandom(7);
    expect(answer(shuffled(windowWith(fault), random), shuffled(reference(), random))).toBe(
      answer(windowWith(fault), reference()),
    );
  });
});

describe('hypothesise() from other signals', () => {
  const slowPayment: Fault = (call) =>
    call.service === 'payment' ? { addUs: 100_000 } : undefined;

  it('joins processor, logs and own time of one service into one cause', () => {
    const cpu = (values: readonly number[]) =>
      buildSeries({ name: 'process.cpu.utilization', service: 'payment', unit: '1', values });
    const line = (index: number, template: string, fromUs: number) => ({
      timeUs: fromUs + index * 1_000_000,
      service: 'payment',
      template,
      severity: template === 'slow' ? 17 : 9,
    });
    const many = (count: number) => Array.from({ length: count }, (_, index) => index);
    const [first] = hypothesesOf(
      buildCollected({
        window: {
          spans: windowWith(slowPayment),
          series: [cpu([0.95, 0.97, 0.99])],
          logs: [
            ...many(200).map((index) => line(index, 'charged', WINDOW_RANGE.fromUs)),
            ...many(40).map((index) => line(index, 'slow', WINDOW_RANGE.fromUs)),
          ],
        },
        reference: {
          spans: reference(),
          series: [cpu([0.2, 0.22, 0.19, 0.21, 0.2, 0.23, 0.18, 0.2, 0.21])],
          logs: many(200).map((index) => line(index, 'charged', REFERENCE_RANGE.fromUs)),
        },
      }),
    );
    expect(first?.culprit.service).toBe('payment');
    expect(first?.kind).toBe('cpu');
    const sources = new Set(first?.evidence.map(({ source }) => source));
    expect([...sources].sort()).toEqual(['log', 'metric', 'trace']);
  });

  it('follows the topology to the deepest service when there are metrics only', () => {
    const latency = (service: string, values: readonly number[]) =>
      buildSeries({ name: 'latency.average', service, unit: 's', values });
    const quiet = [0.1, 0.11, 0.1, 0.09, 0.1, 0.1, 0.11, 0.1, 0.1];
    const services = ['site', 'search', 'adoptions', 'history', 'queue', 'table'];
    const hypotheses = hypothesesOf(
      buildCollected(
        {
          window: {
            series: services.map((service) =>
              latency(
                service,
                ['site', 'adoptions', 'table'].includes(service) ? [0.9, 1, 1.1] : quiet,
              ),
            ),
          },
          reference: { series: services.map((service) => latency(service, quiet)) },
        },
        {
          topology: [
            ['site', 'search'],
            ['site', 'adoptions'],
            ['adoptions', 'table'],
            ['site', 'history'],
          ],
        },
      ),
    );
    expect(hypotheses[0]?.culprit.service).toBe('table');
    const effects = hypotheses.filter(({ effectOf }) => effectOf === hypotheses[0]?.hypothesisId);
    expect(effects.map(({ culprit }) => culprit.service).sort()).toEqual(['adoptions', 'site']);
  });

  it('counts a deploy just before the onset as evidence of its own kind', () => {
    const change = (service: string, minutesBefore: number): ChangeEvent => ({
      changeId: `change-${service}`,
      timeUs: WINDOW_RANGE.fromUs - minutesBefore * 60_000_000,
      kind: 'deploy',
      service,
      version: 'v9',
      description: 'rollout',
      attributes: {},
    });
    const [first] = hypothesesOf(
      buildCollected(
        { window: { spans: windowWith(slowPayment) }, reference: { spans: reference() } },
        { changes: [change('payment', 1), change('users', 1)] },
      ),
    );
    expect(first?.kind).toBe('deploy');
    expect(first?.culprit).toEqual({ service: 'payment', version: 'v9' });
    expect(first?.evidence.map(({ source }) => source).sort()).toEqual(['change', 'trace']);
  });

  it('blames a process before the machine that it shares with others', () => {
    const cpu = (name: string, service: string, value: number) =>
      buildSeries({ name, service, values: new Array<number>(9).fill(value) });
    const services = ['a', 'b', 'c', 'd', 'e', 'f'];
    const [first] = hypothesesOf(
      buildCollected({
        window: {
          series: services.flatMap((service) => [
            cpu('k8s.node.cpu.utilization', service, service < 'c' ? 0.9 : 0.2),
            cpu('process.cpu.utilization', service, service === 'b' ? 0.9 : 0.2),
          ]),
        },
        reference: {
          series: services.flatMap((service) => [
            cpu('k8s.node.cpu.utilization', service, 0.2),
            cpu('process.cpu.utilization', service, 0.2),
          ]),
        },
      }),
    );
    expect(first?.culprit.service).toBe('b');
    expect(first?.detail?.['metric']).toBe('process.cpu.utilization');
  });

  it('does not take a recovery of availability for a fault', () => {
    const availability = (values: readonly number[]) =>
      buildSeries({ name: 'availability.average', service: 'site', unit: '%', values });
    const perfect = new Array<number>(10).fill(100);
    const investigateSeries = (now: readonly number[], before: readonly number[]) =>
      hypothesesOf(
        buildCollected({
          window: { series: [availability(now)] },
          reference: { series: [availability(before)] },
        }),
      );
    expect(investigateSeries(perfect, new Array<number>(10).fill(20))).toEqual([]);
    expect(investigateSeries([90, 91, 90], perfect)[0]).toMatchObject({
      kind: 'error',
      culprit: { service: 'site' },
    });
  });

  it('sets a suspect aside that no call joins with the service that was asked about', () => {
    const cpu = (service: string, value: number) =>
      buildSeries({
        name: 'process.cpu.utilization',
        service,
        values: new Array<number>(9).fill(value),
      });
    const hypotheses = hypothesesOf(
      buildCollected(
        {
          window: { series: [cpu('table', 0.5), cpu('stranger', 0.9)] },
          reference: { series: [cpu('table', 0.2), cpu('stranger', 0.2)] },
        },
        { topology: [['site', 'table']], service: 'site' },
      ),
    );
    expect(hypotheses[0]?.culprit.service).toBe('table');
    expect(hypotheses[1]?.evidence.at(-1)?.direction).toBe('against');
  });

  it('answers nothing to nothing', () => {
    expect(hypothesesOf(buildCollected({ window: {} }))).toEqual([]);
    expect(hypothesesOf(buildCollected({ window: {}, reference: {} }))).toEqual([]);
  });
});

describe('hypothesise() with rules', () => {
  const rulebook = loadRulebook(fileURLToPath(new URL('../../rules', import.meta.url)));
  const collected = buildCollected({
    window: {
      spans: windowWith((call) => (call.target === DATABASE ? { addUs: 400_000 } : undefined)),
    },
    reference: { spans: reference() },
  });
  const clustered = { ...collected, clustering: clusterSpans(collected) };
  const services = { users: { debugUrl: 'http://127.0.0.1:1' } };
  const hypotheses = hypothesise(clustered, { rulebook, probes: { services, timeoutMs: 5000 } });

  it('joins a finding and the call graph into one cause per dependency', () => {
    const [first] = hypotheses;
    expect(first?.ruleId).toBe('db-slow-query');
    expect(first?.culprit.dependency).toBe(DATABASE);
    expect(first?.evidence.map(({ statement }) => statement.en).join()).toContain(
      'of the extra time',
    );
    const about = hypotheses.filter(({ ruleId }) => ruleId === 'db-slow-query');
    expect(about).toHaveLength(1);
    expect(hypotheses.some(({ ruleId, kind }) => ruleId === undefined && kind === 'database')).toBe(
      false,
    );
  });

  it('takes statement and remedy from the rule and keeps probe ids apart', () => {
    const rule = rulebook.rules.find(({ id }) => id === 'db-slow-query');
    expect(hypotheses[0]?.fix?.zh).toBeTruthy();
    expect(rule?.fix).toBeDefined();
    const ids = hypotheses.flatMap(({ probePlans }) => probePlans.map(({ probeId }) => probeId));
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('stays silent in a healthy window', () => {
    const healthy = buildCollected({
      window: { spans: shopTraffic({ seed: 31, requests: 200, fromUs: WINDOW_RANGE.fromUs }) },
      reference: { spans: reference() },
    });
    const clustering = clusterSpans(healthy);
    const probes = { services: {}, timeoutMs: 5000 };
    expect(hypothesise({ ...healthy, clustering }, { rulebook, probes })).toEqual([]);
  });
});

describe('hypothesise() writes down', () => {
  const hypotheses = investigate((call, { random }) =>
    call.service === 'payment' && random.next() < 0.3 ? { addUs: 300_000 } : undefined,
  );

  it('a cohort probe, a prediction and a remedy for each hypothesis', () => {
    expect(hypotheses.length).toBeGreaterThan(0);
    for (const hypothesis of hypotheses) {
      expect(hypothesis.probePlans.some(({ spec }) => spec.kind === 'store')).toBe(true);
      expect(hypothesis.predictions.length).toBeGreaterThan(0);
      expect(hypothesis.fix?.zh).toBeTruthy();
    }
  });

  it('scores that are the sum of the weights, and beliefs that leave room for "none of these"', () => {
    for (const { evidence, score } of hypotheses) {
      expect(evidence.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(score, 9);
      expect(evidence.every(({ value }) => value === undefined || Number.isFinite(value))).toBe(
        true,
      );
    }
    const belief = hypotheses.reduce((sum, { posterior }) => sum + posterior, 0);
    expect(belief).toBeLessThan(1);
  });

  it('ids that are unique within the report', () => {
    const ids = hypotheses.flatMap(({ hypothesisId, evidence, probePlans }) => [
      hypothesisId,
      ...evidence.map(({ evidenceId }) => evidenceId),
      ...probePlans.map(({ probeId }) => probeId),
    ]);
    expect(new Set(ids).size).toBe(ids.length);
  });
});
