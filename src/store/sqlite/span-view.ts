/**
 * A block of spans as its sections hold it, each part decoded when a query first needs it: ids stay local, nothing is
 * laid out by row that is not asked for. Searches and groupings work on this; SpanColumns are for those who read rows.
 */
import type { ResourceEntry } from '../../model/columns.ts';
import { AttributeView } from './attribute-view.ts';
import { decodeAt, openSection, SECTION, type SectionSource } from './block.ts';
import type { BlockHeader, DayReader } from './day-reader.ts';
import { readResources } from './entry-codec.ts';
import { SectionTexts } from './local-dictionary.ts';
import { readSpanCore, type SpanCore } from './span-core.ts';

/** Texts of the core and the resources that use them. */
interface Tables {
  readonly texts: SectionTexts;
  /** Ids of texts are local to `texts`. */
  readonly resources: readonly ResourceEntry[];
}

interface Attributes {
  readonly sent: AttributeView;
  readonly derived: AttributeView;
}

export class SpanView {
  readonly header: BlockHeader;
  readonly #place: string;
  readonly #source: SectionSource;
  #core: SpanCore | undefined;
  #tables: Tables | undefined;
  #attributeTexts: SectionTexts | undefined;
  #attributes: Attributes | undefined;

  constructor(reader: DayReader, header: BlockHeader) {
    this.header = header;
    this.#place = reader.placeOf(header);
    this.#source = reader.sectionsOf(header);
  }

  get core(): SpanCore {
    this.#core ??= this.#decode(() => readSpanCore(this.#source, this.header.rowCount));
    return this.#core;
  }

  get tables(): Tables {
    this.#tables ??= this.#decode(() => {
      const reader = openSection(this.#source, SECTION.dictionary);
      const texts = new SectionTexts(reader);
      const ownIds = Uint32Array.from({ length: texts.count + 1 }, (_, id) => id);
      return { texts, resources: readResources(reader, ownIds) };
    });
    return this.#tables;
  }

  /** Texts of attributes as sent and derived. */
  get attributeTexts(): SectionTexts {
    this.#attributeTexts ??= this.#decode(
      () => new SectionTexts(openSection(this.#source, SECTION.attributeTexts)),
    );
    return this.#attributeTexts;
  }

  get attributes(): Attributes {
    this.#attributes ??= this.#decode(() => {
      const reader = openSection(this.#source, SECTION.attributes);
      const sent = new AttributeView(reader, this.header.rowCount);
      return { sent, derived: new AttributeView(reader, this.header.rowCount) };
    });
    return this.#attributes;
  }

  /** Value of a field for each variant. */
  field(field: number): Uint32Array {
    return this.core.fields[field]!; // readSpanCore() reads them all
  }

  #decode<T>(read: () => T): T {
    return decodeAt(this.#place, read);
  }
}
