/**
 * Compression and checksum of one section. Node's own codecs only: zstd level 1 where it has it (Node 22.15),
 * brotli quality 1 before; a section names its codec, so files move between the two.
 */
import zlib from 'node:zlib';
import { AppError } from '../../base/errors.ts';
import { tailStartOf } from './byte-stream.ts';

/** Stored in a file: append only. 0, 1 and 2 were those of sections without a tail, up to format version 2. */
export const CODEC = { none: 3, brotli: 4, zstd: 5 } as const;

/** Below this a compressor's own frame eats the gain. */
const COMPRESSED_BYTES_MIN = 96;
/** No section decompresses to more: a block of the largest rows the receiver lets in. */
const SECTION_BYTES_MAX = 1024 * 1024 * 1024;

const BROTLI_OPTIONS = {
  params: {
    [zlib.constants.BROTLI_PARAM_QUALITY]: 1,
    [zlib.constants.BROTLI_PARAM_LGWIN]: 18,
  },
};

/** The types of Node 20 do not know zstd yet. */
interface ZstdFunctions {
  readonly zstdCompressSync?: (bytes: Uint8Array, options: object) => Uint8Array;
  readonly zstdDecompressSync?: (bytes: Uint8Array, options: object) => Uint8Array;
}
const zstd: ZstdFunctions = zlib as unknown as ZstdFunctions; // optional members, checked before use
/** ZSTD_c_compressionLevel of zstd.h. */
const ZSTD_COMPRESSION_LEVEL = 100;
const ZSTD_OPTIONS = { params: { [ZSTD_COMPRESSION_LEVEL]: 1 } };
const COMPRESSION = zstd.zstdCompressSync ? CODEC.zstd : CODEC.brotli;

export interface PackedSection {
  readonly codec: number;
  /** Bytes before compression. */
  readonly rawBytes: number;
  /** CRC-32 (IEEE) of `bytes`. */
  readonly checksum: number;
  readonly bytes: Uint8Array;
}

/**
 * Packs a section: what stands before its tail is compressed when it shrinks, the tail stays as it is. The
 * result may share the section's bytes.
 */
export function packSection(section: Uint8Array): PackedSection {
  const tailStart = tailStartOf(section);
  const packed = tryCompress(section.subarray(0, tailStart));
  const bytes = packed ? joined(packed, section.subarray(tailStart)) : section;
  const codec = packed === undefined ? CODEC.none : COMPRESSION;
  return { codec, rawBytes: section.length, checksum: zlib.crc32(bytes), bytes };
}

function tryCompress(raw: Uint8Array): Uint8Array | undefined {
  if (raw.length < COMPRESSED_BYTES_MIN) return undefined;
  const packed = zstd.zstdCompressSync
    ? zstd.zstdCompressSync(raw, ZSTD_OPTIONS)
    : zlib.brotliCompressSync(raw, BROTLI_OPTIONS);
  return packed.length < raw.length ? packed : undefined;
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(first.length + second.length);
  bytes.set(first);
  bytes.set(second, first.length);
  return bytes;
}

/** Throws `store.corrupt` for a checksum that differs and for a codec this Node cannot read. */
export function unpackSection(packed: PackedSection): Uint8Array {
  if (zlib.crc32(packed.bytes) !== packed.checksum) {
    throw new AppError('store.corrupt', 'the checksum differs');
  }
  if (packed.rawBytes > SECTION_BYTES_MAX) {
    throw new AppError(
      'store.corrupt',
      `${packed.rawBytes} bytes are more than ${SECTION_BYTES_MAX}`,
    );
  }
  const raw = decompress(packed);
  if (raw.length !== packed.rawBytes) {
    throw new AppError(
      'store.corrupt',
      `it holds ${raw.length} bytes instead of ${packed.rawBytes}`,
    );
  }
  return raw;
}

/** The tail was stored as it is, so its size, at the end, can be read before anything is decompressed. */
function decompress(packed: PackedSection): Uint8Array {
  if (packed.codec === CODEC.none) return packed.bytes;
  const tailStart = tailStartOf(packed.bytes);
  const tail = packed.bytes.subarray(tailStart);
  const bounds = { maxOutputLength: Math.max(1, packed.rawBytes - tail.length) };
  const compressed = packed.bytes.subarray(0, tailStart);
  switch (packed.codec) {
    case CODEC.brotli:
      return joined(zlib.brotliDecompressSync(compressed, bounds), tail);
    case CODEC.zstd:
      if (!zstd.zstdDecompressSync) {
        throw new AppError(
          'store.corrupt',
          'it is packed with zstd, which needs Node 22.15 or later',
        );
      }
      return joined(zstd.zstdDecompressSync(compressed, bounds), tail);
    default:
      throw new AppError('store.corrupt', `its codec ${packed.codec} is unknown`);
  }
}
