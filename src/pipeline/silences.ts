/**
 * What silences do: an anomaly under one is kept and marked, opens no investigation and is told to nobody, and its
 * minutes do not teach: what happens in maintenance is not what is normal.
 */
import { US_PER_MINUTE } from '../base/time.ts';
import type { Anomaly } from '../model/anomaly.ts';
import type { Silence, SilenceField } from '../model/silence.ts';
import type { Endpoint } from '../model/tally.ts';

/** Marks those that one of these silences covers, and takes the mark off those that none covers any more. */
export function markSilenced(
  anomalies: readonly Anomaly[],
  inForce: readonly Silence[],
): readonly Anomaly[] {
  return anomalies.map((anomaly) => {
    const silence = inForce.find(({ matchers }) => covers(matchers, fieldsOfAnomaly(anomaly)));
    if (silence?.silenceId === anomaly.silencedBy) return anomaly;
    const { silencedBy: _, ...unmarked } = anomaly;
    return silence ? { ...unmarked, silencedBy: silence.silenceId } : unmarked;
  });
}

/** Whether a silence covers all that an endpoint, or a whole service, does: one that names no more than that. */
export function isSourceSilenced(
  source: Pick<Endpoint, 'service'> & Partial<Endpoint>,
  inForce: readonly Silence[],
): boolean {
  if (inForce.length === 0) return false;
  const fields = fieldsOfSource(source);
  return inForce.some(({ matchers }) => covers(matchers, fields));
}

/** Those that hold at some time of the minute. */
export function silencesOfMinute(
  silences: readonly Silence[],
  minuteUs: number,
): readonly Silence[] {
  const endUs = minuteUs + US_PER_MINUTE;
  return silences.filter(({ range }) => range.fromUs < endUs && minuteUs < range.toUs);
}

/** A field may have several values, of which one must match: an endpoint goes by name and by id. */
type Fields = Readonly<Partial<Record<SilenceField, readonly (string | undefined)[]>>>;

function fieldsOfAnomaly(anomaly: Anomaly): Fields {
  const { slice } = anomaly;
  return {
    service: [anomaly.service],
    endpoint: [anomaly.operation, anomaly.endpointId],
    kind: [anomaly.kind],
    metric: [anomaly.metric],
    template: [anomaly.templateId],
    objective: [anomaly.objective],
    ...(slice ? { [slice.dimension]: [slice.value] } : {}),
  };
}

function fieldsOfSource({ service, operation, endpointId, slice }: Partial<Endpoint>): Fields {
  return {
    service: [service],
    endpoint: [operation, endpointId],
    ...(slice ? { [slice.dimension]: [slice.value] } : {}),
  };
}

function covers(matchers: Silence['matchers'], fields: Fields): boolean {
  return Object.entries(matchers).every(([field, wanted]) => {
    const values = fields[field as SilenceField] ?? []; // keys of `matchers`
    return values.some((value) => value !== undefined && matches(value, wanted));
  });
}

function matches(value: string, wanted: string): boolean {
  return wanted.endsWith('*') ? value.startsWith(wanted.slice(0, -1)) : value === wanted;
}
