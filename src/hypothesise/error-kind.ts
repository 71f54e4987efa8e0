/**
 * What an error says about its cause: the kind that its words, its class or its status name, and the kind of
 * thing that a call goes to. An error that says only that it failed has no kind here.
 */
import type { CauseKind } from '../model/hypothesis.ts';
import { type InfraKind, STAGES, type Stage } from '../model/vocabulary.ts';
import type { SpanTable } from '../model/window.ts';
import { ERROR_CLASSES, ERROR_PHRASES, STATUS_KINDS } from './error-words.ts';
import type { OperationFact } from './facts.ts';

/** Words later in a message are stack frames and bodies, which name everything. */
const MESSAGE_CHARS_MAX = 600;
/** Characters that ` … ` in a phrase may stand for: some four words. */
const GAP_CHARS_MAX = 30;

/** What is called. */
export interface Callee {
  /** As the spans name it: `http api.weather.example`; empty for none. */
  readonly target: string;
  readonly infra: InfraKind;
  readonly stage: Stage;
  /** A service with telemetry of its own answers. */
  readonly isOwn: boolean;
}

/**
 * The mechanism that an error names, or undefined. Words go before the class and the status: many a 500 says
 * in its message that a lock was waited for.
 */
export function kindOfError(error: {
  readonly errorType: string;
  readonly message: string;
}): CauseKind | undefined {
  const byWords = phraseOf(`${error.errorType} ${error.message}`);
  if (byWords !== undefined) return byWords.kind;
  return kindOfErrorType(error.errorType);
}

/** The mechanism that a text names, a log line or a message; or undefined. */
export function kindOfText(text: string): CauseKind | undefined {
  return phraseOf(text)?.kind;
}

function kindOfErrorType(errorType: string): CauseKind | undefined {
  if (/^\d{1,3}$/.test(errorType)) return STATUS_KINDS.get(Number(errorType));
  for (
    let name = errorType;
    name !== '';
    name = name.slice(0, Math.max(0, name.lastIndexOf('.')))
  ) {
    const kind = ERROR_CLASSES.get(name);
    if (kind !== undefined) return kind;
  }
  return undefined;
}

/** What the calls of an operation go to. */
export function calleeOf(
  { target, infra, callee, group }: OperationFact,
  table: SpanTable,
): Callee {
  const stage = STAGES[table.stage[group.rows[0]!]!] ?? 'other'; // a group has at least one row
  return { target, infra, stage, isOwn: callee !== undefined };
}

/** What a call goes to, when nothing says more about its trouble. */
export function kindOfCallee({ target, infra, stage, isOwn }: Callee): CauseKind {
  if (infra === 'db') return stage === 'knowledge' ? 'knowledge' : 'database';
  if (infra === 'cache') return 'cache';
  if (infra === 'mq') return 'queue';
  if (infra === 'dns') return 'network';
  if (isOwn) return 'dependency';
  if (stage === 'channel') return 'channel';
  if (stage === 'knowledge') return 'knowledge';
  return isPublicHost(target) ? 'platform' : 'dependency';
}

/** Names that only resolve inside: RFC 6762, RFC 8375, Kubernetes, and what companies commonly use. */
const INNER_ENDINGS = /\.(local|internal|localdomain|lan|corp|svc|intra|arpa)$/;

/** A name under a public domain: neither one word, nor an address, nor a name that only resolves inside. */
function isPublicHost(target: string): boolean {
  const host = (target.split(' ').at(-1) ?? '').replace(/:\d+$/, '').toLowerCase();
  return /^[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z]{2,}$/.test(host) && !INNER_ENDINGS.test(host);
}

/** The first row of the table that one of the text's phrases belongs to. */
function phraseOf(text: string): { readonly kind: CauseKind | undefined } | undefined {
  const words = wordsOf(text.slice(0, MESSAGE_CHARS_MAX));
  for (const [kind, phrases] of ERROR_PHRASES) {
    if (phrases.some((phrase) => holds(words, phrase))) return { kind };
  }
  return undefined;
}

/** ` lock timeout exception ` of `LockTimeoutException`: single spaces around every word. */
function wordsOf(text: string): string {
  const split = text
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1 $2')
    .toLowerCase();
  return ` ${split.replace(/[^\p{L}\p{N}]+/gu, ' ').trim()} `;
}

function holds(words: string, phrase: string): boolean {
  if (/\p{Script=Han}/u.test(phrase)) return words.includes(phrase);
  const [first = '', second] = phrase.split(' … ');
  let at = words.indexOf(` ${first} `);
  if (second === undefined) return at !== -1;
  for (; at !== -1; at = words.indexOf(` ${first} `, at + 1)) {
    const end = at + first.length + 1;
    const next = words.indexOf(` ${second} `, end);
    if (next === -1) return false;
    if (next - end <= GAP_CHARS_MAX) return true;
  }
  return false;
}
