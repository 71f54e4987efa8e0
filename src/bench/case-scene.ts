/**
 * What one simulated request has with it wherever it goes: its user, its trace, the conditions at a time; and how long
 * work and the way between two services take under them.
 */

import { sourceOf } from './case-code.ts';
import type { Conditions, PodConditions } from './case-conditions.ts';
import type { Failure } from './case-effect.ts';
import type { CaseRecord, CaseSpan } from './case-record.ts';
import type { CaseEndpoint, CaseService, CaseWorld } from './case-world.ts';
import type { Variates } from './variates.ts';

export interface RequestContext {
  readonly world: CaseWorld;
  /** Which hold at a time. */
  readonly conditionsAt: (timeMs: number) => Conditions;
  readonly onsetMs: number;
  /** Factor on the speed of a service at a time: no day is like another. */
  readonly driftAt: (service: CaseService, timeMs: number) => number;
  readonly variates: Variates;
  readonly record: CaseRecord;
}

/** A user, as far as the telemetry knows. */
interface Baggage {
  readonly 'tenant.plan': string;
  readonly 'app.region': string;
  readonly 'user.id': string;
}

/** One handler at work. */
export interface Frame {
  readonly endpoint: CaseEndpoint;
  readonly service: CaseService;
  readonly podIndex: number;
  readonly span: CaseSpan;
}

export interface Outcome {
  readonly endMs: number;
  readonly failure: Failure | undefined;
}

export class Scene {
  readonly context: RequestContext;
  readonly baggage: Baggage;
  readonly #traceId: string;
  spanCount = 0;

  constructor(context: RequestContext, baggage: Baggage) {
    this.context = context;
    this.baggage = baggage;
    this.#traceId = context.record.newTraceId();
  }

  /** Time that work takes on a busy pod that may be stopped by its collector. */
  workMs({ service, podIndex }: Frame, startMs: number, workMs: number): number {
    const { variates, driftAt } = this.context;
    const pod = this.pod(service, podIndex, startMs);
    const busyMs = workMs * pod.stretch * driftAt(service, startMs);
    if (pod.pauseShare === 0) return busyMs;
    const pauses = variates.poisson(pod.pauseShare * (1 + busyMs / pod.pauseMs));
    return busyMs + pauses * variates.uniform(0.3, 1) * pod.pauseMs;
  }

  /** One way. A lost message is sent again after 200 ms, then 400 ms (RFC 6298 with Linux' minimum). */
  travelMs(
    from: CaseService,
    to: CaseService,
    { podIndex, timeMs }: { readonly podIndex: number; readonly timeMs: number },
  ): number {
    const { variates } = this.context;
    const { effect } = this.conditions(timeMs);
    const delayMs = this.pod(from, podIndex, timeMs).delayMs + this.pod(to, 0, timeMs).delayMs;
    // Two pods of one machine do not use its network card.
    const isLocal = from.machine === to.machine;
    let tookMs = variates.random.logNormal(0.4, 0.4) + (isLocal ? 0 : delayMs);
    if (effect?.kind !== 'loss' || effect.caller !== from.index || effect.callee !== to.index) {
      return tookMs;
    }
    for (let againMs = 200; againMs <= 1600 && variates.random.chance(effect.share); againMs *= 2) {
      tookMs += againMs;
    }
    return tookMs;
  }

  /** What a slow network of the caller adds to a question to something that has no spans of its own. */
  thereAndBackMs({ service, podIndex }: Frame, timeMs: number): number {
    return 2 * this.pod(service, podIndex, timeMs).delayMs;
  }

  conditions(timeMs: number): Conditions {
    return this.context.conditionsAt(timeMs);
  }

  pod(service: CaseService, podIndex: number, timeMs: number): PodConditions {
    return this.conditions(timeMs).services[service.index]!.pods[podIndex]!; // one for each
  }

  begin(
    service: CaseService,
    podIndex: number,
    {
      startMs,
      parent,
      kind,
      name,
    }: {
      readonly startMs: number;
      readonly parent: CaseSpan | undefined;
      readonly kind: number;
      readonly name: string;
    },
  ): CaseSpan {
    this.spanCount++;
    const { name: pod, version } = this.pod(service, podIndex, startMs);
    const place = { service, pod, version };
    return this.context.record.addSpan(place, {
      ...{ traceId: this.#traceId, parentId: parent?.spanId ?? '', name, kind, startMs },
    });
  }

  fail({ service }: Frame, span: CaseSpan, failure: Failure): void {
    if (service.marksErrors) span.failure = failure;
  }

  log(
    { service, span }: Frame,
    timeMs: number,
    line: {
      readonly severity: 'INFO' | 'WARN' | 'ERROR';
      readonly text: string;
      readonly line: number;
    },
  ): void {
    const order = this.context.variates.random.below(100_000);
    this.context.record.addLog(span, {
      timeMs,
      severity: line.severity,
      body: line.severity === 'INFO' ? `${line.text} for request ${order}` : line.text,
      source: service.namesSources ? { name: sourceOf(service.name), line: line.line } : undefined,
    });
  }
}
