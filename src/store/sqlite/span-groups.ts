/**
 * Spans of a window by operation, service or attribute: counts, errors and quantiles of durations. Works on whole
 * columns of each block and keeps a number per row at most; cost follows the window, not what is stored.
 */
import { LIMITS } from '../../base/limits.ts';
import type { TimeRange } from '../../base/time.ts';
import { textOfValue } from '../../otlp/value.ts';
import { quantileOf, SketchBuilder } from '../../tally/sketch.ts';
import type { Page, SpanGroup, SpanGrouping, SpanGroupQuery } from '../api/telemetry.ts';
import { isPlainText, type KeyColumn } from './attribute-view.ts';
import { SIGNAL } from './block.ts';
import { type DayPool, withDamage } from './day-pool.ts';
import { isInside } from './day-reader.ts';
import type { SectionTexts } from './local-dictionary.ts';
import { visitBlocks } from './scan.ts';
import { SPAN_FIELD } from './span-core.ts';
import { SpanView } from './span-view.ts';

const NO_GROUP = -1;

export function groupSpans(pool: DayPool, query: SpanGroupQuery): Page<SpanGroup> {
  const groups = new Groups();
  const { range, service } = query;
  const services = service === undefined ? {} : { services: [service] };
  return withDamage(pool, () => {
    visitBlocks(pool, { signal: SIGNAL.spans, range, ...services }, (reader, header) => {
      pool.tryRead(reader, header, () => addBlock(groups, new SpanView(reader, header), query));
      return true;
    });
    return groups.page(query.limit);
  });
}

function addBlock(groups: Groups, view: SpanView, query: SpanGroupQuery): void {
  const { variants, rowCount } = view.core;
  const variantGroups = groupVariants(groups, view, query.by);
  const rowGroups = new Int32Array(rowCount);
  for (let row = 0; row < rowCount; row++) rowGroups[row] = variantGroups[variants[row]!]!;
  if (query.by.kind === 'attribute') putAttribute(groups, rowGroups, { view, key: query.by.key });
  if (query.service !== undefined) leaveOthersOut(rowGroups, view, query.service);
  addRows(groups, view, { range: query.range, rowGroups });
}

/** As everywhere, what is derived goes before what was sent, and that before the resource. */
function putAttribute(
  groups: Groups,
  rowGroups: Int32Array,
  { view, key }: { readonly view: SpanView; readonly key: string },
): void {
  const texts = view.attributeTexts;
  const keyId = texts.find(key);
  if (keyId === undefined) return;
  putColumn(groups, rowGroups, { column: view.attributes.sent.columnOf(keyId), texts });
  putColumn(groups, rowGroups, { column: view.attributes.derived.columnOf(keyId), texts });
}

function leaveOthersOut(rowGroups: Int32Array, view: SpanView, service: string): void {
  const { variants, rowCount } = view.core;
  const wanted = view.tables.texts.find(service);
  const services = view.field(SPAN_FIELD.service);
  for (let row = 0; row < rowCount; row++) {
    if (services[variants[row]!] !== wanted) rowGroups[row] = NO_GROUP;
  }
}

/** Group of each variant: of its operation, service, or its resource's attribute. */
function groupVariants(groups: Groups, view: SpanView, by: SpanGrouping): Int32Array {
  const { texts, resources } = view.tables;
  switch (by.kind) {
    case 'operation':
      return groupsOfTexts(groups, view.field(SPAN_FIELD.name), texts);
    case 'service':
      return groupsOfTexts(groups, view.field(SPAN_FIELD.service), texts);
    default: {
      const key = texts.find(by.key);
      const resourceGroups = resources.map(({ attributes }) => {
        const entry = attributes.find((candidate) => candidate.key === key);
        if (key === undefined || !entry) return NO_GROUP;
        return groups.indexOf(textOfValue(entry.type, entry.value, texts));
      });
      const fields = view.field(SPAN_FIELD.resource);
      return Int32Array.from(fields, (resource) => resourceGroups[resource] ?? NO_GROUP);
    }
  }
}

function groupsOfTexts(groups: Groups, ids: Uint32Array, texts: SectionTexts): Int32Array {
  const known = new Map<number, number>();
  return Int32Array.from(ids, (id) => {
    let group = known.get(id);
    if (group === undefined) {
      group = groups.indexOf(texts.text(id));
      known.set(id, group);
    }
    return group;
  });
}

/** Rows that have the key get the group of their value; of equal keys of a row the first counts. */
function putColumn(
  groups: Groups,
  rowGroups: Int32Array,
  { column, texts }: { readonly column: KeyColumn; readonly texts: SectionTexts },
): void {
  const { rows, types, values } = column;
  const groupOfText = new Int32Array(texts.count + 1).fill(NO_GROUP);
  for (let at = rows.length - 1; at >= 0; at--) {
    const type = types[at]!;
    const value = values[at]!;
    let group = isPlainText(type) ? groupOfText[value]! : NO_GROUP;
    if (group === NO_GROUP) {
      group = groups.indexOf(textOfValue(type, value, texts));
      if (isPlainText(type)) groupOfText[value] = group;
    }
    rowGroups[rows[at]!] = group;
  }
}

/** Hot: once per span of the window. */
function addRows(
  groups: Groups,
  view: SpanView,
  { range, rowGroups }: { readonly range: TimeRange; readonly rowGroups: Int32Array },
): void {
  const { durationNs, variants, rowCount } = view.core;
  const isError = view.field(SPAN_FIELD.isError);
  const { errorCounts, sketches } = groups;
  const startUs = isInside(view.header, range) ? undefined : view.core.startUs;
  for (let row = 0; row < rowCount; row++) {
    const group = rowGroups[row]!;
    if (group === NO_GROUP) continue;
    if (startUs && (startUs[row]! < range.fromUs || startUs[row]! >= range.toUs)) continue;
    sketches[group]!.add(durationNs[row]! / 1000);
    if (isError[variants[row]!] === 1) errorCounts[group]!++;
  }
}

class Groups {
  readonly errorCounts: number[] = [];
  readonly sketches: SketchBuilder[] = [];
  readonly #values: string[] = [];
  readonly #indexes = new Map<string, number>();
  #isCut = false;

  /** NO_GROUP for a value that comes after too many others. */
  indexOf(value: string): number {
    const known = this.#indexes.get(value);
    if (known !== undefined) return known;
    if (this.#values.length >= LIMITS.spanGroupsMax) {
      this.#isCut = true;
      return NO_GROUP;
    }
    const index = this.#values.push(value) - 1;
    this.#indexes.set(value, index);
    this.sketches.push(new SketchBuilder());
    this.errorCounts.push(0);
    return index;
  }

  page(limit: number): Page<SpanGroup> {
    const order = this.#values
      .map((value, index) => ({ value, index, count: this.sketches[index]!.count }))
      .filter(({ count }) => count > 0)
      .sort((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1));
    const count = Math.min(limit, LIMITS.queryRowsMax);
    const items = order.slice(0, count).map(({ value, index, count }) => {
      const sketch = this.sketches[index]!.build();
      return {
        value,
        count,
        errorCount: this.errorCounts[index]!,
        durationUsP50: quantileOf(sketch, 0.5),
        durationUsP95: quantileOf(sketch, 0.95),
      };
    });
    return { items, wasCut: this.#isCut || order.length > count };
  }
}
