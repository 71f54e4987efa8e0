/** Kinds of UTF-16 units, as bits: one look-up per character instead of searches and expressions. */

export const WILDCARD = '<*>';
/** Stands for the wildcard while a line is scanned: a private-use character that counts as a digit. */
export const HOLE = '\uE000';
export const HOLE_UNIT = HOLE.charCodeAt(0);

/** `whole` are the characters that may make a chunk a value whatever it contains: see LineMasker. */
export const IS = {
  space: 1,
  quote: 2,
  break: 4,
  separator: 8,
  digit: 16,
  hex: 32,
  cjk: 64,
  whole: 128,
};

export const KINDS = buildKinds();

function buildKinds(): Uint8Array {
  const kinds = new Uint8Array(0x10000);
  const mark = (chars: string, bit: number): void => {
    for (let at = 0; at < chars.length; at++) kinds[chars.charCodeAt(at)]! |= bit;
  };
  const markRange = (first: string, last: string, bit: number): void => {
    for (let code = first.charCodeAt(0); code <= last.charCodeAt(0); code++) kinds[code]! |= bit;
  };
  for (let code = 0; code < kinds.length; code++) {
    if (/\s/.test(String.fromCharCode(code))) kinds[code]! |= IS.space;
  }
  mark('"\'`“”‘’', IS.quote);
  mark('()[]{}<>,;=|，。；：！？、（）【】《》「」', IS.break);
  mark('-_./:@#%+&*$~\\^!?', IS.separator);
  mark('/\\@', IS.whole);
  markRange('0', '9', IS.digit | IS.hex);
  markRange('０', '９', IS.digit | IS.hex);
  mark(HOLE, IS.digit | IS.hex);
  markRange('a', 'f', IS.hex);
  markRange('A', 'F', IS.hex);
  markRange('\u2e80', '\u9fff', IS.cjk);
  markRange('\uac00', '\ud7af', IS.cjk);
  markRange('\uf900', '\ufaff', IS.cjk);
  return kinds;
}
