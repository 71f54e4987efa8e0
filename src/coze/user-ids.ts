/** Replaces user ids by a keyed hash before anything is stored: HMAC-SHA256, first 16 hex digits. */
import { createHmac } from 'node:crypto';
import { VALUE_TYPE } from '../model/columns.ts';
import type { StringDictionary } from '../model/dictionary.ts';
import { jsonOfText, textsOfValue } from './any-value.ts';
import { Recent } from './recent.ts';

export class UserIdHasher {
  readonly #hashes: Recent<string>;

  constructor(key: string) {
    this.#hashes = new Recent((text) =>
      createHmac('sha256', key).update(text).digest('hex').slice(0, 16),
    );
  }

  hashOf(text: string): string {
    return this.#hashes.of(text);
  }
}

/** Hashed ids of one dictionary: a hash is not hashed again when a group is normalised a second time. */
export class UserIds {
  readonly #strings: StringDictionary;
  readonly #hasher: UserIdHasher;
  readonly #hashById = new Map<number, number>();
  readonly #isHash = new Set<number>();

  constructor(strings: StringDictionary, hasher: UserIdHasher) {
    this.#strings = strings;
    this.#hasher = hasher;
  }

  /** String id of what stands instead of the value; 0 when there is nothing to hash. */
  hashedId(type: number, value: number): number {
    if (type === VALUE_TYPE.string && this.#isHash.has(value)) return value;
    const isText =
      type === VALUE_TYPE.string || type === VALUE_TYPE.wideInt || type === VALUE_TYPE.json;
    if (!isText) return type === VALUE_TYPE.empty ? 0 : this.#hash(String(value));
    const known = this.#hashById.get(value);
    if (known !== undefined) return known;
    const text = this.#strings.text(value);
    // a captured header is a list of text
    const plain = type === VALUE_TYPE.json ? (textsOfValue(jsonOfText(text))?.[0] ?? text) : text;
    const hashed = plain === '' || plain === '""' ? 0 : this.#hash(plain);
    this.#hashById.set(value, hashed);
    return hashed;
  }

  #hash(text: string): number {
    const id = this.#strings.idOfString(this.#hasher.hashOf(text));
    this.#isHash.add(id);
    return id;
  }
}
