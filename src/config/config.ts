/**
 * The one typed configuration: its schema, defaults, units and reasons. Where the values come from (flag,
 * environment, file) is src/config/load.ts; docs/configuration.md is checked against this schema.
 */
import { z } from 'zod';
import { LIMITS } from '../base/limits.ts';

const port = z.int().min(0).max(65_535);

/** What src/pipeline/notify.ts puts on each alert. */
const OWN_ALERT_LABELS: readonly string[] = [
  'alertname',
  'service',
  'severity',
  'kind',
  'taproot_incident',
  'taproot_anomaly',
];

/** A service that probes may ask. Only what stands here is ever contacted. */
const serviceTarget = z.strictObject({
  /** Base URL of the service's debug or health endpoints: http://127.0.0.1:8080. */
  debugUrl: z.url({ protocol: /^https?$/ }).optional(),
  /** Label matchers that pick the service in Prometheus: job="bot",instance="a:9464". */
  promSelector: z
    .string()
    .regex(/^[\w="':./, -]*$/, 'label matchers only')
    .optional(),
});

/** Names that Prometheus allows; those of our own labels are not for others. */
const labelName = z
  .string()
  .regex(/^[a-zA-Z_][a-zA-Z0-9_]{0,127}$/, 'a label name: letters, digits and _')
  .refine((name) => !OWN_ALERT_LABELS.includes(name), {
    message: 'Taproot sets this label itself',
  });

/** A share of requests that must be good: those that do not fail, or, with `latencyMs`, those that are as fast. */
const serviceLevelObjective = z.strictObject({
  name: z.string().min(1).max(128),
  /** service.name, and the operation that stands for a request: all spans of a service would count it many times. */
  service: z.string().min(1),
  operation: z.string().min(1),
  /** Share of good requests, 0.5 to 0.99999. */
  objective: z.number().min(0.5).max(0.99999),
  /** Good is a request that takes at most this long. */
  latencyMs: z.number().min(0.001).max(3_600_000).optional(),
  /** Days that the error budget is for. */
  windowDays: z.int().min(1).max(90).default(30),
});
export type ServiceLevelObjective = z.infer<typeof serviceLevelObjective>;

export const configSchema = z.strictObject({
  /** Where data lives; created when absent. */
  dataDir: z.string().min(1).default('./data'),
  /** Address that all ports bind to; other than loopback is a decision. */
  listenHost: z.string().min(1).default('127.0.0.1'),
  otlpHttpPort: port.default(4318),
  otlpGrpcPort: port.default(4317),
  apiPort: port.default(4400),
  /** URL under which people reach the API, for links in alerts and reports; default http://host:apiPort. */
  publicUrl: z.url({ protocol: /^https?$/ }).optional(),
  /** disk: acknowledged data survives power loss. process: it survives a crash of Taproot only. */
  durability: z.enum(['disk', 'process']).default('disk'),
  /** Whole days of telemetry kept, by its own time; 0: for ever. */
  retentionDays: z.int().min(0).max(36_500).default(7),
  /** Bytes of telemetry on the disk, beyond which the oldest days go, never today; 0: no bound. */
  retentionBytesMax: z.int().min(0).default(0),
  logLevel: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
  /** Language of reports when the reader names none. */
  language: z.enum(['zh', 'en']).default('en'),
  /** Folder of rules; default: the rules that come with Taproot. */
  rulesDir: z.string().optional(),
  /** Body after decompression, bytes. */
  bodyBytesMax: z
    .int()
    .min(1024)
    .max(1024 * 1024 * 1024)
    .default(LIMITS.bodyBytesMax),
  /** Accepted and not yet stored bodies, bytes. */
  inflightBytesMax: z
    .int()
    .min(1024 * 1024)
    .default(LIMITS.inflightBytesMax),
  /** Origins that browsers may push OTLP from; empty: CORS is off. */
  corsOrigins: z.array(z.string()).default([]),
  /** user.id in clear or as a keyed hash. */
  userIds: z.enum(['hash', 'keep']).default('hash'),
  /** Look for anomalies once a minute and investigate them without being asked. */
  detection: z.boolean().default(true),
  /** adaptive: learned, seasonal baselines. ratio: above 3.2 times the mean of the last 24 hours, for comparison. */
  detectionMethod: z.enum(['adaptive', 'ratio']).default('adaptive'),
  /** Length of a window when an alert names none, minutes. */
  windowMinutes: z
    .int()
    .min(1)
    .max(24 * 60)
    .default(15),
  /** Time an alert's analysis waits for late telemetry before it reads, ms. */
  settleMs: z.int().min(0).max(60_000).default(1000),
  /** Our own spans go into our own store. */
  selfTracing: z.boolean().default(true),
  probes: z
    .strictObject({
      /** Services by service.name. */
      services: z.record(z.string(), serviceTarget).default({}),
      /** Prometheus that PromQL probes ask: http://127.0.0.1:9090. */
      prometheusUrl: z.url({ protocol: /^https?$/ }).optional(),
      timeoutMs: z.int().min(100).max(60_000).default(LIMITS.probeTimeoutMs),
    })
    .prefault({}),
  alerting: z
    .strictObject({
      /** Alertmanagers that are told of incidents, all of them; empty: none is. http://127.0.0.1:9093 */
      alertmanagerUrls: z
        .array(
          z.url({ protocol: /^https?$/ }).refine((url) => !/^https?:\/\/[^/]*@/.test(url), {
            message: 'give user and password in alerting.authorization',
          }),
        )
        .max(LIMITS.alertmanagersMax)
        .default([]),
      /** Header Authorization of requests to them: "Bearer …", "Basic …". Never shown. */
      authorization: z
        .string()
        .regex(/^[\x20-\x7e]+$/, 'printable ASCII only')
        .optional(),
      /** An alert for each incident, or one for each of its anomalies beside it. */
      send: z.enum(['incidents', 'anomalies']).default('incidents'),
      /** Further labels of each alert, for routes: {"team":"bots"}. */
      labels: z.record(labelName, z.string().min(1).max(LIMITS.alertTextCharsMax)).default({}),
    })
    .prefault({}),
  /** Service level objectives whose error budgets are watched. */
  slos: z
    .array(serviceLevelObjective)
    .max(LIMITS.slosMax)
    .refine((slos) => new Set(slos.map(({ name }) => name)).size === slos.length, {
      message: 'two have the same name',
    })
    .default([]),
});

export type Config = z.infer<typeof configSchema>;
