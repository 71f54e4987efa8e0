/** Profiles as they are kept: the body of one request, unread but for what finds it again. */

export interface RawProfiles {
  readonly receivedUs: number;
  /** Profiles in the body, at least one. */
  readonly count: number;
  /** Distinct service names of the resources, as far as they stand there as plain text. */
  readonly services: readonly string[];
  readonly encoding: 'protobuf' | 'json';
  /** An ExportProfilesServiceRequest, inflated, byte for byte as sent. */
  readonly body: Uint8Array;
}
