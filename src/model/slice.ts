/** Parts of a service's or endpoint's requests. */

/** What a slice of an endpoint is cut by. */
export const SLICE_DIMENSIONS = ['bot', 'stage', 'version', 'channel'] as const;
export type SliceDimension = (typeof SLICE_DIMENSIONS)[number];

/** A part of a service's or endpoint's requests: one bot, one channel. */
export interface Slice {
  readonly dimension: SliceDimension;
  readonly value: string;
}
