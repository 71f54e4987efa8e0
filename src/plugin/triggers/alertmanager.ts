/**
 * Reads the webhook payload of Alertmanager (version 4) and of Grafana's alerting, which sends the same with
 * more fields. Pure: what an alert starts is decided by whoever called.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { AppError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { parseTimeRange, type TimeRange, US_PER_MINUTE, US_PER_MS } from '../../base/time.ts';
import type { Alert, Scope } from '../../model/report.ts';

export interface AlertBatch {
  readonly groupKey: string;
  readonly status: 'firing' | 'resolved';
  readonly receiver: string;
  readonly externalUrl: string;
  readonly alerts: readonly Alert[];
  /** Alerts that the sender left out because the group was too large. */
  readonly truncatedAlerts: number;
}

/** Annotations by which an alert names its own window and reference: `FROM/TO`, as everywhere. */
export const WINDOW_ANNOTATION = 'taproot_window';
export const REFERENCE_ANNOTATION = 'taproot_reference';

const text = z.string().max(LIMITS.alertTextCharsMax);
const textMap = z
  .record(z.string().max(LIMITS.alertTextCharsMax), text)
  .refine((map) => Object.keys(map).length <= LIMITS.alertLabelsMax, {
    message: `more than ${LIMITS.alertLabelsMax} entries`,
  });
const status = z.enum(['firing', 'resolved']);

// Objects are loose: Grafana adds orgId, silenceURL, values, dashboardURL, panelURL, and more with time.
const alertSchema = z.looseObject({
  status,
  labels: textMap,
  annotations: textMap.nullish(),
  startsAt: z.iso.datetime({ offset: true }),
  endsAt: z.iso.datetime({ offset: true }).nullish(),
  generatorURL: text.nullish(),
  fingerprint: text.nullish(),
});

const payloadSchema = z.looseObject({
  version: z.literal(['4', '1']).optional(),
  groupKey: text.min(1),
  status,
  receiver: text.default(''),
  externalURL: text.nullish(),
  truncatedAlerts: z.int().min(0).nullish(),
  alerts: z.array(alertSchema).max(LIMITS.alertsPerWebhookMax),
});

/** The schema of the payload for API documents; parsing goes through parseAlertmanagerWebhook(). */
export const alertmanagerWebhookSchema = payloadSchema;

/** Throws AppError `request.invalid` that names the field. */
export function parseAlertmanagerWebhook(body: unknown): AlertBatch {
  const parsed = payloadSchema.safeParse(body);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const field = issue?.path.map(String).join('.') || 'body';
    throw new AppError(
      'request.invalid',
      `Cannot read alert webhook: "${field}": ${issue?.message ?? 'invalid'}`,
      { offendingValue: field },
    );
  }
  const payload = parsed.data;
  return {
    groupKey: payload.groupKey,
    status: payload.status,
    receiver: payload.receiver,
    externalUrl: payload.externalURL ?? '',
    alerts: payload.alerts.map(alertOf),
    truncatedAlerts: payload.truncatedAlerts ?? 0,
  };
}

function alertOf(raw: z.infer<typeof alertSchema>): Alert {
  const endsAtUs = raw.endsAt ? Date.parse(raw.endsAt) * US_PER_MS : 0;
  return {
    fingerprint: raw.fingerprint || fingerprintOf(raw.labels),
    status: raw.status,
    name: raw.labels['alertname'] ?? '',
    labels: raw.labels,
    annotations: raw.annotations ?? {},
    startsAtUs: Date.parse(raw.startsAt) * US_PER_MS,
    // 0001-01-01T00:00:00Z means "not ended".
    ...(endsAtUs > 0 ? { endsAtUs } : {}),
    ...(raw.generatorURL ? { generatorUrl: raw.generatorURL } : {}),
  };
}

/** Stable for equal labels in any order; stands in for senders that give no fingerprint. */
function fingerprintOf(labels: Readonly<Record<string, string>>): string {
  const sorted = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256').update(JSON.stringify(sorted)).digest('hex').slice(0, 16);
}

/** What makes an alert the same alert when the sender repeats it. */
export function alertKeyOf(groupKey: string, alert: Alert): string {
  return createHash('sha256')
    .update(JSON.stringify([groupKey, alert.fingerprint, alert.startsAtUs]))
    .digest('hex')
    .slice(0, 32);
}

/** Label of the alerts that Taproot sends itself: id of the incident. */
export const INCIDENT_LABEL = 'taproot_incident';

/** The incident that an alert of our own is about, when Alertmanager sends it back to us. */
export function incidentOfAlert(alert: Alert): string | undefined {
  return Object.hasOwn(alert.labels, INCIDENT_LABEL) ? alert.labels[INCIDENT_LABEL] : undefined;
}

/** Labels that name a part of the system, most specific name first. docs/api.md lists them. */
export const SCOPE_LABELS = {
  service: ['service', 'service_name', 'service.name', 'app'],
  endpoint: ['endpoint', 'http_route', 'route', 'operation', 'span_name'],
  bot: ['bot', 'bot_id', 'coze_bot_id', 'coze.bot.id'],
} as const;

/**
 * The scope that all alerts of a group share: a field is set only when every alert that names it names the
 * same value. `job` counts as the service only when nothing else names one, because it is often the name of a
 * scrape configuration.
 */
export function scopeOfAlerts(alerts: readonly Alert[]): Scope {
  const service =
    sharedLabel(alerts, SCOPE_LABELS.service) ??
    (alerts.some((alert) => labelOf(alert, SCOPE_LABELS.service) !== undefined)
      ? undefined
      : sharedLabel(alerts, ['job']));
  const endpoint = sharedLabel(alerts, SCOPE_LABELS.endpoint);
  const bot = sharedLabel(alerts, SCOPE_LABELS.bot);
  return {
    ...(service === undefined ? {} : { service }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(bot === undefined ? {} : { bot }),
  };
}

function sharedLabel(alerts: readonly Alert[], names: readonly string[]): string | undefined {
  const values = new Set<string>();
  for (const alert of alerts) {
    const value = labelOf(alert, names);
    if (value !== undefined) values.add(value);
  }
  return values.size === 1 ? [...values][0] : undefined;
}

function labelOf(alert: Alert, names: readonly string[]): string | undefined {
  for (const name of names) {
    const value = Object.hasOwn(alert.labels, name) ? alert.labels[name] : undefined;
    if (value !== undefined && value !== '') return value;
  }
  return undefined;
}

/**
 * The period to look at: what the alert's annotations name, or `windowMinutes` that end now, or, for an alert
 * that began longer ago, half of them on either side of its start. Throws `request.invalid` for annotations
 * that are no range.
 */
export function windowOfAlerts(
  alerts: readonly Alert[],
  options: { readonly nowUs: number; readonly windowMinutes: number },
): { readonly window: TimeRange; readonly reference?: TimeRange } {
  const named = namedRange(alerts, WINDOW_ANNOTATION, options.nowUs);
  const reference = namedRange(alerts, REFERENCE_ANNOTATION, options.nowUs);
  return {
    window: named ?? defaultWindow(alerts, options),
    ...(reference === undefined ? {} : { reference }),
  };
}

function namedRange(alerts: readonly Alert[], name: string, nowUs: number): TimeRange | undefined {
  for (const alert of alerts) {
    const value = Object.hasOwn(alert.annotations, name) ? alert.annotations[name] : undefined;
    if (value !== undefined && value !== '') return parseTimeRange(value, nowUs);
  }
  return undefined;
}

function defaultWindow(
  alerts: readonly Alert[],
  options: { readonly nowUs: number; readonly windowMinutes: number },
): TimeRange {
  const lengthUs = options.windowMinutes * US_PER_MINUTE;
  const startsAtUs = Math.min(options.nowUs, ...alerts.map((alert) => alert.startsAtUs));
  const toUs = Math.min(options.nowUs, startsAtUs + Math.ceil(lengthUs / 2));
  return { fromUs: toUs - lengthUs, toUs };
}
