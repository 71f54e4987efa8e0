/** What a span carries: its own attributes and, where it has none of that name, those of its ancestors. */
import { NO_ROW, type SpanTable } from './window.ts';

/** Steps up that are looked at. */
export const ANCESTORS_MAX = 32;

/** Belong to the sender of the span alone: a child does not inherit them. */
const RESOURCE_KEY =
  /^(service|k8s|host|process|container|telemetry|os|deployment|cloud|net|server)\./;

/** Whether a span has the value of an ancestor where it has none of its own. */
export function isInherited(key: string): boolean {
  return !RESOURCE_KEY.test(key);
}

/** Text of the attribute at the nearest span, up from the row, that has it; undefined for none. */
export function carriedAttributeOf(table: SpanTable, row: number, key: string): string | undefined {
  const depth = isInherited(key) ? ANCESTORS_MAX : 1;
  let at = row;
  for (let step = 0; step < depth && at !== NO_ROW; step++) {
    const value = table.attributeOf(at, key);
    if (value !== undefined) return value;
    at = table.parent[at]!;
  }
  return undefined;
}
