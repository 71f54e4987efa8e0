/** String ids of one dictionary as ids of another, each text carried over once. */
import { VALUE_TYPE } from '../model/columns.ts';
import type { StringDictionary } from '../model/dictionary.ts';

export class DictionaryBridge {
  readonly #from: StringDictionary;
  readonly #to: StringDictionary;
  /** True when both are one dictionary: an id stays what it is. */
  readonly #isSame: boolean;
  readonly #ids: Int32Array;
  readonly #numberIds = new Map<number, number>();

  constructor(from: StringDictionary, to: StringDictionary) {
    this.#from = from;
    this.#to = to;
    this.#isSame = from === to;
    this.#ids = new Int32Array(this.#isSame ? 0 : from.size).fill(-1);
  }

  id(fromId: number): number {
    if (this.#isSame) return fromId;
    const known = this.#ids[fromId] ?? 0;
    if (known >= 0) return known;
    const { pool } = this.#from;
    const id = this.#to.idOfBytes(pool, this.#from.start(fromId), this.#from.end(fromId));
    this.#ids[fromId] = id;
    return id;
  }

  /** Id of a value's text. */
  textId(type: number, value: number): number {
    switch (type) {
      case VALUE_TYPE.bool:
        return this.#to.idOfString(value === 1 ? 'true' : 'false');
      case VALUE_TYPE.int:
      case VALUE_TYPE.double:
        return this.#numberId(value);
      case VALUE_TYPE.empty:
        return 0;
      default:
        return this.id(value);
    }
  }

  #numberId(value: number): number {
    const known = this.#numberIds.get(value);
    if (known !== undefined) return known;
    const id = this.#to.idOfString(String(value));
    this.#numberIds.set(value, id);
    return id;
  }
}
