/**
 * Real time stretched into simulated time: stretches of real time, each with a factor of its own, laid end to end. Real
 * time that belongs to none of them is left out.
 */

export interface Stretch {
  /** Epoch, milliseconds. */
  readonly realFromMs: number;
  readonly realToMs: number;
  readonly simulatedFromMs: number;
  /** Simulated time per real time. */
  readonly factor: number;
}

export interface SimulatedMoment {
  readonly simulatedMs: number;
  readonly stretch: Stretch;
}

export class Timeline {
  readonly #stretches: Stretch[] = [];
  /** Simulated, epoch milliseconds. */
  readonly startMs: number;
  #endMs: number;

  constructor(startMs: number) {
    this.startMs = startMs;
    this.#endMs = startMs;
  }

  /** Where the next stretch begins. */
  get endMs(): number {
    return this.#endMs;
  }

  add(stretch: Omit<Stretch, 'simulatedFromMs'>): Stretch {
    const added = { ...stretch, simulatedFromMs: this.#endMs };
    this.#stretches.push(added);
    this.#endMs += (stretch.realToMs - stretch.realFromMs) * stretch.factor;
    return added;
  }

  /** Undefined for a time that was left out. */
  tryFind(realMs: number): SimulatedMoment | undefined {
    const stretch = this.#stretches.find(
      ({ realFromMs, realToMs }) => realMs >= realFromMs && realMs < realToMs,
    );
    if (stretch === undefined) return undefined;
    const { simulatedFromMs, realFromMs, factor } = stretch;
    return { simulatedMs: simulatedFromMs + (realMs - realFromMs) * factor, stretch };
  }
}
