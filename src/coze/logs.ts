/** Normalises log records in their columns: service, canonical ids, what the body says, trace context. */
import { tryBytesOfHex } from '../base/bytes.ts';
import { type LogColumns, VALUE_TYPE } from '../model/columns.ts';
import { PLACE, SOURCE } from './aliases.ts';
import { jsonOfText, membersOf } from './any-value.ts';
import { fieldIndex } from './fields.ts';
import type { GroupContext } from './group-context.ts';
import { readBodyPatterns } from './log-body.ts';

const SERVICE_NAME = fieldIndex('service.name');
const TRACE_KEYS = ['trace_id', 'traceId', 'traceID', 'trace.id', 'otelTraceID', 'dd.trace_id'];
const SPAN_KEYS = ['span_id', 'spanId', 'spanID', 'span.id', 'otelSpanID'];
/** Members of a structured body that are looked at. */
const BODY_MEMBERS_MAX = 200;

export class LogNormaliser {
  readonly columns: LogColumns;
  readonly #context: GroupContext;
  readonly #traceKeys: ReadonlySet<string> = new Set(TRACE_KEYS);
  readonly #spanKeys: ReadonlySet<string> = new Set(SPAN_KEYS);
  /** By key id: 0 unseen, 1 none, 2 trace id, 3 span id. */
  readonly #contextKeys = new Map<number, 'trace' | 'span' | 'none'>();

  constructor(columns: LogColumns, context: GroupContext) {
    this.columns = columns;
    this.#context = context;
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
    const { fields } = this.#context;
    const end = attributesEnd[row]!;
    for (let at = row === 0 ? 0 : attributesEnd[row - 1]!; at < end; at++) {
      const key = attributes.keys[at]!;
      if (lacksTrace) this.#joinTrace(row, key, at);
      const rule = fields.ruleOf(key);
      if (rule === undefined) continue;
      if (rule.isUserId) this.#context.hideUserId(attributes, at);
      fields.offer(rule, SOURCE.span, PLACE.log, attributes.types[at]!, attributes.values[at]!);
    }
  }

  /** A record without trace context that carries it as attributes belongs to that trace. */
  #joinTrace(row: number, key: number, at: number): void {
    const { columns } = this;
    if (columns.attributes.types[at] !== VALUE_TYPE.string) return;
    let kind = this.#contextKeys.get(key);
    if (kind === undefined) {
      const text = columns.strings.text(key);
      kind = this.#traceKeys.has(text) ? 'trace' : this.#spanKeys.has(text) ? 'span' : 'none';
      this.#contextKeys.set(key, kind);
    }
    if (kind === 'none') return;
    const sizeBytes = kind === 'trace' ? 16 : 8;
    const id = tryBytesOfHex(columns.strings.text(columns.attributes.values[at]!), sizeBytes);
    if (id === undefined) return;
    (kind === 'trace' ? columns.traceId : columns.spanId).set(id, sizeBytes * row);
  }

  #readBody(row: number): void {
    const { columns } = this;
    const type = columns.bodyType[row]!;
    if (type !== VALUE_TYPE.string && type !== VALUE_TYPE.json) return;
    const text = columns.strings.text(columns.bodyValue[row]!);
    if (type === VALUE_TYPE.json || text.startsWith('{')) {
      this.#readMembers(text);
      return;
    }
    const { fields } = this.#context;
    readBodyPatterns(
      text,
      (keyId, valueId) => {
        const rule = fields.ruleOf(keyId);
        if (rule) fields.offer(rule, SOURCE.body, PLACE.log, VALUE_TYPE.string, valueId);
      },
      columns.strings,
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

function isZero(bytes: Uint8Array, start: number, size: number): boolean {
  for (let index = start; index < start + size; index++) if (bytes[index] !== 0) return false;
  return true;
}
