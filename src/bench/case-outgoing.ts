/**
 * What a simulated handler asks of others: services, databases, caches, topics and platforms outside. How long the
 * answer takes, what happens when there is none in time, and whether the handler goes on without.
 */
import { POOL_TIMEOUT_MS } from './case-conditions.ts';
import type { Failure } from './case-effect.ts';
import { type AttributeValue, type CaseSpan, SPAN_KIND } from './case-record.ts';
import type { Frame, Outcome, Scene } from './case-scene.ts';
import type {
  CallPolicy,
  CallStep,
  CaseEndpoint,
  PlatformStep,
  QueryStep,
  Step,
} from './case-world.ts';

/** How a service is reached. */
export interface Visit {
  readonly startMs: number;
  readonly parent: CaseSpan | undefined;
  readonly kind: number;
  readonly attributes: Readonly<Record<string, AttributeValue>>;
}

/** A request that meets more than this is cut short: circles do not happen, storms of retries do. */
const SPANS_PER_REQUEST_MAX = 500;

export class Outgoing {
  readonly #scene: Scene;
  readonly #visit: (endpoint: CaseEndpoint, visit: Visit) => Outcome;

  constructor(scene: Scene, visit: (endpoint: CaseEndpoint, visit: Visit) => Outcome) {
    this.#scene = scene;
    this.#visit = visit;
  }

  calls(frame: Frame, calls: readonly CallStep[], startMs: number): Outcome {
    let endMs = startMs;
    let failure: Failure | undefined;
    for (const call of calls) {
      if (!this.#scene.context.variates.random.chance(call.share)) continue;
      const outcome = this.#withPolicy(frame, call, {
        startMs,
        attempt: (attemptMs) => this.#call(frame, call, attemptMs),
      });
      endMs = Math.max(endMs, outcome.endMs);
      failure ??= outcome.failure;
    }
    return { endMs, failure };
  }

  /** A failed call is tried again, done without, or fails the caller. */
  #withPolicy(
    frame: Frame,
    { onFailure }: CallPolicy,
    { startMs, attempt }: { readonly startMs: number; readonly attempt: (ms: number) => Outcome },
  ): Outcome {
    const first = attempt(startMs);
    if (!first.failure) return first;
    const isAgain = onFailure === 'retry' && this.#scene.spanCount < SPANS_PER_REQUEST_MAX;
    const pauseMs = this.#scene.context.variates.uniform(20, 60);
    const last = isAgain ? attempt(first.endMs + pauseMs) : first;
    if (!last.failure) return last;
    if (onFailure === 'fallback' || last.failure.status === 404) {
      this.#scene.log(frame, last.endMs, { severity: 'WARN', text: FALLBACK_TEXT, line: 7 });
      return { endMs: last.endMs, failure: undefined };
    }
    return { endMs: last.endMs, failure: upstreamFailed(last.failure) };
  }

  #call(frame: Frame, { target, timeoutMs }: CallStep, startMs: number): Outcome {
    const { service, podIndex, span: parent } = frame;
    const callee = this.#scene.context.world.endpoints[target]!; // calls name endpoints
    const span = this.#scene.begin(service, podIndex, {
      ...{ startMs, parent, kind: SPAN_KIND.client, name: callee.name },
    });
    span.attributes['server.address'] = callee.service.name;
    const refused = this.#refusal(frame, { callee: callee.service.index, startMs });
    const reached =
      startMs + this.#scene.travelMs(service, callee.service, { podIndex, timeMs: startMs });
    let outcome: Outcome;
    if (refused) {
      outcome = { endMs: reached + 2, failure: refused };
      if (refused.status > 0) this.#turnAway(callee, { startMs: reached, parent: span, refused });
    } else {
      const visit = { startMs: reached, parent: span, kind: SPAN_KIND.server, attributes: {} };
      const handled = this.#visit(callee, visit);
      const { endMs } = handled;
      const backMs = this.#scene.travelMs(service, callee.service, { podIndex, timeMs: endMs });
      outcome = { endMs: endMs + backMs, failure: handled.failure };
    }
    return this.#finishClient(frame, span, {
      outcome,
      timeoutMs: this.#timeoutMs(frame, { target, startMs, usualMs: timeoutMs }),
    });
  }

  /** The service answers before its handler is asked. */
  #turnAway(
    { service, name }: CaseEndpoint,
    how: { readonly startMs: number; readonly parent: CaseSpan; readonly refused: Failure },
  ): void {
    const { startMs, parent, refused } = how;
    const span = this.#scene.begin(service, 0, { startMs, parent, kind: SPAN_KIND.server, name });
    span.endMs = startMs + 1;
    span.attributes['http.response.status_code'] = refused.status;
  }

  /** Time runs out for the caller; what it asked for goes on. */
  #finishClient(
    frame: Frame,
    span: CaseSpan,
    { outcome, timeoutMs }: { readonly outcome: Outcome; readonly timeoutMs: number },
  ): Outcome {
    const isLate = outcome.endMs - span.startMs > timeoutMs;
    const endMs = isLate ? span.startMs + timeoutMs : outcome.endMs;
    const failure = isLate ? timedOut(timeoutMs) : outcome.failure;
    span.endMs = endMs;
    if (failure && failure.status > 0)
      span.attributes['http.response.status_code'] = failure.status;
    else if (!failure) span.attributes['http.response.status_code'] = 200;
    if (failure && failure.status !== 404) this.#scene.fail(frame, span, failure);
    return { endMs, failure };
  }

  query(frame: Frame, { store, statement, medianMs }: QueryStep, startMs: number): Outcome {
    const { variates, world } = this.#scene.context;
    const conditions = this.#scene.conditions(startMs);
    const { pool } = conditions.services[frame.service.index]!; // one for each service
    if (variates.random.chance(pool.refusedShare)) {
      const endMs = startMs + POOL_TIMEOUT_MS;
      this.#scene.log(frame, endMs, { severity: 'ERROR', text: POOL_FAILURE.message, line: 5 });
      return { endMs, failure: POOL_FAILURE };
    }
    const waitMs = pool.waitMs * -Math.log(variates.unit());
    const queryMs =
      variates.random.logNormal(medianMs, 0.5) * conditions.stores[store]!.stretch + // one for each
      this.#scene.thereAndBackMs(frame, startMs);
    const { service, podIndex, span: parent } = frame;
    const span = this.#scene.begin(service, podIndex, {
      ...{ startMs: startMs + waitMs, parent, kind: SPAN_KIND.client, name: statement },
    });
    span.attributes['db.system.name'] = 'postgresql';
    span.attributes['server.address'] = world.stores[store]!.name; // steps name stores
    span.attributes['db.query.summary'] = statement;
    span.endMs = startMs + waitMs + queryMs;
    return { endMs: span.endMs, failure: undefined };
  }

  lookup(frame: Frame, step: Extract<Step, { readonly kind: 'lookup' }>, startMs: number): Outcome {
    const { variates, world } = this.#scene.context;
    const { service, podIndex, span: parent } = frame;
    const { effect } = this.#scene.conditions(startMs);
    const isDown = effect?.kind === 'cache' && effect.cache === step.cache;
    const span = this.#scene.begin(service, podIndex, {
      ...{ startMs, parent, kind: SPAN_KIND.client, name: 'GET' },
    });
    span.attributes['db.system.name'] = 'redis';
    span.attributes['server.address'] = world.caches[step.cache]!; // steps name caches
    const tookMs = isDown ? effect.timeoutMs : variates.random.logNormal(0.6, 0.4);
    span.endMs = startMs + tookMs + this.#scene.thereAndBackMs(frame, startMs);
    if (isDown) {
      this.#scene.fail(frame, span, CACHE_FAILURE);
      this.#scene.log(frame, span.endMs, {
        severity: 'WARN',
        text: CACHE_FAILURE.message,
        line: 6,
      });
    }
    if (!isDown && variates.random.chance(step.hitRatio))
      return { endMs: span.endMs, failure: undefined };
    return this.query(frame, step.miss, span.endMs);
  }

  publish(
    frame: Frame,
    step: Extract<Step, { readonly kind: 'publish' }>,
    startMs: number,
  ): Outcome {
    const { variates, world } = this.#scene.context;
    const { service, podIndex, span: parent } = frame;
    const topic = world.topics[step.topic]!; // steps name topics and endpoints
    const consumer = world.endpoints[step.consumer]!;
    const span = this.#scene.begin(service, podIndex, {
      ...{ startMs, parent, kind: SPAN_KIND.producer, name: `publish ${topic}` },
    });
    span.attributes['messaging.system'] = 'kafka';
    span.attributes['messaging.destination.name'] = topic;
    span.endMs = startMs + variates.random.logNormal(1.5, 0.5);
    this.#visit(consumer, {
      startMs:
        span.endMs + variates.random.logNormal(8, 0.6) + this.#backlogMs(step.topic, startMs),
      parent: span,
      kind: SPAN_KIND.consumer,
      attributes: { 'messaging.system': 'kafka', 'messaging.destination.name': topic },
    });
    return { endMs: span.endMs, failure: undefined };
  }

  /** A queue that is emptied more slowly than it fills grows, and so does the wait of what is put in. */
  #backlogMs(topic: number, timeMs: number): number {
    const { effect } = this.#scene.conditions(timeMs);
    if (effect?.kind !== 'backlog' || effect.topic !== topic) return 0;
    return (timeMs - this.#scene.context.onsetMs) * (1 / effect.capacityShare - 1);
  }

  platform(frame: Frame, step: PlatformStep, startMs: number): Outcome {
    const { variates, world } = this.#scene.context;
    if (!variates.random.chance(step.share)) return { endMs: startMs, failure: undefined };
    const platform = world.platforms[step.platform]!; // steps name platforms
    return this.#withPolicy(frame, step, {
      startMs,
      attempt: (attemptMs) => {
        const { service, podIndex, span: parent } = frame;
        const span = this.#scene.begin(service, podIndex, {
          ...{ startMs: attemptMs, parent, kind: SPAN_KIND.client, name: 'POST' },
        });
        span.attributes['server.address'] = platform.host;
        span.attributes['http.request.method'] = 'POST';
        const failure = this.#refusal(frame, { platform: step.platform, startMs: attemptMs });
        const factor = this.#scene.conditions(attemptMs).platformFactors[step.platform]!; // one for each
        const tookMs =
          variates.random.logNormal(platform.medianMs, 0.4) * factor +
          this.#scene.thereAndBackMs(frame, attemptMs);
        const endMs = attemptMs + (failure ? tookMs * 0.3 : tookMs);
        const outcome = { endMs, failure };
        return this.#finishClient(frame, span, { outcome, timeoutMs: step.timeoutMs });
      },
    });
  }

  #refusal(
    { service }: Frame,
    to: { readonly callee?: number; readonly platform?: number; readonly startMs: number },
  ): Failure | undefined {
    const { effect } = this.#scene.conditions(to.startMs);
    if (effect?.kind !== 'refusal') return undefined;
    // A platform refuses one customer, a service one caller.
    const isMeant =
      effect.caller === service.index &&
      (to.platform !== undefined ? effect.platform === to.platform : effect.callee === to.callee);
    if (!isMeant || !this.#scene.context.variates.random.chance(effect.share)) return undefined;
    return effect.failure;
  }

  #timeoutMs(
    { service }: Frame,
    call: { readonly target: number; readonly startMs: number; readonly usualMs: number },
  ): number {
    const { effect } = this.#scene.conditions(call.startMs);
    if (effect?.kind !== 'timeout' || effect.caller !== service.index) return call.usualMs;
    return effect.target === call.target ? effect.timeoutMs : call.usualMs;
  }
}

const POOL_FAILURE: Failure = {
  type: 'TimeoutException',
  message: `no connection was free within ${POOL_TIMEOUT_MS} ms`,
  status: 500,
};
const CACHE_FAILURE: Failure = {
  type: 'ConnectionError',
  message: 'cache did not answer, asking the database',
  status: 0,
};
const FALLBACK_TEXT = 'continuing without an optional answer';

function timedOut(timeoutMs: number): Failure {
  const message = `deadline of ${Math.round(timeoutMs)} ms exceeded`;
  return { type: 'DeadlineExceeded', message, status: 504 };
}

function upstreamFailed({ type, message }: Failure): Failure {
  return { type, message: `upstream: ${message.replace(/^upstream: /, '')}`, status: 502 };
}
