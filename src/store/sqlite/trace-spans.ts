/** Rows of one trace in a block as spans: only these rows' attributes are decoded. */
import { SpanColumns } from '../../model/columns.ts';
import { StringDictionary } from '../../model/dictionary.ts';
import type { AttributeJson, AttributeMap, Span } from '../../model/span.ts';
import { INFRA_KINDS, SPAN_KINDS, STAGES } from '../../model/vocabulary.ts';
import { attributeJsonOf } from '../../otlp/value.ts';
import type { LocalAttribute } from './attribute-view.ts';
import { SECTION } from './block.ts';
import type { SectionTexts } from './local-dictionary.ts';
import { eventsOf, linksOf } from './objects.ts';
import { SPAN_FIELD } from './span-core.ts';
import { appendEvents, appendLinks } from './span-parts.ts';
import type { SpanView } from './span-view.ts';

const STATUS_CODES = ['unset', 'ok', 'error'] as const;

export function spansOfRun(view: SpanView, run: number): readonly Span[] {
  const { core, tables, attributeTexts } = view;
  const from = core.runStarts[run]!;
  const to = core.runStarts[run + 1]!;
  const traceId = view.traceIdOf(run);
  const parentIds = view.parentIdsOf(from, to);
  const sent = view.attributes.sent.listsOf(from, to);
  const derived = view.attributes.derived.listsOf(from, to);
  const parts = eventsAndLinksOf(view);
  return Array.from({ length: to - from }, (_, index) => {
    const row = from + index;
    const field = (name: number) => view.fieldOf(row, name);
    const parentSpanId = parentIds[index];
    const resource = tables.resources[field(SPAN_FIELD.resource)];
    const scope = tables.scopes[field(SPAN_FIELD.scope)];
    return {
      traceId,
      spanId: view.spanIdOf(row),
      ...(parentSpanId === undefined ? {} : { parentSpanId }),
      name: view.textOf(row, SPAN_FIELD.name),
      service: view.textOf(row, SPAN_FIELD.service),
      kind: SPAN_KINDS[field(SPAN_FIELD.kind)] ?? 'unspecified',
      startUs: core.startUs[row]!,
      durationUs: core.durationNs[row]! / 1000,
      statusCode: STATUS_CODES[field(SPAN_FIELD.statusCode)] ?? 'unset',
      statusMessage: view.textOf(row, SPAN_FIELD.statusMessage),
      isError: field(SPAN_FIELD.isError) === 1,
      errorType: view.textOf(row, SPAN_FIELD.errorType),
      stage: STAGES[field(SPAN_FIELD.stage)] ?? 'other',
      infra: INFRA_KINDS[field(SPAN_FIELD.infra)] ?? 'none',
      target: view.textOf(row, SPAN_FIELD.target),
      attributes: mapOf(sent[index]!, attributeTexts),
      derived: mapOf(derived[index]!, attributeTexts),
      resource: mapOf(resource?.attributes ?? [], tables.texts),
      scope: {
        name: tables.texts.text(scope?.name ?? 0),
        version: tables.texts.text(scope?.version ?? 0),
      },
      events: parts ? eventsOf(parts, row) : [],
      links: parts ? linksOf(parts, row) : [],
    };
  });
}

/** Events and links of the whole block, which few blocks have; undefined for the others. */
function eventsAndLinksOf({ source, core, header }: SpanView): SpanColumns | undefined {
  if (!source(SECTION.events) && !source(SECTION.links)) return undefined;
  const columns = new SpanColumns(new StringDictionary());
  const { rowCount } = header;
  columns.reserve(rowCount);
  columns.startUs.set(core.startUs);
  appendEvents(columns, { base: 0, rowCount, source });
  appendLinks(columns, { base: 0, rowCount, source });
  return columns;
}

/** The first of equal keys wins, as everywhere. */
function mapOf(list: readonly LocalAttribute[], texts: SectionTexts): AttributeMap {
  const map: Record<string, AttributeJson> = Object.create(null);
  for (const { key, type, value } of list) {
    const name = texts.text(key);
    if (!(name in map)) map[name] = attributeJsonOf(type, value, texts);
  }
  return map;
}
