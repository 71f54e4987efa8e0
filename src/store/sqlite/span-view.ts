/**
 * A block of spans as its sections hold it, each part decoded when a query first needs it: ids of texts stay local,
 * nothing is laid out by row that is not asked for. Searches, groupings and look-ups of traces work on this.
 */
import { hexOf } from '../../base/bytes.ts';
import type { ResourceEntry, ScopeEntry } from '../../model/columns.ts';
import { textOfValue } from '../../otlp/value.ts';
import { AttributeView, type KeyColumn } from './attribute-view.ts';
import { decodeAt, openSection, openTail, SECTION, type SectionSource } from './block.ts';
import type { BlockHeader, DayReader } from './day-reader.ts';
import { readResources, readScopes } from './entry-codec.ts';
import { REFERENCE, SPAN_ID_BYTES } from './id-codec.ts';
import { SectionTexts } from './local-dictionary.ts';
import { SPAN_FIELD, SpanCore } from './span-core.ts';
import { TRACE_ID_BYTES } from './trace-order.ts';

/** Texts of the core, and the resources and scopes that use them; ids are local to `texts`. */
interface Tables {
  readonly texts: SectionTexts;
  readonly resources: readonly ResourceEntry[];
  readonly scopes: readonly ScopeEntry[];
}

interface Attributes {
  readonly sent: AttributeView;
  readonly derived: AttributeView;
}

/** Values of one key in a block: as derived, as sent; undefined where no row has it. */
interface Column {
  readonly derived: KeyColumn | undefined;
  readonly sent: KeyColumn | undefined;
}

export class SpanView {
  readonly header: BlockHeader;
  readonly source: SectionSource;
  readonly #place: string;
  #core: SpanCore | undefined;
  #ids: Uint8Array | undefined;
  #tables: Tables | undefined;
  #attributeTexts: SectionTexts | undefined;
  #attributes: Attributes | undefined;
  readonly #columns = new Map<string, Column>();

  constructor(reader: DayReader, header: BlockHeader) {
    this.header = header;
    this.#place = reader.placeOf(header);
    this.source = reader.sectionsOf(header);
  }

  get core(): SpanCore {
    this.#core ??= this.#decode(() => new SpanCore(this.source, this.header.rowCount));
    return this.#core;
  }

  get tables(): Tables {
    this.#tables ??= this.#decode(() => {
      const reader = openSection(this.source, SECTION.dictionary);
      const texts = new SectionTexts(reader);
      const ownIds = Uint32Array.from({ length: texts.count + 1 }, (_, id) => id);
      return {
        texts,
        resources: readResources(reader, ownIds),
        scopes: readScopes(reader, ownIds),
      };
    });
    return this.#tables;
  }

  /** Texts of attributes as sent and derived. */
  get attributeTexts(): SectionTexts {
    this.#attributeTexts ??= this.#decode(
      () => new SectionTexts(openSection(this.source, SECTION.attributeTexts)),
    );
    return this.#attributeTexts;
  }

  get attributes(): Attributes {
    this.#attributes ??= this.#decode(() => {
      const reader = openSection(this.source, SECTION.attributes);
      const sent = new AttributeView(reader, this.header.rowCount);
      return { sent, derived: new AttributeView(reader, this.header.rowCount) };
    });
    return this.#attributes;
  }

  /** What rows have for a key, in their own attributes; decodes none when the texts lack the key. */
  column(key: string): Column {
    const known = this.#columns.get(key);
    if (known) return known;
    const keyId = this.attributeTexts.find(key);
    const column = {
      derived: keyId === undefined ? undefined : this.attributes.derived.columnOf(keyId),
      sent: keyId === undefined ? undefined : this.attributes.sent.columnOf(keyId),
    };
    this.#columns.set(key, column);
    return column;
  }

  /** Text of an attribute of a row: derived first, then as sent, then of the resource. */
  attributeText(row: number, key: string): string | undefined {
    const { derived, sent } = this.column(key);
    for (const column of [derived, sent]) {
      const at = column ? firstAt(column.rows, row) : -1;
      if (column && at >= 0) {
        return textOfValue(column.types[at]!, column.values[at]!, this.attributeTexts);
      }
    }
    const { texts, resources } = this.tables;
    const resource = resources[this.fieldOf(row, SPAN_FIELD.resource)];
    const entry = resource?.attributes.find((candidate) => texts.text(candidate.key) === key);
    return entry && textOfValue(entry.type, entry.value, texts);
  }

  /** Value of a field for each variant. */
  field(field: number): Uint32Array {
    return this.core.fields[field]!; // SpanCore reads them all
  }

  fieldOf(row: number, field: number): number {
    return this.field(field)[this.core.variants[row]!]!;
  }

  textOf(row: number, field: number): string {
    return this.tables.texts.text(this.fieldOf(row, field));
  }

  /** Run of rows of the trace, or undefined: a block holds each of its traces once. */
  findRun(traceId: Uint8Array): number | undefined {
    const { ids } = this;
    for (let run = 0; run < this.runCount; run++) {
      let byte = 0;
      const start = TRACE_ID_BYTES * run;
      while (byte < TRACE_ID_BYTES && ids[start + byte] === traceId[byte]) byte++;
      if (byte === TRACE_ID_BYTES) return run;
    }
    return undefined;
  }

  get runCount(): number {
    return this.core.runStarts.length - 1;
  }

  traceIdOf(run: number): string {
    return hexOf(this.ids, TRACE_ID_BYTES * run, TRACE_ID_BYTES * (run + 1));
  }

  spanIdOf(row: number): string {
    const start = TRACE_ID_BYTES * this.runCount + SPAN_ID_BYTES * row;
    return hexOf(this.ids, start, start + SPAN_ID_BYTES);
  }

  isRoot(row: number): boolean {
    return this.core.parents[row] === REFERENCE.none;
  }

  /** Ids of the parents of rows [from, to). */
  parentIdsOf(from: number, to: number): readonly (string | undefined)[] {
    const { parents, runStarts, rowCount } = this.core;
    let explicitCount = 0;
    for (let row = 0; row < from; row++) {
      if (parents[row] === REFERENCE.explicit) explicitCount++;
    }
    const explicitStart = TRACE_ID_BYTES * this.runCount + SPAN_ID_BYTES * rowCount;
    let runStart = 0;
    for (const start of runStarts) if (start <= from) runStart = start;
    return Array.from({ length: to - from }, (_, index) => {
      const parent = parents[from + index]!;
      if (parent === REFERENCE.none) return undefined;
      if (parent !== REFERENCE.explicit)
        return this.spanIdOf(runStart + parent - REFERENCE.firstRow);
      const start = explicitStart + SPAN_ID_BYTES * explicitCount++;
      return hexOf(this.ids, start, start + SPAN_ID_BYTES);
    });
  }

  /** Trace ids of the runs, span ids of the rows, then parents that are not of the run. */
  get ids(): Uint8Array {
    this.#ids ??= this.#decode(() => {
      const reader = openTail(this.source, SECTION.ids);
      let explicitCount = 0;
      for (const parent of this.core.parents) if (parent === REFERENCE.explicit) explicitCount++;
      const spanIdCount = this.core.rowCount + explicitCount;
      return reader.raw(TRACE_ID_BYTES * this.runCount + SPAN_ID_BYTES * spanIdCount);
    });
    return this.#ids;
  }

  #decode<T>(read: () => T): T {
    return decodeAt(this.#place, read);
  }
}

/** First place of a value among ascending ones, or −1. */
function firstAt(ascending: Uint32Array, wanted: number): number {
  let from = 0;
  let to = ascending.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (ascending[middle]! < wanted) from = middle + 1;
    else to = middle;
  }
  return ascending[from] === wanted ? from : -1;
}
