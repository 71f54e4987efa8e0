/** What a probe found, and how an expectation over an answer becomes confirm, refute or inconclusive. */

import { formatNumber } from '../../base/quantity.ts';
import type { Placebo, ProbeOutcome } from '../../model/hypothesis.ts';
import type { Text } from '../../model/text.ts';
import { type Expression, parseExpectation } from '../../rulebook/expression.ts';
import { evaluate, type LeafReader, type Value } from '../../rulebook/value.ts';

export interface ProbeResult {
  readonly outcome: ProbeOutcome;
  readonly observed: Text;
  /** See ProbeRun. */
  readonly weight?: number;
  readonly placebo?: Placebo;
}

/** Characters of a text value that an observation shows. */
const SHOWN_CHARS_MAX = 80;

export function inconclusive(reason: Text): ProbeResult {
  return { outcome: 'inconclusive', observed: reason };
}

/**
 * Confirm when `confirm` holds, refute when `refute` does; without a `refute`, a `confirm` that is plainly
 * false refutes nothing. Only values that the expectations name are shown.
 */
export function settle(
  expectations: { readonly confirm: string; readonly refute?: string },
  readLeaf: LeafReader,
): ProbeResult {
  const seen = new Map<string, Value>();
  const read: LeafReader = (leaf) => {
    const value = readLeaf(leaf);
    seen.set(nameOf(leaf), value);
    return value;
  };
  const holds = (text: string | undefined) =>
    text !== undefined && evaluate(parseExpectation(text), read) === true;
  const isConfirmed = holds(expectations.confirm);
  const isRefuted = holds(expectations.refute);
  const values = [...seen].map(([name, value]) => `${name} = ${shown(value)}`).join(', ');
  if (isConfirmed === isRefuted) {
    const why = isConfirmed
      ? { zh: '两个判据同时成立', en: 'both expectations hold' }
      : { zh: '判据均不成立', en: 'neither expectation holds' };
    return inconclusive({ zh: `${why.zh}:${values}`, en: `${why.en}: ${values}` });
  }
  return {
    outcome: isConfirmed ? 'confirm' : 'refute',
    observed: { zh: `观察到 ${values}`, en: `Observed ${values}` },
  };
}

function nameOf(leaf: Expression): string {
  return leaf.kind === 'path' ? leaf.path : leaf.kind;
}

function shown(value: Value): string {
  if (value === undefined) return '–';
  if (typeof value === 'number') return formatNumber(value);
  if (typeof value === 'boolean') return String(value);
  // Control characters must not reach a terminal.
  const plain = value.replace(/[\p{Cc}\p{Cf}]/gu, ' ');
  return plain.length > SHOWN_CHARS_MAX ? `"${plain.slice(0, SHOWN_CHARS_MAX)}…"` : `"${plain}"`;
}
