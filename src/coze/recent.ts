/** Remembers between groups what was computed from a text: a bounded number of short texts. */
import { LIMITS } from '../base/limits.ts';

export class Recent<T extends object | string> {
  readonly #compute: (text: string) => T;
  readonly #byText = new Map<string, T>();

  /** `compute` must depend on the text alone. */
  constructor(compute: (text: string) => T) {
    this.#compute = compute;
  }

  of(text: string): T {
    const known = this.#byText.get(text);
    if (known !== undefined) return known;
    const value = this.#compute(text);
    if (text.length > LIMITS.recentTextCharsMax) return value;
    // forgetting all is simple, and a flood of new texts would push out the useful ones either way
    if (this.#byText.size >= LIMITS.recentTextsMax) this.#byText.clear();
    this.#byText.set(text, value);
    return value;
  }
}
