/** Reads from an export reply how many items the receiver left out: only the rest is acknowledged. */
import { AppError } from '../base/errors.ts';
import type { Encoding } from './bench.ts';

/** The rejected count of a partial success; 0 for a full one. Throws for what is no export reply. */
export function readRejectedCount(reply: Uint8Array, encoding: Encoding): number {
  if (reply.length === 0) return 0;
  try {
    return encoding === 'json' ? readJson(reply) : readProtobuf(reply);
  } catch (cause) {
    const start = Buffer.from(reply.subarray(0, 100)).toString();
    throw new AppError('request.invalid', `Cannot read the receiver's reply "${start}"`, { cause });
  }
}

function readJson(reply: Uint8Array): number {
  const parsed: unknown = JSON.parse(Buffer.from(reply).toString());
  const partial = memberOf(parsed, 'partialSuccess');
  const names = ['rejectedSpans', 'rejectedLogRecords', 'rejectedDataPoints', 'rejectedProfiles'];
  for (const name of names) {
    const count = memberOf(partial, name);
    if (count !== undefined) return Number(count);
  }
  return 0;
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

/** Field 1 of the reply is partial_success; field 1 of that is the count, in all three signals. */
function readProtobuf(reply: Uint8Array): number {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = reply[at++];
      if (byte === undefined) throw new Error('it ends inside a number');
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  if (varint() !== 0x0a) throw new Error('it does not begin with partial_success');
  const end = varint() + at;
  if (end > reply.length) throw new Error('partial_success is cut');
  if (at === end || reply[at] !== 0x08) return 0;
  at++;
  return varint();
}
