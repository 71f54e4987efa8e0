/**
 * What silences do: an anomaly under one is kept and marked, opens no investigation and is told to nobody, and its
 * minutes do not teach: what happens in maintenance is not what is normal.
 */
import type { Anomaly } from '../model/anomaly.ts';
import type { Silence, SilenceField } from '../model/silence.ts';
import type { Endpoint } from '../model/tally.ts';

/** Marks those that a silence covers at this time, and takes the mark off those that none covers any more. */
export function markSilenced(
  anomalies: readonly Anomaly[],
  by: { readonly silences: readonly Silence[]; readonly atUs: number },
): readonly Anomaly[] {
  const inForce = by.silences.filter((silence) => isInForce(silence, by.atUs));
  return anomalies.map((anomaly) => {
    const silence = inForce.find(({ matchers }) => covers(matchers, fieldsOfAnomaly(anomaly)));
    if (silence?.silenceId === anomaly.silencedBy) return anomaly;
    const { silencedBy: _, ...unmarked } = anomaly;
    return silence ? { ...unmarked, silencedBy: silence.silenceId } : unmarked;
  });
}

/** Whether an endpoint's minutes teach at this time: not under a silence that names no more than the endpoint has. */
export function isEndpointSilenced(
  endpoint: Endpoint,
  by: { readonly silences: readonly Silence[]; readonly atUs: number },
): boolean {
  const fields = fieldsOfEndpoint(endpoint);
  return by.silences.some(
    (silence) => isInForce(silence, by.atUs) && covers(silence.matchers, fields),
  );
}

export function isInForce({ range }: Silence, atUs: number): boolean {
  return range.fromUs <= atUs && atUs < range.toUs;
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

function fieldsOfEndpoint({ service, operation, endpointId, slice }: Endpoint): Fields {
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
