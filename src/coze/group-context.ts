/**
 * What one dictionary's spans, logs and points share while they are normalised: key rules, hashed user
 * ids, and the fields of each resource and scope, read once.
 */
import {
  type AttributeColumns,
  type AttributeEntry,
  type ResourceEntry,
  VALUE_TYPE,
} from '../model/columns.ts';
import type { StringDictionary } from '../model/dictionary.ts';
import { PLACE, SOURCE } from './aliases.ts';
import { FieldReader, type FixedOffer } from './field-reader.ts';
import { fieldIndex } from './fields.ts';
import type { Recent } from './recent.ts';
import { SIGN } from './slots.ts';
import { type NameStages, saysBot } from './stage-words.ts';
import { type UserIdHasher, UserIds } from './user-ids.ts';

const SERVICE_NAME = fieldIndex('service.name');
const SERVICE_NAMESPACE = fieldIndex('service.namespace');
const NO_OFFERS: readonly FixedOffer[] = [];

export interface ResourceFields {
  readonly offers: readonly FixedOffer[];
  /** String id of the name as sent, when it says nothing better than `unknown_service:node`; else 0. */
  readonly fallbackService: number;
  /** String id of the service where the item itself names none. */
  readonly service: number;
  readonly isBot: boolean;
}

/** Columns whose rows point to resources and scopes. */
export interface WithResources {
  readonly resources: ResourceEntry[];
  readonly scopes: readonly ResourceEntry[];
}

/** What outlives a group, because it hangs on texts and not on their ids. */
export interface Learned {
  readonly hasher: UserIdHasher | undefined;
  readonly names: Recent<NameStages>;
}

export class GroupContext {
  readonly strings: StringDictionary;
  readonly fields: FieldReader;
  readonly names: Recent<NameStages>;
  readonly #userIds: UserIds | undefined;
  /** By the entry itself: indices mean different entries in spans, logs and points. */
  readonly #resources = new WeakMap<ResourceEntry, ResourceFields>();
  readonly #scopes = new WeakMap<ResourceEntry, readonly FixedOffer[]>();
  #lastResource: ResourceEntry | undefined;
  #lastFields: ResourceFields | undefined;
  #lastScope: ResourceEntry | undefined;
  #lastScopeOffers: readonly FixedOffer[] = NO_OFFERS;
  /** Reads resources while `fields` is in the middle of a span. */
  readonly #resourceReader: FieldReader;

  constructor(strings: StringDictionary, learned: Learned) {
    const { hasher } = learned;
    this.strings = strings;
    this.names = learned.names;
    this.#userIds = hasher && new UserIds(strings, hasher);
    const hide = (attributes: AttributeColumns, at: number) => this.hideUserId(attributes, at);
    this.fields = new FieldReader(strings, hide);
    this.#resourceReader = new FieldReader(strings, hide);
  }

  resourceOf(columns: WithResources, index: number): ResourceFields {
    const entry = columns.resources[index];
    if (entry === this.#lastResource && this.#lastFields !== undefined) return this.#lastFields;
    if (entry === undefined)
      return { offers: NO_OFFERS, fallbackService: 0, service: 0, isBot: false };
    let fields = this.#resources.get(entry);
    this.#lastResource = entry;
    if (fields === undefined) {
      const hidden = this.#hideUserIds(entry);
      columns.resources[index] = hidden;
      fields = this.#readResource(hidden);
      this.#resources.set(hidden, fields);
      this.#lastResource = hidden;
    }
    this.#lastFields = fields;
    return fields;
  }

  scopeOf(columns: WithResources, index: number): readonly FixedOffer[] {
    const entry = columns.scopes[index];
    if (entry === undefined || entry.attributes.length === 0) return NO_OFFERS;
    if (entry === this.#lastScope) return this.#lastScopeOffers;
    let offers = this.#scopes.get(entry);
    if (offers === undefined) {
      offers = this.#resourceReader.readEntries(entry.attributes, {
        source: SOURCE.scope,
        place: PLACE.resource,
      });
      this.#scopes.set(entry, offers);
    }
    this.#lastScope = entry;
    this.#lastScopeOffers = offers;
    return offers;
  }

  /** Replaces a user id where it was sent. */
  hideUserId(attributes: AttributeColumns, at: number): void {
    if (this.#userIds === undefined) return;
    const hashed = this.#userIds.hashedId(attributes.types[at]!, attributes.values[at]!);
    if (hashed === 0) return;
    attributes.types[at] = VALUE_TYPE.string;
    attributes.values[at] = hashed;
  }

  /** The same list, or a copy in which user ids are hashed. */
  hideUserIdsOf(entries: readonly AttributeEntry[]): readonly AttributeEntry[] {
    const userIds = this.#userIds;
    if (userIds === undefined) return entries;
    if (!this.#hasUserId(entries)) return entries;
    return entries.map((entry) => {
      if (!this.#resourceReader.ruleOf(entry.key)?.isUserId) return entry;
      const hashed = userIds.hashedId(entry.type, entry.value);
      return hashed === 0 ? entry : { key: entry.key, type: VALUE_TYPE.string, value: hashed };
    });
  }

  #hasUserId(entries: readonly AttributeEntry[]): boolean {
    for (let index = 0; index < entries.length; index++) {
      if (this.#resourceReader.ruleOf(entries[index]!.key)?.isUserId) return true;
    }
    return false;
  }

  #hideUserIds(entry: ResourceEntry): ResourceEntry {
    const attributes = this.hideUserIdsOf(entry.attributes);
    return attributes === entry.attributes ? entry : { ...entry, attributes };
  }

  #readResource(entry: ResourceEntry): ResourceFields {
    const reader = this.#resourceReader;
    const offers = reader.readEntries(entry.attributes, {
      source: SOURCE.resource,
      place: PLACE.resource,
    });
    const { slots } = reader;
    const names = [SERVICE_NAME, SERVICE_NAMESPACE].map((field) =>
      this.strings.text(slots.valueOf(field)),
    );
    const isBot = (slots.signs & SIGN.bot) !== 0 || names.some((name) => saysBot(name));
    const fallbackService = this.#sentServiceName(entry);
    // `>>> 0` makes a small integer of what came out of a float column: a series' field stays one of integers
    const service = (slots.valueOf(SERVICE_NAME) || fallbackService) >>> 0;
    return { offers, fallbackService, service, isBot };
  }

  #sentServiceName(entry: ResourceEntry): number {
    const key = this.strings.find('service.name');
    const sent = entry.attributes.find((attribute) => attribute.key === key);
    return sent?.type === VALUE_TYPE.string ? sent.value : 0;
  }
}
