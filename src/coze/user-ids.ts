/** Replaces user ids by a keyed hash before anything is stored: HMAC-SHA256, first 16 hex digits. */
import { createHmac } from 'node:crypto';
import { VALUE_TYPE } from '../model/columns.ts';
import type { StringDictionary } from '../model/dictionary.ts';
import { jsonOfText, textsOfValue } from './any-value.ts';

/** Hashes remembered between groups; beyond it all are forgotten. */
const REMEMBERED_MAX = 20_000;

export class UserIdHasher {
  readonly #key: string;
  readonly #hashByText = new Map<string, string>();

  constructor(key: string) {
    this.#key = key;
  }

  hashOf(text: string): string {
    const known = this.#hashByText.get(text);
    if (known !== undefined) return known;
    const hash = createHmac('sha256', this.#key).update(text).digest('hex').slice(0, 16);
    if (this.#hashByText.size >= REMEMBERED_MAX) this.#hashByText.clear();
    this.#hashByText.set(text, hash);
    return hash;
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
