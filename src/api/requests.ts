/** What requests may hold: schemas that validate, and from which openapi.ts describes, every input. */
import { z } from 'zod';
import { LIMITS } from '../base/limits.ts';
import { SILENCE_FIELDS } from '../model/silence.ts';
import { STAGES } from '../model/vocabulary.ts';

const shortText = z.string().min(1).max(LIMITS.queryTextCharsMax);
/** RFC 3339, epoch milliseconds, or now-15m; parsed against the service's clock. */
export const timeText = z
  .union([z.string().min(1).max(64), z.number().int().nonnegative()])
  .describe('RFC 3339, epoch milliseconds, or a relative time such as now-15m');
const language = z.enum(['zh', 'en']);
const numberText = (pattern: RegExp, what: string) =>
  z.string().regex(pattern, `must be ${what}`).transform(Number);
const positiveNumber = numberText(/^\d{1,12}(\.\d{1,6})?$/, 'a number ≥ 0');
const booleanText = z.enum(['true', 'false']).transform((text) => text === 'true');
const limitText = z
  .string()
  .regex(/^\d{1,6}$/, 'must be a whole number')
  .transform(Number)
  .refine((limit) => limit >= 1 && limit <= LIMITS.queryRowsMax, {
    message: `must be 1 to ${LIMITS.queryRowsMax}`,
  })
  .default(LIMITS.queryRowsDefault);
const hexId = (digits: number) =>
  z.string().regex(new RegExp(`^[0-9a-fA-F]{${digits}}$`), `must be ${digits} hex digits`);
const traceIdText = z
  .string()
  .regex(/^[0-9a-fA-F]{1,32}$/, 'must be up to 32 hex digits')
  .transform((text) => text.toLowerCase().padStart(32, '0'));
const attributesText = z
  .union([shortText, z.array(shortText).max(LIMITS.queryAttributesMax)])
  .describe('key=value; may be repeated, all must match')
  .transform((given) => (typeof given === 'string' ? [given] : given))
  .pipe(z.array(z.string().regex(/^[^=]+=/, 'must be key=value')))
  .transform((pairs) => {
    const attributes: Record<string, string> = Object.create(null);
    for (const pair of pairs) {
      const at = pair.indexOf('=');
      attributes[pair.slice(0, at)] = pair.slice(at + 1);
    }
    return attributes as Readonly<Record<string, string>>; // filled with strings just above
  });

const rangeQuery = { from: timeText.optional(), to: timeText.optional() };
const pageQuery = {
  ...rangeQuery,
  limit: limitText,
  cursor: z.string().min(1).max(LIMITS.queryTextCharsMax).optional(),
};

const OTLP_SEVERITIES = { trace: 1, debug: 5, info: 9, warn: 13, error: 17, fatal: 21 } as const;
const severityText = z
  .union([
    z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal']),
    z.string().regex(/^(\d|1\d|2[0-4])$/, 'must be a severity name or number 0 to 24'),
  ])
  .describe('lowest severity: a name, or an OTLP SeverityNumber')
  .transform((text) =>
    text in OTLP_SEVERITIES
      ? OTLP_SEVERITIES[text as keyof typeof OTLP_SEVERITIES] // just looked up
      : Number(text),
  );

export const QUERIES = {
  none: z.strictObject({}),
  lang: z.strictObject({ lang: language.optional() }),
  range: z.strictObject(rangeQuery),
  page: z.strictObject(pageQuery),
  pageLang: z.strictObject({ ...pageQuery, lang: language.optional() }),
  servicePage: z.strictObject({ ...pageQuery, service: shortText.optional() }),
  endpoints: z.strictObject({
    ...pageQuery,
    service: shortText.optional(),
    slices: booleanText.optional().describe('true: also by bot, stage, version and channel'),
  }),
  diagnose: z.strictObject({
    wait: z
      .string()
      .regex(/^\d{1,6}(ms|s)?$/, 'must be a duration such as 30s or 500ms')
      .optional()
      .describe('wait this long for the report, e.g. 30s'),
    lang: language.optional(),
  }),
  traces: z.strictObject({
    ...pageQuery,
    service: shortText.optional(),
    operation: shortText.optional(),
    stage: z.enum(STAGES).optional(),
    minDurationMs: positiveNumber.optional(),
    maxDurationMs: positiveNumber.optional(),
    error: booleanText.optional(),
    attributes: attributesText.optional(),
    bot: shortText.optional(),
    conversation: shortText.optional(),
  }),
  trace: z.strictObject(rangeQuery),
  logs: z.strictObject({
    ...pageQuery,
    traceId: traceIdText.optional(),
    service: shortText.optional(),
    template: shortText.optional(),
    severity: severityText.optional(),
    text: shortText.optional(),
  }),
  silences: z.strictObject({
    limit: limitText,
    cursor: pageQuery.cursor,
    expired: booleanText.optional(),
  }),
  metrics: z.strictObject({
    ...pageQuery,
    name: shortText.optional(),
    service: shortText.optional(),
    attributes: attributesText.optional(),
  }),
  metricPoints: z.strictObject({
    ...pageQuery,
    name: shortText,
    service: shortText.optional(),
    attributes: attributesText.optional(),
  }),
} as const;

export const PARAMS = {
  none: z.strictObject({}),
  /** A report id; in GET /reports/:id it may carry .json, .md, .html or .txt (.text). */
  report: z.strictObject({
    id: z
      .string()
      .regex(/^[A-Za-z0-9_-]{1,64}(\.(json|md|html|txt|text))?$/, 'must be a report id'),
  }),
  trace: z.strictObject({ traceId: traceIdText }),
  endpoint: z.strictObject({ id: hexId(16).transform((text) => text.toLowerCase()) }),
  /** Of an anomaly or incident. */
  finding: z.strictObject({ id: hexId(16).transform((text) => text.toLowerCase()) }),
  silence: z.strictObject({ id: hexId(16).transform((text) => text.toLowerCase()) }),
  rule: z.strictObject({
    id: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,127}$/, 'must be a rule id'),
  }),
} as const;

const windowBody = z.strictObject({ from: timeText, to: timeText });

export const BODIES = {
  diagnose: z.strictObject({
    window: windowBody,
    reference: windowBody.optional(),
    scope: z
      .strictObject({
        service: shortText.optional(),
        endpoint: shortText.optional(),
        bot: shortText.optional(),
        attributes: z.record(shortText, z.string().max(LIMITS.queryTextCharsMax)).optional(),
      })
      .optional(),
  }),
  feedback: z.strictObject({
    hypothesisId: z.string().regex(/^h\d{1,4}$/, 'must be a hypothesis id such as h1'),
    isCorrect: z.boolean(),
    comment: z.string().max(LIMITS.alertTextCharsMax).default(''),
  }),
  silence: z.strictObject({
    service: shortText.optional().describe('service.name; * at the end stands for any rest'),
    endpoint: shortText.optional().describe('operation or endpoint id; * as above'),
    matchers: z
      .partialRecord(z.enum(SILENCE_FIELDS), shortText)
      .optional()
      .describe('further fields of an anomaly that must match'),
    from: timeText.optional().describe('default: now'),
    to: timeText,
    comment: z.string().max(LIMITS.alertTextCharsMax).default(''),
    createdBy: z.string().max(LIMITS.queryTextCharsMax).default(''),
  }),
  change: z.strictObject({
    time: timeText.optional(),
    kind: z.enum(['deploy', 'config', 'key', 'certificate', 'scale', 'prompt', 'other']),
    service: shortText.optional(),
    version: shortText.optional(),
    description: z.string().max(LIMITS.alertTextCharsMax).default(''),
    attributes: z
      .record(shortText, z.string().max(LIMITS.queryTextCharsMax))
      .refine((map) => Object.keys(map).length <= LIMITS.alertLabelsMax, {
        message: `more than ${LIMITS.alertLabelsMax} entries`,
      })
      .default({}),
  }),
} as const;

export const changesBody = z.union([
  BODIES.change,
  z.strictObject({ events: z.array(BODIES.change).min(1).max(LIMITS.changesPerRequestMax) }),
]);
