/**
 * Stage of each span: explicit, by node type, operation, presence of attributes, HTTP path and host, words
 * of the name; what is still open takes its parent's stage or is infrastructure. The first match wins.
 */
import { hexOf } from '../base/bytes.ts';
import type { SpanColumns } from '../model/columns.ts';
import { INFRA_KINDS, SPAN_KIND, type Stage } from '../model/vocabulary.ts';
import { SOURCE } from './aliases.ts';
import { ById } from './by-id.ts';
import type { FieldReader } from './field-reader.ts';
import { fieldIndex } from './fields.ts';
import { NO_PARENT, ParentIndex } from './parents.ts';
import type { Recent } from './recent.ts';
import { type FieldSlots, SIGN } from './slots.ts';
import {
  CLIENT_HOSTS,
  CLIENT_PATHS,
  CONTAINER_OPERATIONS,
  PROMPT_TYPES,
  SERVER_PATHS,
  STAGE_BY_NAME,
  STAGE_OF_OPERATION,
  STAGE_OF_TYPE,
  stageIndex,
  stageOfNodeType,
  VECTOR_DATABASES,
} from './stage-rules.ts';
import type { NameStages } from './stage-words.ts';
import { hostOfUrl, hostWithoutPort, pathOfUrl } from './target.ts';

const FIELD = {
  stage: fieldIndex('~stage'),
  nodeType: fieldIndex('coze.node.type'),
  operation: fieldIndex('gen_ai.operation.name'),
  spanType: fieldIndex('coze.span.type'),
  mcpMethod: fieldIndex('~mcpMethod'),
  dbSystem: fieldIndex('~dbSystem'),
  host: fieldIndex('~host'),
  url: fieldIndex('~url'),
  path: fieldIndex('~path'),
  route: fieldIndex('~route'),
};
/** Whose presence says the stage, in order. */
const PRESENCE: readonly { readonly field: number; readonly stage: number }[] = [
  { field: fieldIndex('coze.intent.name'), stage: stageIndex('intent') },
  { field: fieldIndex('coze.intent.confidence'), stage: stageIndex('intent') },
  { field: fieldIndex('coze.kb.hit_count'), stage: stageIndex('knowledge') },
  { field: fieldIndex('coze.kb.updated_at'), stage: stageIndex('knowledge') },
  { field: fieldIndex('gen_ai.data_source.id'), stage: stageIndex('knowledge') },
  { field: fieldIndex('coze.plugin.id'), stage: stageIndex('plugin') },
  { field: fieldIndex('gen_ai.request.model'), stage: stageIndex('llm') },
];

const STAGE = {
  other: stageIndex('other'),
  knowledge: stageIndex('knowledge'),
  plugin: stageIndex('plugin'),
  llm: stageIndex('llm'),
  render: stageIndex('render'),
  infra: stageIndex('infra'),
};
const NO_STAGE = -1;

/** Stages that wait for other spans of the range; beyond the real indices. */
const OPEN = {
  /** The parent's stage, or infrastructure. */
  inherit: 100,
  /** Knowledge when the parent is, else model. */
  embeddings: 101,
  /** Render when it comes after the last model call of its trace, else other. */
  prompt: 102,
  /** Plugin when the parent is, else model: Coze called as a model or as a tool. */
  cozeCall: 103,
  /** In a bot the stage its name's everyday words say; else as `inherit` or other. */
  words: 104,
} as const;
const OPEN_FIRST = 100;
/** Longest chain of parents looked at. */
const PARENTS_MAX = 64;

/** Stores: db, cache, mq, config stand next to each other. */
const INFRA = { db: INFRA_KINDS.indexOf('db'), config: INFRA_KINDS.indexOf('config') };

/** What a resolver works on: spans, and the fields of the span under way. */
export interface StageSource {
  readonly columns: SpanColumns;
  readonly fields: FieldReader;
  readonly names: Recent<NameStages>;
}

export class StageResolver {
  readonly #columns: SpanColumns;
  readonly #fields: FieldReader;
  readonly #slots: FieldSlots;
  readonly #parents = new ParentIndex();
  /** What names say; #nameIndex finds it by the name's id. */
  readonly #nameStages: NameStages[] = [];
  readonly #nameIndex: ById;
  // stages by string id
  readonly #explicitStages: ById;
  readonly #nodeTypeStages: ById;
  readonly #operationStages: ById;
  readonly #spanTypeStages: ById;
  readonly #servedPathStages: ById;
  readonly #calledPathStages: ById;
  readonly #hostStages: ById;
  readonly #urlStages: ById;
  // 1 or 0 by string id
  readonly #isContainer: ById;
  readonly #isToolCall: ById;
  readonly #isVectorDatabase: ById;
  // per row of the range
  #open = new Uint8Array(0);
  #wordStage = new Int8Array(0);
  #isBot = new Uint8Array(0);
  #from = 0;
  #hasOpen = false;

  constructor({ columns, fields, names }: StageSource) {
    const { strings } = columns;
    this.#columns = columns;
    this.#fields = fields;
    this.#slots = fields.slots;
    const textRule = (rule: (text: string) => number) => new ById((id) => rule(strings.text(id)));
    this.#nameIndex = new ById((id) => this.#nameStages.push(names.of(strings.text(id))) - 1);
    this.#explicitStages = textRule((text) => indexOrNone(STAGE_BY_NAME.get(text)));
    this.#nodeTypeStages = textRule((text) => indexOrNone(stageOfNodeType(text)));
    this.#operationStages = textRule(stageOfOperationName);
    this.#spanTypeStages = textRule(stageOfSpanType);
    this.#servedPathStages = textRule((text) => stageOfPath(text, true));
    this.#calledPathStages = textRule((text) => stageOfPath(text, false));
    this.#hostStages = textRule(stageOfHost);
    this.#urlStages = textRule((text) => stageOfHost(hostOfUrl(text)));
    this.#isContainer = textRule((text) => (CONTAINER_OPERATIONS.has(text) ? 1 : 0));
    this.#isToolCall = textRule((text) => (text === 'tools/call' ? 1 : 0));
    this.#isVectorDatabase = textRule((text) => (VECTOR_DATABASES.has(text) ? 1 : 0));
  }

  begin(from: number, to: number): void {
    this.#from = from;
    this.#hasOpen = false;
    if (this.#open.length < to - from) {
      this.#open = new Uint8Array(to - from);
      this.#wordStage = new Int8Array(to - from);
      this.#isBot = new Uint8Array(to - from);
    }
    this.#open.fill(0, 0, to - from);
  }

  namesOf(nameId: number): NameStages {
    return this.#nameStages[this.#nameIndex.of(nameId)]!;
  }

  /** Sets the stage of a row whose infrastructure is known, or remembers what it waits for. Hot: once a span. */
  classify(row: number, isBot: boolean): void {
    const at = row - this.#from;
    this.#isBot[at] = isBot ? 1 : 0;
    const stage = this.#stageOf(row, isBot);
    if (stage < OPEN_FIRST) {
      this.#columns.stage[row] = stage;
      return;
    }
    this.#open[at] = stage;
    this.#hasOpen = true;
  }

  /** Resolves what waited for other rows. Parents may come after their children. */
  finish(to: number): void {
    if (!this.#hasOpen) return;
    const columns = this.#columns;
    this.#parents.build(columns, this.#from, to);
    let lastModelCalls: ReadonlyMap<string, number> | undefined;
    for (let row = this.#from; row < to; row++) {
      switch (this.#open[row - this.#from]) {
        case 0:
          break;
        case OPEN.prompt:
          lastModelCalls ??= this.#lastModelCalls(columns, to);
          columns.stage[row] = isAfterLast(columns, row, lastModelCalls)
            ? STAGE.render
            : STAGE.other;
          this.#open[row - this.#from] = 0;
          break;
        default:
          this.#resolve(columns, row);
      }
    }
  }

  #stageOf(row: number, isBot: boolean): number {
    const columns = this.#columns;
    if (this.#slots.touchedCount > 0 || this.#fields.explicitStage >= 0) {
      const byAttributes = this.#stageOfAttributes();
      if (byAttributes !== NO_STAGE) return byAttributes;
    }
    const infra = columns.infra[row]!;
    if (infra >= INFRA.db && infra <= INFRA.config) return this.#stageOfStore(columns.name[row]!);
    const byHttp = this.#stageOfHttp(columns.kind[row]!);
    if (byHttp !== NO_STAGE) return byHttp;
    const names = this.namesOf(columns.name[row]!);
    if (this.#isContainer.of(this.#slots.valueOf(FIELD.operation)) === 1) return STAGE.other;
    if (names.inBot < 0) return infra !== 0 ? OPEN.inherit : STAGE.other;
    // a sure word makes the span a bot's, so that its everyday words count too
    if (names.isSure || isBot) return names.inBot;
    this.#wordStage[row - this.#from] = names.inBot;
    return OPEN.words;
  }

  /** Rules 1 to 4: what the span says of itself. */
  #stageOfAttributes(): number {
    const slots = this.#slots;
    const { explicitStage } = this.#fields;
    const explicit = slots.valueOf(FIELD.stage);
    if (explicit !== 0) {
      const stage = this.#explicitStages.of(explicit);
      if (stage !== NO_STAGE) return stage;
    }
    if (explicitStage >= 0) return explicitStage;
    if (slots.has(FIELD.nodeType)) {
      const stage = this.#nodeTypeStages.of(slots.valueOf(FIELD.nodeType));
      if (stage !== NO_STAGE) return stage;
    }
    const byOperation = this.#stageOfOperation();
    if (byOperation !== NO_STAGE) return byOperation;
    if (this.#isContainer.of(slots.valueOf(FIELD.operation)) === 1) return NO_STAGE;
    for (let index = 0; index < PRESENCE.length; index++) {
      const { field, stage } = PRESENCE[index]!;
      if (slots.has(field) && isOwn(slots.sourceOf(field))) return stage;
    }
    return NO_STAGE;
  }

  #stageOfOperation(): number {
    const slots = this.#slots;
    const operation = slots.valueOf(FIELD.operation);
    if (operation !== 0) {
      const stage = this.#operationStages.of(operation);
      if (stage !== NO_STAGE) return stage;
    }
    const spanType = slots.valueOf(FIELD.spanType);
    if (spanType !== 0) {
      const stage = this.#spanTypeStages.of(spanType);
      if (stage !== NO_STAGE) return stage;
    }
    const isToolCall = this.#isToolCall.of(slots.valueOf(FIELD.mcpMethod)) === 1;
    return isToolCall ? STAGE.plugin : NO_STAGE;
  }

  /** A database, cache or queue belongs to whoever asks it, unless it is the knowledge itself. */
  #stageOfStore(nameId: number): number {
    const isVectorDatabase = this.#isVectorDatabase.of(this.#slots.valueOf(FIELD.dbSystem)) === 1;
    const isKnowledge = isVectorDatabase || this.namesOf(nameId).saysKnowledge;
    return isKnowledge ? STAGE.knowledge : OPEN.inherit;
  }

  #stageOfHttp(kind: number): number {
    const slots = this.#slots;
    if ((slots.signs & SIGN.call) === 0) return NO_STAGE;
    const pathId =
      slots.valueOf(FIELD.path) || slots.valueOf(FIELD.route) || slots.valueOf(FIELD.url);
    const isServer = kind === SPAN_KIND.server || kind === SPAN_KIND.consumer;
    const isClient = kind === SPAN_KIND.client || kind === SPAN_KIND.producer;
    // senders without span kinds: a route is served, a URL is called
    const servesIt = isServer || (!isClient && (slots.has(FIELD.route) || !slots.has(FIELD.url)));
    if (pathId !== 0) {
      const stage = (servesIt ? this.#servedPathStages : this.#calledPathStages).of(pathId);
      if (stage !== NO_STAGE) return stage;
    }
    if (servesIt) return NO_STAGE;
    const host = slots.valueOf(FIELD.host);
    if (host !== 0) return this.#hostStages.of(host);
    const url = slots.valueOf(FIELD.url);
    return url === 0 ? NO_STAGE : this.#urlStages.of(url);
  }

  /** Walks up to the first ancestor that knows its stage. */
  #resolve(columns: SpanColumns, row: number): void {
    const open = this.#open[row - this.#from]!;
    let stage: number;
    if (open === OPEN.words && this.#isInBot(row)) {
      stage = this.#wordStage[row - this.#from]!;
    } else if (open === OPEN.words && columns.infra[row] === 0) {
      stage = STAGE.other;
    } else {
      const inherited = this.#inheritedStage(columns, row);
      if (open === OPEN.embeddings) {
        stage = inherited === STAGE.knowledge ? STAGE.knowledge : STAGE.llm;
      } else if (open === OPEN.cozeCall) {
        stage = inherited === STAGE.plugin ? STAGE.plugin : STAGE.llm;
      } else {
        stage = inherited === STAGE.other ? STAGE.infra : inherited;
      }
    }
    columns.stage[row] = stage;
    this.#open[row - this.#from] = 0;
  }

  /** Stage of the nearest ancestor of the range that has one of its own; other when there is none. */
  #inheritedStage(columns: SpanColumns, row: number): number {
    let ancestor = this.#parents.parentOf(row);
    for (let step = 0; step < PARENTS_MAX && ancestor !== NO_PARENT; step++) {
      const open = this.#open[ancestor - this.#from]!;
      if (open === 0) return columns.stage[ancestor]!;
      if (open === OPEN.words && this.#isInBot(ancestor)) {
        return this.#wordStage[ancestor - this.#from]!;
      }
      if (open === OPEN.words && columns.infra[ancestor] === 0) return STAGE.other;
      if (open === OPEN.embeddings || open === OPEN.cozeCall) return STAGE.llm;
      ancestor = this.#parents.parentOf(ancestor);
    }
    return STAGE.other;
  }

  #isInBot(row: number): boolean {
    let ancestor = row;
    for (let step = 0; step < PARENTS_MAX && ancestor !== NO_PARENT; step++) {
      if (this.#isBot[ancestor - this.#from] === 1) return true;
      ancestor = this.#parents.parentOf(ancestor);
    }
    return false;
  }

  /** Trace → latest start of a model call in the range. */
  #lastModelCalls(columns: SpanColumns, to: number): ReadonlyMap<string, number> {
    const latest = new Map<string, number>();
    for (let row = this.#from; row < to; row++) {
      if (this.#open[row - this.#from] !== 0 || columns.stage[row] !== STAGE.llm) continue;
      const trace = traceOf(columns, row);
      const startUs = columns.startUs[row]!;
      if (startUs > (latest.get(trace) ?? Number.NEGATIVE_INFINITY)) latest.set(trace, startUs);
    }
    return latest;
  }
}

/** A span of the bot itself, not something its resource says of all its spans. */
function isOwn(source: number): boolean {
  return source !== SOURCE.resource && source !== SOURCE.scope;
}

function indexOrNone(stage: Stage | undefined): number {
  return stage === undefined ? NO_STAGE : stageIndex(stage);
}

function stageOfOperationName(operation: string): number {
  if (operation === 'embeddings') return OPEN.embeddings;
  return indexOrNone(STAGE_OF_OPERATION.get(operation));
}

function stageOfSpanType(spanType: string): number {
  const lower = spanType.toLowerCase();
  return PROMPT_TYPES.has(lower) ? OPEN.prompt : indexOrNone(STAGE_OF_TYPE.get(lower));
}

function stageOfPath(text: string, servesIt: boolean): number {
  const path = text.startsWith('/') ? text.replace(/[?#].*$/s, '') : pathOfUrl(text);
  const rule = (servesIt ? SERVER_PATHS : CLIENT_PATHS).find(({ pattern }) => pattern.test(path));
  if (rule === undefined) return NO_STAGE;
  const stage = stageIndex(rule.stage);
  return !servesIt && stage === STAGE.llm && !path.endsWith('completions') ? OPEN.cozeCall : stage;
}

function stageOfHost(sent: string): number {
  const host = hostWithoutPort(sent);
  const rule = CLIENT_HOSTS.find(({ domain }) => host === domain || host.endsWith(`.${domain}`));
  return rule === undefined ? NO_STAGE : stageIndex(rule.stage);
}

function traceOf(columns: SpanColumns, row: number): string {
  return hexOf(columns.traceId, 16 * row, 16 * row + 16);
}

function isAfterLast(
  columns: SpanColumns,
  row: number,
  latest: ReadonlyMap<string, number>,
): boolean {
  const startUs = latest.get(traceOf(columns, row));
  return startUs !== undefined && columns.startUs[row]! >= startUs;
}
