/**
 * The bench: workloads that any OTLP receiver can be measured with. A ring of distinct encoded requests is made once;
 * each send takes the next free one with new ids and the current time. It does no I/O.
 */
import { AppError } from '../base/errors.ts';
import type { RowSignal } from '../model/vocabulary.ts';
import { type EncodedBody, Freshener } from './body.ts';
import { draftCozeTraces } from './coze-traces.ts';
import type { RequestDraft } from './draft.ts';
import { compressBody, type GzipBody } from './gzip-body.ts';
import { draftJaegerTraces } from './jaeger-traces.ts';
import { encodeJson } from './json-body.ts';
import { draftLogLines } from './log-lines.ts';
import { draftMetricPoints } from './metric-points.ts';
import { encodeProtobuf } from './protobuf-body.ts';
import { Random } from './random.ts';

export { readRejectedCount } from './reply.ts';

export type Encoding = 'protobuf' | 'json';

export const WORKLOADS = ['a', 'b', 'logs', 'metrics'] as const;
export type Workload = (typeof WORKLOADS)[number];

export const SIGNAL_OF_WORKLOAD: Readonly<Record<Workload, RowSignal>> = {
  a: 'traces',
  b: 'traces',
  logs: 'logs',
  metrics: 'metrics',
};

/** Distinct bodies: four full blocks of 8192 spans pass before one comes again. */
export const RING_BODIES = 64;

export interface RingOptions {
  readonly workload: Workload;
  readonly encoding: Encoding;
  /** Items of a request; whole traces only, so it may become a little less. */
  readonly batchCount: number;
  /** Of what the requests say. */
  readonly seed: number;
  /** Of the ids: a receiver that is measured twice must not see them twice. */
  readonly idSeed: number;
  readonly bodyCount: number;
  readonly isGzip: boolean;
  readonly nowUs: () => number;
}

/** The n-th request of a workload, without ids and times. */
export function draftRequest(
  workload: Workload,
  options: { readonly random: Random; readonly batchCount: number; readonly requestIndex: number },
): RequestDraft {
  const { random, batchCount, requestIndex } = options;
  switch (workload) {
    case 'a':
      return draftCozeTraces(random, { spanCount: batchCount });
    case 'b':
      return draftJaegerTraces(random, { spanCount: batchCount });
    case 'logs':
      return draftLogLines(random, { recordCount: batchCount });
    default:
      return draftMetricPoints(random, { pointCount: batchCount, requestIndex });
  }
}

/** A request as it goes over the wire. */
export interface RingBody {
  readonly bytes: Buffer;
  readonly itemCount: number;
}

interface KeptBody extends RingBody {
  readonly encoded: EncodedBody;
  readonly gzip: GzipBody | undefined;
}

/** Bodies on loan: one that is being sent is not touched until it is given back. */
export class BodyRing {
  /** Before compression. */
  readonly bytesPerItem: number;
  readonly #encoding: Encoding;
  readonly #freshener: Freshener;
  readonly #free: KeptBody[];
  readonly #lent = new Set<KeptBody>();

  constructor(options: RingOptions) {
    const { workload, encoding, batchCount, seed, bodyCount } = options;
    const random = new Random(seed);
    const encode = encoding === 'json' ? encodeJson : encodeProtobuf;
    this.#encoding = encoding;
    this.#freshener = new Freshener({ seed: options.idSeed, nowUs: options.nowUs });
    this.#free = Array.from({ length: bodyCount }, (_, requestIndex) => {
      const encoded = encode(draftRequest(workload, { random, batchCount, requestIndex }));
      const gzip = options.isGzip ? compressBody(encoded, encoding) : undefined;
      const bytes = gzip?.bytes ?? encoded.bytes;
      return { bytes, itemCount: encoded.itemCount, encoded, gzip };
    });
    const sizeBytes = this.#free.reduce((sum, { encoded }) => sum + encoded.bytes.length, 0);
    const itemCount = this.#free.reduce((sum, body) => sum + body.itemCount, 0);
    this.bytesPerItem = sizeBytes / itemCount;
  }

  /** The body that was given back longest ago, as a request that was never sent before. */
  take(): RingBody {
    const body = this.#free.shift();
    if (!body) throw new AppError('internal', 'Cannot take a body: all of the ring are on loan');
    this.#freshener.freshen(body.encoded, this.#encoding);
    body.gzip?.refresh();
    this.#lent.add(body);
    return body;
  }

  giveBack(body: RingBody): void {
    const lent = [...this.#lent].find((candidate) => candidate === body);
    if (!lent) throw new AppError('internal', 'Cannot take a body back that is not on loan');
    this.#lent.delete(lent);
    this.#free.push(lent);
  }
}
