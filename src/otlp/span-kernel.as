// Spans from protobuf into columns, for WebAssembly (AssemblyScript). It takes the usual form of a span only and
// stops in front of any other, good or bad: src/otlp/protobuf-traces.ts reads that one and says what is wrong.
// src/otlp/span-kernel.ts lays the memory out, calls it and takes the columns.

// Offsets into the memory; the same as in span-kernel.ts, which checks them by layout().
const ROWS_MAX: u32 = 1024;
const ATTRIBUTES_MAX: u32 = 32768;
const EVENTS_MAX: u32 = 1024;
const EVENT_ATTRIBUTES_MAX: u32 = 8192;
const IDS_MAX: u32 = 16384;
const SLOTS: u32 = 32768;
const PROBES_MAX: u32 = 64;
const POOL_BYTES_MAX: u32 = 1048576;
const TEXT_BYTES_MAX: u32 = 32768;
const ITEM_ATTRIBUTES_MAX: u32 = 4096;

const TRACE_ID: u32 = 1024;
const SPAN_ID: u32 = TRACE_ID + 16 * ROWS_MAX;
const PARENT_SPAN_ID: u32 = SPAN_ID + 8 * ROWS_MAX;
const START_US: u32 = PARENT_SPAN_ID + 8 * ROWS_MAX;
const DURATION_NS: u32 = START_US + 8 * ROWS_MAX;
const FLAGS: u32 = DURATION_NS + 8 * ROWS_MAX;
const NAME: u32 = FLAGS + 4 * ROWS_MAX;
const STATUS_MESSAGE: u32 = NAME + 4 * ROWS_MAX;
const TRACE_STATE: u32 = STATUS_MESSAGE + 4 * ROWS_MAX;
const DROPPED_ATTRIBUTES: u32 = TRACE_STATE + 4 * ROWS_MAX;
const DROPPED_EVENTS: u32 = DROPPED_ATTRIBUTES + 4 * ROWS_MAX;
const DROPPED_LINKS: u32 = DROPPED_EVENTS + 4 * ROWS_MAX;
const ATTRIBUTES_END: u32 = DROPPED_LINKS + 4 * ROWS_MAX;
const EVENTS_END: u32 = ATTRIBUTES_END + 4 * ROWS_MAX;
const RESOURCE: u32 = EVENTS_END + 4 * ROWS_MAX;
const SCOPE: u32 = RESOURCE + 4 * ROWS_MAX;
const START_NS: u32 = SCOPE + 4 * ROWS_MAX;
const KIND: u32 = START_NS + 2 * ROWS_MAX;
const STATUS_CODE: u32 = KIND + ROWS_MAX;
const VALUES: u32 = STATUS_CODE + ROWS_MAX;
const KEYS: u32 = VALUES + 8 * ATTRIBUTES_MAX;
const TYPES: u32 = KEYS + 4 * ATTRIBUTES_MAX;
const EVENT_TIME_US: u32 = TYPES + ATTRIBUTES_MAX;
const EVENT_NAME: u32 = EVENT_TIME_US + 8 * EVENTS_MAX;
const EVENT_DROPPED: u32 = EVENT_NAME + 4 * EVENTS_MAX;
const EVENT_ATTRIBUTES_END: u32 = EVENT_DROPPED + 4 * EVENTS_MAX;
const EVENT_TIME_NS: u32 = EVENT_ATTRIBUTES_END + 4 * EVENTS_MAX;
const EVENT_VALUES: u32 = EVENT_TIME_NS + 2 * EVENTS_MAX;
const EVENT_KEYS: u32 = EVENT_VALUES + 8 * EVENT_ATTRIBUTES_MAX;
const EVENT_TYPES: u32 = EVENT_KEYS + 4 * EVENT_ATTRIBUTES_MAX;
const SLOT: u32 = EVENT_TYPES + EVENT_ATTRIBUTES_MAX;
const STARTS: u32 = SLOT + 8 * SLOTS;
const ENDS: u32 = STARTS + 4 * (IDS_MAX + 1);
const POOL: u32 = (ENDS + 4 * (IDS_MAX + 1) + 7) & ~7;
// Eight bytes may be read past a text's end.
const INPUT: u32 = POOL + POOL_BYTES_MAX + 16;

// What a call leaves behind: eight numbers from here on, in this order.
const RESULT: u32 = 512;

let position: u32 = 0;
let rows: u32 = 0;
let attributes: u32 = 0;
let events: u32 = 0;
let eventAttributes: u32 = 0;
let messages: u32 = 0;
let isDictionaryFull: bool = false;

let ids: u32 = 1;
let poolEnd: u32 = POOL;
let seed: u64 = 0;

// Of the span being read.
let isOther: bool = false;
let timeUsMin: f64 = 0;
let timeUsMax: f64 = 0;
let valueType: u8 = 0;
let value: f64 = 0;

export function input(): u32 {
  return INPUT;
}

/** Offsets that span-kernel.ts checks. */
export function layout(index: u32): u32 {
  if (index == 0) return VALUES;
  if (index == 1) return EVENT_VALUES;
  if (index == 2) return STARTS;
  if (index == 3) return POOL;
  if (index == 4) return RESULT;
  return INPUT;
}

/** Forgets all texts. */
export function reset(newSeed: u64): void {
  seed = newSeed;
  ids = 1;
  poolEnd = POOL;
  memory.fill(SLOT, 0, 8 * SLOTS);
  isDictionaryFull = false;
}

/** Empties the columns. Times of spans and events must lie in [minUs, maxUs]. */
export function begin(minUs: f64, maxUs: f64): void {
  rows = 0;
  attributes = 0;
  events = 0;
  eventAttributes = 0;
  timeUsMin = minUs;
  timeUsMax = maxUs;
}

/**
 * Adds the fields `spans` of a ScopeSpans in memory [from, end) to the columns, until another field, another form of
 * span, or full columns. Returns how many spans; the position is where it stopped, in front of a tag.
 */
export function readSpans(from: u32, end: u32, resource: u32, scope: u32): u32 {
  position = from;
  messages = 0;
  isDictionaryFull = false;
  const rowsBefore = rows;
  while (position < end && rows < ROWS_MAX && load<u8>(position) == 0x12) {
    const before = position;
    const attributesBefore = attributes;
    const eventsBefore = events;
    const eventAttributesBefore = eventAttributes;
    const messagesBefore = messages;
    isOther = false;
    position++;
    const spanEnd = enter(end);
    if (!isOther) readSpan(rows, spanEnd);
    if (isOther) {
      position = before;
      attributes = attributesBefore;
      events = eventsBefore;
      eventAttributes = eventAttributesBefore;
      messages = messagesBefore;
      break;
    }
    store<u32>(ATTRIBUTES_END + 4 * rows, attributes);
    store<u32>(EVENTS_END + 4 * rows, events);
    store<u32>(RESOURCE + 4 * rows, resource);
    store<u32>(SCOPE + 4 * rows, scope);
    rows++;
  }
  store<u32>(RESULT, position);
  store<u32>(RESULT, rows, 4);
  store<u32>(RESULT, attributes, 8);
  store<u32>(RESULT, events, 12);
  store<u32>(RESULT, eventAttributes, 16);
  store<u32>(RESULT, messages, 20);
  store<u32>(RESULT, poolEnd, 24);
  store<u32>(RESULT, isDictionaryFull ? 1 : 0, 28);
  return rows - rowsBefore;
}

function readSpan(row: u32, end: u32): void {
  store<u64>(TRACE_ID + 16 * row, 0);
  store<u64>(TRACE_ID + 16 * row, 0, 8);
  store<u64>(SPAN_ID + 8 * row, 0);
  store<u64>(PARENT_SPAN_ID + 8 * row, 0);
  store<u32>(FLAGS + 4 * row, 0);
  store<u32>(NAME + 4 * row, 0);
  store<u32>(STATUS_MESSAGE + 4 * row, 0);
  store<u32>(TRACE_STATE + 4 * row, 0);
  store<u32>(DROPPED_ATTRIBUTES + 4 * row, 0);
  store<u32>(DROPPED_EVENTS + 4 * row, 0);
  store<u32>(DROPPED_LINKS + 4 * row, 0);
  store<u8>(KIND + row, 0);
  store<u8>(STATUS_CODE + row, 0);
  let startNs: u64 = 0;
  let endNs: u64 = 0;
  const firstAttribute = attributes;
  while (position < end && !isOther) {
    const tag = load<u8>(position++);
    if (tag == 0x4a) {
      if (attributes >= ATTRIBUTES_MAX || attributes - firstAttribute >= ITEM_ATTRIBUTES_MAX) {
        isOther = true;
        return;
      }
      const key = readKeyValue(end);
      store<u32>(KEYS + 4 * attributes, key);
      store<u8>(TYPES + attributes, valueType);
      store<f64>(VALUES + 8 * attributes, value);
      attributes++;
    } else if (tag == 0x0a) {
      if (!hasSize(16, end)) return;
      store<u64>(TRACE_ID + 16 * row, load<u64>(position));
      store<u64>(TRACE_ID + 16 * row, load<u64>(position, 8), 8);
      position += 16;
    } else if (tag == 0x12) {
      if (!hasSize(8, end)) return;
      store<u64>(SPAN_ID + 8 * row, load<u64>(position));
      position += 8;
    } else if (tag == 0x22) {
      // Empty: no parent.
      if (position < end && load<u8>(position) == 0) {
        store<u64>(PARENT_SPAN_ID + 8 * row, 0);
        position++;
        continue;
      }
      if (!hasSize(8, end)) return;
      store<u64>(PARENT_SPAN_ID + 8 * row, load<u64>(position));
      position += 8;
    } else if (tag == 0x2a) {
      store<u32>(NAME + 4 * row, readText(end));
    } else if (tag == 0x30) {
      const kind = readVarint(end);
      if (kind > 5) isOther = true;
      store<u8>(KIND + row, u8(kind));
    } else if (tag == 0x39) {
      startNs = readFixed64(end);
    } else if (tag == 0x41) {
      endNs = readFixed64(end);
    } else if (tag == 0x5a) {
      readEvent(end);
    } else if (tag == 0x7a) {
      readStatus(row, end);
    } else if (tag == 0x1a) {
      store<u32>(TRACE_STATE + 4 * row, readText(end));
    } else if (tag == 0x50) {
      store<u32>(DROPPED_ATTRIBUTES + 4 * row, u32(readVarint(end)));
    } else if (tag == 0x60) {
      store<u32>(DROPPED_EVENTS + 4 * row, u32(readVarint(end)));
    } else if (tag == 0x70) {
      store<u32>(DROPPED_LINKS + 4 * row, u32(readVarint(end)));
    } else if (tag == 0x85 && position + 5 <= end && load<u8>(position) == 0x01) {
      store<u32>(FLAGS + 4 * row, load<u32>(position, 1));
      position += 5;
    } else {
      isOther = true;
    }
  }
  if (isOther) return;
  const startUs = startNs / 1000;
  const endUs = endNs / 1000;
  if (
    (load<u64>(TRACE_ID + 16 * row) | load<u64>(TRACE_ID + 16 * row, 8)) == 0 ||
    load<u64>(SPAN_ID + 8 * row) == 0 ||
    !isInRange(startUs) ||
    !isInRange(endUs) ||
    endNs < startNs ||
    endNs - startNs > 0x1fffffffffffff
  ) {
    isOther = true;
    return;
  }
  store<f64>(START_US + 8 * row, f64(startUs));
  store<u16>(START_NS + 2 * row, u16(startNs - startUs * 1000));
  store<f64>(DURATION_NS + 8 * row, f64(endNs - startNs));
}

function readEvent(outerEnd: u32): void {
  if (events >= EVENTS_MAX) {
    isOther = true;
    return;
  }
  const end = enter(outerEnd);
  let timeNs: u64 = 0;
  let name: u32 = 0;
  let dropped: u32 = 0;
  while (position < end && !isOther) {
    const tag = load<u8>(position++);
    if (tag == 0x09) {
      timeNs = readFixed64(end);
    } else if (tag == 0x12) {
      name = readText(end);
    } else if (tag == 0x1a) {
      if (eventAttributes >= EVENT_ATTRIBUTES_MAX) {
        isOther = true;
        return;
      }
      const key = readKeyValue(end);
      store<u32>(EVENT_KEYS + 4 * eventAttributes, key);
      store<u8>(EVENT_TYPES + eventAttributes, valueType);
      store<f64>(EVENT_VALUES + 8 * eventAttributes, value);
      eventAttributes++;
    } else if (tag == 0x20) {
      dropped = u32(readVarint(end));
    } else {
      isOther = true;
    }
  }
  const timeUs = timeNs / 1000;
  if (!isInRange(timeUs)) isOther = true;
  store<f64>(EVENT_TIME_US + 8 * events, f64(timeUs));
  store<u16>(EVENT_TIME_NS + 2 * events, u16(timeNs - timeUs * 1000));
  store<u32>(EVENT_NAME + 4 * events, name);
  store<u32>(EVENT_DROPPED + 4 * events, dropped);
  store<u32>(EVENT_ATTRIBUTES_END + 4 * events, eventAttributes);
  events++;
}

/** The last status counts whole. */
function readStatus(row: u32, outerEnd: u32): void {
  const end = enter(outerEnd);
  let message: u32 = 0;
  let code: u64 = 0;
  while (position < end && !isOther) {
    const tag = load<u8>(position++);
    if (tag == 0x12) message = readText(end);
    else if (tag == 0x18) code = readVarint(end);
    else isOther = true;
  }
  if (code > 2) isOther = true;
  store<u32>(STATUS_MESSAGE + 4 * row, message);
  store<u8>(STATUS_CODE + row, u8(code));
}

/** Id of the key; the value is in valueType and value. */
function readKeyValue(outerEnd: u32): u32 {
  const end = enter(outerEnd);
  let key: u32 = 0;
  valueType = 0;
  value = 0;
  while (position < end && !isOther) {
    const tag = load<u8>(position++);
    if (tag == 0x0a) key = readText(end);
    else if (tag == 0x12) readAnyValue(end);
    else isOther = true;
  }
  return key;
}

function readAnyValue(outerEnd: u32): void {
  const end = enter(outerEnd);
  valueType = 0;
  value = 0;
  while (position < end && !isOther) {
    const tag = load<u8>(position++);
    if (tag == 0x0a) {
      valueType = 1;
      value = f64(readText(end));
    } else if (tag == 0x10) {
      valueType = 2;
      value = readVarint(end) != 0 ? 1 : 0;
    } else if (tag == 0x18) {
      const integer = i64(readVarint(end));
      if (integer > 0x1fffffffffffff || integer < -0x1fffffffffffff) isOther = true;
      valueType = 3;
      value = f64(integer);
    } else if (tag == 0x21) {
      valueType = 4;
      value = reinterpret<f64>(readFixed64(end));
    } else {
      isOther = true;
    }
  }
}

function isInRange(timeUs: u64): bool {
  const time = f64(timeUs);
  return time >= timeUsMin && time <= timeUsMax;
}

/** End of an embedded message whose length comes next. */
function enter(outerEnd: u32): u32 {
  messages++;
  return readSize(outerEnd);
}

/** End of so many bytes as the length says that comes next. */
// @ts-ignore: decorator of AssemblyScript
@inline
function readSize(end: u32): u32 {
  if (position < end) {
    const first = load<u8>(position);
    if (first < 0x80) {
      position++;
      const sizeEnd = position + first;
      if (sizeEnd <= end) return sizeEnd;
      isOther = true;
      return position;
    }
  }
  return readLongSize(end);
}

function readLongSize(end: u32): u32 {
  const size = readVarint(end);
  if (isOther || size > u64(end - position)) {
    isOther = true;
    return position;
  }
  return position + u32(size);
}

/** True when a length of just that many bytes comes next, and the bytes. */
// @ts-ignore: decorator of AssemblyScript
@inline
function hasSize(size: u32, end: u32): bool {
  if (position + 1 + size <= end && load<u8>(position) == size) {
    position++;
    return true;
  }
  isOther = true;
  return false;
}

function readFixed64(end: u32): u64 {
  if (position + 8 > end) {
    isOther = true;
    return 0;
  }
  const number = load<u64>(position);
  position += 8;
  return number;
}

function readVarint(end: u32): u64 {
  let number: u64 = 0;
  let shift: u64 = 0;
  while (position < end && shift < 70) {
    const byte = load<u8>(position++);
    if (shift == 63 && byte > 1) break;
    number |= u64(byte & 0x7f) << shift;
    if (byte < 0x80) return number;
    shift += 7;
  }
  isOther = true;
  return 0;
}

/** Id of the text whose length comes next. */
function readText(outerEnd: u32): u32 {
  const end = readSize(outerEnd);
  const start = position;
  position = end;
  if (end == start || isOther) return 0;
  const size = end - start;
  if (size > TEXT_BYTES_MAX) {
    isOther = true;
    return 0;
  }
  const hash = hashOf(start, size);
  let slot = hash & (SLOTS - 1);
  for (let probe: u32 = 0; probe < PROBES_MAX; probe++) {
    const entry = SLOT + 8 * slot;
    const id = load<u32>(entry);
    if (id == 0) return add(entry, hash, start, size);
    if (load<u32>(entry, 4) == hash && isSame(id, start, size)) return id;
    slot = (slot + 1) & (SLOTS - 1);
  }
  isDictionaryFull = true;
  isOther = true;
  return 0;
}

function add(entry: u32, hash: u32, start: u32, size: u32): u32 {
  if (ids > IDS_MAX || poolEnd + size + 1 > POOL + POOL_BYTES_MAX) {
    isDictionaryFull = true;
    isOther = true;
    return 0;
  }
  const id = ids++;
  memory.copy(poolEnd, start, size);
  store<u32>(STARTS + 4 * id, poolEnd);
  store<u32>(ENDS + 4 * id, poolEnd + size);
  // A zero between texts: the pool is UTF-8 exactly when each text is.
  store<u8>(poolEnd + size, 0);
  poolEnd += size + 1;
  store<u32>(entry, id);
  store<u32>(entry, hash, 4);
  return id;
}

/** Compares eight bytes a step, the last step over the last eight. */
function isSame(id: u32, start: u32, size: u32): bool {
  const known = load<u32>(STARTS + 4 * id);
  if (load<u32>(ENDS + 4 * id) - known != size) return false;
  if (size < 8) {
    for (let at: u32 = 0; at < size; at++) {
      if (load<u8>(known + at) != load<u8>(start + at)) return false;
    }
    return true;
  }
  const last = size - 8;
  for (let at: u32 = 0; at < last; at += 8) {
    if (load<u64>(known + at) != load<u64>(start + at)) return false;
  }
  return load<u64>(known + last) == load<u64>(start + last);
}

/** Seeded, so that a sender cannot prepare texts that share a slot. */
function hashOf(start: u32, size: u32): u32 {
  let hash: u64 = seed ^ (u64(size) * 0x9e3779b97f4a7c15);
  if (size < 8) {
    let word: u64 = 0;
    for (let at: u32 = 0; at < size; at++) word = (word << 8) | u64(load<u8>(start + at));
    hash = mix(hash ^ word);
  } else {
    const last = size - 8;
    for (let at: u32 = 0; at < last; at += 8) hash = mix(hash ^ load<u64>(start + at));
    hash = mix(hash ^ load<u64>(start + last));
  }
  return u32(mix(hash) >> 32);
}

/** Folds first: the last characters of a text, which differ most, are the highest bytes of a word. */
// @ts-ignore: decorator of AssemblyScript
@inline
function mix(hash: u64): u64 {
  const product = (hash ^ (hash >> 32)) * 0xd6e8feb86659fd93;
  return product ^ (product >> 29);
}
