/**
 * Compression and checksum of one section. Node's own codecs only: zstd level 1 where it has it (Node 22.15),
 * brotli quality 1 before; a section names its codec, so files move between the two.
 */
import zlib from 'node:zlib';
import { AppError } from '../../base/errors.ts';

/** Stored in a file: append only. */
export const CODEC = { none: 0, brotli: 1, zstd: 2 } as const;

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

export interface PackedSection {
  readonly codec: number;
  /** Bytes before compression. */
  readonly rawBytes: number;
  /** CRC-32 (IEEE) of `bytes`. */
  readonly checksum: number;
  readonly bytes: Uint8Array;
}

/** Packs bytes; ones that do not shrink, such as ids, stay as they are. The result owns its bytes. */
export function packSection(
  raw: Uint8Array,
  options: { readonly isCompressible: boolean },
): PackedSection {
  let codec: number = CODEC.none;
  let bytes = raw;
  if (options.isCompressible && raw.length >= COMPRESSED_BYTES_MIN) {
    const packed = zstd.zstdCompressSync
      ? zstd.zstdCompressSync(raw, ZSTD_OPTIONS)
      : zlib.brotliCompressSync(raw, BROTLI_OPTIONS);
    if (packed.length < raw.length) {
      codec = zstd.zstdCompressSync ? CODEC.zstd : CODEC.brotli;
      bytes = packed;
    }
  }
  if (codec === CODEC.none) bytes = raw.slice();
  return { codec, rawBytes: raw.length, checksum: zlib.crc32(bytes), bytes };
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

function decompress(packed: PackedSection): Uint8Array {
  const bounds = { maxOutputLength: Math.max(1, packed.rawBytes) };
  switch (packed.codec) {
    case CODEC.none:
      return packed.bytes;
    case CODEC.brotli:
      return zlib.brotliDecompressSync(packed.bytes, bounds);
    case CODEC.zstd:
      if (!zstd.zstdDecompressSync) {
        throw new AppError(
          'store.corrupt',
          'it is packed with zstd, which needs Node 22.15 or later',
        );
      }
      return zstd.zstdDecompressSync(packed.bytes, bounds);
    default:
      throw new AppError('store.corrupt', `its codec ${packed.codec} is unknown`);
  }
}
