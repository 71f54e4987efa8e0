/**
 * Reads the profiles of a period from the store, of services whose spans the analysis looks at, or of all when it
 * has no spans. Bounded by requests and bytes.
 */
import { isAppError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { US_PER_MINUTE } from '../base/time.ts';
import type { Profile, RawProfiles } from '../model/profiles.ts';
import type { SpanTable, WindowData } from '../model/window.ts';
import { readProfiles } from '../otlp/otlp.ts';
import type { TelemetryReader } from '../store/api/telemetry.ts';
import { countedRanges, type Period } from './period.ts';

/** A profile is sent when it is full: by then it is this old at most. */
const LATE_US_MAX = 10 * US_PER_MINUTE;

type Found = Required<Pick<WindowData, 'profiles' | 'areProfilesCut'>>;

/**
 * The store knows profiles by time of receipt. What was sent as it was recorded is found by that; what was imported
 * came later, so where nothing is found the later ones are looked at too.
 */
export function readProfilesOf(
  period: Period,
  { telemetry, spans }: { readonly telemetry: TelemetryReader; readonly spans: SpanTable },
): Found {
  const { fromUs, toUs } = period.range;
  const services = servicesOf(spans);
  const reading = { period, telemetry, ...(services.length > 0 ? { services } : {}) };
  const sent = readReceived(reading, { fromUs, toUs: toUs + LATE_US_MAX });
  if (sent.profiles.length > 0 || sent.areProfilesCut) return sent;
  return readReceived(reading, { fromUs: toUs + LATE_US_MAX, toUs: Number.MAX_SAFE_INTEGER });
}

function servicesOf({ service, count, strings }: SpanTable): string[] {
  const ids = new Set<number>();
  for (let row = 0; row < count; row++) ids.add(service[row]!);
  return [...ids].map((id) => strings.text(id)).filter((name) => name !== '');
}

function readReceived(
  reading: {
    readonly period: Period;
    readonly telemetry: TelemetryReader;
    readonly services?: readonly string[];
  },
  range: Period['range'],
): Found {
  const { period, telemetry, services } = reading;
  const counted = countedRanges(period);
  const isWanted = ({ fromUs, service }: Profile): boolean =>
    counted.some((part) => fromUs >= part.fromUs && fromUs < part.toUs) &&
    (services === undefined || services.includes(service));
  const profiles: Profile[] = [];
  let areProfilesCut = false;
  let [requests, bytes] = [0, 0];
  telemetry.scanProfiles({ range, ...(services ? { services } : {}) }, (raw) => {
    requests++;
    bytes += raw.body.length;
    if (requests > LIMITS.analysisProfileRequestsMax || bytes > LIMITS.analysisProfileBytesMax) {
      areProfilesCut = true;
      return false;
    }
    const read = tryRead(raw);
    if (read === undefined) areProfilesCut = true;
    else for (const profile of read) if (isWanted(profile)) profiles.push(profile);
    return true;
  });
  profiles.sort(
    (a, b) => a.fromUs - b.fromUs || compare(a.service, b.service) || compare(a.type, b.type),
  );
  return { profiles, areProfilesCut };
}

/** Undefined for what is not as we know it: the message is in development, and bodies are kept as they came. */
function tryRead(raw: RawProfiles): Profile[] | undefined {
  try {
    return readProfiles(raw);
  } catch (thrown) {
    if (isAppError(thrown)) return undefined;
    throw thrown;
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
