/**
 * Compiles the normalisation table once: attribute key → what it may fill, in which order of precedence.
 * All look-ups go through Maps, so that a key such as `__proto__` is a text like any other.
 */
import { STAGES } from '../model/vocabulary.ts';
import {
  AI_PREFIX_STAGES,
  type Alias,
  type Coercion,
  type Condition,
  ENVIRONMENT_PREFIXES,
  FIELDS,
  type FieldLevel,
  type FieldSpec,
  HEADER_PREFIXES,
} from './fields.ts';

/** Where an attribute stood. */
export const SOURCE = { span: 0, event: 1, resource: 2, scope: 3, header: 4, body: 5 } as const;
export type Source = (typeof SOURCE)[keyof typeof SOURCE];

/** Kinds of records an alias counts on, as bits. */
export const PLACE = { span: 1, log: 2, resource: 4 } as const;
const ANY_PLACE = PLACE.span | PLACE.log | PLACE.resource;

/** One field that a key may fill. */
export interface Candidate {
  readonly field: number;
  /** 0 is the canonical name itself. */
  readonly aliasIndex: number;
  readonly coercion: Coercion;
  readonly condition: Condition | undefined;
  /** Bits of PLACE. */
  readonly places: number;
  readonly isHeader: boolean;
  /** For numbered keys: the length that this key proves. */
  readonly listLength: number;
  /** Rank by source, the lowest wins; decided here, once, and not for each attribute. */
  readonly ranks: readonly number[];
  /** By source: whether a canonical value stands as it should. */
  readonly isHome: readonly boolean[];
}

/** All that a key means. */
export interface KeyRule {
  readonly candidates: readonly Candidate[];
  /** The only candidate, when no condition, header, list or stage makes it special. */
  readonly plain: Candidate | undefined;
  /** Index into STAGES when the key itself says the stage (`ai.intent.…`), else -1. */
  readonly explicitStage: number;
  readonly isUserId: boolean;
}

const LIST_LENGTH_MAX = 10_000;
const USER_ID_FIELD = FIELDS.findIndex((field) => field.canonical === 'user.id');

const SOURCES: readonly Source[] = Object.values(SOURCE);
const RANK_BITS = 8;
/** A class name where a model is wanted ranks behind every real name of every source. */
export const WEAK_RANK: number = 8 << RANK_BITS;

/** Rank of a source for a field: lower wins. A resource speaks first for what belongs to resources. */
function sourceRank(level: FieldLevel, source: Source): number {
  if (level !== 'resource') return source;
  switch (source) {
    case SOURCE.resource:
      return 0;
    case SOURCE.scope:
      return 1;
    case SOURCE.span:
      return 2;
    case SOURCE.event:
      return 3;
    default:
      return source;
  }
}

/** Whether a canonical attribute of this level stands where it belongs. */
function isHome(level: FieldLevel, source: Source): boolean {
  if (source === SOURCE.span) return true;
  return level === 'resource' && source === SOURCE.resource;
}

interface CompiledTable {
  readonly plain: ReadonlyMap<string, KeyRule>;
  readonly headers: ReadonlyMap<string, KeyRule>;
  readonly lists: ReadonlyMap<string, readonly Candidate[]>;
}

const TABLE = compileTable(FIELDS);

/** What a key means, or undefined when it means nothing to the table. */
export function findKeyRule(key: string): KeyRule | undefined {
  const plain = TABLE.plain.get(key);
  if (plain) return plain;
  const header = headerNameOf(key);
  if (header !== undefined) return TABLE.headers.get(header);
  if (key.startsWith('ai.')) return ruleOfStagePrefix(key);
  return ruleOfListKey(key);
}

function headerNameOf(key: string): string | undefined {
  const prefix = HEADER_PREFIXES.find((candidate) => key.startsWith(candidate));
  // older conventions wrote `-` as `_`
  return prefix && key.slice(prefix.length).toLowerCase().replaceAll('_', '-');
}

/** `ai.<stage>.<key>` means `<stage>.<key>`, and says the stage. */
function ruleOfStagePrefix(key: string): KeyRule | undefined {
  const rest = key.slice('ai.'.length);
  const dot = rest.indexOf('.');
  const stage = AI_PREFIX_STAGES.get(dot < 0 ? '' : rest.slice(0, dot));
  if (stage === undefined) return undefined;
  const stripped = TABLE.plain.get(rest);
  return ruleOf(
    // the name without its prefix stands in the table; it is not canonical as it was sent
    (stripped?.candidates ?? []).map((candidate) =>
      candidateOf({ ...candidate, aliasIndex: Math.max(1, candidate.aliasIndex) }),
    ),
    { explicitStage: STAGES.indexOf(stage), isUserId: false },
  );
}

/** `retrieval.documents.3.document.id` proves a list of at least four. */
function ruleOfListKey(key: string): KeyRule | undefined {
  for (const [prefix, candidates] of TABLE.lists) {
    if (!key.startsWith(prefix)) continue;
    const index = Number.parseInt(key.slice(prefix.length), 10);
    if (!(index >= 0 && index < LIST_LENGTH_MAX)) return undefined;
    return ruleOf(
      candidates.map((candidate) => candidateOf({ ...candidate, listLength: index + 1 })),
      { explicitStage: -1, isUserId: false },
    );
  }
  return undefined;
}

function compileTable(fields: readonly FieldSpec[]): CompiledTable {
  const plain = new Map<string, Candidate[]>();
  const headers = new Map<string, Candidate[]>();
  const lists = new Map<string, Candidate[]>();
  fields.forEach((spec, field) => {
    const aliases: readonly Alias[] =
      spec.level === 'fact' ? spec.aliases : [spec.canonical, ...spec.aliases];
    aliases.forEach((alias, aliasIndex) => {
      const { key, as, when } = typeof alias === 'string' ? { key: alias } : withDefaults(alias);
      const candidate = candidateOf({
        field,
        aliasIndex,
        coercion: as ?? spec.as,
        condition: when,
        places: ANY_PLACE,
        isHeader: false,
        listLength: 0,
      });
      addAlias({ plain, headers, lists }, key, candidate);
    });
  });
  return { plain: rulesOf(plain), headers: rulesOf(headers), lists };
}

/** One place that makes candidates, so that all have one hidden class in the data plane. */
function candidateOf(item: Omit<Candidate, 'ranks' | 'isHome'>): Candidate {
  const { field, aliasIndex } = item;
  const level: FieldLevel = FIELDS[field]?.level ?? 'fact';
  return {
    field,
    aliasIndex,
    coercion: item.coercion,
    condition: item.condition,
    places: item.places,
    isHeader: item.isHeader,
    listLength: item.listLength,
    ranks: SOURCES.map((source) => (sourceRank(level, source) << RANK_BITS) + aliasIndex),
    isHome: SOURCES.map((source) => aliasIndex === 0 && isHome(level, source)),
  };
}

function ruleOf(
  candidates: readonly Candidate[],
  { explicitStage, isUserId }: { readonly explicitStage: number; readonly isUserId: boolean },
): KeyRule {
  const only = candidates.length === 1 && explicitStage < 0 ? candidates[0] : undefined;
  const isPlain = only && only.condition === undefined && !only.isHeader && only.listLength === 0;
  return { candidates, plain: isPlain ? only : undefined, explicitStage, isUserId };
}

function withDefaults(alias: Exclude<Alias, string>): {
  key: string;
  as?: Coercion | undefined;
  when?: Condition | undefined;
} {
  return { key: alias.key, as: alias.as, when: alias.when };
}

function addAlias(
  maps: Record<'plain' | 'headers' | 'lists', Map<string, Candidate[]>>,
  key: string,
  candidate: Candidate,
): void {
  const [prefix, name] = splitPrefix(key);
  switch (prefix) {
    case 'h:':
      append(maps.headers, name, candidateOf({ ...candidate, isHeader: true }));
      break;
    case 'log:':
      append(maps.plain, name, candidateOf({ ...candidate, places: PLACE.log }));
      break;
    case 'list:':
      append(maps.lists, `${name}.`, candidate);
      break;
    case 'env:':
      for (const before of ENVIRONMENT_PREFIXES) {
        append(maps.plain, before + name, candidateOf({ ...candidate, places: PLACE.resource }));
      }
      break;
    default:
      append(maps.plain, name, candidate);
  }
}

function splitPrefix(key: string): readonly [prefix: string, name: string] {
  const prefix = ['h:', 'log:', 'list:', 'env:'].find((candidate) => key.startsWith(candidate));
  return prefix === undefined ? ['', key] : [prefix, key.slice(prefix.length)];
}

function append(map: Map<string, Candidate[]>, key: string, candidate: Candidate): void {
  const known = map.get(key);
  if (known) known.push(candidate);
  else map.set(key, [candidate]);
}

function rulesOf(map: ReadonlyMap<string, readonly Candidate[]>): ReadonlyMap<string, KeyRule> {
  return new Map(
    [...map].map(([key, candidates]) => [
      key,
      ruleOf(candidates, {
        explicitStage: -1,
        isUserId: candidates.some((candidate) => candidate.field === USER_ID_FIELD),
      }),
    ]),
  );
}
