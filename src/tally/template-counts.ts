/**
 * Log lines per template, service and minute of one dictionary: open addressing over numbers, no text and no
 * object per line.
 */
import { grown } from '../model/dictionary.ts';

const SLOTS_MIN = 1024;

export class TemplateCounts {
  count = 0;
  // entry → what is counted, in the order of first sight
  templates = new Uint32Array(SLOTS_MIN / 2);
  services = new Uint32Array(SLOTS_MIN / 2);
  minutes = new Uint32Array(SLOTS_MIN / 2);
  lineCounts = new Uint32Array(SLOTS_MIN / 2);
  severitiesMax = new Uint8Array(SLOTS_MIN / 2);
  /** Slot → entry + 1. */
  #slots = new Uint32Array(SLOTS_MIN);

  /** Entry of a key; new ones count 0 lines. Hot: see TallyBuilder.addLogs(). */
  entryOf(template: number, service: number, minute: number): number {
    const mask = this.#slots.length - 1;
    let slot = hashOf(template, service, minute) & mask;
    for (; this.#slots[slot] !== 0; slot = (slot + 1) & mask) {
      const entry = this.#slots[slot]! - 1;
      if (
        this.templates[entry] === template &&
        this.services[entry] === service &&
        this.minutes[entry] === minute
      ) {
        return entry;
      }
    }
    if (2 * this.count >= mask) {
      this.#grow();
      return this.entryOf(template, service, minute);
    }
    const entry = this.count++;
    this.#slots[slot] = entry + 1;
    this.templates[entry] = template;
    this.services[entry] = service;
    this.minutes[entry] = minute;
    this.lineCounts[entry] = 0;
    this.severitiesMax[entry] = 0;
    return entry;
  }

  clear(): void {
    this.count = 0;
    this.#slots.fill(0);
  }

  #grow(): void {
    const capacity = this.#slots.length;
    this.templates = grown(this.templates, capacity);
    this.services = grown(this.services, capacity);
    this.minutes = grown(this.minutes, capacity);
    this.lineCounts = grown(this.lineCounts, capacity);
    this.severitiesMax = grown(this.severitiesMax, capacity);
    this.#slots = new Uint32Array(2 * capacity);
    const mask = this.#slots.length - 1;
    for (let entry = 0; entry < this.count; entry++) {
      let slot = hashOf(this.templates[entry]!, this.services[entry]!, this.minutes[entry]!) & mask;
      while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
      this.#slots[slot] = entry + 1;
    }
  }
}

function hashOf(template: number, service: number, minute: number): number {
  const hash =
    Math.imul(template, 0x9e3779b1) ^
    Math.imul(service, 0x85ebca6b) ^
    Math.imul(minute, 0xc2b2ae35);
  return hash ^ (hash >>> 15);
}
