/** Breaks request bodies in many small ways, from a seed. */
import type { Random } from './random-request.ts';

const INTERESTING = [0x00, 0x01, 0x7f, 0x80, 0xff, 0x0a, 0x12, 0x1a, 0x22, 0x7b, 0x5b, 0x5d, 0x7d];

export function mutate(random: Random, body: Uint8Array): Uint8Array {
  let bytes = body;
  const stepCount = 1 + random.below(4);
  for (let step = 0; step < stepCount; step++) bytes = mutateOnce(random, bytes);
  return bytes;
}

function mutateOnce(random: Random, body: Uint8Array): Uint8Array {
  if (body.length === 0) return random.bytes(1 + random.below(8));
  const at = random.below(body.length);
  const to = Math.min(body.length, at + 1 + random.below(12));
  const copy = body.slice();
  switch (random.below(8)) {
    case 0:
      copy[at] = copy[at]! ^ (1 << random.below(8));
      return copy;
    case 1:
      copy[at] = random.pick(INTERESTING);
      return copy;
    case 2:
      copy[at] = random.below(256);
      return copy;
    case 3:
      return copy.slice(0, at);
    case 4: // leaves a piece out
      return joined(copy.subarray(0, at), copy.subarray(to));
    case 5: // repeats a piece
      return joined(copy.subarray(0, to), copy.subarray(at));
    case 6:
      return joined(copy.subarray(0, at), random.bytes(1 + random.below(8)), copy.subarray(at));
    default: {
      // a varint that claims more than there is
      const huge = Uint8Array.of(0xff, 0xff, 0xff, 0xff, random.pick([0x07, 0x0f, 0xff]));
      return joined(copy.subarray(0, at), huge, copy.subarray(at));
    }
  }
}

function joined(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
