/** Bodies as senders, good and bad, compress them: in one member, in several, nested, cut, bent, as bombs. */
import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import type { Random } from './random-request.ts';

export interface CompressedBody {
  readonly compression: '' | 'gzip' | 'deflate';
  readonly body: Uint8Array;
  /** What has to come out of it; undefined: anything but a crash. */
  readonly plain: Uint8Array | undefined;
}

const FAST = { level: 1 };
/** More than FUZZ_BODY_BYTES_MAX once inflated; made once. */
export const FUZZ_BODY_BYTES_MAX = 1024 * 1024;
const BOMB = gzipSync(new Uint8Array(FUZZ_BODY_BYTES_MAX + 1));

export function compressAtRandom(random: Random, plain: Uint8Array): CompressedBody {
  const gzip = (body: Uint8Array, out?: Uint8Array): CompressedBody => ({
    compression: 'gzip',
    body: new Uint8Array(body),
    plain: out,
  });
  const kind = random.below(100);
  if (kind < 50) return { compression: '', body: plain, plain };
  if (kind < 62) return gzip(gzipSync(plain, FAST), plain);
  if (kind < 72) return gzip(membersOf(random, plain), plain);
  if (kind < 80) return gzip(gzipSync(gzipSync(plain, FAST), FAST));
  if (kind < 88) {
    const whole = random.chance(0.5) ? gzipSync(plain, FAST) : membersOf(random, plain);
    return gzip(whole.subarray(0, random.below(whole.length)));
  }
  if (kind < 93) {
    const bent = gzipSync(plain, FAST);
    const at = random.below(bent.length);
    bent[at] = bent[at]! ^ (1 << random.below(8));
    return gzip(bent);
  }
  // Zeros behind the last member are padding; a bomb may hide behind a good member.
  if (kind < 94) return gzip(Buffer.concat([gzipSync(plain, FAST), BOMB]));
  const deflate = random.chance(0.5) ? deflateSync : deflateRawSync;
  return { compression: 'deflate', body: new Uint8Array(deflate(plain, FAST)), plain };
}

function membersOf(random: Random, plain: Uint8Array): Buffer {
  const members: Buffer[] = [];
  let start = 0;
  for (let left = random.below(3); left > 0; left--) {
    const end = start + random.below(plain.length - start + 1);
    members.push(gzipSync(plain.subarray(start, end), FAST));
    start = end;
  }
  return Buffer.concat([...members, gzipSync(plain.subarray(start), FAST)]);
}
