/**
 * The one typed configuration: its schema, defaults, units and reasons. Where the values come from (flag,
 * environment, file) is src/config/load.ts; docs/configuration.md is checked against this schema.
 */
import { z } from 'zod';
import { LIMITS } from '../base/limits.ts';

const port = z.int().min(0).max(65_535);

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
});

export type Config = z.infer<typeof configSchema>;
