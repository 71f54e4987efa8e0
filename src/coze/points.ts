/** Normalises metric series: the service they belong to, and user ids in their labels. */
import type { PointColumns } from '../model/columns.ts';
import type { GroupContext } from './group-context.ts';

/** Fills series[fromSeries …]; user ids in labels and exemplars are hashed. */
export function normaliseSeries(
  columns: PointColumns,
  fromSeries: number,
  context: GroupContext,
): void {
  const { seriesEntries } = columns;
  for (let index = fromSeries; index < seriesEntries.length; index++) {
    const entry = seriesEntries[index]!;
    const resource = context.resourceOf(columns, entry.resource);
    entry.service = resource.service;
    const attributes = context.hideUserIdsOf(entry.attributes);
    if (attributes !== entry.attributes) seriesEntries[index] = { ...entry, attributes };
  }
  hideExemplarUserIds(columns, context);
}

function hideExemplarUserIds(columns: PointColumns, context: GroupContext): void {
  const { attributes } = columns.exemplars;
  for (let at = 0; at < attributes.count; at++) {
    if (context.fields.ruleOf(attributes.keys[at]!)?.isUserId) context.hideUserId(attributes, at);
  }
}
