/** Normalises log records in their columns: service, canonical ids, what the body says, trace context. */
import { tryBytesOfHex } from '../base/bytes.ts';
import { type LogColumns, VALUE_TYPE } from '../model/columns.ts';
import { PLACE, SOURCE } from './aliases.ts';
import { jsonOfText, membersOf } from './any-value.ts';
import { ById } from './by-id.ts';
import { fieldIndex } from './fields.ts';
import type { GroupContext } from './group-context.ts';
import { hasBodyHint, readBodyPatterns } from './log-body.ts';

const SERVICE_NAME = fieldIndex('service.name');
const TRACE_KEYS = ['trace_id', 'traceId', 'traceID', 'trace.id', 'otelTraceID', 'dd.trace_id'];
const SPAN_KEYS = ['span_id', 'spanId', 'spanID', 'span.id', 'otelSpanID'];
/** Attributes of the record itself. */
const OWN = { source: SOURCE.span, place: PLACE.log } as const;
const OPENING_BRACE = 0x7b;
/** Members of a structured body that are looked at. */
const BODY_MEMBERS_MAX = 200;

export class LogNormaliser {
  readonly columns: LogColumns;
  readonly #context: GroupContext;
  /** By key id: bytes of the id that the attribute holds, 16 of a trace, 8 of a span, else 0. */
  readonly #idSizes: ById;

  constructor(columns: LogColumns, context: GroupContext) {
    this.columns = columns;
    this.#context = context;
    this.#idSizes = new ById((id) => idSizeOf(columns.strings.text(id)));
  }

  normalise(from: number, to: number): void {
    const { columns } = this;
    columns.derived.count = from === 0 ? 0 : columns.derivedEnd[from - 1]!;
    for (let row = from; row < to; row++) {
      this.#normaliseRow(row);
      columns.derivedEnd[row] = columns.derived.count;
    }
  }

  #normaliseRow(row: number): void {
    const { columns } = this;
    const { fields } = this.#context;
    fields.begin(columns.timeUs[row]!);
    const lacksTrace = isZero(columns.traceId, 16 * row, 16);
    this.#readAttributes(row, lacksTrace);
    this.#readBody(row);
    const resource = this.#context.resourceOf(columns, columns.resource[row]!);
    fields.offerFixed(resource.offers);
    fields.offerFixed(this.#context.scopeOf(columns, columns.scope[row]!));
    columns.service[row] = fields.slots.valueOf(SERVICE_NAME) || resource.fallbackService;
    fields.emit(columns.derived, { withOutcome: true });
  }

  #readAttributes(row: number, lacksTrace: boolean): void {
    const { attributes, attributesEnd } = this.columns;
    const from = row === 0 ? 0 : attributesEnd[row - 1]!;
    const to = attributesEnd[row]!;
    for (let at = from; lacksTrace && at < to; at++) this.#joinTrace(row, attributes.keys[at]!, at);
    this.#context.fields.readAttributes(attributes, { from, to }, OWN);
  }

  /** A record without trace context that carries it as attributes belongs to that trace. */
  #joinTrace(row: number, key: number, at: number): void {
    const { columns } = this;
    if (columns.attributes.types[at] !== VALUE_TYPE.string) return;
    const sizeBytes = this.#idSizes.of(key);
    if (sizeBytes === 0) return;
    const id = tryBytesOfHex(columns.strings.text(columns.attributes.values[at]!), sizeBytes);
    if (id === undefined) return;
    (sizeBytes === 16 ? columns.traceId : columns.spanId).set(id, sizeBytes * row);
  }

  #readBody(row: number): void {
    const { columns } = this;
    const type = columns.bodyType[row]!;
    if (type !== VALUE_TYPE.string && type !== VALUE_TYPE.json) return;
    const { strings } = columns;
    const id = columns.bodyValue[row]!;
    // on bytes: most lines say nothing that matters here, and making a string of one costs 150 ns
    const start = strings.start(id);
    if (type === VALUE_TYPE.json || strings.pool[start] === OPENING_BRACE) {
      this.#readMembers(strings.text(id));
    } else if (hasBodyHint(strings.pool, start, strings.end(id))) {
      this.#readPatterns(strings.text(id));
    }
  }

  #readPatterns(text: string): void {
    const { fields } = this.#context;
    readBodyPatterns(
      text,
      (keyId, valueId) => {
        const rule = fields.ruleOf(keyId);
        if (rule) fields.offer(rule, SOURCE.body, PLACE.log, VALUE_TYPE.string, valueId);
      },
      this.columns.strings,
    );
  }

  /** Members of a structured body count as fields of the record, after its attributes. */
  #readMembers(text: string): void {
    const { fields } = this.#context;
    const { strings } = this.columns;
    let count = 0;
    for (const [key, value] of membersOf(jsonOfText(text))) {
      if (++count > BODY_MEMBERS_MAX) return;
      const keyId = strings.find(key);
      const rule = fields.ruleOf(keyId ?? strings.idOfString(key));
      if (rule === undefined || value === undefined || rule.isUserId) continue;
      fields.offer(rule, SOURCE.body, PLACE.log, VALUE_TYPE.string, strings.idOfString(value));
    }
  }
}

function idSizeOf(key: string): number {
  if (TRACE_KEYS.includes(key)) return 16;
  return SPAN_KEYS.includes(key) ? 8 : 0;
}

function isZero(bytes: Uint8Array, start: number, size: number): boolean {
  for (let index = start; index < start + size; index++) if (bytes[index] !== 0) return false;
  return true;
}
