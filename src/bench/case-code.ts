/** Places in a simulated handler where a bug can sit, each with the events around it that a diagnosis should name. */
import type { CaseEndpoint, CaseWorld, Step } from './case-world.ts';

export interface CodePlace {
  /** Index of a step of work. */
  readonly step: number;
  readonly region: { readonly from: string; readonly to: string } | undefined;
}

export interface CodePlaceOptions {
  readonly world: CaseWorld;
  readonly hasLogs: boolean;
  /** The fault cuts off what follows: something must follow. */
  readonly isCut: boolean;
}

/** Steps of work with an event on each side; the region is the nearest event before and after. */
export function codePlacesOf(
  endpoint: CaseEndpoint,
  { world, hasLogs, isCut }: CodePlaceOptions,
): readonly CodePlace[] {
  const { steps, service } = endpoint;
  const startOfAll = `${service.name} ${endpoint.name} start`;
  return steps.flatMap((step, index): readonly CodePlace[] => {
    if (step.kind !== 'work') return [];
    const before = steps.slice(0, index).reverse();
    const events = { endpoint, world, hasLogs };
    const from = firstOf(before, (one) => eventOf(one, 'end', events)) ?? startOfAll;
    const to = firstOf(steps.slice(index + 1), (one) => eventOf(one, 'start', events));
    if (to === undefined) return isCut ? [] : [{ step: index, region: undefined }];
    return [{ step: index, region: { from, to } }];
  });
}

function firstOf(
  steps: readonly Step[],
  eventOfStep: (step: Step) => string | undefined,
): string | undefined {
  for (const step of steps) {
    const event = eventOfStep(step);
    if (event !== undefined) return event;
  }
  return undefined;
}

/** The event a step leaves in every request: its log, or a boundary of its span; undefined when there is none. */
function eventOf(
  step: Step,
  side: 'start' | 'end',
  {
    endpoint: { service },
    world,
    hasLogs,
  }: Pick<CodePlaceOptions, 'world' | 'hasLogs'> & { readonly endpoint: CaseEndpoint },
): string | undefined {
  if (step.kind === 'log') {
    if (!hasLogs) return undefined;
    return service.namesSources ? `${sourceOf(service.name)}#${step.line}` : step.text;
  }
  if (step.kind === 'work') {
    return step.spanName === undefined ? undefined : `${service.name} ${step.spanName} ${side}`;
  }
  if (step.kind === 'calls') {
    const [call] = step.calls;
    if (step.calls.length !== 1 || call === undefined || call.share < 1) return undefined;
    return `${service.name} ${world.endpoints[call.target]!.name} ${side}`; // calls name endpoints
  }
  return step.kind === 'query' ? `${service.name} ${step.statement} ${side}` : undefined;
}

/** Name of the class or file that writes a service's logs. */
export function sourceOf(serviceName: string): string {
  return `app.${serviceName.replaceAll('-', '.')}.Handler`;
}
