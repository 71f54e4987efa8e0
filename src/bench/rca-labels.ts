/**
 * Answers of a set of cases (labels.json), read in the three forms that public sets use: one service with a cause,
 * one node, or required facts. Only the scorer reads them, after every prediction has been made.
 */
import { AppError } from '../base/errors.ts';

export interface Label {
  readonly caseId: string;
  /** Names of the service at fault, any of which is right; none: there is no fault, silence is right. */
  readonly services: readonly string[];
  /** undefined: the set does not say. */
  readonly cause: LabelledCause | undefined;
  /** System and tier, or scenario: cases that belong together in a table. */
  readonly group: string;
  readonly system: string;
  readonly faultType: string | undefined;
}

export interface LabelledCause {
  /** Any of these names is right. */
  readonly kinds: readonly string[];
  /** Of code: the event before the fault and the one expected after it. */
  readonly region: Region | undefined;
}

export interface Region {
  readonly from: string;
  readonly to: string;
}

/** By case id, in the order of the file. Throws `request.invalid`. */
export function parseLabels(text: string): readonly Label[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new AppError('request.invalid', 'Cannot read labels: the file is not JSON', { cause });
  }
  const cases = isObject(parsed) ? parsed['cases'] : undefined;
  if (!isObject(cases)) {
    throw new AppError('request.invalid', 'Cannot read labels: "cases" is missing');
  }
  return Object.entries(cases).map(([caseId, label]) => {
    if (!isObject(label)) {
      throw new AppError('request.invalid', `Cannot read labels: case "${caseId}" is no object`);
    }
    return labelOf(caseId, label);
  });
}

type Json = Readonly<Record<string, unknown>>;

function labelOf(caseId: string, label: Json): Label {
  return {
    caseId,
    services: servicesOf(label),
    cause: causeOf(label['cause']),
    group: textsOf([label['scenario'], label['system'], label['tier']]).join(' '),
    system: textsOf([label['system']])[0] ?? '',
    faultType: textsOf([label['fault_type']])[0],
  };
}

/** A service, its pod, and other right names; or the names of the required fact called `service`. */
function servicesOf(label: Json): readonly string[] {
  const required = label['required'];
  if (Array.isArray(required)) {
    const fact = required.filter(isObject).find(({ id }) => id === 'service');
    return listOf(fact?.['service']);
  }
  return textsOf([label['service'], label['pod'], ...listOf(label['also'])]);
}

function causeOf(cause: unknown): LabelledCause | undefined {
  if (!isObject(cause)) return undefined;
  const kinds = textsOf([cause['kind'], ...listOf(cause['also'])]);
  if (kinds.length === 0) return undefined;
  const [from, to] = [cause['from'], cause['to']];
  const region = typeof from === 'string' && typeof to === 'string' ? { from, to } : undefined;
  return { kinds, region };
}

function listOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? textsOf(value) : [];
}

function textsOf(values: readonly unknown[]): readonly string[] {
  return values.filter((value) => typeof value === 'string' && value !== '') as string[]; // just checked
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
