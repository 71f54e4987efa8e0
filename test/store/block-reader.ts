/**
 * A reader of blocks written from docs/storage.md alone: it imports nothing of the store, so that a test can tell
 * when the document and the code go apart. Plain and slow on purpose.
 */
import zlib from 'node:zlib';
import type Database from 'better-sqlite3';

export type Value = string | number | boolean | null;
export type Attributes = readonly (readonly [key: string, value: Value])[];

export interface ReadSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly name: string;
  readonly service: string;
  readonly kind: number;
  readonly startUs: number;
  readonly startNs: number;
  readonly durationNs: number;
  readonly attributes: Attributes;
}

const KIND = {
  dictionary: 0,
  ids: 1,
  core: 2,
  attributeTexts: 3,
  attributes: 4,
  bodyTexts: 7,
  bodies: 8,
  buckets: 10,
  raw: 12,
};
const HISTOGRAM = 2;

class Section {
  readonly #main: Buffer;
  readonly #tail: Buffer;
  #at = 0;
  #word = 0;
  #bit = 0;

  constructor(main: Buffer, tail: Buffer) {
    this.#main = main;
    this.#tail = tail;
  }

  /** For the section of a request as it came, whose main bytes are nothing else. */
  mainBytes(): Buffer {
    return this.#main;
  }

  /** For the section of ids, which is all tail. */
  tailBytes(count: number): Buffer {
    const bytes = this.#tail.subarray(this.#at, this.#at + count);
    this.#at += count;
    return bytes;
  }

  byte(): number {
    return this.#main.readUInt8(this.#at++);
  }

  bytes(count: number): Buffer {
    this.#at += count;
    return this.#main.subarray(this.#at - count, this.#at);
  }

  f64(): number {
    return this.bytes(8).readDoubleLE();
  }

  varint(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.byte();
      value += (byte % 128) * scale;
      if (byte < 128) return value;
    }
  }

  bits(count: number): number {
    let value = 0;
    for (let bit = 0; bit < count; bit++) {
      value += ((this.#tail.readUInt32LE(4 * this.#word) >>> this.#bit) & 1) * 2 ** bit;
      if (++this.#bit === 32) this.nextWord();
    }
    return value;
  }

  nextWord(): void {
    this.#word++;
    this.#bit = 0;
  }

  align(): void {
    if (this.#bit > 0) this.nextWord();
  }

  uints(count: number): number[] {
    if (count === 0) return [];
    const mode = this.byte();
    const base = this.varint();
    if (mode === 0) return times(count, () => base);
    if (mode <= 3) {
      const planes = times([0, 1, 2, 4][mode]!, () => this.bytes(count));
      return times(count, (row) =>
        planes.reduce((sum, plane, at) => sum + plane[row]! * 256 ** at, base),
      );
    }
    if (mode === 4) {
      let value = base;
      return times(count, (row) => {
        value += row === 0 ? 0 : this.varint();
        return value;
      });
    }
    if (mode === 5) {
      const width = this.byte();
      this.align();
      const values = times(count, () => base + this.bits(width));
      this.align();
      return values;
    }
    let next = base;
    return this.uints(count).map((step) => (step === 0 ? next++ : next - step));
  }

  numbers(count: number): number[] {
    if (count === 0) return [];
    const mode = this.byte();
    if (mode === 0) {
      const value = this.f64();
      return times(count, () => value);
    }
    if (mode === 1) return this.integers(count);
    if (mode === 2) {
      let value = 0;
      return this.integers(count).map((difference) => {
        value += difference;
        return value;
      });
    }
    return this.doubles(count);
  }

  integers(count: number): number[] {
    const scale = this.varint();
    const lengths = [...this.bytes(count)];
    this.align();
    const values = lengths.map((code) => {
      const length = code >> 1;
      if (length === 0) return 0;
      const low = this.bits(Math.min(32, length - 1));
      const high = length > 33 ? this.bits(length - 33) : 0;
      return (code % 2 ? -1 : 1) * (low + high * 2 ** 32 + 2 ** (length - 1)) * scale;
    });
    this.align();
    return values;
  }

  doubles(count: number): number[] {
    const mask = this.byte();
    const doubles = Buffer.alloc(8 * count);
    this.align();
    for (let plane = 0; plane < 8; plane++) {
      for (let row = 0; row < count; row++) {
        doubles[8 * row + plane] = mask & (1 << plane) ? this.bits(8) : this.byte();
      }
    }
    this.align();
    return times(count, (row) => doubles.readDoubleLE(8 * row));
  }

  texts(): string[] {
    const lengths = this.uints(this.varint());
    const bytes = this.bytes(this.varint());
    let at = 0;
    const texts = lengths.map((length) => {
      at += length;
      return bytes.toString('utf8', at - length, at);
    });
    return ['', ...texts];
  }

  values(type: number, count: number, texts: readonly string[]): Value[] {
    if (type === 0) return times(count, () => null);
    if (type === 3 || type === 4) return this.numbers(count);
    if (type === 2) return this.uints(count).map((value) => value === 1);
    return this.uints(count).map((id) => texts[id]!);
  }

  rows(count: number, width: number): number[] {
    this.align();
    let row = -1;
    const rows = times(count, () => {
      let gap = 0;
      while (this.bits(1) === 1) gap += 2 ** width;
      row += 1 + gap + this.bits(width);
      return row;
    });
    this.align();
    return rows;
  }

  attributes(rowCount: number, texts: readonly string[]): [string, Value][][] {
    const layout = this.byte();
    const keys = times(this.varint(), () => this.varint()).map((id) => texts[id]!);
    const slots = keys.map((key) => {
      const [type, count] = [this.byte(), this.varint()];
      const width = layout === 1 ? this.byte() : 0;
      const sizes = times(layout === 1 ? 3 : 2, () => this.varint());
      return { key, type, count, width, sizes };
    });
    const lists: [string, Value][][] = times(rowCount, () => []);
    if (layout === 1) {
      for (const { key, type, count, width } of slots) {
        const rows = this.rows(count, width);
        for (const [at, value] of this.values(type, count, texts).entries()) {
          lists[rows[at]!]!.push([key, value]);
        }
      }
      return lists;
    }
    const shapes = times(this.varint(), () => times(this.varint(), () => this.varint()));
    const rowShapes = this.uints(rowCount);
    const columns = slots.map(({ type, count }) => this.values(type, count, texts));
    return rowShapes.map((shape) =>
      shapes[shape]!.map((slot) => [keys[slot]!, columns[slot]!.shift()!]),
    );
  }
}

function times<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

export function openBlockSection(
  connection: Database.Database,
  blockId: number,
  kind: keyof typeof KIND,
): Section {
  const row = connection
    .prepare('SELECT codec, raw_bytes, checksum, bytes FROM sections WHERE section_id = ?')
    .get(16 * blockId + KIND[kind]) as {
    codec: number;
    raw_bytes: number;
    checksum: number;
    bytes: Buffer;
  }; // the columns of the statement
  if (zlib.crc32(row.bytes) !== row.checksum) throw new Error('the checksum differs');
  const end = row.bytes.length - 4;
  const tailStart = end - row.bytes.readUInt32LE(end);
  const stored = row.bytes.subarray(0, tailStart);
  const unpack = { 3: (bytes: Buffer) => bytes, 4: zlib.brotliDecompressSync, 5: zstd }[row.codec];
  const main = unpack!(stored);
  if (main.length + row.bytes.length - tailStart !== row.raw_bytes) throw new Error('wrong size');
  return new Section(main, row.bytes.subarray(tailStart, end));
}

/** The types of Node 20 do not know it. */
function zstd(bytes: Buffer): Buffer {
  return (zlib as unknown as { zstdDecompressSync: (bytes: Buffer) => Buffer }).zstdDecompressSync(
    bytes,
  );
}

function variants(core: Section, fieldCount: number, rowCount: number): number[][] {
  const variantCount = core.varint();
  const fields = times(fieldCount, () => core.uints(variantCount));
  const indexes = core.uints(rowCount);
  return fields.map((field) => indexes.map((index) => field[index]!));
}

export function readSpans(
  connection: Database.Database,
  { blockId, rowCount }: { readonly blockId: number; readonly rowCount: number },
): ReadSpan[] {
  const texts = openBlockSection(connection, blockId, 'dictionary').texts();
  const core = openBlockSection(connection, blockId, 'core');
  const ids = openBlockSection(connection, blockId, 'ids');
  const runs = core.uints(core.varint());
  const runTraces = runs.map(() => ids.tailBytes(16).toString('hex'));
  const traceIds = runs.flatMap((length, run) => times(length, () => runTraces[run]!));
  const runStarts = runs.flatMap((length, run) =>
    times(length, () => runs.slice(0, run).reduce((sum, size) => sum + size, 0)),
  );
  const spanIds = times(rowCount, () => ids.tailBytes(8).toString('hex'));
  const parents = core.uints(rowCount).map((reference, row) => {
    if (reference === 0) return '0'.repeat(16);
    if (reference === 1) return ids.tailBytes(8).toString('hex');
    return spanIds[runStarts[row]! + reference - 2]!;
  });
  const [names, kinds, ...rest] = variants(core, 17, rowCount);
  const startUs = core.numbers(rowCount);
  const startNs = core.uints(rowCount);
  const durationNs = core.numbers(rowCount);
  const attributeTexts = openBlockSection(connection, blockId, 'attributeTexts').texts();
  const lists = openBlockSection(connection, blockId, 'attributes').attributes(
    rowCount,
    attributeTexts,
  );
  return times(rowCount, (row) => ({
    traceId: traceIds[row]!,
    spanId: spanIds[row]!,
    parentSpanId: parents[row]!,
    name: texts[names![row]!]!,
    service: texts[rest[12]![row]!]!,
    kind: kinds![row]!,
    startUs: startUs[row]!,
    startNs: startNs[row]!,
    durationNs: durationNs[row]!,
    attributes: lists[row]!,
  }));
}

/** Bodies of a block of logs, in its order. */
export function readBodies(
  connection: Database.Database,
  { blockId, rowCount }: { readonly blockId: number; readonly rowCount: number },
): Value[] {
  const texts = openBlockSection(connection, blockId, 'bodyTexts').texts();
  const bodies = openBlockSection(connection, blockId, 'bodies');
  const present = [...bodies.bytes(bodies.varint())];
  const types = bodies.uints(rowCount);
  const columns = new Map(
    present.map((type) => {
      const count = types.filter((candidate) => candidate === type).length;
      return [type, bodies.values(type, count, texts)];
    }),
  );
  return types.map((type) => columns.get(type)!.shift()!);
}

/** Numbers in the buckets of each point, given the points' kinds. */
export function readBuckets(
  connection: Database.Database,
  { blockId, kinds }: { readonly blockId: number; readonly kinds: readonly number[] },
): number[][] {
  const section = openBlockSection(connection, blockId, 'buckets');
  const counts = section.uints(kinds.length);
  const bounds = times(section.varint(), () => times(section.varint(), () => section.f64()));
  const hasBounds = (row: number) => kinds[row] === HISTOGRAM && counts[row]! > 0;
  const lists = section.uints(counts.filter((_, row) => hasBounds(row)).length);
  const others = section.numbers(section.varint());
  return counts.map((count, row) => {
    const list = hasBounds(row) ? bounds[lists.shift()!]! : [];
    return [...list, ...others.splice(0, count - list.length)];
  });
}

export function readProfiles(
  connection: Database.Database,
  blockId: number,
): { readonly encoding: string; readonly body: Buffer } {
  const section = openBlockSection(connection, blockId, 'raw');
  const encoding = ['protobuf', 'json'][section.tailBytes(1)[0]!] ?? 'unknown';
  return { encoding, body: section.mainBytes() };
}
