/**
 * One request of a user, walked through a simulated system: what each service does with it, how long that takes, what
 * fails and who notices. Leaves the spans and log lines that the services' instrumentation would.
 */
import { unreachable } from '../base/errors.ts';
import type { Failure } from './case-effect.ts';
import { Outgoing, type Visit } from './case-outgoing.ts';
import { SPAN_KIND } from './case-record.ts';
import { type Frame, type Outcome, type RequestContext, Scene } from './case-scene.ts';
import type { CaseEndpoint, Step, WorkStep } from './case-world.ts';

const PLANS = ['free', 'team', 'enterprise'] as const;
const REGIONS = ['eu-1', 'eu-2', 'us-1', 'ap-1'] as const;

/** Walks one request; its telemetry is in the record afterwards. */
export function walkRequest(
  endpoint: CaseEndpoint,
  startMs: number,
  context: RequestContext,
): void {
  const { random } = context.variates;
  const baggage = {
    'tenant.plan': random.pick(PLANS),
    'app.region': random.pick(REGIONS),
    'user.id': `u${random.below(5000)}`,
  };
  const walk = new RequestWalk(new Scene(context, baggage));
  walk.visit(endpoint, { startMs, parent: undefined, kind: SPAN_KIND.server, attributes: {} });
}

class RequestWalk {
  readonly #scene: Scene;
  readonly #outgoing: Outgoing;

  constructor(scene: Scene) {
    this.#scene = scene;
    this.#outgoing = new Outgoing(scene, (endpoint, visit) => this.visit(endpoint, visit));
  }

  /** A service handles a request or a message. */
  visit(endpoint: CaseEndpoint, { startMs, parent, kind, attributes }: Visit): Outcome {
    const { service } = endpoint;
    const podIndex = this.#scene.context.variates.random.below(service.pods.length);
    const span = this.#scene.begin(service, podIndex, {
      startMs,
      parent,
      kind,
      name: endpoint.name,
    });
    const frame = { endpoint, service, podIndex, span };
    Object.assign(span.attributes, attributes);
    if (parent === undefined || service.carriesBaggage)
      Object.assign(span.attributes, this.#scene.baggage);
    const { endMs, failure } = this.#handle(frame, startMs);
    if (kind === SPAN_KIND.server) this.#describeServer(frame, failure);
    if (failure && failure.status >= 500) {
      this.#scene.log(frame, endMs, {
        severity: 'ERROR',
        text: `request failed: ${failure.message}`,
        line: 9,
      });
      this.#scene.fail(frame, span, failure);
    }
    span.endMs = endMs;
    return { endMs, failure };
  }

  #handle(frame: Frame, startMs: number): Outcome {
    const { endpoint } = frame;
    let timeMs = startMs;
    if (this.#scene.context.variates.random.chance(endpoint.innocentErrorRatio)) {
      timeMs += this.#scene.workMs(frame, timeMs, 1);
      return { endMs: timeMs, failure: endpoint.blamesItself ? CLUMSY : NOT_FOUND };
    }
    for (const [index, step] of endpoint.steps.entries()) {
      const { effect } = this.#scene.conditions(timeMs);
      const isFaulty =
        effect?.kind === 'code' && effect.endpoint === endpoint.id && effect.step === index;
      if (isFaulty && this.#isMet(frame, timeMs)) {
        if (effect.what === 'return') return { endMs: timeMs, failure: undefined };
        if (effect.what === 'throw') {
          const endMs = timeMs + this.#scene.workMs(frame, timeMs, 0.5);
          return { endMs, failure: UNEXPECTED };
        }
        const { random } = this.#scene.context.variates;
        const addedMs = random.logNormal(effect.addedMs, effect.what === 'lock' ? 0.9 : 0.3);
        timeMs += effect.isWork ? this.#scene.workMs(frame, timeMs, addedMs) : addedMs;
      }
      const { endMs, failure } = this.#step(frame, step, timeMs);
      timeMs = endMs;
      if (failure) return { endMs, failure };
    }
    return { endMs: timeMs, failure: undefined };
  }

  /** The bug is in the way of this request: by chance, by the user's plan, by the version of the pod. */
  #isMet({ podIndex }: Frame, timeMs: number): boolean {
    const { effect } = this.#scene.conditions(timeMs);
    if (effect?.kind !== 'code') return false;
    if (effect.plan !== undefined && effect.plan !== this.#scene.baggage['tenant.plan'])
      return false;
    if (effect.release && podIndex >= effect.release.pods) return false;
    return this.#scene.context.variates.random.chance(effect.share);
  }

  #step(frame: Frame, step: Step, startMs: number): Outcome {
    switch (step.kind) {
      case 'work':
        return { endMs: this.#work(frame, step, startMs), failure: undefined };
      case 'log':
        this.#scene.log(frame, startMs, { severity: 'INFO', ...step });
        return { endMs: startMs, failure: undefined };
      case 'calls':
        return this.#outgoing.calls(frame, step.calls, startMs);
      case 'query':
        return this.#outgoing.query(frame, step, startMs);
      case 'lookup':
        return this.#outgoing.lookup(frame, step, startMs);
      case 'publish':
        return this.#outgoing.publish(frame, step, startMs);
      case 'platform':
        return this.#outgoing.platform(frame, step, startMs);
      default:
        return unreachable(step);
    }
  }

  #work(frame: Frame, { medianMs, sigma, spanName }: WorkStep, startMs: number): number {
    const { variates } = this.#scene.context;
    const plainMs = variates.random.logNormal(medianMs, sigma);
    // One in two hundred meets something: a cold page, a resize, a neighbour.
    const workMs = variates.random.chance(0.005) ? plainMs * variates.uniform(5, 20) : plainMs;
    const endMs = startMs + this.#scene.workMs(frame, startMs, workMs);
    if (spanName !== undefined) {
      const { service, podIndex, span: parent } = frame;
      const kind = SPAN_KIND.internal;
      const span = this.#scene.begin(service, podIndex, { startMs, parent, kind, name: spanName });
      span.endMs = endMs;
    }
    return endMs;
  }

  #describeServer({ endpoint, span }: Frame, failure: Failure | undefined): void {
    const [method = '', route = ''] = endpoint.name.split(' ');
    span.attributes['http.request.method'] = method;
    span.attributes['http.route'] = route;
    span.attributes['http.response.status_code'] = failure ? failure.status : 200;
  }
}

/** What a handler says of a request that was wrong in itself. */
const NOT_FOUND: Failure = { type: 'NotFound', message: 'no such item', status: 404 };
const CLUMSY: Failure = { type: 'ValidationError', message: 'value is out of range', status: 500 };
const UNEXPECTED: Failure = {
  type: 'IllegalStateException',
  message: 'unexpected state: value is missing',
  status: 500,
};
