/**
 * Log templates: lines of one form share a template with a stable id. A line seen before is found by its
 * masked form alone; only a new form goes through the tree. Deterministic, bounded, and known templates go on
 * after a restart.
 */
import { createHash, randomInt } from 'node:crypto';
import { LIMITS } from '../base/limits.ts';
import { type Clock, US_PER_MINUTE } from '../base/time.ts';
import { type LogColumns, VALUE_TYPE } from '../model/columns.ts';
import { StringDictionary } from '../model/dictionary.ts';
import type { LogTemplate } from '../model/tally.ts';
import { type Pieces, textOfPieces } from './line-pieces.ts';
import { hashOfUnits, LineTable } from './line-table.ts';
import {
  isSameName,
  kindOfValue,
  kindsOfPiece,
  kindsOfText,
  typedTextOf,
  VALUE,
} from './line-values.ts';
import { lineOfBody } from './log-body-line.ts';
import { LineMasker } from './log-line.ts';
import { mergePieces, TemplateTree, type TreeTemplate, wordCountOf } from './template-tree.ts';
import { WILDCARD } from './unit-kinds.ts';

/** Text of the template that takes what a service's other templates have no room for. */
export const OVERFLOW_TEMPLATE = '(overflow)';
const OVERFLOW_PIECES: Pieces = { texts: [OVERFLOW_TEMPLATE], spaces: [false] };
/** Looking for templates that make room costs 1 ms per 10 000: not for every line that finds none. */
const SWEEP_INTERVAL_US = 10 * US_PER_MINUTE;

/** Lines of a template whose values are looked at: the first ones, and then one in so many. */
const TYPED_LINES = 8;
const TYPED_LINE_EVERY = 256;

interface Template extends TreeTemplate {
  /** What the wildcards of each piece have held; see line-values.ts. */
  kinds: Uint16Array;
  /** Lines found by their masked form. */
  lineCount: number;
  readonly firstSeenUs: number;
  /** When a line last had it, by our clock. */
  seenUs: number;
  /** String id of templateId in the dictionary of this number. */
  dictionary: number;
  stringId: number;
}

interface ServiceTemplates {
  readonly service: string;
  readonly tree: TemplateTree<Template>;
  readonly byId: Map<string, Template>;
  overflow: Template | undefined;
  /** Masked lines that were seen, so that the same line keeps its template. */
  readonly lines: LineTable<Template>;
  /** When a line of it was last seen, by our clock. */
  seenUs: number;
}

export class TemplateMiner {
  /** Lines that fell into an overflow template so far; to be reported, never reset. */
  overflowCount = 0;
  /** Lines whose service had no room for templates of its own so far; to be reported, never reset. */
  serviceOverflowCount = 0;
  readonly #clock: Clock | undefined;
  readonly #masker = new LineMasker();
  /** For texts of templates, while #masker holds a line. */
  readonly #splitter = new LineMasker();
  readonly #seed = randomInt(2 ** 32);
  readonly #services = new Map<string, ServiceTemplates>();
  /** Templates, their pieces, and remembered lines and their units, of all services. */
  #templateCount = 0;
  #pieceCount = 0;
  #lineCount = 0;
  #unitCount = 0;
  #nowUs = 0;
  #sweptUs = 0;
  readonly #announced = new Map<string, LogTemplate>();
  #strings = new StringDictionary();
  /** Counts dictionaries: what is cached for an earlier one is not valid. */
  #dictionary = 0;
  readonly #serviceById = new Map<number, ServiceTemplates>();
  /** body id → service id + 1 and template of the last line with this body; 0 when there was none. */
  #bodyServices = new Int32Array(1024);
  #bodyTemplates: (Template | undefined)[] = [];

  /** Without a clock nothing makes room: what is known then depends on the lines alone. */
  constructor(known: readonly LogTemplate[], options: { readonly clock?: Clock } = {}) {
    this.#clock = options.clock;
    this.#nowUs = this.#sweptUs = this.#clock?.nowUs() ?? 0;
    for (const template of known) this.#addKnown(template);
  }

  /** Masked lines in memory; to be reported. */
  get rememberedLineCount(): number {
    return this.#lineCount;
  }

  /** Templates in memory; to be reported. */
  get templateCount(): number {
    return this.#templateCount;
  }

  /**
   * Sets columns.template of rows [from, to); services must be normalised. Hot: 0.85 µs
   * of CPU a line of the log workload on a loaded machine (6.5 when each line was split into texts).
   */
  assign(columns: LogColumns, from: number, to: number): void {
    this.#nowUs = this.#clock?.nowUs() ?? 0;
    this.#useDictionary(columns.strings);
    let serviceId = -1;
    let templates: ServiceTemplates | undefined;
    for (let row = from; row < to; row++) {
      if (templates === undefined || columns.service[row] !== serviceId) {
        serviceId = columns.service[row]!;
        templates = this.#templatesOfId(serviceId);
      }
      const template = this.#templateOfRow(columns, row, templates);
      if (template.dictionary !== this.#dictionary) this.#enter(template);
      if (template.pieces === OVERFLOW_PIECES) this.overflowCount++;
      if (templates.service === OVERFLOW_TEMPLATE) this.serviceOverflowCount++;
      columns.template[row] = template.stringId;
    }
  }

  /** Templates that are new, or whose text has become more general, since the last call. */
  takeNew(): LogTemplate[] {
    const announced = [...this.#announced.values()];
    this.#announced.clear();
    return announced;
  }

  #useDictionary(strings: StringDictionary): void {
    if (this.#strings !== strings) {
      this.#strings = strings;
      this.#dictionary++;
      this.#serviceById.clear();
      this.#bodyServices.fill(0);
    }
    if (this.#bodyServices.length < strings.size) {
      const bodyServices = new Int32Array(2 * strings.size);
      bodyServices.set(this.#bodyServices);
      this.#bodyServices = bodyServices;
    }
  }

  #enter(template: Template): void {
    template.dictionary = this.#dictionary;
    template.stringId = this.#strings.idOfString(template.templateId);
    template.seenUs = this.#nowUs;
  }

  #templateOfRow(columns: LogColumns, row: number, templates: ServiceTemplates): Template {
    const type = columns.bodyType[row];
    const body = columns.bodyValue[row]!;
    const isText = (type === VALUE_TYPE.string || type === VALUE_TYPE.json) && body > 0;
    const owner = columns.service[row]! + 1;
    // the same body again costs two look-ups by index
    if (isText && this.#bodyServices[body] === owner) return this.#bodyTemplates[body]!;
    const { reader } = this.#masker;
    if (type !== VALUE_TYPE.string || !this.#tryReadBody(body)) {
      reader.read(lineOfBody(columns, row));
    }
    this.#masker.mask();
    const template = this.#templateOfLine(templates, columns.timeUs[row]!);
    if (isText) {
      this.#bodyServices[body] = owner;
      this.#bodyTemplates[body] = template;
    }
    return template;
  }

  #tryReadBody(body: number): boolean {
    const { pool } = this.#strings;
    return this.#masker.reader.tryReadFirst(
      pool,
      this.#strings.start(body),
      this.#strings.end(body),
    );
  }

  /** Template of the line that was masked last. */
  #templateOfLine(templates: ServiceTemplates, timeUs: number): Template {
    const { masked, maskedLength } = this.#masker;
    const hash = hashOfUnits(masked, maskedLength, this.#seed);
    const line = { units: masked, length: maskedLength, hash };
    const remembered = templates.lines.find(line);
    if (remembered !== undefined) {
      const count = remembered.lineCount++;
      if (count < TYPED_LINES || count % TYPED_LINE_EVERY === 0)
        this.#learnKinds(templates, remembered);
      return remembered;
    }
    const pieces = this.#masker.pieces();
    const template =
      this.#findSimilar(templates, pieces) ?? this.#createTemplate(templates, pieces, timeUs);
    this.#learnKinds(templates, template);
    this.#forgetLines(templates, maskedLength);
    templates.lines.add(line, template);
    this.#lineCount++;
    this.#unitCount += maskedLength;
    return template;
  }

  /** Looks at the values of the line masked last, which has this template. */
  #learnKinds(templates: ServiceTemplates, template: Template): void {
    const { texts } = template.pieces;
    if (texts.length !== this.#masker.pieceCount) return; // overflow, or known by its id alone
    let isRenamed = false;
    for (let piece = 0; piece < texts.length; piece++) {
      if (!texts[piece]!.includes(WILDCARD)) continue;
      const before = template.kinds[piece]!;
      const text = this.#masker.sourceOf(piece);
      const kinds = before | kindsOfPiece(texts[piece]!, { text, before: texts[piece - 1] });
      template.kinds[piece] = kinds;
      isRenamed ||= !isSameName(before, kinds);
    }
    if (isRenamed) this.#announce(templates.service, template);
  }

  /** Makes room for one more line. */
  #forgetLines(templates: ServiceTemplates, unitCount: number): void {
    if (
      this.#lineCount >= LIMITS.logLinesMax ||
      this.#unitCount + unitCount > LIMITS.logLineUnitsMax
    ) {
      for (const { lines } of this.#services.values()) lines.clear();
      this.#lineCount = 0;
      this.#unitCount = 0;
    } else if (templates.lines.size >= LIMITS.logLinesPerServiceMax) {
      this.#clearLines(templates);
    }
  }

  #clearLines({ lines }: ServiceTemplates): void {
    this.#lineCount -= lines.size;
    this.#unitCount -= lines.unitCount;
    lines.clear();
  }

  #findSimilar(templates: ServiceTemplates, pieces: Pieces): Template | undefined {
    const best = templates.tree.findSimilar(pieces);
    if (best === undefined) return undefined;
    const merged = mergePieces(best.pieces, pieces);
    if (merged !== best.pieces) {
      if (!this.#canRestore(merged)) return undefined;
      best.kinds = kindsOfMerged(best, merged);
      best.pieces = merged;
      this.#announce(templates.service, best);
    }
    return best;
  }

  /** Whether a text has the pieces it was made from: after a restart the text is all there is. */
  #canRestore(pieces: Pieces): boolean {
    const { texts } = this.#split(textOfPieces(pieces));
    return (
      texts.length === pieces.texts.length &&
      texts.every((text, index) => text === pieces.texts[index])
    );
  }

  #split(text: string): Pieces {
    this.#splitter.reader.read(text);
    this.#splitter.mask();
    return this.#splitter.pieces();
  }

  #createTemplate(templates: ServiceTemplates, pieces: Pieces, timeUs: number): Template {
    const hasRoom = this.#hasRoom(templates, pieces) && templates.tree.hasRoom(pieces);
    if (!hasRoom && templates.overflow !== undefined) return templates.overflow;
    const text = hasRoom ? textOfPieces(pieces) : OVERFLOW_TEMPLATE;
    const templateId = templateIdOf(templates.service, text);
    const known = templates.byId.get(templateId);
    if (known !== undefined) return known;
    const kinds = new Uint16Array(pieces.texts.length);
    const template = this.#add(templates, { templateId, text, pieces, kinds, firstSeenUs: timeUs });
    this.#announce(templates.service, template);
    return template;
  }

  #hasRoom(templates: ServiceTemplates, pieces: Pieces): boolean {
    const isFull = () =>
      templates.tree.count >= LIMITS.templatesPerServiceMax ||
      this.#templateCount >= LIMITS.templatesMax ||
      this.#pieceCount + pieces.texts.length > LIMITS.templatePiecesMax;
    if (isFull()) this.#sweep();
    return !isFull();
  }

  #add(
    templates: ServiceTemplates,
    item: Pick<Template, 'templateId' | 'pieces' | 'kinds' | 'firstSeenUs'> & { text: string },
  ): Template {
    const isOverflow = item.text === OVERFLOW_TEMPLATE;
    const template: Template = {
      templateId: item.templateId,
      pieces: isOverflow ? OVERFLOW_PIECES : item.pieces,
      kinds: item.kinds,
      lineCount: 0,
      wordCount: wordCountOf(item.pieces.texts),
      branch: '',
      firstSeenUs: item.firstSeenUs,
      seenUs: this.#nowUs,
      dictionary: 0,
      stringId: 0,
    };
    if (isOverflow) templates.overflow = template;
    else templates.tree.add(template);
    templates.byId.set(template.templateId, template);
    this.#templateCount++;
    this.#pieceCount += template.pieces.texts.length;
    return template;
  }

  #addKnown({ templateId, service, text, firstSeenUs }: LogTemplate): void {
    const templates = this.#templatesOf(service);
    if (templates.byId.has(templateId)) return;
    const pieces = this.#split(text);
    if (text !== OVERFLOW_TEMPLATE && !this.#hasRoom(templates, pieces)) return;
    const kinds = kindsOfText(text, pieces);
    const template = this.#add(templates, { templateId, text, pieces, kinds, firstSeenUs });
    // an earlier version may have read its line otherwise; of templates that have become equal the first goes on
    if (text !== OVERFLOW_TEMPLATE && typedTextOf(pieces, kinds) !== text) {
      this.#announce(service, template);
    }
  }

  #announce(service: string, template: Template): void {
    const { templateId, pieces, kinds, firstSeenUs } = template;
    const text = typedTextOf(pieces, kinds);
    this.#announced.set(templateId, { templateId, service, text, firstSeenUs });
  }

  #templatesOfId(serviceId: number): ServiceTemplates {
    let templates = this.#serviceById.get(serviceId);
    if (templates === undefined) {
      templates = this.#templatesOf(this.#strings.text(serviceId));
      this.#serviceById.set(serviceId, templates);
    }
    templates.seenUs = this.#nowUs;
    return templates;
  }

  #templatesOf(service: string): ServiceTemplates {
    const known = this.#services.get(service);
    if (known !== undefined) return known;
    if (service !== OVERFLOW_TEMPLATE) {
      if (this.#services.size >= LIMITS.servicesMax) this.#sweep();
      if (this.#services.size >= LIMITS.servicesMax) return this.#templatesOf(OVERFLOW_TEMPLATE);
    }
    const templates: ServiceTemplates = {
      service,
      tree: new TemplateTree(),
      byId: new Map(),
      overflow: undefined,
      lines: new LineTable(),
      seenUs: this.#nowUs,
    };
    this.#services.set(service, templates);
    return templates;
  }

  /** Templates and services that no line had for long make room; their ids come back with their lines. */
  #sweep(): void {
    if (this.#nowUs - this.#sweptUs < SWEEP_INTERVAL_US) return;
    this.#sweptUs = this.#nowUs;
    const idleUs = this.#nowUs - LIMITS.templateIdleUs;
    for (const templates of this.#services.values()) {
      const idle = [...templates.byId.values()].filter(({ seenUs }) => seenUs < idleUs);
      for (const template of idle) this.#remove(templates, template);
      if (idle.length > 0) this.#clearLines(templates);
      if (templates.seenUs < idleUs) {
        this.#clearLines(templates);
        this.#services.delete(templates.service);
      }
    }
    this.#bodyServices.fill(0);
    this.#serviceById.clear();
  }

  #remove(templates: ServiceTemplates, template: Template): void {
    templates.byId.delete(template.templateId);
    if (template === templates.overflow) templates.overflow = undefined;
    else templates.tree.remove(template);
    this.#templateCount--;
    this.#pieceCount -= template.pieces.texts.length;
  }
}

export function templateIdOf(service: string, text: string): string {
  return createHash('sha256').update(`${service}\0${text}`).digest('hex').slice(0, 16);
}

/** A piece that has become a wildcard has held what it was. */
function kindsOfMerged({ pieces, kinds }: Template, merged: Pieces): Uint16Array {
  return kinds.map((ofPiece, piece) => {
    const text = pieces.texts[piece]!;
    if (text === merged.texts[piece]) return ofPiece;
    return text.includes(WILDCARD) ? VALUE.any : kindOfValue(text);
  });
}
