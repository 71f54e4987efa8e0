/**
 * Profiles from OTLP/JSON. The body was looked over when it came; what is missing or of another type counts as
 * unset here.
 */
import { AppError } from '../base/errors.ts';
import { emptyTables, type ProfileDraft, type ProfileTables } from './profile-tables.ts';

export function readJsonProfiles(body: Uint8Array): ProfileTables {
  const request = parse(body);
  const tables = emptyTables();
  readDictionary(objectAt(request, 'dictionary'), tables);
  for (const group of listAt(request, 'resourceProfiles')) {
    const service = serviceOf(objectAt(group, 'resource'));
    for (const scope of listAt(group, 'scopeProfiles')) {
      for (const profile of listAt(scope, 'profiles')) {
        tables.profiles.push(readProfile(profile, service));
      }
    }
  }
  return tables;
}

function parse(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body));
  } catch (cause) {
    throw new AppError('otlp.malformed', 'Cannot decode profiles: the body is not JSON', { cause });
  }
}

function serviceOf(resource: unknown): string {
  const named = listAt(resource, 'attributes').find(
    (attribute) => textAt(attribute, 'key') === 'service.name',
  );
  return textAt(objectAt(named, 'value'), 'stringValue');
}

function readProfile(profile: unknown, service: string): ProfileDraft {
  const [sampleType, periodType] = [
    objectAt(profile, 'sampleType'),
    objectAt(profile, 'periodType'),
  ];
  return {
    service,
    type: numberAt(sampleType, 'typeStrindex'),
    unit: numberAt(sampleType, 'unitStrindex'),
    periodType: numberAt(periodType, 'typeStrindex'),
    periodUnit: numberAt(periodType, 'unitStrindex'),
    period: numberAt(profile, 'period'),
    timeUs: Math.floor(numberAt(profile, 'timeUnixNano') / 1000),
    durationUs: numberAt(profile, 'durationNano') / 1000,
    samples: listAt(profile, 'samples').map((sample) => {
      const values = listAt(sample, 'values').map(toNumber);
      const times = listAt(sample, 'timestampsUnixNano').length;
      const value = values.length > 0 ? values.reduce((sum, one) => sum + one, 0) : times;
      return { stack: numberAt(sample, 'stackIndex'), value, times };
    }),
  };
}

/** The first location of a stack is its top, the first line of a location the innermost. */
function readDictionary(dictionary: unknown, tables: ProfileTables): void {
  tables.strings = listAt(dictionary, 'stringTable').map((text) =>
    typeof text === 'string' ? text : '',
  );
  for (const one of listAt(dictionary, 'functionTable')) {
    tables.functions.push({
      name: numberAt(one, 'nameStrindex'),
      file: numberAt(one, 'filenameStrindex'),
    });
  }
  for (const location of listAt(dictionary, 'locationTable')) {
    const [line] = listAt(location, 'lines');
    tables.locations.push({
      function: line === undefined ? -1 : numberAt(line, 'functionIndex'),
      line: numberAt(line, 'line'),
    });
  }
  for (const stack of listAt(dictionary, 'stackTable')) {
    const [top] = listAt(stack, 'locationIndices');
    tables.stacks.push(top === undefined ? -1 : toNumber(top));
  }
}

function objectAt(owner: unknown, key: string): unknown {
  // Any object can be asked for any key; what it answers stays unknown.
  return typeof owner === 'object' && owner !== null
    ? (owner as Readonly<Record<string, unknown>>)[key]
    : undefined;
}

function listAt(owner: unknown, key: string): readonly unknown[] {
  const list = objectAt(owner, key);
  return Array.isArray(list) ? list : [];
}

function textAt(owner: unknown, key: string): string {
  const text = objectAt(owner, key);
  return typeof text === 'string' ? text : '';
}

function numberAt(owner: unknown, key: string): number {
  return toNumber(objectAt(owner, key));
}

/** 64-bit numbers are texts in OTLP/JSON. */
function toNumber(value: unknown): number {
  const number = typeof value === 'string' || typeof value === 'number' ? Number(value) : 0;
  return Number.isFinite(number) ? number : 0;
}
