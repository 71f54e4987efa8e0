/**
 * Every fault of the demo bot puts its rule first, and no rule's look-alike does. Each fault has a bot and a Taproot of
 * its own; four pairs run at a time, so that two cores keep up.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import { freePorts } from './child.ts';
import {
  type Bot,
  diagnose,
  type ReportDocument,
  type Service,
  seeRequests,
  startBot,
  startService,
} from './service.ts';

/** Fault, its rule, and the fault that looks like it but is not. */
const CASES = [
  { fault: 'db_pool_hold', rule: 'db-pool-exhausted', lookAlike: 'db_slow_query' },
  { fault: 'db_slow_query', rule: 'db-slow-query', lookAlike: 'db_pool_hold' },
  { fault: 'plugin_over_limit', rule: 'plugin-over-limit', lookAlike: 'retry_storm_http_200' },
  { fault: 'retry_storm_http_200', rule: 'retry-storm-http-200', lookAlike: 'plugin_over_limit' },
  { fault: 'kb_slow', rule: 'kb-slow', lookAlike: 'plugin_over_limit' },
  { fault: 'deadline_lost', rule: 'deadline-lost-cascade', lookAlike: 'db_slow_query' },
  { fault: 'llm_rate_limit', rule: 'llm-rate-limited', lookAlike: 'retry_storm_http_200' },
  { fault: 'canary_slow', rule: 'canary-regression', lookAlike: 'kb_slow' },
] as const;
type Fault = (typeof CASES)[number]['fault'];

/** Any number: messages, durations and users differ, the findings must not. */
const SEED = 1;
const AT_A_TIME = 4;
const RATE_PER_SECOND = 14;
const WARM_UP_REQUESTS = 60;
/** Healthy requests that a report compares with, and requests of the fault's period that it reads. */
const NORMAL_REQUESTS = 280;
const FAULT_REQUESTS = 200;
/** The slowest fault's requests take about six seconds: before that, none of them has ended. */
const FAULT_SETTLE_MS = 8000;

const SERVICE = 'coze-demo-bot';

describe('faults of the demo bot', () => {
  const reports = new Map<Fault, ReportDocument>();

  beforeAll(async () => {
    for (let first = 0; first < CASES.length; first += AT_A_TIME) {
      const group = CASES.slice(first, first + AT_A_TIME);
      await Promise.all(
        group.map(async ({ fault }, index) => {
          reports.set(fault, await runFault(fault, SEED + first + index));
        }),
      );
    }
  }, 400_000);

  test.each(CASES)('$fault puts $rule first', ({ fault, rule }) => {
    const report = reports.get(fault);
    expect(rulesInOrder(report)[0], describeReport(report)).toBe(rule);
    const first = report?.steps.verify.hypotheses[0];
    expect(['confirmed', 'likely'], describeReport(report)).toContain(first?.verdict);
  });

  test.each(CASES)('$lookAlike does not put $rule first', ({ rule, lookAlike }) => {
    const report = reports.get(lookAlike);
    expect(report).toBeDefined();
    expect(rulesInOrder(report)[0], describeReport(report)).not.toBe(rule);
  });
});

/** A healthy period, then the fault, then the report that compares the two. */
async function runFault(fault: Fault, seed: number): Promise<ReportDocument> {
  const [port = 0] = await freePorts(1);
  const debugUrl = `http://127.0.0.1:${port}`;
  const service = await startService({
    config: { detection: false, probes: { services: { [SERVICE]: { debugUrl } } } },
  });
  try {
    const endpoint = service.otlpHttpUrl;
    const bot = await startBot({ endpoint, ratePerSecond: RATE_PER_SECOND, port, seed });
    try {
      return await watchFault({ service, bot, fault });
    } finally {
      await bot.stop();
    }
  } finally {
    await service.stop();
  }
}

async function watchFault(run: {
  readonly service: Service;
  readonly bot: Bot;
  readonly fault: Fault;
}): Promise<ReportDocument> {
  const { service, bot } = run;
  // The first requests of a cold process are slow: they are not what normal looks like.
  await seeRequests(service, { serviceName: SERVICE, since: Date.now(), count: WARM_UP_REQUESTS });
  const referenceFrom = Date.now();
  const normal = { serviceName: SERVICE, since: referenceFrom, count: NORMAL_REQUESTS };
  await seeRequests(service, normal);
  const from = Date.now();
  await bot.setFault(run.fault, true);
  const bad = { serviceName: SERVICE, since: from + FAULT_SETTLE_MS, count: FAULT_REQUESTS };
  await seeRequests(service, bad);
  return diagnose(service, {
    window: { from, to: Date.now() },
    reference: { from: referenceFrom, to: from },
    scope: { service: SERVICE },
  });
}

function rulesInOrder(report: ReportDocument | undefined): (string | undefined)[] {
  return (report?.steps.verify.hypotheses ?? []).map((hypothesis) => hypothesis.ruleId);
}

/** What a failing test prints: the ranking with the scores. */
function describeReport(report: ReportDocument | undefined): string {
  const lines = (report?.steps.verify.hypotheses ?? []).map(
    ({ rank, ruleId, verdict, score, statement }) =>
      `${rank}. ${ruleId ?? '-'} ${verdict} ${score.toFixed(1)} ${statement}`,
  );
  return [report?.summary ?? 'no report', ...lines].join('\n');
}
