/** Profiles: as they are kept, the body of one request, and as the analysis looks at them. */

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

/** One profile of one service: what its functions did themselves. */
export interface Profile {
  readonly service: string;
  /** Of the samples, as sent: `cpu`, `alloc_space`, `samples`. */
  readonly type: string;
  /** Of the events that were sampled, as sent. */
  readonly periodType: string;
  readonly unit: string;
  readonly fromUs: number;
  /** 0: a picture of one moment. */
  readonly durationUs: number;
  readonly functions: readonly ProfiledFunction[];
}

export interface ProfiledFunction {
  /** Empty: not known. */
  readonly name: string;
  readonly file: string;
  readonly line: number;
  /** Samples with the function at the top of the stack. */
  readonly count: number;
  /** Sum over these samples, in the profile's unit. */
  readonly value: number;
}
