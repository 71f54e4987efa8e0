/**
 * What stored profiles say: for each profile, how often each function was met at the top of a stack. Reads the
 * two layouts of the message that senders use (see protobuf-profiles.ts); what it does not know it leaves out.
 */
import type { Profile, ProfiledFunction, RawProfiles } from '../model/profiles.ts';
import { pairKey } from '../model/row-groups.ts';
import { readJsonProfiles } from './json-profiles.ts';
import type { ProfileDraft, ProfileTables } from './profile-tables.ts';
import { readProtobufProfiles } from './protobuf-profiles.ts';

/** Profiles of the body, in its order. Throws `otlp.malformed` and `otlp.too_large`. */
export function readProfiles(raw: RawProfiles): Profile[] {
  const tables =
    raw.encoding === 'protobuf' ? readProtobufProfiles(raw.body) : readJsonProfiles(raw.body);
  return tables.profiles.map((draft) => profileOf(draft, { tables, receivedUs: raw.receivedUs }));
}

function profileOf(
  draft: ProfileDraft,
  { tables, receivedUs }: { readonly tables: ProfileTables; readonly receivedUs: number },
): Profile {
  const textOf = (place: number): string => tables.strings[place] ?? '';
  const unit = textOf(draft.unit);
  const isSampledUnit = unit === textOf(draft.periodUnit) && draft.period > 0;
  const byFunction = new Map<number, Writable<ProfiledFunction>>();
  for (const { stack, value: sum, times } of draft.samples) {
    const value = Math.max(0, sum);
    const location = tables.locations[tables.stacks[stack] ?? -1];
    const { name, file } = tables.functions[location?.function ?? -1] ?? { name: 0, file: 0 };
    const perSample = isSampledUnit ? draft.period : 0;
    const count = observationsOf({ value, times, unit, perSample });
    const key = pairKey(name, file);
    const known = byFunction.get(key);
    if (known === undefined) {
      const line = location?.line ?? 0;
      byFunction.set(key, { name: textOf(name), file: textOf(file), line, count, value });
    } else {
      known.count += count;
      known.value += value;
    }
  }
  return {
    service: draft.service,
    type: textOf(draft.type),
    periodType: textOf(draft.periodType),
    unit,
    fromUs: draft.timeUs > 0 ? draft.timeUs : receivedUs,
    durationUs: draft.durationUs,
    functions: [...byFunction.values()],
  };
}

type Writable<Type> = { -readonly [Key in keyof Type]: Type[Key] };

const COUNT_UNITS: ReadonlySet<string> = new Set(['', '1', 'count', 'samples']);

/**
 * How often a stack was met. 30 ms at a sample every 10 ms were 3 samples; without a period the recorded moments
 * tell; and a size of which nobody says how it was sampled was seen once at least.
 */
function observationsOf(sample: {
  readonly value: number;
  readonly times: number;
  readonly unit: string;
  readonly perSample: number;
}): number {
  if (sample.perSample > 0) return sample.value / sample.perSample;
  if (sample.times > 0) return sample.times;
  return COUNT_UNITS.has(sample.unit) ? sample.value : 1;
}
