/**
 * What an error line says about where the error comes from: it may name the service that was called, and it
 * may be one that other services are used to logging. Works on templates, never on single lines.
 */
import type { LogTable } from '../model/window.ts';
import type { Facts } from './facts.ts';

/** SeverityNumber of OTLP from which a line is a warning, an error. */
export const SEVERITY_WARN = 13;
export const SEVERITY_ERROR = 17;
/** A shorter name is a word that many lines hold. */
const NAME_CHARS_MIN = 4;
/** Stack frames and bodies later in a line name everything. */
const LINE_CHARS_MAX = 1000;

export interface ErrorLines {
  /** The callee of the service that the line names, as the line's reason; undefined for none. */
  namedCallee(service: string, line: string): string | undefined;
  /**
   * How much the appearance of the line in one more service can tell at most, in nats: of K services, k others
   * log such a line in the reference, so it comes to another one with odds of about k : K. Infinity when none do.
   */
  surpriseMax(service: string, templateId: string): number;
}

export function readErrorLines(facts: Facts): ErrorLines {
  const { reference, templates } = facts.clustered;
  const names = serviceNamesOf(facts);
  const shapeOf = (templateId: string): string => {
    let shape = (templates.get(templateId)?.text ?? templateId).slice(0, LINE_CHARS_MAX);
    for (const name of names) shape = shape.replaceAll(name, '<*>');
    return shape.replace(/<[a-z]{1,8}>/g, '<*>'); // where lines of one template differ, names may stand, too
  };
  const known = reference ? servicesByShape(reference.logs, shapeOf) : undefined;
  return {
    namedCallee(service, line) {
      const start = line.slice(0, LINE_CHARS_MAX);
      const callees = facts.calleesOf.get(service);
      return names.find(
        (name) => name !== service && callees?.has(name) === true && holdsName(start, name),
      );
    },
    surpriseMax(service, templateId) {
      if (known === undefined) return Number.POSITIVE_INFINITY;
      const others = new Set(known.byShape.get(shapeOf(templateId)));
      others.delete(service);
      if (others.size === 0) return Number.POSITIVE_INFINITY;
      return Math.max(0, Math.log((known.serviceCount + 1) / (others.size + 0.5)));
    },
  };
}

/** Longest first, so that no name is taken for a part of another. */
function serviceNamesOf({ calleesOf }: Facts): string[] {
  const names = new Set<string>();
  for (const [caller, callees] of calleesOf) {
    names.add(caller);
    for (const callee of callees) names.add(callee);
  }
  return [...names]
    .filter((name) => name.length >= NAME_CHARS_MIN)
    .sort((a, b) => b.length - a.length || (a < b ? -1 : 1));
}

/** As a word of its own: `cart` stands in `http://cart:80/`, not in `cart-service`. */
function holdsName(line: string, name: string): boolean {
  for (let at = line.indexOf(name); at !== -1; at = line.indexOf(name, at + 1)) {
    const around = `${line.charAt(at - 1)}${line.charAt(at + name.length)}`;
    if (!/[\p{L}\p{N}_-]/u.test(around)) return true;
  }
  return false;
}

/** Which services log a line in the reference, by its text without the names of services. */
function servicesByShape(
  logs: LogTable,
  shapeOf: (templateId: string) => string,
): { readonly byShape: ReadonlyMap<string, ReadonlySet<string>>; readonly serviceCount: number } {
  const pairs = new Map<number, Set<number>>();
  const services = new Set<number>();
  for (let row = 0; row < logs.count; row++) {
    services.add(logs.service[row]!);
    if (logs.severity[row]! < SEVERITY_WARN) continue;
    const byTemplate = pairs.get(logs.template[row]!);
    if (byTemplate) byTemplate.add(logs.service[row]!);
    else pairs.set(logs.template[row]!, new Set([logs.service[row]!]));
  }
  const byShape = new Map<string, Set<string>>();
  for (const [template, ids] of pairs) {
    const shape = shapeOf(logs.strings.text(template));
    const known = byShape.get(shape) ?? new Set<string>();
    for (const id of ids) known.add(logs.strings.text(id));
    byShape.set(shape, known);
  }
  return { byShape, serviceCount: services.size };
}
