/** What both encodings of profiles are read into: the tables of a request, as numbers into one another. */

/** Place 0 of a table is usually an empty entry. */
export interface ProfileTables {
  strings: string[];
  /** Places of name and file in the strings. */
  readonly functions: { readonly name: number; readonly file: number }[];
  /** What runs at each location, function −1 for unknown; of functions inlined into one another the innermost. */
  readonly locations: { readonly function: number; readonly line: number }[];
  /** Location at the top of each stack. */
  readonly stacks: number[];
  readonly profiles: ProfileDraft[];
}

export interface ProfileDraft {
  readonly service: string;
  /** Places in the strings. */
  type: number;
  unit: number;
  periodType: number;
  periodUnit: number;
  /** Of the sampled events between two samples, in its unit. */
  period: number;
  timeUs: number;
  durationUs: number;
  readonly samples: { readonly stack: number; readonly value: number; readonly times: number }[];
}

export function emptyTables(): ProfileTables {
  return { strings: [], functions: [], locations: [], stacks: [], profiles: [] };
}
