/**
 * Reads attributes into field slots for one dictionary: which rule a key has is looked up once per key,
 * the value is read as the rule's candidates ask, the best rank wins.
 */
import { type AttributeColumns, type AttributeEntry, VALUE_TYPE } from '../model/columns.ts';
import { grown, type StringDictionary } from '../model/dictionary.ts';
import {
  type Candidate,
  findKeyRule,
  type KeyRule,
  SOURCE,
  type Source,
  WEAK_RANK,
} from './aliases.ts';
import { ValueReader } from './coerce.ts';
import { type Condition, FIELDS, type FieldSpec } from './fields.ts';
import { FieldSlots } from './slots.ts';

/** A resource's or scope's value for a field, read once and offered to each of its spans. */
export interface FixedOffer {
  readonly field: number;
  readonly rank: number;
  readonly type: number;
  readonly value: number;
  readonly source: number;
  readonly isAsSent: boolean;
}

/** Which fields emit() adds: facts never, outcomes to failed spans only. */
const EMIT = { never: 0, always: 1, withOutcome: 2 } as const;
const EMITS = Uint8Array.from(FIELDS, ({ level }: FieldSpec) => {
  if (level === 'fact') return EMIT.never;
  return level === 'outcome' ? EMIT.withOutcome : EMIT.always;
});

const RULE = { unseen: 0, none: 1, first: 2 } as const;

interface Deferred {
  readonly candidate: Candidate;
  readonly source: Source;
  readonly type: number;
  readonly value: number;
}

export class FieldReader {
  readonly strings: StringDictionary;
  readonly slots = new FieldSlots();
  readonly reader: ValueReader;
  /** Index into STAGES when a key said the stage, else -1. */
  explicitStage = -1;
  /** Rule number by key id: RULE.unseen, RULE.none, or index into #rules + RULE.first. */
  #ruleNumbers: Uint16Array = new Uint16Array(256);
  readonly #rules: KeyRule[] = [];
  readonly #hideUserId: (attributes: AttributeColumns, at: number) => void;
  readonly #deferred: Deferred[] = [];
  readonly #canonicalKeys = new Int32Array(FIELDS.length).fill(-1);

  constructor(
    strings: StringDictionary,
    hideUserId: (attributes: AttributeColumns, at: number) => void,
  ) {
    this.strings = strings;
    this.#hideUserId = hideUserId;
    this.reader = new ValueReader(strings);
  }

  /** Starts on the next span or record. */
  begin(startUs: number): void {
    this.slots.reset();
    this.explicitStage = -1;
    if (this.#deferred.length > 0) this.#deferred.length = 0;
    this.reader.startUs = startUs;
  }

  /** The rule of a key, looked up once per dictionary. Hot: once per attribute. */
  ruleOf(keyId: number): KeyRule | undefined {
    const number = keyId < this.#ruleNumbers.length ? this.#ruleNumbers[keyId]! : RULE.unseen;
    if (number === RULE.none) return undefined;
    return number === RULE.unseen ? this.#learnRule(keyId) : this.#rules[number - RULE.first];
  }

  /**
   * Offers attributes [from, to) to the fields their keys may fill. Hot: 11 turns a span. Text under a key with one
   * meaning, two thirds of what senders write, is decided here without a call (0.65 instead of 0.8 µs a span).
   */
  readAttributes(
    attributes: AttributeColumns,
    range: { readonly from: number; readonly to: number },
    origin: { readonly source: Source; readonly place: number },
  ): void {
    const { keys, types, values } = attributes;
    const { slots, reader } = this;
    const { source, place } = origin;
    for (let at = range.from; at < range.to; at++) {
      const rule = this.ruleOf(keys[at]!);
      if (rule === undefined) continue;
      if (rule.isUserId) this.#hideUserId(attributes, at);
      const { plain } = rule;
      if (plain !== undefined && plain.coercion === 'text' && types[at] === VALUE_TYPE.string) {
        if ((plain.places & place) === 0) continue;
        const rank = plain.ranks[source]!;
        const value = values[at]!;
        if (!slots.wants(plain.field, rank) || reader.isNullText(value)) continue;
        slots.put(plain.field, rank, VALUE_TYPE.string, value, source, plain.isHome[source]!);
      } else {
        this.offer(rule, source, place, types[at]!, values[at]!);
      }
    }
  }

  /** Offers one attribute to all the fields its key may fill. */
  offer(rule: KeyRule, source: Source, place: number, type: number, value: number): void {
    const { plain } = rule;
    if (plain !== undefined) {
      if ((plain.places & place) !== 0) this.#offerOne(plain, source, type, value);
      return;
    }
    if (rule.explicitStage >= 0) this.explicitStage = rule.explicitStage;
    const { candidates } = rule;
    for (let index = 0; index < candidates.length; index++) {
      const candidate = candidates[index]!;
      if ((candidate.places & place) === 0) continue;
      if (candidate.isHeader) this.#offerHeader(candidate, type, value);
      else if (candidate.condition !== undefined) {
        this.#deferred.push({ candidate, source, type, value });
      } else {
        this.#offerOne(candidate, source, type, value);
      }
    }
  }

  /** True when values wait for a condition. */
  get hasDeferred(): boolean {
    return this.#deferred.length > 0;
  }

  /** Offers what waited for a condition, once the span's kind is known. */
  offerDeferred(holds: (condition: Condition) => boolean): void {
    for (const { candidate, source, type, value } of this.#deferred) {
      if (candidate.condition !== undefined && holds(candidate.condition)) {
        this.#offerOne(candidate, source, type, value);
      }
    }
    this.#deferred.length = 0;
  }

  offerFixed(offers: readonly FixedOffer[]): void {
    const { slots } = this;
    for (let index = 0; index < offers.length; index++) {
      const offer = offers[index]!;
      if (slots.wants(offer.field, offer.rank)) {
        slots.put(offer.field, offer.rank, offer.type, offer.value, offer.source, offer.isAsSent);
      }
    }
  }

  /** Reads the attributes of a resource or scope once, for offerFixed(). */
  readEntries(
    entries: readonly AttributeEntry[],
    options: { readonly source: Source; readonly place: number },
  ): readonly FixedOffer[] {
    this.begin(0);
    for (const { key, type, value } of entries) {
      const rule = this.ruleOf(key);
      if (rule) this.offer(rule, options.source, options.place, type, value);
    }
    const { slots } = this;
    return Array.from(slots.touched.subarray(0, slots.touchedCount), (field) => ({
      field,
      rank: slots.ranks[field]!,
      type: slots.typeOf(field),
      value: slots.values[field]!,
      source: slots.sourceOf(field),
      isAsSent: slots.isAsSent(field),
    }));
  }

  /** Appends the canonical attributes that do not stand on the item as they should. */
  emit(derived: AttributeColumns, levels: { readonly withOutcome: boolean }): void {
    const { slots } = this;
    for (let index = 0; index < slots.touchedCount; index++) {
      const field = slots.touched[index]!;
      if (slots.isAsSent(field)) continue;
      const emits = EMITS[field];
      if (emits === EMIT.never || (emits === EMIT.withOutcome && !levels.withOutcome)) continue;
      derived.push(this.canonicalKey(field), slots.typeOf(field), slots.values[field]!);
    }
  }

  /** String id of a field's canonical name; interned when first needed. */
  canonicalKey(field: number): number {
    let key = this.#canonicalKeys[field]!;
    if (key === -1) {
      key = this.strings.idOfString(FIELDS[field]!.canonical);
      this.#canonicalKeys[field] = key;
    }
    return key;
  }

  /** A captured header is a list of text, of which the first counts. */
  #offerHeader(candidate: Candidate, type: number, value: number): void {
    if (!this.reader.read('text', type, value)) return;
    this.#offerOne(candidate, SOURCE.header, VALUE_TYPE.string, this.reader.value);
  }

  #offerOne(candidate: Candidate, source: Source, type: number, value: number): void {
    const { field } = candidate;
    const rank = candidate.ranks[source]!;
    if (candidate.listLength > 0) {
      this.#offerListLength(candidate, rank, source);
      return;
    }
    const { slots, reader } = this;
    if (!slots.wants(field, rank)) return;
    if (!reader.read(candidate.coercion, type, value)) return;
    const finalRank = reader.isWeak ? rank + WEAK_RANK : rank;
    if (!slots.wants(field, finalRank)) return;
    const isAsSent =
      candidate.isHome[source] === true &&
      reader.value === value &&
      (reader.type === type || isNumberPair(reader.type, type));
    slots.put(field, finalRank, reader.type, reader.value, source, isAsSent);
  }

  /** Numbered keys come in any order; the highest number is the length. */
  #offerListLength(candidate: Candidate, rank: number, source: Source): void {
    const { slots } = this;
    const { field, listLength } = candidate;
    const isLonger = slots.ranks[field] === rank && slots.values[field]! < listLength;
    if (isLonger || slots.wants(field, rank)) {
      slots.put(field, rank, VALUE_TYPE.int, listLength, source, false);
    }
  }

  #learnRule(keyId: number): KeyRule | undefined {
    if (keyId >= this.#ruleNumbers.length) this.#ruleNumbers = grown(this.#ruleNumbers, 2 * keyId);
    const rule = findKeyRule(this.strings.text(keyId));
    if (rule === undefined || this.#rules.length + RULE.first > 0xffff) {
      this.#ruleNumbers[keyId] = RULE.none;
      return undefined;
    }
    this.#ruleNumbers[keyId] = this.#rules.push(rule) - 1 + RULE.first;
    return rule;
  }
}

/** 2 and 2.0 are the same duration. */
function isNumberPair(left: number, right: number): boolean {
  return left === VALUE_TYPE.double && right === VALUE_TYPE.int;
}
