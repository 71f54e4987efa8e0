/**
 * Every fault of the demo bot puts its rule first, and no rule's look-alike does. Each fault has a bot of its own; four
 * run at a time against one Taproot, so that two cores keep up.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePorts } from './child.ts';
import {
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

const AT_A_TIME = 4;
const RATE_PER_SECOND = 14;
/** Healthy requests that a report compares with, and requests of the fault's period that it reads. */
const NORMAL_REQUESTS = 280;
const FAULT_REQUESTS = 200;
/** The slowest fault's requests take about six seconds: before that, none of them has ended. */
const FAULT_SETTLE_MS = 8000;

const botService = (fault: Fault): string => `bot-${fault.replaceAll('_', '-')}`;

describe('faults of the demo bot', () => {
  let service: Service;
  const reports = new Map<Fault, ReportDocument>();

  beforeAll(async () => {
    const ports = await freePorts(CASES.length);
    const portOf = new Map(CASES.map(({ fault }, index) => [fault, ports[index] ?? 0]));
    const targets = CASES.map(({ fault }) => [
      botService(fault),
      { debugUrl: `http://127.0.0.1:${portOf.get(fault)}` },
    ]);
    service = await startService({
      config: { detection: false, probes: { services: Object.fromEntries(targets) } },
    });
    for (let first = 0; first < CASES.length; first += AT_A_TIME) {
      const group = CASES.slice(first, first + AT_A_TIME);
      await Promise.all(
        group.map(async ({ fault }, index) => {
          const port = portOf.get(fault) ?? 0;
          reports.set(fault, await runFault(service, { fault, port, seed: first + index + 1 }));
        }),
      );
    }
  }, 400_000);

  afterAll(async () => {
    await service?.stop();
  });

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
async function runFault(
  service: Service,
  run: { readonly fault: Fault; readonly port: number; readonly seed: number },
): Promise<ReportDocument> {
  const serviceName = botService(run.fault);
  const bot = await startBot({
    serviceName,
    endpoint: service.otlpHttpUrl,
    ratePerSecond: RATE_PER_SECOND,
    port: run.port,
    seed: run.seed,
  });
  try {
    const referenceFrom = Date.now();
    await seeRequests(service, { serviceName, since: referenceFrom, count: NORMAL_REQUESTS });
    const from = Date.now();
    await bot.setFault(run.fault, true);
    await seeRequests(service, {
      serviceName,
      since: from + FAULT_SETTLE_MS,
      count: FAULT_REQUESTS,
    });
    return await diagnose(service, {
      window: { from, to: Date.now() },
      reference: { from: referenceFrom, to: from },
      scope: { service: serviceName },
    });
  } finally {
    await bot.stop();
  }
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
