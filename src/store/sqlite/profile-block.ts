/** A block of profiles: the body of one request as it came, in one section. docs/storage.md is its manual. */

import { AppError } from '../../base/errors.ts';
import type { RawProfiles } from '../../model/profiles.ts';
import { type EncodedBlock, SECTION, type SectionSource, SIGNAL } from './block.ts';
import { ByteReader, ByteWriter, TAIL_SIZE_BYTES, tailStartOf } from './byte-stream.ts';

/** Stored in files: append only. */
const ENCODINGS = ['protobuf', 'json'] as const;

/** The tail says all that the header does: a header has no checksum of its own. */
export function encodeProfileBlock(profiles: RawProfiles): EncodedBlock {
  const { body, receivedUs, count, services } = profiles;
  const tail = encodeTail(profiles);
  const bytes = new Uint8Array(body.length + tail.length + TAIL_SIZE_BYTES);
  bytes.set(body);
  bytes.set(tail, body.length);
  new DataView(bytes.buffer).setUint32(body.length + tail.length, tail.length, true);
  return {
    signal: SIGNAL.profiles,
    rowCount: count,
    minUs: receivedUs,
    maxUs: receivedUs,
    services,
    names: [],
    traceHashes: new Float64Array(0),
    sections: [{ kind: SECTION.raw, bytes }],
  };
}

/** The body may share the section's bytes. */
export function decodeProfileBlock(source: SectionSource): RawProfiles {
  const section = source(SECTION.raw);
  if (!section) throw new AppError('store.corrupt', `section ${SECTION.raw} is missing`);
  const bodyEnd = tailStartOf(section);
  const tail = new ByteReader(section.subarray(bodyEnd, section.length - TAIL_SIZE_BYTES));
  const number = tail.u8();
  const encoding = ENCODINGS[number];
  if (!encoding) throw new AppError('store.corrupt', `its encoding ${number} is unknown`);
  return {
    encoding,
    receivedUs: tail.f64(),
    count: tail.count(),
    services: Array.from({ length: tail.count() }, () =>
      Buffer.from(tail.raw(tail.count())).toString('utf8'),
    ),
    body: new Uint8Array(section.buffer, section.byteOffset, bodyEnd),
  };
}

function encodeTail({ encoding, receivedUs, count, services }: RawProfiles): Uint8Array {
  const writer = new ByteWriter(64);
  writer.u8(ENCODINGS.indexOf(encoding));
  writer.f64(receivedUs);
  writer.varint(count);
  writer.varint(services.length);
  for (const service of services) {
    const text = Buffer.from(service, 'utf8');
    writer.varint(text.length);
    writer.raw(text);
  }
  return writer.bytes();
}
