/**
 * Templates of one service, found by likeness (Drain: lines of the same length and leading word are compared
 * piece by piece). Bounded per branch; the bounds of all templates together are the miner's.
 */

import { isPunctuation, type Pieces, textOfPieces } from './line-pieces.ts';
import { WILDCARD } from './unit-kinds.ts';

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

export interface TreeTemplate {
  readonly templateId: string;
  pieces: Pieces;
  /** Pieces that are not punctuation; never changes. */
  readonly wordCount: number;
  /** Where the tree holds it; never changes. */
  branch: string;
}

export class TemplateTree<T extends TreeTemplate> {
  /** Templates in the branches. */
  count = 0;
  readonly #branches = new Map<string, T[]>();
  /** Leading words per length. */
  readonly #branchCounts = new Map<number, number>();

  /** The template that is most like the line; the first of equals. */
  findSimilar(pieces: Pieces): T | undefined {
    const branch = this.#branches.get(this.#branchOf(pieces));
    if (branch === undefined) return undefined;
    let best: T | undefined;
    let bestScore = 0;
    for (const template of branch) {
      const score = similarity(template, pieces.texts);
      if (score > bestScore) {
        best = template;
        bestScore = score;
      }
    }
    return best;
  }

  hasRoom(pieces: Pieces): boolean {
    const branch = this.#branches.get(this.#branchOf(pieces));
    return branch === undefined || branch.length < BRANCH_TEMPLATES_MAX;
  }

  add(template: T): void {
    const branch = this.#branchOf(template.pieces);
    template.branch = branch;
    this.count++;
    const list = this.#branches.get(branch);
    if (list !== undefined) list.push(template);
    else {
      this.#branches.set(branch, [template]);
      this.#countBranch(template, 1);
    }
  }

  remove(template: T): void {
    const rest = (this.#branches.get(template.branch) ?? []).filter((other) => other !== template);
    this.count--;
    if (rest.length > 0) this.#branches.set(template.branch, rest);
    else {
      this.#branches.delete(template.branch);
      this.#countBranch(template, -1);
    }
  }

  #countBranch(template: T, change: number): void {
    if (template.wordCount <= EXACT_WORDS_MAX) return;
    const length = template.pieces.texts.length;
    this.#branchCounts.set(length, (this.#branchCounts.get(length) ?? 0) + change);
  }

  /**
   * Length and leading word: the first piece that is neither punctuation nor masked; the second such word
   * when too many lines of a length lead with words of their own. Short lines must be equal in all.
   */
  #branchOf(pieces: Pieces): string {
    const { texts } = pieces;
    if (wordCountOf(texts) <= EXACT_WORDS_MAX) return `= ${textOfPieces(pieces)}`;
    const first = nextLead(texts, 0);
    const branch = `${texts.length} ${texts[first] ?? ''}`;
    const isCrowded = (this.#branchCounts.get(texts.length) ?? 0) >= BRANCHES_MAX;
    if (!isCrowded || this.#branches.has(branch)) return branch;
    return `${texts.length} ${WILDCARD} ${texts[nextLead(texts, first + 1)] ?? ''}`;
  }
}

function nextLead(texts: readonly string[], from: number): number {
  let at = from;
  while (at < texts.length && (isPunctuation(texts[at]!) || texts[at]!.includes(WILDCARD))) at++;
  return at;
}

export function wordCountOf(texts: readonly string[]): number {
  let count = 0;
  for (const text of texts) if (!isPunctuation(text)) count++;
  return count;
}

/**
 * Share of words that are equal, a wildcard counting as equal; 0 below the bound or when an outcome word or
 * punctuation differs.
 */
function similarity(template: TreeTemplate, line: readonly string[]): number {
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
export function mergePieces(template: Pieces, line: Pieces): Pieces {
  if (template.texts.every((text, index) => text === line.texts[index] || text === WILDCARD)) {
    return template;
  }
  const texts = template.texts.map((text, index) => (text === line.texts[index] ? text : WILDCARD));
  return { texts, spaces: template.spaces };
}
