/**
 * Log templates: lines of one form share a template with a stable id (Drain: lines of the same length and
 * leading word are compared piece by piece). Deterministic, bounded, and known templates go on after a restart.
 */
import { createHash } from 'node:crypto';
import { LIMITS } from '../base/limits.ts';
import { type LogColumns, VALUE_TYPE } from '../model/columns.ts';
import type { StringDictionary } from '../model/dictionary.ts';
import type { LogTemplate } from '../model/tally.ts';
import { lineOfBody } from './log-body-line.ts';
import { isPunctuation, type Pieces, piecesOf, textOfPieces, WILDCARD } from './log-line.ts';

/** Text of the template that takes what a service's other templates have no room for. */
export const OVERFLOW_TEMPLATE = '(overflow)';
/** Services with templates of their own; beyond it all share the overflow service. */
const SERVICES_MAX = 1000;
/** Masked lines remembered per service, so that the same line keeps its template … */
const REMEMBERED_LINES_MAX = 10_000;
/** … and of all services together: below 1 KiB each. */
export const REMEMBERED_LINES_TOTAL_MAX = 100_000;
/** Leading words told apart per length; beyond it they share one branch. */
const BRANCHES_MAX = 128;
/** Templates compared one by one; a line that fits none of so many goes to the overflow template. */
const BRANCH_TEMPLATES_MAX = 200;
/** Lines of so few words share a template only when all are equal. */
const EXACT_WORDS_MAX = 3;
/** Share of equal words that makes two lines one template: 0.7 lets one word in four differ. */
const SIMILARITY_MIN = 0.7;

/** Words that tell outcomes apart: they never become a wildcard. */
const OUTCOME_WORDS: ReadonlySet<string> = new Set(
  [
    'fail fails failed failure error errors success successful successfully succeeded ok timeout',
    'timed refused rejected accepted denied allowed open opened closed close start started stop',
    'stopped up down connected disconnected enabled disabled retry retrying completed cancelled',
    'canceled exceeded lost recovered healthy unhealthy true false not no',
    '成功 失败 错误 异常 超时 拒绝 开始 结束 完成 取消 断开 恢复',
  ]
    .join(' ')
    .split(' '),
);

interface Template {
  readonly templateId: string;
  pieces: Pieces;
  /** Pieces that are not punctuation; never changes. */
  readonly wordCount: number;
  readonly firstSeenUs: number;
}

interface ServiceTemplates {
  readonly service: string;
  count: number;
  /** Templates by length and leading word. */
  readonly branches: Map<string, Template[]>;
  /** Leading words per length. */
  readonly branchCounts: Map<number, number>;
  readonly byLine: Map<string, Template>;
  readonly byId: Map<string, Template>;
}

export class TemplateMiner {
  /** Lines that fell into an overflow template so far; to be reported, never reset. */
  overflowCount = 0;
  readonly #services = new Map<string, ServiceTemplates>();
  /** Templates and remembered lines of all services. */
  #templateCount = 0;
  #lineCount = 0;
  readonly #announced = new Map<string, LogTemplate>();
  #strings: StringDictionary | undefined;
  /** (body, service) → string id of the template, for one dictionary. */
  readonly #templateByBody = new Map<number, number>();

  constructor(known: readonly LogTemplate[]) {
    for (const { templateId, service, text, firstSeenUs } of known) {
      const templates = this.#templatesOf(service);
      if (templates.byId.has(templateId)) continue;
      this.#add(templates, templateOf({ templateId, pieces: piecesOf(text), firstSeenUs }));
    }
  }

  /** Masked lines in memory; to be reported. */
  get rememberedLineCount(): number {
    return this.#lineCount;
  }

  /** Sets columns.template of rows [from, to); services must be normalised. */
  assign(columns: LogColumns, from: number, to: number): void {
    if (this.#strings !== columns.strings) {
      this.#strings = columns.strings;
      this.#templateByBody.clear();
    }
    for (let row = from; row < to; row++) {
      const body = columns.bodyValue[row]!;
      const key = bodyKey(columns, row);
      let template = key < 0 ? undefined : this.#templateByBody.get(key);
      if (template === undefined) {
        const line = lineOfBody(columns, row);
        const service = columns.strings.text(columns.service[row]!);
        const id = this.#assignLine({ service, line, timeUs: columns.timeUs[row]! });
        template = columns.strings.idOfString(id);
        if (key >= 0 && body > 0) this.#templateByBody.set(key, template);
      }
      columns.template[row] = template;
    }
  }

  /** Templates that are new, or whose text has become more general, since the last call. */
  takeNew(): LogTemplate[] {
    const announced = [...this.#announced.values()];
    this.#announced.clear();
    return announced;
  }

  #assignLine(item: { service: string; line: string; timeUs: number }): string {
    const templates = this.#templatesOf(item.service);
    const pieces = piecesOf(item.line);
    const text = textOfPieces(pieces);
    const remembered = templates.byLine.get(text);
    if (remembered !== undefined) return this.#countOverflow(remembered).templateId;
    const template =
      this.#findSimilar(templates, pieces) ??
      this.#createTemplate(templates, { pieces, text, timeUs: item.timeUs });
    this.#remember(templates, text, template);
    return this.#countOverflow(template).templateId;
  }

  #remember(templates: ServiceTemplates, text: string, template: Template): void {
    if (this.#lineCount >= REMEMBERED_LINES_TOTAL_MAX) {
      for (const { byLine } of this.#services.values()) byLine.clear();
      this.#lineCount = 0;
    } else if (templates.byLine.size >= REMEMBERED_LINES_MAX) {
      this.#lineCount -= templates.byLine.size;
      templates.byLine.clear();
    }
    templates.byLine.set(text, template);
    this.#lineCount++;
  }

  #add(templates: ServiceTemplates, template: Template): void {
    addTemplate(templates, template);
    this.#templateCount++;
  }

  #countOverflow(template: Template): Template {
    if (template.pieces === OVERFLOW_PIECES) this.overflowCount++;
    return template;
  }

  #findSimilar(templates: ServiceTemplates, pieces: Pieces): Template | undefined {
    const branch = templates.branches.get(branchOf(templates, pieces));
    if (branch === undefined) return undefined;
    let best: Template | undefined;
    let bestScore = 0;
    for (const template of branch) {
      const score = similarity(template, pieces.texts);
      if (score > bestScore) {
        best = template;
        bestScore = score;
      }
    }
    if (best === undefined) return undefined;
    const merged = mergePieces(best.pieces, pieces);
    if (merged !== best.pieces) {
      best.pieces = merged;
      this.#announce(templates.service, best);
    }
    return best;
  }

  #createTemplate(
    templates: ServiceTemplates,
    line: { pieces: Pieces; text: string; timeUs: number },
  ): Template {
    const branch = templates.branches.get(branchOf(templates, line.pieces));
    const hasRoom =
      templates.count < LIMITS.templatesPerServiceMax &&
      this.#templateCount < LIMITS.templatesMax &&
      (branch === undefined || branch.length < BRANCH_TEMPLATES_MAX);
    const text = hasRoom ? line.text : OVERFLOW_TEMPLATE;
    const templateId = templateIdOf(templates.service, text);
    const known = templates.byId.get(templateId);
    if (known !== undefined) return known;
    const pieces = hasRoom ? line.pieces : OVERFLOW_PIECES;
    const template = templateOf({ templateId, pieces, firstSeenUs: line.timeUs });
    this.#add(templates, template);
    this.#announce(templates.service, template);
    return template;
  }

  #announce(service: string, template: Template): void {
    const { templateId, pieces, firstSeenUs } = template;
    const text = textOfPieces(pieces);
    this.#announced.set(templateId, { templateId, service, text, firstSeenUs });
  }

  #templatesOf(service: string): ServiceTemplates {
    const known = this.#services.get(service);
    if (known !== undefined) return known;
    if (this.#services.size >= SERVICES_MAX && service !== OVERFLOW_TEMPLATE) {
      return this.#templatesOf(OVERFLOW_TEMPLATE);
    }
    const templates: ServiceTemplates = {
      service,
      count: 0,
      branches: new Map(),
      branchCounts: new Map(),
      byLine: new Map(),
      byId: new Map(),
    };
    this.#services.set(service, templates);
    return templates;
  }
}

const OVERFLOW_PIECES: Pieces = { texts: [OVERFLOW_TEMPLATE], spaces: [false] };

export function templateIdOf(service: string, text: string): string {
  return createHash('sha256').update(`${service}\0${text}`).digest('hex').slice(0, 16);
}

/** Key of an exact body in a service, or -1 when the body is not one interned text. */
function bodyKey(columns: LogColumns, row: number): number {
  const type = columns.bodyType[row]!;
  if (type !== VALUE_TYPE.string && type !== VALUE_TYPE.json) return -1;
  const body = columns.bodyValue[row]!;
  const service = columns.service[row]!;
  return body < 2 ** 27 && service < 2 ** 26 ? body * 2 ** 26 + service : -1;
}

function addTemplate(templates: ServiceTemplates, template: Template): void {
  templates.byId.set(template.templateId, template);
  if (textOfPieces(template.pieces) === OVERFLOW_TEMPLATE) {
    template.pieces = OVERFLOW_PIECES;
    return;
  }
  templates.count++;
  const branch = branchOf(templates, template.pieces);
  const list = templates.branches.get(branch);
  if (list !== undefined) {
    list.push(template);
    return;
  }
  templates.branches.set(branch, [template]);
  if (template.wordCount <= EXACT_WORDS_MAX) return;
  const length = template.pieces.texts.length;
  templates.branchCounts.set(length, (templates.branchCounts.get(length) ?? 0) + 1);
}

function templateOf(item: Omit<Template, 'wordCount'>): Template {
  return { ...item, wordCount: wordCountOf(item.pieces.texts) };
}

function wordCountOf(texts: readonly string[]): number {
  let count = 0;
  for (const text of texts) if (!isPunctuation(text)) count++;
  return count;
}

/**
 * Length and leading word: the first piece that is neither punctuation nor masked; the second such word
 * when too many lines of a length lead with words of their own. Short lines must be equal in all.
 */
function branchOf(templates: ServiceTemplates, pieces: Pieces): string {
  const { texts } = pieces;
  if (wordCountOf(texts) <= EXACT_WORDS_MAX) return `= ${textOfPieces(pieces)}`;
  const leads = texts.filter((piece) => !isPunctuation(piece) && !piece.includes(WILDCARD));
  const branch = `${texts.length} ${leads[0] ?? ''}`;
  const isCrowded = (templates.branchCounts.get(texts.length) ?? 0) >= BRANCHES_MAX;
  if (!isCrowded || templates.branches.has(branch)) return branch;
  return `${texts.length} ${WILDCARD} ${leads[1] ?? ''}`;
}

/**
 * Share of words that are equal, a wildcard counting as equal; 0 below the bound or when an outcome word or
 * punctuation differs.
 */
function similarity(template: Template, line: readonly string[]): number {
  const { texts } = template.pieces;
  if (texts.length !== line.length) return 0;
  const words = template.wordCount;
  if (words === 0) return 1;
  const differingMax = words <= EXACT_WORDS_MAX ? 0 : words * (1 - SIMILARITY_MIN);
  let differing = 0;
  let covered = 0;
  for (let index = 0; index < texts.length; index++) {
    const left = texts[index]!;
    if (left === line[index]) continue;
    if (left === WILDCARD) covered++;
    else if (++differing > differingMax) return 0;
  }
  // few get this far: only now the words themselves are looked at
  for (let index = 0; index < texts.length; index++) {
    if (texts[index] !== line[index] && !canDiffer(texts[index]!, line[index]!)) return 0;
  }
  // of two that fit equally, the one with more words in common
  return 1 - differing / words - covered / (words * 1000);
}

function canDiffer(left: string, right: string): boolean {
  if (isPunctuation(right)) return false;
  if (left === WILDCARD) return true;
  if (isPunctuation(left)) return false;
  return !OUTCOME_WORDS.has(left.toLowerCase()) && !OUTCOME_WORDS.has(right.toLowerCase());
}

/** The template with a wildcard where the line differs; the template itself when it covers the line. */
function mergePieces(template: Pieces, line: Pieces): Pieces {
  if (template.texts.every((text, index) => text === line.texts[index] || text === WILDCARD)) {
    return template;
  }
  const texts = template.texts.map((text, index) => (text === line.texts[index] ? text : WILDCARD));
  return { texts, spaces: template.spaces };
}
