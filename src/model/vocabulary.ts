/** The closed word lists: stages of a bot request, kinds of infrastructure, signals, span kinds. */

/** Stages of a Coze bot request in order, then what is none of them. Stored by index: append only. */
export const STAGES = [
  'other',
  'receive',
  'intent',
  'knowledge',
  'plugin',
  'llm',
  'render',
  'channel',
  'infra',
] as const;
export type Stage = (typeof STAGES)[number];

/** Stored by index: append only. */
export const INFRA_KINDS = ['none', 'db', 'cache', 'mq', 'config', 'http', 'rpc', 'dns'] as const;
export type InfraKind = (typeof INFRA_KINDS)[number];

/** Signals that are decoded into rows of columns. */
export const ROW_SIGNALS = ['traces', 'logs', 'metrics'] as const;
export type RowSignal = (typeof ROW_SIGNALS)[number];
/** Profiles are kept as they came. */
export const SIGNALS = [...ROW_SIGNALS, 'profiles'] as const;
export type Signal = (typeof SIGNALS)[number];

/** SpanKind of OTLP by number. */
export const SPAN_KINDS = [
  'unspecified',
  'internal',
  'server',
  'client',
  'producer',
  'consumer',
] as const;
export type SpanKind = (typeof SPAN_KINDS)[number];
export const SPAN_KIND = {
  unspecified: 0,
  internal: 1,
  server: 2,
  client: 3,
  producer: 4,
  consumer: 5,
} as const;

/** The service name of our own spans: they are stored, but never traced again. */
export const SELF_SERVICE = 'taproot';
