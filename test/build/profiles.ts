/** Requests of profiles for tests, as senders write them, and profiles as the analysis reads them. */
import type { Profile } from '../../src/model/profiles.ts';

export interface ProfileLiteral {
  readonly service: string;
  readonly type?: string;
  readonly unit?: string;
  readonly fromUs: number;
  readonly durationUs?: number;
  /** Values by function at the top of the stack. */
  readonly self: Readonly<Record<string, number>>;
}

/** What a profile takes for its unit: CPU time is sampled every 10 ms. */
const PERIOD_NS = 10_000_000;

/** An ExportProfilesServiceRequest in OTLP/JSON; every function is called by `main`. */
export function profilesRequest(literals: readonly ProfileLiteral[]) {
  const strings = [''];
  const place = (text: string): number => {
    if (!strings.includes(text)) strings.push(text);
    return strings.indexOf(text);
  };
  const names = ['main', ...new Set(literals.flatMap(({ self }) => Object.keys(self)))];
  const functionTable = [{}, ...names.map((name) => functionOf(name, place))];
  const locationTable = [
    {},
    ...names.map((_, index) => ({
      lines: [{ functionIndex: index + 1, line: String(10 + index) }],
    })),
  ];
  const stackTable = [{}, ...names.map((_, index) => ({ locationIndices: [index + 1, 1] }))];
  const resourceProfiles = literals.map((literal) => {
    const { type = 'cpu', unit = 'nanoseconds', durationUs = 10_000_000 } = literal;
    const valueType = { typeStrindex: place(type), unitStrindex: place(unit) };
    const isTime = unit === 'nanoseconds';
    const profile = {
      sampleType: valueType,
      ...(isTime ? { periodType: valueType, period: String(PERIOD_NS) } : {}),
      timeUnixNano: `${literal.fromUs}000`,
      durationNano: `${durationUs}000`,
      samples: Object.entries(literal.self).map(([name, value]) => ({
        stackIndex: names.indexOf(name) + 1,
        values: [String(value * (isTime ? PERIOD_NS : 1))],
      })),
    };
    const attributes = [{ key: 'service.name', value: { stringValue: literal.service } }];
    return { resource: { attributes }, scopeProfiles: [{ profiles: [profile] }] };
  });
  return {
    resourceProfiles,
    dictionary: { stringTable: strings, functionTable, locationTable, stackTable },
  };
}

function functionOf(name: string, place: (text: string) => number): object {
  return { nameStrindex: place(name), filenameStrindex: place(`${name}.ts`) };
}

/** As it is read again. */
export function profileOf(literal: ProfileLiteral): Profile {
  const { service, type = 'cpu', unit = 'nanoseconds', fromUs, durationUs = 10_000_000 } = literal;
  const perSample = unit === 'nanoseconds' ? PERIOD_NS : 1;
  return {
    ...{ service, type, unit, fromUs, durationUs },
    periodType: unit === 'nanoseconds' ? type : '',
    functions: Object.entries(literal.self).map(([name, count], index) => ({
      name,
      file: `${name}.ts`,
      line: 11 + index,
      count,
      value: count * perSample,
    })),
  };
}
