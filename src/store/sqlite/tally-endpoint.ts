/**
 * Endpoints in the table `endpoints` of a day. A slice of one is a row too: what it is a part of stands in the column of
 * its operation as JSON, and only the slices of a tally blob name it.
 */

import { SLICE_DIMENSIONS, type SliceDimension } from '../../model/slice.ts';
import { type Endpoint, TALLY_MEASURES, type TallyMeasure } from '../../model/tally.ts';
import { STAGES } from '../../model/vocabulary.ts';

export interface EndpointRow {
  readonly endpoint_key: number;
  readonly endpoint_id: string;
  readonly service: string;
  readonly operation: string;
  readonly stage: number;
}

/** What the column `operation` says of an endpoint. */
export function operationColumnOf({ operation, slice, measure }: Endpoint): string {
  if (slice === undefined) return operation;
  const parts = [operation, slice.dimension, slice.value];
  return JSON.stringify(measure === undefined ? parts : [...parts, measure]);
}

export function endpointOf(row: EndpointRow): Endpoint {
  const { endpoint_id: endpointId, service, operation } = row;
  return { endpointId, service, operation, stage: STAGES[row.stage] ?? 'other' };
}

/** Throws a RangeError when the row is none of a slice. */
export function sliceEndpointOf(row: EndpointRow): Endpoint {
  const { operation, dimension, value, measure } = parseParts(row.operation);
  return {
    ...endpointOf(row),
    operation,
    slice: { dimension, value },
    ...(measure !== undefined && { measure }),
  };
}

interface SliceParts {
  readonly operation: string;
  readonly dimension: SliceDimension;
  readonly value: string;
  readonly measure: TallyMeasure | undefined;
}

function parseParts(text: string): SliceParts {
  const parts = tryParse(text);
  const [operation, dimensionName, value, measureName] = Array.isArray(parts) ? parts : [];
  const dimension = SLICE_DIMENSIONS.find((known) => known === dimensionName);
  const measure = TALLY_MEASURES.find((known) => known === measureName);
  if (typeof operation !== 'string' || typeof value !== 'string' || dimension === undefined) {
    throw new RangeError(`"${text.slice(0, 100)}" names no slice`);
  }
  return { operation, dimension, value, measure };
}

function tryParse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
