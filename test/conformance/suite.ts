/** All checks, and a run of them: each over each of its wires and signals, bounded in time, one result each. */
import { type Check, Fault, type Level, NoAnswer, type Signal, Skip, type Wire } from './check.ts';
import { DATA_CHECKS } from './data-checks.ts';
import { GRPC_CHECKS } from './grpc-checks.ts';
import { HOSTILE_CHECKS } from './hostile-checks.ts';
import { HTTP_CHECKS } from './http-checks.ts';
import { JSON_CHECKS } from './json-checks.ts';
import { LIMIT_CHECKS } from './limit-checks.ts';
import { Probe, type Target } from './probe.ts';
import { REPLY_CHECKS } from './reply-checks.ts';

export const CHECKS: readonly Check[] = [
  ...REPLY_CHECKS,
  ...LIMIT_CHECKS,
  ...HTTP_CHECKS,
  ...GRPC_CHECKS,
  ...JSON_CHECKS,
  ...DATA_CHECKS,
  ...HOSTILE_CHECKS,
];

export type Verdict = 'pass' | 'fail' | 'warning' | 'skipped';

export interface Result {
  readonly id: string;
  readonly title: string;
  readonly level: Level;
  readonly wire: Wire;
  readonly signal: Signal;
  readonly verdict: Verdict;
  readonly sent: string;
  readonly got: string;
  readonly clause: string;
  readonly clauseUrl: string;
  readonly durationMs: number;
}

export interface RunOptions {
  readonly target: Target;
  readonly checks?: readonly Check[];
  /** Called after each result. */
  readonly onResult?: (result: Result) => void;
}

/** Results in the order of the checks; slow checks run beside the others. */
export async function runSuite(options: RunOptions): Promise<readonly Result[]> {
  const { target, checks = CHECKS, onResult = () => {} } = options;
  const runs = checks.flatMap((check) =>
    check.signals.flatMap((signal) => check.wires.map((wire) => ({ check, signal, wire }))),
  );
  const results = new Map<object, Result>();
  const profiles = new ProfilesOffer(target);
  const perform = async (run: (typeof runs)[number]) => {
    const result = await runCheck(target, { ...run, profiles });
    results.set(run, result);
    onResult(result);
  };
  const slow = Promise.all(runs.filter(({ check }) => check.isSlow).map(perform));
  for (const run of runs) if (!run.check.isSlow) await perform(run);
  await slow;
  return runs.map((run) => results.get(run)!); // Each run has set its own.
}

/** Whether the receiver takes profiles over a wire: it may leave them out, and then nothing more is asked. */
class ProfilesOffer {
  readonly #target: Target;
  readonly #byWire = new Map<Wire, Promise<boolean>>();

  constructor(target: Target) {
    this.#target = target;
  }

  isMissing(wire: Wire): Promise<boolean> {
    const known = this.#byWire.get(wire);
    if (known) return known;
    const asked = this.#ask(wire);
    this.#byWire.set(wire, asked);
    return asked;
  }

  async #ask(wire: Wire): Promise<boolean> {
    const probe = new Probe(this.#target, { wire, signal: 'profiles' });
    try {
      const outcome = await probe.send({});
      return outcome.kind === 'failure' && NOT_OFFERED.includes(outcome.status);
    } catch (thrown) {
      if (thrown instanceof Fault || thrown instanceof NoAnswer) return false; // the checks will tell
      throw thrown;
    } finally {
      probe.close();
    }
  }
}

/** HTTP 404, UNIMPLEMENTED. */
const NOT_OFFERED: readonly number[] = [404, 12];

interface CheckRun {
  readonly check: Check;
  readonly wire: Wire;
  readonly signal: Signal;
  readonly profiles: ProfilesOffer;
}

async function runCheck(target: Target, run: CheckRun): Promise<Result> {
  const { check, wire, signal, profiles } = run;
  const probe = new Probe(target, { wire, signal });
  const startMs = performance.now();
  const { verdict, got } = await judge(target, { check, probe, profiles });
  probe.close();
  const { id, title, level, clause, sends: sent } = check;
  const durationMs = Math.round(performance.now() - startMs);
  return {
    ...{ id, title, level, wire, signal, verdict, sent, got },
    ...{ clause: clause.name, clauseUrl: clause.url, durationMs },
  };
}

async function judge(
  target: Target,
  run: { readonly check: Check; readonly probe: Probe; readonly profiles: ProfilesOffer },
): Promise<{ readonly verdict: Verdict; readonly got: string }> {
  const { check, probe, profiles } = run;
  if (probe.wire === 'grpc' && target.grpc === undefined) {
    return { verdict: 'skipped', got: 'no gRPC address was given (--grpc HOST:PORT)' };
  }
  if (probe.anySignal === 'profiles' && (await profiles.isMissing(probe.wire))) {
    return { verdict: 'skipped', got: 'profiles are not offered' };
  }
  try {
    await withinTime(check.run(probe), target.timeoutMs * 3 + (check.isSlow ? target.slowMs : 0));
    return { verdict: 'pass', got: probe.said };
  } catch (thrown) {
    if (thrown instanceof Skip) return { verdict: 'skipped', got: thrown.message };
    const isOfReceiver = thrown instanceof Fault || thrown instanceof NoAnswer;
    if (!isOfReceiver) throw thrown; // A fault of the suite must not pass for one of the receiver.
    const level = (thrown instanceof Fault ? thrown.level : undefined) ?? check.level;
    return { verdict: level === 'must' ? 'fail' : 'warning', got: thrown.message };
  }
}

/** The whole of a check; single answers have the shorter limit of the target. */
async function withinTime(work: Promise<void>, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new NoAnswer(`the check was not done within ${timeoutMs / 1000} s`));
    }, timeoutMs);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

export function hasFailure(results: readonly Result[]): boolean {
  return results.some(({ verdict }) => verdict === 'fail');
}

export function countVerdicts(results: readonly Result[]): Readonly<Record<Verdict, number>> {
  const counts = { pass: 0, fail: 0, warning: 0, skipped: 0 };
  for (const { verdict } of results) counts[verdict]++;
  return counts;
}
